"""HATRL ends at a Nash equilibrium, which need not be the optimum: on the climbing game it depends on the start.

    r = [[11, −30, 0], [−30, 7, 6], [0, 0, 5]]        pure equilibria: (0, 0) pays 11, (1, 1) pays 7

Both agents start with the same strategy, a point of the triangle; whoever might still meet a 1 by playing 0 expects −30
of it, and so moves towards 1, where 7 is an equilibrium that no agent leaves alone. Sources: Claus & Boutilier, *The
dynamics of reinforcement learning in cooperative multiagent systems*, AAAI 1998 (the game); Zhong et al.,
*Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Theorem 10 of the preprint (the limit). The game is played for
ever with discount γ, in the order 1, 2, with C*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import corner_title, on_triangle, panels, triangle
from figures.style import Style
from marlcore import library
from marlcore.errors import InputError
from tabular import hatrl


@dataclass(frozen=True)
class Data:
    """Where each start ends."""

    payoffs: np.ndarray
    """r (3, 3)."""
    starts: np.ndarray
    """(starts, 3): the strategy of both."""
    ends: np.ndarray
    """(starts, 2, 3): the strategies after the last iteration."""
    J: np.ndarray
    """(1−γ)·J at the end: the payoff of a stage."""
    gaps: np.ndarray
    """The Nash gaps at the end, in the same unit."""


def data(resolution: int = 14, iterations: int = 240, gamma: float = 0.05) -> Data:
    """Starts on a grid inside the triangle, ``resolution`` along an edge."""
    if resolution < 2:
        raise InputError(f"resolution must be at least 2, not {resolution}")
    m = resolution
    grid = np.array([(i, j, m - 1 - i - j) for i in range(m) for j in range(m - i)], dtype=float)
    starts = (grid + 1 / 3) / m
    stage = library.load("climbing").convert("float")
    game = stage.as_markov(gamma)
    traces = [hatrl(game, (p[None],) * 2, iterations, "sharp", order="fixed", every=iterations) for p in starts]
    unit = 1 - gamma
    return Data(
        np.asarray(stage.payoffs[0]),
        starts,
        np.array([[table[-1, 0, 0] for table in trace.policies] for trace in traces]),
        unit * np.array([float(np.asarray(trace.returns)[-1, 0]) for trace in traces]),
        unit * np.array([float(np.asarray(trace.nash_gaps)[-1, 0]) for trace in traces]),
    )


def draw(data: Data, style: Style) -> Canvas:
    """The triangle of starts, coloured by where they end, beside the game with the share of starts for each end."""
    canvas, (left, right) = panels(style, 2, width_ratios=(1.2, 1))
    triangle(left, style, ["always 0", "always 1", "always 2"])
    cells = data.ends.argmax(2)
    colours = [style[_hue(data.payoffs, *cell)] for cell in cells]
    x, y = on_triangle(data.starts)
    left.scatter(x, y, s=(1.15 * style.marker) ** 2, c=colours, linewidth=0)
    corner_title(left, "both start here", style)
    _game(right, data, cells, style)
    return canvas


def _hue(payoffs: np.ndarray, a: int, b: int) -> str:
    """Blue where the optimum is, orange for any other end."""
    return "blue" if payoffs[a, b] == payoffs.max() else "orange"


def _game(ax: Axes, data: Data, cells: np.ndarray, style: Style) -> None:
    for (a, b), payoff in np.ndenumerate(data.payoffs):
        share = float((cells == (a, b)).all(1).mean())
        hue = _hue(data.payoffs, a, b) if share else "faint"
        ax.add_patch(_cell(b, 2 - a, style[hue]))
        ink = style["paper"] if share else style["ink"]
        text = f"{payoff:g}".replace("-", "−")
        ax.text(
            b + 0.5, 2 - a + (0.62 if share else 0.5), text, ha="center", va="center", color=ink, size=1.3 * style.type
        )
        if share:
            ax.text(
                b + 0.5, 2 - a + 0.27, f"{100 * share:.0f} %", ha="center", va="center", color=ink, size=style.small
            )
    ax.set(xlim=(-0.02, 3.02), ylim=(-0.02, 3.02), aspect="equal")
    ax.set_xticks((0.5, 1.5, 2.5), ["0", "1", "2"])
    ax.set_yticks((0.5, 1.5, 2.5), ["2", "1", "0"])
    ax.tick_params(length=0)
    ax.grid(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set(xlabel="a², agent 2's action", ylabel="a¹, agent 1's action")
    ax.set_title("payoffs, and where starts end", loc="center", size=style.small)


def _cell(x: float, y: float, colour: str):
    from matplotlib.patches import Rectangle

    return Rectangle((x + 0.02, y + 0.02), 0.96, 0.96, facecolor=colour, linewidth=0)


FIGURE = Figure(
    name="limit_points",
    title="The agents end at an equilibrium, not always the best: where they start decides",
    claims=("harl/theorem_10/interior_start", "harl/theorem_9/monotone"),
    shows="HATRL's limit points on the climbing game by start",
    alt=(
        "Left: a triangle of starting strategies, coloured by where HATRL ends from them; starts near action 0 end at "
        "the optimum, the others at the second-best equilibrium. Right: the climbing game's table of payoffs with the "
        "share of starts that end at 11 and at 7."
    ),
    data=data,
    draw=draw,
)
