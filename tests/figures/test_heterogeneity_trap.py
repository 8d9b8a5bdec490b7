"""Proposition 5: the jump ends at −1 exactly above 3/5, the sequential way at 2 from every start."""

import numpy as np
import pytest

from figures.heterogeneity_trap import animate, value
from figures.heterogeneity_trap import data as compute
from figures.style import Style
from marlcore.errors import InputError

R = np.array([[0.0, 2.0], [2.0, -1.0]])


def test_both_ways_from_the_start(data):
    made = data("heterogeneity_trap")
    np.testing.assert_array_equal(made.together, [[0.8, 0.8], [0, 0]])
    np.testing.assert_array_equal(made.one_by_one, [[0.8, 0.8], [0, 0.8], [0, 1]])


def test_the_surface_is_the_expected_payoff(data):
    made = data("heterogeneity_trap")
    assert made.J.min() == -1
    assert made.J.max() == 2
    for i, k in ((0, 0), (0, 100), (100, 0), (100, 100), (20, 70)):
        q, p = made.grid[i], made.grid[k]
        expected = np.array([p, 1 - p]) @ R @ np.array([q, 1 - q])
        assert made.J[i, k] == pytest.approx(expected)


def test_the_threshold_is_three_fifths(data):
    made = data("heterogeneity_trap")
    # 2(1 − p) against 2p − (1 − p): equal at p = 3/5 (HARL, Proposition 5)
    above = made.starts > 0.6
    np.testing.assert_array_equal(made.J_together[above], -1)
    np.testing.assert_array_equal(made.J_together[~above], 0)
    np.testing.assert_array_equal(made.J_one_by_one, 2)
    np.testing.assert_allclose(made.J_start, 4 * made.starts * (1 - made.starts) - (1 - made.starts) ** 2)


def test_on_the_way_the_film_shows_the_payoff(data):
    film = animate(data("heterogeneity_trap"), Style())
    film.show(film.frames - 1)
    last = [line.get_ydata()[-1] for line in film.canvas.axes[1].lines if len(line.get_ydata()) > 1]
    assert last == [-1, 2]
    assert value(R, 0.0, 1.0) == 2


@pytest.mark.parametrize("start", [0.6, 0.5, 1.0])
def test_a_start_without_a_trap_is_refused(start):
    with pytest.raises(InputError, match="between 3/5"):
        compute(start)
