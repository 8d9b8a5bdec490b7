"""What each position of Littman's soccer is worth to A, with the ball and without it.

    V(s) = max_x min_b Σ_a x(a) [r(s, a, b) + γ E V(s')]           (Shapley's equation; A maximises)

Source: Littman, *Markov games as a framework for multi-agent reinforcement learning*, ICML 1994, Section 5.1; the rules
are those of ``marlcore.library.soccer``. Values are ``tabular.shapley``'s, with its certified error. B stands still in
the drawing, at its kick-off unless the parameters say otherwise, and A is put on every other cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Circle, Rectangle

from figures.figure import Figure
from figures.parts import colour_bar, outlined, panels
from figures.style import Style
from marlcore import library
from marlcore.errors import InputError
from marlcore.games import MarkovGame
from marlcore.library.soccer import state_of
from tabular import shapley

ROWS, COLUMNS = 4, 5
KICK_OFF = (1, 1)
"""Where A stands when play begins."""


@dataclass(frozen=True)
class Data:
    """V by A's cell, (rows, columns), NaN where B stands; the value of every state, and how certain it is."""

    b: tuple[int, int]
    with_ball: np.ndarray
    without: np.ndarray
    all_with_ball: np.ndarray
    """A's value at every position of both, (380,), with A owning the ball."""
    all_without: np.ndarray
    error: float


def data(b_row: int = 2, b_column: int = 3) -> Data:
    """B at this cell, rows from the north, columns from A's goal line to B's."""
    if not (0 <= b_row < ROWS and 0 <= b_column < COLUMNS):
        raise InputError(f"b_row and b_column must be in the 4×5 grid, not {b_row}, {b_column}")
    game = library.load("soccer")
    assert isinstance(game, MarkovGame)
    solution = shapley(game)
    pitches = np.full((2, ROWS, COLUMNS), np.nan)
    for ball in (0, 1):
        for cell in np.ndindex(ROWS, COLUMNS):
            if cell != (b_row, b_column):
                pitches[(ball, *cell)] = solution.V[state_of(cell, (b_row, b_column), ball)]
    return Data((b_row, b_column), pitches[0], pitches[1], solution.V[0::2], solution.V[1::2], solution.error)


def draw(data: Data, style: Style) -> Canvas:
    """Two pitches: A's value by the cell it stands on."""
    canvas, axes = panels(style, 2, height=3.4)
    image = None
    for ax, values, title in zip(
        axes, (data.with_ball, data.without), ("A has the ball", "B has the ball"), strict=True
    ):
        image = ax.imshow(values, cmap=style.signed, vmin=-1, vmax=1)
        _pitch(ax, style)
        for (row, column), value in np.ndenumerate(values):
            if not np.isnan(value):
                colour = style["paper"] if abs(value) > 0.65 else style["ink"]
                ax.text(column, row, f"{value:+.2f}", ha="center", va="center", size=style.small, color=colour)
        _player(ax, style, data.b, "B", title.startswith("B"))
        ax.set_title(title)
        ring = {"fill": False, "edgecolor": style["ink"], "linewidth": style.line, "linestyle": (0, (1.5, 1))}
        ax.add_patch(Rectangle((KICK_OFF[1] - 0.46, KICK_OFF[0] - 0.46), 0.92, 0.92, **ring))
        ax.set_xlabel("the cell A stands on; dotted: its kick-off", size=style.small)
    bar = colour_bar(canvas, style, image, axes[-1], "V, what A can expect")
    bar.set_ticks([-1, 0, 1], labels=["−1", "0", "+1"])
    return canvas


def _pitch(ax: Axes, style: Style) -> None:
    """Cells and the two goals: A scores in the east, B in the west."""
    for row in range(ROWS):
        for column in range(COLUMNS):
            ax.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=style["paper"], linewidth=style.line)
            )
    for left, owner in ((COLUMNS - 0.5, "A"), (-0.95, "B")):
        goal = {"facecolor": style["faint"], "edgecolor": style["grey"], "linewidth": 0.4 * style.line}
        ax.add_patch(Rectangle((left, 0.5), 0.45, 2, clip_on=False, **goal))
        ax.text(left + 0.225, 1.5, f"{owner} scores", rotation=90, ha="center", va="center", size=style.small)
    ax.set(xlim=(-1.0, COLUMNS), ylim=(ROWS - 0.5, -0.5), xticks=(), yticks=())
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _player(ax: Axes, style: Style, cell: tuple[int, int], name: str, ball: bool) -> None:
    row, column = cell
    ax.add_patch(Circle((column, row), 0.34, facecolor=style["orange"], edgecolor=style["ink"], linewidth=0))
    label = ax.text(column, row, name, ha="center", va="center", weight="bold", color=style["paper"])
    outlined(label, style, 0)
    if ball:
        ax.add_patch(Circle((column + 0.3, row + 0.3), 0.12, facecolor=style["gold"], edgecolor=style["ink"]))


FIGURE = Figure(
    name="soccer",
    title="In soccer the ball counts for more than the place: with it any place is worth more than 0, without it less",
    claims=("markov/shapley/contracts", "markov/shapley/equilibrium_is_safe", "markov/learners/minimax_q_converges"),
    shows="the value of each position of Littman's soccer as two pitches, with the ball and without",
    alt=(
        "Two pitches of four by five cells, coloured by A's value for each cell that it can stand on while B stands at "
        "its kick-off. With the ball every cell is positive, up to 1 in front of the goal; without it every cell is "
        "negative, down to minus 0.73 behind B."
    ),
    data=data,
    draw=draw,
)
