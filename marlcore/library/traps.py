"""The two traps of HARL: sharing one policy (Proposition 4) and moving at the same time (Proposition 5).

Proposition 4   n even, r = 1 on (0^{n/2}, 1^{n/2}) and (1^{n/2}, 0^{n/2}), else 0:  J*_share / J* = 2 / 2ⁿ
Proposition 5   r = [[0, 2], [2, −1]]: both best-respond to π_old with π_old(0) > 3/5, and J(π_new) = −1 = min J
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from marlcore.library.exact import common, exact
from marlcore.library.facts import EquilibriumSet, Fact, Measured, Optimum, SharedOptimum
from marlcore.library.matrix_team import sequential_best_responses, simultaneous_best_responses
from marlcore.library.registry import game

_HARL = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024"
_P4, _P5 = _HARL + ", Proposition 4 of the preprint", _HARL + ", Proposition 5 of the preprint"


def _sharing_facts(n: int) -> list[Fact]:
    half = n // 2
    ends = ((0,) * half + (1,) * half, (1,) * half + (0,) * half)
    return [
        Optimum(value=1, actions=ends, source=_P4),
        SharedOptimum(value=Fraction(2, 2**n), first="1/2", source=_P4 + " (J* is 1, so this is the ratio)"),
    ]


@game(
    "trap_of_homogeneity",
    "Half of the agents must play 0 and half 1: one policy for all of them gets 2/2ⁿ of the optimum.",
    _P4,
    _sharing_facts,
)
def trap_of_homogeneity(n: int = 4) -> MatrixGame:
    """The payoff is 1 at (0^{n/2}, 1^{n/2}) and (1^{n/2}, 0^{n/2}); ``n`` is even, between 2 and 12."""
    if n % 2 or not 2 <= n <= 12:
        raise InputError(f"n must be an even number from 2 to 12, not {n}")
    table = np.zeros((2,) * n, dtype=int)
    half = n // 2
    table[(0,) * half + (1,) * half] = table[(1,) * half + (0,) * half] = 1
    return common(table.tolist(), n)


def _both_at(first: str, step: Callable[[MatrixGame, tuple[Any, Any]], Any]) -> Callable[[MatrixGame], Any]:
    def measure(game: MatrixGame) -> Any:
        strategy = exact((first, 1 - Fraction(first)), game.kind)
        return step(game, (strategy, strategy))

    return measure


@game(
    "trap_of_heterogeneity",
    "Simultaneous best responses fall to the worst payoff −1 from any π_old(0) > 3/5; sequential ones reach 2.",
    _P5,
    [
        Optimum(value=2, actions=((0, 1), (1, 0)), source=_P5),
        EquilibriumSet(
            profiles=(((1, 0), (0, 1)), ((0, 1), (1, 0)), (("3/5", "2/5"), ("3/5", "2/5"))),
            count=3,
            totally_mixed=1,
            source="derived: 2(1 − p) = 2p − (1 − p) at p = 3/5, the threshold",
        ),
        Measured(
            what="payoff after simultaneous best responses from π(0) = 61/100",
            value=-1,
            measure=_both_at("61/100", simultaneous_best_responses),
            source=_P5,
        ),
        Measured(
            what="the smallest payoff",
            value=-1,
            measure=lambda game: numbers.amin(game.payoffs[0], (0, 1)),
            source=_P5,
        ),
        Measured(
            what="payoff after simultaneous best responses from π(0) = 59/100",
            value=0,
            measure=_both_at("59/100", simultaneous_best_responses),
            source="derived: below the threshold both move to action 0",
        ),
        Measured(
            what="payoff after sequential best responses from π(0) = 61/100",
            value=2,
            measure=_both_at("61/100", sequential_best_responses),
            source=_P5,
        ),
    ],
)
def trap_of_heterogeneity() -> MatrixGame:
    """[[0, 2], [2, −1]] for both."""
    return common([[0, 2], [2, -1]], 2)


def _dispersion_facts(n: int) -> list[Fact]:
    source = "derived: a permutation of the actions; one policy for all hits one with probability n!·Πp ≤ n!/nⁿ"
    shared = Measured(
        what="payoff when every agent plays uniformly, the best of all shared policies",
        value=Fraction(factorial(n), n**n),
        measure=lambda game: game.payoffs[0].sum() * numbers.number(Fraction(1, n**n), game.kind),
        source=source,
    )
    assignments = tuple(a for a in np.ndindex(*(n,) * n) if len(set(a)) == n)
    return [Optimum(value=1, actions=assignments, source=source), shared]


@game(
    "dispersion",
    "n agents, n tasks, payoff 1 when every task is taken: agents must specialise, any task will do for each.",
    "Grenager, Powers & Shoham, Dispersion games, AAAI 2002; the specialisation game of Tessera et al., HyperMARL",
    _dispersion_facts,
)
def dispersion(n: int = 3) -> MatrixGame:
    """The payoff is 1 where all actions differ, else 0; ``n`` between 2 and 6."""
    if not 2 <= n <= 6:
        raise InputError(f"n must be between 2 and 6, not {n}")
    table = np.zeros((n,) * n, dtype=int)
    for actions in np.ndindex(*table.shape):
        table[actions] = len(set(actions)) == n
    return common(table.tolist(), n)
