"""A rollout of K runs at once: their environments one after another, their networks in one batch.

    obs (K·B, n, o)      copy b of run k is number kB + b

The collector is that of a single run (``deep.rollout.Collector``), which here steps a ``Joined`` environment of K·B
copies under a ``JoinedActor`` of K policies. Every run draws from its own streams and its environment is its own, with
the seed that it would have alone; so its rollout is that of its single run, up to the round-off of batched products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from deep.actor import Actor, recorded
from deep.critic import Critic
from deep.distributions import Distribution
from deep.envs.protocol import Environment, Final, Timestep
from deep.normalise import ValueNormaliser, standardise
from deep.rollout import Collector, Episodes, Steps
from deep.side_by_side.stack import Named, Stack
from deep.side_by_side.update import Call, Fields
from marlcore.objectives import gae

RUN = "which run"
"""The entry of an episode's infos that says whose it was."""


class Joined(Environment):
    """K environments of one spec as one."""

    def __init__(self, parts: Sequence[Environment]) -> None:
        self.parts, self.spec, self.device = list(parts), parts[0].spec, parts[0].device
        self.own = parts[0].batch
        self.batch = self.own * len(parts)
        self._runs = torch.arange(len(parts), device=self.device).repeat_interleave(self.own)

    def reset(self, seed: int | None = None) -> Timestep:
        """Every environment at its start."""
        return self.join([part.reset(seed) for part in self.parts])

    def step(self, actions: Tensor) -> Timestep:
        """One step of every environment."""
        return self.join([part.step(own) for part, own in zip(self.parts, actions.split(self.own), strict=True)])

    def join(self, shown: Sequence[Timestep]) -> Timestep:
        """What the environments show, side by side."""
        names = ("obs", "state", "available", "alive", "reward", "terminated", "truncated")
        both = {name: torch.cat([getattr(t, name) for t in shown]) for name in names}
        info = {name: torch.cat([t.info[name] for t in shown]) for name in shown[0].info}
        final = None
        if any(t.final is not None for t in shown):
            last = [Final(t.obs, t.state) if t.final is None else t.final for t in shown]
            final = Final(torch.cat([f.obs for f in last]), torch.cat([f.state for f in last]))
        return Timestep(**both, final=final, info={**info, RUN: self._runs})


