"""General-sum value iteration: closed forms, a game in which it must cycle, regrets against exact best responses."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.responses import best_response, nash_gap
from marlcore.values import evaluate
from tabular.markov import selection
from tabular.markov.general_sum import nash_value_iteration
from tabular.markov.selection import Selected
from tabular.markov.shapley import shapley
from tabular.markov.team import solve_team

TURNS = (((2, 4), (1, 1)), ((4, 1), (2, 0)))
"""r_i(s, keep), r_i(s, send) for i, s = 0, 1 in ``turns``: no deterministic stationary equilibrium, value iteration has
no tie on its way and goes round in 5 (Zinkevich, Greenwald & Littman 2005 call such games NoSDE)."""


def turns(rewards=TURNS, gamma=0.75):
    """Player s decides in state s: keep the state or send the play to the other one."""
    P, r = np.zeros((2, 2, 2, 2)), np.zeros((2, 2, 2, 2))
    for s, a, b in itertools.product((0, 1), repeat=3):
        move = (a, b)[s]
        P[s, a, b, s if move == 0 else 1 - s] = 1
        for i in (0, 1):
            r[i, s, a, b] = rewards[i][s][move]
    return MarkovGame(P, r, gamma)


def exact_turns(sweeps, gamma=Fraction(3, 4)):
    """The moves of value iteration in fractions; a tie would be an assertion."""
    V, moves = [[Fraction(0)] * 2] * 2, []
    for _ in range(sweeps):
        chosen = []
        for s in (0, 1):
            keep, send = (TURNS[s][s][a] + gamma * V[s][s if a == 0 else 1 - s] for a in (0, 1))
            assert keep != send
            chosen.append(int(send > keep))
        moves.append(tuple(chosen))
        V = [[TURNS[i][s][a] + gamma * V[i][s if a == 0 else 1 - s] for s, a in enumerate(chosen)] for i in (0, 1)]
    return moves


@pytest.mark.parametrize("select", ["first", "pure", selection.lemke_howson_from(2)])
def test_a_game_in_which_it_must_cycle(select):
    moves = exact_turns(60)
    assert moves[-50:] == moves[-55:-5] != moves[-54:-4]
    solution = nash_value_iteration(turns(), select)
    assert not solution.converged
    assert solution.period == 5
    assert solution.residual > 0.1
    # the cycle's policies are evaluated one by one: none is an equilibrium, the best of them is returned
    epsilons = []
    for move in moves[-5:]:
        table = np.eye(2)[[*move]]
        policy = tuple(np.where(np.arange(2)[:, None] == i, table, 0.5) for i in (0, 1))
        V = evaluate(turns(), policy).V
        epsilons.append(max(float((best_response(turns(), policy, i).V - V[i]).max()) for i in (0, 1)))
    assert min(epsilons) > 0.01
    assert solution.epsilon == pytest.approx(min(epsilons), abs=1e-9)


def test_a_cycle_of_two():
    # nobody is ever indifferent: sending is best for one player exactly when the other has just kept
    solution = nash_value_iteration(turns((((2, 4), (0, 1)), ((0, 1), (1, 2)))), "pure")
    assert not solution.converged
    assert solution.period == 2


def test_a_convergent_oscillation_is_no_cycle():
    # two states that swap, paying 1 and −1: V(0) = 1 − γ + γ² − …, whose partial sums swing about 1/(1 + γ)
    P, r = np.zeros((2, 1, 1, 2)), np.zeros((2, 2, 1, 1))
    P[0, 0, 0, 1] = P[1, 0, 0, 0] = 1
    r[:, 0], r[:, 1] = 1, -1
    solution = nash_value_iteration(MarkovGame(P, r, 0.995), tolerance=1e-4)
    assert solution.converged
    assert solution.period == 1
    np.testing.assert_allclose(solution.V, [[1 / 1.995, -1 / 1.995]] * 2, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["first", "pure", "global-optimum"]), st.booleans())
def test_regrets_are_those_of_the_returned_policy(seed, select, sparse):
    rng = np.random.default_rng(seed)
    counts = tuple(int(a) for a in rng.integers(1, 4, 2))
    game = MarkovGame.random(3, counts, rng, discount=0.7, successors=2 if sparse else None)
    solution = nash_value_iteration(game, select, max_iterations=400)
    gap = nash_gap(game, solution.policy)
    np.testing.assert_allclose(solution.gaps, gap.gaps, atol=1e-12)
    np.testing.assert_allclose(solution.V, evaluate(game, solution.policy).V, atol=1e-12)
    for i in (0, 1):
        gain = best_response(game, solution.policy, i).V - solution.V[i]
        assert gain.max() <= solution.regrets[i] <= gain.max() + 1e-9
    assert solution.converged == (solution.period == 1)
    if solution.converged:  # a fixed point is an equilibrium: one deviation gains nothing, so none does
        assert solution.epsilon <= 4e-8 / (1 - 0.7) ** 2


def test_zero_sum_games_get_shapleys_value():
    game = MarkovGame.random(5, (3, 4), np.random.default_rng(4), discount=0.9, zero_sum=True)
    solution = nash_value_iteration(game)
    assert solution.converged
    np.testing.assert_allclose(solution.V[0], shapley(game).V, atol=1e-6)


@pytest.mark.parametrize("players", [2, 3])
def test_global_optima_of_a_team(players):
    team = TeamGame.random(4, (2, 3, 2)[:players], np.random.default_rng(1), discount=0.8)
    solution = nash_value_iteration(team, "global-optimum")
    assert solution.converged
    assert solution.met.all()
    for V in solution.V:
        np.testing.assert_allclose(V, solve_team(team).V, atol=1e-6)


def test_rules_on_known_games():
    # stag hunt: equilibria (stag, stag) 4, 4; (hare, hare) 3, 3; and a mixed one
    stag = np.array([[[4, 1], [3, 3]], [[4, 3], [1, 3]]], dtype=float)
    # chicken: (dare, yield) 7, 2; (yield, dare) 2, 7; mixed (1/3, 1/3) 14/3 each
    chicken = np.array([[[0, 7], [2, 6]], [[0, 2], [7, 6]]], dtype=float)
    pennies = np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]], dtype=float)
    games = np.stack([stag, chicken, pennies])
    best = selection.global_optimum(games)
    assert best.met.tolist() == [True, False, False]
    assert best.profile[0][0].tolist() == [1, 0]
    np.testing.assert_allclose(best.profile[1][2], [0.5, 0.5])
    certain = selection.pure(games)
    assert certain.met.tolist() == [True, True, False]
    assert certain.profile[0][0].tolist() == [1, 0]
    x, y = certain.profile[0][1], certain.profile[1][1]
    assert (x @ chicken[0] @ y, x @ chicken[1] @ y) in ((7, 2), (2, 7))


def test_rules_that_see_all_equilibria():
    # battle of the sexes: (2, 1), (1, 2) and the mixed (2/3, 1/3), (1/3, 2/3) worth 2/3 to both; chicken: see above,
    # the mixed one (1/3, 1/3) is worth 14/3 to both; prisoner's dilemma: (1, 1) only
    sexes = np.array([[[2, 0], [0, 1]], [[1, 0], [0, 2]]], dtype=float)
    chicken = np.array([[[0, 7], [2, 6]], [[0, 2], [7, 6]]], dtype=float)
    dilemma = np.array([[[3, 0], [4, 1]], [[3, 4], [0, 1]]], dtype=float)
    games = np.stack([sexes, chicken, dilemma])

    def values(selected):
        x, y = selected.profile
        return np.einsum("sa,siab,sb->si", x, games, y)

    assert sorted(values(selection.welfare(games))[0]) == pytest.approx([1, 2])
    assert values(selection.welfare(games))[1] == pytest.approx([14 / 3, 14 / 3])
    assert min(values(selection.egalitarian(games))[0]) == pytest.approx(1)
    assert values(selection.egalitarian(games))[1] == pytest.approx([14 / 3, 14 / 3])
    assert values(selection.welfare(games))[2] == pytest.approx([1, 1])
    unfair = np.array([[[[5, 0], [0, 2]], [[1, 0], [0, 2]]]], dtype=float)  # (5, 1) is worth more, (2, 2) fairer
    assert selection.welfare(unfair).profile[0][0].tolist() == [1, 0]
    assert selection.egalitarian(unfair).profile[0][0].tolist() == [0, 1]
    # (cooperate, cooperate) is no equilibrium; defecting hurts the other: a saddle point asks that the other's
    # deviation never hurts, and from (defect, defect) it helps. In matching pennies every deviation leaves 0
    pennies = np.array([[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]], dtype=float)
    found = selection.saddle_point(np.stack([dilemma, sexes, pennies]))
    assert found.met.tolist() == [True, False, True]
    np.testing.assert_allclose(found.profile[0][0], [0, 1])
    # mixed ones between the vertices of the equilibria: coordination, and pennies for one player alone
    alone = np.stack([pennies[0], np.zeros((2, 2))])
    found = selection.saddle_point(np.stack([np.stack([np.eye(2)] * 2), alone]))
    assert found.met.all()
    np.testing.assert_allclose(found.profile, 0.5, atol=1e-12)
    # dominant actions meet in (0, 0); the column's deviation would cost the row 1, the row's would give the column 1
    hurt = np.array([[[1, 0], [0, -1]], [[1, 0], [2, 1]]], dtype=float)
    mirrored = np.stack([hurt[1].T, hurt[0].T])
    assert selection.saddle_point(np.stack([hurt, mirrored])).met.tolist() == [False, False]


def test_three_players_at_random():
    game = MarkovGame.random(3, (2, 2, 2), np.random.default_rng(0), discount=0.5)
    for select in ("first", "welfare"):
        solution = nash_value_iteration(game, select)
        assert solution.converged
        assert solution.epsilon < 1e-6
    assert solution.met.dtype == bool


def test_pure_equilibria_index_by_index():
    rng = np.random.default_rng(3)
    games = rng.integers(0, 3, (50, 3, 2, 3, 2)).astype(float)
    stable = selection.pure_equilibria(games).reshape(50, 2, 3, 2)
    for s, a, b, c in np.ndindex(50, 2, 3, 2):
        u = games[s]
        expected = u[0, a, b, c] >= u[0, :, b, c].max() and u[1, a, b, c] >= u[1, a, :, c].max()
        assert stable[s, a, b, c] == (expected and u[2, a, b, c] >= u[2, a, b].max())


def test_rounding_restores_ties_and_moves_little():
    rng = np.random.default_rng(0)
    payoffs = rng.normal(size=(20, 2, 3, 3)) * 10.0 ** rng.integers(-8, 9, (20, 1, 1, 1))
    near = selection.rounded(payoffs)
    size = np.abs(payoffs).max((1, 2, 3), keepdims=True)
    assert (np.abs(near - payoffs) <= selection.TIE * size).all()
    assert (selection.rounded(near + 1e-15 * size) == near).all()
    assert (selection.rounded(np.zeros((1, 2, 2, 2))) == 0).all()


def test_a_rule_of_ones_own():
    def uniform(payoffs):
        return Selected(tuple(np.full((len(payoffs), k), 1 / k) for k in payoffs.shape[2:]), np.zeros(len(payoffs)))

    game = MarkovGame.random(3, (2, 3), np.random.default_rng(0), discount=0.5)
    solution = nash_value_iteration(game, uniform)
    assert solution.converged  # to a fixed point of that rule, which is no equilibrium
    assert solution.epsilon > 0.01
    assert not solution.met.any()


def test_limit_is_a_result_that_says_so():
    game = MarkovGame.random(3, (2, 3), np.random.default_rng(0), discount=0.9)
    solution = nash_value_iteration(game, max_iterations=2)
    assert (solution.converged, solution.period, solution.sweeps) == (False, 0, 2)
    assert np.isfinite(solution.epsilon)


def test_rational_games_are_rounded():
    game = MarkovGame.random(2, (2, 2), np.random.default_rng(5), discount=0.5)
    a, b = nash_value_iteration(game), nash_value_iteration(game.convert("rational"))
    np.testing.assert_allclose(a.V, b.V, atol=1e-12)


def wrong_shape(payoffs):
    return Selected((payoffs[:, 0], payoffs[:, 1]), np.ones(len(payoffs), dtype=bool))


PLAIN = MarkovGame.random(2, (2, 2), np.random.default_rng(0))
BAD = {
    "matrix": (lambda: nash_value_iteration(MatrixGame.random((2, 2), np.random.default_rng(0))), "not MatrixGame"),
    "batch": (
        lambda: nash_value_iteration(MarkovGame.random(2, (2, 2), np.random.default_rng(0), batch=2)),
        r"batch of shape \(2,\)",
    ),
    "balls": (lambda: nash_value_iteration(PLAIN.convert("ball")), "not ball"),
    "rule": (lambda: nash_value_iteration(PLAIN, "best"), "one of first, welfare, .*, not 'best'"),
    "list": (lambda: nash_value_iteration(PLAIN, ["first"]), r"not \['first'\]"),
    "shape": (lambda: nash_value_iteration(PLAIN, wrong_shape), "select must give tables"),
    "tolerance": (lambda: nash_value_iteration(PLAIN, tolerance=-1), "tolerance must be a number ≥ 0, not -1"),
    "saddle": (
        lambda: nash_value_iteration(MarkovGame.random(2, (2, 2, 2), np.random.default_rng(0)), "saddle-point"),
        "two players, not 3",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, message = BAD[name]
    with pytest.raises(InputError, match=message):
        call()


def test_unchanged_stage_games_are_not_solved_again():
    solved = []

    def counting(payoffs):
        solved.append(len(payoffs))
        return selection.first(payoffs)

    game = MarkovGame.random(6, (2, 2), np.random.default_rng(0), discount=0.5)
    # an absorbing state that pays nothing has the same stage game for ever
    P, r = game.transitions.copy(), game.rewards.copy()
    P[5], r[:, 5] = np.eye(6)[5], 0
    nash_value_iteration(dataclasses.replace(game, transitions=P, rewards=r), counting)
    assert solved[0] == 6
    assert max(solved[1:]) == 5
