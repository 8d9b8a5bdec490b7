"""The gap goes to zero from the uniform policy, and never moves from a deterministic one."""

import numpy as np
import pytest

from figures.nash_gap import EVERY, HUES


@pytest.fixture
def made(data):
    return data("nash_gap")


def test_gaps_shrink_for_every_method(made):
    assert set(made.gaps) == set(HUES)
    for name, gaps in made.gaps.items():
        assert gaps.shape == (48 // EVERY + 1, 8)
        np.testing.assert_array_equal(gaps[0], 1)
        assert (gaps[-1] < 0.2).all(), name
        assert (gaps >= 0).all()
    for name in ("clip", "KL ball"):
        assert (made.gaps[name][-1] < 1e-6).all()


def test_from_a_vertex_nothing_moves(made):
    """HARL's Theorem 10 needs a fully mixed start: on this game the gap is 2 for ever (1/(1−γ) of a reward of 1)."""
    np.testing.assert_allclose(made.stuck[:, made.starts == 0], 2, atol=1e-12)


def test_the_less_the_better_action_is_played_the_later_the_gap_falls(made):
    # J(π) = p/(1−γ), so the first gap is 2(1 − p)
    np.testing.assert_allclose(made.stuck[0], 2 * (1 - made.starts), atol=1e-12)
    times = [(made.stuck[:, k] > 1e-2).sum() for k in range(1, len(made.starts))]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times)
    assert (np.diff(made.stuck, axis=0) <= 1e-12).all()
