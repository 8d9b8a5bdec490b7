"""The optimum is the highest point of the floor; where columns tie, they are both best."""

import numpy as np
import pytest

from figures.zero_sum_lp import SQUARE, ties
from figures.zero_sum_lp import data as compute
from marlcore.errors import InputError


def test_no_point_of_the_grid_is_above_the_value(data):
    made = data("zero_sum_lp")
    assert (made.floor <= made.value + 1e-12).all()
    assert (made.wide_floor <= made.wide_value + 1e-12).all()
    assert (made.row @ made.narrow).min() == pytest.approx(made.value)
    assert made.floor.max() > made.value - 0.02


def test_the_kink_where_two_lines_cross(data):
    # columns 2 and 4: 4 − 4x = 1.5 + 0.1x at x = 2.5/4.1
    made = data("zero_sum_lp")
    assert made.row[0] == pytest.approx(2.5 / 4.1)
    assert made.value == pytest.approx(4 - 4 * 2.5 / 4.1)


def test_the_square_game_is_worth_nothing_at_one_two_one(data):
    # an antisymmetric game has value 0; x = (1, 2, 1)/4 gives every column 0
    made = data("zero_sum_lp")
    np.testing.assert_allclose(made.wide_row, [0.25, 0.5, 0.25])
    assert made.wide_value == pytest.approx(0, abs=1e-12)


def test_replies_are_best_and_ties_are_ties(data):
    made = data("zero_sum_lp")
    left = made.grid @ made.wide
    np.testing.assert_array_equal(left[np.arange(len(left)), made.reply], left.min(1))
    segments = ties(np.asarray(SQUARE))
    assert len(segments) == 3
    for a, b in segments:
        for share in (0.0, 0.3, 1.0):
            values = np.sort(((1 - share) * a + share * b) @ np.asarray(SQUARE))
            assert values[1] - values[0] < 1e-12
    # they meet at the optimum
    assert all(min(np.abs(a - made.wide_row).max(), np.abs(b - made.wide_row).max()) < 1e-9 for a, b in segments)


def test_a_dominated_column_has_no_tie():
    R = np.asarray(SQUARE).copy()
    R[:, 2] += 10
    assert len(ties(R)) == 1


def test_shapes_are_checked():
    with pytest.raises(InputError, match="two rows"):
        compute(rows=((1.0,), (2.0,), (3.0,)))
    with pytest.raises(InputError, match="three rows of three"):
        compute(square=((1.0, 2.0), (2.0, 1.0)))
