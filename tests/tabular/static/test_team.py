"""Team optima: Prop. 4's closed form, brute force on grids, bounds that hold."""

import numpy as np
import pytest

import tabular
from marlcore.errors import InputError
from marlcore.games import MatrixGame, TeamGame
from tabular.static.team import shared_optimum, team_optimum

# climbing (Claus & Boutilier 1998)
CLIMBING = np.array([[11, -30, 0], [-30, 7, 6], [0, 0, 5]])


def trap(n):
    """HARL's Prop. 4: r = 1 just where one half of the agents plays 0 and the other 1, halves in order."""
    reward, half = np.zeros((2,) * n), n // 2
    reward[(0,) * half + (1,) * half] = reward[(1,) * half + (0,) * half] = 1
    return reward


def value_of(reward, policy):
    for _ in range(reward.ndim):
        reward = reward @ policy
    return float(reward)


@pytest.mark.parametrize("n", [2, 4, 6, 10])
def test_prop_4_closed_form(n):
    found = shared_optimum(trap(n))
    assert found.value == pytest.approx(2 * 0.5**n, rel=1e-12)
    assert found.value <= found.bound <= 2 * 0.5**n + 1e-9
    np.testing.assert_allclose(found.policy, 0.5, atol=1e-5)
    assert team_optimum(trap(n)).value == 1
    assert len(team_optimum(trap(n)).actions) == 2


def test_two_agents_that_must_differ_among_many_actions():
    # r = 1 unless the actions agree: 1 − Σ π_a² is largest, 1 − 1/A, at uniform
    for A in (2, 3, 4, 5):
        found = shared_optimum(1 - np.eye(A))
        assert found.value == pytest.approx(1 - 1 / A, abs=1e-9)
        assert found.gap <= 2e-9


def test_three_agents_that_must_all_differ():
    # 3! π₀π₁π₂ is largest at (⅓, ⅓, ⅓): 6/27
    reward = np.zeros((3, 3, 3))
    for a in np.ndindex(3, 3, 3):
        reward[a] = len(set(a)) == 3
    assert shared_optimum(reward).value == pytest.approx(6 / 27, abs=1e-9)


def test_climbing():
    # 11 at (0, 0), which a shared deterministic policy reaches
    found = tabular.shared_optimum(MatrixGame(np.stack([CLIMBING] * 2)))
    assert found.value == 11
    assert found.policy.tolist() == [1, 0, 0]
    assert tabular.team_optimum(MatrixGame(np.stack([CLIMBING] * 2))).actions.tolist() == [[0, 0]]


def grid(A, steps):
    if A == 1:
        return np.array([[steps]])
    return np.concatenate([np.c_[np.full(len(g := grid(A - 1, steps - k)), k), g] for k in range(steps + 1)])


@pytest.mark.parametrize(("n", "A", "steps"), [(2, 2, 200), (3, 3, 40), (5, 2, 200), (4, 4, 16), (3, 5, 10), (1, 3, 5)])
def test_no_policy_on_a_grid_beats_the_bound(n, A, steps):
    points = grid(A, steps) / steps
    for seed in range(4):
        reward = np.random.default_rng(seed).normal(size=(A,) * n)
        found = shared_optimum(reward)
        best = max(value_of(reward, p) for p in points)
        assert best <= found.bound
        assert found.value >= best - 1e-12 * np.ptp(reward)
        assert found.value == pytest.approx(value_of(reward, found.policy), abs=1e-12)
        assert 0 <= found.gap <= 1.1e-9 * np.ptp(reward)


def test_an_interior_local_maximum_does_not_hide_the_global_one():
    # F = π₀²(1−π₀)²·c + (1 − π₀)⁴: local maxima at the middle and at π₀ = 0; c decides which is global
    for c, at_corner in ((13.0, True), (17.0, False)):
        reward = np.zeros((2,) * 4)
        for a in np.ndindex(2, 2, 2, 2):
            reward[a] = {2: c / 6, 4: 1.0}.get(sum(a), 0.0)
        found = shared_optimum(reward)
        xs = np.linspace(0, 1, 100_001)
        best = (xs**2 * (1 - xs) ** 2 * c + (1 - xs) ** 4).max()
        assert best - 1e-8 <= found.value <= best + 1e-8
        assert (found.policy[0] < 0.01) == at_corner


def test_the_limit_on_simplices_leaves_an_honest_gap():
    reward = np.random.default_rng(11).normal(size=(3, 3, 3))
    reward += np.transpose(reward, (1, 2, 0)) + np.transpose(reward, (2, 0, 1))
    full = shared_optimum(-(reward**2))
    short = shared_optimum(-(reward**2), tolerance=0.0, max_simplices=1)
    assert short.simplices == 1
    assert short.bound >= full.bound - 1e-9
    assert short.value <= full.value + 1e-12


def test_a_one_state_team_game_is_scaled_by_its_horizon():
    game = TeamGame(np.ones((1, 2, 2, 1)), trap(2)[None], 0.9)
    assert team_optimum(game).value == pytest.approx(10)
    assert shared_optimum(game).value == pytest.approx(5)


def test_ties_are_exact():
    assert len(team_optimum(np.ones((2, 3))).actions) == 6
    game = MatrixGame(np.stack([CLIMBING] * 2)).convert("rational")
    assert team_optimum(game).value == 11


@pytest.mark.parametrize(
    ("game", "message"),
    [
        (
            MatrixGame([[[3, 0], [5, 1]], [[3, 5], [0, 1]]]),
            r"no team: payoffs\[1\] = 5.0 but payoffs\[0\] = 0.0 at a=\(0, 1\)",
        ),
        (np.zeros((2, 3)), r"same actions, not \(2, 3\)"),
        (np.zeros((2, 0)), "empty axis"),
        (np.array(1.0), "an axis of actions"),
        (np.array([[np.nan, 0], [0, 0]]), r"reward\[0, 0\] = nan"),
    ],
)
def test_bad_input(game, message):
    with pytest.raises(InputError, match=message):
        shared_optimum(game)
