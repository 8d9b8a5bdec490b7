"""What a trust region measures decides where the best policy in it goes.

    maximise ⟨w, q⟩ over q with   KL(p‖q) ≤ δ      KL(q‖p) ≤ δ        TV(p, q) ≤ δ
    the maximiser                 q ∝ p/(μ − w)    q ∝ p·exp(w/η)     δ of mass from the worst actions to the best

on the simplex of three actions, with μ > max w or η > 0 such that the ball is used up. The first is the step of HATRL
(Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Algorithm 1) and of HATRPO's ball, where
``tabular.mirror`` solves for all states at once. No radius makes forward KL drop an action; total variation drops the
worst one as soon as the radius exceeds its probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure, Film
from figures.parts import corner_title, on_triangle, outlined, panels, triangle
from figures.style import Style
from marlcore.divergences import kl, tv
from marlcore.errors import InputError

DISTANCES: dict[str, Callable[[Any, Any], Any]] = {
    "forward": kl,
    "reverse": lambda p, q: kl(q, p),
    "tv": tv,
}
NAMES = {
    "forward": "forward KL:\nKL(π‖π̂) ≤ δ",
    "reverse": "reverse KL:\nKL(π̂‖π) ≤ δ",
    "tv": "total\nvariation:\nTV ≤ δ",
}
RADII = {"forward": (0.01, 0.05, 0.15, 0.4), "reverse": (0.01, 0.05, 0.15, 0.4), "tv": (0.07, 0.15, 0.25, 0.4)}


@dataclass(frozen=True)
class Data:
    """By distance: where the optimum goes as the radius grows, and the rims of some balls."""

    old: np.ndarray
    weights: np.ndarray
    radii: dict[str, np.ndarray]
    paths: dict[str, np.ndarray]
    """(radii, 3): the optimum."""
    rims: dict[str, np.ndarray]
    """(radii of RADII, angles, 3)."""


def data(
    old: tuple[float, float, float] = (0.35, 0.4, 0.25),
    weights: tuple[float, float, float] = (-1.0, 0.35, 1.0),
    points: int = 49,
) -> Data:
    """π and what each action is worth; ``points`` radii from 0 to the largest of RADII."""
    p, w = np.asarray(old, dtype=float), np.asarray(weights, dtype=float)
    if abs(p.sum() - 1) > 1e-9 or p.min() <= 0:
        raise InputError(f"old must be a fully mixed distribution over three actions, not {old}")
    if len(set(weights)) < 3:
        raise InputError(f"weights must differ, or the optimum is not one point: {weights}")
    radii = {name: np.linspace(0, rim[-1], points) for name, rim in RADII.items()}
    paths = {name: np.array([optimum(name, p, w, delta) for delta in radii[name]]) for name in RADII}
    rims = {name: np.stack([rim(name, p, delta) for delta in RADII[name]]) for name in RADII}
    return Data(p, w, radii, paths, rims)


def optimum(distance: str, p: np.ndarray, w: np.ndarray, delta: float) -> np.ndarray:
    """The q of largest ⟨w, q⟩ in the ball of radius ``delta`` around p."""
    if delta == 0:
        return p
    if distance == "tv":
        return _moved(p, w, delta)
    candidate = _by_forward if distance == "forward" else _by_reverse
    # the multiplier as a power of ten: small is near the best action, large is near p
    low, high = -12.0, 12.0
    for _ in range(200):
        middle = (low + high) / 2
        if float(DISTANCES[distance](p, candidate(p, w, 10**middle))) > delta:
            low = middle
        else:
            high = middle
    return candidate(p, w, 10**high)


def _by_forward(p: np.ndarray, w: np.ndarray, excess: float) -> np.ndarray:
    """q ∝ p/(μ − w), μ = max w + ``excess``."""
    q = p / (w.max() + excess - w)
    return q / q.sum()


def _by_reverse(p: np.ndarray, w: np.ndarray, eta: float) -> np.ndarray:
    """q ∝ p·exp(w/η)."""
    q = p * np.exp((w - w.max()) / eta)
    return q / q.sum()


def _moved(p: np.ndarray, w: np.ndarray, delta: float) -> np.ndarray:
    """``delta`` of mass taken from the worst actions, worst first, and given to the best."""
    q, left = p.copy(), delta
    for a in np.argsort(w)[:-1]:
        taken = min(left, q[a])
        q[a] -= taken
        left -= taken
    q[np.argmax(w)] += delta - left
    return q


def rim(distance: str, p: np.ndarray, delta: float, angles: int = 181) -> np.ndarray:
    """The boundary of the ball, (angles, 3), cut off by the simplex: along each ray, by bisection."""
    first, second = np.array([1.0, -1.0, 0.0]) / np.sqrt(2), np.array([1.0, 1.0, -2.0]) / np.sqrt(6)
    turn = np.linspace(0, 2 * np.pi, angles)
    rays = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    with np.errstate(divide="ignore"):
        reach = np.where(rays < 0, -p / rays, np.inf).min(1)
    low, high = np.zeros(angles), reach.copy()
    for _ in range(60):
        middle = (low + high) / 2
        q = np.clip(p + middle[:, None] * rays, 0, 1)
        with np.errstate(divide="ignore"):
            inside = DISTANCES[distance](np.broadcast_to(p, q.shape), q) <= delta
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.clip(p + low[:, None] * rays, 0, 1)


def draw(data: Data, style: Style) -> Canvas:
    """A triangle for each distance: nested balls, and the way of the optimum through them."""
    canvas, axes = panels(style, 3, height=3.1)
    for ax, name in zip(axes, NAMES, strict=True):
        _scene(ax, data, name, style)
        for k, edge in enumerate(data.rims[name]):
            x, y = on_triangle(edge)
            ax.fill(x, y, color=style["blue"], alpha=0.13, linewidth=0)
            ax.plot(x, y, color=style["blue"], linewidth=0.45 * style.line)
            at = int(np.argmin(np.abs(data.radii[name] - RADII[name][k])))
            ax.plot(
                *on_triangle(data.paths[name][at]), "o", color=style["orange"], markersize=0.6 * style.marker, zorder=5
            )
        ax.plot(*on_triangle(data.paths[name]), color=style["orange"], zorder=4)
        _old(ax, data, style)
    end = on_triangle(data.paths["forward"][-1])
    place = {"xytext": (1.4 * style.type, 0.5 * style.type), "textcoords": "offset points"}
    outlined(axes[0].annotate("the best π̂", end, color=style["orange"], size=style.small, **place), style)
    return canvas


def _scene(ax: Axes, data: Data, name: str, style: Style) -> None:
    """The triangle with the worth of its corners and the lines of equal ⟨w, q⟩."""
    triangle(ax, style, [f"w = {w:g}".replace("-", "−") for w in data.weights])
    grid = np.array([(i, j, 40 - i - j) for i in range(41) for j in range(41 - i)]) / 40
    x, y = on_triangle(grid)
    ax.tricontour(
        x,
        y,
        grid @ data.weights,
        levels=9,
        colors=[style["faint"]],
        linewidths=0.5 * style.line,
        linestyles="solid",
        zorder=0.5,
    )
    corner_title(ax, NAMES[name], style)


def _old(ax: Axes, data: Data, style: Style) -> None:
    here = on_triangle(data.old)
    ax.plot(*here, "o", color=style["ink"], markerfacecolor=style["paper"], markersize=0.7 * style.marker, zorder=6)
    text = ax.annotate(
        "π",
        here,
        xytext=(-0.5 * style.type, -0.2 * style.type),
        textcoords="offset points",
        ha="right",
        va="center",
        zorder=7,
    )
    outlined(text, style)


def animate(data: Data, style: Style) -> Film:
    """The radius grows, and the optimum moves with the rim."""
    canvas, axes = panels(style, 3, height=3.1)
    moving = []
    for ax, name in zip(axes, NAMES, strict=True):
        _scene(ax, data, name, style)
        rims = [on_triangle(rim(name, data.old, float(delta))) for delta in data.radii[name]]
        (ball,) = ax.fill(*rims[0], facecolor=style["blue"], edgecolor=style["blue"], alpha=0.35)
        (line,) = ax.plot([], [], color=style["orange"], zorder=4)
        (dot,) = ax.plot([], [], "o", color=style["orange"], zorder=5)
        _old(ax, data, style)
        moving.append((rims, on_triangle(data.paths[name]), ball, line, dot))
    count = len(next(iter(data.radii.values())))

    def show(k: int) -> None:
        k = min(k, count - 1)
        for rims, (x, y), ball, line, dot in moving:
            ball.set_xy(np.column_stack(rims[k]))
            line.set_data(x[: k + 1], y[: k + 1])
            dot.set_data(x[k : k + 1], y[k : k + 1])

    return Film(canvas, show, frames=count + 11)


FIGURE = Figure(
    name="trust_region",
    title="In a KL ball the best policy keeps every action; in a total-variation ball it drops the worst first",
    claims=("harl/theorem_9/monotone", "harl/drifts/kl_positive"),
    shows="forward-KL, reverse-KL and TV balls on the 3-action simplex, and the optimum moving with the radius",
    alt=(
        "Three triangles of policies over three actions with nested balls around an old policy: rounded ones for both "
        "KL divergences, hexagons for total variation. An orange path leads from the old policy towards the best "
        "corner: a curve inside the triangle for KL, for total variation straight to the edge and then along it."
    ),
    data=data,
    draw=draw,
    animate=animate,
)
