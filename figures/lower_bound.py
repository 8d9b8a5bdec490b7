"""Along an update the return runs above its two lower bounds, and the sharper one allows a larger step.

    J(π̄) ≥ J(π) + Σ_m [ L_m − C·D^max_KL(π^{i_m}, π̄^{i_m}) ],    C = 4γε/(1−γ)²  or  C* = 2ε·Li_{−1/2}(γ)

on the segment π̄ = (1−α)π + α·π′ from a random policy π of a random team game to π′, each agent's best reply to π.
Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Lemma 8 of the preprint; C* is proved in
``marlcore.bounds``. The rings are where each bound is largest: the step that it recommends, and the gain it is sure of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import end_label, outlined, panels
from figures.style import Style
from marlcore import policies
from marlcore.bounds import lower_bound
from marlcore.games import TeamGame
from marlcore.responses import best_response
from marlcore.values import evaluate

NAMES = {"paper": "C, as printed", "sharp": "C*, sharper"}


@dataclass(frozen=True)
class Data:
    """Gains over J(π) along the segment."""

    steps: np.ndarray
    """α."""
    gain: np.ndarray
    """J(π̄) − J(π)."""
    bounds: dict[str, np.ndarray]
    """By penalty, "paper" and "sharp"."""
    best: dict[str, np.ndarray]
    """By penalty: α, the bound and the true gain where the bound is largest."""


def data(gamma: float = 0.8, seed: int = 1, points: int = 201) -> Data:
    """A random team game of 2 agents, 4 states and 3 actions each."""
    rng = np.random.default_rng(seed)
    game = TeamGame.random(4, (3, 3), rng, discount=gamma)
    old = policies.random(game, rng, concentration=3.0)
    # not all the way: at a deterministic policy the divergence is infinite
    goal = policies.mix(old, tuple(best_response(game, old, i).table for i in range(2)), 0.5)
    J = float(evaluate(game, old).J)
    top = _largest(game, old, goal, "sharp")
    steps = np.linspace(0, 2.3 * top, points)
    ways = [policies.mix(old, goal, step) for step in steps]
    bounds = {
        name: np.array([float(lower_bound(game, old, new, penalty=name).value) - J for new in ways]) for name in NAMES
    }
    best = {}
    for name in NAMES:
        step = _largest(game, old, goal, name)
        new = policies.mix(old, goal, step)
        best[name] = np.array(
            [step, float(lower_bound(game, old, new, penalty=name).value) - J, float(evaluate(game, new).J) - J]
        )
    return Data(steps, np.array([float(evaluate(game, new).J) - J for new in ways]), bounds, best)


def _largest(game: TeamGame, old: policies.Policy, goal: policies.Policy, penalty: str) -> float:
    """The step α at which the bound is largest."""
    from scipy.optimize import minimize_scalar

    def loss(step: float) -> float:
        return -float(lower_bound(game, old, policies.mix(old, goal, step), penalty=penalty).value)

    return float(minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x)  # pyright: ignore[reportAttributeAccessIssue]


def draw(data: Data, style: Style) -> Canvas:
    """The true gain and both bounds; rings at the bounds' largest values."""
    canvas, (ax,) = panels(style)
    colours = {"paper": style["orange"], "sharp": style["green"]}
    ax.plot(data.steps, data.gain, color=style["blue"])
    ax.axhline(0, color=style["grey"], linewidth=0.5 * style.line)
    high = data.best["sharp"][1]
    floor = -1.3 * high
    ends = {"J(π̄), true": (data.gain[-1], style["blue"])}
    for name, colour in colours.items():
        curve = data.bounds[name]
        ax.plot(data.steps, np.where(curve >= floor, curve, np.nan), color=colour)
        step, bound, gain = data.best[name]
        ax.plot([step, step], [bound, gain], ":", color=colour, linewidth=0.7 * style.line)
        ax.plot(step, bound, "o", color=colour, markerfacecolor=style["paper"], markeredgewidth=style.line)
        ax.plot(step, gain, "o", color=colour)
    ratio = data.best["sharp"][0] / data.best["paper"][0]
    ends[f"bound with C*:\nits best step is\n{ratio:.1f} times as long"] = (
        max(float(data.bounds["sharp"][-1]), floor),
        style["green"],
    )
    top = min(float(data.gain[-1]), 6 * high)
    ax.set(xlim=(0, data.steps[-1]), ylim=(floor, 1.06 * top))
    ax.set(xlabel="α, how far from π towards the best replies", ylabel="J(π̄) − J(π), gain in return")
    for name, (y, colour) in ends.items():
        end_label(ax, style, min(y, top), name, colour)
    at = int(np.argmin(np.abs(data.bounds["paper"] - 0.62 * floor)))
    text = ax.annotate(
        "bound with C",
        (data.steps[at], data.bounds["paper"][at]),
        xytext=(style.type, 0),
        textcoords="offset points",
        color=style["orange"],
        size=style.small,
        va="center",
    )
    outlined(text, style)
    return canvas


FIGURE = Figure(
    name="lower_bound",
    title="The return never falls below its lower bound, and the sharper constant makes a longer step safe",
    claims=("harl/lemma_8/paper", "harl/lemma_8/sharp"),
    shows="true return and its lower bounds along an update, with the step that each bound recommends",
    alt=(
        "Gain in return against the length of the step. The true return rises; the bound with the printed constant "
        "turns down after a very short step, the one with the sharper constant several times later. Rings mark where "
        "each bound is largest, dots the true gain there."
    ),
    data=data,
    draw=draw,
)
