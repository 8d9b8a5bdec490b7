"""The bound holds for every sample, is attained by the extreme Q, and linear Q have no error."""

import numpy as np

from figures.mean_field import data as compute
from figures.mean_field import error


def test_errors_lie_below_the_sharper_bound_and_reach_it(data):
    made = data("mean_field")
    assert (made.quadratic <= made.spread / 2 + 1e-12).all()
    np.testing.assert_allclose(made.extreme, made.spread / 2, atol=1e-12)
    np.testing.assert_allclose(made.linear, 0, atol=1e-12)
    assert (made.quadratic / made.spread).max() > 0.4  # not far below: the bound is the right size
    assert made.spread.min() < 0.05
    assert 0.7 < made.spread.max() <= 1 - 1 / 4 + 1e-12  # uniform over four actions


def test_the_error_of_a_square_by_hand():
    """Q(a) = a₀² has H = diag(2, 0): ā = (¼, ¾) gives |¼ − 1/16| = 3/16."""
    H = np.diag([2.0, 0])[None]
    assert error(H, np.zeros((1, 2)), np.array([[0.25, 0.75]]))[0] == 3 / 16


def test_two_actions_too():
    made = compute(samples=50, actions=2, seed=3)
    assert (made.quadratic <= made.spread / 2 + 1e-12).all()
    assert made.spread.max() <= 0.5
