"""Coalitions: Littman's two extremes, the joint strategy's advantage over a product, and the axes' order."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from tabular.markov.friend_or_foe import coalition_game, friend_or_foe_values
from tabular.markov.shapley import shapley
from tabular.markov.team import solve_team


def three_players(seed, sparse=False, counts=(2, 3, 2), gamma=0.8):
    return MarkovGame.random(4, counts, np.random.default_rng(seed), discount=gamma, successors=2 if sparse else None)


def meet_and_evade():
    """r = 1 if a₁ = a₂ ≠ a₃, else 0, one state, played once (γ = 0)."""
    r = np.zeros((1, 2, 2, 2))
    for a in (0, 1):
        r[0, a, a, 1 - a] = 1
    return TeamGame(np.ones((1, 2, 2, 2, 1)), r, 0.0)


def test_joint_strategies_beat_products():
    # friends 0, 1 play (0,0) and (1,1) with ½ each: the foe meets them half the time. A product gets pq or (1−p)(1−q),
    # whichever is worse: ¼ at p = q = ½
    solution = friend_or_foe_values(meet_and_evade(), (0, 1))
    assert solution.V[0] == pytest.approx(1 / 2, abs=1e-12)
    np.testing.assert_allclose(solution.friends_strategy[0], [[0.5, 0], [0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(solution.foes_strategy[0], [0.5, 0.5], atol=1e-12)
    grid = np.linspace(0, 1, 101)
    product = max(min(p * q, (1 - p) * (1 - q)) for p, q in itertools.product(grid, grid))
    assert product == pytest.approx(1 / 4)


def test_all_friends_is_the_team_optimum_and_no_friend_the_guarantee():
    game = three_players(0)
    for i in range(3):
        together = friend_or_foe_values(game, range(3), agent=i)
        assert together.foes_strategy.shape == (4,)
        np.testing.assert_allclose(together.V, solve_team(game.player(i)).V, atol=1e-7)
    two = MarkovGame.random(3, (2, 3), np.random.default_rng(1), discount=0.9, zero_sum=True)
    np.testing.assert_allclose(friend_or_foe_values(two, [0]).V, shapley(two).V, atol=1e-9)
    np.testing.assert_allclose(friend_or_foe_values(two, [1]).V, -shapley(two).V, atol=1e-6)


def programme(game, reward, friends, sweeps=120):
    """Value iteration whose stage is written for this oracle: LP over joint strategies, rows built index by index."""
    n, S = game.n, game.S
    foes = [i for i in range(n) if i not in friends]
    P = game.transitions.toarray().reshape(S, *game.action_counts, S) if game.sparse else game.transitions
    V = np.zeros(S)
    for _ in range(sweeps):
        new = []
        for s in range(S):
            table = {}
            for a in itertools.product(*map(range, game.action_counts)):
                key = tuple(a[i] for i in friends), tuple(a[i] for i in foes)
                table[key] = reward[s, *a] + game.discount * P[s, *a] @ V
            rows, columns = sorted({f for f, _ in table}), sorted({o for _, o in table})
            A = np.array([[table[f, o] for f in rows] for o in columns])
            bounds = [(0, None)] * len(rows) + [(None, None)]
            left = np.c_[-A, np.ones(len(columns))]
            equal = np.r_[np.ones(len(rows)), 0][None]
            new.append(-linprog(np.r_[np.zeros(len(rows)), -1], left, np.zeros(len(columns)), equal, [1], bounds).fun)
        V = np.array(new)
    return V


@pytest.mark.parametrize("friends", [(0,), (1,), (2,), (0, 2), (2, 1)])
@pytest.mark.parametrize("sparse", [False, True])
def test_against_programmes_index_by_index(friends, sparse):
    game = three_players(2, sparse, gamma=0.3)
    solution = friend_or_foe_values(game, friends)
    expected = programme(game, game.rewards[friends[0]], tuple(sorted(friends)), 22)
    np.testing.assert_allclose(solution.V, expected, atol=1e-7)
    assert solution.friends == tuple(sorted(friends))
    assert solution.friends_strategy.shape == (4, *(game.action_counts[i] for i in solution.friends))
    assert solution.foes_strategy.shape == (4, *(game.action_counts[i] for i in solution.foes))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_more_friends_never_hurt(seed, sparse):
    game = three_players(seed, sparse)
    alone, pair, every = (friend_or_foe_values(game, f, agent=1) for f in ((1,), (1, 2), (0, 1, 2)))
    assert (alone.V - alone.error <= pair.V + pair.error).all()
    assert (pair.V - pair.error <= every.V + every.error).all()
    assert every.V.mean() > alone.V.mean()


def test_strategies_guarantee_the_value():
    game = three_players(5)
    solution = friend_or_foe_values(game, (2, 0))
    V, Q = solution.V, game.rewards[2] + game.discount * game.transitions @ solution.V
    # friends are agents 0 and 2: weigh their axes, and agent 1's worst answer still leaves V
    assert np.abs(np.einsum("sac,sabc->sb", solution.friends_strategy, Q).min(1) - V).max() < 1e-7
    assert np.abs(np.einsum("sb,sabc->sac", solution.foes_strategy, Q).max((1, 2)) - V).max() < 1e-7


def test_coalition_game_is_the_same_game():
    game = three_players(7, sparse=True)
    dense = dataclasses.replace(game, transitions=game.transitions.toarray().reshape(4, 2, 3, 2, 4))
    a, b = coalition_game(game, (0, 2), 0), coalition_game(dense, (0, 2), 0)
    np.testing.assert_array_equal(a.transitions.toarray().reshape(4, 4, 3, 4), b.transitions)
    np.testing.assert_array_equal(a.rewards, b.rewards)
    assert b.rewards[0, 1, 0 * 2 + 1, 2] == game.rewards[0, 1, 0, 2, 1]
    assert b.rewards[0, 1, 1 * 2 + 0, 2] == game.rewards[0, 1, 1, 2, 0]


BAD = {
    "no agent": ((0, 3), None, r"friends\[1\] = 3 is not one of the 3 agents"),
    "negative": ((-1,), None, r"friends\[0\] = -1 is not one of"),
    "twice": ((1, 1), None, r"friends\[1\] = 1 is named twice"),
    "nobody": ((), None, r"one or more agents such as \(0, 1\), not \(\)"),
    "words": (("ann",), None, "one or more agents"),
    "fraction": ((0.5,), None, "one or more agents"),
    "number": (1, None, "one or more agents"),
    "foe": ((0, 1), 2, r"agent 2 is not among its own friends \(0, 1\)"),
    "agent": ((0, 1), 5, "agent 5 is not one of the 3 agents"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_friends(name):
    friends, agent, message = BAD[name]
    with pytest.raises(InputError, match=message):
        friend_or_foe_values(three_players(0), friends, agent)


def test_bad_games():
    with pytest.raises(InputError, match="a MarkovGame or a TeamGame, not MatrixGame"):
        friend_or_foe_values(MatrixGame.random((2, 2), np.random.default_rng(0)), (0,))
    with pytest.raises(InputError, match="batch of shape"):
        friend_or_foe_values(TeamGame.random(2, (2, 2), np.random.default_rng(0), batch=2), (0,))
    with pytest.raises(InputError, match="float or rational games, not ball"):
        friend_or_foe_values(three_players(0).convert("ball"), (0,))


def test_rational_games():
    game = three_players(0)
    a, b = friend_or_foe_values(game, (0, 1)), friend_or_foe_values(game.convert("rational"), (0, 1))
    np.testing.assert_allclose(a.V, b.V, atol=1e-9)
