"""One equilibrium of two players: known games, QuantEcon's Lemke–Howson, floats against rationals, batches."""

import numpy as np
import pytest
import quantecon.game_theory as gt
from hypothesis import given, settings
from hypothesis import strategies as st

import tabular
from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame, stack
from tabular.static import bimatrix
from tabular.static.bimatrix import lemke_howson, support_enumeration

# von Stengel (2007), example 3.3: the path from a label ends at the first or the third equilibrium, never the second
VON_STENGEL = MatrixGame([[[3, 3], [2, 5], [0, 6]], [[3, 2], [2, 6], [3, 1]]])
# the same with B[0, 1] = 3: degenerate, since both columns answer the first row
DEGENERATE = MatrixGame([[[3, 3], [2, 5], [0, 6]], [[3, 3], [2, 6], [3, 1]]])
# careless ties make the path cycle; player 2's payoffs are printed transposed, [[1,0,1],[1,1,0],[0,0,2]]
CYCLING = MatrixGame([[[0, 0, 0], [0, 1, 1], [1, 1, 0]], [[1, 1, 0], [0, 1, 0], [1, 0, 2]]])


def quantecon(payoffs):
    return gt.NormalFormGame((gt.Player(payoffs[0]), gt.Player(np.ascontiguousarray(payoffs[1].T))))


def assert_profile(profile, expected):
    for got, want in zip(profile, expected, strict=True):
        np.testing.assert_allclose(numbers.convert(got, "float"), want, atol=1e-13)


