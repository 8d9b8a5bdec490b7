"""Exact payoffs: closed forms on rock-paper-scissors, order on soccer."""

import numpy as np
import pytest

from figures.rationality import data as compute


def test_rock_paper_scissors_in_closed_form(data):
    """Against rock 0.6, paper earns 0.6 − 0.2 and the uniform strategy 0."""
    case = data("rationality").cases[0]
    assert case.best == pytest.approx(0.4)
    assert case.equilibrium == pytest.approx(0, abs=1e-12)
    assert case.payoffs["WoLF-PHC"].estimate[-1] == pytest.approx(0.4, abs=1e-3)
    assert abs(case.payoffs["Minimax-Q"].estimate[-1]) < 0.02


def test_soccer_orders_learner_equilibrium_and_best_response(data):
    case = data("rationality").cases[1]
    assert case.value == pytest.approx(0, abs=1e-9)  # the kick-off's ball is a coin's
    assert case.value < case.equilibrium < case.best
    assert case.payoffs["WoLF-PHC"].low[-1] > 0.85 * case.best
    assert case.payoffs["Minimax-Q"].high[-1] < case.equilibrium
    assert case.payoffs["WoLF-PHC"].high.max() <= case.best + 1e-9


def test_another_opponent():
    case = compute(rock=0.8, steps=4000).cases[0]
    assert case.best == pytest.approx(0.7)
    assert len(case.steps) == len(case.payoffs["WoLF-PHC"].estimate)
    assert np.isfinite(case.payoffs["Minimax-Q"].estimate).all()
