"""Solving a zero-sum matrix game is a linear programme: raise the floor that the opponent's best reply leaves.

    maximise v   subject to   Σ_i x_i R_ij ≥ v for every column j,  Σ_i x_i = 1,  x ≥ 0

Left: a game of two rows, where x is one number and every column a line; the floor is their lower envelope, and the
optimum its highest point. Right: rock-paper-scissors in which rock's win counts twice. There x is a point of a triangle
and each column is the best reply on a polygon of it: the polytope {(x, v)} seen from above. Source: von
Neumann 1928; the optima are those of ``tabular.solve_zero_sum``, certified.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import corner_title, end_label, on_triangle, outlined, panels, triangle
from figures.style import Style
from marlcore.errors import InputError
from tabular import solve_zero_sum

SQUARE = ((0.0, -1.0, 2.0), (1.0, 0.0, -1.0), (-2.0, 1.0, 0.0))
"""Rock-paper-scissors in which rock's win counts twice: the optimum is (1, 2, 1)/4, its value 0."""
ROWS = ((3.0, 0.0, 5.0, 1.6), (0.5, 4.0, -1.0, 1.5))


@dataclass(frozen=True)
class Data:
    """The two games, their floors on a grid, and their optima."""

    narrow: np.ndarray
    """(2, k)."""
    share: np.ndarray
    """x₁ from 0 to 1."""
    lines: np.ndarray
    """(grid, k): what each column leaves."""
    floor: np.ndarray
    value: float
    row: np.ndarray
    wide: np.ndarray
    """(3, 3)."""
    grid: np.ndarray
    wide_floor: np.ndarray
    reply: np.ndarray
    """The best reply at each point of the grid."""
    wide_value: float
    wide_row: np.ndarray


def data(
    rows: tuple[tuple[float, ...], ...] = ROWS, square: tuple[tuple[float, ...], ...] = SQUARE, resolution: int = 60
) -> Data:
    """``rows`` is the payoff of the left game, two rows; ``square`` that of the right one."""
    narrow = np.asarray(rows, dtype=float)
    if narrow.ndim != 2 or narrow.shape[0] != 2:
        raise InputError(f"rows must be two rows of equal length, not of shape {narrow.shape}")
    share = np.linspace(0, 1, 201)
    lines = share[:, None] * narrow[0] + (1 - share[:, None]) * narrow[1]
    solved = solve_zero_sum(narrow)
    wide = np.asarray(square, dtype=float)
    if wide.shape != (3, 3):
        raise InputError(f"square must be three rows of three, not of shape {wide.shape}")
    grid = np.array([(i, j, resolution - i - j) for i in range(resolution + 1) for j in range(resolution + 1 - i)])
    grid = grid / resolution
    left = grid @ wide
    found = solve_zero_sum(wide)
    return Data(
        narrow, share, lines, lines.min(1), float(solved.value), np.asarray(solved.row),
        wide, grid, left.min(1), left.argmin(1), float(found.value), np.asarray(found.row),
    )  # fmt: skip


def draw(data: Data, style: Style) -> Canvas:
    """The envelope of the columns' lines, and the polygons of the best replies."""
    canvas, (left, right) = panels(style, 2, width_ratios=(1.15, 1))
    _envelope(left, data, style)
    _polygons(right, data, style)
    return canvas


def _envelope(ax: Axes, data: Data, style: Style) -> None:
    for j in range(data.narrow.shape[1]):
        ax.plot(data.share, data.lines[:, j], color=style["grey"], linewidth=0.5 * style.line)
        end_label(ax, style, float(data.lines[-1, j]), f"column {j + 1}", style["grey"])
    low = data.lines.min()
    ax.fill_between(data.share, low - 1, data.floor, color=style["blue"], alpha=0.16, linewidth=0)
    ax.plot(data.share, data.floor, color=style["blue"])
    at = (float(data.row[0]), data.value)
    ax.plot(*at, "o", color=style["orange"], zorder=5)
    ax.plot([at[0], at[0]], [low - 1, at[1]], ":", color=style["orange"], linewidth=0.6 * style.line)
    text, offset = f"v = {data.value:.3g}\nat x₁ = {at[0]:.3g}", (-0.5 * style.type, -0.9 * style.type)
    place = {"xytext": offset, "textcoords": "offset points", "ha": "right", "va": "top"}
    ax.annotate(text, at, color=style["orange"], size=style.small, **place)
    floor = ax.text(
        0.97, 0.04, "what x is sure of", transform=ax.transAxes, ha="right", color=style["blue"], size=style.small
    )
    outlined(floor, style)
    ax.set(xlim=(0, 1), ylim=(low - 0.3, data.lines.max() + 0.3))
    ax.set_xticks((0, 0.5, 1), ["0", "½", "1"])
    ax.set(xlabel="x₁, probability of row 1", ylabel="Σᵢ xᵢRᵢⱼ, payoff to the row")
    ax.set_title(f"two rows, {data.narrow.shape[1]} columns")


