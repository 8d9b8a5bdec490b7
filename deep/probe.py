"""What ``deep.liveness`` examines of a run: one update of its own learner on a batch where everything can matter.

A subject is a learner built from the run's config, with narrow layers and in double precision, its parameters moved
away from their start, and a random batch of the environment's sizes: L steps of N sequences with first steps, dead
agents and unavailable actions among them, states of the recurrent networks that are not 0, actions of another policy
than the present one, and values and returns far enough off that every clip is met. No step of the environment is
taken. The update is the run's own (``deep.session.learn``).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deep import algorithms
from deep.actor import Actor, recorded
from deep.algorithms import Moment
from deep.algorithms.ascent import policy_of
from deep.config import Config
from deep.distributions import Distribution
from deep.envs.protocol import Discrete, MultiDiscrete, Spec, random_actions
from deep.learner import Learner
from deep.liveness import Mechanism, Subject
from deep.rollout import Batch
from deep.session import Session, build, learn
from deep.sharing import Scheme

STEPS, SEQUENCES, SEED = 3, 8, 20250
WIDTH = 12
"""The widest layer of a probe."""
MOVED = 0.5
"""How far parameters are moved: normals of this deviation over √(rows)."""
FAR = 3.0
"""The largest |log π − log π_old| in the batch: beyond every clip, and within what an update can take."""
HALVINGS = 100
TIGHT = 1e-4
"""A bound on gradients' norms that all of them exceed; Adam's ε = 10⁻⁵ then shows, which does not scale with them."""
SYNCHRONISATIONS = 128
"""Calls of ``after_step``: more than the K = 100 of a target network's default."""


@dataclass(eq=False)
class Probe(Subject):
    """A learner, a batch, and the config that an update reads."""

    learner: Learner
    batch: Batch
    config: Config
    factor: bool = True
    """Whether M has the others' ratios."""

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Of actor and critic."""
        actor = self.learner.actor
        parts = {"actor": actor, "critic": self.learner.critic}
        # who has one action has nothing to learn
        counts = _allowed(actor.spec, self.batch.available)[0, 0].sum(-1) if actor.spec.n_actions else None
        idle = set()
        if counts is not None and not actor.coupled:
            least = len(actor.spec.action_counts)
            idle = {id(p) for group, count in zip(actor.groups(), counts, strict=True) if count <= least for p in group}
        return {
            f"{part}.{name}": p
            for part, module in parts.items()
            for name, p in module.named_parameters()
            if p.requires_grad and id(p) not in idle
        }

    def held(self) -> Iterable[nn.Parameter]:
        """By the agents' optimisers and the critic's."""
        for optimiser in (*self.learner.actor_optimisers, self.learner.critic_optimiser):
            for group in optimiser.param_groups:
                yield from group["params"]

    def reached(self) -> Tensor:
        """Random sums of what policy and critic give."""
        policy, values = self._policy(), self._values()
        return (_weights(policy) * policy).sum() + (_weights(values) * values).sum()

    def evidence(self, kinds: Iterable[str]) -> dict[str, Tensor]:
        """Policies as they act and as they are evaluated, values, and how an update moves all parameters."""
        ask = {"acting": self._acted, "evaluating": self._policy, "values": self._values, "update": self._moved}
        return {kind: ask[kind]() for kind in ask if kind in kinds}

    def unmoved(self) -> Iterable[str]:
        """A natural step that was not accepted moves nothing, and rightly so."""
        refused = self._figures.get("accepted", 1.0) < 1.0
        for name, p in self.parameters().items():
            if not (refused and name.startswith("actor.")) and torch.equal(p, self._before[name]):
                yield name

    def change(self, **changes: Any) -> None:
        """Fields of the batch."""
        self.batch = dataclasses.replace(self.batch, **changes)

    def set(self, where: str, value: Any) -> None:
        """A field of the config, by its path."""
        self.config = _replaced(self.config, where.split("."), value)

    def _acted(self) -> Tensor:
        """As a rollout asks: weights once, then step by step."""
        actor, batch, hidden, steps = self.learner.actor, self.batch, self.batch.hidden, []
        with torch.no_grad():
            weights = actor.scheme.weights()
            for t in range(len(batch.obs)):
                obs, starts, available = (x[t : t + 1] for x in (batch.obs, batch.starts, batch.available))
                out, hidden = actor.outputs(obs, hidden, starts, weights=weights, available=available)
                steps.append(recorded(actor.distribution(out, available)))
        return _finite(torch.cat(steps))

    def _policy(self) -> Tensor:
        """As an update asks."""
        return _finite(recorded(policy_of(self.learner.actor, self.batch, range(self.batch.n))))

    def _values(self) -> Tensor:
        batch = self.batch
        return self.learner.critic(batch.critic_inputs, batch.critic_hidden, batch.starts)[0]

    def _moved(self) -> Tensor:
        self._before = {name: p.detach().clone() for name, p in self.parameters().items()}
        self._figures = learn(self.config, self.learner, self.batch, Moment(SEED, 0, factor=self.factor))
        moved = [(p.detach() - self._before[name]).flatten() for name, p in self.parameters().items()]
        if "accepted" in self._figures:  # a natural step that is refused shows by its gradient what it was made of
            moved.append(torch.tensor([self._figures["gradient_norm"]], dtype=torch.float64))
        return torch.cat(moved)


def subjects(session: Session) -> Callable[[], Probe]:
    """Equal probes of a session's learner, which stays as it is."""
    config = _small(session.config)
    generator = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng():
        learner = build(config, session.spec)
        for module in (learner.actor, learner.critic, learner.normaliser):
            module.to("cpu").double()
        _move(learner, generator)
        _synchronise(learner)
        other = copy.deepcopy(learner.actor)
        _move(learner, generator)
        _synchronise(learner, count=1)
        _move(learner, generator)
        batch = _batch(learner, other, generator)
        returns = 3.0 + 2.0 * torch.randn(64, 1, dtype=torch.float64, generator=generator)
        for _ in range(64):
            learner.normaliser.update(returns, torch.ones_like(returns))
    return lambda: Probe(copy.deepcopy(learner), batch, config)


