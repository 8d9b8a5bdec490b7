"""Theorem 9 on random games: HATRL never falls, the others do; nobody passes the optimum."""

import numpy as np
import pytest

from figures.monotone_improvement import METHODS


@pytest.fixture
def made(data):
    return data("monotone_improvement")


def test_only_hatrl_never_falls(made):
    for name in METHODS:
        fallen = int(made.falls[name].sum())
        assert (fallen == 0) == name.startswith("HATRL"), name
    for name in ("HATRL, C", "HATRL, C*"):
        assert (np.diff(made.progress[name], axis=0) >= -1e-12).all()


def test_falls_are_falls_of_the_progress(made):
    for name in METHODS:
        steps = np.diff(made.progress[name], axis=0)
        np.testing.assert_array_equal(made.falls[name], steps < -1e-12)


def test_progress_starts_at_zero_and_ends_below_the_optimum(made):
    for name in METHODS:
        np.testing.assert_array_equal(made.progress[name][0], 0)
        assert (made.progress[name] <= 1 + 1e-9).all()


def test_the_sharp_constant_is_faster(made):
    assert (made.bands["HATRL, C*"].estimate[1:] > made.bands["HATRL, C"].estimate[1:]).all()


def test_bands_hold_the_estimate_and_come_from_the_runs(made):
    for name in METHODS:
        band, runs = made.bands[name], np.sort(made.progress[name], axis=1)
        assert (band.low <= band.estimate + 1e-12).all()
        assert (band.estimate <= band.high + 1e-12).all()
        # sixteen games: the interquartile mean leaves out the four smallest and the four largest
        assert runs.shape[1] == 16
        np.testing.assert_allclose(band.estimate, runs[:, 4:-4].mean(1))
