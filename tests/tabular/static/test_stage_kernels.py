"""The kernels that Nash-Q and Correlated-Q embed, against definitions, linprog and closed forms."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from marlcore import library
from marlcore.games import MatrixGame
from marlcore.responses import nash_gap
from tabular.static.correlated_kernel import correlated_into, correlated_workspace
from tabular.static.logit_kernel import TOLERANCE, logit_equilibrium_into, logit_workspace
from tabular.static.stage_kernel import (
    EXACT,
    FIRST,
    OPTIMUM,
    OTHER,
    SADDLE,
    many_equilibrium_into,
    pair_equilibrium_into,
    stage_workspace,
)


def flat(payoffs):
    """(n, J) payoffs, action counts and strides, as the kernels take them."""
    payoffs = np.asarray(payoffs, float)
    counts = np.array(payoffs.shape[1:], np.int64)
    strides = np.ascontiguousarray(np.cumprod([1, *counts[:0:-1]])[::-1].astype(np.int64))
    return np.ascontiguousarray(payoffs.reshape(len(payoffs), -1)), counts, strides


def equilibrium(payoffs, rule=FIRST):
    u, counts, strides = flat(payoffs)
    sigma, work = np.zeros((len(counts), counts.max())), stage_workspace(counts)
    solve = pair_equilibrium_into if len(counts) == 2 else many_equilibrium_into
    status = solve(u, counts, strides, rule, sigma, work)
    return status, tuple(sigma[i, :c] for i, c in enumerate(counts))


@pytest.mark.parametrize("counts", [(2, 2, 2), (3, 2, 4), (2, 2, 2, 2)])
def test_the_end_of_the_logit_path_is_an_equilibrium(counts):
    rng = np.random.default_rng(0)
    for _ in range(10):
        game = MatrixGame.random(counts, rng)
        u, sizes, strides = flat(game.payoffs)
        sigma = np.zeros((len(counts), max(counts)))
        assert logit_equilibrium_into(u, sizes, strides, sigma, logit_workspace(sizes))
        profile = tuple(sigma[i, :c] for i, c in enumerate(counts))
        assert nash_gap(game, profile).max <= 2.1 * TOLERANCE  # payoffs range over at most 2


def test_the_logit_path_ends_in_the_only_equilibrium_there_is():
    # the third player's payoffs are scaled and shifted, which no equilibrium sees
    pennies = np.array(library.load("three_player_matching_pennies").payoffs, float)
    pennies[2] = 7 * pennies[2] - 3
    pennies[0, :, :, 0] *= 2
    status, profile = equilibrium(pennies)
    assert status == EXACT
    assert nash_gap(MatrixGame(pennies), profile).max < 1e-4


def test_two_player_games_end_in_equilibria_under_every_rule():
    rng = np.random.default_rng(1)
    for m, k in itertools.product((1, 2, 4), (2, 3)):
        for rule in (FIRST, OPTIMUM, SADDLE):
            game = MatrixGame(rng.integers(-3, 4, (2, m, k)).astype(float))
            status, profile = equilibrium(game.payoffs, rule)
            assert status in (EXACT, OTHER)
            assert nash_gap(game, profile).max < 1e-9


def test_a_global_optimum_is_taken_where_it_exists_and_otherwise_said_to_be_missing():
    status, profile = equilibrium(library.load("climbing").payoffs, OPTIMUM)
    assert status == EXACT
    assert [p.argmax() for p in profile] == [0, 0]
    assert equilibrium(library.load("matching_pennies").payoffs, OPTIMUM)[0] == OTHER


def test_a_saddle_point_is_taken_where_it_exists():
    # zero-sum: every equilibrium is a saddle point, mixed ones too
    status, profile = equilibrium(library.load("rock_paper_scissors").payoffs, SADDLE)
    assert status == EXACT
    np.testing.assert_allclose(profile[0], 1 / 3, atol=1e-12)
    # coordination: both pure equilibria are hurt by the other's deviation; the mixed one is not, and no path ends there
    status, profile = equilibrium(np.stack([np.eye(2)] * 2), SADDLE)
    assert status == EXACT
    np.testing.assert_allclose(profile, 0.5, atol=1e-12)
    # stag hunt with a safe action: (hare, hare) is a saddle point, (stag, stag) is not
    hunt = np.array([[4.0, 0.0], [3.0, 3.0]])
    status, profile = equilibrium(np.stack([hunt, hunt.T]), SADDLE)
    assert status == EXACT
    assert [p.argmax() for p in profile] == [1, 1]


def has_a_saddle_point(A, B):
    """Whether linear programmes find x with xᵀA ≥ v, xᵀB ≤ w and y with Ay ≤ v, By ≥ w: scipy's answer."""

    def value(M):
        found = linprog(
            [*np.zeros(len(M)), -1],
            np.hstack([-M.T, np.ones((M.shape[1], 1))]),
            np.zeros(M.shape[1]),
            [[*np.ones(len(M)), 0]],
            [1],
            [(0, None)] * len(M) + [(None, None)],
        )
        return -found.fun

    v, w = value(A), value(B.T)
    return value(np.hstack([A - v, w - B])) > -1e-7 and value(np.hstack([B.T - w, v - A.T])) > -1e-7


