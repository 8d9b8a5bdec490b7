"""How agents with tasks of their own pull on shared parameters: the cosine between their gradients, while they learn.

    r(a) = (1/n) Σ_i 1[a^i = i]      h_i = ∇_ψ (1/n) π_i(i)      cos(h_i, h_j) = ⟨h_i, h_j⟩/(‖h_i‖‖h_j‖)

For gradients of one length ℓ and a mean cosine c over pairs, ‖Σ_i h_i‖² = nℓ²(1 + (n−1)c): nothing is left of them at
c = −1/(n−1), which is where one policy for all agents stays (its J is 1/n whatever it does). After Tessera, Rahman,
Storkey & Albrecht, *HyperMARL* (2025), who measure such cosines to explain why shared networks fail to specialise.

The figure draws ``figures/data/interference.json``, measured by ``benchmarks/experiments/gradients.py`` on the
networks of ``deep.sharing`` with exact gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import band, end_label, panels
from figures.seeds import Band
from figures.style import Style

COMMITTED = Path(__file__).with_name("data") / "interference.json"
SCHEMES = {"FuPS": "fups", "FuPS+ID": "fups_id", "hypernetwork": "hyper", "NoPS": "nops"}
"""The schemes of ``deep.sharing`` by the names that the figure prints."""
HUES = {"FuPS": "purple", "FuPS+ID": "green", "hypernetwork": "blue", "NoPS": "orange"}


@dataclass(frozen=True)
class Course:
    """One scheme, over the seeds: the mean cosine of two agents' gradients, and J."""

    cosine: Band
    returns: Band


@dataclass(frozen=True)
class Data:
    """The schemes by name, at ``steps`` of gradient ascent."""

    agents: int
    seeds: int
    steps: np.ndarray
    courses: dict[str, Course]


def data() -> Data:
    """What was measured."""
    return FIGURE.read_data(COMMITTED)


def draw(data: Data, style: Style) -> Canvas:
    """The cosine at the left, what the team earns at the right."""
    canvas, (left, right) = panels(style, 2)
    worst = -1 / (data.agents - 1)
    for name, course in data.courses.items():
        for ax, found in ((left, course.cosine), (right, course.returns)):
            band(ax, style, data.steps, found.low, found.estimate, found.high, style[HUES[name]])
            end_label(ax, style, float(found.estimate[-1]), name, style[HUES[name]])
    left.axhline(worst, color=style["grey"], linestyle="--", linewidth=0.7 * style.line)
    left.annotate(
        "−1/(n−1): they cancel",
        (data.steps[-1], worst),
        xytext=(0, -0.3 * style.type),
        textcoords="offset points",
        ha="right",
        va="top",
        color=style["grey"],
        size=style.small,
    )
    left.set(ylabel="cos(h$_i$, h$_j$), mean over pairs", ylim=(worst - 0.07, None))
    right.set(ylabel="J, share of tasks done", ylim=(0, 1.03))
    for ax in (left, right):
        ax.set_xlabel("k, steps of gradient ascent")
    return canvas


FIGURE = Figure(
    name="interference",
    title="Agents with different tasks cancel each other's gradients in a shared network, hardly in a generated one",
    claims=("sharing/parameter_sharing/gradient_factors",),
    shows="the cosine between agents' gradients under four sharing schemes, and what the team learns",
    alt=(
        "Left, the mean cosine of two agents' gradients over two hundred steps: one shared policy stays at minus one "
        "third, where the gradients of four agents cancel; with an id it starts near minus 0.26 and rises to zero; a "
        "hypernetwork stays near zero, separate networks at zero. Right, the share of tasks done: one quarter for "
        "ever under the shared policy, one under the others, the hypernetwork first."
    ),
    data=data,
    draw=draw,
)
