"""Policy iteration: what its certificate says when it stops early, its start, ties, batches and sparse transitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from marlcore import mdp, numbers
from marlcore.errors import ConvergenceError

ALONE = np.ones((1, 2, 1))
"""One state, two actions."""


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.9]))
def test_the_certificate_holds_when_iteration_stops_early(seed, gamma):
    rng = np.random.default_rng(seed)
    P, r = rng.dirichlet([1] * 4, (4, 3)), rng.normal(size=(4, 3))
    optimum = mdp.solve_mdp(P, r, gamma).V
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mdp, "ROUND_OFF", 0.3)
        early = mdp.solve_mdp(P, r, gamma, np.zeros(4, dtype=int))
    assert (optimum - early.V).max() <= early.error + 1e-9
    assert early.error == pytest.approx((early.Q.max(-1) - early.V).max() / (1 - gamma), rel=1e-12, abs=1e-12)


def test_a_batch_that_starts_badly_is_solved_game_by_game():
    rng = np.random.default_rng(5)
    P, r = rng.dirichlet([1] * 3, (4, 3, 3)), rng.normal(size=(4, 3, 3))  # states as many as actions: axes may not swap
    worst = r.argmin(-1)
    whole = mdp.solve_mdp(P, r, 0.9, worst)
    for k in range(4):
        one = mdp.solve_mdp(P[k], r[k], 0.9, worst[k])
        assert (whole.actions[k] == one.actions).all()
        np.testing.assert_allclose(whole.V[k], one.V, rtol=1e-12)


def test_the_certificate_of_a_batch_takes_the_largest_discount(monkeypatch):
    monkeypatch.setattr(mdp, "ROUND_OFF", 10.0)
    P, r = np.stack([ALONE, ALONE]), np.array([[[0.0, 1.0]], [[0.0, 1.0]]])
    solution = mdp.solve_mdp(P, r, np.array([0.0, 0.9]), np.zeros((2, 1), dtype=int))
    assert solution.error == pytest.approx(10)


@pytest.mark.parametrize(("other", "stays"), [(10.5, True), (11.05, True), (11.15, False)])
def test_an_action_is_better_by_round_off_of_one_and_the_largest_value(other, stays, monkeypatch):
    # slack 0.1·(1 + 10) = 1.1
    monkeypatch.setattr(mdp, "ROUND_OFF", 0.1)
    r = np.array([[10.0, other], [0.0, 0.5]])
    solution = mdp.solve_mdp(np.ones((2, 2, 2)) / 2, r, 0.0, np.array([0, 0]))
    assert solution.actions.tolist() == [0 if stays else 1, 0]


def test_iteration_starts_where_the_reward_is_largest_or_where_it_is_told():
    r = np.array([[0.0, 1.0, 0.5]])
    P = np.ones((1, 3, 1))
    assert mdp.solve_mdp(P, r, 0.0).iterations == 1
    assert mdp.solve_mdp(P, r, 0.0, np.array([2])).iterations == 2
    # in rationals the start is the optimum in floats: here not where the reward is largest
    P, r = chain()
    exact = [numbers.convert(x, "rational") for x in (P, r)]
    half = numbers.number("1/2", "rational")
    assert mdp.solve_mdp(P, r, 0.5).iterations == 2
    assert mdp.solve_mdp(*exact, half).iterations == 1
    assert mdp.solve_mdp(*exact, half, np.array([0, 0])).iterations == 2
    assert mdp.solve_mdp(*exact, half, np.array([0, 0])).actions.tolist() == [1, 0]


def chain():
    """State 0 pays ¼ to stay and nothing to go to state 1, which pays 1 for ever: 1 to go at γ = ½, ½ to stay."""
    P = np.zeros((2, 2, 2))
    P[0, 0, 0] = P[0, 1, 1] = P[1, :, 1] = 1
    return P, np.array([[0.25, 0.0], [1.0, 1.0]])


def test_running_out_of_sweeps_is_an_error(monkeypatch):
    monkeypatch.setattr(mdp, "MAX_ITERATIONS", 2)
    assert mdp.solve_mdp(*chain(), 0.5).iterations == 2
    monkeypatch.setattr(mdp, "MAX_ITERATIONS", 1)
    with pytest.raises(ConvergenceError, match="within 1 sweeps"):
        mdp.solve_mdp(*chain(), 0.5)


def test_a_tied_action_is_kept_while_another_state_improves():
    r = np.array([[1.0, 1.0], [0.0, 5.0]])
    assert mdp.solve_mdp(np.ones((2, 2, 2)) / 2, r, 0.0, np.array([1, 0])).actions.tolist() == [1, 1]


def test_a_batch_with_a_discount_each_is_its_processes_side_by_side():
    rng = np.random.default_rng(2)
    P, r, gamma = rng.dirichlet([1] * 3, (5, 3, 2)), rng.normal(size=(5, 3, 2)), rng.uniform(0, 0.95, 5)
    whole = mdp.solve_mdp(P, r, gamma)
    for k in range(5):
        one = mdp.solve_mdp(P[k], r[k], float(gamma[k]))
        np.testing.assert_allclose(whole.V[k], one.V, rtol=1e-10)
        np.testing.assert_allclose(whole.Q[k], one.Q, rtol=1e-10)
        assert (whole.actions[k] == one.actions).all()


def test_sparse_transitions_have_the_same_optimum():
    rng = np.random.default_rng(3)
    P, r = rng.dirichlet([1] * 6, (6, 3)), rng.normal(size=(6, 3))
    dense, sparse = mdp.solve_mdp(P, r, 0.8), mdp.solve_mdp(csr_matrix(P.reshape(18, 6)), r, 0.8)
    np.testing.assert_allclose(sparse.V, dense.V, atol=1e-9)
    assert (sparse.actions == dense.actions).all()
    given_start = mdp.solve_mdp(csr_matrix(P.reshape(18, 6)), r, 0.8, dense.actions)
    np.testing.assert_allclose(given_start.V, dense.V, atol=1e-9)
