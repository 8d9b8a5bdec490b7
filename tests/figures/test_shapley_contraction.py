"""Shapley's theorem on the figure's own runs, and certified errors that hold."""

import numpy as np
import pytest

from figures.shapley_contraction import data as compute
from figures.shapley_contraction import ring
from marlcore.errors import InputError
from marlcore.games import is_zero_sum


def test_each_sweep_contracts_by_gamma(data):
    made = data("shapley_contraction")
    assert (made.distances[0] == 1).all()
    large = made.distances[:-1] > 1e-9  # above round-off
    ratios = made.distances[1:][large] / made.distances[:-1][large]
    assert (ratios <= made.gamma + 1e-6).all()
    assert ratios.max() > made.gamma - 0.05  # and the bound is nearly met


def test_policies_that_improve_need_fewer_sweeps(data):
    made = data("shapley_contraction")
    need = {name: int(made.counts[name][np.argmax(e < 1e-5)]) for name, e in made.errors.items() if (e < 1e-5).any()}
    assert need["newton"] < need["policy-iteration"]
    slow = made.errors["value-iteration"]
    assert need["policy-iteration"] < made.counts["value-iteration"][np.argmin(slow)] / 2


def test_more_sweeps_are_never_worse(data):
    for name, errors in data("shapley_contraction").errors.items():
        assert (errors[1:] <= errors[:-1] * (1 + 1e-6) + 1e-12).all(), name


def test_the_ring():
    game = ring(7, 2, 0.5, np.random.default_rng(0))
    assert is_zero_sum(game)
    np.testing.assert_allclose(game.transitions.sum(-1), 1)
    assert (game.transitions[0, :, :, 2:6] == 0).all()
    with pytest.raises(InputError, match="gamma must be between 0 and 1"):
        compute(gamma=1.0)
