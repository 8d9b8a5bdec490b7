"""Divergences against closed forms and SciPy, and the inequalities that tie them together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from marlcore import divergences


def rows(seed, shape=(5, 4)):
    rng = np.random.default_rng(seed)
    return rng.dirichlet([1] * shape[-1], shape[:-1])


def test_bernoulli_closed_forms():
    # KL(Bern(½) ‖ Bern(q)) = −½ ln(4q(1−q)),  TV = |½ − q|
    half, q = np.array([0.5, 0.5]), 0.2
    other = np.array([q, 1 - q])
    assert divergences.kl(half, other) == pytest.approx(-0.5 * np.log(4 * q * (1 - q)), rel=1e-15)
    assert divergences.tv(half, other) == pytest.approx(0.3, rel=1e-15)
    assert divergences.entropy(other) == pytest.approx(-(q * np.log(q) + 0.8 * np.log(0.8)), rel=1e-15)


def test_direction_is_old_first():
    # KL((1,0) ‖ (½,½)) = ln 2 is finite, the other direction is not: forward KL lets actions in, never out
    vertex, half = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    assert divergences.kl(vertex, half) == pytest.approx(np.log(2), rel=1e-15)
    assert divergences.kl(half, vertex) == np.inf


@given(st.integers(0, 2**32 - 1))
def test_against_scipy_and_each_other(seed):
    p, q = rows(seed), rows(seed + 1)
    kl = divergences.kl(p, q)
    np.testing.assert_allclose(kl, rel_entr(p, q).sum(-1), rtol=1e-12, atol=1e-14)
    tv = divergences.tv(p, q)
    np.testing.assert_allclose(tv, np.maximum(p - q, 0).sum(-1), rtol=1e-12)
    assert (2 * tv**2 <= kl + 1e-15).all()  # Pinsker
    assert divergences.max_kl(p, q) == kl.max()
    assert divergences.max_tv(p, q) == tv.max()
    weights = np.arange(5.0)
    assert divergences.expected_kl(weights, p, q) == pytest.approx(weights @ kl)
    assert (divergences.kl(p, p) == 0).all()


def test_shapes_that_disagree_are_caught_where_annotations_run():
    with pytest.raises(TypeError, match="Expected type"):
        divergences.kl(np.ones((2, 3)) / 3, np.ones((2, 2)) / 2)


def test_batches_are_side_by_side():
    p, q = rows(1, (3, 5, 4)), rows(2, (3, 5, 4))
    assert divergences.max_kl(p, q).shape == (3,)
    for k in range(3):
        assert divergences.max_kl(p, q)[k] == divergences.max_kl(p[k], q[k])
        assert divergences.expected_kl(np.ones(5), p, q)[k] == divergences.expected_kl(np.ones(5), p[k], q[k])


def test_entropy_is_exact_in_symbols_and_enclosed_in_balls():
    import flint
    import sympy

    from marlcore import numbers

    thirds = np.array(["1/3", "1/3", "1/3"])
    level = np.array([numbers.number(p, "symbol") for p in thirds], dtype=object)
    assert sympy.simplify(divergences.entropy(level) - sympy.log(3)) == 0
    with numbers.precision(100):
        ball = divergences.entropy(np.array([numbers.number(p, "ball") for p in thirds], dtype=object))
    with numbers.precision(200):
        assert flint.arb(ball).contains(flint.arb(3).log())
    # a single action has nothing to choose
    assert divergences.entropy(np.array([[1.0]])).tolist() == [0]
