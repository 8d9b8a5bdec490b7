"""The monotone fit against a quadratic programme, the additive fit against least squares."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest

from marlcore import numbers
from marlcore.library.fits import _lower_sets, additive_fit, isotonic, monotone_fit


@pytest.mark.parametrize("seed", range(5))
def test_isotonic_regression_is_the_quadratic_programme(seed: int) -> None:
    table = np.random.default_rng(seed).normal(size=(3, 4)) * 5
    fit = cp.Variable(table.shape)
    order = [fit[1:] >= fit[:-1], fit[:, 1:] >= fit[:, :-1]]
    cp.Problem(cp.Minimize(cp.sum_squares(fit - table)), order).solve(solver=cp.CLARABEL)
    assert isotonic(table) == pytest.approx(fit.value, abs=1e-5)


def test_a_monotone_table_is_fitted_exactly_in_any_order_of_its_actions() -> None:
    table = np.add.outer([0.0, 1.0, 5.0], [0.0, 3.0, 4.0])[[2, 0, 1]][:, [1, 2, 0]]
    error, fit = monotone_fit(table)
    assert error == pytest.approx(0, abs=1e-20)
    assert fit == pytest.approx(table)


def test_the_lower_sets_of_a_grid_are_its_staircases() -> None:
    assert len(_lower_sets(3, 3)) == 20
    assert len({s.tobytes() for s in _lower_sets(3, 4)}) == 35


def test_the_additive_fit_is_least_squares() -> None:
    table = np.random.default_rng(3).normal(size=(3, 4))
    design = np.array([[*np.eye(3)[i], *np.eye(4)[j]] for i in range(3) for j in range(4)])
    weights = np.linalg.lstsq(design, table.ravel(), rcond=None)[0]
    assert additive_fit(table).ravel() == pytest.approx(design @ weights)


def test_rationals_give_the_same_fits_exactly() -> None:
    table = np.array([[11, -30, 0], [-30, 7, 6], [0, 0, 5]])
    error, fit = monotone_fit(numbers.convert(table, "rational"))
    assert error == numbers.number("11969/12", "rational")
    near, floats = monotone_fit(table.astype(float))
    assert near == pytest.approx(11969 / 12)
    assert floats == pytest.approx(numbers.convert(fit, "float"))
