"""Correlated equilibria: closed forms, cvxpy's programmes, and the difference from coarse ones."""

import cvxpy
import numpy as np
import pytest

import tabular
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from tabular.static.correlated import correlated_equilibrium, incentives

CHICKEN = MatrixGame([[[6, 2], [7, 0]], [[6, 7], [2, 0]]])


def by_cvxpy(game, weights, coarse):
    """The largest weights·p over the (coarse) correlated equilibria, from the definition, one player at a time."""
    p = cvxpy.Variable(game.action_counts[0] * game.action_counts[1], nonneg=True)
    P = cvxpy.reshape(p, game.action_counts, order="C")
    A, B = game.payoffs
    m, k = game.action_counts
    constraints = [cvxpy.sum(p) == 1]
    for b in range(m):
        gains = [cvxpy.sum(cvxpy.multiply(P[a], A[a] - A[b])) for a in range(m)]
        constraints += [sum(gains) >= 0] if coarse else [g >= 0 for g in gains]
    for b in range(k):
        gains = [cvxpy.sum(cvxpy.multiply(P[:, a], B[:, a] - B[:, b])) for a in range(k)]
        constraints += [sum(gains) >= 0] if coarse else [g >= 0 for g in gains]
    problem = cvxpy.Problem(cvxpy.Maximize(weights.ravel() @ p), constraints)
    return problem.solve(solver=cvxpy.CLARABEL)


def test_chicken():
    # Aumann (1974): obedience at (6, 6) needs p(C,C)(7−6) ≤ p(C,D)(2−0); welfare is 12p + 9·2q with p = 2q, p + 2q = 1
    found = tabular.correlated_equilibrium(CHICKEN)
    np.testing.assert_allclose(found.distribution, [[1 / 2, 1 / 4], [1 / 4, 0]], atol=1e-12)
    assert found.objective == pytest.approx(10.5)
    assert found.bound == pytest.approx(10.5)
    np.testing.assert_allclose(found.payoffs, 5.25)


def test_the_conditional_constraints_are_not_the_coarse_ones():
    # OpenSpiel's CE-Q solves the coarse programme under the name of the correlated one. Here they differ:
    # coarse is ⅓ on (0, 1) and ⅔ on (2, 2), worth ⅓·3 + ⅔·5 = 13/3; told row 0, one would play row 1 or 2 only if
    # they paid more against column 1 (they do not), told column 1 the other knows row 0 and takes column 0, gaining 2
    game = MatrixGame([[[0, 2, 0], [2, 0, 3], [3, 0, 2]], [[3, 1, 1], [0, 1, 0], [0, 1, 3]]])
    strict, coarse = correlated_equilibrium(game), correlated_equilibrium(game, coarse=True)
    assert coarse.objective == pytest.approx(13 / 3)
    np.testing.assert_allclose(coarse.distribution, [[0, 1 / 3, 0], [0, 0, 0], [0, 0, 2 / 3]], atol=1e-12)
    np.testing.assert_allclose(incentives(game, coarse.distribution), [2 / 3, 2 / 3], atol=1e-12)
    assert incentives(game, coarse.distribution, coarse=True).max() <= 1e-12
    assert strict.objective == pytest.approx(17 / 7)
    assert strict.objective == pytest.approx(by_cvxpy(game, game.payoffs.sum(0), False), abs=1e-6)
    assert incentives(game, strict.distribution).max() <= 1e-12


@pytest.mark.parametrize("coarse", [False, True])
@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (5, 2)])
def test_against_cvxpy(shape, coarse):
    rng = np.random.default_rng(sum(shape))
    for _ in range(3):
        game, weights = MatrixGame.random(shape, rng), rng.normal(size=shape)
        for objective, array in (("welfare", game.payoffs.sum(0)), (weights, weights), (game.payoffs[1],) * 2):
            found = correlated_equilibrium(game, objective, coarse=coarse)
            assert found.objective == pytest.approx(by_cvxpy(game, array, coarse), abs=1e-6)
            assert found.objective == pytest.approx((array * found.distribution).sum())
            assert found.bound - found.objective <= 1e-9
            assert found.violation.max() <= 1e-9


def test_egalitarian_maximises_the_least_payoff():
    for seed in range(10):
        game = MatrixGame.random((3, 3), np.random.default_rng(seed))
        found = correlated_equilibrium(game, "egalitarian")
        assert found.objective == pytest.approx(found.payoffs.min())
        assert found.bound - found.objective <= 1e-9
        # by minimax the egalitarian optimum is the least, over mixtures of the players, of the mixture's optimum
        mixtures = [t * game.payoffs[0] + (1 - t) * game.payoffs[1] for t in np.linspace(0, 1, 5)]
        assert min(correlated_equilibrium(game, m).objective for m in mixtures) >= found.objective - 1e-9


def test_nash_equilibria_are_correlated_equilibria():
    for seed in range(10):
        game = MatrixGame.random((3, 4), np.random.default_rng(seed))
        found = tabular.nash_equilibrium(game)
        product = np.multiply.outer(*found.profile)
        assert incentives(game, product).max() <= 1e-12
        assert correlated_equilibrium(game).objective >= found.payoffs.sum() - 1e-9


def test_three_players_and_one_action():
    found = correlated_equilibrium(MatrixGame.random((2, 3, 1), np.random.default_rng(0)))
    assert found.violation.max() <= 1e-9
    assert found.distribution.sum() == pytest.approx(1)
    assert found.bound - found.objective <= 1e-9


@pytest.mark.parametrize("scale", [1e-8, 1e12])
def test_scale_does_not_matter(scale):
    game = MatrixGame.random((3, 3), np.random.default_rng(3))
    plain, scaled = correlated_equilibrium(game), correlated_equilibrium(MatrixGame(game.payoffs * scale))
    assert scaled.objective == pytest.approx(plain.objective * scale)
    assert scaled.violation.max() <= 1e-9 * scale


def test_bad_input():
    with pytest.raises(InputError, match="'welfare', 'egalitarian' or an array, not 'fair'"):
        correlated_equilibrium(CHICKEN, "fair")
    with pytest.raises(InputError, match=r"shape \(2, 2\), not \(3,\)"):
        correlated_equilibrium(CHICKEN, np.ones(3))
    with pytest.raises(InputError, match=r"objective\[0, 0\] = nan"):
        correlated_equilibrium(CHICKEN, np.full((2, 2), np.nan))
    with pytest.raises(InputError, match="not rational"):
        correlated_equilibrium(CHICKEN.convert("rational"))
