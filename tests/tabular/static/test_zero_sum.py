"""Zero-sum matrix games against closed forms, QuantEcon, SciPy's linear programmes and exact arithmetic."""

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantecon.optimize.minmax import minmax
from scipy.optimize import linprog

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from tabular.static import zero_sum
from tabular.static.zero_sum import solve_zero_sum
from tabular.static.zero_sum_kernel import certify, solve_batch, solve_into, workspace

CLOSED_FORMS = {
    # payoffs, value, row, column; equilibria unique where strategies are given
    "matching pennies": ([[1, -1], [-1, 1]], 0, (1 / 2, 1 / 2), (1 / 2, 1 / 2)),
    # biased rock-paper-scissors: both (1, 10, 5)/16, by the kernel of the antisymmetric matrix
    "biased rps": ([[0, -25, 50], [25, 0, -5], [-50, 5, 0]], 0, (1 / 16, 10 / 16, 5 / 16), (1 / 16, 10 / 16, 5 / 16)),
    "dominance": ([[2, 1, 5], [-3, -4, -2]], 1, (1, 0), (0, 1, 0)),
    "rps with a bad row": ([[0, 1, -1], [-1, 0, 1], [1, -1, 0], [-1, -1, -1]], 0, (1 / 3,) * 3 + (0,), (1 / 3,) * 3),
    # 2×2 without a saddle: v = (ad − bc)/(a + d − b − c)
    "two by two": ([[3, 1], [0, 2]], 3 / 2, (1 / 2, 1 / 2), (1 / 4, 3 / 4)),
    "one row": ([[3, 1, 2]], 1, (1,), (0, 1, 0)),
    "one column": ([[3], [1], [7]], 7, (0, 0, 1), (1,)),
    "one entry": ([[-4]], -4, (1,), (1,)),
    "constant": ([[2, 2, 2], [2, 2, 2]], 2, None, None),
    "all zero": ([[0, 0], [0, 0]], 0, None, None),
    "degenerate": ([[0, -1, 1], [-1, 0, 1], [-1, 0, 1]], -1 / 2, None, (1 / 2, 1 / 2, 0)),
}


def rationals(array):
    return numbers.convert(np.asarray(array), "rational")


def linprog_value(A):
    m, k = A.shape
    left = np.c_[A, -np.ones(m)]
    result = linprog(
        np.r_[np.zeros(k), 1], left, np.zeros(m), np.r_[np.ones(k), 0][None], [1], [(0, None)] * k + [(None, None)]
    )
    return result.fun


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms(name):
    A, value, row, column = CLOSED_FORMS[name]
    solution = solve_zero_sum(A)
    assert solution.value == pytest.approx(value, abs=1e-12)
    assert abs(solution.value - value) <= solution.error
    if row is not None:
        np.testing.assert_allclose(solution.row, row, atol=1e-13)
    if column is not None:
        np.testing.assert_allclose(solution.column, column, atol=1e-13)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms_exactly(name):
    A, value, row, column = CLOSED_FORMS[name]
    solution = solve_zero_sum(rationals(A))
    assert solution.error == 0
    assert solution.value == numbers.convert(value, "rational")
    assert solution.row.sum() == 1
    assert solution.column.sum() == 1
    for got, expected in ((solution.row, row), (solution.column, column)):
        if expected is not None:
            np.testing.assert_allclose(numbers.convert(got, "float"), expected, atol=1e-16)


def test_degenerate_game_has_its_extreme_rows():
    # extreme optimal rows (½,½,0) and (½,0,½), column (½,½,0)
    solution = solve_zero_sum(rationals([[0, -1, 1], [-1, 0, 1], [-1, 0, 1]]))
    half = flint.fmpq(1, 2)
    assert solution.row.tolist() in ([half, half, 0], [half, 0, half])


shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
kinds = st.sampled_from(["uniform", "integer", "binary", "duplicate rows", "antisymmetric", "offset", "tiny", "huge"])


