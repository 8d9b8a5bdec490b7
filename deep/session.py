"""A run in memory: environment, learner and collector of a config, and one update after the other.

    rollout (T·B steps) → values, advantages → the algorithm's update of the policies → the critic's fit → figures

``save`` is all that the next update depends on, as plain data; after ``load`` the run goes on as if nothing had been,
bit for bit on one thread, if the environment can be saved. If it cannot, it goes on with episodes of another seed.
An update that was broken off leaves a session between two states: it neither goes on nor saves, until it is loaded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from deep import algorithms, envs, seeds, sharing
from deep.actor import Actor
from deep.algorithms import Moment, value
from deep.config import Config, discount_of
from deep.critic import Critic, input_size
from deep.distributions import output_size
from deep.envs.protocol import Box, Discrete, Spec
from deep.learner import Learner
from deep.networks import Body
from deep.normalise import ValueNormaliser, standardise
from deep.rollout import Batch, Collector, Episodes, assess
from deep.sharing.nops import sized
from marlcore.errors import InputError


class TrainingError(RuntimeError):
    """A run cannot go on, through no fault of its input; the message says where the last good checkpoint is."""


class Session:
    """A run of ``config`` from its first update, or from where ``load`` puts it."""

    def __init__(self, config: Config) -> None:
        self.config, self.threads = config, config.machine.threads or torch.get_num_threads()
        self.pin_threads()
        rollout = config.rollout
        self.env = envs.make(config.env, batch=rollout.copies, device=config.machine.device, seed=config.seed)
        try:
            self.spec = self.env.spec
            self.gamma = discount_of(config, self.spec)
            self.learner = build(config, self.spec)
            _check_cuts(config, self.learner)
            seed = seeds.derive(config.seed, seeds.ACTIONS)
            self.collector = Collector(self.env, self.learner.actor, rollout.length, seed, config.chunk)
        except BaseException:
            self.env.close()
            raise
        self.updates = 0
        self._broken = False
        self.batch: Batch | None = None
        """What the last update learnt from, its advantages as they were before they were standardised."""

    @property
    def steps(self) -> int:
        """Environment steps so far, of all copies together."""
        return self.updates * self.config.steps_per_update

    def update(self, note: Callable[[tuple[int, ...], Batch], None] | None = None) -> dict[str, Any]:
        """One rollout and one update; the figures of both (``deep.train`` says what they mean).

        ``note`` is called before each agent's step with what it learns from (``deep.algorithms.contract.Moment``).
        """
        with self.under_way():
            figures, episodes = self._update(note)
        for name, figure in figures.items():
            if not math.isfinite(figure):
                raise TrainingError(f"{name} is {figure} in update {self.updates} (step {self.steps})")
        return {"step": self.steps, "update": self.updates, **summary(episodes), **figures}

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Around an update: one that does not come to its end leaves a run that can neither go on nor be saved."""
        self._demand_whole()
        self._broken = True
        yield
        self._broken = False

    def _update(self, note: Callable[[tuple[int, ...], Batch], None] | None) -> tuple[dict[str, float], Episodes]:
        learner, rollout = self.learner, self.config.rollout
        self.pin_threads()
        steps, episodes = self.collector.collect()
        self.pin_threads()
        self.batch, self.collector.critic_hidden = assess(
            steps, learner, self.collector.critic_hidden, self.gamma, rollout.lam, self.config.chunk
        )
        figures = learn(self.config, learner, self.batch, Moment(self.config.seed, self.updates, note))
        self.updates += 1
        return figures, episodes

    def pin_threads(self) -> None:
        """torch's threads as the run has them: another library's thread pool may have changed them under way.

        A sum that is cut over two threads differs from the same sum on one in its last bits.
        """
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)

    def save(self) -> dict[str, Any]:
        """All that the next update depends on."""
        self._demand_whole()
        return {"updates": self.updates, "learner": self.learner.save(), "collector": self.collector.save()}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.learner.load(saved["learner"])
        self.collector.load(saved["collector"])
        self.updates = int(saved["updates"])
        self._broken = False

    def _demand_whole(self) -> None:
        if self._broken:
            raise InputError(f"update {self.updates + 1} was broken off: load what was saved before it, or begin anew")

    def close(self) -> None:
        """Release the environment."""
        self.env.close()


