"""Who settles and who does not, as Bowling & Veloso report it, with the seeds' bands apart."""

import numpy as np

from figures.rps_triangle import data as compute


def test_only_wolf_settles(data):
    made = data("rps_triangle")
    wolf, phc, q = (made.distances[name] for name in ("WoLF-PHC", "PHC", "Q-learning"))
    assert wolf.high[-1] < 0.15
    assert phc.low[-1] > 0.3
    assert q.low[1:].min() > 1.15
    late = made.steps > made.steps[-1] // 2
    assert wolf.high[late].max() < phc.low[late].min()


def test_a_pure_strategy_is_as_far_as_can_be(data):
    """Both pure: √(2·((1 − ⅓)² + 2·⅓²)) = √(4/3)."""
    q = data("rps_triangle").distances["Q-learning"]
    np.testing.assert_allclose(q.estimate[1:], np.sqrt(4 / 3))


def test_paths_are_strategies_and_q_learning_visits_every_corner(data):
    made = data("rps_triangle")
    for path in made.paths.values():
        assert (path >= 0).all()
        np.testing.assert_allclose(path.sum(-1), 1)
    path = made.paths["Q-learning"][1:]
    assert np.isin(path, (0, 1)).all()
    assert (path.mean(0) > 0.2).all()
    np.testing.assert_allclose(made.paths["WoLF-PHC"][0], made.paths["PHC"][0])


def test_the_number_of_steps_is_a_parameter():
    assert compute(800).steps[-1] <= 800
