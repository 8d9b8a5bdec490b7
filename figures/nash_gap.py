"""Along HATRL and its relatives the Nash gap goes to zero, if they start where every action is played.

    max_i [ max_{π̂^i} J(π̂^i, π_k^{−i}) − J(π_k) ] → 0

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Theorems 10 and 16 of the preprint. Left:
random team games from the uniform policy, HATRL with C* and mirror learning with four drifts and a KL ball; the gap as
a share of the first one, its interquartile mean in logarithms with the bootstrap's band. Right: the hypothesis that the
statement omits. On the library's ``vertex`` (one agent, rewards 0 and 1, γ = ½) HATRL never leaves the deterministic
policy that plays the worse action, and takes the longer the closer to it the start is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import band, end_label, panels
from figures.seeds import Band, band_of
from figures.style import Style
from marlcore import library, policies
from marlcore.games import TeamGame
from marlcore.trace import Trace
from tabular import haml, hatrl
from tabular.mirror.drifts import ZERO, Clip, ForwardKL, ReverseKL, SquaredL2
from tabular.mirror.neighbourhoods import ExpectedKL

FLOOR = 1e-10
"""What is smaller is drawn here: the gaps reach round-off."""
LONG = 36
"""Iterations on the game ``vertex``."""
EVERY = 2
"""Iterations between two records of the random games."""
HUES = {
    "HATRL, C*": "ink",
    "forward KL": "blue",
    "reverse KL": "gold",
    "squared L2": "green",
    "clip": "purple",
    "KL ball": "orange",
}


@dataclass(frozen=True)
class Data:
    """Gaps by method as shares of the first, and on the game ``vertex`` by start."""

    iterations: np.ndarray
    gaps: dict[str, np.ndarray]
    """(iterations, games)."""
    bands: dict[str, Band]
    """Of log₁₀ of the gaps, floored."""
    starts: np.ndarray
    """π_0 of the better action."""
    long_iterations: np.ndarray
    stuck: np.ndarray
    """(iterations, starts): the gap itself."""


def data(games: int = 8, iterations: int = 48, gamma: float = 0.6, scale: float = 3.0, seed: int = 1) -> Data:
    """Random games of 2 agents with 2 and 3 actions and 3 states; ``scale`` multiplies the KL and L2 drifts."""
    runs: dict[str, list[np.ndarray]] = {name: [] for name in HUES}
    for k in range(games):
        game = TeamGame.random(3, (2, 3), np.random.default_rng((seed, k)), discount=gamma)
        for name, trace in _runs(game, iterations, scale, k).items():
            found = np.maximum(np.asarray(trace.nash_gaps)[:, 0], 0)
            runs[name].append(found / found[0])
    gaps = {name: np.array(found).T for name, found in runs.items()}
    bands = {name: band_of(np.log10(np.maximum(found, FLOOR))) for name, found in gaps.items()}
    starts = np.array([0.0, 1e-12, 1e-6, 0.5])
    game = library.load("vertex").convert("float")
    traces = [hatrl(game, (np.array([[1 - p, p]]),), LONG, "sharp") for p in starts]
    stuck = np.array([np.asarray(t.nash_gaps)[:, 0] for t in traces]).T
    return Data(np.arange(0, iterations + 1, EVERY), gaps, bands, starts, np.arange(LONG + 1), stuck)


def _runs(game: TeamGame, iterations: int, scale: float, seed: int) -> dict[str, Trace]:
    start = policies.uniform(game)

    def mirror(drift: Any, **options: Any) -> Trace:
        return haml(game, start, drift, iterations=iterations, rng=seed, every=EVERY, **options)

    return {
        "HATRL, C*": hatrl(game, start, iterations, "sharp", rng=seed, every=EVERY),
        "forward KL": mirror(ForwardKL(scale)),
        "reverse KL": mirror(ReverseKL(scale)),
        "squared L2": mirror(SquaredL2(scale)),
        "clip": mirror(Clip(0.2)),
        "KL ball": mirror(ZERO, neighbourhood=ExpectedKL(0.005)),
    }


def draw(data: Data, style: Style) -> Canvas:
    """Gaps over the iterations: many games on a logarithmic scale, and one game by start."""
    canvas, (left, right) = panels(style, 2, width_ratios=(1.15, 1))
    for name, hue in HUES.items():
        found = data.bands[name]
        band(left, style, data.iterations, 10**found.low, 10**found.estimate, 10**found.high, style[hue])
        end_label(left, style, float(10 ** found.estimate[-1]), name, style[hue])
    left.set(yscale="log", ylim=(FLOOR / 2, 3), xlim=(0, data.iterations[-1]))
    left.set_yticks([1e-9, 1e-6, 1e-3, 1], ["10⁻⁹", "10⁻⁶", "10⁻³", "1"])
    left.minorticks_off()
    left.set(xlabel="k, iterations", ylabel="Nash gap / first one")
    left.set_title("from the uniform policy")
    for k, start in enumerate(data.starts):
        colour = style["orange"] if start == 0 else style["blue"]
        right.plot(data.long_iterations, data.stuck[:, k], color=colour, zorder=3 if start == 0 else 2)
        if start == 0:
            end_label(right, style, float(data.stuck[-1, k]), "start at 0:\nnever", colour)
        else:
            at = int(np.argmin(np.abs(data.stuck[:, k] - 0.9)))
            place = (data.long_iterations[at], data.stuck[at, k])
            right.annotate(
                "½" if start == 0.5 else f"10{_power(start)}",
                place,
                xytext=(0.3 * style.type, 0),
                textcoords="offset points",
                color=colour,
                size=style.small,
                va="center",
            )
    right.set(xlim=(0, data.long_iterations[-1]), ylim=(-0.08, 2.2), yticks=(0, 1, 2))
    right.set(xlabel="k, iterations", ylabel="Nash gap")
    right.set_title("by π₀ of the better action")
    return canvas


def _power(x: float) -> str:
    return str(round(np.log10(x))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


FIGURE = Figure(
    name="nash_gap",
    title="In turn the agents approach a Nash equilibrium, but only from a start that plays every action",
    claims=("harl/theorem_10/interior_start", "harl/theorem_10/any_start", "harl/theorem_16/nash_limit"),
    shows="the Nash gap along HATRL and mirror learning, and the starts from which it stays",
    alt=(
        "Left: the Nash gap falls by orders of magnitude for HATRL and for mirror learning with five choices of drift "
        "and neighbourhood. Right: on a game of one agent the gap falls the later the less the start plays the better "
        "action, and never if it does not play it."
    ),
    data=data,
    draw=draw,
)
