"""Families of matrix games that solvers are measured on: each ``seed`` is one game, the same on every machine.

The families are those of Fearnley, Igwe & Savani's experiments (SEA 2015); sizes and the seed are parameters.
Ranking, tournament, Sandholm–Gilpin–Conitzer and unit-vector games have rational payoffs where their definition does.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from marlcore.library.exact import exact
from marlcore.library.facts import EquilibriumSet, Fact, Measured
from marlcore.library.registry import game


def _sgc_facts(k: int) -> list[Fact]:
    n, m = 4 * k - 1, 2 * k - 1
    uniform = tuple(Fraction(int(i < m), m) for i in range(n))
    return [EquilibriumSet(profiles=((uniform, uniform),), count=1, source=_SGC)]


_SGC = "Sandholm, Gilpin & Conitzer, Mixed-integer programming methods for finding Nash equilibria, AAAI 2005"


@game(
    "sgc",
    "One equilibrium, uniform on about half of the actions: support enumeration must look far to find it.",
    _SGC,
    _sgc_facts,
)
def sgc(k: int = 3) -> MatrixGame:
    """4k−1 actions each; the first 2k−1 make a cyclic game that pays 3/4, the others a coordination trap."""
    _between("k", k, 1, 40)
    n, m = 4 * k - 1, 2 * k - 1
    first, second = np.zeros((2, n, n), dtype=int)  # in quarters
    first[:m], second[:, :m] = 2, 2
    first[:m, :m] = second[:m, :m] = 3
    if m > 1:  # rock-paper-scissors on m actions: i beats i − 1
        for i in range(m):
            first[i, (i - 1) % m] = second[(i - 1) % m, i] = 4
            first[(i - 1) % m, i] = second[i, (i - 1) % m] = 2
    first[range(m, n), range(m, n)] = 3
    for i in range(m, n, 2):
        second[i, i + 1] = second[i + 1, i] = 3
    return MatrixGame(exact(np.stack([first, second])) / 4)


@game(
    "colonel_blotto",
    "Players spread troops over hills that each values in its own way; more troops take a hill, a tie a fair coin.",
    "Hortala-Vallve & Llorente-Saguer, Pure strategy Nash equilibria in non-zero sum colonel Blotto games, 2012",
    lambda hills, troops, rho, seed: [
        Measured(
            what="distance of the payoffs' total over players and mirrored profiles from being constant",
            value=0,
            measure=_mirror_defect,
            source="derived: swapping the allocations swaps who wins each hill, so r_i(a,b) + r_i(b,a) is constant",
        )
    ],
)
def colonel_blotto(hills: int = 3, troops: int = 4, rho: Fraction = Fraction(1, 2), seed: int = 0) -> MatrixGame:
    """The hills' two values are standard normal with correlation ``rho``; C(troops+hills−1, hills−1) allocations."""
    _between("hills", hills, 1, 8)
    _between("troops", troops, 1, 20)
    values = _correlated((hills,), 2, rho, seed)
    allocations = np.array([a for a in itertools.product(range(troops + 1), repeat=hills) if sum(a) == troops])
    wins = (np.sign(allocations[:, None] - allocations[None]) + 1) / 2
    return MatrixGame(np.stack([wins @ values[:, 0], (1 - wins) @ values[:, 1]]))


def _mirror_defect(game: Any) -> Any:
    totals = game.payoffs + numbers.moveaxis(game.payoffs, 1, 2)
    return numbers.amax(totals - totals[:, :1, :1], (0, 1, 2)) - numbers.amin(totals - totals[:, :1, :1], (0, 1, 2))


@game(
    "ranking",
    "Players choose efforts; the higher score takes the prize 1, a tie halves it, and the effort's cost is paid.",
    "Goldberg, Goldberg, Krysta & Ventre, Ranking games that have competitiveness-based strategies, 2013",
    [
        Measured(
            what="distance of prize plus prize from 1, costs taken off",
            value=0,
            measure=lambda game: _prize_defect(game.payoffs),
            source="derived: the prize is shared, costs depend on one's own effort",
        )
    ],
)
def ranking(n: int = 5, steps: int = 10, seed: int = 0) -> MatrixGame:
    """``n`` efforts each; scores rise by 1 … ``steps``, costs by multiples of 1/(n·steps), effort 0 is free."""
    _between("n", n, 1, 500)
    _between("steps", steps, 1, 10**6)
    rng = np.random.default_rng(seed)
    scores = rng.integers(1, steps + 1, (2, n)).cumsum(1)
    rises = rng.integers(1, steps + 1, (2, n))
    rises[:, 0] = 0
    costs = rises.cumsum(1)
    ahead = 1 + np.sign(scores[0][:, None] - scores[1][None])  # twice the prize of player 1
    whole = n * steps
    first = ahead * whole - 2 * costs[0][:, None]
    second = (2 - ahead) * whole - 2 * costs[1][None]
    return MatrixGame(exact(np.stack([first, second])) / (2 * whole))


