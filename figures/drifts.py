"""A drift is flat where the old policy stands: a small step costs nothing, and so the gradient decides its direction.

    D_π(π̂) ≥ 0,   D_π(π) = 0,   ∇_π̂ D_π(π̂)|_{π̂=π} = 0

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Definition 12 of the preprint. The five
drifts of ``marlcore.objectives`` over the simplex of three actions, one agent, π = (½, 3/10, 1/5); the clip drift's
advantage is (−1, 0.2, 2.2), so its flat region is a polygon. Total variation is no drift: its slope at π is not zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import colour_bar, corner_title, on_triangle, outlined, panels, triangle
from figures.style import Style
from marlcore import objectives
from marlcore.divergences import tv
from marlcore.errors import InputError
from marlcore.objectives import Step

LEVELS = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0])
NAMES = {
    "zero": "zero",
    "forward KL": "forward\nKL(π‖π̂)",
    "reverse KL": "reverse\nKL(π̂‖π)",
    "squared L2": "squared\nL2",
    "clip": "clip",
    "total variation": "TV:\nno drift",
}
FLAT = 1e-6
"""A slope below this is zero."""


@dataclass(frozen=True)
class Data:
    """Each drift on a grid of the simplex, and the points where its slope is zero."""

    old: np.ndarray
    grid: np.ndarray
    """(points, 3)."""
    values: dict[str, np.ndarray]
    slopes: dict[str, np.ndarray]
    """The largest one-sided slope along the simplex at each point of the grid that lies inside, else NaN."""
    slope_at_old: dict[str, float]


def data(
    old: tuple[float, float, float] = (0.5, 0.3, 0.2),
    advantage: tuple[float, float, float] = (-1.0, 0.2, 2.2),
    epsilon: float = 0.2,
    resolution: int = 40,
) -> Data:
    """π, the advantage that the clip drift weighs, its range ε, and points along an edge of the simplex."""
    pi = np.asarray(old, dtype=float)
    if abs(pi.sum() - 1) > 1e-9 or pi.min() <= 0:
        raise InputError(f"old must be a fully mixed distribution over three actions, not {old}")
    grid = np.array([(i, j, resolution - i - j) for i in range(resolution + 1) for j in range(resolution + 1 - i)])
    grid = grid / resolution
    drifts = drifts_of(epsilon)
    at = step_at(pi, np.asarray(advantage))
    inside = grid.min(1) > 0
    values, slopes = {}, {}
    for name, drift in drifts.items():
        with np.errstate(divide="ignore"):
            values[name] = _value(drift, grid, at)
        slopes[name] = np.full(len(grid), np.nan)
        slopes[name][inside] = slope(drift, grid[inside], at)
    return Data(pi, grid, values, slopes, {name: float(slope(d, pi[None], at)[0]) for name, d in drifts.items()})


def drifts_of(epsilon: float) -> dict[str, Callable[[Any, Step], Any]]:
    """The five drifts, and total variation, which is none."""
    return {
        "zero": objectives.zero_drift,
        "forward KL": objectives.forward_kl_drift(),
        "reverse KL": objectives.reverse_kl_drift(),
        "squared L2": objectives.squared_l2_drift(),
        "clip": objectives.clip_drift(epsilon),
        "total variation": lambda hat, at: tv(at.old, hat),
    }


def step_at(pi: np.ndarray, advantage: np.ndarray) -> Step:
    """The step of a single agent in one state, its advantage centred as advantages are."""
    A = (advantage - pi @ advantage)[None]
    return Step(pi[None], A, np.ones((1, 1)), A[..., None])


def _value(drift: Callable[[Any, Step], Any], points: np.ndarray, at: Step) -> np.ndarray:
    """The drift at points (P, 3): the step repeated along a batch axis."""
    many = Step(*(np.broadcast_to(x, (len(points), *x.shape)) for x in (at.old, at.advantage, at.others, at.M)))
    return np.asarray(drift(points[:, None, :], many))[:, 0]


def slope(drift: Callable[[Any, Step], Any], points: np.ndarray, at: Step, h: float = 1e-6) -> np.ndarray:
    """max over the six directions between two actions of |D(π̂ + hv) − D(π̂)|/h, less what a smooth D would leave.

    (D(2h) − 4D(h) + 3D(0))/2h cancels the second order, so a flat point of a smooth drift gives round-off, not h.
    """
    found = np.zeros(len(points))
    here = _value(drift, points, at)
    for i in range(3):
        for j in range(3):
            if i == j:
                continue
            v = h * (np.eye(3)[i] - np.eye(3)[j])
            near, far = (_value(drift, points + k * v, at) for k in (1, 2))
            found = np.maximum(found, np.abs(4 * near - far - 3 * here) / (2 * h))
    return found


def draw(data: Data, style: Style) -> Canvas:
    """A triangle for each drift: its height as colour, and in green where it is flat."""
    canvas, axes = panels(style, len(NAMES), across=3, height=4.4)
    norm = BoundaryNorm(LEVELS, 256, extend="max")
    x, y = on_triangle(data.grid)
    image = None
    for ax, name in zip(axes, NAMES, strict=True):
        value = np.minimum(data.values[name], 50.0)
        image = ax.tricontourf(x, y, value, levels=LEVELS, cmap=style.rising, norm=norm, extend="max")
        triangle(ax, style, ["1", "2", "3"])
        flat = data.slopes[name] < FLAT
        if flat.sum() > 1:
            ax.tricontourf(x, y, flat.astype(float), levels=[0.5, 2], colors=[style["green"]], alpha=0.6)
        _old(ax, data, name, style)
    place = {"location": "right", "aspect": 30, "pad": 0.04} if style.wide else {"location": "bottom", "aspect": 40}
    bar = colour_bar(canvas, style, image, axes, "D, the drift; green: gradient zero", shrink=0.85, **place)
    bar.set_ticks(list(LEVELS), labels=[f"{level:g}" for level in LEVELS])
    return canvas


def _old(ax: Axes, data: Data, name: str, style: Style) -> None:
    """The old policy, a ring where the drift is smooth there, and the drift's name beside the top."""
    here, smooth = on_triangle(data.old), data.slope_at_old[name] < FLAT
    ring = style["green"] if smooth else style["orange"]
    inner = style["paper"] if smooth else ring
    ax.plot(*here, "o", color=ring, markerfacecolor=inner, markeredgewidth=0.8 * style.line)
    offset = (0.55 * style.type, 0)
    outlined(ax.annotate("π", here, xytext=offset, textcoords="offset points", va="center"), style)
    corner_title(ax, NAMES[name], style, "ink" if smooth else "orange")


FIGURE = Figure(
    name="drifts",
    title="A drift is flat where the old policy stands, so that it cannot stop the first small step",
    claims=("harl/drifts/kl_positive", "harl/drifts/kl_gradient", "harl/drifts/clip_positive", "harl/drifts/clip_zero"),
    shows="the drifts of mirror learning over the simplex, with the points where their gradient is zero",
    alt=(
        "Six triangles, the policies over three actions, coloured by the height of a drift from an old policy. The "
        "zero drift is flat everywhere, the clip drift on a polygon, the two KL drifts and the squared distance at the "
        "old policy alone. Total variation has a kink there and is no drift."
    ),
    data=data,
    draw=draw,
)
