"""Six learning rules on three games, each as its paths through the square of two mixed strategies.

    IGA              ẋ ∝ own payoff's gradient                     Singh, Kearns & Mansour 2000
    WoLF-IGA         the same, slow when winning, fast when losing Bowling & Veloso 2002
    lagging anchor   the gradient and a pull towards the past      Dahl 2002
    replicator       ẋ_a = x_a(u_a − x·u)                          Taylor & Jonker 1978
    L_R-I, L_R-P     automata that see only their own rewards      Sastry, Phansalkar & Thathachar 1994; Schwartz 2014

On matching pennies the gradient and the replicator circle, WoLF and the anchor spiral in; with sampled rewards L_R-I is
absorbed at corners and L_R-P stays about the middle. On the coordination game and the prisoner's dilemma all but L_R-P,
which never stops exploring, end at pure equilibria. Payoffs are scaled to [0, 1]; the paths are those of
``tabular.learners``, from the same starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure, Film
from figures.parts import panels, paths
from figures.style import Style
from marlcore.games import MatrixGame
from tabular import nash_equilibria
from tabular.learners import (
    gradient_ascent,
    lagging_anchor,
    linear_reward_inaction,
    linear_reward_penalty,
    replicator,
    wolf_iga,
)

GAMES = {
    "pennies": (((1.0, 0.0), (0.0, 1.0)), ((0.0, 1.0), (1.0, 0.0))),
    "coordination": (((1.0, 0.0), (0.0, 0.6)), ((1.0, 0.0), (0.0, 0.6))),
    "dilemma": (((0.6, 0.0), (1.0, 0.2)), ((0.6, 1.0), (0.0, 0.2))),
}
"""Payoffs of both players, between 0 and 1; in the dilemma action 1 is to defect."""
RULES: dict[str, tuple[Callable[..., Any], dict[str, Any], int]] = {
    "IGA": (gradient_ascent, {"eta": 0.005}, 4000),
    "WoLF-IGA": (wolf_iga, {"eta_min": 0.001, "eta_max": 0.004}, 6000),
    "lagging\nanchor": (lagging_anchor, {"eta": 0.005, "eta_d": 0.5}, 4000),
    "replicator": (replicator, {"eta": 0.02}, 2000),
    "L$_\\mathrm{R{-}I}$": (linear_reward_inaction, {"eta": 0.004}, 12000),
    "L$_\\mathrm{R{-}P}$": (linear_reward_penalty, {"eta_reward": 0.004, "eta_penalty": 0.0004}, 12000),
}


@dataclass(frozen=True)
class Data:
    """Paths by game and rule, and the games' equilibria."""

    paths: dict[str, dict[str, np.ndarray]]
    """(records, starts, 2): both players' probability of their first action."""
    equilibria: dict[str, np.ndarray]
    """(count, 2)."""
    interior: dict[str, np.ndarray]


def data(starts: int = 5, records: int = 150, seed: int = 0) -> Data:
    """``starts`` points on a ring about the middle, each recorded so often."""
    turn = 2 * np.pi * (np.arange(starts) + 0.35) / starts
    places = 0.5 + 0.38 * np.column_stack([np.cos(turn), np.sin(turn)])
    found: dict[str, dict[str, np.ndarray]] = {}
    equilibria, interior = {}, {}
    for name, payoffs in GAMES.items():
        game = MatrixGame(np.asarray(payoffs))
        found[name] = {rule: _paths(game, rule, places, records, seed) for rule in RULES}
        profiles = np.array([[float(x[0]) for x in e] for e in nash_equilibria(game).profiles])
        equilibria[name] = profiles
        interior[name] = ((profiles > 0) & (profiles < 1)).all(1)
    return Data(found, equilibria, interior)


