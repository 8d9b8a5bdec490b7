"""Three learners playing rock-paper-scissors against themselves, on the triangle of player 1's strategies.

    WoLF-PHC   π moves towards the greedy action by δ_w when it does better than its average, else by δ_l = 2δ_w
    PHC        the same with one δ
    Q          π is the greedy action

Source: Bowling & Veloso, *Multiagent learning using a variable learning rate*, Artificial Intelligence 136, 2002,
Section 5. Nothing is proved for three actions: this is what is seen, from the same start for every seed. Distances are
√(Σ_i ‖π_i − ⅓‖²) over both players.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import band, end_label, on_triangle, panels, triangle
from figures.seeds import Band, band_of
from figures.style import Style
from marlcore import library
from tabular.learners import independent_q, phc, wolf_phc

LEARNERS = {"WoLF-PHC": wolf_phc, "PHC": phc, "Q-learning": independent_q}
HUES = {"WoLF-PHC": "blue", "PHC": "orange", "Q-learning": "purple"}
SEEDS = 10
RECORDS = 800
THIN = 8


@dataclass(frozen=True)
class Data:
    """By learner: player 1's strategies of the first seed (R, 3), and the seeds' distances at ``steps``."""

    steps: np.ndarray
    paths: dict[str, np.ndarray]
    distances: dict[str, Band]


def data(steps: int = 400_000) -> Data:
    """``SEEDS`` runs of each learner, recorded ``RECORDS`` times."""
    game = library.load("rock_paper_scissors")
    start = tuple(0.8 * np.eye(3)[0] + 0.2 / 3 for _ in range(2))
    every = max(steps // RECORDS, 1)
    paths, distances, at = {}, {}, np.zeros(0)
    for name, learner in LEARNERS.items():
        initial = {} if name == "Q-learning" else {"initial": start}  # its policy is the greedy action of its values
        trace = learner(game, steps, SEEDS, record_every=every, **initial)
        tables = [table[:, :, 0] for table in trace.policies]
        paths[name], at = tables[0][:, 0], trace.steps[::THIN]
        distances[name] = band_of(np.sqrt(sum(((t[::THIN] - 1 / 3) ** 2).sum(-1) for t in tables)))
    return Data(at, paths, distances)


def draw(data: Data, style: Style) -> Canvas:
    """A triangle for each learner, and the distances from equilibrium."""
    canvas, axes = panels(style, len(data.paths) + 1, across=4 if style.size == "slide" else 2, height=5.4)
    for ax, (name, path) in zip(axes, data.paths.items(), strict=False):
        pure = np.isin(path[-1], (0, 1)).all()
        shares = [f"\n{share:.0%}" if pure else "" for share in path[1:].mean(0)]
        names = [f"{action}{share}" for action, share in zip(("rock", "paper", "scissors"), shares, strict=True)]
        triangle(ax, style, names, room=0.1)
        (_corners if pure else _path)(ax, style, path, style[HUES[name]])
        ax.plot(*on_triangle(np.full(3, 1 / 3)), "+", color=style["ink"], markersize=1.4 * style.marker, zorder=5)
        ax.set_title(name, loc="center", pad=2.6 * style.small)  # above the name and the share at the top corner
    last = axes[-1]
    for name, found in data.distances.items():
        band(last, style, data.steps, found.low, found.estimate, found.high, style[HUES[name]])
        end_label(last, style, float(found.estimate[-1]), name, style[HUES[name]])
    thousands = [0, data.steps[-1] // 2, data.steps[-1]]
    last.set(xlabel="t, steps", ylabel="distance from ⅓, ⅓, ⅓", ylim=(0, None), xticks=thousands)
    last.set_xticklabels([f"{t:,}".replace(",", " ") for t in thousands])
    last.set_title(f"{SEEDS} seeds")
    return canvas


def _path(ax: Axes, style: Style, path: np.ndarray, colour: str) -> None:
    """The way of a mixed strategy: a ring where it starts, a dot where it ends."""
    x, y = on_triangle(path)
    dots = {"linestyle": "none", "clip_on": False, "zorder": 4, "color": colour}
    ax.plot(x, y, color=colour, linewidth=0.35 * style.line, alpha=0.8)
    ax.plot(x[0], y[0], "o", markerfacecolor=style["paper"], markersize=0.8 * style.marker, **dots)
    ax.plot(x[-1], y[-1], "o", markersize=0.8 * style.marker, **dots)


def _corners(ax: Axes, style: Style, path: np.ndarray, colour: str) -> None:
    """A pure strategy that jumps: a disc at each corner whose area is the share of the time, and the jumps seen."""
    at = path.argmax(-1)
    for corner, share in zip(np.eye(3), path[1:].mean(0), strict=True):
        ax.plot(*on_triangle(corner), "o", color=colour, markersize=3 * style.marker * np.sqrt(share), clip_on=False)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        if ((at[:-1] == first) & (at[1:] == second)).any() and ((at[:-1] == second) & (at[1:] == first)).any():
            ends = np.array(on_triangle(np.eye(3)[[first, second]])).T
            way = {"arrowstyle": "<|-|>", "color": colour, "linewidth": 0.5 * style.line}
            ax.annotate("", ends[1], ends[0], arrowprops=way | {"connectionstyle": "arc3,rad=-0.15"})


FIGURE = Figure(
    name="rps_triangle",
    title="On rock-paper-scissors WoLF-PHC settles on the equilibrium, PHC circles it, and Q-learning jumps for ever",
    claims=("matrix/gradient_ascent/iga_circles", "markov/learners/wolf_phc_on_shapley"),
    shows="WoLF-PHC, PHC and Q-learning on the triangle of strategies of rock-paper-scissors",
    alt=(
        "Three triangles of mixed strategies. WoLF-PHC's path spirals into the middle, the equilibrium; PHC's circles "
        "around it; Q-learning's jumps between the corners. A fourth panel shows the distances from equilibrium of "
        "ten seeds: WoLF-PHC's falls near zero, the others' stay high."
    ),
    data=data,
    draw=draw,
)
