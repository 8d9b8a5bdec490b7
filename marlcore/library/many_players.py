"""Matrix games of three players."""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore.games import MatrixGame
from marlcore.library.exact import exact
from marlcore.library.facts import Equilibrium, EquilibriumSet, Measured
from marlcore.library.registry import game

_HALF = ("1/2", "1/2")
_MCKELVEY = (
    "McKelvey & McLennan, Computation of equilibria in finite games, Handbook of Computational Economics I, 1996"
)


def _binary(*first: str | int) -> tuple[Any, ...]:
    """A profile from the probabilities of everybody's first action."""
    from fractions import Fraction

    return tuple((Fraction(p), 1 - Fraction(p)) for p in first)


@game(
    "mckelvey_mclennan",
    "2×2×2 with nine equilibria, two of them totally mixed: the most that a generic game of this size can have.",
    _MCKELVEY,
    [
        EquilibriumSet(
            profiles=(
                _binary(1, 1, 1),
                _binary(1, 0, 0),
                _binary(0, 1, 0),
                _binary(0, 0, 1),
                _binary(0, "1/4", "1/3"),
                _binary("1/3", 1, "1/4"),
                _binary("1/2", "1/2", 1),
                _binary("2/5", "1/2", "1/3"),
                _binary("1/2", "2/5", "1/4"),
            ),
            count=9,
            totally_mixed=2,
            source=_MCKELVEY + "; all nine again by solving every support's equations in exact numbers",
        )
    ],
)
def mckelvey_mclennan() -> MatrixGame:
    """(9,8,12) at (0,0,0), (9,8,2) at (1,1,0), (3,4,6) at (0,1,1) and at (1,0,1), else 0."""
    payoffs = np.zeros((3, 2, 2, 2), dtype=int)
    payoffs[:, 0, 0, 0] = 9, 8, 12
    payoffs[:, 1, 1, 0] = 9, 8, 2
    payoffs[:, 0, 1, 1] = payoffs[:, 1, 0, 1] = 3, 4, 6
    return MatrixGame(exact(payoffs))


@game(
    "three_player_matching_pennies",
    "Player 1 wants to match 2, 2 wants to match 3, 3 wants to differ from 1: natural learning goes round.",
    "Jordan, Three problems in learning mixed-strategy Nash equilibria, Games and Economic Behavior 5, 1993",
    [
        EquilibriumSet(profiles=((_HALF, _HALF, _HALF),), count=1, totally_mixed=1, source="Jordan 1993"),
        Equilibrium(profile=(_HALF, _HALF, _HALF), payoffs=(0, 0, 0), source="by symmetry"),
    ],
)
def three_player_matching_pennies() -> MatrixGame:
    """±1 each: r₁ = 1 where a₁ = a₂, r₂ = 1 where a₂ = a₃, r₃ = 1 where a₃ ≠ a₁, else −1."""
    sign = np.array([1, -1])
    a, b, c = np.meshgrid(sign, sign, sign, indexing="ij")
    return MatrixGame(exact(np.stack([a * b, b * c, -c * a])))


def _friends(game: MatrixGame) -> Any:
    return game.payoffs[0].reshape(4, 2)


def joint_security(game: MatrixGame) -> Any:
    """What the friends guarantee with one joint mixed strategy, ½ on (0,0) and ½ on (1,1), if the foe cannot beat it.

    Both bounds must agree: the friends' strategy guarantees min_o, the foe's uniform strategy concedes max_a.
    """
    table = _friends(game)
    weights = exact(("1/2", 0, 0, "1/2"), game.kind)
    low, high = min(weights @ table), max(table @ exact(_HALF, game.kind))
    assert low == high, "the foe's strategy does not prove the friends' one best"
    return low


def product_security(game: MatrixGame) -> float:
    """max over product strategies p, q of min_o of the friends' payoff, within 10⁻⁶, by branch and bound.

    Payoffs are bilinear in (p, q), so on a box each is largest at a corner, which bounds the minimum from above.
    """
    table = game.convert("float").payoffs[0]

    def value(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        x, y = np.stack([p, 1 - p]), np.stack([q, 1 - q])
        return np.einsum("a...,b...,abo->o...", x, y, table)

    size, corners = 0.5, np.array([[0.0, 0.0], [0.0, 0.5], [0.5, 0.0], [0.5, 0.5]])
    while True:
        centre = corners + size / 2
        reached = value(centre[:, 0], centre[:, 1]).min(0).max()
        ends = [value(corners[:, 0] + i * size, corners[:, 1] + j * size) for i in (0, 1) for j in (0, 1)]
        bound = np.max(ends, 0).min(0)
        if bound.max() - reached < 1e-6:
            return float(reached)
        size /= 2
        kept = corners[bound > reached]
        corners = np.concatenate([kept + size * np.array([i, j]) for i in (0, 1) for j in (0, 1)])


_FRIENDS = "derived; Littman, Friend-or-Foe Q-learning in general-sum games, ICML 2001, maximises over joint strategies"


@game(
    "friends_and_foe",
    "Two friends get 1 if they agree and the foe does not: a joint mixed strategy guarantees ½, a product only ¼.",
    "derived: the smallest witness that friends must mix jointly",
    [
        Measured(
            what="what the friends guarantee by one joint strategy",
            value="1/2",
            measure=joint_security,
            source=_FRIENDS,
        ),
        Measured(
            what="what they guarantee by independent strategies",
            value="0.25000",
            measure=product_security,
            exact=False,
            source=_FRIENDS + "; min(pq, (1−p)(1−q)) ≤ √(pq(1−p)(1−q)) ≤ 1/4",
        ),
    ],
)
def friends_and_foe() -> MatrixGame:
    """1 for players 1 and 2 where a₁ = a₂ ≠ o, else 0; the foe, player 3, gets the negative."""
    table = np.zeros((2, 2, 2), dtype=int)
    table[0, 0, 1] = table[1, 1, 0] = 1
    return MatrixGame(exact(np.stack([table, table, -table])))
