"""The pictures of the results page: curves up to where every seed is, and minutes that are steps at a rate."""

import numpy as np
import pytest

from figures.results import Curve, common, picture
from figures.style import Style


def test_a_curve_ends_where_its_shortest_run_does_and_reads_the_others_there():
    steps, values = common([[[10, 0.0], [20, 1.0], [30, 2.0]], [[10, 4.0], [25, 7.0]], []])
    assert steps.tolist() == [10, 20]
    assert values[1] == pytest.approx([1.0, 6.0])
    assert common([])[0].size == 0


def test_minutes_are_steps_at_the_rate_and_a_curve_without_one_is_left_out():
    steps, values = np.array([0.0, 6000.0]), np.array([[0.0], [1.0]])
    curves = [Curve("timed", steps, values, 50.0), Curve("not timed", steps, values, None)]
    left, right = picture("A task", curves, "won", 0.25, Style()).axes[:2]
    assert [line.get_xdata()[-1] for line in left.lines[:2]] == [6.0, 6.0]
    assert right.lines[0].get_xdata()[-1] == 2.0
    assert [line.get_ydata()[0] for line in right.lines[1:]] == [0.25]
