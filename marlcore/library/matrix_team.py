"""Matrix games in which all players get the same payoff: where coordination, not conflict, is hard."""

from __future__ import annotations

from fractions import Fraction

from marlcore.games import MatrixGame
from marlcore.library.exact import common
from marlcore.library.facts import Equilibrium, EquilibriumSet, Optimum
from marlcore.library.registry import game

_CLAUS = "Claus & Boutilier, The dynamics of reinforcement learning in cooperative multiagent systems, AAAI 1998"


@game(
    "climbing",
    "The optimum 11 is surrounded by −30: learners that average over a partner's exploration climb to 5 or 7.",
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
            source="solved by two independent programs",
        ),
    ],
)
def climbing() -> MatrixGame:
    """[[11, −30, 0], [−30, 7, 6], [0, 0, 5]] for both."""
    return common([[11, -30, 0], [-30, 7, 6], [0, 0, 5]], 2)


def _penalty_facts(k: Fraction) -> list[Optimum | Equilibrium]:
    facts: list[Optimum | Equilibrium] = [
        Equilibrium(profile=((1, 0, 0), (1, 0, 0)), payoffs=(10, 10), source=_CLAUS),
        Equilibrium(profile=((0, 0, 1), (0, 0, 1)), payoffs=(10, 10), source=_CLAUS),
        Equilibrium(profile=((0, 1, 0), (0, 1, 0)), payoffs=(2, 2), source=_CLAUS),
    ]
    if k < 10:
        facts.append(Optimum(value=10, actions=((0, 0), (2, 2)), source=_CLAUS))
    return facts if k <= 10 else []


@game(
    "penalty",
    "Two optima that must not be mixed up: the more negative k, the safer the poor equilibrium (1, 1).",
    _CLAUS,
    _penalty_facts,
)
def penalty(k: Fraction = Fraction(-30)) -> MatrixGame:
    """[[10, 0, k], [0, 2, 0], [k, 0, 10]] for both."""
    return common([[10, 0, k], [0, 2, 0], [k, 0, 10]], 2)
