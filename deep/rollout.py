"""A rollout: T steps of B environments under one policy, and what the critic makes of them.

    δ_t = r_t + γ·V(s_{t+1})·[not terminated] − V(s_t)      Â_t = δ_t + γλ·Â_{t+1}·[the episode goes on]

Where an episode is *truncated* V(s_{t+1}) is the value of its last observation, which the environment gives in
``final``; where it *terminated* nothing follows. The sum is ``marlcore.objectives.gae``.

- Actions are drawn from uniforms (or normals) that are a function of (seed, copy, agent, step), all of a rollout's in
  one call, so the result depends on nothing else.
- Everything is copied into preallocated arrays: an environment may use its memory again.
- The recurrent state is 0 at the first step of an episode; the death of an agent does not touch it.
- The value after a death. A row of an agent that has died (``deep.critic``: a row per agent) goes on to the episode's
  end with weight 1: its rewards are the team's, and what the agent did while it lived still brings them about. So V of
  what it is shown when dead is the return that is left, it is fitted like any other value, and the step of the death
  bootstraps from it: Â estimates the team's objective, by a V that something has trained. A return that ends with the
  agent (V = 0) would ask it to live rather than the team to win. Departure: the code of Yu et al. (2022) leaves those
  rows out of the fit by its active masks and bootstraps from them all the same, from a value that no loss reaches.
  Only in the policy's loss do the dead weigh 0.
- The critic runs after the T steps, over all of them at once.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deep import seeds
from deep.actor import Actor, recorded
from deep.critic import Critic
from deep.distributions import to_environment
from deep.envs.protocol import Environment, Spec, Timestep
from deep.learner import Learner
from marlcore import streams
from marlcore.errors import InputError
from marlcore.objectives import gae


@dataclass(frozen=True, eq=False)
class Batch:
    """What an update learns from: sequences of L steps, N of them (L = 1 where nothing is carried from step to step).

    Weights of 0 stand for agents that are dead and do nothing, and for padding; a critic's row goes on after a death.
    In a batch that enumerates joint actions the weights are ρ(s)π(a|s), and the means below are exact expectations.
    """

    obs: Tensor
    """(L, N, n, o), behind each the previous action and reward where the scheme reads them"""
    state: Tensor
    """(L, N, s)"""
    available: Tensor
    """(L, N, n, A)"""
    actions: Tensor
    """(L, N, n) or (L, N, n, d)"""
    old: Tensor
    """(L, N, n, ·): the distributions that the actions were drawn from, as ``deep.actor.recorded`` writes them"""
    logp: Tensor
    """(L, N, n): log π_old(a|s)"""
    weights: Tensor
    """(L, N, n)"""
    advantages: Tensor
    """(L, N, n)"""
    starts: Tensor
    """(L, N): the first step of an episode"""
    critic_inputs: Tensor
    """(L, N, R, ·)"""
    values: Tensor
    """(L, N, R) on the network's scale"""
    returns: Tensor
    """(L, N, R): the critic's targets on the rewards' scale"""
    critic_weights: Tensor
    """(L, N, R)"""
    hidden: Tensor | None = None
    """(N, n, H): the actor's state before the first step of each sequence"""
    critic_hidden: Tensor | None = None

    @property
    def n(self) -> int:
        """Number of agents."""
        return self.obs.shape[2]

    @property
    def size(self) -> int:
        """N."""
        return self.obs.shape[1]

    def take(self, rows: Tensor) -> Batch:
        """Some of the N sequences."""
        return self._each(lambda x: x[:, rows], lambda h: h[rows])

    def of(self, agents: Sequence[int], whole: bool = False) -> Batch:
        """What belongs to some agents, side by side in memory; ``whole`` leaves observations and state everyone's."""
        chosen = list(agents)
        if chosen == list(range(self.n)):
            return self
        parts = {name: getattr(self, name)[:, :, chosen].contiguous() for name in PER_AGENT}
        if not whole:
            parts["obs"] = self.obs[:, :, chosen].contiguous()
            parts["hidden"] = self.hidden if self.hidden is None else self.hidden[:, chosen].contiguous()
        return dataclasses.replace(self, **parts)

    def _each(self, steps: Callable[[Tensor], Tensor], carried: Callable[[Tensor], Tensor]) -> Batch:
        parts: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            x = getattr(self, f.name)
            change = carried if f.name in ("hidden", "critic_hidden") else steps
            parts[f.name] = None if x is None else change(x)
        return Batch(**parts)


