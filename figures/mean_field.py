"""How far the mean action is from the mean over neighbours, and the two bounds on it.

    |Σ_k w_k Q(e_k) − Q(ā)| ≤ (M/2)(1 − ‖ā‖²) ≤ 2M,     ā = Σ_k w_k e_k,   Q M-smooth in the neighbour's action

Source: Yang et al., *Mean field multi-agent reinforcement learning*, ICML 2018 (2M). The sharper bound is the claim
``markov/mean_field/sharper_bound``: for an M-smooth f, |E f(X) − f(E X)| ≤ (M/2)·Var X, and a one-hot X has variance
1 − ‖ā‖². Q(a) = ½ aᵀHa + bᵀa is drawn at random and scaled to M = ‖H‖ = 1; −½‖a‖² attains the bound, and a linear Q
has no error at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import panels
from figures.style import Style


@dataclass(frozen=True)
class Data:
    """Per random (Q, ā): the spread 1 − ‖ā‖², and the error in units of M for quadratic, extreme and linear Q."""

    spread: np.ndarray
    quadratic: np.ndarray
    extreme: np.ndarray
    linear: np.ndarray


def data(samples: int = 1500, actions: int = 4, seed: int = 0) -> Data:
    """``samples`` random quadratics in ``actions`` actions, each at a random mean action."""
    rng = np.random.default_rng(seed)
    # concentrations from 1/10 to 10: mean actions from nearly pure to nearly uniform
    weights = rng.standard_gamma(10 ** rng.uniform(-1, 1, (samples, 1)), (samples, actions)) + 1e-300
    mean = weights / weights.sum(-1, keepdims=True)
    raw = rng.standard_normal((samples, actions, actions))
    H = raw + raw.swapaxes(-1, -2)
    H /= np.linalg.norm(H, 2, axis=(-2, -1))[:, None, None]
    b = rng.standard_normal((samples, actions))
    extreme = np.broadcast_to(-np.eye(actions), H.shape)
    return Data(1 - (mean**2).sum(-1), error(H, b, mean), error(extreme, 0 * b, mean), error(0 * H, b, mean))


def error(H: np.ndarray, b: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """|Σ_k w_k Q(e_k) − Q(ā)| for Q(a) = ½ aᵀHa + bᵀa, by evaluating Q at every one-hot action and at ā."""

    def Q(a: np.ndarray) -> np.ndarray:
        return np.einsum("ni,nij,nj->n", a, H, a) / 2 + (a * b).sum(-1)

    actions = mean.shape[-1]
    at_actions = np.stack([Q(np.broadcast_to(np.eye(actions)[k], mean.shape)) for k in range(actions)], -1)
    return np.abs((mean * at_actions).sum(-1) - Q(mean))


def draw(data: Data, style: Style) -> Canvas:
    """The errors as points under the two bounds."""
    canvas, (ax,) = panels(style)
    dots = {"linestyle": "none", "markeredgewidth": 0, "rasterized": False}
    ax.plot(data.spread, data.quadratic, "o", color=style["blue"], markersize=0.42 * style.marker, alpha=0.5, **dots)
    ax.plot(data.spread[::12], data.extreme[::12], "D", color=style["green"], markersize=0.6 * style.marker, **dots)
    ax.plot(data.spread[::12], data.linear[::12], "s", color=style["purple"], markersize=0.6 * style.marker, **dots)
    ax.plot([0, 1], [0, 0.5], color=style["orange"])
    ax.set(xlim=(0, 1), ylim=(-0.012, 0.56), yticks=(0, 0.1, 0.2, 0.3, 0.4, 0.5))
    ax.set(xlabel="1 − ‖ā‖², how much the neighbours differ", ylabel="error of the mean action, in units of M")
    for y, text, hue in (
        (0.52, "2M, the paper's bound: at 2, off this scale ↑", "grey"),
        (0.47, "line: (M/2)(1 − ‖ā‖²), the sharper bound", "orange"),
        (0.42, "diamonds: Q = −(M/2)‖a‖², on it", "green"),
        (0.37, "dots: random quadratic Q", "blue"),
        (0.32, "squares: linear Q, exact", "purple"),
    ):
        ax.text(0.02, y, text, color=style[hue], size=style.small, va="center")
    return canvas


FIGURE = Figure(
    name="mean_field",
    title="Averaging the neighbours' actions is exact where Q is linear, and elsewhere four times better than promised",
    claims=(
        "markov/mean_field/paper_bound",
        "markov/mean_field/sharper_bound",
        "markov/mean_field/equality",
        "markov/mean_field/linear",
    ),
    shows="the error of the mean-field approximation against its bounds, exact for linear Q",
    alt=(
        "Errors of the mean action against how much the neighbours differ. Random quadratic Q lie below the line "
        "one half of M times the spread, which the extreme Q attains; the paper's bound 2M is a line far above; "
        "linear Q lie on zero."
    ),
    data=data,
    draw=draw,
)
