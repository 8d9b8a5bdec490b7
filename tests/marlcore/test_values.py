"""Exact values: closed forms, Bellman's equations, simulation-free oracles, and batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marlcore import numbers, policies
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame, unstack
from marlcore.values import bellman_residual, evaluate, induced_transitions, occupancy, state_values

sizes = st.tuples(st.integers(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=3))
seeds = st.integers(0, 2**32 - 1)


def test_two_state_chain_by_hand():
    # state 0: stay (reward 1) or leave (reward 0) to state 1, which pays 2 for ever; γ = ½, leave with probability ½.
    # V(1) = 2/(1−½) = 4; V(0) = ½·1 + ½·(½V(0) + ½·4) → V(0) = (½ + 1)/(1 − ¼) = 2
    P = np.zeros((2, 2, 2))
    P[0, 0, 0] = P[0, 1, 1] = P[1, :, 1] = 1
    game = TeamGame(P, np.array([[1.0, 0.0], [2.0, 2.0]]), 0.5, np.array([1.0, 0.0]))
    e = evaluate(game, (np.array([[0.5, 0.5], [0.5, 0.5]]),))
    np.testing.assert_allclose(e.V, [2, 4], rtol=1e-15)
    np.testing.assert_allclose(e.Q, [[2, 2], [4, 4]], rtol=1e-15)
    np.testing.assert_allclose(e.A, 0, atol=1e-15)
    # visits to 0: Σ (γ/2)ᵗ = 4/3, the rest of 1/(1−γ) = 2 is spent in state 1
    np.testing.assert_allclose(e.rho, [4 / 3, 2 / 3], rtol=1e-15)
    assert pytest.approx(2, rel=1e-15) == e.J


def test_values_by_summing_the_series():
    rng = np.random.default_rng(3)
    game = TeamGame.random(4, (2, 3), rng, discount=0.7)
    pi = policies.random(game, rng)
    joint = np.einsum("sa,sb->sab", *pi)
    P_pi = np.einsum("sab,sabt->st", joint, game.transitions)
    r_pi = np.einsum("sab,sab->s", joint, game.rewards)
    V, rho = np.zeros(4), np.zeros(4)
    state = game.start.copy()
    for t in range(120):
        V = V + 0.7**t * np.linalg.matrix_power(P_pi, t) @ r_pi
        rho = rho + 0.7**t * state
        state = state @ P_pi
    e = evaluate(game, pi)
    np.testing.assert_allclose(e.V, V, rtol=1e-13)
    np.testing.assert_allclose(e.rho, rho, rtol=1e-13)
    np.testing.assert_allclose(e.Q, game.rewards + 0.7 * game.transitions @ V, rtol=1e-13)
    assert pytest.approx(game.start @ V, rel=1e-13) == e.J


@given(sizes, seeds, st.sampled_from([0.0, 0.5, 0.99]))
def test_identities_that_any_evaluation_satisfies(size, seed, gamma):
    rng = np.random.default_rng(seed)
    game = TeamGame.random(*size, rng, discount=gamma)
    pi = policies.random(game, rng)
    e = evaluate(game, pi)
    scale = 1 / (1 - gamma)
    axes = tuple(range(1, game.n + 1))
    joint = policies.joint(pi)
    np.testing.assert_allclose((joint * e.A).sum(axes), 0, atol=1e-12 * scale)  # E_{a~π}[A] = 0
    np.testing.assert_allclose((joint * e.Q).sum(axes), e.V, atol=1e-12 * scale)
    assert e.rho.sum() == pytest.approx(scale, rel=1e-12)  # mass 1/(1−γ)
    assert pytest.approx((e.rho * (joint * game.rewards).sum(axes)).sum(), rel=1e-10, abs=1e-12 * scale) == e.J
    assert (e.rho >= game.start - 1e-12).all()


@given(seeds)
def test_performance_difference(seed):
    # Kakade & Langford 2002, Lemma 6.1: J(π̄) − J(π) = E_{s~ρ_π̄, a~π̄}[A_π]
    rng = np.random.default_rng(seed)
    game = TeamGame.random(3, (2, 2), rng)
    old, new = policies.random(game, rng), policies.random(game, rng)
    e, f = evaluate(game, old), evaluate(game, new)
    gain = (f.rho * (policies.joint(new) * e.A).sum((1, 2))).sum()
    assert pytest.approx(gain, rel=1e-9, abs=1e-11) == f.J - e.J


def test_a_general_game_is_a_team_game_for_each_player():
    rng = np.random.default_rng(0)
    game = MarkovGame.random(3, (2, 3, 2), rng, batch=2)
    pi = policies.random(game, rng)
    e = evaluate(game, pi)
    assert e.Q.shape == (2, 3, 3, 2, 3, 2)
    assert e.J.shape == (2, 3)
    for i in range(3):
        own = evaluate(game.player(i), pi)
        np.testing.assert_allclose(e.V[:, i], own.V, rtol=1e-12)
        np.testing.assert_allclose(e.Q[:, i], own.Q, rtol=1e-12)
        np.testing.assert_allclose(e.A[:, i], own.A, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(e.J[:, i], own.J, rtol=1e-12)
        np.testing.assert_allclose(e.rho, own.rho, rtol=1e-12)


@pytest.mark.parametrize("kind", [TeamGame, MarkovGame])
def test_a_batch_is_its_games_side_by_side(kind):
    rng = np.random.default_rng(0)
    game = kind.random(3, (2, 2), rng, batch=(2, 3))
    game = type(game)(game.transitions, game.rewards, rng.uniform(0, 0.99, (2, 3)), game.start, (2, 3))
    pi = policies.random(game, rng)
    e = evaluate(game, pi)
    for a, row in enumerate(unstack(game)):
        for b, one in enumerate(unstack(row)):
            single = evaluate(one, tuple(table[a, b] for table in pi))
            for field in ("V", "Q", "A", "rho", "J"):
                np.testing.assert_allclose(getattr(e, field)[a, b], getattr(single, field), rtol=1e-9, atol=1e-12)


def test_a_matrix_game_is_evaluated_as_one_shot():
    payoffs = np.array([[[0.0, 3.0], [1.0, 2.0]], [[3.0, 2.0], [0.0, 1.0]]])
    x, y = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    e = evaluate(MatrixGame(payoffs), (x, y))
    np.testing.assert_allclose(e.J, [x @ payoffs[0] @ y, x @ payoffs[1] @ y])
    np.testing.assert_allclose(e.Q[:, 0], payoffs)
    assert e.rho.tolist() == [1.0]


def test_rational_values_are_exact():
    game = TeamGame.random(3, (2, 2), np.random.default_rng(1)).convert("rational")
    pi = policies.convert(policies.random(game.convert("float"), np.random.default_rng(2)), "rational")
    e = evaluate(game, pi)
    joint = policies.joint(pi)
    assert ((joint * e.A).sum((1, 2)) == 0).all()
    assert e.rho.sum() == 10
    assert (e.rho * (joint * game.rewards).sum((1, 2))).sum() == e.J


def test_residual_is_the_bellman_residual():
    rng = np.random.default_rng(0)
    P = rng.dirichlet([1, 1, 1], 3)
    r = rng.normal(size=(3, 1))
    V = state_values(P, r, 0.9)
    assert bellman_residual(P, r, 0.9, V) < 1e-13
    bump = np.array([[0.0], [1.0], [0.0]])
    # r + γP(V + e₁) − (V + e₁) = γP e₁ − e₁
    assert bellman_residual(P, r, 0.9, V + bump) == pytest.approx(np.abs(0.9 * P @ bump - bump).max())
    assert bellman_residual(P, r, 0.9, V + bump) / 0.1 >= 1  # over 1 − γ it bounds the error


def test_building_blocks_against_einsum():
    rng = np.random.default_rng(0)
    P, pi, d = rng.dirichlet([1] * 3, (2, 3, 4)), rng.dirichlet([1] * 4, (2, 3)), rng.dirichlet([1] * 3, 2)
    induced = induced_transitions(P, pi)
    np.testing.assert_allclose(induced, np.einsum("bsa,bsat->bst", pi, P))
    rho = occupancy(induced, d, np.array([0.5, 0.9]))
    np.testing.assert_allclose(rho.sum(-1), [2, 10], rtol=1e-12)
    for b, gamma in enumerate((0.5, 0.9)):
        np.testing.assert_allclose(rho[b], d[b] + gamma * rho[b] @ induced[b], rtol=1e-12)


def test_a_wrong_policy_is_refused():
    game = TeamGame.random(2, (2, 2), np.random.default_rng(0))
    with pytest.raises(InputError, match=r"policy\[0\] must have shape \(2, 2\)"):
        evaluate(game, (np.ones((1, 2)) / 2, np.ones((2, 2)) / 2))
    assert numbers.kind_of(evaluate(game, policies.uniform(game)).V) == "float"


def test_a_batch_of_matrix_games_is_its_games_side_by_side():
    rng = np.random.default_rng(4)
    game = MatrixGame.random((2, 3), rng, batch=(2, 5))
    pi = policies.random(game, rng)
    e = evaluate(game, pi)
    np.testing.assert_allclose(e.J, np.einsum("xyiab,xya,xyb->xyi", game.payoffs, *pi), rtol=1e-12)


def test_building_blocks_on_batches_whose_axes_are_all_of_different_lengths():
    rng = np.random.default_rng(5)
    P, r, d = rng.dirichlet([1] * 3, (2, 5, 3)), rng.normal(size=(2, 5, 3, 4)), rng.dirichlet([1] * 3, (2, 5))
    gamma = rng.uniform(0.1, 0.9, (2, 5))
    V, rho = state_values(P, r, gamma), occupancy(P, d, gamma)
    off = V + rng.normal(size=V.shape)
    residual = bellman_residual(P, r, gamma, off)
    assert residual.shape == (2, 5)
    for k in np.ndindex(2, 5):
        np.testing.assert_allclose(V[k], r[k] + gamma[k] * P[k] @ V[k], rtol=1e-12)
        np.testing.assert_allclose(rho[k], d[k] + gamma[k] * rho[k] @ P[k], rtol=1e-12)
        assert residual[k] == pytest.approx(np.abs(r[k] + gamma[k] * P[k] @ off[k] - off[k]).max(), rel=1e-12)


def test_a_sparse_game_has_the_values_of_the_dense_one():
    game = TeamGame.random(4, (2, 2), np.random.default_rng(6), successors=2)
    dense = TeamGame(game.transitions.toarray().reshape(4, 2, 2, 4), game.rewards, game.discount, game.start)
    pi = policies.random(dense, np.random.default_rng(7))
    np.testing.assert_allclose(evaluate(game, pi).V, evaluate(dense, pi).V, rtol=1e-10)
