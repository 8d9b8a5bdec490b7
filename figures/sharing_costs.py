"""What sharing schemes cost: numbers to store and multiply-adds to compute, against the number of agents.

    P = what one network holds, m = Σ (rows × columns) of its weights: one pass for one agent
    FuPS        P                                                     n·m
    FuPS+ID     P + n·w₁                (w₁: the first layer's width)   n·m
    NoPS        n·P                                                   n·m
    hypernet    n·k + k·w + w + w·P + P  (an MLP of width w on k-vectors)   n·m, and n·(k·w + w·P) to generate

Sources: Tessera, Rahman, Storkey & Albrecht, *HyperMARL* (2025), for the hypernetwork; the counts are those of
``deep.sharing``, whose modules the tests count. A hypernetwork's last layer alone holds w networks: below w agents it
holds more than separate networks do. Its weights are generated once for a rollout, so a pass costs what others cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, NullLocator

from figures.figure import Figure
from figures.parts import end_label, panels
from figures.style import Style
from marlcore.errors import InputError

HUES = {"hypernetwork": "blue", "NoPS": "orange", "FuPS+ID": "green", "FuPS": "purple"}


@dataclass(frozen=True)
class Data:
    """Counts by scheme, for every number of agents."""

    agents: np.ndarray
    parameters: dict[str, np.ndarray]
    multiplications: dict[str, np.ndarray]
    """Multiply-adds of one step of all agents, weights generated ahead."""
    generation: np.ndarray
    """Multiply-adds of generating every agent's weights once."""
    width: int
    """w."""


def data(
    inputs: int = 32, outputs: int = 8, hidden: int = 64, embedding: int = 8, width: int = 64, largest: int = 512
) -> Data:
    """Two hidden layers of ``hidden`` units, no normalisation; a hypernetwork with one layer of ``width`` units."""
    if min(inputs, outputs, hidden, embedding, width, largest) < 1:
        raise InputError("inputs, outputs, hidden, embedding, width and largest must be at least 1")
    n = np.unique(np.round(2 ** np.linspace(0, np.log2(largest), 19)).astype(int))
    layers = [(inputs, hidden), (hidden, hidden), (hidden, outputs)]
    m = sum(a * b for a, b in layers)
    P = m + sum(b for _, b in layers)
    parameters = {
        "hypernetwork": n * embedding + embedding * width + width + width * P + P,
        "NoPS": n * P,
        "FuPS+ID": P + n * hidden,
        "FuPS": P + 0 * n,
    }
    return Data(n, parameters, dict.fromkeys(parameters, n * m), n * (embedding * width + width * P), width)


def draw(data: Data, style: Style) -> Canvas:
    """Parameters at the left; at the right the work of a step, and of generating weights once."""
    canvas, (left, right) = panels(style, 2)
    n = data.agents
    for name, counts in data.parameters.items():
        left.plot(n, counts, color=style[HUES[name]])
        end_label(left, style, float(counts[-1]), name, style[HUES[name]])
    left.axvline(data.width, color=style["grey"], linestyle=":", linewidth=0.7 * style.line)
    top = max(float(counts.max()) for counts in data.parameters.values())
    left.annotate(
        f"n = w = {data.width}",
        (data.width, 0.9 * top),
        xytext=(-0.3 * style.type, 0),
        textcoords="offset points",
        ha="right",
        va="top",
        color=style["grey"],
        size=style.small,
    )
    left.set(ylabel="parameters to store")
    shared = next(iter(data.multiplications.values()))
    right.plot(n, shared, color=style["ink"])
    right.plot(n, data.generation, "--", color=style["blue"])
    end_label(right, style, float(shared[-1]), "a step,\nall schemes", style["ink"])
    end_label(right, style, float(data.generation[-1]), "generating,\nonce a rollout", style["blue"])
    right.set(ylabel="multiply-adds")
    for ax in (left, right):
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks([1, 8, 64, 512][: 1 + int(np.log2(n[-1]) // 3)])
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_xlabel("n, the number of agents")
    return canvas


FIGURE = Figure(
    name="sharing_costs",
    title="A hypernetwork stores less than separate networks only for more agents than it is wide",
    claims=("sharing/parameter_sharing/fewer_than_separate", "sharing/parameter_sharing/more_than_shared"),
    shows="parameter counts and multiply-adds of four sharing schemes against the number of agents",
    alt=(
        "Two panels on logarithmic scales. Parameters: one shared network stays flat, with an id it rises slowly, "
        "separate networks rise in proportion, a hypernetwork is flat and high, and crosses separate networks just "
        "above 64 agents, its width. Multiply-adds: all schemes cost the same a step; generating weights once costs "
        "about sixty-four steps."
    ),
    data=data,
    draw=draw,
)
