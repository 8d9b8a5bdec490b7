"""The pictures of the results page: what trained teams reach, against steps and against time on one core.

    picture(title, curves, "won", level, style)      curves of (steps, values (points, seeds), rate) → two panels

A line is the interquartile mean over seeds with its 95 % bootstrap band, up to the step that every seed has reached. A
run's time is its steps at the rate that was measured with nothing beside it, so a curve that has no rate is missing
from the right panel. Drawn by ``tools/results.py`` from the data that it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.parts import band, end_label, frame, panels
from figures.seeds import band_of
from figures.style import Style


@dataclass(frozen=True)
class Curve:
    """The runs of one row of a table."""

    name: str
    steps: np.ndarray
    values: np.ndarray
    """(points, seeds)"""
    rate: float | None
    """Environment steps a second on one core."""


def common(runs: Sequence[Sequence[Sequence[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """Steps that all runs have reached, and each run's value there: runs are lists of (step, value)."""
    points = [np.asarray(run, dtype=float).T for run in runs if len(run)]
    if not points:
        return np.zeros(0), np.zeros((0, 0))
    first, last = max(x[0] for x, _ in points), min(x[-1] for x, _ in points)
    grid = points[0][0][(points[0][0] >= first) & (points[0][0] <= last)]
    return grid, np.stack([np.interp(grid, x, y) for x, y in points], axis=1)


def picture(title: str, curves: Sequence[Curve], measure: str, level: float | None, style: Style) -> Canvas:
    """Both panels; ``level`` is what play at random gets."""
    with style.context():
        canvas, axes = panels(style, 2, sharey=True)
        for k, curve in enumerate(curves):
            found = band_of(curve.values)
            options = {"linestyle": "-" if k < 6 else "--"}
            for ax, x in zip(axes, (curve.steps / 1000, _minutes(curve)), strict=True):
                if x is not None:
                    band(ax, style, x, found.low, found.estimate, found.high, style.hue(k), **options)
            end_label(axes[1], style, float(found.estimate[-1]), curve.name, style.hue(k))
        said = "share of battles won" if measure == "won" else "return of an episode"
        axes[0].set(xlabel="environment steps / 1000", ylabel=said)
        axes[1].set(xlabel="minutes on one core")
        for ax in axes:
            ax.set_xlim(left=0)
            if measure == "won":
                ax.set_ylim(-0.03, 1.03)
            if level is not None:
                ax.axhline(level, color=style["grey"], linestyle=":", linewidth=0.7 * style.line)
        return frame(canvas, style, title, "dotted: play at random")


def _minutes(curve: Curve) -> Any:
    return None if not curve.rate else curve.steps / curve.rate / 60
