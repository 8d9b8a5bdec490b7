"""``check_drift`` passes the drifts that ship, says what they do at the boundary, and rejects what is no drift."""

import numpy as np
import pytest

from marlcore import objectives
from marlcore.errors import InputError
from tabular.mirror.check_drift import check_drift
from tabular.mirror.drifts import ZERO, Clip, ForwardKL, MarginalClip, ReverseKL, SquaredL2


@pytest.mark.parametrize(
    ("drift", "boundary"),
    [
        (ZERO, "zero gradient"),
        (SquaredL2(3.0), "zero gradient"),
        (ForwardKL(2.0), "slope 2"),
        (ReverseKL(), "infinite"),
        (Clip(0.2), "undefined"),
        (MarginalClip(0.2), "undefined"),
        pytest.param(objectives.forward_kl_drift(0.5), "slope 0.5", id="a plain function"),
    ],
    ids=str,
)
def test_the_drifts_that_ship(drift, boundary):
    report = check_drift(drift)
    assert report.boundary == boundary
    assert report.vanishes_at_boundary == (boundary == "zero gradient")
    assert report.passed > 100


def total_variation(hat, at):
    return np.abs(hat - at.old).sum(-1)


def signed(hat, at):
    return ((hat - at.old) ** 3).sum(-1)


def to_uniform(hat, at):
    return ((hat - 1 / hat.shape[-1]) ** 2).sum(-1)


def a_little_kink(hat, at):
    return 1e-4 * np.abs(hat - at.old).sum(-1) + ((hat - at.old) ** 2).sum(-1)


def unclipped_penalty(hat, at):
    """ReLU((r − 1)·A): PPO's penalty with a clip range of 0."""
    return np.maximum((hat - at.old) * at.advantage, 0).sum(-1)


def printed_ratio(hat, at):
    """The clip penalty with π̂·π for π̂/π, as some notes print the ratio."""
    r = hat * at.old
    return (at.old * np.maximum((r - np.clip(r, 0.8, 1.2)) * at.advantage, 0)).sum(-1)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (total_variation, "its gradient at the old policy is not 0"),
        (signed, "it is not ≥ 0"),
        (to_uniform, "it is not 0 at the old policy"),
        (a_little_kink, "its gradient at the old policy is not 0"),
        (unclipped_penalty, "its gradient at the old policy is not 0"),
        (printed_ratio, "it is not 0 at the old policy"),
    ],
)
def test_what_is_no_drift_is_rejected_with_an_instance(candidate, reason):
    with pytest.raises(InputError, match=rf"{candidate.__name__} is no drift: {reason}, but .*π\^i = \[.*π̂\^i = \["):
        check_drift(candidate)


def test_one_number_a_state():
    with pytest.raises(InputError, match="must give one number for each state"):
        check_drift(lambda hat, at: (hat - at.old) ** 2)
