"""HATRL: its promises on random games, the witnesses of what it does not promise, and its record."""

import numpy as np
import pytest

from marlcore import bounds, numbers, policies
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.responses import nash_gap
from marlcore.values import evaluate
from tabular.mirror.hatrl import hatrl, hatrl_iteration

CLIMBING = np.array([[11.0, -30, 0], [-30, 7, 6], [0, 0, 5]])


def random_game(rng, gamma=None, largest=12):
    n = int(rng.integers(1, 5))
    counts = tuple(int(c) for c in rng.integers(1, 4, size=n))
    gamma = float(rng.choice([0.0, 0.3, 0.9, 0.99, 0.999])) if gamma is None else gamma
    return TeamGame.random(int(rng.integers(1, largest)), counts, rng, discount=gamma)


@pytest.mark.parametrize("penalty", ["paper", "sharp"])
def test_returns_never_fall_and_bounds_hold(penalty):
    rng = np.random.default_rng(1 if penalty == "paper" else 2)
    grew = 0
    for k in range(16):
        game = random_game(rng)
        run = hatrl(game, policies.random(game, rng, float(rng.choice([0.1, 1.0]))), 20, penalty, rng=k)
        J, unit = run.returns[:, 0], np.maximum(1, np.abs(run.returns[1:, 0]))
        assert (np.diff(J) >= -1e-12 * unit).all()
        assert (run.bounds[:, 0] - 1e-12 * np.maximum(1, np.abs(J)) <= J).all()
        assert run.extras["step_gaps"].max() <= 1e-9 * unit.max()
        grew += int(J[-1] > J[0] + 1e-6)
    assert grew > 9


def test_too_small_a_penalty_breaks_the_promise():
    # what the theory's constant is for: with a thousandth of it, bounds are broken on deterministic transitions
    rng, broken = np.random.default_rng(20), 0
    for k in range(10):
        sparse = TeamGame.random(6, (2, 2), rng, discount=0.9, successors=1)
        game = TeamGame(sparse.transitions.toarray().reshape(6, 2, 2, 6), sparse.rewards, 0.9)
        policy = policies.random(game, rng)
        C = hatrl(game, policy, 1).extras["constants"][1, 0]
        run = hatrl(game, policy, 10, C / 1000, rng=k)
        broken += int((run.returns < run.bounds - 1e-9).any())
    assert broken >= 3