def _small(config: Config) -> Config:
    """The same run with narrow layers, and one step where there are several: the code is the same, and quick."""
    network = config.network
    narrow = {name: tuple(min(width, WIDTH) for width in getattr(network, name)) for name in ("hidden", "head")}
    config = dataclasses.replace(
        config,
        network=dataclasses.replace(network, recurrent=min(network.recurrent, WIDTH), **narrow),
        value=dataclasses.replace(config.value, epochs=1, minibatches=1),
        machine=dataclasses.replace(config.machine, device="cpu"),
    )
    # a few tries that come near at once, in place of many
    few = {"epochs": 1, "minibatches": 1, "iterations": 1, "tries": 8, "alpha": 0.3}
    own = {name: count for name, count in few.items() if name in _fields(config.options)}
    return dataclasses.replace(config, options=dataclasses.replace(config.options, **own))


def mechanisms(session: Session, subject: Probe) -> list[Mechanism]:
    """What is switched on in a session."""
    config, spec = session.config, session.spec
    found = [*_of_scheme(subject.learner.actor.scheme, "", _actor_scheme)]
    found += _of_scheme(subject.learner.critic.scheme, "critic's ", _critic_scheme)
    if spec.action_kind != "box":
        allowed = _allowed(spec, subject.batch.available)
        here = session.collector.t.available.cpu()
        nothing = bool((here == _allowed(spec, here)).all())
        why = "no action is unavailable at the first step" if nothing else ""
        found.append(
            Mechanism("available mask", lambda p: p.change(available=allowed), ("acting", "evaluating", "update"), why)
        )
    ones = torch.ones_like(subject.batch.weights), torch.ones_like(subject.batch.critic_weights)
    found.append(Mechanism("alive mask", lambda p: p.change(weights=ones[0], critic_weights=ones[1]), ("update",)))
    if subject.batch.hidden is not None:
        found.append(Mechanism("recurrent state", _forget, ("acting", "evaluating")))
    if subject.batch.critic_hidden is not None:
        found.append(Mechanism("critic's recurrent state", _forget, ("values",)))
    if algorithms.load(config.algorithm).sequential:
        why = "there is one agent" if spec.n_agents == 1 else ""
        found.append(Mechanism("sequential factor M", lambda p: setattr(p, "factor", False), ("update",), why))
    # a bound that every gradient here exceeds: at the run's own it may be that none does
    found.append(Mechanism("gradient clip", _bound_tightly, ("update",)))
    switches = {
        "value normaliser": (config.value.normalise, "", lambda p: setattr(p.learner.normaliser, "on", False)),
        "standardised advantages": (config.rollout.standardise, "", lambda p: p.set("rollout.standardise", False)),
        "value clip": (True, _beyond(config.value.clip, 1.0), lambda p: p.set("value.clip", 1e9)),
        "Huber's bound": (True, _beyond(config.value.huber, 15.0), lambda p: p.set("value.huber", 1e9)),
    }
    for field, (name, off) in _OPTIONS.items():
        if field in _fields(config.options):
            value = getattr(config.options, field)
            why = _beyond(value, 5.0) if field == "clip" else ""
            if field == "scale" and config.options.drift == "zero":
                why = "the drift is 0"
            switches[name] = (value != off, why, _option(field, off))
    found += [Mechanism(name, off, ("update",), why) for name, (on, why, off) in switches.items() if on]
    return found


