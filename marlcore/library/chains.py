"""The symmetric random walk on which the sharp constant of the joint lower bound is nearly tight.

    states 0 … N−1, left or right, reflected at the ends; r(s, right) = 1 on the left half and −1 on the right half,
    r(s, left) = −r(s, right); π uniform, so V = 0 and the advantages are the rewards, ε = 1
    π̄ goes right with probability ½ + α/2:   [J(π) + L − J(π̄)] / (C*·D) → about 0.80 as α → 0

√(2/π) = 0.798 is the limit of long horizons. The same pair of policies refutes the smaller constant 4γε/(1−γ).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.bounds import largest_advantage, lower_bound, sharp_constant_for
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.library.exact import exact
from marlcore.library.facts import Fact, Measured
from marlcore.library.registry import game
from marlcore.policies import Policy
from marlcore.values import evaluate

_SOURCE = "derived: near tightness of C* = 2ε·Li_{−1/2}(γ) in the bound of HARL's Lemma 8"


def drift_policies(game: TeamGame, alpha: Fraction) -> tuple[Policy, Policy]:
    """π, uniform, and π̄, which goes right with probability ½ + α/2."""
    rows = [[(1 - alpha) / 2, (1 + alpha) / 2]] * game.S
    return (exact([["1/2", "1/2"]] * game.S, game.kind),), (exact(rows, game.kind),)


def gap_and_divergence(game: TeamGame, alpha: Fraction) -> tuple[float, float, float]:
    """J(π) + L − J(π̄), D and ε for the pair of policies, in floats."""
    game = game.convert("float")
    old, new = drift_policies(game, alpha)
    bound = lower_bound(game, old, new, penalty=0.0)
    at = evaluate(game, old)
    return float(bound.value - evaluate(game, new).J), float(sum(bound.divergences)), float(largest_advantage(at.A, 1))


def _facts(states: int, gamma: Fraction, alpha: Fraction) -> list[Fact]:
    known = {  # at α = 1/1000, and N long enough not to feel the ends
        Fraction(9, 10): ("0.803", "1.15", 100),
        Fraction(99, 100): ("0.798", "3.54", 200),
        Fraction(999, 1000): ("0.798", "11.18", 400),
    }
    value = Measured(
        what="largest |V| of the uniform policy",
        value=0,
        measure=lambda game: numbers.amax(numbers.absolute(evaluate(game.convert("float"), _uniform(game)).V), 0),
        exact=False,
        source="derived: rewards cancel in every state",
    )
    if alpha != Fraction(1, 1000) or gamma not in known or states < known[gamma][2]:
        return [value]
    tight, refuted, _ = known[gamma]

    def over(constant: Any) -> Any:
        def ratio(game: TeamGame) -> float:
            gap, divergence, eps = gap_and_divergence(game, alpha)
            return gap / (constant(float(gamma), eps) * divergence)

        return ratio

    return [
        value,
        Measured(what="gap / (C*·D)", value=tight, measure=over(sharp_constant_for), exact=False, source=_SOURCE),
        Measured(
            what="gap / (4γε/(1−γ)·D), above 1: that constant is refuted",
            value=refuted,
            measure=over(lambda gamma, eps: 4 * gamma * eps / (1 - gamma)),
            exact=False,
            source=_SOURCE,
        ),
    ]


def _uniform(game: TeamGame) -> Policy:
    return (np.full((game.S, 2), 0.5),)


@game(
    "random_walk_chain",
    "A symmetric random walk whose advantages point to the middle: the sharp constant C* is nearly attained on it.",
    _SOURCE,
    _facts,
)
def random_walk_chain(
    states: int = 200, gamma: Fraction = Fraction(9, 10), alpha: Fraction = Fraction(1, 1000)
) -> TeamGame:
    """One agent, start in the middle; ``alpha`` belongs to the second policy (``chains.drift_policies``)."""
    if states < 2 or states % 2:
        raise InputError(f"states must be an even number, not {states}: the halves are alike")
    if not 0 < alpha <= 1:
        raise InputError(f"alpha must be in (0, 1], not {alpha}")
    at = np.arange(states)
    transitions = np.zeros((states, 2, states), dtype=int)
    transitions[at, 0, np.maximum(at - 1, 0)] = 1
    transitions[at, 1, np.minimum(at + 1, states - 1)] = 1
    right = np.where(at < states // 2, 1, -1)
    start = np.where((at == states // 2 - 1) | (at == states // 2), 1, 0)
    rewards = np.stack([-right, right], axis=1)
    return TeamGame(exact(transitions), exact(rewards), numbers.number(gamma, "rational"), exact(start) / 2)
