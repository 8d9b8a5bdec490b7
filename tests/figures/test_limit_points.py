"""Every start ends at a pure equilibrium of the climbing game, and not all at the optimum."""

import numpy as np
import pytest

from figures.limit_points import data as compute
from marlcore.errors import InputError


@pytest.fixture
def made(data):
    return data("limit_points")


def test_every_end_is_an_equilibrium(made):
    assert (made.gaps < 1e-3).all()
    cells = {tuple(c) for c in made.ends.argmax(2)}
    assert cells == {(0, 0), (1, 1)}  # the pure equilibria; the mixed one is unstable
    assert (made.ends.max(2) > 0.99).all()


def test_the_payoff_is_that_of_the_cell(made):
    a, b = made.ends.argmax(2).T
    np.testing.assert_allclose(made.J, made.payoffs[a, b], atol=0.05)
    assert set(made.payoffs[a, b]) == {11.0, 7.0}


def test_starts_are_inside_and_those_near_the_optimum_reach_it(made):
    assert (made.starts > 0).all()
    np.testing.assert_allclose(made.starts.sum(1), 1)
    near = made.starts[:, 0] > 0.75
    assert near.any()
    np.testing.assert_allclose(made.J[near], 11, atol=0.05)


def test_resolution_is_checked():
    with pytest.raises(InputError, match="resolution must be at least 2"):
        compute(resolution=1)