def _prize_defect(payoffs: Any) -> Any:
    total = payoffs[0] + payoffs[1]
    # prize − c₁(a) − c₂(b): additive in (a, b)
    mixed = total - total[:1] - total[:, :1] + total[:1, :1]
    return numbers.amax(numbers.absolute(mixed), (0, 1))


@game(
    "tournament",
    "Player 1 picks a node, player 2 a set of k: 1 for a node that beats the set, 1 for a set that holds the node.",
    "Anbalagan, Norin, Savani & Vetta, Polylogarithmic supports are required for approximate equilibria, WINE 2013",
    [
        Measured(
            what="profiles at which both players win",
            value=0,
            measure=lambda game: (game.payoffs[0] * game.payoffs[1]).sum(),
            source="derived: a node does not beat itself",
        )
    ],
)
def tournament(n: int = 5, k: int = 2, seed: int = 0) -> MatrixGame:
    """A random tournament on ``n`` nodes; player 2's sets of ``k`` are in lexicographic order."""
    _between("n", n, 2, 30)
    _between("k", k, 1, n - 1)
    rng = np.random.default_rng(seed)
    beats = np.triu(rng.integers(0, 2, (n, n)), 1)
    beats = beats + np.tril(1 - beats.T, -1)
    sets = np.array(list(itertools.combinations(range(n), k)))
    first = beats[:, sets].all(-1).astype(int)
    second = (np.arange(n)[:, None, None] == sets[None]).any(-1).astype(int)
    return MatrixGame(exact(np.stack([first, second])))


@game(
    "unit_vector",
    "Player 1's table has a single 1 in each column, player 2's is uniform random: hard for Lemke–Howson by design.",
    "Savani & von Stengel, Unit vector games, International Journal of Economic Theory 12, 2016",
    [
        Measured(
            what="distance of player 1's columns from unit vectors",
            value=0,
            measure=lambda game: _unit_defect(game.payoffs[0]),
            source="definition",
        )
    ],
)
def unit_vector(n: int = 5, seed: int = 0) -> MatrixGame:
    """``n`` actions each; player 2's payoffs are uniform on [0, 1)."""
    _between("n", n, 1, 500)
    rng = np.random.default_rng(seed)
    first = np.eye(n)[rng.integers(0, n, n)].T
    return MatrixGame(np.stack([first, rng.random((n, n))]))


def _unit_defect(table: Any) -> Any:
    return numbers.amax(numbers.absolute(table * table - table), (0, 1)) + numbers.amax(
        numbers.absolute(table.sum(0) - 1), 0
    )


def _covariant_facts(n: int, actions: int, rho: Fraction, seed: int) -> list[Fact]:
    # a correlation strictly between the extremes says nothing about a single game
    if rho == 1:
        what, measure = "distance from common interest", lambda game: _largest(game.payoffs - game.payoffs[:1])
    elif rho == Fraction(-1, n - 1):
        what, measure = "distance of the payoffs' sum from 0", lambda game: _largest(game.payoffs.sum(0))
    else:
        return []
    return [Measured(what=what, value=0, measure=measure, source="definition: the correlation is extreme")]


def _largest(array: Any) -> Any:
    return numbers.amax(numbers.absolute(array).reshape(-1), 0)


@game(
    "random_covariant",
    "Payoffs are normal, independent across profiles, with correlation ρ among the players of a profile.",
    "Rinott & Scarsini, On the number of pure strategy Nash equilibria in random games, 2000",
    _covariant_facts,
)
def random_covariant(n: int = 2, actions: int = 4, rho: Fraction = Fraction(-1), seed: int = 0) -> MatrixGame:
    """``n`` players with ``actions`` each; ``rho`` between −1/(n−1), which is zero-sum, and 1, common interest."""
    _between("n", n, 2, 10)
    _between("actions", actions, 1, 100)
    if actions**n > 10**7:
        raise InputError(f"{actions} actions for {n} players make {actions**n} profiles: too many")
    values = _correlated((actions,) * n, n, rho, seed)
    return MatrixGame(np.moveaxis(values, -1, 0))


def _correlated(shape: tuple[int, ...], n: int, rho: Fraction, seed: int) -> np.ndarray:
    """Standard normal vectors of length n with every pair's correlation ``rho``, by eigenvectors (ρ may be extreme)."""
    if not Fraction(-1, n - 1) <= rho <= 1:
        raise InputError(f"rho must be between {Fraction(-1, n - 1)} and 1 for {n} players, not {rho}")
    # eigenvalues 1 − ρ across the players and 1 + (n−1)ρ along (1, …, 1)
    z = np.random.default_rng(seed).standard_normal((*shape, n))
    mean = z.mean(-1, keepdims=True)
    return math.sqrt(1 - rho) * (z - mean) + math.sqrt(1 + (n - 1) * rho) * mean


def _between(symbol: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{symbol} must be between {low} and {high}, not {value}")
