"""All equilibria: known games, brute force over supports in rationals, QuantEcon, floats against rationals."""

import itertools

import flint
import numpy as np
import pytest
import quantecon.game_theory as gt
from hypothesis import given, settings
from hypothesis import strategies as st

import tabular
from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from tabular.static import enumeration
from tabular.static.enumeration import nash_equilibria


def fraction(p, q=1):
    return flint.fmpq(p, q)


def as_set(found):
    return {(tuple(x), tuple(y)) for x, y in found.profiles}


def exact_set(pairs):
    return {tuple(tuple(fraction(*np.atleast_1d(v).tolist()) for v in s) for s in pair) for pair in pairs}


KNOWN = {
    # von Stengel (2007), example 3.3
    "von Stengel": (
        [[[3, 3], [2, 5], [0, 6]], [[3, 2], [2, 6], [3, 1]]],
        [((1, 0, 0), (1, 0)), (((4, 5), (1, 5), 0), ((2, 3), (1, 3))), ((0, (1, 3), (2, 3)), ((1, 3), (2, 3)))],
        3,
        3,
    ),
    # with B[0, 1] = 3 the first equilibrium stretches to a segment; by hand: row 0 is best while y_0 ≥ 2/3
    "von Stengel, degenerate": (
        [[[3, 3], [2, 5], [0, 6]], [[3, 3], [2, 6], [3, 1]]],
        [((1, 0, 0), (1, 0)), ((1, 0, 0), ((2, 3), (1, 3))), ((0, (1, 3), (2, 3)), ((1, 3), (2, 3)))],
        2,
        2,
    ),
    # the rows tie against column 0, which is best while 2x₀ + 4x₁ ≥ 7x₀ + 2x₁: a segment that two libraries cut short
    "segment": (
        [[[-3, 3], [-3, 5]], [[2, 7], [4, 2]]],
        [((0, 1), (1, 0)), (((2, 7), (5, 7)), (1, 0))],
        1,
        1,
    ),
    "all zero": (
        [[[0, 0], [0, 0]], [[0, 0], [0, 0]]],
        [(x, y) for x in ((1, 0), (0, 1)) for y in ((1, 0), (0, 1))],
        1,
        1,
    ),
    "one row": ([[[1, 1, 1]], [[2, 0, 2]]], [((1,), (1, 0, 0)), ((1,), (0, 0, 1))], 1, 1),
    "Shapley's 3×3": (
        [[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]],
        [(((1, 3),) * 3, ((1, 3),) * 3)],
        1,
        1,
    ),
    "Lemke–Howson's cycle": (
        [[[0, 0, 0], [0, 1, 1], [1, 1, 0]], [[1, 1, 0], [0, 1, 0], [1, 0, 2]]],
        None,
        None,
        None,
    ),
    # x₂ free beside a duplicate: two copies of matching pennies' first row
    "duplicate row": (
        [[[1, -1], [1, -1], [-1, 1]], [[-1, 1], [-1, 1], [1, -1]]],
        [(((1, 2), 0, (1, 2)), ((1, 2), (1, 2))), ((0, (1, 2), (1, 2)), ((1, 2), (1, 2)))],
        1,
        1,
    ),
    # x = (1, 0) with every y₀ ≥ ½ and y = (1, 0) with every x₀ ≥ ½: an L of two segments that meet, one component
    "corner": (
        [[[1, 1], [1, 1]], [[1, 1], [1, 1]]],
        [(x, y) for x in ((1, 0), (0, 1)) for y in ((1, 0), (0, 1))],
        1,
        1,
    ),
    # (1,0)×conv{(1,0),(0,1)} and conv{(1,0),(0,1)}×(1,0): A and B are 0 except at (1, 1), where both are −1
    "elbow": (
        [[[0, 0], [0, -1]], [[0, 0], [0, -1]]],
        [((1, 0), (1, 0)), ((1, 0), (0, 1)), ((0, 1), (1, 0))],
        2,
        1,
    ),
}


@pytest.mark.parametrize("kind", ["float", "rational"])
@pytest.mark.parametrize("name", [n for n in KNOWN if KNOWN[n][1] is not None])
def test_known_games(name, kind):
    payoffs, expected, subsets, components = KNOWN[name]
    found = nash_equilibria(MatrixGame(payoffs).convert(kind))
    assert len(found) == len(expected)
    if kind == "rational":
        assert as_set(found) == exact_set(expected)
        assert (found.regret == 0).all()
    # the order of both is by the rows' strategies, then the columns', largest first
    floats = [[p / q for s in pair for p, q in (np.append(v, 1)[:2] for v in s)] for pair in expected]
    got = [numbers.convert(np.concatenate(p), "float").tolist() for p in found.profiles]
    np.testing.assert_allclose(sorted(got), sorted(floats), atol=1e-13)
    assert len(found.subsets) == subsets
    assert len(found.components) == components
    assert found.degenerate == (len(found.subsets) != len(expected))


@pytest.mark.parametrize("name", KNOWN)
def test_subsets_cover_every_pair_and_are_maximal(name):
    found = nash_equilibria(MatrixGame(KNOWN[name][0]).convert("rational"))
    check_subsets(found)


