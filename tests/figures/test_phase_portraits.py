"""What each rule is known to do on each game, read off the paths."""

import numpy as np
import pytest

from figures.phase_portraits import GAMES, RULES

MIDDLE = np.array([0.5, 0.5])
PENNIES, COORDINATION, DILEMMA = GAMES
IGA, WOLF, ANCHOR, REPLICATOR, INACTION, PENALTY = RULES


def distances(path):
    return np.linalg.norm(path - MIDDLE, axis=-1)


def test_every_path_stays_in_the_square_and_starts_where_the_others_do(data):
    made = data("phase_portraits")
    starts = made.paths[PENNIES][IGA][0]
    np.testing.assert_allclose(distances(starts), 0.38)
    for game in GAMES:
        for rule in RULES:
            path = made.paths[game][rule]
            assert ((path >= 0) & (path <= 1)).all()
            np.testing.assert_array_equal(path[0], starts)


def test_iga_circles_and_the_replicator_conserves_its_energy(data):
    made = data("phase_portraits")
    radii = distances(made.paths[PENNIES][IGA])
    # a step of η multiplies the distance by √(1 + η²): 4000 steps of 0.005 by less than 1.06
    assert (np.diff(radii, axis=0) > -1e-12).all()
    assert radii[-1].max() / radii[0].max() < 1.06
    p, q = np.moveaxis(made.paths[PENNIES][REPLICATOR], -1, 0)
    energy = np.log(p * (1 - p) * q * (1 - q))
    np.testing.assert_allclose(energy, np.broadcast_to(energy[0], energy.shape), atol=1e-6)


@pytest.mark.parametrize("rule", [WOLF, ANCHOR])
def test_a_variable_pace_and_a_memory_spiral_in(data, rule):
    path = data("phase_portraits").paths[PENNIES][rule]
    assert (distances(path)[-1] < 0.1 * 0.38).all()


def test_the_automata_on_pennies(data):
    made = data("phase_portraits")
    late = slice(100, None)
    assert distances(made.paths[PENNIES][PENALTY])[late].mean() < 0.2
    assert distances(made.paths[PENNIES][INACTION])[late].mean() > 0.3


@pytest.mark.parametrize("rule", [IGA, WOLF, ANCHOR, REPLICATOR, INACTION])
def test_the_dilemma_ends_in_defection_and_coordination_at_a_corner(data, rule):
    made = data("phase_portraits")
    assert made.paths[DILEMMA][rule][-1].max() < 0.03
    ends = made.paths[COORDINATION][rule][-1]
    assert np.abs(ends - ends.round()).max() < 0.03
    assert (ends[:, 0].round() == ends[:, 1].round()).all()


def test_equilibria(data):
    made = data("phase_portraits")
    np.testing.assert_allclose(made.equilibria[PENNIES], [[0.5, 0.5]])
    np.testing.assert_array_equal(made.equilibria[DILEMMA], [[0.0, 0.0]])
    # 1·q = 0.6·(1 − q) at q = 3/8
    found = made.equilibria[COORDINATION][made.interior[COORDINATION]]
    np.testing.assert_allclose(found, [[0.375, 0.375]])
    assert len(made.equilibria[COORDINATION]) == 3
