"""Lemma 8 along a segment: both bounds below J, touching it at 0, largest where they say."""

import numpy as np
import pytest

from figures.lower_bound import data as compute
from marlcore.bounds import paper_constant, sharp_constant


@pytest.mark.parametrize(("gamma", "seed"), [(0.8, 1), (0.5, 2), (0.95, 3)], ids=["0.8", "0.5", "0.95"])
def test_the_bounds_hold_and_the_sharp_one_is_higher(gamma, seed):
    made = compute(gamma, seed, 61)
    for bound in made.bounds.values():
        assert (made.gain - bound >= -1e-12).all()
        assert bound[0] == pytest.approx(0, abs=1e-12)
    assert (made.bounds["sharp"] - made.bounds["paper"] >= -1e-12).all()


def test_the_rings_are_the_largest_values(data):
    made = data("lower_bound")
    for name, (step, bound, gain) in made.best.items():
        assert bound >= made.bounds[name].max() - 1e-12
        assert gain >= bound > 0
        assert 0 < step < made.steps[-1]


def test_the_surrogates_are_a_parabola(data):
    """Both bounds are ΣL less a constant times one ΣD, and with two agents ΣL is of degree 2 in α exactly."""
    made = data("lower_bound")
    ratio = paper_constant(0.8, 1.0) / sharp_constant(0.8)
    penalty = (made.bounds["sharp"] - made.bounds["paper"]) / (ratio - 1)  # C*·ΣD
    surrogates = made.bounds["sharp"] + penalty
    fit = np.polynomial.Polynomial.fit(made.steps, surrogates, 2)
    np.testing.assert_allclose(fit(made.steps), surrogates, atol=1e-11)
    assert (penalty[1:] > 0).all()


def test_the_penalty_is_the_constants_times_one_divergence(data):
    """The two bounds differ from J's surrogate by C·D and C*·D with one D."""
    made = data("lower_bound")
    gap = made.bounds["sharp"] - made.bounds["paper"]
    curvature = gap[1:] / made.steps[1:] ** 2
    assert np.ptp(curvature) < 0.2 * curvature[0]
    assert (gap[1:] > 0).all()