def check_subsets(found):
    pairs = set(map(tuple, found.pairs.tolist()))
    assert {(u, w) for s in found.subsets for u in s.rows for w in s.columns} == pairs
    for subset in found.subsets:
        for u in range(len(found.rows)):
            assert u in subset.rows or not all((u, w) in pairs for w in subset.columns)
        for w in range(len(found.columns)):
            assert w in subset.columns or not all((u, w) in pairs for u in subset.rows)
    # every subset is in one component; subsets of different components share no extreme point
    assert sorted(i for c in found.components for i in c) == list(range(len(found.subsets)))
    for first, second in itertools.combinations(found.components, 2):
        for s, t in itertools.product(first, second):
            assert not set(found.subsets[s].rows) & set(found.subsets[t].rows)
            assert not set(found.subsets[s].columns) & set(found.subsets[t].columns)


def vertices_by_brute_force(matrix):
    """Every vertex but 0 of {z ≥ 0, Mz ≤ 1}, by solving all systems of d tight inequalities; (point, labels)."""
    count, d = matrix.shape
    every = np.concatenate([numbers.convert(-np.eye(d, dtype=int), "rational"), matrix])
    right = [fraction(0)] * d + [fraction(1)] * count
    found = {}
    for tight in itertools.combinations(range(d + count), d):
        system = flint.fmpq_mat([every[t].tolist() for t in tight])
        if system.det() == 0:
            continue
        z = np.array(system.solve(flint.fmpq_mat([[right[t]] for t in tight])).entries(), dtype=object)
        values = every @ z
        if all(v <= r for v, r in zip(values, right, strict=True)) and z.sum() > 0:
            found[tuple(z / z.sum())] = frozenset(t for t in range(d + count) if values[t] == right[t])
    return found


def equilibria_by_brute_force(payoffs):
    """Pairs of vertices that carry all labels: rows are 0, …, m−1, columns m, …, m+k−1."""
    A, B = (numbers.convert(p - p.min() + 1, "rational") for p in payoffs)
    m, k = A.shape
    P, Q = vertices_by_brute_force(B.T), vertices_by_brute_force(A)
    columns = {y: frozenset((t + m) % (m + k) if t < k else t - k for t in labels) for y, labels in Q.items()}
    everything = set(range(m + k))
    return {(x, y) for x, own in P.items() for y, other in columns.items() if own | other == everything}


@pytest.mark.parametrize("seed", range(40))
def test_integer_games_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    payoffs = rng.integers(0, 3, (2, *rng.integers(1, 5, 2)))
    exact = nash_equilibria(MatrixGame(payoffs).convert("rational"))
    assert as_set(exact) == equilibria_by_brute_force(payoffs)
    check_subsets(exact)
    rounded = nash_equilibria(MatrixGame(payoffs.astype(float)))
    np.testing.assert_allclose(rounded.rows, numbers.convert(exact.rows, "float"))
    assert rounded.pairs.tolist() == exact.pairs.tolist()
    assert rounded.subsets == exact.subsets


shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 2**32), st.sampled_from([1, 1e-8, 1e12]))
def test_floats_and_rationals_agree(shape, seed, scale):
    game = MatrixGame.random(shape, np.random.default_rng(seed), scale=scale)
    found, exact = nash_equilibria(game), nash_equilibria(game.convert("rational"))
    assert found.method == "compiled"
    assert found.pairs.tolist() == exact.pairs.tolist()
    np.testing.assert_allclose(found.rows, numbers.convert(exact.rows, "float"), atol=1e-10)
    np.testing.assert_allclose(found.columns, numbers.convert(exact.columns, "float"), atol=1e-10)
    assert (exact.regret == 0).all()
    assert (found.regret <= 1e-12 * scale).all()
    assert found.components == exact.components
    assert not found.degenerate


@pytest.mark.parametrize("shape", [(3, 3), (4, 6), (8, 5), (7, 7)])
def test_random_games_against_quantecon(shape):
    for seed in range(10):
        payoffs = MatrixGame.random(shape, np.random.default_rng(seed)).payoffs
        theirs = gt.vertex_enumeration(
            gt.NormalFormGame((gt.Player(payoffs[0]), gt.Player(np.ascontiguousarray(payoffs[1].T))))
        )
        found = nash_equilibria(MatrixGame(payoffs))
        mine = sorted(np.concatenate(p).round(8).tolist() for p in found.profiles)
        np.testing.assert_allclose(mine, sorted(np.concatenate(p).round(8).tolist() for p in theirs), atol=1e-7)
        assert len(found) % 2 == 1  # Wilson: the number is odd in a nondegenerate game


def test_the_number_of_equilibria_of_the_coordination_game_is_exponential():
    # identity payoffs for both: one equilibrium for each non-empty support, 2^d − 1
    found = nash_equilibria(MatrixGame(np.stack([np.eye(5)] * 2)))
    assert len(found) == 31


def test_a_bad_certificate_falls_back_to_rationals(monkeypatch):
    game = MatrixGame.random((3, 3), np.random.default_rng(0))
    honest = nash_equilibria(game)

    def broken(payoffs):
        return True, np.full((1, 3), 1 / 3), np.full((1, 3), 1 / 3)

    monkeypatch.setattr(enumeration, "enumerate_nondegenerate", broken)
    rescued = nash_equilibria(game)
    assert rescued.method == "rational"
    np.testing.assert_allclose(rescued.rows, honest.rows, atol=1e-12)


def test_bad_input():
    with pytest.raises(InputError, match="two players, not 3"):
        tabular.nash_equilibria(MatrixGame(np.zeros((3, 2, 2, 2))))
    with pytest.raises(InputError, match=r"one game, not a batch of shape \(2,\)"):
        nash_equilibria(MatrixGame(np.zeros((2, 2, 2, 2)), (2,)))
    with pytest.raises(InputError, match="a MatrixGame, not list"):
        nash_equilibria([[1]])