_OPTIONS: dict[str, tuple[str, float]] = {
    "entropy": ("entropy bonus", 0.0),
    "clip": ("ratio clip", 1e9),
    "scale": ("drift", 0.0),
    "delta": ("trust region", 1e9),
}
"""Options of algorithms that are mechanisms: what they are called, and the value that switches them off."""


def _beyond(bound: float, reach: float) -> str:
    """Why a bound is not met, if it lies beyond what the probe reaches."""
    return f"a bound of {bound:g} is beyond what is looked at here" if bound > reach else ""


def _fields(record: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]


def _option(field: str, off: float) -> Callable[[Probe], None]:
    return lambda p: p.set(f"options.{field}", off)


def _of_scheme(scheme: Scheme, prefix: str, at: Callable[[Probe], Scheme]) -> list[Mechanism]:
    """Parts of a scheme; what acts and evaluates in an actor is a value in a critic."""
    found = []
    for part in scheme.parts():
        reaches = part.reaches
        if prefix:
            reaches = tuple("update" if kind == "update" else "values" for kind in reaches)
        found.append(Mechanism(f"{prefix}{part.name}", _off(part.name, at), tuple(dict.fromkeys(reaches))))
    return found


def _off(name: str, at: Callable[[Probe], Scheme]) -> Callable[[Probe], object]:
    def off(probe: Probe) -> object:
        return next(part for part in at(probe).parts() if part.name == name).switch_off()

    return off


def _actor_scheme(probe: Probe) -> Scheme:
    return probe.learner.actor.scheme


def _critic_scheme(probe: Probe) -> Scheme:
    return probe.learner.critic.scheme


def _bound_tightly(probe: Probe) -> None:
    probe.learner.optimiser = dataclasses.replace(probe.learner.optimiser, max_norm=TIGHT)


def _forget(probe: Probe) -> None:
    """Every step is the first of an episode."""
    probe.change(starts=torch.ones_like(probe.batch.starts))


def _move(learner: Learner, generator: torch.Generator) -> None:
    with torch.no_grad():
        for module in (learner.actor, learner.critic):
            for p in module.parameters():
                if p.requires_grad:
                    size = MOVED / (p.shape[0] ** 0.5 if p.ndim > 1 else 4.0)
                    p.add_(size * torch.randn(p.shape, generator=generator, dtype=p.dtype))


def _synchronise(learner: Learner, count: int = SYNCHRONISATIONS) -> None:
    for scheme in (learner.actor.scheme, learner.critic.scheme):
        for _ in range(count):
            scheme.after_step()
        scheme.after_update()