def _paths(game: MatrixGame, rule: str, places: np.ndarray, records: int, seed: int) -> np.ndarray:
    """(records, starts, 2): each start is a run of its own seed."""
    learner, rates, steps = RULES[rule]
    made = []
    for k, (p, q) in enumerate(places):
        start = (np.array([p, 1 - p]), np.array([q, 1 - q]))
        trace = learner(game, steps, [seed + k], initial=start, record_every=steps // records, **rates)
        made.append(np.stack([table[:, 0, 0, 0] for table in trace.policies], axis=-1))
    return np.stack(made, axis=1)


def draw(data: Data, style: Style) -> Canvas:
    """A square for each game and rule."""
    canvas, grid = _grid(style)
    for (game, rule), ax in grid.items():
        _square(ax, data, game, style)
        p, q = np.moveaxis(data.paths[game][rule], -1, 0)
        paths(ax, style, p, q, style["blue"])
    return canvas


def _grid(style: Style) -> tuple[Canvas, dict[tuple[str, str], Axes]]:
    """Games in rows and rules in columns; in a column of a paper the other way round."""
    games, rules = list(GAMES), list(RULES)
    rows, across = (games, rules) if style.wide else (rules, games)
    canvas, axes = panels(style, len(rows) * len(across), across=len(across), height=4.1, in_column=(len(across), 7.4))
    grid = {}
    for i, row in enumerate(rows):
        for k, column in enumerate(across):
            ax = axes[i * len(across) + k]
            if i == 0:
                ax.set_title(column, loc="center", size=style.small)
            if k == 0:
                ax.set_ylabel(row, size=style.small, weight="bold")
            game, rule = (row, column) if style.wide else (column, row)
            grid[game, rule] = ax
    last = axes[-len(across) + len(across) // 2]
    last.set_xlabel("across: p, player 1's probability of its first action; up: q, player 2's", size=style.small)
    return canvas, grid


def _square(ax: Axes, data: Data, game: str, style: Style) -> None:
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=[], yticks=[], aspect="equal")
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    for at, inside in zip(data.equilibria[game], data.interior[game], strict=True):
        face = style["paper"] if inside else style["orange"]
        ax.plot(
            *at,
            "D",
            color=style["orange"],
            markerfacecolor=face,
            markersize=0.75 * style.marker,
            markeredgewidth=0.5 * style.line,
            zorder=5,
            clip_on=False,
        )


def animate(data: Data, style: Style) -> Film:
    """The paths grow, all at the same pace."""
    canvas, grid = _grid(style)
    moving = []
    for (game, rule), ax in grid.items():
        _square(ax, data, game, style)
        whole = data.paths[game][rule]
        lines = ax.plot(
            np.full((2, whole.shape[1]), np.nan),
            np.full((2, whole.shape[1]), np.nan),
            color=style["blue"],
            linewidth=0.45 * style.line,
        )
        (dots,) = ax.plot([], [], "o", color=style["blue"], markersize=0.55 * style.marker)
        moving.append((whole, lines, dots))
    shares = np.linspace(0, 1, 60)

    def show(k: int) -> None:
        share = shares[min(k, len(shares) - 1)]
        for whole, lines, dots in moving:
            upto = max(1, round(share * len(whole)))
            for line, path in zip(lines, np.moveaxis(whole, 1, 0), strict=True):
                line.set_data(path[:upto, 0], path[:upto, 1])
            dots.set_data(whole[upto - 1, :, 0], whole[upto - 1, :, 1])

    return Film(canvas, show, frames=len(shares) + 10)


FIGURE = Figure(
    name="phase_portraits",
    title="Following the gradient circles around a mixed equilibrium; a variable pace or a memory spirals in",
    claims=(
        "matrix/gradient_ascent/iga_circles",
        "matrix/gradient_ascent/lagging_anchor",
        "matrix/linear_reward_inaction/replicator",
        "matrix/linear_reward_penalty/rests_at_equilibrium",
    ),
    shows="paths of six learning rules on matching pennies, a coordination game and the prisoner's dilemma",
    alt=(
        "Eighteen squares of two players' strategies: three games by six learning rules, with paths from five starts "
        "and the equilibria marked. On matching pennies gradient ascent and the replicator go round, WoLF and the "
        "lagging anchor spiral into the middle, the automata wander; on the other two games the paths end at corners."
    ),
    data=data,
    draw=draw,
    animate=animate,
)
