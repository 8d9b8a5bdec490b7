"""The exact trust-region step: closed forms, Clarabel at moderate penalties, and the certificate everywhere else."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marlcore import numbers
from marlcore.divergences import kl
from marlcore.errors import InputError
from tabular.mirror import entropy_kernel, step_certificate
from tabular.mirror.step import trust_region_step


def instance(rng, S, A, concentration=1.0, zeros=0.0):
    """p with some exact zeros, centred weights, a measure."""
    p = rng.gamma(concentration, size=(S, A)) + 1e-300
    p[rng.random((S, A)) < zeros] = 0
    p[np.arange(S), rng.integers(A, size=S)] += 1e-3
    p /= p.sum(-1, keepdims=True)
    w = rng.normal(size=(S, A))
    w -= (p * w).sum(-1, keepdims=True)
    return p, w, rng.dirichlet(np.ones(S)) * 10


def objective(p, w, rho, C, q):
    return float((rho[:, None] * w * (q - p)).sum() - C * kl(p, q).max())


def clarabel(p, w, rho, C):
    import cvxpy as cp

    q, t = cp.Variable(p.shape, nonneg=True), cp.Variable()
    spent = [cp.sum([cp.kl_div(x, y) for x, y in zip(ps, qs, strict=True)]) for ps, qs in zip(p, q, strict=True)]
    gain = cp.sum(cp.multiply(rho[:, None] * w, q - p)) - C * t
    problem = cp.Problem(cp.Maximize(gain), [cp.sum(q, axis=1) == 1, *[x <= t for x in spent]])
    return problem.solve(solver=cp.CLARABEL)


@pytest.mark.parametrize("penalty", [0.05, 1.0, 5.0, 40.0])
@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_agrees_with_clarabel_at_moderate_penalties(penalty, zeros):
    rng = np.random.default_rng(int(penalty * 100 + zeros))
    p, w, rho = instance(rng, 4, 4, zeros=zeros)
    rho[1] = 0
    w[2] = 0
    found = trust_region_step(p, w, rho, penalty)
    best = clarabel(p, w, rho, penalty)
    assert found.gain == pytest.approx(best, rel=1e-5, abs=1e-7)  # Clarabel's accuracy
    assert found.gain == pytest.approx(objective(p, w, rho, penalty, found.table), rel=1e-9, abs=1e-12)
    assert found.bound >= best - 1e-5 * abs(best)


@pytest.mark.parametrize("S", [1, 7, 100, 3000])
@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0, 1e2, 1e4, 1e6])
def test_certificate_where_cone_solvers_fail(S, penalty):
    rng = np.random.default_rng(S)
    for concentration, zeros in ((1.0, 0.0), (0.05, 0.0), (1.0, 0.3)):
        p, w, rho = instance(rng, S, 5, concentration, zeros)
        found = trust_region_step(p, w, rho, penalty)
        # a row of floats near p is a grid of 1e-16: what it can gain is known to 1e-16/√t of itself
        blur = 1e-12 + 1e-14 / math.sqrt(max(found.divergence, 1e-300))
        assert found.gap <= blur * found.bound + 1e-15
        assert found.infeasibility <= 1e-14
        assert (found.table >= 0).all()
        assert ((found.table > 0) >= (p > 0)).all()


def test_no_table_beats_the_bound():
    rng = np.random.default_rng(5)
    p, w, rho = instance(rng, 3, 3)
    for penalty in (0.1, 2.0, 30.0):
        found = trust_region_step(p, w, rho, penalty)
        for size in (1.0, 0.1, 0.01):
            for _ in range(200):
                other = (1 - size) * found.table + size * rng.dirichlet(np.ones(3), 3)
                assert objective(p, w, rho, penalty, other) <= found.bound + 1e-13


@given(st.integers(0, 10**6), st.floats(1e-3, 1e5))
@settings(max_examples=60, deadline=None)
def test_bound_holds_for_any_multipliers(seed, penalty):
    rng = np.random.default_rng(seed)
    p, w, rho = instance(rng, 4, 3, zeros=0.3)
    found = trust_region_step(p, w, rho, penalty)
    kappa = rng.dirichlet(np.ones(4)) * penalty * rng.uniform(0.5, 3)
    _, _, bound, _, _ = step_certificate.certify(p, w, rho, penalty, found.table, kappa, rng.exponential(size=4))
    assert bound >= found.gain - 1e-12 * abs(found.gain)


def test_wrong_answers_do_not_pass_for_right_ones():
    rng = np.random.default_rng(8)
    p, w, rho = instance(rng, 20, 4)
    found = trust_region_step(p, w, rho, 20.0)
    assert found.gap <= 1e-13
    worse = found.table.copy()
    worse[3] = p[3]  # one state that does not use the radius that the others pay for
    surrogate, divergence, bound, _, _ = step_certificate.certify(
        p, w, rho, 20.0, worse, found.multipliers, found.excess
    )
    assert bound - (surrogate - 20.0 * divergence) > 1e-4
    _, _, bound, _, _ = step_certificate.certify(p, w, rho, 20.0, found.table, found.multipliers * 0.99, found.excess)
    assert bound - found.gain > 1e-6


def test_optimality_conditions_of_one_state():
    # ρ w_a + C p_a/q_a is the same for all actions of the support (stationarity of the Lagrangian)
    p, w, rho = np.array([[0.2, 0.5, 0.3]]), np.array([[1.0, -0.4, 0.2]]), np.array([3.0])
    found = trust_region_step(p, w, rho, 2.5)
    level = rho * w + 2.5 * p / found.table
    assert np.ptp(level) < 1e-12 * level.max()


def test_an_action_enters():
    # p = (1, 0), w = (0, 1): λ(t) = e^(−t), so C = ½ puts the radius at ln 2 and half the mass on the new action
    found = trust_region_step([[1.0, 0.0]], [[0.0, 1.0]], [1.0], 0.5)
    np.testing.assert_allclose(found.table, [[0.5, 0.5]], rtol=1e-14)
    assert found.divergence == pytest.approx(math.log(2), rel=1e-14)
    assert found.gain == pytest.approx(0.5 - 0.5 * math.log(2), rel=1e-14)
    assert found.gap < 1e-15


def test_a_vertex_holds_when_the_penalty_is_high():
    # a step of size η gains ρη and costs −C·ln(1−η) ≥ Cη
    found = trust_region_step([[1.0, 0.0]], [[0.0, 1.0]], [1.0], 1.0)
    np.testing.assert_array_equal(found.table, [[1.0, 0.0]])
    assert found.gap == 0
    assert trust_region_step([[1.0, 0.0]], [[0.0, 1.0]], [1.0], 0.999).gain > 0


@pytest.mark.parametrize("p", [0.0, 5e-324, 1e-297, 1e-160, 1e-140])
def test_what_is_nearly_absent_enters_too(p):
    # the first state pays for the radius, the second uses it: from (1, ~0) the better action takes 1 − e^(−t)
    table, w = np.array([[0.6, 0.4], [1.0, p]]), np.array([[0.4, -0.6], [0.0, 0.1]])
    found = trust_region_step(table, w, [1.0, 1.0], 3.0)
    assert found.gap < 1e-14
    assert found.table[1, 1] == pytest.approx(-math.expm1(-found.divergence), rel=1e-12)


def test_two_equal_states_share_the_price():
    p, w = np.array([[0.3, 0.7]]), np.array([[0.7, -0.3]])
    alone = trust_region_step(p, w, [1.0], 4.0)
    both = trust_region_step(np.repeat(p, 2, 0), np.repeat(w, 2, 0), [0.5, 0.5], 4.0)
    np.testing.assert_allclose(both.table, np.repeat(alone.table, 2, 0), rtol=1e-12)
    twice = trust_region_step(np.repeat(p, 2, 0), np.repeat(w, 2, 0), [1.0, 1.0], 4.0)
    assert twice.divergence > 2 * alone.divergence  # C buys the radius for both states at once


def test_every_state_uses_the_radius():
    rng = np.random.default_rng(2)
    p, w, rho = instance(rng, 30, 4)
    found = trust_region_step(p, w, rho, 100.0)
    np.testing.assert_allclose(kl(p, found.table), found.divergence, rtol=1e-12)
    assert found.multipliers.sum() == pytest.approx(100.0, rel=1e-12)


def test_ties_and_unvisited_states_stay():
    p = np.array([[0.2, 0.8], [0.5, 0.5], [0.6, 0.4]])
    found = trust_region_step(p, [[1.0, 0.0], [0.3, 0.3], [5.0, 0.0]], [1.0, 1.0, 0.0], 1.0)
    np.testing.assert_array_equal(found.table[1:], p[1:])
    assert found.table[0, 0] > 0.2
    still = trust_region_step(p, np.zeros((3, 2)), np.ones(3), 1.0)
    np.testing.assert_array_equal(still.table, p)
    assert still.bound == still.gain == 0


def test_no_penalty_is_a_best_response():
    p = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.4, 0.6, 0.0], [0.1, 0.2, 0.7]])
    w = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    found = trust_region_step(p, w, [1.0, 1.0, 1.0, 0.0], 0.0)
    np.testing.assert_allclose(found.table, [[0.4, 0.6, 0], [0, 1, 0], [0.4, 0.6, 0], [0.1, 0.2, 0.7]], rtol=1e-15)
    assert found.gap < 1e-15


def test_scale_of_rewards_does_not_matter():
    rng = np.random.default_rng(3)
    p, w, rho = instance(rng, 10, 3, zeros=0.2)
    plain = trust_region_step(p, w, rho, 7.0).table
    for scale in (1e-120, 1e-9, 1e9, 1e120):
        np.testing.assert_allclose(trust_region_step(p, scale * w, rho, scale * 7.0).table, plain, rtol=1e-11)


def test_steps_too_small_for_floats_stay_put():
    p, w, rho = instance(np.random.default_rng(4), 5, 3)
    found = trust_region_step(p, w, rho, 1e200)
    np.testing.assert_allclose(found.table, p, rtol=1e-15)
    assert found.gap < 1e-100


def test_relative_entropy_is_the_one_of_the_library():
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(500), 10.0 ** rng.uniform(-300, 0, 500), [0.0, 0.0, 1.0, 0.5]])
    near = p[:500] * (1 + rng.normal(size=500) * 10.0 ** rng.uniform(-15, -0.5, 500))
    q = np.concatenate([np.abs(near), 10.0 ** rng.uniform(-300, 0, 500), [0.0, 0.3, 0.0, 0.5]])
    ours = np.array([entropy_kernel.relative_entropy(x, y) for x, y in zip(p, q, strict=True)])
    np.testing.assert_allclose(ours, numbers.relative_entropy(p, q), rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": [[0.5, 0.6]]}, r"p\(·\|s=0\) is not a distribution: it sums to 1.1"),
        ({"table": [[1.5, -0.5]]}, r"p\(a=0\|s=0\) is 1.5"),
        ({"weights": [[np.nan, 0.0]]}, r"w\(s=0, a=0\) is nan"),
        ({"rho": [-1.0]}, r"ρ\(s=0\) is -1.0"),
        ({"penalty": -1.0}, "penalty C must be a finite number ≥ 0, not -1.0"),
        ({"penalty": np.nan}, "penalty C must be"),
        ({"weights": [[0.0, 1.0, 2.0]]}, r"their shapes are \(1, 2\), \(1, 3\)"),
    ],
)
def test_bad_input_is_named(change, message):
    given_ = {"table": [[0.5, 0.5]], "weights": [[0.0, 1.0]], "rho": [1.0], "penalty": 1.0}
    with pytest.raises(InputError, match=message):
        trust_region_step(**{**given_, **change})