PER_AGENT = ("available", "actions", "old", "logp", "weights", "advantages")


@dataclass(frozen=True)
class Episodes:
    """The episodes that ended in a rollout: sums of rewards per agent (E, n), lengths (E,), and their infos."""

    returns: Tensor
    lengths: Tensor
    infos: Mapping[str, Tensor]


class Collector:
    """Steps an environment under a policy; what is between two rollouts can be saved."""

    def __init__(self, env: Environment, actor: Actor, length: int, seed: int, chunk: int | None = None) -> None:
        self.env, self.actor, self.length, self.seed = env, actor, length, seed
        self.chunk = length if chunk is None else chunk
        assert length % self.chunk == 0, f"chunks of {self.chunk} steps do not fill a rollout of {length}"
        self.count = 0
        self.critic_hidden: Tensor | None = None
        t = env.reset()
        check_shapes(env, t)
        self._begin(t)

    def _begin(self, t: Timestep) -> None:
        spec, batch = self.env.spec, self.env.batch
        self.t = _kept(t)
        self.hidden = self.actor.scheme.initial_state(batch)
        width = self.actor.context
        self.context = torch.zeros(batch, spec.n_agents, width, device=self.env.device) if width else None
        self.starts = torch.ones(batch, dtype=torch.bool, device=self.env.device)
        self.returns = torch.zeros(batch, spec.n_agents, dtype=torch.float64, device=self.env.device)
        self.lengths = torch.zeros(batch, dtype=torch.int64, device=self.env.device)

    def collect(self) -> tuple[Steps, Episodes]:
        """T steps of every environment."""
        env, actor, steps, t = self.env, self.actor, Steps.empty(self), self.t
        draws = self._draws()
        ended: list[tuple[Tensor, Tensor, dict[str, Tensor]]] = []
        with torch.no_grad():
            weights = actor.scheme.weights()
            for k in range(self.length):
                if self.hidden is not None and k % self.chunk == 0:
                    steps.hidden.append(self.hidden)
                steps.before(k, t, self.starts, self.context)
                now = slice(k, k + 1)
                out, self.hidden = actor.outputs(
                    steps.obs[now], self.hidden, self.starts[None], weights=weights, available=steps.available[now]
                )
                dist = actor.distribution(out[0], steps.available[k])
                actions = dist.sample(draws[k])
                steps.old[k], steps.actions[k], steps.logp[k] = recorded(dist), actions, dist.log_prob(actions)
                try:
                    t = env.step(to_environment(env.spec, actions))
                except InputError:
                    check_numbers(env.spec, steps, k + 1)  # a NaN that was seen is why an action is none
                    raise
                check_shapes(env, t)
                self.starts = t.done.clone()
                if self.context is not None:
                    seen = actor.context_of(actions, t.reward)
                    self.context = torch.where(self.starts[:, None, None], 0.0, seen)
                steps.after(k, t)
                self._count_episodes(t, ended)
        check_numbers(env.spec, steps)
        self.count += self.length
        steps.next_obs, steps.next_state = t.obs.clone(), t.state.clone()
        self.t = _kept(t)
        return steps, _episodes(ended, env)

    def save(self) -> dict[str, Any]:
        """What the next rollout depends on, besides networks and seed; the environment's part is None if it cannot."""
        return {
            "env": self.env.save() if self.env.spec.saves else None,
            "count": self.count,
            "hidden": self.hidden,
            "critic_hidden": self.critic_hidden,
            "context": self.context,
            "starts": self.starts,
            "returns": self.returns,
            "lengths": self.lengths,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from there; an environment that cannot be saved begins other episodes, of a seed of their own.

        Those that it began with are not played a second time: the seed is a function of the run's and of the step.
        """
        self.count = int(saved["count"])
        if saved["env"] is None:
            self.critic_hidden = None
            t = self.env.reset(seeds.derive(self.seed, seeds.RESUMED, self.count))
            check_shapes(self.env, t)
            self._begin(t)
            return
        self.t = _kept(self.env.load(saved["env"]))
        device = self.env.device
        self.hidden = None if saved["hidden"] is None else saved["hidden"].to(device)
        self.critic_hidden = None if saved["critic_hidden"] is None else saved["critic_hidden"].to(device)
        self.context = None if saved["context"] is None else saved["context"].to(device)
        self.starts, self.returns = saved["starts"].to(device), saved["returns"].to(device)
        self.lengths = saved["lengths"].to(device)

    def _draws(self) -> Tensor:
        """(T, B, n, d): uniforms for choices, normals for a box, of stream copy·n + agent."""
        spec, device = self.env.spec, self.env.device
        stream = torch.arange(self.env.batch * spec.n_agents, device=device).reshape(self.env.batch, spec.n_agents, 1)
        step = torch.arange(self.count, self.count + self.length, device=device)[:, None, None, None]
        draw = torch.arange(spec.action_size, device=device)
        kind = streams.normal if spec.action_kind == "box" else streams.uniform
        return kind(self.seed, stream, step, draw)

    def _count_episodes(self, t: Timestep, ended: list[tuple[Tensor, Tensor, dict[str, Tensor]]]) -> None:
        self.returns += t.reward
        self.lengths += 1
        done = self.starts
        if t.final is not None:
            ended.append(
                (self.returns[done], self.lengths[done], {name: x[done].clone() for name, x in t.info.items()})
            )
            self.returns[done], self.lengths[done] = 0.0, 0


class Steps:
    """The preallocated arrays (T, B, …) of a rollout."""

    def __init__(self, **arrays: Tensor) -> None:
        self.obs, self.state, self.available, self.alive = (
            arrays[name] for name in ("obs", "state", "available", "alive")
        )
        self.starts, self.actions, self.old, self.logp = (arrays[name] for name in ("starts", "actions", "old", "logp"))
        self.reward, self.terminated, self.truncated = (arrays[name] for name in ("reward", "terminated", "truncated"))
        self.finals: list[tuple[int, Tensor, Tensor, Tensor]] = []
        """(step, which copies were truncated, their last observations and states)"""
        self.hidden: list[Tensor] = []
        self.next_obs, self.next_state = self.obs[-1], self.state[-1]

    @classmethod
    def empty(cls, collector: Collector) -> Steps:
        """Room for one rollout."""
        env, length = collector.env, collector.length
        spec, B, n = env.spec, env.batch, env.spec.n_agents
        box = spec.action_kind == "box"

        def room(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(length, B, *shape, dtype=dtype, device=env.device)

        actions = (n,) if spec.action_kind == "discrete" else (n, spec.action_size)
        return cls(
            obs=room(n, spec.obs_size + collector.actor.context),
            state=room(spec.state_size),
            available=room(n, spec.n_actions, dtype=torch.bool),
            alive=room(n, dtype=torch.bool),
            starts=room(dtype=torch.bool),
            actions=room(*actions, dtype=torch.float32 if box else torch.int64),
            old=room(n, 2 * spec.action_size if box else spec.n_actions),
            logp=room(n),
            reward=room(n),
            terminated=room(dtype=torch.bool),
            truncated=room(dtype=torch.bool),
        )

    def before(self, k: int, t: Timestep, starts: Tensor, context: Tensor | None) -> None:
        """What was seen before step k."""
        if context is None:
            self.obs[k] = t.obs
        else:
            torch.cat([t.obs, context], -1, out=self.obs[k])
        self.state[k], self.available[k], self.alive[k], self.starts[k] = t.state, t.available, t.alive, starts

    def after(self, k: int, t: Timestep) -> None:
        """What step k led to; last observations are kept where the clock ran out."""
        self.reward[k], self.terminated[k], self.truncated[k] = t.reward, t.terminated, t.truncated
        if t.final is not None and bool(t.truncated.any()):
            cut = t.truncated.clone()
            self.finals.append((k, cut, t.final.obs[cut], t.final.state[cut]))


def assess(
    steps: Steps, learner: Learner, carried: Tensor | None, gamma: float, lam: float, chunk: int
) -> tuple[Batch, Tensor | None]:
    """Values, advantages and targets of a rollout, cut into sequences of ``chunk`` steps; and the critic's state."""
    actor, critic, normaliser = learner.actor, learner.critic, learner.normaliser
    with torch.no_grad():
        inputs = critic.inputs(steps.obs, steps.state)
        run = _recurrent_values if critic.scheme.sequential else _plain_values
        values, next_values, states, carried = run(steps, critic, inputs, carried, chunk)
        V, V_next = normaliser.denormalise(values), normaliser.denormalise(next_values)
        reward = critic.rewards(steps.reward)
        ends = steps.terminated[..., None], steps.truncated[..., None]
        advantages = gae(reward, V, V_next, *ends, gamma, lam)
    weights = steps.alive.float()
    batch = Batch(
        obs=steps.obs,
        state=steps.state,
        available=steps.available,
        actions=steps.actions,
        old=steps.old,
        logp=steps.logp,
        weights=weights,
        advantages=advantages.expand_as(weights),
        starts=steps.starts,
        critic_inputs=inputs,
        values=values,
        returns=advantages + V,
        critic_weights=torch.ones_like(values),
    )
    length = chunk if actor.scheme.sequential or critic.scheme.sequential else 1
    cut = batch._each(lambda x: _sequences(x, length), lambda h: h)
    hidden = torch.cat(steps.hidden) if steps.hidden else None
    return dataclasses.replace(cut, hidden=hidden, critic_hidden=states), carried


def _sequences(x: Tensor, length: int) -> Tensor:
    """(T, B, …) → (length, T/length·B, …): chunk k of copy b is number kB + b."""
    T, B = x.shape[:2]
    if length == 1:
        return x.reshape(1, T * B, *x.shape[2:])
    cut = x.reshape(T // length, length, B, *x.shape[2:]).transpose(0, 1)
    return cut.reshape(length, T // length * B, *x.shape[2:])


def _plain_values(
    steps: Steps, critic: Critic, inputs: Tensor, carried: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor, None, None]:
    """V of every step and of what followed it, in two batches."""
    del carried, chunk
    last = critic.inputs(steps.next_obs, steps.next_state)
    values, _ = critic(torch.cat([inputs, last[None]]))
    following = values[1:].clone()
    if steps.finals:
        obs, state = (torch.cat(parts) for parts in list(zip(*steps.finals, strict=True))[2:])
        ends, _ = critic(critic.inputs(obs, state)[None])
        where = torch.zeros_like(steps.truncated)
        for k, cut, _, _ in steps.finals:
            where[k] = cut
        following[where] = ends[0]
    return values[:-1], following, None, None


def _recurrent_values(
    steps: Steps, critic: Critic, inputs: Tensor, carried: Tensor | None, chunk: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The same with the state that is carried along; an episode that the clock cut is continued from where it was."""
    weights = critic.scheme.weights()
    hidden = critic.scheme.initial_state(inputs.shape[1]) if carried is None else carried
    assert hidden is not None
    values, states = critic.through(inputs, hidden, steps.starts, weights)
    following = torch.empty_like(values)
    if steps.finals:
        obs, state = (torch.cat(parts) for parts in list(zip(*steps.finals, strict=True))[2:])
        then = torch.cat([states[k][cut] for k, cut, _, _ in steps.finals])
        ends, _ = critic(critic.inputs(obs, state)[None], then, None, weights)
        for (k, cut, _, _), part in zip(steps.finals, ends[0].split([len(f[2]) for f in steps.finals]), strict=True):
            following[k][cut] = part
    starts = steps.terminated[-1] | steps.truncated[-1]
    last, _ = critic(critic.inputs(steps.next_obs, steps.next_state)[None], states[-1], starts[None], weights)
    stacked = torch.cat([values, last])
    kept = steps.truncated[..., None]
    begun = torch.cat([hidden[None], states[chunk - 1 : -1 : chunk]])
    return stacked[:-1], torch.where(kept, following, stacked[1:]), begun.flatten(0, 1), states[-1]


def check_shapes(env: Environment, t: Timestep) -> None:
    """Refuse a timestep whose arrays have other shapes than the spec says."""
    spec, B, n = env.spec, env.batch, env.spec.n_agents
    shapes = {"obs": (B, n, spec.obs_size), "state": (B, spec.state_size), "available": (B, n, spec.n_actions)}
    shapes |= {"alive": (B, n), "reward": (B, n), "terminated": (B,), "truncated": (B,)}
    for name, shape in shapes.items():
        found = tuple(getattr(t, name).shape)
        if found != shape:
            raise InputError(f"{spec.name}: {name} has shape {found} where its spec says {shape}")


def check_view(env: Environment, t: Timestep, step: int) -> None:
    """Refuse a timestep with wrong shapes, with numbers that are none, or with an agent without any action."""
    check_shapes(env, t)
    spec = env.spec
    good = t.obs.isfinite().all() & t.state.isfinite().all() & t.reward.isfinite().all()
    for start, count in _dimensions(spec):
        good = good & t.available[..., start : start + count].any(-1).all()
    if bool(good):  # one look at the device
        return
    for name in ("obs", "reward", "state"):
        value = getattr(t, name)
        if not bool(value.isfinite().all()):
            b, *rest = (int(x) for x in (~value.isfinite()).nonzero()[0])
            who = f" of agent {rest[0]}" if name != "state" else ""
            raise InputError(
                f"{spec.name}: {name}{who} in environment {b} is {float(value[(b, *rest)])} at step {step}"
            )
    for start, count in _dimensions(spec):
        for b, i in (~t.available[..., start : start + count].any(-1)).nonzero().tolist():
            raise InputError(f"{spec.name}: agent {i} in environment {b} has no available action at step {step}")


def _dimensions(spec: Spec) -> list[tuple[int, int]]:
    """Where each action dimension begins in a mask, and how many choices it has."""
    starts = itertools.accumulate(spec.action_counts, initial=0)
    return list(zip(starts, spec.action_counts, strict=False))


def check_numbers(spec: Spec, steps: Steps, seen: int | None = None) -> None:
    """Refuse a rollout in which the environment gave numbers that are none, or an agent without any action.

    Of one that was broken off, ``seen`` steps were looked at and one less was rewarded.
    """
    length = len(steps.obs) if seen is None else seen
    for name, end in (("obs", length), ("reward", length if seen is None else seen - 1), ("state", length)):
        value = getattr(steps, name)[:end]
        if not bool(torch.isfinite(value).all()):
            k, b, *rest = (int(x) for x in (~torch.isfinite(value)).nonzero()[0])
            bad, who = float(value[(k, b, *rest)]), f" of agent {rest[0]}" if name != "state" else ""
            raise InputError(f"{spec.name}: {name}{who} in environment {b} is {bad}, in step {k} of this rollout")
    for k, cut, obs, state in steps.finals:
        for name, value in (("obs", obs), ("state", state)):
            if not bool(torch.isfinite(value).all()):
                row, *rest = (int(x) for x in (~torch.isfinite(value)).nonzero()[0])
                b, bad = int(cut.nonzero()[row, 0]), float(value[(row, *rest)])
                raise InputError(
                    f"{spec.name}: the final {name} of environment {b} is {bad}, in step {k} of this rollout"
                )
    for d, (start, count) in enumerate(_dimensions(spec)):
        none = ~steps.available[:length, ..., start : start + count].any(-1)
        if bool(none.any()):
            k, b, i = (int(x) for x in none.nonzero()[0])
            where = f", dimension {d}" if len(spec.action_counts) > 1 else ""
            raise InputError(
                f"{spec.name}: agent {i} in environment {b} has no available action{where}, in step {k} of this rollout"
            )


def _kept(t: Timestep) -> Timestep:
    """What is carried over to the next rollout, out of memory that the environment may use again."""
    return dataclasses.replace(
        t, obs=t.obs.clone(), state=t.state.clone(), available=t.available.clone(), alive=t.alive.clone(), final=None
    )


def _episodes(ended: list[tuple[Tensor, Tensor, dict[str, Tensor]]], env: Environment) -> Episodes:
    if not ended:
        none = torch.zeros(0, env.spec.n_agents, dtype=torch.float64)
        return Episodes(none, torch.zeros(0, dtype=torch.int64), {})
    infos = {name: torch.cat([info[name] for _, _, info in ended]) for name in ended[0][2]}
    return Episodes(torch.cat([r for r, _, _ in ended]), torch.cat([x for _, x, _ in ended]), infos)