class JoinedActor:
    """K policies of one form, as a collector asks for them."""

    context = 0

    def __init__(self, actors: Sequence[Actor], stack: Stack) -> None:
        self.actor, self.runs, self.stack = actors[0], len(actors), stack
        self.scheme = self
        self._recorded = Call(self.actor, _recorded)

    def weights(self) -> tuple[Named, Named]:
        """All parameters, and the weights that they make."""
        everything = self.stack.everything
        return everything, Call(self.actor, lambda actor: dict(actor.scheme.weights())).over(everything)

    def initial_state(self, batch: int) -> None:
        """None: recurrent networks are not trained side by side."""
        del batch

    def outputs(
        self,
        obs: Tensor,
        hidden: Tensor | None,
        starts: Tensor | None,
        weights: tuple[Named, Named],
        available: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """(1, K·B, n, outputs); of a box the distributions themselves, as ``recorded`` writes them."""
        del hidden, starts, available
        own = obs.unflatten(1, (self.runs, -1)).movedim(1, 0)
        out = vmap(lambda w, x: self.actor.outputs(x, weights=w)[0])(weights[1], own)
        if self.actor.box:
            out = self._recorded.over(weights[0], out)
        return out.movedim(0, 1).flatten(1, 2), None

    def distribution(self, outputs: Tensor, available: Tensor) -> Distribution:
        """What the outputs mean."""
        return self.actor.recalled(outputs) if self.actor.box else self.actor.distribution(outputs, available)


def _recorded(actor: Actor, outputs: Tensor) -> Tensor:
    return recorded(actor.distribution(outputs, None))


class JoinedCollector(Collector):
    """The collectors of K runs as one; ``settle`` puts each where it would stand alone."""

    def __init__(self, collectors: Sequence[Collector], actor: JoinedActor) -> None:
        first = collectors[0]
        self.parts, self.env, self.length, self.chunk = collectors, Joined([c.env for c in collectors]), first.length, 1
        self.actor: Any = actor
        self.count, self.seed = first.count, first.seed
        self.hidden = self.critic_hidden = self.context = None
        self.t = self.env.join([c.t for c in collectors])
        self.starts, self.returns, self.lengths = (
            torch.cat([getattr(c, name) for c in collectors]) for name in ("starts", "returns", "lengths")
        )

    def settle(self) -> None:
        """Let every run's own collector stand where this one does."""
        for k, part in enumerate(self.parts):
            rows = slice(k * self.env.own, (k + 1) * self.env.own)
            names = ("obs", "state", "available", "alive", "reward", "terminated", "truncated")
            shown = {name: getattr(self.t, name)[rows].clone() for name in names}
            part.t = Timestep(**shown)
            part.count = self.count
            part.starts, part.returns, part.lengths = (
                x[rows].clone() for x in (self.starts, self.returns, self.lengths)
            )

    def _draws(self) -> Tensor:
        for part in self.parts:
            part.count = self.count
        return torch.cat([part._draws() for part in self.parts], 1)


def apart(episodes: Episodes, runs: int) -> list[Episodes]:
    """Each run's episodes."""
    if not episodes.infos:
        return [episodes] * runs
    whose = episodes.infos[RUN]
    infos = {name: x for name, x in episodes.infos.items() if name != RUN}
    return [
        Episodes(
            episodes.returns[whose == k],
            episodes.lengths[whose == k],
            {name: x[whose == k] for name, x in infos.items()},
        )
        for k in range(runs)
    ]


def assess(
    steps: Steps,
    critic: Critic,
    stack: Stack,
    normalisers: Sequence[ValueNormaliser],
    gamma: float,
    lam: float,
    standard: bool,
) -> Fields:
    """Values, advantages and targets of every run's steps (``deep.rollout.assess``), with the axis of runs in front."""
    K = len(normalisers)
    moments = {"moments": torch.stack([one.moments for one in normalisers])}
    denormalise = Call(normalisers[0], lambda one, x: one.denormalise(x))
    with torch.no_grad():
        inputs = critic.inputs(steps.obs, steps.state)
        last = critic.inputs(steps.next_obs, steps.next_state)
        of = Call(critic, lambda one, x: one(x)[0])
        named = stack.everything
        values = of.over(named, _runs(torch.cat([inputs, last[None]]), K))
        following = values[:, 1:].clone()
        _set_finals(following, steps, critic, lambda x: of.over(named, x))
        V, V_next = denormalise.over(moments, values[:, :-1]), denormalise.over(moments, following)
        reward, terminated, truncated = (
            _runs(x, K) for x in (critic.rewards(steps.reward), steps.terminated, steps.truncated)
        )
        over, cut = (x.transpose(0, 1)[..., None] for x in (terminated, truncated))
        reward, now, later = (x.transpose(0, 1) for x in (reward, V, V_next))
        advantages = gae(reward, now, later, over, cut, gamma, lam).transpose(0, 1)
        weights = _runs(steps.alive.float(), K)
        fields = {
            "weights": weights,
            "advantages": advantages.expand_as(weights),
            "values": values[:, :-1],
            "returns": advantages + V,
            "critic_weights": torch.ones_like(values[:, :-1]),
            "critic_inputs": _runs(inputs, K),
        }
        names = ("obs", "state", "available", "actions", "old", "logp", "starts")
        fields |= {name: _runs(getattr(steps, name), K) for name in names}
        fields = {name: x.flatten(1, 2).unsqueeze(1) for name, x in fields.items()}
        if standard:
            fields["advantages"] = vmap(standardise)(fields["advantages"], fields["weights"])
    return fields


def _set_finals(following: Tensor, steps: Steps, critic: Critic, of: Any) -> None:
    """V of the last observations of truncated episodes, in their places."""
    if not steps.finals:
        return
    K, B = following.shape[0], following.shape[2]
    obs, state = (torch.cat(parts) for parts in list(zip(*steps.finals, strict=True))[2:])
    at = torch.cat([k * K * B + cut.nonzero()[:, 0] for k, cut, _, _ in steps.finals])
    when, copy = at // (K * B), at % (K * B)
    whose = copy // B
    # runs differ in how many episodes were cut: each has its own in its first rows
    order = whose.argsort(stable=True)
    counts = torch.bincount(whose, minlength=K)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[whose[order]]
    x = critic.inputs(obs, state)
    padded = x.new_zeros(K, 1, int(counts.max()), *x.shape[1:])
    padded[whose, 0, place] = x
    following[whose, when, copy % B] = of(padded)[whose, 0, place]


def _runs(x: Tensor, K: int) -> Tensor:
    """(T, K·B, …) → (K, T, B, …)"""
    return x.unflatten(1, (K, -1)).movedim(1, 0)
