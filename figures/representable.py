"""What a sum or a monotone mixer of the agents' values can represent, beside what the team is paid.

    additive   min Σ (R(a, b) − f(a) − g(b))²                     (VDN)
    monotone   min Σ (R(a, b) − F(f(a), g(b)))², F rising in both (QMIX)

Sources: Sunehag et al., *Value-decomposition networks*, AAMAS 2018; Rashid et al., *QMIX*, ICML 2018; the games are
Claus & Boutilier's (AAAI 1998). The fits are the best there are (``marlcore.library.fits``), so what they miss, as a
share of ΣR², is missed by every network of the class. Each fit's best joint action is what its agents would play.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from figures.figure import Figure
from figures.parts import panels
from figures.style import Style
from marlcore import library
from marlcore.games import MatrixGame
from marlcore.library.fits import additive_fit, monotone_fit


@dataclass(frozen=True)
class Fits:
    """A team's payoffs (A, B), their best fits, and the squared error of each."""

    payoffs: np.ndarray
    monotone: np.ndarray
    additive: np.ndarray
    errors: tuple[float, float]


@dataclass(frozen=True)
class Data:
    """The fits by game."""

    games: dict[str, Fits]


def data(penalty: float = -30.0) -> Data:
    """The climbing game, and the penalty game for this ``penalty``."""
    games = {"climbing game": library.load("climbing"), "penalty game": library.load("penalty", k=penalty)}
    return Data({name: _fits(game.payoffs[0]) for name, game in games.items() if isinstance(game, MatrixGame)})


def _fits(table: np.ndarray) -> Fits:
    error, monotone = monotone_fit(table)
    additive = additive_fit(table)
    return Fits(table, monotone, additive, (float(error), float(((table - additive) ** 2).sum())))


def draw(data: Data, style: Style) -> Canvas:
    """Three tables for each game; a dotted frame on the optimum, a gold one on what the fit's agents play."""
    canvas, axes = panels(style, 3 * len(data.games), across=3, height=4.9)
    rows = np.array(axes, dtype=object).reshape(-1, 3) if style.wide else np.array(axes, dtype=object).reshape(3, -1).T
    for row, (name, fits) in zip(rows, data.games.items(), strict=True):
        table = fits.payoffs
        norm = TwoSlopeNorm(0, -np.abs(table).max(), np.abs(table).max())
        for ax, values, title, error in zip(
            row,
            (table, fits.monotone, fits.additive),
            (name, "monotone fit", "additive fit"),
            (None, *fits.errors),
            strict=True,
        ):
            ax.imshow(values, cmap=style.signed, norm=norm, aspect="auto")
            played = None if error is None else np.unravel_index(values.argmax(), values.shape)
            _entries(ax, style, values, np.argwhere(table == table.max()), played)
            said = "dotted: best"
            if played is not None and error is not None:
                said = f"gold: played, {table[played]:g}"
                title = f"{title}, misses {error / (table**2).sum():.0%}"
            ax.set_title(title, size=style.small)
            ax.set_xlabel(f"a², agent 2; {said}", size=style.small)
        row[0].set_ylabel("a¹, agent 1", size=style.small)
    return canvas


def _entries(ax: Axes, style: Style, values: np.ndarray, optimum: np.ndarray, played: Any) -> None:
    strongest = np.abs(values).max()
    for (a, b), value in np.ndenumerate(values):
        deep = abs(value) > 0.55 * strongest and abs(value) > 12
        colour = style["paper"] if deep else style["ink"]
        ax.text(b, a, f"{round(value, 1):g}", ha="center", va="center", color=colour, size=style.small)
    for a, b in optimum:
        box = {"fill": False, "edgecolor": style["ink"], "linewidth": style.line, "linestyle": (0, (1.5, 1))}
        ax.add_patch(Rectangle((b - 0.46, a - 0.46), 0.92, 0.92, **box))
    if played is not None:
        a, b = played
        box = {"fill": False, "edgecolor": style["gold"], "linewidth": 1.6 * style.line}
        ax.add_patch(Rectangle((b - 0.37, a - 0.37), 0.74, 0.74, **box))
    ax.set(xticks=range(values.shape[1]), yticks=range(values.shape[0]))
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


FIGURE = Figure(
    name="representable",
    title="Even the best values that QMIX and VDN can represent send the team away from its optimum",
    claims=("markov/igm/additive_finds_optimum", "markov/igm/local_maxima_are_joint"),
    shows="climbing and penalty payoffs beside their best monotone and additive fits",
    alt=(
        "Two rows of three tables. In the climbing game the optimum 11 lies at (0, 0); the best monotone fit and the "
        "best additive fit both prefer (2, 2), where the team is paid 5. In the penalty game with two optima of 10 "
        "both fits prefer the middle, where it is paid 2."
    ),
    data=data,
    draw=draw,
)
