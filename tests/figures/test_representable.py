"""Fits: known errors, conditions of optimality that hold at the best fit only, and where the agents end."""

import itertools

import numpy as np
import pytest

from figures.representable import data as compute


def test_the_climbing_games_fits(data):
    fits = data("representable").games["climbing game"]
    assert fits.errors[0] == pytest.approx(997.416667, abs=1e-5)  # as the library's facts have it
    assert fits.payoffs[np.unravel_index(fits.monotone.argmax(), (3, 3))] == 5
    assert fits.payoffs[np.unravel_index(fits.additive.argmax(), (3, 3))] == 5
    assert fits.payoffs.max() == 11


@pytest.mark.parametrize("penalty", [-1.0, -30.0, -100.0])
def test_an_additive_fit_is_a_projection(penalty):
    """Its residual is orthogonal to every f(a) + g(b): rows and columns of the residual sum to 0."""
    for fits in compute(penalty).games.values():
        residual = fits.payoffs - fits.additive
        np.testing.assert_allclose(residual.sum(0), 0, atol=1e-12)
        np.testing.assert_allclose(residual.sum(1), 0, atol=1e-12)
        differences = fits.additive[1:] - fits.additive[:-1]  # additive: rows differ by constants
        np.testing.assert_allclose(differences, differences[:, :1] * np.ones((1, 3)), atol=1e-12)
        assert fits.errors[1] == pytest.approx((residual**2).sum())


def test_a_monotone_fit_is_monotone_in_some_order_and_at_least_as_good_as_an_additive_one(data):
    for fits in data("representable").games.values():
        orders = list(itertools.permutations(range(3)))
        rising = [
            (np.diff(t, axis=0) >= -1e-12).all() and (np.diff(t, axis=1) >= -1e-12).all()
            for t in (fits.monotone[np.ix_(p, q)] for p in orders for q in orders)
        ]
        assert any(rising)
        assert fits.errors[0] <= fits.errors[1]
        assert fits.errors[0] == pytest.approx(((fits.payoffs - fits.monotone) ** 2).sum())


def test_no_random_monotone_table_fits_better(data):
    rng = np.random.default_rng(0)
    for fits in data("representable").games.values():
        for _ in range(300):
            f, g = (np.sort(rng.normal(0, 10, 3))[rng.permutation(3)] for _ in range(2))
            table = np.tanh(f[:, None] / 10 + g / 10) * 30  # one F, rising in both
            assert ((fits.payoffs - table) ** 2).sum() >= fits.errors[0] - 1e-9
