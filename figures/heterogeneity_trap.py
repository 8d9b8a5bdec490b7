"""The trap of heterogeneity: two agents that answer each other at once both step aside, and meet at the worst payoff.

    r(0,0) = 0,  r(0,1) = r(1,0) = 2,  r(1,1) = −1        J(p, q) = 2p(1−q) + 2(1−p)q − (1−p)(1−q)

with p, q the probabilities of action 0. From π(0) > 3/5 for both, action 1 is the best reply of each to the other, and
the simultaneous jump ends at J = −1 = min J; one after the other they reach max J = 2. Source: Zhong et al.,
*Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Proposition 5 of the preprint. The jumps are those of
``tabular.simultaneous`` and of ``tabular.haml`` without drift or neighbourhood.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure, Film
from figures.parts import colour_bar, end_label, outlined, panels, square
from figures.style import Style
from marlcore import library
from marlcore.errors import InputError
from tabular import haml, simultaneous

X, Y = "p, agent 1's probability of action 0", "q, agent 2's probability of action 0"


@dataclass(frozen=True)
class Data:
    """J on the square, both ways out of one start, and what both earn from every start on the diagonal."""

    grid: np.ndarray
    J: np.ndarray
    """J[i, k] at q = grid[i], p = grid[k]."""
    together: np.ndarray
    """(p, q) before and after the simultaneous jump."""
    one_by_one: np.ndarray
    """(p, q) before, after agent 1's step, after agent 2's."""
    starts: np.ndarray
    J_start: np.ndarray
    J_together: np.ndarray
    J_one_by_one: np.ndarray


def data(start: float = 0.8, points: int = 101) -> Data:
    """From π(0) = ``start`` for both, above the threshold 3/5; the diagonal has ``points`` starts."""
    if not 0.6 < start < 1:
        raise InputError(f"start must be between 3/5, the threshold, and 1, not {start}")
    r = library.load("trap_of_heterogeneity").convert("float").payoffs[0]
    grid = np.linspace(0, 1, 101)
    # a threshold on the grid would be a tie: both actions are then best replies
    starts = np.linspace(0.005, 0.995, points)
    ends = [(jump(p), turns(p)[-1]) for p in starts]
    at = [np.array([value(r, *end[way]) for end in ends]) for way in (0, 1)]
    p, q = np.meshgrid(grid, grid)
    here = (start, start)
    return Data(
        grid,
        value(r, p, q),
        np.array([here, jump(start)]),
        turns(start),
        starts,
        value(r, starts, starts),
        at[0],
        at[1],
    )


def value(r: np.ndarray, p: Any, q: Any) -> Any:
    """J(p, q)."""
    return p * q * r[0, 0] + p * (1 - q) * r[0, 1] + (1 - p) * q * r[1, 0] + (1 - p) * (1 - q) * r[1, 1]


def jump(start: float) -> tuple[float, float]:
    """Where the simultaneous best replies lead."""
    return _end(simultaneous(library.load("trap_of_heterogeneity"), _both(start), 1))


def turns(start: float) -> np.ndarray:
    """The corners of the sequential way: agent 1 first, then agent 2 in answer to it."""
    p, q = _end(haml(library.load("trap_of_heterogeneity"), _both(start), iterations=1, order=(0, 1)))
    return np.array([(start, start), (p, start), (p, q)])


def _both(start: float) -> tuple[np.ndarray, np.ndarray]:
    strategy = np.array([start, 1 - start])
    return strategy, strategy


def _end(trace: Any) -> tuple[float, float]:
    first, second = (float(table[-1, 0, 0, 0]) for table in trace.policies)
    return first, second


def draw(data: Data, style: Style) -> Canvas:
    """The square with both ways, and the payoff of both ways from every start on the diagonal."""
    canvas, (left, right) = panels(style, 2, width_ratios=(1, 1.05))
    _surface(canvas, left, data, style)
    for way, colour in ((data.together, style["orange"]), (data.one_by_one, style["green"])):
        for tail, head in itertools.pairwise(way):
            arrow = {
                "arrowstyle": "-|>",
                "color": colour,
                "lw": style.line,
                "shrinkA": 0,
                "shrinkB": 1,
                "mutation_scale": 1.1 * style.type,
            }
            left.annotate("", head, xytext=tail, arrowprops=arrow, annotation_clip=False)
    _name_ways(left, data, style)
    right.plot(data.starts, data.J_one_by_one, color=style["green"])
    right.plot(data.starts, data.J_start, color=style["grey"], linestyle="--")
    jumps = data.J_together.copy()
    jumps[np.argmax(data.starts > 0.6)] = np.nan  # no line where J jumps
    right.plot(data.starts, jumps, color=style["orange"])
    right.axvline(0.6, color=style["grey"], linewidth=0.5 * style.line, linestyle=":")
    right.set(xlim=(0, 1), ylim=(-1.25, 2.25), yticks=(-1, 0, 1, 2))
    right.set_xticks((0, 0.6, 1), ["0", "0.6", "1"])
    right.set(xlabel="π(0) before, the same for both", ylabel="J after the update")
    end_label(right, style, 2, "one by one", style["green"])
    end_label(right, style, float(data.J_start[-1]), "before", style["grey"])
    end_label(right, style, -1, "at once", style["orange"])
    return canvas


def _surface(canvas: Canvas, ax: Axes, data: Data, style: Style) -> None:
    square(ax, style, X, Y)
    image = ax.imshow(data.J, origin="lower", extent=(0, 1, 0, 1), cmap=style.rising, interpolation="bilinear")
    lines = ax.contour(
        data.grid,
        data.grid,
        data.J,
        levels=[-0.5, 0, 0.5, 1, 1.5],
        colors=[style["grey"]],
        linewidths=0.35 * style.line,
    )
    lines.set_alpha(0.7)
    colour_bar(canvas, style, image, ax, "J, the team's payoff", ticks=[-1, 0, 1, 2])


def _name_ways(ax: Axes, data: Data, style: Style) -> None:
    start = data.together[0]
    ax.plot(*start, "o", color=style["ink"], zorder=5)
    up, down = data.one_by_one[-1], data.together[-1]
    texts = [
        (start, (0.35, 0.55), "start", style["ink"], "left", "bottom"),
        (down, (2.6, 0.5), "at once: J = −1", style["orange"], "left", "bottom"),
        (up, (0.7, -0.75), "one by one: J = 2", style["green"], "left", "top"),
    ]
    for at, (dx, dy), text, colour, ha, va in texts:
        offset = (dx * style.type, dy * style.type)
        made = ax.annotate(
            text,
            at,
            xytext=offset,
            textcoords="offset points",
            color=colour,
            ha=ha,
            va=va,
            weight="bold",
            size=style.small,
        )
        outlined(made, style)


def animate(data: Data, style: Style) -> Film:
    """Both ways are gone at the same pace, and J is drawn as they go."""
    canvas, (left, right) = panels(style, 2, width_ratios=(1, 1.05))
    _surface(canvas, left, data, style)
    r = library.load("trap_of_heterogeneity").convert("float").payoffs[0]
    share = np.linspace(0, 1, 37)
    ways = [(data.together, style["orange"], "at once"), (data.one_by_one, style["green"], "one by one")]
    right.set(
        xlim=(0, 1),
        ylim=(-1.25, 2.25),
        xticks=(0, 1),
        yticks=(-1, 0, 1, 2),
        xlabel="share of the way",
        ylabel="J on the way",
    )
    right.set_xticklabels(["start", "end"])
    moved = []
    for way, colour, name in ways:
        place = np.array([np.interp(share * (len(way) - 1), np.arange(len(way)), way[:, i]) for i in (0, 1)])
        J = value(r, *place)
        trail = left.plot([], [], color=colour)[0], left.plot([], [], "o", color=colour, clip_on=False, zorder=6)[0]
        curve = right.plot([], [], color=colour)[0], right.plot([], [], "o", color=colour, clip_on=False)[0]
        moved.append((place, J, trail, curve))
        end_label(right, style, float(J[-1]), name, colour)

    def show(k: int) -> None:
        k = min(k, len(share) - 1)
        for place, J, (line, dot), (graph, tip) in moved:
            line.set_data(place[0, : k + 1], place[1, : k + 1])
            dot.set_data(place[0, k : k + 1], place[1, k : k + 1])
            graph.set_data(share[: k + 1], J[: k + 1])
            tip.set_data(share[k : k + 1], J[k : k + 1])

    return Film(canvas, show, frames=len(share) + 11)


FIGURE = Figure(
    name="heterogeneity_trap",
    title="Two agents that improve at once can fall to the worst payoff; one after the other they reach the best",
    claims=(
        "harl/propositions_4_and_5/together",
        "harl/propositions_4_and_5/one_by_one",
        "harl/propositions_4_and_5/simultaneous_improves",
    ),
    shows="the joint-policy square with J as colour, the simultaneous jump and the sequential path",
    alt=(
        "The square of two agents' policies, coloured by the team's payoff. From a start near the upper right corner "
        "the simultaneous jump leads along the diagonal to the worst corner, payoff −1; the sequential path goes left "
        "and then up to the best, payoff 2. Beside it: from every start above 3/5 the jump ends at −1."
    ),
    data=data,
    draw=draw,
    animate=animate,
)