def learn(config: Config, learner: Learner, batch: Batch, moment: Moment) -> dict[str, float]:
    """The update of the policies and the critic's fit on one batch; what they report."""
    if config.rollout.standardise:
        batch = dataclasses.replace(batch, advantages=standardise(batch.advantages, batch.weights))
    figures = algorithms.load(config.algorithm).update(learner, batch, config.options, moment)
    figures |= value.fit(learner, batch, config.value, moment)
    learner.actor.scheme.after_update()
    learner.critic.scheme.after_update()
    return figures


def build(config: Config, spec: Spec) -> Learner:
    """The networks and optimisers of a config for an environment, with their initial weights."""
    algorithm = algorithms.load(config.algorithm)
    if spec.action_kind not in algorithm.kinds:
        raise InputError(f"{config.algorithm} cannot handle the {spec.action_kind} actions of {spec.name}")
    network = config.network
    shape: dict[str, Any] = {
        name: getattr(network, name) for name in ("hidden", "activation", "norm", "recurrent", "head")
    }
    name, text = sharing.parse(config.sharing)
    options: dict[str, Any] = dict(text)
    body = Body(spec.obs_size, output_size(spec), gain=network.gain, **shape)
    if name == "nops" and _unequal(spec):
        options["bodies"] = sized(body, spec.n_agents, spec.obs_sizes, _own_outputs(spec))
    if name == "obs_hyper":  # how far policies are from each other depends on what their outputs mean
        heads = ",".join(map(str, spec.action_counts))
        options = {"fused": "gaussian", **options} if spec.action_kind == "box" else {"heads": heads, **options}
    scheme = sharing.make(name, spec.n_agents, body, seeds.generator(config.seed, seeds.ACTOR), **options)
    actor = Actor(spec, scheme, network.log_std)
    view = config.value.view or algorithm.view
    critic_body = Body(input_size(spec, view), 1, gain=1.0, **shape)
    critic = Critic(spec, view, critic_body, seeds.generator(config.seed, seeds.CRITIC), config.value.sharing)
    normaliser = ValueNormaliser(config.value.normalise)
    device = torch.device(config.machine.device)
    for module in (actor, critic, normaliser):
        module.to(device)
    return Learner(actor, critic, normaliser, config.optimiser)


def _check_cuts(config: Config, learner: Learner) -> None:
    """Refuse more minibatches than there are sequences to deal out: some would be empty."""
    sequential = learner.actor.scheme.sequential or learner.critic.scheme.sequential
    found = config.steps_per_update // (config.chunk if sequential else 1)
    asked = {"value": config.value.minibatches, "options": getattr(config.options, "minibatches", 1)}
    for where, count in asked.items():
        if count > found:
            what = f"{found} sequences of {config.chunk} steps" if sequential else f"{found} steps"
            raise InputError(f"{where}.minibatches = {count} is more than a rollout's {what} can be cut into")


def _unequal(spec: Spec) -> bool:
    """Whether agents differ in sizes that a network of their own can have."""
    return len(set(spec.obs_sizes)) > 1 or len(set(_own_outputs(spec))) > 1


def _own_outputs(spec: Spec) -> list[int]:
    """How many outputs each agent uses; vectors of choices are laid out by the padded counts."""
    sizes = []
    for space in spec.spaces:
        if isinstance(space, Discrete):
            sizes.append(space.n)
        else:
            sizes.append(len(space.low) if isinstance(space, Box) else output_size(spec))
    return sizes


def summary(episodes: Episodes) -> dict[str, Any]:
    """The figures of the episodes that ended in a rollout; nothing but their number where there were none."""
    count = len(episodes.lengths)
    if not count:
        return {"episodes": 0}
    returns = episodes.returns.mean(-1)
    figures = {
        "episodes": count,
        "return_mean": float(returns.mean()),
        "return_min": float(returns.min()),
        "return_max": float(returns.max()),
        "length_mean": float(episodes.lengths.double().mean()),
    }
    return figures | {name: float(x.double().mean()) for name, x in episodes.infos.items()}
