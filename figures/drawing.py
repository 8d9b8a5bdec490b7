"""Pictures of what commands leave behind, for the registry ``marlcore.drawings``: any trace, runs of HATRL and HAML.

``learner`` draws where the strategies go (two agents of two actions on the square, three actions on a triangle) and
what each agent is paid; ``mirror`` draws J, the bound that each iteration was promised, and the Nash gap. Each takes
the trace alone and returns a canvas, as ``marlcore learn`` asks.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.parts import band, end_label, frame, on_triangle, panels, paths, square, triangle
from figures.seeds import band_of
from figures.style import Style
from marlcore.trace import Trace


def learner(trace: Trace, style: Style | None = None) -> Canvas:
    """Where the strategies go, where they can be drawn, beside what each agent is paid."""
    style = style or Style()
    with style.context():
        one_state = trace.policies[0].shape[2] == 1
        counts = tuple(table.shape[3] for table in trace.policies)
        on_square = one_state and counts == (2, 2)
        triangles = [i for i, count in enumerate(counts) if one_state and count == 3][:2]
        canvas, axes = panels(style, 1 + on_square + len(triangles))
        if on_square:
            square(axes[0], style, "π¹(0), agent 1's first action", "π²(0), agent 2's first action")
            first, second = (table[:, :, 0, 0] for table in trace.policies)
            paths(axes[0], style, first, second, style["blue"])
        for ax, i in zip(axes, triangles, strict=False):
            triangle(ax, style, [f"action {a}" for a in range(3)])
            paths(ax, style, *on_triangle(trace.policies[i][:, :, 0]), style.hue(i))
            ax.set_title(f"agent {i + 1}")
        _payoffs(axes[-1], style, trace)
        title = f"{trace.algorithm} on {trace.game}: {trace.seeds} seeds, {trace.steps[-1]} steps"
        return frame(canvas, style, title, _NOTE)


_NOTE = "Lines: interquartile mean over seeds, with its 95 % bootstrap band. Paths: ring at the start, dot at the end."


def _payoffs(ax: Axes, style: Style, trace: Trace) -> None:
    for i in range(trace.n):
        found = band_of(trace.payoffs[:, :, i])
        band(ax, style, trace.steps, found.low, found.estimate, found.high, style.hue(i))
        end_label(ax, style, float(found.estimate[-1]), f"agent {i + 1}", style.hue(i))
    ax.set(xlabel="t, steps", ylabel="Jⁱ, what agent i is paid")


def mirror(trace: Trace, style: Style | None = None) -> Canvas:
    """J with the promised bound, and the Nash gap, over the iterations."""
    style = style or Style()
    with style.context():
        canvas, (left, right) = panels(style, 2)
        k, J = trace.steps, np.asarray(trace.returns)[:, 0]
        bounds = np.asarray(trace.bounds)[:, 0] if "bounds" in trace.extras else None
        left.plot(k, J, color=style["blue"])
        end_label(left, style, J[-1], "J", style["blue"])
        if bounds is not None:
            left.plot(k, bounds, "--", color=style["green"], linewidth=0.7 * style.line)
            end_label(left, style, bounds[-1], "promised", style["green"])
        fallen = np.flatnonzero(np.diff(J) < -1e-12 * np.abs(J[1:])) + 1
        left.plot(k[fallen], J[fallen], "x", color=style["orange"])
        left.set(xlabel="k, iterations", ylabel="J(π$_k$), the team's return")
        gaps = np.asarray(trace.nash_gaps)[:, 0]
        right.plot(k, np.where(gaps > 0, gaps, np.nan), color=style["purple"])
        if (gaps > 0).any():
            right.set_yscale("log")
        right.set(xlabel="k, iterations", ylabel="largest gain by one agent's deviation")
        title = f"{trace.algorithm} on {trace.game}: J rises from {J[0]:.4g} to {J[-1]:.4g}"
        if J[-1] < J[0]:
            title = f"{trace.algorithm} on {trace.game}: J falls from {J[0]:.4g} to {J[-1]:.4g}"
        note = f"Crosses: falls of J ({len(fallen)} in {k[-1]} iterations)."
        return frame(canvas, style, title, note)
