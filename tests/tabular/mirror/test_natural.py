"""HATRPO's natural-gradient step: conjugate gradients against the pseudo-inverse, backtracking, the KL limit."""

import numpy as np
import pytest

from marlcore import policies
from marlcore.divergences import expected_kl
from marlcore.errors import InputError
from marlcore.games import TeamGame
from tabular.mirror.natural import conjugate_gradient, natural_hatrpo, natural_step, softmax_step


def problem(seed):
    rng = np.random.default_rng(seed)
    p, w, weights = rng.dirichlet(np.ones(4), 3), rng.normal(size=(3, 4)), rng.dirichlet(np.ones(3))
    return p, w, weights


def hessian_of(p, weights):
    """Σ over states of ρ̂(s)(diag π − ππᵀ), written out: the Hessian of the expected KL in θ."""
    blocks = [r * (np.diag(row) - np.outer(row, row)) for r, row in zip(weights, p, strict=True)]
    H = np.zeros((p.size, p.size))
    for s, block in enumerate(blocks):
        k = s * p.shape[1]
        H[k : k + p.shape[1], k : k + p.shape[1]] = block
    return H


def test_hessian_is_the_second_derivative_of_the_expected_kl():
    p, _, weights = problem(0)
    H, h = hessian_of(p, weights), 1e-4
    x = np.random.default_rng(1).normal(size=p.shape)
    bend = 2 * expected_kl(weights, p, softmax_step(p, h * x)) / h**2
    assert bend == pytest.approx(x.ravel() @ H @ x.ravel(), rel=1e-3)


def test_conjugate_gradients_are_the_pseudo_inverse():
    p, w, weights = problem(2)
    H = hessian_of(p, weights)
    g = (weights[:, None] * p * (w - (p * w).sum(-1, keepdims=True))).ravel()
    x = conjugate_gradient(lambda v: H @ v, g)
    np.testing.assert_allclose(x, np.linalg.pinv(H) @ g, atol=1e-8)
    # H⁻¹g = w up to a constant for each state
    rest = x.reshape(p.shape) - w
    np.testing.assert_allclose(rest - rest.mean(-1, keepdims=True), 0, atol=1e-8)


def test_steps_improve_within_the_radius():
    for seed in range(20):
        p, w, weights = problem(seed)
        w = w - (p * w).sum(-1, keepdims=True)
        new, surrogate, divergence, j = natural_step(p, w, weights, 0.05, 0.5, 20)
        assert surrogate == pytest.approx(float((weights[:, None] * w * new).sum()))
        assert surrogate > 0
        assert divergence == pytest.approx(float(expected_kl(weights, p, new)))
        assert 0.05 / 8 < divergence <= 0.05
        assert 0 <= j < 4


def test_small_radii_need_no_backtracking_by_much():
    # as δ → 0 the quadratic model of KL is exact and the full step has KL = δ(1 + o(1))
    p, w, weights = problem(3)
    _, _, divergence, j = natural_step(p, w, weights, 1e-8, 0.99, 50)
    assert j <= 2
    assert divergence == pytest.approx(1e-8, rel=0.05)


def test_runs_climb_and_keep_what_is_absent_absent():
    rng = np.random.default_rng(4)
    game = TeamGame.random(4, (3, 2), rng, discount=0.9)
    start = (np.array([[0.5, 0.5, 0.0]] * 4), np.full((4, 2), 0.5))
    run = natural_hatrpo(game, start, 80)
    assert run.returns[-1, 0] > run.returns[0, 0] + 0.1
    assert (run.policies[0][..., 2] == 0).all()
    assert run.extras["divergences"].max() <= 0.01
    assert run.extras["exponents"].max() >= 0
    mixed = natural_hatrpo(game, policies.uniform(game), 200)
    assert mixed.nash_gaps[-1] < 1e-6


def test_bad_input_is_named():
    game = TeamGame.random(2, (2, 2), np.random.default_rng(5))
    with pytest.raises(InputError, match="radius δ must be a positive number, not 0"):
        natural_hatrpo(game, policies.uniform(game), 1, delta=0)
    with pytest.raises(InputError, match="α must be between 0 and 1, not 1"):
        natural_hatrpo(game, policies.uniform(game), 1, alpha=1)
