"""No share above the sharp constant's, the walk at 0.80 of it, the constants' ratio as derived."""

import math

import numpy as np
import pytest

from marlcore.bounds import paper_constant, sharp_constant


@pytest.fixture
def made(data):
    return data("loose_constant")


def test_nothing_needs_more_than_the_sharp_constant(made):
    gamma = 1 - 1 / made.horizons
    sharp = sharp_constant(gamma) / paper_constant(gamma, 1.0)
    assert (sharp < 0.5).all()  # C* ≤ C/2
    for shares in (made.largest, made.adversary, made.walk):
        assert (shares <= sharp + 1e-12).all()


def test_the_kinds_of_games_are_in_order(made):
    assert (made.random[:, 1] < made.largest).all()
    assert (made.largest < made.adversary).all()
    assert (made.adversary < made.walk).all()
    assert (np.diff(made.random, axis=1) > 0).all()


def test_the_walk_needs_four_fifths_of_the_sharp_constant(made):
    gamma = 1 - 1 / made.horizons
    used = made.walk / (sharp_constant(gamma) / paper_constant(gamma, 1.0))
    assert used[2] == pytest.approx(0.803, abs=0.001)  # the library's fact for random_walk_chain at γ = 9/10
    assert used[4] == pytest.approx(math.sqrt(2 / math.pi), abs=0.002)  # the limit of long horizons


def test_the_ratio_of_the_constants_falls_with_the_root_of_the_horizon(made):
    # C*/C = 2·Li_{−1/2}(γ)(1−γ)²/(4γ) → √π/4 · √(1−γ)
    assert made.sharp[-1] * np.sqrt(made.curve[-1]) == pytest.approx(math.sqrt(math.pi) / 4, rel=0.02)
    series = sum(math.sqrt(t) * 0.5**t for t in range(1, 200))
    at = np.interp(2, made.curve, made.sharp)
    assert at == pytest.approx(2 * series * 0.25 / (4 * 0.5), rel=1e-3)
