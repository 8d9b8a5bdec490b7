"""Starting from supports that are known: whatever the guess, what comes out is optimal, and what stands is kept."""

import numpy as np
import pytest

from tabular.static.zero_sum_kernel import EPSILON, certify, solve_into, workspace
from tabular.static.zero_sum_warm_kernel import NO_GUESS, solve_from_into

SHAPES = [(1, 1), (1, 4), (4, 1), (2, 2), (2, 5), (3, 3), (5, 5), (6, 4)]


def solved(A, guess=(NO_GUESS, 0, 0, 0)):
    """(value, row, column, the guess afterwards) from strategies that are 0 outside the guess."""
    m, k = A.shape
    row, column, guess = np.zeros(m), np.zeros(k), np.array(guess)
    return solve_from_into(A, guess, row, column, *workspace(m, k)), row, column, guess


def assert_optimal(A, value, row, column):
    """Distributions whose saddle gap is round-off, and the value of the simplex that starts afresh."""
    m, k = A.shape
    for weights in (row, column):
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(), 1, atol=1e-12)
    size = np.abs(A).max()
    middle, error = certify(A, row, column, A.min(), A.max(), np.zeros(k))
    assert error <= 200 * EPSILON * size
    fresh, _, _ = solve_into(A, np.zeros(m), np.zeros(k), *workspace(m, k))
    np.testing.assert_allclose([value, middle], fresh, rtol=0, atol=200 * EPSILON * size)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["normal", "few", "shifted"])
def test_a_walk_that_moves_one_entry_at_a_time_stays_optimal(shape, kind):
    rng = np.random.default_rng([*shape, len(kind)])
    m, k = shape
    A = np.full(shape, 1e6 if kind == "shifted" else 0.0)
    guess, row, column = np.array([NO_GUESS, 0, 0, 0]), np.zeros(m), np.zeros(k)
    work = workspace(m, k)
    for _ in range(400):
        entry = {"normal": rng.normal(), "few": float(rng.integers(-1, 2)), "shifted": 1e6 + rng.normal()}[kind]
        A[rng.integers(m), rng.integers(k)] = entry
        value = solve_from_into(A, guess, row, column, *work)
        assert_optimal(A, value, row, column)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_wrong_guess_costs_no_accuracy(shape):
    rng = np.random.default_rng(list(shape))
    for _ in range(300):
        A = rng.integers(-3, 4, shape).astype(float) if rng.random() < 0.5 else rng.normal(size=shape)
        guess = [*rng.integers(shape[0], size=2), *rng.integers(shape[1], size=2)]
        assert_optimal(A, *solved(A, guess)[:3])


def test_what_stands_is_kept_where_the_optimum_is_not_unique():
    pure = np.ones((3, 4))
    value, row, column, guess = solved(pure, (2, 2, 3, 3))
    assert value == 1
    assert (row[2], column[3]) == (1, 1)
    assert list(guess) == [2, 2, 3, 3]
    # rows 1 and 2, and columns 0 and 3, are the same; the simplex would take the first of each
    mixed = np.array([[3.0, 9.0, 0.0, 3.0], [0.0, 9.0, 1.0, 0.0], [0.0, 9.0, 1.0, 0.0]])
    value, row, column, guess = solved(mixed, (0, 2, 2, 3))
    assert value == pytest.approx(0.75)
    np.testing.assert_allclose(row, [0.25, 0, 0.75])
    np.testing.assert_allclose(column, [0, 0, 0.75, 0.25])
    assert list(guess) == [0, 2, 2, 3]


def test_the_supports_found_are_the_next_guess_and_larger_ones_are_none():
    value, row, _, guess = solved(np.array([[0.0, 2.0, 5.0], [3.0, 1.0, 5.0], [-1.0, -1.0, -1.0]]))
    assert value == pytest.approx(1.5)
    np.testing.assert_allclose(row, [0.5, 0.5, 0])
    assert list(guess) == [0, 1, 0, 1]
    rps = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    _, row, _, guess = solved(rps)
    np.testing.assert_allclose(row, 1 / 3)
    assert guess[0] == NO_GUESS
