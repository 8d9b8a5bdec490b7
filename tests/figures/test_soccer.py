"""Soccer: Littman's value at the kick-off, the symmetry of the pitch, and the sentence in the title."""

import numpy as np
import pytest

from figures.soccer import KICK_OFF
from figures.soccer import data as compute
from marlcore.errors import InputError
from marlcore.library.soccer import state_of


def test_the_value_at_the_kick_off(data):
    made = data("soccer")
    assert made.error < 1e-8
    assert made.b == (2, 3)
    assert made.with_ball[KICK_OFF] == pytest.approx(0.2184844404, abs=1e-8)
    assert made.without[KICK_OFF] == pytest.approx(-0.2184844404, abs=1e-8)
    assert np.isnan(made.with_ball[made.b])
    assert np.isfinite(made.with_ball).sum() == 19


def test_with_the_ball_every_position_is_worth_more_than_nothing(data):
    made = data("soccer")
    assert len(made.all_with_ball) == len(made.all_without) == 380
    assert made.all_with_ball.min() > 0.07
    assert made.all_without.max() < -0.07


def test_turning_the_pitch_round_swaps_the_players(data):
    """The game seen by B, rotated by 180°, is the game: V(a, b, ball) = −V(rot b, rot a, other ball)."""
    made = data("soccer")
    for cell in np.ndindex(4, 5):
        if cell == made.b:
            continue
        turned = state_of((3 - made.b[0], 4 - made.b[1]), (3 - cell[0], 4 - cell[1]), 1)
        assert made.with_ball[cell] == pytest.approx(-made.all_without[turned // 2], abs=1e-8)


def test_right_before_the_goal_the_ball_is_a_sure_goal(data):
    assert data("soccer").with_ball[1, 4] == pytest.approx(1, abs=1e-8)


def test_b_must_be_on_the_pitch():
    with pytest.raises(InputError, match="not 4, 0"):
        compute(4, 0)
