"""Best responses and Nash gaps, against games with known answers, linear programming and enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import markov_game, rational_rows
from scipy.optimize import linprog

from marlcore import numbers, policies
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame, stack, unstack
from marlcore.mdp import solve_mdp
from marlcore.responses import agent_process, best_response, exploitability, nash_gap
from marlcore.values import evaluate

seeds = st.integers(0, 2**32 - 1)
ROCK = np.array([[0, -25, 50], [25, 0, -5], [-50, 5, 0]]) / 1.0  # biased rock-paper-scissors: both play (1, 10, 5)/16


def test_known_equilibria_have_no_gap():
    game = MatrixGame(np.stack([ROCK, -ROCK]))
    profile = (np.array([1, 10, 5]) / 16,) * 2
    assert exploitability(game, profile) == pytest.approx(0, abs=1e-14)
    # against uniform the best row is 0 (mean payoff 25/3), and the best column is 0, which concedes −25/3
    gap = nash_gap(game, policies.uniform(game))
    np.testing.assert_allclose(gap.gaps, [25 / 3, 25 / 3], rtol=1e-14)
    tricky = MatrixGame(np.array([[[0, 3], [1, 2.0]], [[3, 2], [0, 1.0]]]))
    assert nash_gap(tricky, policies.uniform(tricky)).max == 0


def test_a_biased_profile_has_the_gap_of_the_hand_calculation():
    # matching pennies, row plays heads with ¾: column gains by tails, ½ a game; the row loses nothing against ½
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    game = MatrixGame(np.stack([pennies, -pennies]))
    gap = nash_gap(game, (np.array([0.75, 0.25]), np.array([0.5, 0.5])))
    np.testing.assert_allclose(gap.gaps, [0, 0.5], atol=1e-15)
    assert gap.max == pytest.approx(0.5)


@given(seeds, st.integers(0, 2), st.sampled_from([0.0, 0.6, 0.95]))
def test_best_response_is_the_best_of_all_deterministic_policies(seed, agent, gamma):
    rng = np.random.default_rng(seed)
    game = MarkovGame.random(2, (2, 3, 2), rng, discount=gamma)
    pi = policies.random(game, rng)
    response = best_response(game, pi, agent)
    count = game.action_counts[agent]
    best = -np.inf
    for actions in product(range(count), repeat=2):
        table = np.eye(count)[list(actions)]
        moved = tuple(table if i == agent else p for i, p in enumerate(pi))
        best = max(best, evaluate(game, moved).J[agent])
    assert pytest.approx(best, abs=1e-11 / (1 - gamma)) == response.J
    played = tuple(response.table if i == agent else p for i, p in enumerate(pi))
    assert evaluate(game, played).J[agent] == pytest.approx(best, abs=1e-11 / (1 - gamma))
    gaps = nash_gap(game, pi)
    assert gaps.gaps[agent] == pytest.approx(best - evaluate(game, pi).J[agent], abs=1e-10 / (1 - gamma))
    assert gaps.max == gaps.gaps.max()


def test_the_process_an_agent_faces_is_the_others_averaged_out():
    rng = np.random.default_rng(0)
    game = MarkovGame.random(2, (2, 3, 4), rng)
    p, q, r = policies.random(game, rng)
    P, rewards = agent_process(game, (p, q, r), 1)
    np.testing.assert_allclose(P, np.einsum("sabct,sa,sc->sbt", game.transitions, p, r))
    np.testing.assert_allclose(rewards, np.einsum("sabc,sa,sc->sb", game.rewards[1], p, r))


@given(seeds)
def test_policy_iteration_against_linear_programming(seed):
    # V* = min Σ V  s.t.  V(s) ≥ r(s,a) + γ Σ P V  for all (s, a)
    rng = np.random.default_rng(seed)
    S, A, gamma = 4, 3, 0.9
    P, r = rng.dirichlet([1] * S, (S, A)), rng.normal(size=(S, A))
    solution = solve_mdp(P, r, gamma)
    left = (gamma * P - np.eye(S)[:, None]).reshape(S * A, S)
    program = linprog(np.ones(S), A_ub=left, b_ub=-r.ravel(), bounds=(None, None), method="highs-ds")
    np.testing.assert_allclose(solution.V, program.x, atol=1e-8)
    assert np.abs(solution.V - program.x).max() <= solution.error + 1e-8
    np.testing.assert_allclose(solution.Q.max(-1), solution.V, atol=1e-10)


def test_policy_iteration_does_not_cycle_on_ties():
    P = np.full((3, 4, 3), 1 / 3)
    solution = solve_mdp(P, np.zeros((3, 4)), 0.999)
    assert (solution.V == 0).all()
    assert solution.iterations == 1
    P, r = (numbers.convert(x, "rational") for x in (np.eye(2)[:, None].repeat(2, 1), np.ones((2, 2))))
    exact = solve_mdp(P, r, numbers.number("9/10", "rational"))
    assert (exact.V == 10).all()


def test_policy_iteration_takes_floats_and_rationals_only():
    with pytest.raises(InputError, match="float or rational numbers, not ball"):
        solve_mdp(*(numbers.convert(x, "ball") for x in (np.ones((1, 1, 1)), np.ones((1, 1)))), 0)


def test_rational_gaps_are_exact_and_balls_contain_them():
    rng = np.random.default_rng(1)
    game = markov_game(rng, 2, (2, 3))
    pi = tuple(rational_rows(rng, (2, a)) for a in (2, 3))
    exact = nash_gap(game, pi)
    assert numbers.kind_of(exact.gaps) == "rational"
    plain = nash_gap(game.convert("float"), policies.convert(pi, "float"))
    np.testing.assert_allclose(numbers.convert(exact.gaps, "float"), plain.gaps, atol=1e-12)
    balls = nash_gap(game.convert("ball"), policies.convert(pi, "ball"))
    assert all(b.contains(q) for b, q in zip(balls.gaps, exact.gaps, strict=True))
    assert all(float(b.rad()) < 1e-10 for b in balls.gaps)


def test_a_ball_encloses_the_optimum_even_if_the_action_found_is_not_the_best():
    # two actions whose rewards are balls that overlap: whichever is taken, the optimum is inside
    import flint

    rewards = np.array([[flint.arb(1, 0.25), flint.arb("1.1", 0.25)]], dtype=object)[..., None]
    game = TeamGame(numbers.convert(np.ones((1, 2, 1, 1)), "ball"), rewards, flint.arb("0.5"))
    response = best_response(game, policies.uniform(game), 0)
    for best in ("1.25", "1.35", "1.0"):
        assert response.V[0].contains(flint.arb(best) * 2)


def test_gradients_of_the_gap_flow_to_the_game():
    import torch

    rng = np.random.default_rng(0)
    game = MarkovGame.random(2, (2, 2), rng).convert("torch")
    rewards = game.rewards.clone().requires_grad_()
    moving = MarkovGame(game.transitions, rewards, 0.9, game.start)
    pi = policies.convert(policies.random(game.convert("float"), rng), "torch")
    nash_gap(moving, pi).gaps.sum().backward()
    assert rewards.grad is not None
    assert float(rewards.grad.abs().sum()) > 0
    # moving every reward of a player by the same amount moves no gap
    assert torch.allclose(rewards.grad.sum((1, 2, 3)), torch.zeros(2, dtype=torch.float64), atol=1e-10)


def test_batches_are_side_by_side():
    rng = np.random.default_rng(0)
    game = MarkovGame.random(3, (2, 3), rng, batch=(2, 2))
    pi = policies.random(game, rng)
    whole = nash_gap(game, pi)
    assert whole.gaps.shape == (2, 2, 2)
    for a, row in enumerate(unstack(game)):
        for b, one in enumerate(unstack(row)):
            np.testing.assert_allclose(whole.gaps[a, b], nash_gap(one, tuple(t[a, b] for t in pi)).gaps, atol=1e-11)


def test_team_games_have_a_gap_for_each_agent_and_no_exploitability():
    payoff = np.array([[[11.0, -30.0, 0.0], [-30.0, 7.0, 6.0], [0.0, 0.0, 5.0]]])  # climbing
    game = TeamGame(np.ones((1, 3, 3, 1)), payoff, 0.0)
    assert nash_gap(game, policies.deterministic(game, (0, 0))).max == 0
    assert nash_gap(game, policies.deterministic(game, (1, 1))).max == 0
    assert nash_gap(game, policies.deterministic(game, (2, 2))).gaps.tolist() == [1, 0]
    with pytest.raises(InputError, match="zero-sum"):
        exploitability(game, policies.uniform(game))
    with pytest.raises(InputError, match="zero-sum"):
        exploitability(MatrixGame.random((2, 2), np.random.default_rng(0)), policies.uniform(game))


def test_bad_agents_are_refused():
    game = MatrixGame.random((2, 2), np.random.default_rng(0))
    with pytest.raises(InputError, match="agent 2 is not one of the 2 agents"):
        best_response(game, policies.uniform(game), 2)
    with pytest.raises(InputError, match="takes float, torch, rational, ball numbers, not symbol"):
        nash_gap(game.convert("symbol"), policies.uniform(game.convert("symbol")))


def test_a_ball_reaches_up_to_an_action_that_only_might_be_better():
    # stay for ever, γ = ½. State 0: action 0 pays 1, action 1 pays 0.9 ± 1: the midpoints choose action 0, worth 2,
    # while Q(0, 1) = 0.9 ± 1 + ½·2 goes up to 2.9: V* ≤ 2 + 0.9/(1 − ½) = 3.8, at every state. States 1, 2 pay 1.
    import flint

    one = flint.arb(1)
    rewards = np.array([[one, flint.arb("0.9", 1)], [one, one], [one, one]], dtype=object)
    P = numbers.convert(np.eye(3)[:, None].repeat(2, axis=1), "ball")
    start = numbers.convert(np.array([1, 0, 0]), "ball")
    game = TeamGame(P, rewards, flint.arb("0.5"), start)
    profile = policies.uniform(game)
    V = best_response(game, profile, 0).V
    # a batch of the game and of one whose action 1 is worse for sure
    worse = TeamGame(P, np.array([[one, flint.arb(0)]] * 3, dtype=object), flint.arb("0.5"), start)
    batch = stack([stack([worse, game])])
    pair = best_response(batch, tuple(numbers.stack([t, t])[None] for t in profile), 0).V[0]
    for ball in (*V, *pair[1]):
        assert ball.contains(flint.arb("2.1"))
        assert ball.contains(flint.arb("3.79"))
        assert not ball.overlaps(flint.arb("3.81"))
        assert not ball.overlaps(flint.arb("1.99"))
    for ball in pair[0]:
        assert ball.contains(2)
        assert float(ball.rad()) < 1e-12


@pytest.mark.parametrize("kind", ["float", "torch"])
def test_best_responses_of_a_batch_are_side_by_side(kind):
    rng = np.random.default_rng(4)
    game = MarkovGame.random(3, (2, 4), rng, batch=(5,))
    game = MarkovGame(game.transitions, game.rewards, rng.uniform(0.1, 0.9, 5), game.start, (5,))
    pi = policies.random(game, rng)
    whole = [best_response(game.convert(kind), policies.convert(pi, kind), i) for i in range(2)]
    for k, one in enumerate(unstack(game)):
        for i in range(2):
            single = best_response(one, tuple(t[k] for t in pi), i)
            for field in ("table", "V", "Q", "J"):
                ours = numbers.convert(getattr(whole[i], field), "float")[k]
                np.testing.assert_allclose(ours, getattr(single, field), rtol=1e-10)


def test_a_tensor_response_has_the_game_s_dtype_and_no_error():
    game = MarkovGame.random(3, (2, 2), np.random.default_rng(5)).convert("torch")
    response = best_response(game, policies.uniform(game), 0)
    assert response.error == 0
    import torch

    single = game.convert("float").convert("torch", dtype=torch.float32)
    assert best_response(single, policies.uniform(single), 0).table.dtype == torch.float32


def test_a_sparse_game_has_the_gaps_of_the_dense_one_and_adds_both_errors():
    game = MarkovGame.random(6, (2, 3), np.random.default_rng(6), successors=3)
    dense = MarkovGame(game.transitions.toarray().reshape(6, 2, 3, 6), game.rewards, game.discount, game.start)
    pi = policies.random(dense, np.random.default_rng(7))
    ours, theirs = nash_gap(game, pi), nash_gap(dense, pi)
    np.testing.assert_allclose(ours.gaps, theirs.gaps, atol=1e-8)
    assert theirs.error < 1e-10
    own = evaluate(game, pi).error
    assert own is not None
    assert own > 0
    responses = [best_response(game, pi, i).error for i in range(2)]
    assert min(responses) > 0
    assert ours.error == max(responses) + own