def test_a_mixed_saddle_point_is_found_wherever_there_is_one():
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    status, profile = equilibrium(np.stack([pennies, np.zeros((2, 2))]), SADDLE)  # no vertex of the equilibria is one
    assert status == EXACT
    np.testing.assert_allclose(profile, 0.5, atol=1e-12)
    rng = np.random.default_rng(6)
    found = 0
    for t in range(300):
        m, k = rng.integers(2, 5, size=2)
        A = rng.integers(-1, 2, (m, k)).astype(float)
        # every third game is made of a zero-sum game, rescaled and with rows and columns that help nobody to hurt
        B = 3.0 - 2.0 * A if t % 3 == 0 else rng.integers(-1, 2, (m, k)).astype(float)
        status, (x, y) = equilibrium(np.stack([A, B]), SADDLE)
        assert (status == EXACT) == has_a_saddle_point(A, B)
        assert nash_gap(MatrixGame([A, B]), (x, y)).max < 1e-8
        if status == EXACT:
            found += 1
            assert (x @ A).min() >= x @ A @ y - 1e-8
            assert (B @ y).min() >= x @ B @ y - 1e-8
    assert 100 < found < 250


def correlated(payoffs):
    u, counts, strides = flat(payoffs)
    sigma = np.zeros(u.shape[1])
    error, pivots = correlated_into(u, counts, strides, sigma, *correlated_workspace(counts))
    assert pivots >= 0
    return error, sigma.reshape(tuple(counts))


def incentives(payoffs):
    """Rows of G with Gσ ≤ 0, written from the definition."""
    payoffs = np.asarray(payoffs, float)
    rows = []
    for i, u in enumerate(payoffs):
        for a, b in itertools.permutations(range(u.shape[i]), 2):
            row = np.zeros_like(u)
            told, other = [slice(None)] * u.ndim, [slice(None)] * u.ndim
            told[i], other[i] = a, b
            row[tuple(told)] = u[tuple(other)] - u[tuple(told)]
            rows.append(row.ravel())
    return np.array(rows)


@pytest.mark.parametrize("counts", [(2, 2), (3, 4), (5, 5), (2, 3, 2)])
def test_the_utilitarian_correlated_equilibrium_is_linprogs(counts):
    rng = np.random.default_rng(2)
    for k in range(10):
        shape = (len(counts), *counts)
        payoffs = rng.integers(-2, 3, shape).astype(float) if k % 2 else 100 * rng.uniform(-1, 1, shape)
        error, sigma = correlated(payoffs)
        scale = max(np.ptp(payoffs), 1.0)
        G, J = incentives(payoffs), sigma.size
        best = -linprog(-payoffs.sum(0).ravel(), G, np.zeros(len(G)), np.ones((1, J)), [1]).fun
        assert abs((payoffs.sum(0) * sigma).sum() - best) < 1e-9 * scale
        assert (G @ sigma.ravel()).max() <= error + 1e-12 * scale
        assert error < 1e-9 * scale


def test_chickens_best_correlated_equilibrium():
    # Aumann 1974's game in its common form: (6,6), (2,7), (7,2), (0,0); max is ½ on (C, C), ¼ on each of the others
    row = np.array([[6.0, 2.0], [7.0, 0.0]])
    _, sigma = correlated(np.stack([row, row.T]))
    np.testing.assert_allclose(sigma, [[0.5, 0.25], [0.25, 0.0]], atol=1e-12)


def test_a_constant_game_and_a_game_of_one_action_have_correlated_equilibria():
    error, sigma = correlated(np.full((2, 2, 3), 4.0))
    assert (error, sigma.sum()) == (0.0, 1.0)
    error, sigma = correlated(np.ones((2, 1, 1)))
    assert (error, sigma[0, 0]) == (0.0, 1.0)
