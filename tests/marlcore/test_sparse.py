"""Sparse games: the same numbers as dense, merged or not, and errors that bound the truth."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marlcore import policies, sparse
from marlcore.games import MarkovGame, TeamGame
from marlcore.mdp import solve_mdp
from marlcore.responses import agent_process, best_response, nash_gap
from marlcore.values import evaluate


def densified(game):
    shape = (game.S, *game.action_counts, game.S)
    return dataclasses.replace(game, transitions=game.transitions.toarray().reshape(shape))


@given(
    st.sampled_from([TeamGame, MarkovGame]),
    st.integers(1, 6),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.5, 0.99]),
)
def test_sparse_evaluation_is_dense_evaluation(kind, states, counts, seed, gamma):
    rng = np.random.default_rng(seed)
    game = kind.random(states, counts, rng, discount=gamma, successors=int(rng.integers(1, states + 1)))
    pi = policies.random(game, rng)
    if rng.random() < 0.5:  # actions that are never played
        pi = policies.mix(pi, policies.deterministic(game, [0] * game.n), 1.0)
    ours, theirs = evaluate(game, pi), evaluate(densified(game), pi)
    tolerance = 1e-12 / (1 - gamma)
    for field in ("V", "Q", "A", "rho", "J"):
        np.testing.assert_allclose(getattr(ours, field), getattr(theirs, field), atol=tolerance)
    assert ours.error is not None
    assert ours.error <= tolerance


def test_error_bounds_are_at_least_the_true_error():
    rng = np.random.default_rng(0)
    game = TeamGame.random(40, (2, 2), rng, successors=3, discount=0.99)
    pi = policies.random(game, rng)
    exact = evaluate(densified(game), pi)
    ours = evaluate(game, pi)
    round_off = 1e-13
    assert ours.error is not None
    assert ours.rho_error is not None
    assert np.abs(ours.V - exact.V).max() <= ours.error + round_off
    assert np.abs(ours.rho - exact.rho).sum() <= ours.rho_error + 100 * round_off


@pytest.mark.parametrize("successors", [1, 3, 20])
def test_merged_and_unmerged_operators_agree(successors):
    rng = np.random.default_rng(successors)
    game = TeamGame.random(20, (3, 2, 2), rng, successors=successors)
    pi = policies.random(game, rng)
    packed = sparse._packed(pi)
    parts = sparse._parts(game.transitions)
    x = rng.normal(size=20)
    dense = np.einsum("sabc,sabct->st", policies.joint(pi), densified(game).transitions)
    room = sparse._room(game.transitions, 12, 1)
    merged = sparse._csr(sparse._merge_joint(*parts, *packed, 12, room), (20, 20))
    np.testing.assert_allclose(merged.toarray(), dense, atol=1e-15)
    np.testing.assert_allclose(sparse._apply(*parts, *packed, 12, x, np.empty(20)), dense @ x, atol=1e-13)
    np.testing.assert_allclose(sparse._apply_transposed(*parts, *packed, 12, x, np.zeros(20)), dense.T @ x, atol=1e-13)
    chosen = sparse.induced_operator(game.transitions, 12, packed)
    np.testing.assert_allclose(chosen.matvec(x), dense @ x, atol=1e-13)
    np.testing.assert_allclose(chosen.rmatvec(x), dense.T @ x, atol=1e-13)


def test_merging_is_chosen_where_it_pays():
    rng = np.random.default_rng(0)
    assert sparse._merged_share(TeamGame.random(5, (3, 3), rng, successors=3).transitions, 9) < 0.5
    assert sparse._merged_share(TeamGame.random(5000, (3, 3), rng, successors=3).transitions, 9) > 0.9


@pytest.mark.parametrize("agent", [0, 1, 2])
def test_the_process_an_agent_faces(agent):
    rng = np.random.default_rng(1)
    game = MarkovGame.random(8, (2, 3, 2), rng, successors=3)
    pi = policies.random(game, rng)
    P, r = sparse.agent_process(game, pi, agent)
    dense_P, dense_r = agent_process(densified(game), pi, agent)
    np.testing.assert_allclose(P.toarray().reshape(dense_P.shape), dense_P, atol=1e-15)
    np.testing.assert_allclose(r, dense_r, atol=1e-15)
    ours, theirs = best_response(game, pi, agent), best_response(densified(game), pi, agent)
    np.testing.assert_allclose(ours.V, theirs.V, atol=1e-11)
    assert (ours.table == theirs.table).all()
    np.testing.assert_allclose(nash_gap(game, pi).gaps, nash_gap(densified(game), pi).gaps, atol=1e-11)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.9, 0.999]))
def test_sparse_policy_iteration_is_dense_policy_iteration(seed, gamma):
    rng = np.random.default_rng(seed)
    game = TeamGame.random(12, (4,), rng, discount=gamma, successors=3)
    ours = solve_mdp(game.transitions, game.rewards, gamma)
    theirs = solve_mdp(densified(game).transitions, game.rewards, gamma)
    np.testing.assert_allclose(ours.V, theirs.V, atol=1e-11 / (1 - gamma))
    assert ours.error <= 1e-9 / (1 - gamma)


@pytest.mark.parametrize("direct", [False, True])
def test_a_periodic_chain_is_solved_to_round_off(direct):
    # a ring: eigenvalues of P on the unit circle, the hardest case for BiCGSTAB
    S = 101
    from scipy.sparse import csr_matrix

    P = csr_matrix((np.ones(S), np.roll(np.arange(S), -1), np.arange(S + 1)), (S, S))
    b = np.zeros(S)
    b[0] = 1.0
    matrix = (lambda: P) if direct else None
    x, residual = sparse.solve_discounted(P.dot, b, 0.999, matrix=matrix)
    # V(s) = γ^{distance to 0} / (1 − γ^S)
    distance = (-np.arange(S)) % S
    np.testing.assert_allclose(x, 0.999**distance / (1 - 0.999**S), rtol=1e-11)  # round-off over 1 − γ
    assert np.abs(residual).max() < 1e-13


@pytest.mark.slow
@pytest.mark.parametrize(("states", "agents"), [(1_000_000, 2), (200, 10)])
def test_large_games_are_never_densified(states, agents):
    rng = np.random.default_rng(0)
    game = TeamGame.random(states, (3,) * agents, rng, successors=4)
    pi = policies.uniform(game)
    e = evaluate(game, pi)
    assert e.error is not None
    assert e.error < 1e-12
    assert e.rho.sum() == pytest.approx(10, rel=1e-12)
    sample = rng.integers(0, game.transitions.shape[0], 1000)
    expected = game.rewards.ravel()[sample] + 0.9 * game.transitions[sample] @ e.V
    np.testing.assert_allclose(e.Q.ravel()[sample], expected, rtol=1e-13)
