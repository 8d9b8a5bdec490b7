"""Matrix games beside two libraries that share nothing with ours: cvxpy (a cone solver) and Nashpy (supports)."""

import cvxpy as cp
import nashpy
import numpy as np
import pytest

from marlcore.games import MatrixGame
from tabular import nash_equilibria, nash_equilibrium, solve_zero_sum

SHAPES = [(1, 1), (1, 4), (4, 1), (2, 2), (3, 5), (5, 3), (6, 6)]


def by_cone_programme(A):
    x, v = cp.Variable(A.shape[0], nonneg=True), cp.Variable()
    programme = cp.Problem(cp.Maximize(v), [A.T @ x >= v, cp.sum(x) == 1])
    programme.solve(solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    return programme.value


@pytest.mark.parametrize("shape", SHAPES)
def test_zero_sum_values_are_those_of_a_cone_solver(shape):
    rng = np.random.default_rng(shape)
    for A in (rng.normal(size=shape), rng.integers(0, 4, shape).astype(float), np.full(shape, 2.0)):
        assert solve_zero_sum(A).value == pytest.approx(by_cone_programme(A), abs=1e-9)


@pytest.mark.parametrize("shape", [(2, 2), (2, 4), (3, 3), (4, 3), (4, 4)])
def test_equilibria_of_generic_games_are_nashpys(shape):
    rng = np.random.default_rng(shape)
    for _ in range(5):
        A, B = rng.normal(size=(2, *shape))
        game = MatrixGame(np.stack([A, B]))
        ours = sorted(tuple(np.round(np.concatenate(pair), 8)) for pair in nash_equilibria(game).profiles)
        theirs = sorted(tuple(np.round(np.concatenate(p), 8)) for p in nashpy.Game(A, B).vertex_enumeration())
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
        one = np.concatenate(nash_equilibrium(game).profile)
        assert min(np.abs(one - np.array(other)).max() for other in theirs) < 1e-7