def game_of(kind, shape, seed):
    rng = np.random.default_rng(seed)
    A = rng.uniform(-1, 1, shape)
    if kind == "integer":
        return rng.integers(-3, 4, shape).astype(float)
    if kind == "binary":
        return rng.integers(0, 2, shape).astype(float)
    if kind == "duplicate rows":
        return A[rng.integers(0, max(1, shape[0] // 2), shape[0])]
    if kind == "antisymmetric":
        A = rng.integers(-2, 3, (shape[0], shape[0]))
        return (A - A.T).astype(float)
    return A * {"uniform": 1, "offset": 1, "tiny": 1e-8, "huge": 1e12}[kind] + (1e6 if kind == "offset" else 0)


@settings(max_examples=300, deadline=None)
@given(kinds, shapes, st.integers(0, 2**32))
def test_value_and_certificate_against_exact_arithmetic(kind, shape, seed):
    A = game_of(kind, shape, seed)
    solution, exact = solve_zero_sum(A), solve_zero_sum(rationals(A))
    assert exact.error == 0
    exact_A = rationals(A)
    assert max(exact_A @ exact.column) == min(exact.row @ exact_A) == exact.value
    spread = A.max() - A.min()
    assert abs(rationals(solution.value)[()] - exact.value) <= rationals(solution.error)[()]
    assert solution.error <= 1e-12 * spread + 1e-15 * abs(A).max()
    # the gap of the strategies as returned, in exact arithmetic, is at most the error
    x, y = rationals(solution.row), rationals(solution.column)
    assert min(x) >= 0
    assert min(y) >= 0
    gap = max(exact_A @ y) / y.sum() - min(x @ exact_A) / x.sum()
    assert gap <= rationals(solution.error)[()]


@settings(max_examples=100, deadline=None)
@given(kinds, shapes, st.integers(0, 2**32))
def test_value_against_quantecon(kind, shape, seed):
    A = game_of(kind, shape, seed)
    low, spread = A.min(), np.ptp(A) or 1.0  # QuantEcon's tolerances are absolute: hand it payoffs in [0, 1]
    value, *_ = minmax((A - low) / spread)
    assert (solve_zero_sum(A).value - low) / spread == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("shape", [(3, 3), (4, 9), (20, 11), (40, 40)])
def test_value_against_linprog(shape):
    A = np.random.default_rng(sum(shape)).normal(size=(5, *shape))
    np.testing.assert_allclose(solve_zero_sum(A).value, [linprog_value(a) for a in A], atol=1e-9)


def test_batches_equal_single_games():
    games = np.random.default_rng(0).integers(-2, 3, (2, 5, 4, 3)).astype(float)
    batch = solve_zero_sum(games)
    assert batch.row.shape == (2, 5, 4)
    assert batch.column.shape == (2, 5, 3)
    for index in np.ndindex(2, 5):
        one = solve_zero_sum(games[index])
        assert batch.value[index] == one.value
        assert batch.error[index] == one.error
        np.testing.assert_array_equal(batch.row[index], one.row)
        np.testing.assert_array_equal(batch.column[index], one.column)


def test_rational_batches():
    games = rationals(np.random.default_rng(1).integers(-2, 3, (3, 4, 3)))
    batch = solve_zero_sum(games)
    assert batch.value.tolist() == [solve_zero_sum(g).value for g in games]
    assert (batch.error == 0).all()


def test_wide_tableaux_pivot_like_narrow_ones():
    # 40 columns use the vectorised pivot, their transpose's negative the plain one; v(−Aᵀ) = −v(A)
    A = np.random.default_rng(2).uniform(-1, 1, (25, 45))
    wide, narrow = solve_zero_sum(A), solve_zero_sum(-A.T)
    assert wide.value == pytest.approx(-narrow.value, abs=1e-13)
    assert max(wide.error, narrow.error) < 1e-12


def test_a_bad_certificate_is_rescued_in_rationals(monkeypatch):
    A = np.random.default_rng(3).uniform(-1, 1, (6, 5))
    honest = solve_zero_sum(A)

    def broken(games, rows, columns, values, errors, pivots):
        rows[:], columns[:] = 1 / games.shape[1], 1 / games.shape[2]
        for b, game in enumerate(games):
            low, high = game.min(), game.max()
            values[b], errors[b] = certify(game, rows[b], columns[b], low, high, np.empty(game.shape[1]))
            pivots[b] = -1

    monkeypatch.setattr(zero_sum, "solve_batch", broken)
    rescued = solve_zero_sum(A)
    assert rescued.rescued == 1
    assert rescued.value == pytest.approx(honest.value, abs=1e-14)
    assert rescued.error < 1e-14


def test_payoffs_beyond_the_range_of_floats_are_rescued():
    # the range max A − min A overflows
    A = np.array([[1.0, -1.0], [-1.0, 1.0]]) * 1.5e308
    solution = solve_zero_sum(A)
    assert solution.rescued == 1
    assert solution.value == 0
    assert solution.row.tolist() == [0.5, 0.5]


def test_large_games():
    A = np.random.default_rng(4).uniform(-1, 1, (310, 300))
    solution = solve_zero_sum(A)
    assert solution.method == "interior point"
    assert solution.value == pytest.approx(linprog_value(A), abs=1e-9)
    assert solution.error < 1e-10


def test_the_kernel_leaves_the_payoffs_alone():
    A = np.array(CLOSED_FORMS["rps with a bad row"][0], float)
    before, x, y, work = A.copy(), np.empty(4), np.empty(3), workspace(4, 3)
    value, error, pivots = solve_into(A, x, y, *work)
    np.testing.assert_array_equal(A, before)
    assert (A @ y).max() - (x @ A).min() <= error
    assert value == solve_zero_sum(A).value
    assert pivots > 0


def test_the_kernel_allocates_the_same_for_one_game_and_for_a_thousand():
    from numba.core.runtime import _nrt_python

    _nrt_python.memsys_enable_stats()

    def allocations(count):
        games = np.random.default_rng(5).uniform(-1, 1, (count, 4, 3))
        arrays = (
            games,
            np.empty((count, 4)),
            np.empty((count, 3)),
            np.empty(count),
            np.empty(count),
            np.empty(count, int),
        )
        solve_batch(*arrays)
        before = _nrt_python.memsys_get_stats_alloc()
        solve_batch(*arrays)
        return _nrt_python.memsys_get_stats_alloc() - before

    assert allocations(1) == allocations(1000) > 0


def test_a_zero_sum_matrix_game_is_welcome_a_general_sum_one_is_not():
    game = MatrixGame.random((3, 2), np.random.default_rng(6), zero_sum=True)
    assert solve_zero_sum(game).value == solve_zero_sum(game.payoffs[0]).value
    dilemma = MatrixGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]])
    with pytest.raises(InputError, match=r"payoffs\[0\] \+ payoffs\[1\] = 6.0 at a=\(0, 0\)"):
        solve_zero_sum(dilemma)
    with pytest.raises(InputError, match="two players, not 3"):
        solve_zero_sum(MatrixGame.random((2, 2, 2), np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("payoffs", "message"),
    [
        ([1.0, 2.0], r"shape \(…, m, k\).*not \(2,\)"),
        ([[1.0, np.nan]], r"payoffs\[0, 1\] = nan"),
        ([[np.inf, 0.0]], r"payoffs\[0, 0\] = inf"),
        (np.zeros((3, 0)), "empty axis"),
        (np.zeros((0, 3)), "empty axis"),
        ([[1.0, 2.0], [3.0]], "no array of numbers"),
        ("rock", "no array of numbers"),
        (np.array([[flint.arb(1)]]), "float or rational payoffs, not ball"),
    ],
)
def test_bad_input(payoffs, message):
    with pytest.raises(InputError, match=message):
        solve_zero_sum(payoffs)
