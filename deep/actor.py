"""A joint policy: a sharing scheme whose outputs are distributions over the agents' actions.

    π_θ(·|o_i, h_i) = distribution(scheme(o_i, h_i))          log σ_i free, for box actions

The scheme knows weights, ``deep.distributions`` what outputs mean; an algorithm sees log-probabilities and divergences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from deep.distributions import Categorical, Distribution, Gaussian, categorical, own_dimensions
from deep.envs.protocol import Discrete, Spec
from deep.networks import Weights
from deep.sharing import Scheme
from marlcore.errors import InputError


class Actor(nn.Module):
    """The policies of all agents."""

    def __init__(self, spec: Spec, scheme: Scheme, log_std: float = 0.0) -> None:
        super().__init__()
        self.spec, self.scheme = spec, scheme
        self.box = spec.action_kind == "box"
        if self.box:
            rows = 1 if scheme.coupled else spec.n_agents
            # a parameter for each owner, so that one agent's optimiser holds its own alone
            self.log_std = nn.ParameterList(torch.full((spec.action_size,), float(log_std)) for _ in range(rows))
            self.register_buffer("own", own_dimensions(spec), persistent=False)

    @property
    def coupled(self) -> bool:
        """Whether a step on one agent's loss moves other agents' policies."""
        return self.scheme.coupled

    def groups(self) -> list[list[nn.Parameter]]:
        """The parameters that a step of each agent may move; a single group if agents are coupled."""
        groups = [list(group) for group in self.scheme.groups()]
        if self.box:
            for group, log_std in zip(groups, self.log_std, strict=True):
                group.append(log_std)
        return groups

    def optimiser_groups(self, group: int, lr: float) -> list[dict[str, Any]]:
        """``groups()[group]`` as torch's parameter groups."""
        found = self.scheme.optimiser_groups(group, lr)
        return [*found, {"name": "log_std", "params": [self.log_std[group]], "lr": lr}] if self.box else found

    def outputs(
        self,
        obs: Tensor,
        hidden: Tensor | None = None,
        starts: Tensor | None = None,
        agents: Sequence[int] | None = None,
        weights: Weights | None = None,
        available: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """What the networks of those agents give: (T, B, n', outputs).

        obs (T, B, n', o) and hidden (B, n', H) are the chosen agents' own, or everyone's where the scheme is
        centralised, as its ``select`` cuts them; ``available`` (T, B, n', A) is the chosen agents' own.
        """
        chosen = self.scheme.weights(agents) if weights is None else weights
        mask = {"available": available} if self.scheme.masked and not self.box else {}
        begun = starts if self.scheme.sequential else None
        return self.scheme(obs, hidden, begun, agents=agents, weights=chosen, **mask)

    def distribution(
        self, outputs: Tensor, available: Tensor | None, agents: Sequence[int] | None = None
    ) -> Distribution:
        """The distributions (…, n') that outputs (…, n', ·) of those agents mean, over the available actions."""
        if not self.box:
            assert available is not None
            return categorical(outputs, available, self.spec.action_counts, self.spec.action_kind == "multi-discrete")
        n = self.spec.n_agents
        rows = [self.log_std[0]] * n if self.coupled else list(self.log_std)
        chosen = list(range(n)) if agents is None else list(agents)
        log_std = torch.stack([rows[i] for i in chosen]).expand_as(outputs)
        own = torch.as_tensor(self.own)[chosen]
        return Gaussian(torch.where(own, outputs, 0.0), torch.where(own, log_std, 0.0), own.expand_as(outputs))

    def recalled(self, recorded: Tensor, agents: Sequence[int] | None = None) -> Distribution:
        """The distribution that ``recorded`` wrote down."""
        if not self.box:
            return Categorical(recorded, self.spec.action_counts, self.spec.action_kind == "multi-discrete")
        mean, log_std = recorded.chunk(2, -1)
        own = torch.as_tensor(self.own)[list(range(self.spec.n_agents)) if agents is None else list(agents)]
        return Gaussian(mean, log_std, own.expand_as(mean))

    @property
    def context(self) -> int:
        """How many numbers stand behind an observation: the previous action and reward, or none."""
        own = self.spec.action_size if self.box else self.spec.n_actions
        asked = self.scheme.context
        if asked not in (0, own + 1):
            raise InputError(
                f"context = {asked}, and the previous action and reward of {self.spec.name} are {own + 1} numbers"
            )
        return asked

    def context_of(self, actions: Tensor, reward: Tensor) -> Tensor:
        """(…, n, context): a step's action, its choices as unit vectors, and its reward."""
        parts = (
            [actions]
            if self.box
            else [
                torch.nn.functional.one_hot(chosen, count)
                for chosen, count in zip(
                    actions.unbind(-1) if self.spec.action_kind == "multi-discrete" else [actions],
                    self.spec.action_counts,
                    strict=True,
                )
            ]
        )
        return torch.cat([*parts, reward[..., None]], -1)


def recorded(dist: Distribution) -> Tensor:
    """A distribution as numbers (…, n, ·): log-probabilities, or means and log-deviations."""
    if isinstance(dist, Categorical):
        return dist.logp
    assert isinstance(dist, Gaussian)
    return torch.cat([dist.mean, dist.log_std], -1)


def policy_tables(actor: Actor, obs: Tensor) -> tuple[Tensor, ...]:
    """π^i(a|s) of a discrete policy on given observations (S, n, o) without padding: a table (S, A_i) per agent."""
    spec = actor.spec
    counts = [space.n for space in spec.spaces if isinstance(space, Discrete)]
    assert len(counts) == spec.n_agents, f"{spec.name} has no tables: its actions are {spec.action_kind}"
    allowed = torch.arange(spec.n_actions, device=obs.device) < torch.tensor(counts, device=obs.device)[:, None]
    mask = allowed.expand(len(obs), -1, -1)
    out, _ = actor.outputs(obs[None], available=mask[None])
    found = actor.distribution(out[0], mask)
    assert isinstance(found, Categorical)
    return tuple(found.probabilities[:, i, :count] for i, count in enumerate(counts))