def random_payoffs(kind, shape, seed):
    rng = np.random.default_rng(seed)
    payoffs = rng.uniform(-1, 1, (2, *shape))
    if kind == "integer":
        return rng.integers(0, 3, (2, *shape)).astype(float)
    if kind == "duplicate rows":
        return payoffs[:, rng.integers(0, max(1, shape[0] // 2), shape[0])]
    if kind == "zero-sum":
        return np.stack([payoffs[0], -payoffs[0]])
    return payoffs * {"uniform": 1, "tiny": 1e-8, "huge": 1e12}[kind]


kinds = st.sampled_from(["uniform", "integer", "duplicate rows", "zero-sum", "tiny", "huge"])
shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))


@pytest.mark.parametrize("kind", ["float", "rational"])
def test_von_stengel_from_every_label(kind):
    first, third = ([1, 0, 0], [1, 0]), ([0, 1 / 3, 2 / 3], [1 / 3, 2 / 3])
    for label, expected in zip(range(5), (first, third, first, first, third), strict=True):
        found = lemke_howson(VON_STENGEL.convert(kind), label)
        assert_profile(found.profile, expected)
        assert numbers.convert(found.epsilon, "float") <= 1e-13


@pytest.mark.parametrize("kind", ["float", "rational"])
@pytest.mark.parametrize("label", range(6))
def test_no_cycle_on_the_cycling_game(kind, label):
    found = lemke_howson(CYCLING.convert(kind), label)
    assert_profile(found.profile, ([0, 2 / 3, 1 / 3], [0, 1, 0]))
    assert 0 < found.steps < 12


@settings(max_examples=150, deadline=None)
@given(kinds, shapes, st.integers(0, 2**32), st.integers(0, 9))
def test_floats_walk_the_path_of_the_rationals(kind, shape, seed, label):
    game = MatrixGame(random_payoffs(kind, shape, seed))
    label = label % sum(shape)
    found, exact = lemke_howson(game, label), lemke_howson(game.convert("rational"), label)
    assert (exact.regret == 0).all()
    assert all(s.sum() == 1 and min(s) >= 0 for s in exact.profile)
    assert_profile(found.profile, [numbers.convert(s, "float") for s in exact.profile])
    assert found.steps == exact.steps
    spread = np.ptp(game.payoffs, axis=(1, 2))
    assert (found.regret <= 1e-12 * spread + 1e-300).all()


@settings(max_examples=100, deadline=None)
@given(kinds, shapes, st.integers(0, 2**32))
def test_support_enumeration_finds_an_equilibrium(kind, shape, seed):
    game = MatrixGame(random_payoffs(kind, shape, seed))
    found, exact = support_enumeration(game), support_enumeration(game.convert("rational"))
    assert (exact.regret == 0).all()
    assert (found.regret <= 1e-10 * np.ptp(game.payoffs, axis=(1, 2)) + 1e-300).all()


def regret_by_hand(payoffs, x, y):
    A, B = (numbers.convert(p, "rational") for p in payoffs)
    x, y = (numbers.convert(s, "rational") for s in (x, y))
    x, y = x / x.sum(), y / y.sum()
    return max(A @ y) - x @ A @ y, max(x @ B) - x @ B @ y


@settings(max_examples=100, deadline=None)
@given(kinds, shapes, st.integers(0, 2**32))
def test_the_certificate_is_at_least_the_true_regret(kind, shape, seed):
    payoffs = random_payoffs(kind, shape, seed)
    found = lemke_howson(MatrixGame(payoffs))
    true = regret_by_hand(payoffs, *found.profile)
    assert all(t <= numbers.convert(r, "rational")[()] for t, r in zip(true, found.regret, strict=True))


@pytest.mark.parametrize("shape", [(3, 3), (2, 7), (10, 10), (17, 12)])
def test_lemke_howson_against_quantecon(shape):
    games = MatrixGame.random(shape, np.random.default_rng(sum(shape)), batch=20)
    for label in (0, shape[0], sum(shape) - 1):
        found = lemke_howson(games, label)
        for b, payoffs in enumerate(games.payoffs):
            theirs = gt.lemke_howson(quantecon(payoffs), init_pivot=label)
            np.testing.assert_allclose(found.profile[0][b], theirs[0], atol=1e-9)
            np.testing.assert_allclose(found.profile[1][b], theirs[1], atol=1e-9)


def test_support_enumeration_finds_the_first_of_quantecons():
    for seed in range(20):
        game = MatrixGame.random((4, 4), np.random.default_rng(seed))
        everything = gt.support_enumeration(quantecon(game.payoffs))
        smallest = min(np.count_nonzero(x) for x, _ in everything)
        found = support_enumeration(game)
        assert np.count_nonzero(found.profile[0]) == smallest
        assert any(np.allclose(found.profile[0], x) and np.allclose(found.profile[1], y) for x, y in everything)


@pytest.mark.parametrize("method", ["lemke-howson", "support-enumeration"])
def test_batches_equal_single_games(method):
    games = [MatrixGame(random_payoffs("integer", (3, 4), seed)) for seed in range(12)]
    batch = tabular.nash_equilibrium(stack(games), method)
    assert batch.profile[0].shape == (12, 3)
    assert batch.regret.shape == batch.payoffs.shape == (12, 2)
    for b, game in enumerate(games):
        one = tabular.nash_equilibrium(game, method)
        np.testing.assert_array_equal(batch.profile[1][b], one.profile[1])
        np.testing.assert_array_equal(batch.regret[b], one.regret)
        assert batch.steps[b] == one.steps


def test_a_bad_certificate_is_rescued_in_rationals(monkeypatch):
    def broken(payoffs, label, rows, columns, steps):
        rows[:], columns[:], steps[:] = 1 / rows.shape[1], 1 / columns.shape[1], 3

    monkeypatch.setattr(bimatrix, "lemke_howson_batch", broken)
    assert_profile(lemke_howson(VON_STENGEL, 0).profile, ([1, 0, 0], [1, 0]))


def test_payoffs_are_those_of_the_profile():
    found = lemke_howson(VON_STENGEL, 1)
    np.testing.assert_allclose(found.payoffs, [4, 8 / 3], atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lemke_howson(VON_STENGEL, 5), r"label must be one of 0, …, m \+ k − 1 = 4, not 5"),
        (lambda: lemke_howson(VON_STENGEL, -1), "not -1"),
        (lambda: lemke_howson(MatrixGame(np.zeros((3, 2, 2, 2)))), "two players, not 3"),
        (lambda: support_enumeration(MatrixGame(np.zeros((1, 2)))), "two players, not 1"),
        (lambda: lemke_howson(np.zeros((2, 2, 2))), "a MatrixGame, not ndarray"),
        (lambda: tabular.nash_equilibrium(VON_STENGEL, "magic"), "method must be one of .*not 'magic'"),
        (lambda: lemke_howson(VON_STENGEL.convert("ball")), "float or rational payoffs, not ball"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
