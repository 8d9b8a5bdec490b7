"""Updates in turn never lose; updates at once, or of one shared policy, can.

    J(π_{k+1}) ≥ J(π_k)        for HATRL at every k, whatever the constant, the order and the start (Theorem 9)

On random team games: HATRL with the printed C and with C*, all agents at once (``tabular.simultaneous``) and one policy
for all (``tabular.shared``), the last two with best replies. J is drawn as a share of the way from the start to the
optimum of ``tabular.solve_team``. Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024,
Theorem 9 of the preprint. The band is the bootstrap's around the interquartile mean over games.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import band, end_label, panels
from figures.seeds import Band, band_of
from figures.style import Style
from marlcore import policies
from marlcore.games import TeamGame
from tabular import hatrl, shared, simultaneous, solve_team

METHODS = {
    "HATRL, C*": "green",
    "HATRL, C": "blue",
    "at once": "orange",
    "one policy for all": "purple",
}
ROUND_OFF = 1e-12
"""A fall of J by less, relatively, is none."""


@dataclass(frozen=True)
class Data:
    """By method: the band of the progress, every run's progress, and where J fell."""

    iterations: np.ndarray
    bands: dict[str, Band]
    progress: dict[str, np.ndarray]
    """(iterations, games): (J − J₀)/(J* − J₀)."""
    falls: dict[str, np.ndarray]
    """(iterations − 1, games): whether J fell."""


def data(games: int = 16, iterations: int = 50, gamma: float = 0.6, seed: int = 0) -> Data:
    """Random games of 3 agents with 2 actions each and 3 states, from the uniform policy."""
    runs: dict[str, list[np.ndarray]] = {name: [] for name in METHODS}
    for k in range(games):
        game = TeamGame.random(3, (2, 2, 2), np.random.default_rng((seed, k)), discount=gamma)
        best = float(np.asarray(game.start) @ solve_team(game).V)
        for name, trace in _runs(game, iterations, k).items():
            J = np.asarray(trace.returns)[:, 0]
            runs[name].append((J - J[0]) / (best - J[0]))
    progress = {name: np.array(found).T for name, found in runs.items()}
    falls = {name: np.diff(p, axis=0) < -ROUND_OFF * np.abs(p[1:]).clip(1) for name, p in progress.items()}
    return Data(np.arange(iterations + 1), {name: band_of(p) for name, p in progress.items()}, progress, falls)


def _runs(game: TeamGame, iterations: int, seed: int) -> dict[str, Any]:
    start = policies.uniform(game)
    return {
        "HATRL, C*": hatrl(game, start, iterations, "sharp", rng=seed),
        "HATRL, C": hatrl(game, start, iterations, "paper", rng=seed),
        "at once": simultaneous(game, start, iterations),
        "one policy for all": shared(game, start, iterations),
    }


def draw(data: Data, style: Style) -> Canvas:
    """Progress with bands, and for each method and iteration the games in which J fell."""
    canvas, (top, bottom) = panels(style, 2, across=1, height=5.0, sharex=True, height_ratios=(2.4, 1))
    for name, hue in METHODS.items():
        found = data.bands[name]
        band(top, style, data.iterations, found.low, found.estimate, found.high, style[hue])
        end_label(top, style, float(found.estimate[-1]), name, style[hue])
    top.set(ylabel="(J − J₀)/(J* − J₀), progress", ylim=(-0.02, 1.02), yticks=(0, 0.5, 1))
    top.set_yticks((0, 0.5, 1), ["start", "½", "optimum"])
    for row, (name, hue) in enumerate(METHODS.items()):
        fallen = data.falls[name].mean(1)
        k = data.iterations[1:]
        bottom.scatter(k, np.full(len(k), -row), s=(1.3 * style.marker) ** 2 * fallen, color=style[hue], linewidth=0)
        total = int(data.falls[name].sum())
        end_label(bottom, style, -row, f"{total} falls" if total else "no fall", style[hue])
    bottom.set(xlabel="k, iterations", ylim=(-len(METHODS) + 0.4, 0.6), yticks=[])
    bottom.set_ylabel("falls of J")
    bottom.grid(axis="x", visible=False)
    return canvas


FIGURE = Figure(
    name="monotone_improvement",
    title="Agents that update in turn never lose; those that update at once, or share one policy, do",
    claims=("harl/theorem_9/monotone", "harl/propositions_4_and_5/simultaneous_improves"),
    shows="HATRL with both constants against simultaneous and shared updates on random games, falls marked",
    alt=(
        "Above, progress towards the optimum over the iterations for four methods with bands over games: both kinds of "
        "HATRL only rise. Below, dots where the return fell in some of the games: none for HATRL, many for the agents "
        "that move at once and for those that share a policy."
    ),
    data=data,
    draw=draw,
)
