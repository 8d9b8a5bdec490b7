"""The suite of the extension point ``algorithms``: what every update of policies has to keep.

    conformance.check("algorithms", "happo")          conformance.check("algorithms", MY_ALGORITHM)

Each check takes an ``Algorithm`` and runs its update on small exact games, with and without shared parameters.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from deep.algorithms.contract import Algorithm, Moment
from deep.config import Config, Network, Rollout
from deep.critic import VIEWS
from deep.distributions import Categorical
from deep.learner import Optimiser
from deep.rollout import Batch
from deep.session import Session
from marlcore import registry
from marlcore.errors import InputError

KINDS = ("discrete", "multi-discrete", "box")


def says_what_it_is(algorithm: Algorithm) -> None:
    """A name, an update, a critic's view, action kinds, and frozen options whose fields all have defaults."""
    assert isinstance(algorithm, Algorithm), f"{type(algorithm).__name__} is no Algorithm"
    assert algorithm.name, "it has no name"
    assert algorithm.view in VIEWS, f"view {algorithm.view!r} is none of {VIEWS}"
    assert algorithm.kinds, "it can handle no actions"
    assert set(algorithm.kinds) <= set(KINDS), f"kinds {algorithm.kinds} are not all among {KINDS}"
    assert dataclasses.is_dataclass(algorithm.options), "options is no dataclass"
    params: Any = algorithm.options
    assert params.__dataclass_params__.frozen, "options can be changed"
    algorithm.options()


def gives_finite_figures(algorithm: Algorithm) -> None:
    """Every figure of an update is a finite number under a name, ``entropy`` and ``kl`` among them."""
    for session, batch in _problems(algorithm):
        figures = algorithm.update(session.learner, batch, algorithm.options(), Moment(0, 0))
        assert {"entropy", "kl"} <= figures.keys(), f"it reports {sorted(figures)}"
        for name, value in figures.items():
            assert isinstance(value, float), f"{name} is a {type(value).__name__}"
            assert math.isfinite(value), f"{name} is {value}"


def moves_the_policies_and_nothing_else(algorithm: Algorithm) -> None:
    """An update changes every agent's policy; critic, normaliser and the batch stay as they are."""
    for session, batch in _problems(algorithm):
        learner, before = session.learner, _policies(session)
        others = [x.clone() for module in (learner.critic, learner.normaliser) for x in module.state_dict().values()]
        kept = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch)}
        kept = {name: x.clone() for name, x in kept.items() if x is not None}
        algorithm.update(learner, batch, algorithm.options(), Moment(0, 0))
        for i, (old, new) in enumerate(zip(before, _policies(session), strict=True)):
            assert not torch.equal(old, new), f"agent {i}'s policy is what it was ({session.config.sharing})"
        after = [x for module in (learner.critic, learner.normaliser) for x in module.state_dict().values()]
        assert all(torch.equal(a, b) for a, b in zip(others, after, strict=True)), "it changed the critic"
        assert all(torch.equal(x, getattr(batch, name)) for name, x in kept.items()), "it changed the batch"


def is_a_function_of_its_moment(algorithm: Algorithm) -> None:
    """The same learner, batch and moment give the same bits."""
    for (one, batch), (other, again) in zip(_problems(algorithm), _problems(algorithm), strict=True):
        for session, part in ((one, batch), (other, again)):
            algorithm.update(session.learner, part, algorithm.options(), Moment(3, 1))
        same = zip(_policies(one), _policies(other), strict=True)
        assert all(torch.equal(a, b) for a, b in same), f"two runs differ ({one.config.sharing})"


def does_not_listen_to_the_dead(algorithm: Algorithm) -> None:
    """What stands in entries of weight 0 changes nothing."""
    for (one, batch), (other, again) in zip(_problems(algorithm), _problems(algorithm), strict=True):
        dead = torch.zeros_like(batch.weights, dtype=torch.bool)
        dead[:, ::3, 0] = True
        poisoned = torch.where(dead, 100.0, again.advantages)
        weights = torch.where(dead, 0.0, batch.weights)
        batch = dataclasses.replace(batch, weights=weights)
        again = dataclasses.replace(again, weights=weights, advantages=poisoned)
        for session, part in ((one, batch), (other, again)):
            algorithm.update(session.learner, part, algorithm.options(), Moment(0, 0))
        for a, b in zip(_policies(one), _policies(other), strict=True):
            gap = float((a - b).abs().max())
            assert gap <= 1e-6, f"a dead agent's advantage moved the policy by {gap} ({one.config.sharing})"


def climbs(algorithm: Algorithm) -> None:
    """On a team's bandit the mean reward is higher after thirty updates, with networks of their own."""
    for session, _ in _problems(algorithm, ("nops",)):
        first, _ = session.collector.collect()
        for _ in range(30):
            session.update()
        last, _ = session.collector.collect()
        gain = float(last.reward.mean() - first.reward.mean())
        assert gain > 0.5, f"the mean reward rose by {gain} only"


CHECKS: tuple[Callable[[Any], None], ...] = (
    says_what_it_is,
    gives_finite_figures,
    moves_the_policies_and_nothing_else,
    is_a_function_of_its_moment,
    does_not_listen_to_the_dead,
    climbs,
)
"""The checks of an algorithm."""


def _problems(algorithm: Algorithm, schemes: tuple[str, ...] = ("nops", "fups_id")) -> Iterator[tuple[Session, Batch]]:
    """Sessions on the trap of heterogeneity that have made one update, and the batch of it."""
    if "discrete" not in algorithm.kinds:
        raise InputError(f"the suite plays games of discrete actions, which {algorithm.name} cannot handle")
    # the algorithm under test need not be registered, and a config knows algorithms by name
    name = f"under test {next(_NUMBERS)}"
    registry.register("algorithms", name, algorithm)
    try:
        for sharing in schemes:
            config = Config(
                algorithm=name,
                env="game:trap_of_heterogeneity",
                sharing=sharing,
                steps=10**6,
                rollout=Rollout(copies=64, length=2),
                network=Network(hidden=(16,), norm=False, activation="tanh"),
                optimiser=Optimiser(lr=2e-2, critic_lr=2e-2),
            )
            session = Session(config)
            session.update()
            assert session.batch is not None
            yield session, session.batch
    finally:
        registry.unregister("algorithms", name)


_NUMBERS = itertools.count()


def _policies(session: Session) -> list[torch.Tensor]:
    obs = torch.ones(1, 1, 2, session.spec.obs_size)
    with torch.no_grad():
        out, _ = session.learner.actor.outputs(obs)
        found = session.learner.actor.distribution(out[0], torch.ones(1, 2, session.spec.n_actions, dtype=torch.bool))
    assert isinstance(found, Categorical)
    return list(found.probabilities[0])
