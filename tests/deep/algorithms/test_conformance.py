"""Every algorithm of the registry keeps the contract, and the suite notices those that do not."""

import dataclasses

import pytest
import torch

from deep import algorithms
from deep.algorithms.contract import Algorithm
from marlcore import conformance
from marlcore.conformance import ConformanceError


@pytest.mark.parametrize("name", algorithms.names())
def test_every_algorithm_conforms(name):
    assert len(conformance.check("algorithms", name).checks) == 6


HAPPO = algorithms.load("happo")


def idle(learner, batch, options, moment):
    return {"entropy": 0.0, "kl": 0.0}


def meddling(learner, batch, options, moment):
    with torch.no_grad():
        next(learner.critic.parameters()).add_(1)
    return HAPPO.update(learner, batch, options, moment)


def deaf(learner, batch, options, moment):
    return HAPPO.update(learner, dataclasses.replace(batch, weights=torch.ones_like(batch.weights)), options, moment)


def backwards(learner, batch, options, moment):
    return HAPPO.update(learner, dataclasses.replace(batch, advantages=-batch.advantages), options, moment)


def silent(learner, batch, options, moment):
    return {name: torch.tensor(x) for name, x in HAPPO.update(learner, batch, options, moment).items()}


@pytest.mark.parametrize(
    ("update", "said"),
    [
        (idle, "policy is what it was"),
        (meddling, "changed the critic"),
        (deaf, "a dead agent's advantage"),
        (backwards, "the mean reward rose by"),
        (silent, "is a Tensor"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_suite_notices(update, said):
    with pytest.raises(ConformanceError, match=said):
        conformance.check("algorithms", Algorithm("broken", update, HAPPO.options))
