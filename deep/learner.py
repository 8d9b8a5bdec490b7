"""Everything that training changes: actor, critic, value normaliser and their optimisers.

Each agent's parameters have an optimiser of their own where agents are separate, one for all where they are coupled.
``save`` gives plain data, from which ``load`` goes on bit for bit, on any device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deep.actor import Actor
from deep.critic import Critic
from deep.normalise import ValueNormaliser


@dataclass(frozen=True)
class Optimiser:
    """Adam (Kingma & Ba, 2015); defaults as in HARL's and on-policy's published configurations."""

    lr: float = 5e-4
    critic_lr: float = 5e-4
    epsilon: float = 1e-5
    max_norm: float = 10.0
    """Gradients are scaled down to this norm, group by group."""


class Learner:
    """The networks of a run and how they are stepped."""

    def __init__(self, actor: Actor, critic: Critic, normaliser: ValueNormaliser, optimiser: Optimiser) -> None:
        self.actor, self.critic, self.normaliser, self.optimiser = actor, critic, normaliser, optimiser
        self.groups = actor.groups()
        fused = next(actor.parameters()).device.type in ("cpu", "cuda")
        adam = {"eps": optimiser.epsilon, "fused": fused}
        self.actor_optimisers = [
            torch.optim.Adam(actor.optimiser_groups(g, optimiser.lr), **adam) for g in range(len(self.groups))
        ]
        # a critic's rows are fitted together, whoever shares it
        rows = range(len(critic.scheme.groups()))
        parts = [part for g in rows for part in critic.scheme.optimiser_groups(g, optimiser.critic_lr)]
        self.critic_parameters = [p for part in parts for p in part["params"]]
        self.critic_optimiser = torch.optim.Adam(parts, **adam)

    @property
    def n(self) -> int:
        """Number of agents."""
        return self.actor.spec.n_agents

    def group_of(self, agent: int) -> int:
        """Which group of parameters an agent's step moves."""
        return 0 if self.actor.coupled else agent

    def step_actor(self, loss: Tensor, groups: Sequence[int]) -> float:
        """One step of those groups down the gradient of ``loss``; the largest norm of their gradients."""
        norm = max(self._step(loss, self.actor_optimisers[g], self.groups[g], more=g != groups[-1]) for g in groups)
        self.actor.scheme.after_step()
        return norm

    def step_critic(self, loss: Tensor) -> float:
        """One step of the critic down the gradient of ``loss``; the gradient's norm."""
        norm = self._step(loss, self.critic_optimiser, self.critic_parameters)
        self.critic.scheme.after_step()
        return norm

    def save(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "normaliser": self.normaliser.state_dict(),
            "actor_optimisers": [o.state_dict() for o in self.actor_optimisers],
            "critic_optimiser": self.critic_optimiser.state_dict(),
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.actor.load_state_dict(saved["actor"])
        self.critic.load_state_dict(saved["critic"])
        self.normaliser.load_state_dict(saved["normaliser"])
        if fault := self.normaliser.fault():
            raise ValueError(fault)
        for optimiser, state in zip(self.actor_optimisers, saved["actor_optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.critic_optimiser.load_state_dict(saved["critic_optimiser"])

    def _step(self, loss: Tensor, optimiser: Any, group: list[nn.Parameter], more: bool = False) -> float:
        gradients = torch.autograd.grad(loss, group, retain_graph=more, allow_unused=True)
        for parameter, gradient in zip(group, gradients, strict=True):
            parameter.grad = gradient
        norm = nn.utils.clip_grad_norm_(group, self.optimiser.max_norm)
        optimiser.step()
        for parameter in group:
            parameter.grad = None
        return float(norm)
