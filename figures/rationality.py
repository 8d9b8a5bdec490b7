"""What a learner earns against an opponent that plays badly and never changes.

    rational: against others that stand still π converges to a best response (Bowling & Veloso's criterion)

Minimax-Q (Littman, ICML 1994) learns the equilibrium policy, safe against everybody and a best response to few.
WoLF-PHC (Bowling & Veloso, 2002) sees a fixed environment here, and learns its optimum. Payoffs are
exact: J_1 of the learner's policy and the opponent's at that step, as is the best response's (``marlcore.responses``).
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
from marlcore import library
from marlcore.games import MarkovGame, MatrixGame
from marlcore.responses import best_response
from marlcore.values import evaluate
from tabular import shapley, solve_zero_sum
from tabular.learners import minimax_q, wolf_phc
from tabular.learners.schedules import Visits

LEARNERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "WoLF-PHC": (wolf_phc, {"delta_win": 1e-3, "delta_lose": 4e-3}),
    "Minimax-Q": (minimax_q, {"alpha": Visits(1, 10, 0.8), "epsilon": 0.2}),
}
HUES = {"WoLF-PHC": "blue", "Minimax-Q": "orange"}
SEEDS = 6
RECORDS = 40


@dataclass(frozen=True)
class Case:
    """One opponent: payoffs by learner, what a best response earns, and what the equilibrium policy does."""

    opponent: str
    steps: np.ndarray
    payoffs: dict[str, Band]
    best: float
    equilibrium: float
    value: float
    """What the equilibrium policy guarantees against everybody."""


@dataclass(frozen=True)
class Data:
    """The two opponents."""

    cases: tuple[Case, ...]


def data(rock: float = 0.6, steps: int = 100_000) -> Data:
    """An opponent that plays rock too often, and one that walks at random on a soccer pitch of 2×4 cells."""
    rps, soccer = library.load("rock_paper_scissors"), library.load("soccer", rows=2, columns=4)
    assert isinstance(rps, MatrixGame)
    assert isinstance(soccer, MarkovGame)
    often = np.array([rock, (1 - rock) / 2, (1 - rock) / 2])
    equilibrium = shapley(soccer)
    walk = np.full((soccer.S, 5), 1 / 5)
    value = float(equilibrium.V @ soccer.start)
    return Data(
        (
            _case("rock-paper-scissors,\nrock too often", rps, solve_zero_sum(rps).row, often, 0.0, steps // 10),
            _case("soccer on 2×4 cells,\na random walk", soccer, equilibrium.policies[0], walk, value, steps),
        )
    )


def _case(opponent: str, game: Any, safe: np.ndarray, table: np.ndarray, value: float, steps: int) -> Case:
    empty = np.full_like(table, 1 / table.shape[-1])
    best = float(best_response(game, (empty, table), 0).J)
    paid = evaluate(game, (safe, table)).J
    payoffs, at = {}, np.zeros(0)
    for name, (learner, own) in LEARNERS.items():
        trace = learner(game, steps, SEEDS, fixed={1: table}, record_every=max(steps // RECORDS, 1), **own)
        payoffs[name], at = band_of(trace.payoffs[:, :, 0]), trace.steps
    return Case(opponent, at, payoffs, best, float(paid[0]), value)


def draw(data: Data, style: Style) -> Canvas:
    """A panel for each opponent."""
    canvas, axes = panels(style, len(data.cases), height=3.6)
    for ax, case in zip(axes, data.cases, strict=True):
        room = 0.04 * case.best
        for level, name, dash in ((case.best, "best response", "--"), (case.equilibrium, "equilibrium", ":")):
            ax.axhline(level, color=style["grey"], linewidth=0.8 * style.line, linestyle=dash)
            where = {"ha": "right", "size": style.small, "color": style["grey"]}
            ax.text(case.steps[-1], level + room, name, va="bottom", **where)
        for name, found in case.payoffs.items():
            band(ax, style, case.steps, found.low, found.estimate, found.high, style[HUES[name]])
            end_label(ax, style, float(found.estimate[-1]), name, style[HUES[name]])
        ax.set(xlabel="t, steps", ylabel="J¹, what the learner earns", ylim=(None, case.best * 1.22))
        ticks = [0, case.steps[-1] // 2, case.steps[-1]]
        ax.set_xticks(ticks, [f"{t:,}".replace(",", " ") for t in ticks])
        ax.set_title(case.opponent)
    return canvas


FIGURE = Figure(
    name="rationality",
    title="Minimax-Q plays safe even against a weak opponent; WoLF-PHC learns to exploit it",
    claims=("markov/shapley/equilibrium_is_rational", "markov/shapley/equilibrium_is_safe"),
    shows="what Minimax-Q and WoLF-PHC earn from a weak opponent that stands still",
    alt=(
        "Two panels, payoff against steps with bands over six seeds. WoLF-PHC climbs to the dashed line of the best "
        "response, against an opponent that plays rock too often and against a random walk on a soccer pitch. "
        "Minimax-Q stays at or below the dotted line of the equilibrium policy's payoff, far below."
    ),
    data=data,
    draw=draw,
)
