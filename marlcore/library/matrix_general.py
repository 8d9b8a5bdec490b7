"""Two-player matrix games that are neither zero-sum nor common-interest: A is player 1's table, B player 2's.

Both tables are indexed (player 1's action, player 2's action). Numbers of equilibria were checked by enumerating the
vertices of the best-response polytopes; in a degenerate game the *extreme* equilibria are counted.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from marlcore.games import MatrixGame
from marlcore.library.exact import bimatrix, exact
from marlcore.library.facts import Equilibrium, EquilibriumSet, Fact, Gap, Measured
from marlcore.library.registry import game

_HALF = ("1/2", "1/2")
_THIRD = ("1/3", "1/3", "1/3")
_LUCE = "Luce & Raiffa, Games and Decisions, 1957"
_ENUMERATED = "vertices of the best-response polytopes, enumerated"
_GAMBIT = "test games distributed with Gambit"


@game(
    "prisoners_dilemma",
    "To defect (action 1) dominates, although both would gain by cooperating.",
    _LUCE,
    [
        EquilibriumSet(profiles=(((0, 1), (0, 1)),), count=1, source="strict dominance"),
        Equilibrium(profile=((0, 1), (0, 1)), payoffs=(1, 1), source="strict dominance"),
        Gap(profile=((1, 0), (1, 0)), gap=2, label="both cooperate", source="derived: 5 − 3"),
    ],
)
def prisoners_dilemma() -> MatrixGame:
    """[[3, 0], [5, 1]] for player 1, its transpose for player 2."""
    return bimatrix([[3, 0], [5, 1]], [[3, 5], [0, 1]])


@game(
    "chicken",
    "Dare (action 0) against chicken (action 1): two pure equilibria, a mixed one, and better correlated ones.",
    "Aumann, Subjectivity and correlation in randomized strategies, 1974",
    [
        EquilibriumSet(
            profiles=(((1, 0), (0, 1)), ((0, 1), (1, 0)), (("1/3", "2/3"), ("1/3", "2/3"))),
            count=3,
            totally_mixed=1,
            source=_ENUMERATED,
        ),
        Equilibrium(profile=(("1/3", "2/3"), ("1/3", "2/3")), payoffs=("14/3", "14/3"), source="derived"),
    ],
)
def chicken() -> MatrixGame:
    """[[0, 7], [2, 6]] for player 1, its transpose for player 2."""
    return bimatrix([[0, 7], [2, 6]], [[0, 2], [7, 6]])


@game(
    "battle_of_the_sexes",
    "Both want to meet, each at a different place.",
    _LUCE,
    [
        EquilibriumSet(
            profiles=(((1, 0), (1, 0)), ((0, 1), (0, 1)), (("2/3", "1/3"), ("1/3", "2/3"))),
            count=3,
            totally_mixed=1,
            source=_ENUMERATED,
        ),
        Equilibrium(profile=(("2/3", "1/3"), ("1/3", "2/3")), payoffs=("2/3", "2/3"), source="derived"),
    ],
)
def battle_of_the_sexes() -> MatrixGame:
    """A = [[2, 0], [0, 1]], B = [[1, 0], [0, 2]]."""
    return bimatrix([[2, 0], [0, 1]], [[1, 0], [0, 2]])


@game(
    "stag_hunt",
    "The stag (action 0) pays most, the hare (action 1) is safe: payoff dominance against risk dominance.",
    "Rousseau's tale; Skyrms, The Stag Hunt, 2004",
    [
        EquilibriumSet(
            profiles=(((1, 0), (1, 0)), ((0, 1), (0, 1)), (("2/3", "1/3"), ("2/3", "1/3"))),
            count=3,
            totally_mixed=1,
            source=_ENUMERATED,
        ),
        Equilibrium(profile=((1, 0), (1, 0)), payoffs=(4, 4), source="payoff-dominant"),
        Equilibrium(profile=((0, 1), (0, 1)), payoffs=(2, 2), source="risk-dominant: it is left only above 2/3"),
    ],
)
def stag_hunt() -> MatrixGame:
    """[[4, 0], [3, 2]] for player 1, its transpose for player 2."""
    return bimatrix([[4, 0], [3, 2]], [[4, 3], [0, 2]])


_SHAPLEY_A = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
_SHAPLEY_B = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


@game(
    "shapley",
    "Shapley's 3×3 game: fictitious play cycles in ever longer rounds and never settles.",
    "Shapley, Some topics in two-person games, 1964",
    [
        EquilibriumSet(profiles=((_THIRD, _THIRD),), count=1, totally_mixed=1, source="Shapley 1964; " + _ENUMERATED),
        Equilibrium(profile=(_THIRD, _THIRD), payoffs=("1/3", "1/3"), source="solved by independent programs"),
    ],
)
def shapley() -> MatrixGame:
    """A = [[0,0,1],[1,0,0],[0,1,0]], B = [[0,1,0],[0,0,1],[1,0,0]]."""
    return bimatrix(_SHAPLEY_A, _SHAPLEY_B)


_CYCLE_THIRD = ("1/3", "1/3", "1/3", 0)
# the cycle pays 1/3, the last action 1/10 against itself: mixed with weight w on the cycle, w/3 = (1 − w)/10
_CYCLE_MIXED = ("1/13", "1/13", "1/13", "10/13")


@game(
    "shapley_with_a_strict_equilibrium",
    "Shapley's cycle beside a strict pure equilibrium that linear reward-inaction does not find from uniform.",
    "derived: a hypothesis that convergence of linear reward-inaction to strict equilibria needs",
    [
        EquilibriumSet(
            profiles=(
                ((0, 0, 0, 1), (0, 0, 0, 1)),
                (_CYCLE_THIRD, _CYCLE_THIRD),
                (_CYCLE_MIXED, _CYCLE_MIXED),
            ),
            count=3,
            totally_mixed=1,
            source=_ENUMERATED,
        ),
        Equilibrium(profile=((0, 0, 0, 1), (0, 0, 0, 1)), payoffs=("1/10", "1/10"), source="strict: leaving it pays 0"),
    ],
)
def shapley_with_a_strict_equilibrium() -> MatrixGame:
    """A = I₃ ⊕ (1/10), B = [[0,1,0],[0,0,1],[1,0,0]] ⊕ (1/10)."""
    return bimatrix(
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, "1/10"]],
        [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, "1/10"]],
    )


@game(
    "tricky_game",
    "Its one equilibrium is mixed, and the gradient of either payoff points away from it half of the time.",
    "Schwartz, Multi-Agent Machine Learning, 2014, chapter 3",
    [
        EquilibriumSet(profiles=((_HALF, _HALF),), count=1, totally_mixed=1, source=_ENUMERATED),
        Equilibrium(profile=(_HALF, _HALF), payoffs=("3/2", "3/2"), source="solved by independent programs"),
    ],
)
def tricky_game() -> MatrixGame:
    """R₁ = [[0, 3], [1, 2]], R₂ = [[3, 2], [0, 1]]."""
    return bimatrix([[0, 3], [1, 2]], [[3, 2], [0, 1]])


def _von_stengel_facts(b01: Fraction) -> list[Fact]:
    first = ((1, 0, 0), (1, 0))
    second = (("4/5", "1/5", 0), ("2/3", "1/3"))
    third = ((0, "1/3", "2/3"), ("1/3", "2/3"))
    if b01 == 2:
        source = "von Stengel, Equilibrium computation for two-player games, Algorithmic Game Theory 2007, example 3.3"
        return [EquilibriumSet(profiles=(first, second, third), count=3, source=source)]
    if b01 == 3:
        # player 2 is indifferent at row 0: the first equilibrium grows into a segment that ends at (2/3, 1/3)
        segment = ((1, 0, 0), ("2/3", "1/3"))
        return [EquilibriumSet(profiles=(first, segment, third), count=3, extreme=True, source=_ENUMERATED)]
    return []


@game(
    "von_stengel",
    "Three equilibria, of which Lemke–Howson's paths reach the first and the third only; degenerate at b01 = 3.",
    "von Stengel, Equilibrium computation for two-player games, Algorithmic Game Theory, 2007, chapter 3",
    _von_stengel_facts,
)
def von_stengel(b01: Fraction = Fraction(2)) -> MatrixGame:
    """A = [[3,3],[2,5],[0,6]], B = [[3,b01],[2,6],[3,1]]."""
    return bimatrix([[3, 3], [2, 5], [0, 6]], [[3, b01], [2, 6], [3, 1]])


@game(
    "lemke_howson_ties",
    "Lemke–Howson cycles for ever on this degenerate game when ties are broken carelessly.",
    "test games of QuantEcon (Lemke–Howson with lexicographic pivoting)",
    [Equilibrium(profile=((0, "2/3", "1/3"), (0, 1, 0)), payoffs=(1, "2/3"), source="QuantEcon's test data")],
)
def lemke_howson_ties() -> MatrixGame:
    """A = [[0,0,0],[0,1,1],[1,1,0]], Bᵀ = [[1,0,1],[1,1,0],[0,0,2]]."""
    return bimatrix([[0, 0, 0], [0, 1, 1], [1, 1, 0]], [[1, 1, 0], [0, 1, 0], [1, 0, 2]])


@game(
    "two_extreme_equilibria",
    "Degenerate: player 1 is indifferent at column 0, so equilibria form a segment; two libraries report one end only.",
    "found in a comparison of public solvers (Nashpy's and QuantEcon's enumerations miss the second)",
    [
        EquilibriumSet(
            profiles=(((0, 1), (1, 0)), (("2/7", "5/7"), (1, 0))),
            count=2,
            extreme=True,
            source="solved by independent programs in exact numbers",
        )
    ],
)
def two_extreme_equilibria() -> MatrixGame:
    """A = [[−3, 3], [−3, 5]], B = [[2, 7], [4, 2]]."""
    return bimatrix([[-3, 3], [-3, 5]], [[2, 7], [4, 2]])


@game(
    "missed_by_support_enumeration",
    "A generic 3×3 game; Nashpy's support enumeration, which compares floats with ==, returns two of its equilibria.",
    "found by comparing Nashpy 0.0.43 with exact arithmetic on random games of one decimal",
    [
        EquilibriumSet(
            profiles=(
                ((0, 1, 0), (1, 0, 0)),
                (("5/12", 0, "7/12"), (0, "1/5", "4/5")),
                (("11/27", "3/27", "13/27"), ("5/25", "7/25", "13/25")),
            ),
            count=3,
            totally_mixed=1,
            source=_ENUMERATED + "; the second is the one that is missed",
        )
    ],
)
def missed_by_support_enumeration() -> MatrixGame:
    """A = [[5,4,3],[9,3,2],[8,0,4]]/10, B = [[3,0,7],[9,7,3],[5,8,3]]/10."""
    first, second = exact([[5, 4, 3], [9, 3, 2], [8, 0, 4]]), exact([[3, 0, 7], [9, 7, 3], [5, 8, 3]])
    return MatrixGame(np.stack([first, second]) / 10)


@game(
    "hidden_tie",
    "Random integers with one tie (player 2, row 2): Lemke–Howson can return NaN, enumerations one equilibrium of 3.",
    "found by comparing Nashpy 0.0.43 and QuantEcon's enumeration with exact arithmetic on random games of integers",
    [
        EquilibriumSet(
            profiles=(
                ((0, "2/5", 0, "3/5"), (0, 0, "5/14", "9/14")),
                ((0, 0, 1, 0), (0, 0, "25/72", "47/72")),
                ((0, 0, 1, 0), (0, 0, 0, 1)),
            ),
            count=3,
            extreme=True,
            source=_ENUMERATED + " in exact numbers; the first is the one that QuantEcon's enumeration returns",
        )
    ],
)
def hidden_tie() -> MatrixGame:
    """Integers below 100."""
    return bimatrix(
        [[45, 54, 52, 34], [94, 37, 66, 38], [45, 98, 19, 63], [43, 67, 75, 33]],
        [[67, 68, 45, 13], [62, 6, 88, 85], [84, 1, 97, 97], [59, 82, 76, 78]],
    )


def _reward_penalty_rest_point(ratio: Fraction) -> Any:
    """A function that finds where the mean step of L_R-P is 0 at η₂/η₁ = ``ratio``: both first probabilities."""

    def measure(game: Any) -> np.ndarray:
        tables = game.convert("float").payoffs

        def drift(point: np.ndarray) -> np.ndarray:
            x, y = np.array([point[0], 1 - point[0]]), np.array([point[1], 1 - point[1]])
            means = (tables[0] @ y, tables[1].T @ x)
            return np.array([_mean_step(p, r, float(ratio)) for p, r in zip((x, y), means, strict=True)])

        point = np.array([0.4, 0.4])
        for _ in range(50):  # Newton with central differences: the drift is a polynomial of degree 3
            columns = [(drift(point + h) - drift(point - h)) / 2e-5 for h in np.eye(2) * 1e-5]
            point = point - np.linalg.solve(np.stack(columns, axis=1), drift(point))
        return point

    return measure


def _mean_step(p: np.ndarray, r: np.ndarray, ratio: float) -> float:
    # Δp₀ = r(1−p₀) − ratio (1−r) p₀ when action 0 is played, −r p₀ + ratio (1−r)(1−p₀) when action 1 is (η₁ = 1)
    played = r[0] * (1 - p[0]) - ratio * (1 - r[0]) * p[0]
    other = -r[1] * p[0] + ratio * (1 - r[1]) * (1 - p[0])
    return float(p[0] * played + p[1] * other)


_DERIVED_REST = "derived: the zero of the mean step of linear reward-penalty, by Newton's method"


@game(
    "reward_penalty",
    "A constant-sum game on which linear reward-penalty comes to rest beside the mixed equilibrium, not at it.",
    "Schwartz, Multi-Agent Machine Learning, 2014, chapter 3 (the algorithm); the game is derived",
    [
        EquilibriumSet(profiles=((("1/3", "2/3"), ("1/3", "2/3")),), count=1, totally_mixed=1, source=_ENUMERATED),
        Measured(
            what="rest point (p₀, q₀) of linear reward-penalty at η₂/η₁ = 1/10",
            value=("0.374", "0.290"),
            measure=_reward_penalty_rest_point(Fraction(1, 10)),
            exact=False,
            source=_DERIVED_REST,
        ),
        Measured(
            what="rest point (p₀, q₀) of linear reward-penalty at η₂/η₁ = 1/100",
            value=("0.337", "0.327"),
            measure=_reward_penalty_rest_point(Fraction(1, 100)),
            exact=False,
            source=_DERIVED_REST,
        ),
    ],
)
def reward_penalty() -> MatrixGame:
    """R₁ = [[1, 0], [0, 1/2]], R₂ = 1 − R₁."""
    return bimatrix([[1, 0], [0, "1/2"]], [[0, 1], [1, "1/2"]])
