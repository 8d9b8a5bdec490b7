"""Definition 12 at the old policy, closed forms elsewhere, and the polygon on which the clip drift is flat."""

import numpy as np
import pytest

from figures.drifts import FLAT, NAMES
from figures.drifts import data as compute
from marlcore.errors import InputError

OLD = np.array([0.5, 0.3, 0.2])


def at(made, p):
    return int(np.argmin(np.abs(made.grid - np.asarray(p)).sum(1)))


def test_five_are_flat_at_the_old_policy_and_total_variation_is_not(data):
    made = data("drifts")
    for name, slope in made.slope_at_old.items():
        assert (slope < FLAT) == (name != "total variation"), name
    # moving h of mass between two actions changes TV by h
    assert made.slope_at_old["total variation"] == pytest.approx(1, abs=1e-6)


def test_closed_forms(data):
    made = data("drifts")
    q = np.array([0.2, 0.3, 0.5])
    k = at(made, q)
    np.testing.assert_allclose(made.grid[k], q)
    expected = {
        "zero": 0.0,
        "forward KL": 0.5 * np.log(2.5) + 0.2 * np.log(0.4),
        "reverse KL": 0.2 * np.log(0.4) + 0.5 * np.log(2.5),
        "squared L2": 2 * 0.3**2,
        "total variation": 0.3,
    }
    for name, value in expected.items():
        assert made.values[name][k] == pytest.approx(value), name


def test_the_clip_drift_by_its_definition(data):
    made = data("drifts")
    A = np.array([-1.0, 0.2, 2.2])
    A = A - OLD @ A
    for k in range(0, len(made.grid), 37):
        r = made.grid[k] / OLD
        expected = (OLD * np.maximum((r - np.clip(r, 0.8, 1.2)) * A, 0)).sum()
        assert made.values["clip"][k] == pytest.approx(expected, abs=1e-12)


def test_where_each_is_flat(data):
    made = data("drifts")
    flat = {name: made.slopes[name] < FLAT for name in NAMES}
    inside = made.grid.min(1) > 0
    assert flat["zero"].sum() == inside.sum()
    for name in ("forward KL", "reverse KL", "squared L2"):
        assert made.grid[flat[name]].tolist() == [OLD.tolist()]
    assert not flat["total variation"].any()
    # r·A unclipped: worse actions above 0.8 of the old probability, better ones below 1.2 of it
    A = np.array([-1.0, 0.2, 2.2]) - OLD @ np.array([-1.0, 0.2, 2.2])
    edge = OLD * np.where(A < 0, 0.8, 1.2)
    within = np.where(A < 0, made.grid >= edge - 1e-9, made.grid <= edge + 1e-9).all(1)
    assert (within[flat["clip"]]).all()
    deep = np.where(A < 0, made.grid > edge + 1e-4, made.grid < edge - 1e-4).all(1) & inside
    assert flat["clip"][deep].all()
    assert deep.sum() > 20


def test_no_drift_is_negative(data):
    for name, values in data("drifts").values.items():
        assert (values >= -1e-12).all(), name


@pytest.mark.parametrize("old", [(1.0, 0.0, 0.0), (0.5, 0.5, 0.5)], ids=["vertex", "too much"])
def test_an_old_policy_that_is_none_is_refused(old):
    with pytest.raises(InputError, match="fully mixed distribution"):
        compute(old)


def test_the_slope_of_the_squared_distance(data):
    """Along v = e_i − e_j it is 2((q_i − π_i) − (q_j − π_j)); the largest of the six is shown."""
    made = data("drifts")
    inside = made.grid.min(1) > 0
    away = made.grid[inside] - OLD
    expected = 2 * (away.max(1) - away.min(1))
    np.testing.assert_allclose(made.slopes["squared L2"][inside], expected, atol=1e-6)
