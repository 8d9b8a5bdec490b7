"""The engines of the ledger on Lemma 8 with three states and two agents: sampled, certified, gradients, a witness."""

import functools

import numpy as np

from marlcore.kit.benchmark import Case
from proofs_check import instances, ledger
from proofs_check.claim import margin_of
from proofs_check.engines import adversary
from proofs_check.engines.certified import certify

BATCH = 20_000
RESTARTS, STEPS = 2_000, 5


def cases() -> list[Case]:
    """Games a second of each engine; on a GPU too where there is one."""
    sampled = {"amount": BATCH, "unit": "games", "group": "sampled"}
    gradients = {"amount": RESTARTS * (STEPS + 1), "unit": "gradients", "group": "adversary"}
    made = [
        Case("margin of Lemma 8, NumPy batch", lambda: margin_of(lemma(), fresh()), **sampled),
        Case("drawing and margin", lambda: margin_of(lemma(), draw(BATCH)), **sampled),
        Case("certificate in balls", lambda: certify(lemma(), exact()), unit="games", group="certified"),
        Case("gradients, CPU", lambda: descend("cpu"), **gradients),
    ]
    if has_gpu():
        made.append(
            Case("gradients, GPU", lambda: descend("cuda", 50), **gradients | {"amount": 50 * gradients["amount"]})
        )
    return made


@functools.cache
def lemma():
    """The claim."""
    return ledger.load("harl/lemma_8/paper")


def draw(batch):
    """Random instances."""
    return lemma().family.sample(np.random.default_rng(0), batch, {"states": 3, "actions": (2, 2)})


@functools.cache
def drawn():
    """A batch that is drawn once."""
    return draw(BATCH)


def fresh():
    """The same arrays without what an earlier call has remembered."""
    x = drawn()
    return instances.Instance(x.layout, x.values, x.batch_shape, x.sizes)


@functools.cache
def _exact():
    return instances.exact(draw(2).one(0), 60)


def exact():
    """One rational instance, nothing remembered."""
    x = _exact()
    return instances.Instance(x.layout, x.values, x.batch_shape, x.sizes)


@functools.cache
def _start(times):
    return draw(RESTARTS * times)


def descend(device, times=1):
    """A few steps of the search."""
    return adversary.by_gradient(lemma(), _start(times), (), STEPS, np.random.default_rng(0), device)


def has_gpu():
    """Whether torch sees one."""
    import torch

    return torch.cuda.is_available()
