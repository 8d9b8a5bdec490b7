"""Two-player matrix games in which both get the same payoff: where coordination, not conflict, is hard.

The facts include what value factorisation makes of them: the best additive fit (VDN) and the best monotone fit (QMIX)
of the payoff table, and where a team that trusts the fit would go.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore.games import MatrixGame
from marlcore.library.exact import common, exact
from marlcore.library.facts import Equilibrium, EquilibriumSet, Fact, Measured, Optimum
from marlcore.library.fits import additive_fit, monotone_fit
from marlcore.library.registry import game

_CLAUS = "Claus & Boutilier, The dynamics of reinforcement learning in cooperative multiagent systems, AAAI 1998"
_ISOTONIC = "derived: isotonic regression over all orders of the actions"
_ADDITIVE = "derived: row mean + column mean − mean"


def monotone_error(game: MatrixGame) -> float:
    """The squared error of the best monotone fit."""
    return float(monotone_fit(game.convert("float").payoffs[0])[0])


def monotone_argmax(game: MatrixGame) -> tuple[int, ...]:
    """The joint action at which the best monotone fit is largest (the first of equals)."""
    fit = monotone_fit(game.convert("float").payoffs[0])[1]
    return tuple(int(a) for a in np.argwhere(fit >= fit.max() - 1e-9)[0])


def additive_maxima(game: MatrixGame) -> int:
    """At how many joint actions the best additive fit is largest."""
    fit = additive_fit(game.payoffs[0])
    return int((fit == fit.max()).sum())


def additive_argmax(game: MatrixGame) -> tuple[int, ...]:
    """The joint action at which the best additive fit is largest (the first of equals)."""
    fit = additive_fit(game.payoffs[0])
    return tuple(int(a) for a in np.argwhere(fit == fit.max())[0])


def _measured(what: str, value: Any, measure: Callable[[Any], Any], source: str) -> Measured:
    return Measured(what=what, value=value, measure=measure, source=source)


@game(
    "climbing",
    "The optimum 11 is surrounded by −30: learners that average over a partner's exploration climb to 7 or 5.",
    _CLAUS,
    [
        Optimum(value=11, actions=((0, 0),), source=_CLAUS),
        EquilibriumSet(
            profiles=(
                ((1, 0, 0), (1, 0, 0)),
                ((0, 1, 0), (0, 1, 0)),
                (("5/16", 0, "11/16"), ("5/16", 0, "11/16")),
            ),
            count=3,
            source="solved by independent programs",
        ),
        _measured("squared error of the best monotone fit", "997.42", monotone_error, _ISOTONIC),
        _measured("joint action that the best monotone fit prefers", (2, 2), monotone_argmax, _ISOTONIC),
        _measured("joint action that the best additive fit prefers", (2, 2), additive_argmax, _ADDITIVE),
    ],
)
def climbing() -> MatrixGame:
    """[[11, −30, 0], [−30, 7, 6], [0, 0, 5]] for both."""
    return common([[11, -30, 0], [-30, 7, 6], [0, 0, 5]], 2)


def _penalty_facts(k: Fraction) -> list[Fact]:
    if k >= 2:
        return []
    corner, other, middle = (1, 0, 0), (0, 0, 1), (0, 1, 0)
    facts: list[Fact] = [
        Optimum(value=10, actions=((0, 0), (2, 2)), source=_CLAUS),
        Equilibrium(profile=(corner, corner), payoffs=(10, 10), source=_CLAUS),
        Equilibrium(profile=(other, other), payoffs=(10, 10), source=_CLAUS),
        Equilibrium(profile=(middle, middle), payoffs=(2, 2), source=_CLAUS),
    ]
    if k < -8:
        facts.append(_measured("joint action that the best additive fit prefers", (1, 1), additive_argmax, _ADDITIVE))
        facts.append(
            _measured("joint actions at which the best additive fit is largest", 1, additive_maxima, _ADDITIVE)
        )
    elif k > -8:
        source = _ADDITIVE + ": rows and columns 0 and 2 tie, so greedy agents may pick (0, 2)"
        facts.append(_measured("joint actions at which the best additive fit is largest", 4, additive_maxima, source))
    if k in (-30, -100):
        facts.append(_measured("joint action that the best monotone fit prefers", (1, 1), monotone_argmax, _ISOTONIC))
    elif -8 <= k <= 0:
        facts.append(_measured("joint action that the best monotone fit prefers", (2, 2), monotone_argmax, _ISOTONIC))
    return facts


@game(
    "penalty",
    "Two optima that must not be mixed up: the more negative k, the safer the poor equilibrium (1, 1).",
    _CLAUS,
    _penalty_facts,
)
def penalty(k: Fraction = Fraction(-30)) -> MatrixGame:
    """[[10, 0, k], [0, 2, 0], [k, 0, 10]] for both."""
    return common([[10, 0, k], [0, 2, 0], [k, 0, 10]], 2)


def simultaneous_best_responses(game: MatrixGame, profile: tuple[Any, Any]) -> Any:
    """The common payoff after both move to their best response to the other's old strategy."""
    table = game.payoffs[0]
    return table[int(np.argmax(table @ profile[1])), int(np.argmax(profile[0] @ table))]


def sequential_best_responses(game: MatrixGame, profile: tuple[Any, Any]) -> Any:
    """The common payoff after player 1 moves, then player 2 to its best response to player 1's new strategy."""
    table = game.payoffs[0]
    first = int(np.argmax(table @ profile[1]))
    return table[first, int(np.argmax(table[first]))]


_PRODUCT = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024, figure 1"


def _from_apart(step: Callable[[MatrixGame, tuple[Any, Any]], Any]) -> Callable[[MatrixGame], Any]:
    return lambda game: step(game, (exact(("1/4", "3/4"), game.kind), exact(("3/4", "1/4"), game.kind)))


@game(
    "product",
    "Both get a₁·a₂ with actions −1 and 1: from opposite signs simultaneous steps lower it, sequential steps raise it.",
    _PRODUCT,
    [
        Optimum(value=1, actions=((0, 0), (1, 1)), source="derived"),
        EquilibriumSet(
            profiles=(((1, 0), (1, 0)), ((0, 1), (0, 1)), (("1/2", "1/2"), ("1/2", "1/2"))),
            count=3,
            totally_mixed=1,
            source="derived",
        ),
        Measured(
            what="payoff after simultaneous best responses from π(−1) = (1/4, 3/4), where it is −1/4",
            value=-1,
            measure=_from_apart(simultaneous_best_responses),
            source=_PRODUCT,
        ),
        Measured(
            what="payoff after sequential best responses from there",
            value=1,
            measure=_from_apart(sequential_best_responses),
            source=_PRODUCT,
        ),
    ],
)
def product() -> MatrixGame:
    """[[1, −1], [−1, 1]] for both: action 0 is −1, action 1 is 1."""
    return common([[1, -1], [-1, 1]], 2)