def test_bound_is_lemma_8():
    rng = np.random.default_rng(3)
    for penalty in ("paper", "sharp", 3.0):
        game = random_game(rng, 0.9)
        policy = policies.random(game, rng)
        order = tuple(int(i) for i in rng.permutation(game.n))
        step = hatrl_iteration(game, policy, evaluate(game, policy), order, penalty)
        lemma = bounds.lower_bound(game, policy, step.policy, order, penalty)
        assert step.bound == pytest.approx(lemma.value, rel=1e-12)
        assert step.constant == pytest.approx(lemma.constant, rel=1e-14)
        np.testing.assert_allclose([s.surrogate for s in step.steps], lemma.surrogates, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose([s.divergence for s in step.steps], lemma.divergences, rtol=1e-9, atol=1e-16)


def test_each_step_is_the_argmax_given_the_predecessors():
    rng = np.random.default_rng(4)
    game = TeamGame.random(3, (2, 3, 2), rng, discount=0.6)
    policy = policies.random(game, rng)
    order = (2, 0, 1)
    step = hatrl_iteration(game, policy, evaluate(game, policy), order, "sharp")
    for m in range(3):
        before = list(policy)
        for i in order[: m + 1]:
            before[i] = step.policy[i]
        best = bounds.lower_bound(game, policy, tuple(before), order, "sharp")
        value = best.surrogates[m] - best.constant * best.divergences[m]
        for size in (1e-1, 1e-3, 1e-5):
            for _ in range(30):
                other = list(before)
                noise = policies.random(game, rng)[order[m]]
                other[order[m]] = (1 - size) * before[order[m]] + size * noise
                moved = bounds.lower_bound(game, policy, tuple(other), order, "sharp")
                assert moved.surrogates[m] - moved.constant * moved.divergences[m] <= value + 1e-13


def test_surplus_of_the_paper_constant():
    # J_{k+1} − J_k ≥ (C − C*)·Σ_m D_m with the paper's C, because Lemma 8 holds with C* (bounds.py)
    rng = np.random.default_rng(5)
    for k in range(10):
        game = random_game(rng, float(rng.choice([0.5, 0.9, 0.99])))
        run = hatrl(game, policies.random(game, rng), 20, "paper", rng=k)
        C = run.extras["constants"][1:, 0]
        star = C * bounds.sharp_constant(game.discount) * (1 - game.discount) ** 2 / (4 * game.discount)
        promised = (C - star) * run.extras["divergences"][1:, 0].sum(-1)
        assert (np.diff(run.returns[:, 0]) >= promised - 1e-12 * np.abs(run.returns[1:, 0])).all()
        assert promised.max() > 0 or game.joint_actions == 1


def test_sharp_constant_is_faster_by_the_ratio_of_the_constants():
    rng = np.random.default_rng(6)
    for gamma, least in ((0.9, 6.0), (0.99, 18.0)):
        factors = []
        for k in range(3):
            game = TeamGame.random(3, (2, 2), rng, discount=gamma)
            start = policies.uniform(game)
            goal = hatrl(game, start, 300, "paper", rng=k, every=300).returns[-1, 0]
            factors.append(300 / int(np.argmax(hatrl(game, start, 100, "sharp", rng=k).returns[:, 0] >= goal)))
        assert np.median(factors) >= least


def test_nash_gap_vanishes_from_a_fully_mixed_start():
    rng = np.random.default_rng(7)
    game = TeamGame.random(2, (2, 2), rng, discount=0.3)
    run = hatrl(game, policies.uniform(game), 400, "sharp", rng=0)
    gaps = run.nash_gaps[:, 0]
    assert gaps[0] > 0.1
    assert gaps[-1] < 1e-6
    late = (gaps > 1e-10) & (run.steps > 50)
    rate, _ = np.polyfit(run.steps[late], np.log(gaps[late]), 1)
    assert rate < -0.02  # geometric decay


def test_a_deterministic_policy_is_a_fixed_point():
    # C > ε/(1−γ) holds for the paper's C at γ = ½, and the Nash gap of (1, 0) against r = (0, 1) is 2
    game = TeamGame(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.5)
    for penalty in ("paper", "sharp"):
        run = hatrl(game, (np.array([[1.0, 0.0]]),), 50, penalty)
        assert (run.policies[0] == [1.0, 0.0]).all()
        np.testing.assert_allclose(run.nash_gaps, 2, rtol=1e-14)
    assert hatrl(game, (np.array([[0.999, 0.001]]),), 50).nash_gaps[-1] < 2
    # below γ = 1/5 the paper's C is less than ε/(1−γ), and the better action enters
    low = TeamGame(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.15)
    assert hatrl(low, (np.array([[1.0, 0.0]]),), 3).returns[-1] > 0


def stop_or_go():
    """s₀: stop for 1 or go to s₁; s₁: 0 or 10; both end in s₂ (without d(s) > 0 Theorem 10 fails)."""
    P = np.zeros((3, 2, 3))
    P[0, 0, 2] = P[0, 1, 1] = P[1, :, 2] = P[2, :, 2] = 1
    r = np.array([[1.0, 0.0], [0.0, 10.0], [0.0, 0.0]])
    return TeamGame(P, r, 0.9, np.array([1.0, 0.0, 0.0]))


def test_a_state_that_is_left_stops_learning():
    start = (np.array([[0.999, 0.001], [0.95, 0.05], [0.5, 0.5]]),)
    run = hatrl(stop_or_go(), start, 2000, "sharp", every=500)
    going = run.policies[0][:, 0, 0, 1]
    assert (np.diff(going) < 0).all()
    assert going[-1] < 2e-4
    assert (run.nash_gaps > 7.9).all()
    # with d(s) > 0 everywhere the same start learns
    game = stop_or_go()
    everywhere = TeamGame(game.transitions, game.rewards, 0.9, np.array([0.8, 0.1, 0.1]))
    assert hatrl(everywhere, start, 2000, "sharp", every=500).nash_gaps[-1] < 0.1


@pytest.mark.slow
def test_a_state_that_is_left_stops_learning_for_ten_thousand_iterations():
    start = (np.array([[0.999, 0.001], [0.95, 0.05], [0.5, 0.5]]),)
    run = hatrl(stop_or_go(), start, 10_000, "sharp", every=10_000)
    assert run.policies[0][-1, 0, 0, 1] == pytest.approx(7.93e-8, rel=1e-2)
    assert run.nash_gaps[-1] == pytest.approx(8.0, abs=1e-6)


def test_climbing_ends_in_a_suboptimal_equilibrium():
    # Nash is not optimal: from uniform, HATRL on the climbing game stops at an equilibrium below 11
    game = TeamGame(np.ones((1, 3, 3, 1)), CLIMBING[None], 0.5)
    run = hatrl(game, policies.uniform(game), 3000, "sharp", rng=0, every=1000)
    assert run.nash_gaps[-1] < 1e-6
    assert run.returns[-1, 0] * 0.5 == pytest.approx(7.0, abs=1e-5)
    assert nash_gap(game, policies.deterministic(game, (1, 1))).max == 0


def test_one_shot_games_step_to_best_responses():
    game = MatrixGame(np.stack([CLIMBING, CLIMBING]))
    run = hatrl(game, policies.uniform(game), 3, order="fixed")
    assert run.returns[-1, 0] == 5.0 or run.nash_gaps[-1] == 0
    assert (run.extras["constants"] == 0).all()


def test_sparse_games_run_like_dense_ones():
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(9)
    game = TeamGame.random(30, (2, 3), rng, discount=0.9)
    sparse = TeamGame(csr_matrix(game.transitions.reshape(-1, 30)), game.rewards, 0.9, game.start)
    policy = policies.random(game, rng)
    dense_run, sparse_run = (hatrl(g, policy, 5, "sharp", rng=1) for g in (game, sparse))
    np.testing.assert_allclose(sparse_run.returns, dense_run.returns, rtol=1e-10)
    for a, b in zip(sparse_run.policy, dense_run.policy, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_states_that_are_never_reached_keep_their_policy():
    rng = np.random.default_rng(21)
    for k in range(20):  # d on the first state, and nothing leads from the first five to the last five
        P = np.zeros((10, 2, 2, 10))
        P[:5, ..., :5] = rng.dirichlet(np.ones(5), (5, 2, 2))
        P[5:] = rng.dirichlet(np.ones(10), (5, 2, 2))
        game = TeamGame(P, rng.normal(size=(10, 2, 2)), 0.99, np.eye(10)[0])
        start = policies.random(game, rng)
        run = hatrl(game, start, 3, "sharp", rng=k)
        assert (np.diff(run.returns[:, 0]) > 0).all()
        for table, first in zip(run.policy, start, strict=True):
            np.testing.assert_allclose(table[0, 5:], first[5:], atol=1e-12)


def test_large_sparse_game_improves():
    rng = np.random.default_rng(10)
    game = TeamGame.random(2000, (3, 2, 2), rng, discount=0.9, successors=4)
    policy = policies.uniform(game)
    at = evaluate(game, policy)
    step = hatrl_iteration(game, policy, at, (0, 1, 2), "sharp")
    after = evaluate(game, step.policy)
    assert after.J > step.bound > at.J
    assert max(s.gap for s in step.steps) <= 1e-11 * (step.bound - at.J)


def test_falls_of_round_off_are_none_in_balls():
    rng = np.random.default_rng(11)
    game = TeamGame.random(2, (2, 2), rng, discount=0.9)
    policy = policies.random(game, rng)
    step = hatrl_iteration(game, policy, evaluate(game, policy), (1, 0), "paper")
    with numbers.precision(256):
        exact = game.convert("ball")
        before, after = (evaluate(exact, policies.convert(p, "ball")).J for p in (policy, step.policy))
        assert after > before


def test_a_run_goes_on_where_it_stopped():
    rng = np.random.default_rng(12)
    game = TeamGame.random(4, (2, 2, 2), rng)
    start = policies.uniform(game)
    whole = hatrl(game, start, 20, "sharp", rng=3)
    parts = hatrl(game, hatrl(game, start, 7, "sharp", rng=3), 13, "sharp")
    assert whole.identical(parts)
    assert len(np.unique(whole.extras["orders"][1:, 0], axis=0)) > 2
    with pytest.raises(InputError, match="penalty = 'sharp': it does not go on with 'paper'"):
        hatrl(game, whole, 5, "paper")


def test_saved_runs_go_on(tmp_path):
    from marlcore.trace import Trace

    game = TeamGame.random(3, (2, 2), np.random.default_rng(13))
    start = policies.uniform(game)
    hatrl(game, start, 4, rng=5).save(tmp_path / "run.npz")
    assert hatrl(game, Trace.load(tmp_path / "run.npz"), 4).identical(hatrl(game, start, 8, rng=5))


def test_orders():
    game = TeamGame.random(2, (2, 2, 2), np.random.default_rng(14))
    start = policies.uniform(game)
    fixed = hatrl(game, start, 3, order="fixed")
    assert (fixed.extras["orders"][1:, 0] == [0, 1, 2]).all()
    turning = hatrl(game, start, 3, order=lambda k, rng: np.roll([0, 1, 2], k))
    np.testing.assert_array_equal(turning.extras["orders"][1:, 0], [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
    given_ = hatrl(game, start, 3, order=(2, 0, 1))
    assert (given_.extras["orders"][1:, 0] == [2, 0, 1]).all()


def test_records():
    game = TeamGame.random(2, (2, 3), np.random.default_rng(15))
    start = policies.uniform(game)
    run = hatrl(game, start, 7, every=3)
    np.testing.assert_array_equal(run.steps, [0, 3, 6, 7])
    assert run.returns[0, 0] == run.bounds[0, 0] == evaluate(game, start).J
    assert run.nash_gaps[-1, 0] == nash_gap(game, tuple(t[0] for t in run.policy)).max
    np.testing.assert_array_equal(run.extras["agent_gaps"].max(-1), run.nash_gaps)
    assert run.extras["divergences"].shape == (4, 1, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"penalty": 0}, 'penalty must be "paper", "sharp" or a positive number, not 0'),
        ({"penalty": -1.5}, "not -1.5"),
        ({"penalty": float("nan")}, "not nan"),
        ({"penalty": "papper"}, 'not "papper"'),
        ({"order": (0, 0)}, r"agents\[1\] = 0 stands twice"),
        ({"order": (1,)}, r"order \(1,\) is no permutation of the 2 agents"),
        ({"order": lambda k, rng: (0, 2)}, r"agents\[1\] = 2 is not one of the 2 agents"),
        ({"order": "shuffled"}, 'order must be "random", "fixed"'),
        ({"iterations": -1}, "iterations must be an integer ≥ 0, not -1"),
        ({"every": 0}, "every must be an integer ≥ 1, not 0"),
    ],
)
def test_bad_input_is_named(change, message):
    game = TeamGame.random(2, (2, 2), np.random.default_rng(16))
    with pytest.raises(InputError, match=message):
        hatrl(**{"game": game, "policy": policies.uniform(game), "iterations": 2, **change})


def test_general_sum_games_are_refused():
    rng = np.random.default_rng(17)
    game = MarkovGame.random(2, (2, 2), rng)
    with pytest.raises(InputError, match=r"agents 0 and 1 are paid .* at s=0, a=\(0, 0\): a general-sum game"):
        hatrl(game, policies.uniform(game), 2)
    batch = TeamGame.random(2, (2, 2), rng, batch=3)
    with pytest.raises(InputError, match="not a batch of shape"):
        hatrl(batch, policies.uniform(batch), 2)
