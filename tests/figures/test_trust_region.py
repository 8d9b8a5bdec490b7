"""The optima against a cone solver and against mirror learning's own, the rims on their spheres."""

import numpy as np
import pytest

from figures.trust_region import DISTANCES, NAMES, RADII, optimum
from figures.trust_region import data as compute
from marlcore.errors import InputError
from marlcore.games import TeamGame
from tabular import haml
from tabular.mirror.drifts import ZERO
from tabular.mirror.neighbourhoods import MaxKL, TotalVariation

P, W = np.array([0.35, 0.4, 0.25]), np.array([-1.0, 0.35, 1.0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("delta", [0.02, 0.3], ids=["small", "large"])
def test_the_optimum_is_that_of_a_cone_solver(name, delta):
    import cvxpy as cp

    q = cp.Variable(3)
    ball = {
        "forward": lambda: cp.sum(cp.rel_entr(P, q)) <= delta,
        "reverse": lambda: cp.sum(cp.rel_entr(q, P)) <= delta,
        "tv": lambda: cp.norm1(q - P) / 2 <= delta,
    }[name]()
    problem = cp.Problem(cp.Maximize(W @ q), [ball, cp.sum(q) == 1, q >= 0])
    problem.solve(solver="CLARABEL")
    found = optimum(name, P, W, delta)
    assert W @ found == pytest.approx(problem.value, abs=1e-6)
    np.testing.assert_allclose(found, q.value, atol=2e-3)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0


@pytest.mark.parametrize(("name", "ball"), [("forward", MaxKL), ("tv", TotalVariation)], ids=["forward", "tv"])
def test_it_is_the_step_of_mirror_learning(name, ball):
    game = TeamGame(np.ones((1, 3, 1)), W[None], 0.0)
    run = haml(game, (P[None],), ZERO, ball(0.15), iterations=1)
    np.testing.assert_allclose(run.policies[0][-1, 0, 0], optimum(name, P, W, 0.15), atol=1e-7)


def test_paths_use_up_their_radius_and_only_gain(data):
    made = data("trust_region")
    for name, path in made.paths.items():
        distances = DISTANCES[name](np.broadcast_to(P, path.shape), path)
        np.testing.assert_allclose(distances, made.radii[name], atol=1e-9)
        assert (np.diff(path @ W) > 0).all()
        np.testing.assert_array_equal(path[0], P)


def test_kl_keeps_every_action_and_total_variation_drops_the_worst(data):
    made = data("trust_region")
    for name in ("forward", "reverse"):
        assert (made.paths[name] > 0).all()
    gone = made.paths["tv"][:, 0] <= 1e-12
    np.testing.assert_array_equal(gone, made.radii["tv"] >= P[0] - 1e-12)


def test_rims_lie_on_the_ball_or_on_the_edge(data):
    made = data("trust_region")
    for name, rims in made.rims.items():
        for delta, rim in zip(RADII[name], rims, strict=True):
            with np.errstate(divide="ignore"):
                d = DISTANCES[name](np.broadcast_to(P, rim.shape), rim)
            inside = rim.min(1) > 1e-9
            np.testing.assert_allclose(d[inside], delta, atol=1e-6)
            assert (d <= delta + 1e-9).all()


def test_bad_parameters():
    with pytest.raises(InputError, match="weights must differ"):
        compute(weights=(1.0, 1.0, 0.0))
    with pytest.raises(InputError, match="old must be"):
        compute(old=(1.0, 0.0, 0.0))