def _batch(learner: Learner, other: Actor, generator: torch.Generator) -> Batch:
    """A random batch, its actions drawn by the policy ``other``."""
    actor, critic, spec = learner.actor, learner.critic, learner.actor.spec
    n, L, N = spec.n_agents, STEPS, SEQUENCES

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    obs, state = normal(L, N, n, spec.obs_size + actor.context), normal(L, N, spec.state_size)
    for i, size in enumerate(spec.obs_sizes):
        obs[:, :, i, size : spec.obs_size] = 0.0
    starts = torch.zeros(L, N, dtype=torch.bool)
    starts[-1, 0] = True
    available = _masked(spec, L * N, generator).reshape(L, N, n, -1)
    weights = (torch.rand(L, N, n, generator=generator) < 0.8).double()
    weights[0] = 1.0
    inputs = critic.inputs(obs, state)
    with torch.no_grad():
        # states that some steps have led to
        hidden, critic_hidden = (
            scheme(x.flip(0), scheme.initial_state(N))[1] if scheme.sequential else None
            for scheme, x in ((actor.scheme, obs), (critic.scheme, inputs))
        )
        actions = _actions(spec, available.flatten(0, 1)).reshape(L, N, n, *_tail(spec))

        def policy(a: Actor) -> Distribution:
            return a.distribution(a.outputs(obs, hidden, starts, available=available)[0], available)

        dist = _nearby(other, actor, policy, actions)
        values, _ = critic(inputs, critic_hidden, starts)
    returns = 3.0 + 2.0 * normal(*values.shape)
    # a few are far enough off for Huber's bound, also on the normalised scale; their values have not moved, so that no
    # clipped copy, which has no gradient, stands before them
    away = normal(*values.shape)
    for k, far in enumerate((1e3, -1e3, 1e3, -1e3)):
        returns[k % 2, k], away[k % 2, k] = far, 0.0
    return Batch(
        obs=obs,
        state=state,
        available=available,
        actions=actions,
        old=recorded(dist),
        logp=dist.log_prob(actions),
        weights=weights,
        advantages=0.5 + normal(L, N, n),
        starts=starts,
        critic_inputs=inputs,
        values=values + away,
        returns=returns,
        critic_weights=(torch.rand(values.shape, generator=generator) < 0.8).double(),
        hidden=hidden,
        critic_hidden=critic_hidden,
    )


def _nearby(other: Actor, actor: Actor, policy: Callable[[Actor], Distribution], actions: Tensor) -> Distribution:
    """The policy of ``other``, moved half the way to ``actor`` until no ratio would drown everything else."""
    # what is no parameter, the policies that a scheme has kept, is the same for both
    for buffer, own in zip(other.buffers(), actor.buffers(), strict=True):
        buffer.copy_(own)
    present, dist = policy(actor).log_prob(actions), policy(other)
    for _ in range(HALVINGS):
        if float((present - dist.log_prob(actions)).abs().max()) <= FAR:
            break
        for p, own in zip(other.parameters(), actor.parameters(), strict=True):
            p.lerp_(own, 0.5)
        dist = policy(other)
    return dist


def _actions(spec: Spec, available: Tensor) -> Tensor:
    actions = random_actions(spec, available, SEED, 0)
    return actions.double() if spec.action_kind == "box" else actions


def _tail(spec: Spec) -> tuple[int, ...]:
    return () if spec.action_kind == "discrete" else (spec.action_size,)


def _allowed(spec: Spec, available: Tensor) -> Tensor:
    """What each agent's own space allows, shaped like a mask."""
    rows = torch.zeros(spec.n_agents, spec.n_actions, dtype=torch.bool)
    for i, space in enumerate(spec.spaces):
        counts = (space.n,) if isinstance(space, Discrete) else space.counts if isinstance(space, MultiDiscrete) else ()
        start = 0
        for own, padded in zip(counts, spec.action_counts, strict=False):
            rows[i, start : start + own] = True
            start += padded
        for padded in spec.action_counts[len(counts) :]:
            rows[i, start] = True
            start += padded
    return rows.expand(available.shape)


def _masked(spec: Spec, count: int, generator: torch.Generator) -> Tensor:
    """Masks (count, n, A) that leave out about a third of each agent's actions, and at least one stays."""
    allowed = _allowed(spec, torch.empty(count, spec.n_agents, spec.n_actions))
    if not spec.n_actions:
        return allowed
    kept = allowed & (torch.rand(allowed.shape, generator=generator) < 0.67)
    start = 0
    for size in spec.action_counts:
        part = slice(start, start + size)
        empty = ~kept[..., part].any(-1, keepdim=True)
        kept[..., part] = torch.where(empty, allowed[..., part], kept[..., part])
        start += size
    return kept


def _weights(x: Tensor) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(SEED), dtype=x.dtype)


def _finite(x: Tensor) -> Tensor:
    """Log-probabilities of actions that cannot be taken, −∞ or next to it, count as 0."""
    return torch.where(x > -1e6, x, 0.0)


def _replaced(config: Any, path: list[str], value: Any) -> Any:
    """A copy of nested frozen records with one field changed, without asking whether training would accept it."""
    changed = copy.copy(config)
    own = value if len(path) == 1 else _replaced(getattr(config, path[0]), path[1:], value)
    object.__setattr__(changed, path[0], own)
    return changed
