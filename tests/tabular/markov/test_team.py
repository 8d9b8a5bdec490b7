"""Teams: closed forms, a linear programme as oracle, ties exactly and for certain."""

import dataclasses
import itertools

import flint
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.values import evaluate
from tabular.markov.team import solve_team


def random_team(seed, gamma, integers=False):
    rng = np.random.default_rng(seed)
    S, n = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    counts = tuple(int(a) for a in rng.integers(1, 4, n))
    successors = int(rng.integers(1, S + 1)) if rng.random() < 0.5 else None
    game = TeamGame.random(S, counts, rng, discount=gamma, successors=successors)
    if integers:
        P = rng.integers(0, 2, (S, *counts, S)) + (np.arange(S) == 0)
        game = TeamGame(P / P.sum(-1, keepdims=True), rng.integers(0, 2, (S, *counts)).astype(float), gamma)
    return game


def linprog_values(game):
    """min Σ V  s.t.  V(s) ≥ r(s,a) + γ Σ P V for every joint action: the optimum as a linear programme."""
    S = game.S
    P = game.transitions.toarray() if game.sparse else game.transitions.reshape(-1, S)
    left = game.discount * P - np.repeat(np.eye(S), len(P) // S, axis=0)
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    return linprog(np.ones(S), left, -game.rewards.ravel(), bounds=(None, None), options=options).x


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.booleans())
def test_against_a_linear_programme(seed, gamma, integers):
    game = random_team(seed, gamma, integers)
    solution = solve_team(game)
    np.testing.assert_allclose(solution.V, linprog_values(game), atol=1e-7)
    played = evaluate(game, solution.policy)
    np.testing.assert_allclose(played.V, solution.V, atol=1e-10)
    assert pytest.approx(played.J, abs=1e-10) == solution.J
    assert solution.error < 1e-9


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 0.9]))
def test_ties_exactly_and_floats_keep_every_one(seed, gamma):
    game = random_team(seed, gamma, integers=True)
    exact_game = game.convert("rational")
    exact = solve_team(exact_game)
    assert exact.error == 0
    # the exact optimality equation decides what is tied, joint action by joint action
    for s in range(game.S):
        for a in itertools.product(*map(range, game.action_counts)):
            value = exact_game.rewards[s, *a] + exact_game.discount * (exact_game.transitions[s, *a] @ exact.V)
            assert value <= exact.V[s]
            assert exact.optimal[s, *a] == (value == exact.V[s])
    # which game is meant by float rows is decided up to rounding, and no tie may be lost by it
    floats = solve_team(game)
    assert (floats.optimal | ~exact.optimal).all()
    assert np.abs(floats.V - numbers.convert(exact.V, "float")).max() <= floats.error + 1e-14
    assert exact.optimal[(np.arange(game.S), *exact.actions.T)].all()


def test_penalty_game_has_two_optima():
    # penalty(k): 10 at (0,0) and (2,2), so agents that choose alone may meet in k
    game = TeamGame(np.ones((1, 3, 3, 1)), np.array([[[10.0, 0, -30], [0, 2, 0], [-30, 0, 10]]]), 0.5)
    solution = solve_team(game)
    assert np.argwhere(solution.optimal[0]).tolist() == [[0, 0], [2, 2]]
    assert not solution.unique[0]
    assert solution.V[0] == pytest.approx(20)
    nearly = dataclasses.replace(game, rewards=game.rewards + 1e-9 * np.eye(3)[0][:, None])
    assert solve_team(nearly).unique[0]


def test_two_state_closed_form():
    # state 0: only the joint action (1, 1) goes to state 1, for −1; state 1 pays 1 for ever: V(1) = 1/(1−γ), and
    # V(0) = −1 + γ/(1−γ), better than 0 from γ > ½ on
    P = np.zeros((2, 2, 2, 2))
    P[..., 0] = 1
    P[0, 1, 1] = P[1, :, :] = [0, 1]
    r = np.array([[[0, 0], [0, -1]], [[1, 1], [1, 1]]])
    for gamma, V, action in ((flint.fmpq(2, 5), flint.fmpq(0), None), (flint.fmpq(3, 5), flint.fmpq(1, 2), [1, 1])):
        game = TeamGame(numbers.convert(P, "rational"), numbers.convert(r, "rational"), gamma)
        solution = solve_team(game)
        assert solution.V.tolist() == [V, 1 / (1 - gamma)]
        assert (solution.actions[0].tolist() == [1, 1]) == (action is not None)
        assert (V + 1 / (1 - gamma)) / 2 == solution.J
    tied = TeamGame(numbers.convert(P, "rational"), numbers.convert(r, "rational"), flint.fmpq(1, 2))
    assert solve_team(tied).optimal.all()


def test_sparse_and_dense_agree():
    sparse = TeamGame.random(300, (3, 2, 2), np.random.default_rng(0), discount=0.99, successors=4)
    dense = dataclasses.replace(sparse, transitions=sparse.transitions.toarray().reshape(300, 3, 2, 2, 300))
    a, b = solve_team(sparse), solve_team(dense)
    assert np.abs(a.V - b.V).max() <= a.error + b.error
    assert (a.actions == b.actions).all()
    assert a.unique.all()


BAD = {
    "general": (MarkovGame.random(2, (2, 2), np.random.default_rng(0)), "TeamGame, one reward for everybody"),
    "matrix": (MatrixGame.random((2, 2), np.random.default_rng(0)), "not MatrixGame"),
    "batch": (TeamGame.random(2, (2, 2), np.random.default_rng(0), batch=2), r"batch of shape \(2,\)"),
    "balls": (TeamGame.random(2, (2, 2), np.random.default_rng(0)).convert("ball"), "not ball"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    game, message = BAD[name]
    with pytest.raises(InputError, match=message):
        solve_team(game)
