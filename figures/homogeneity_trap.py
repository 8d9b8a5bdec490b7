"""The trap of homogeneity: one policy for all agents keeps 2/2ⁿ of what the team can have.

    r = 1 exactly at (0^{n/2}, 1^{n/2}) and (1^{n/2}, 0^{n/2}), else 0:    J*_share / J* = 2·2⁻ⁿ, at π(0) = ½

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Proposition 4 of the preprint. The points
are what ``tabular.shared_optimum`` finds, a global maximum with a certificate. A policy that also sees which agent it
acts for is as good as one policy each: its optimum is the team's own (``tabular.team_optimum``), a ratio of 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import end_label, panels
from figures.style import Style
from marlcore import library
from marlcore.errors import InputError
from tabular import shared_optimum, team_optimum


@dataclass(frozen=True)
class Data:
    """Ratios to J* for every number of agents."""

    agents: np.ndarray
    closed_form: np.ndarray
    """2·2⁻ⁿ."""
    shared: np.ndarray
    """What the solver finds without ids."""
    certified: np.ndarray
    """No shared policy has more."""
    with_ids: np.ndarray


def data(largest: int = 12) -> Data:
    """Teams of 2, 4, … up to ``largest`` agents (at most 12)."""
    if not 2 <= largest <= 12:
        raise InputError(f"largest must be from 2 to 12, not {largest}")
    agents = np.arange(2, largest + 1, 2)
    games = [library.load("trap_of_homogeneity", n=int(n)).convert("float") for n in agents]
    best = np.array([float(team_optimum(game).value) for game in games])
    # with an id the table has a row for each agent: the joint action that is best for the team is one of its policies
    own = [team_optimum(game).actions[0] for game in games]
    with_ids = np.array([float(game.payoffs[0][tuple(a)]) for game, a in zip(games, own, strict=True)])
    found = [shared_optimum(game) for game in games]
    shared, bound = (np.array([getattr(f, name) for f in found]) for name in ("value", "bound"))
    return Data(agents, 2.0 * 0.5**agents, shared / best, bound / best, with_ids / best)


def draw(data: Data, style: Style) -> Canvas:
    """The closed form as a line, the solver as rings on it, both on a logarithmic scale."""
    canvas, (ax,) = panels(style)
    n = data.agents
    ax.plot(n, data.with_ids, "s-", color=style["blue"])
    ax.plot(n, data.closed_form, color=style["orange"])
    ax.plot(n, data.shared, "o", color=style["orange"], markerfacecolor=style["paper"], markeredgewidth=style.line)
    ax.set_yscale("log", base=2)
    ax.set(xlabel="n, the number of agents", ylabel="J*$_\\mathrm{share}$ / J*, share of the team's optimum", xticks=n)
    ticks = 2.0 ** -np.arange(0, int(n[-1]), 2)
    ax.set_yticks(ticks, ["1", *(f"1/{int(1 / t)}" for t in ticks[1:])])
    ax.set_ylim(data.closed_form[-1] / 1.6, 2.2)
    end_label(ax, style, data.with_ids[-1], "one policy that\nsees an agent id", style["blue"])
    end_label(ax, style, data.closed_form[-1], "one policy for all:\n2/2ⁿ, and the\nsolver's (rings)", style["orange"])
    return canvas


FIGURE = Figure(
    name="homogeneity_trap",
    title="Agents that share one policy keep 2/2ⁿ of what the team can have, unless each knows which agent it is",
    claims=(
        "harl/propositions_4_and_5/one_policy",
        "harl/propositions_4_and_5/one_policy_attained",
        "harl/propositions_4_and_5/shrinks",
    ),
    shows="the best shared policy against the number of agents, with and without ids",
    alt=(
        "Share of the optimum against the number of agents on a logarithmic scale. Without ids it falls by a factor of "
        "four for every two agents, the solver's points on the closed form 2/2ⁿ; with ids it stays at one."
    ),
    data=data,
    draw=draw,
)