def _polygons(ax: Axes, data: Data, style: Style) -> None:
    names = ["rock", "paper", "scissors"]
    x, y = on_triangle(data.grid)
    levels = np.linspace(data.wide_floor.min(), data.wide_value, 14)
    ax.tricontourf(x, y, data.wide_floor, levels=levels, cmap=style.rising, extend="max")
    triangle(ax, style, names)
    for j, name in enumerate(names):
        here = data.reply == j
        middle = on_triangle(data.grid[here].mean(0))
        text = ax.text(*middle, f"{name}\nreplies", ha="center", va="center", size=style.small)
        outlined(text, style)
    for a, b in ties(data.wide):
        ax.plot(*np.column_stack([on_triangle(a), on_triangle(b)]), color=style["paper"], linewidth=0.8 * style.line)
    at = on_triangle(data.wide_row)
    ax.plot(*at, "o", color=style["orange"], zorder=6)
    corner_title(ax, "3 × 3: the\nfloor, seen\nfrom above", style)
    text = f"v = {round(data.wide_value, 12) + 0:.3g}\nat ({', '.join(f'{p:.2g}' for p in data.wide_row)})"
    top = ax.annotate(text, (0.72, 0.72), color=style["orange"], size=style.small)
    ax.plot([at[0], 0.74], [at[1], 0.7], ":", color=style["orange"], linewidth=0.6 * style.line)
    outlined(top, style)


def ties(R: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The segments of the triangle on which two columns of R (3, 3) are best replies together, by their ends."""
    found = []
    for j in range(3):
        for k in range(j):
            segment = _clipped([np.eye(3)[a] for a in range(3)], R[:, j] - R[:, k])
            (other,) = {0, 1, 2} - {j, k}
            ends = _above(segment, R[:, other] - R[:, j])
            if len(ends) == 2:
                found.append((ends[0], ends[1]))
    return found


def _clipped(corners: list[np.ndarray], normal: np.ndarray) -> list[np.ndarray]:
    """Where the line ⟨normal, x⟩ = 0 crosses the triangle's edges."""
    crossings = []
    for a, b in ((corners[i], corners[(i + 1) % 3]) for i in range(3)):
        at, to = normal @ a, normal @ b
        if at * to < 0:
            crossings.append(a + at / (at - to) * (b - a))
        elif at == 0:
            crossings.append(a)
    return crossings


def _above(segment: list[np.ndarray], normal: np.ndarray) -> list[np.ndarray]:
    """The part of a segment with ⟨normal, x⟩ ≥ 0."""
    if len(segment) != 2:
        return []
    a, b = segment
    at, to = normal @ a, normal @ b
    if at < 0 and to < 0:
        return []
    if at * to >= 0:
        return [a, b]
    middle = a + at / (at - to) * (b - a)
    return [a, middle] if at > 0 else [middle, b]


FIGURE = Figure(
    name="zero_sum_lp",
    title="The best strategy in a zero-sum game is the one whose worst case is highest",
    claims=("matrix/zero_sum/weak_duality", "matrix/zero_sum/unique_value"),
    shows="the max-min envelope of a game of two rows, and the polygons of best replies of a 3×3 game",
    alt=(
        "Left: four lines, one for each column, over the probability of the first row; the floor below all of them is "
        "shaded and its highest point marked. Right: a triangle of mixed strategies divided into three polygons where "
        "rock, paper or scissors is the best reply; they meet at the optimum, which plays paper half of the time."
    ),
    data=data,
    draw=draw,
)
