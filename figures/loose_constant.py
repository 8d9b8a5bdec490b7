"""How much of the bound's penalty do games use up?  Little of the printed C, most of the sharper C*.

    share = [J(π) + Σ_m L_m − J(π̄)] / (C·D),  D = Σ_i D^max_KL(π^i, π̄^i),  C = 4γε/(1−γ)²,  C* = 2ε·Li_{−1/2}(γ)

A share of 1 is equality in Lemma 8. Three kinds of games: random ones with random pairs of policies; what the ledger's
adversary finds by gradient search over games and policies of three states; and the symmetric random walk of
``marlcore.library.chains``, which uses about 0.80 of C* at any long horizon. Sources: Zhong et al.,
*Heterogeneous-Agent Reinforcement Learning*, JMLR 2024, Lemma 8 of the preprint; C* is proved in ``marlcore.bounds``.
Asymptotically C*/C ~ (√π/4)·√(1−γ): the horizon's square root is what the printed constant gives away.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.figure import Figure
from figures.parts import end_label, panels
from figures.style import Style
from marlcore import library, policies
from marlcore.bounds import lower_bound, paper_constant, sharp_constant
from marlcore.games import TeamGame
from marlcore.library import chains
from marlcore.values import evaluate
from proofs_check.claim import Family
from proofs_check.claims.harl import lemma_8
from proofs_check.engines import adversary
from proofs_check.families import team_pair
from proofs_check.instances import Fixed, Layout

DISCOUNTS = ("1/2", "3/4", "9/10", "24/25", "99/100")
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Data:
    """Shares of the printed penalty, one for each horizon."""

    horizons: np.ndarray
    """1/(1−γ)."""
    random: np.ndarray
    """(horizons, 3): the 5 %, 50 % and 95 % quantiles over random games."""
    largest: np.ndarray
    """The largest share among the random games."""
    adversary: np.ndarray
    walk: np.ndarray
    curve: np.ndarray
    """Horizons for the curve C*/C."""
    sharp: np.ndarray


def data(
    discounts: tuple[str, ...] = DISCOUNTS, games: int = 1000, restarts: int = 12, steps: int = 100, seed: int = 0
) -> Data:
    """Discounts as fractions; ``restarts`` and ``steps`` of the adversary, the random games by ``seed``."""
    gammas = [Fraction(text) for text in discounts]
    drawn = [_random(float(gamma), games, seed) for gamma in gammas]
    curve = np.geomspace(1.25, 1 / float(1 - max(gammas)), 100)
    at = 1 - 1 / curve
    return Data(
        np.array([1 / float(1 - gamma) for gamma in gammas]),
        np.array([np.quantile(shares, QUANTILES) for shares in drawn]),
        np.array([shares.max() for shares in drawn]),
        np.array([_attacked(gamma, restarts, steps, seed) for gamma in gammas]),
        np.array([_walk(gamma) for gamma in gammas]),
        curve,
        sharp_constant(at) / paper_constant(at, 1.0),
    )


def _random(gamma: float, count: int, seed: int) -> np.ndarray:
    """Shares of random games with random pairs of policies, where the bound is not met with something to spare."""
    rng = np.random.default_rng(seed)
    game = TeamGame.random(3, (2, 2), rng, discount=gamma, batch=count)
    old = policies.random(game, rng)
    new = policies.mix(old, policies.random(game, rng), 0.1)
    bound = lower_bound(game, old, new, penalty="paper")
    penalty = bound.constant * sum(bound.divergences)
    gap = bound.value + penalty - evaluate(game, new).J
    # the gap has either sign: a share is of the cases in which the penalty is needed at all
    return (gap / penalty)[gap > 0]


def _attacked(gamma: Fraction, restarts: int, steps: int, seed: int) -> float:
    """The largest share that gradient search finds among games of three states and two agents of two actions."""

    def layout(states: int, actions: tuple[int, ...]) -> Layout:
        return {**team_pair(states, actions), "discount": Fixed(str(gamma))}

    sizes = {"states": 3, "actions": (2, 2)}
    family = Family(layout, (sizes,))
    claim = dataclasses.replace(lemma_8.sharp, family=family)
    rng = np.random.default_rng(seed)
    with adversary.one_thread(True):
        _, value, _, _ = adversary.by_gradient(claim, family.sample(rng, restarts, sizes), (), steps, rng)
    return (1 - value) * _sharp_over_paper(float(gamma))


def _walk(gamma: Fraction) -> float:
    """The share of the random walk, long enough not to feel its ends."""
    states = 2 * int(np.ceil(5 * np.sqrt(1 / float(1 - gamma)) + 5))
    game = library.load("random_walk_chain", states=states, gamma=gamma)
    assert isinstance(game, TeamGame)
    gap, divergence, eps = chains.gap_and_divergence(game, Fraction(1, 1000))
    return gap / (float(paper_constant(float(gamma), eps)) * divergence)


def _sharp_over_paper(gamma: float) -> float:
    return float(sharp_constant(gamma) / paper_constant(gamma, 1.0))


def draw(data: Data, style: Style) -> Canvas:
    """Shares on two logarithmic scales, below the lines of the two constants."""
    canvas, (ax,) = panels(style)
    x = data.horizons
    low, middle, high = data.random.T
    ax.axhline(1, color=style["ink"])
    ax.plot(data.curve, data.sharp, color=style["green"])
    ring = {"markerfacecolor": style["paper"], "markeredgewidth": 0.8 * style.line, "clip_on": False, "zorder": 4}
    ax.plot(x, data.walk, "o", color=style["green"], **ring)
    ax.plot(x, data.adversary, "--", color=style["orange"], linewidth=0.5 * style.line)
    ax.plot(x, data.adversary, "D", color=style["orange"], markersize=0.8 * style.marker, clip_on=False)
    ax.fill_between(x, low, high, color=style["blue"], alpha=0.22, linewidth=0)
    ax.plot(x, middle, color=style["blue"])
    ax.set(xscale="log", yscale="log", xlim=(data.curve[0], data.curve[-1]), ylim=(low.min() / 2, 2.5))
    ticks = [2, 4, 10, 25, 100]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set(xlabel="1/(1−γ), the horizon", ylabel="share of the penalty C·D that is needed")
    end_label(ax, style, 1, "C, as printed", style["ink"])
    end_label(ax, style, float(data.sharp[-1]), "C*, sharper;\nrings: random walk", style["green"])
    end_label(ax, style, float(data.adversary[-1]), "adversary's games", style["orange"])
    end_label(ax, style, float(middle[-1]), "random games:\nmedian, 5–95 %", style["blue"])
    return canvas


FIGURE = Figure(
    name="loose_constant",
    title="The longer the horizon, the looser the printed constant; a random walk needs most of the sharper one",
    claims=("harl/lemma_8/paper", "harl/lemma_8/sharp", "harl/lemma_8/best_constant"),
    shows="the share of the penalty that random games, the adversary and a random walk need, by horizon",
    alt=(
        "Share of the printed penalty against the horizon, both logarithmic. The printed constant is the line at one. "
        "The sharper constant falls with the root of the horizon, a random walk just below it at every horizon, games "
        "found by gradient search below that, and random games far below."
    ),
    data=data,
    draw=draw,
)
