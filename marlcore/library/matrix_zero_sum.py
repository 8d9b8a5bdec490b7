"""Zero-sum matrix games: R is what the row player gets, the column player gets −R.

Every value is recorded with a strategy of each player that guarantees it, so that it is checked by two products.
"""

from __future__ import annotations

from fractions import Fraction

from marlcore.errors import InputError
from marlcore.games import MatrixGame
from marlcore.library.exact import zero_sum
from marlcore.library.facts import Equilibrium, EquilibriumSet, Value
from marlcore.library.registry import game

_HALF = ("1/2", "1/2")
_THIRD = ("1/3", "1/3", "1/3")
_NEUMANN = "von Neumann, Zur Theorie der Gesellschaftsspiele, 1928"
_GAMBIT = "test games distributed with Gambit"


@game(
    "matching_pennies",
    "The row player wants the pennies to match, the column player wants them to differ.",
    _NEUMANN,
    [Value(value=0, row=_HALF, column=_HALF, source=_NEUMANN)],
)
def matching_pennies() -> MatrixGame:
    """[[1, −1], [−1, 1]]."""
    return zero_sum([[1, -1], [-1, 1]])


@game(
    "rock_paper_scissors",
    "Each action beats one of the others and loses to the third: the standard cyclic game.",
    "Dahl, The lagging anchor algorithm, Machine Learning 49, 2002",
    [Value(value=0, row=_THIRD, column=_THIRD, source="by symmetry")],
)
def rock_paper_scissors() -> MatrixGame:
    """[[0, −1, 1], [1, 0, −1], [−1, 1, 0]]."""
    return zero_sum([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])


def _weighted_facts(rock: Fraction, paper: Fraction, scissors: Fraction) -> list[Value]:
    # (x R)_j = 0 for all j: x ∝ (what the other two stakes pay), by the cross product of two columns of R
    total = rock + paper + scissors
    x = (scissors / total, rock / total, paper / total)
    return [Value(value=0, row=x, column=x, source="derived: the kernel of a skew-symmetric 3×3 matrix")]


@game(
    "weighted_rock_paper_scissors",
    "Rock-paper-scissors in which each win has its own stake; the equilibrium plays what the others' stakes make safe.",
    "skew-symmetric 3×3 games; Kaplansky, Annals of Mathematics 46, 1945",
    _weighted_facts,
)
def weighted_rock_paper_scissors(
    rock: Fraction = Fraction(1), paper: Fraction = Fraction(1), scissors: Fraction = Fraction(2)
) -> MatrixGame:
    """R with a win by ``rock``, ``paper`` and ``scissors`` paying that stake; all must be positive."""
    for symbol, stake in (("rock", rock), ("paper", paper), ("scissors", scissors)):
        if stake <= 0:
            raise InputError(f"{symbol} must be positive, not {stake}")
    return zero_sum([[0, -paper, rock], [paper, 0, -scissors], [-rock, scissors, 0]])


_BIASED = ("1/16", "10/16", "5/16")


@game(
    "biased_rock_paper_scissors",
    "Rock-paper-scissors with stakes 25, 5 and 50: from a uniform start nothing is proved, methods separate here.",
    "biased rock-paper-scissors of OpenSpiel's matrix games",
    [
        Value(
            value=0, row=_BIASED, column=_BIASED, source="OpenSpiel's test data; solved again by independent programs"
        ),
        EquilibriumSet(
            profiles=((_BIASED, _BIASED),), count=1, source="derived: an odd skew-symmetric game without a pure saddle"
        ),
    ],
)
def biased_rock_paper_scissors() -> MatrixGame:
    """[[0, −25, 50], [25, 0, −5], [−50, 5, 0]]."""
    return zero_sum([[0, -25, 50], [25, 0, -5], [-50, 5, 0]])


@game(
    "dominance",
    "Row 0 and column 1 survive dominance: a pure saddle point.",
    _GAMBIT,
    [
        Value(value=1, row=(1, 0), column=(0, 1, 0), source="saddle point: smallest of its row, largest of its column"),
        EquilibriumSet(profiles=(((1, 0), (0, 1, 0)),), count=1, source="iterated strict dominance"),
    ],
)
def dominance() -> MatrixGame:
    """[[2, 1, 5], [−3, −4, −2]]."""
    return zero_sum([[2, 1, 5], [-3, -4, -2]])


@game(
    "rock_paper_scissors_with_a_loser",
    "Rock-paper-scissors with a fourth row that always loses: not square, value 0.",
    "test games of public zero-sum solvers",
    [Value(value=0, row=("1/3", "1/3", "1/3", 0), column=_THIRD, source="by symmetry of the first three rows")],
)
def rock_paper_scissors_with_a_loser() -> MatrixGame:
    """[[0, 1, −1], [−1, 0, 1], [1, −1, 0], [−1, −1, −1]]."""
    return zero_sum([[0, 1, -1], [-1, 0, 1], [1, -1, 0], [-1, -1, -1]])


@game(
    "degenerate_zero_sum",
    "Two equal rows make the game degenerate: the row player's equilibrium strategies are a segment.",
    "test games of Nashpy (degenerate games)",
    [
        Value(value="-1/2", row=("1/2", "1/2", 0), column=("1/2", "1/2", 0), source="derived from the two strategies"),
        EquilibriumSet(
            profiles=(
                (("1/2", "1/2", 0), ("1/2", "1/2", 0)),
                (("1/2", 0, "1/2"), ("1/2", "1/2", 0)),
            ),
            count=2,
            extreme=True,
            source="test data of public solvers, found again by vertex enumeration",
        ),
    ],
)
def degenerate_zero_sum() -> MatrixGame:
    """[[0, −1, 1], [−1, 0, 1], [−1, 0, 1]]."""
    return zero_sum([[0, -1, 1], [-1, 0, 1], [-1, 0, 1]])


def _constant_facts(value: Fraction) -> list[Value | Equilibrium]:
    return [
        Value(value=value, row=_HALF, column=_HALF, source="every entry is the value"),
        Equilibrium(profile=((1, 0), (0, 1)), payoffs=(value, -value), source="any profile is an equilibrium"),
        Equilibrium(profile=(("1/3", "2/3"), _HALF), payoffs=(value, -value), source="any profile is an equilibrium"),
    ]


@game(
    "constant",
    "Every entry is the same: every profile is an equilibrium, which refutes 'a zero-sum game has only one'.",
    "the value is unique, equilibrium strategies need not be: von Neumann 1928",
    _constant_facts,
)
def constant(value: Fraction = Fraction(0)) -> MatrixGame:
    """[[v, v], [v, v]]."""
    return zero_sum([[value, value], [value, value]])
