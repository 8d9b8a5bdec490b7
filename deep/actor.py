"""A joint policy: a sharing scheme whose outputs are distributions over the agents' actions.

    π_θ(·|o_i, h_i) = distribution(scheme(o_i, h_i))          log σ_i free, for box actions

The scheme knows weights, ``deep.distributions`` what outputs mean; an algorithm sees log-probabilities and divergences.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deep.distributions import Categorical, Distribution, Gaussian, categorical, own_dimensions
from deep.envs.protocol import Discrete, Spec
from deep.networks import Weights
from deep.sharing import Scheme


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

    @property
    def recurrent(self) -> bool:
        """Whether there is a state to carry from step to step."""
        return self.scheme.initial_state(1) is not None

    @property
    def whole(self) -> bool:
        """Whether even one agent's outputs need everyone's observations."""
        return self.scheme.conditioned

    def groups(self) -> list[list[nn.Parameter]]:
        """The parameters that a step of each agent may move; a single group if agents are coupled."""
        groups = [list(group) for group in self.scheme.groups()]
        if self.box:
            for group, log_std in zip(groups, self.log_std, strict=True):
                group.append(log_std)
        return groups

    def weights(self) -> Weights | None:
        """Weights for many steps; None where each observation generates its own."""
        return None if self.scheme.conditioned else self.scheme.weights()

    def outputs(
        self,
        obs: Tensor,
        hidden: Tensor | None = None,
        starts: Tensor | None = None,
        agents: Sequence[int] | None = None,
        weights: Weights | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """What the networks of those agents give: (T, B, n', outputs).

        obs (T, B, n', o) and hidden (B, n', H) are the chosen agents' own, or everyone's where weights depend on
        observations (``whole``), which are then made of them all.
        """
        if agents is None:
            return self.scheme(obs, hidden, starts, weights=weights)
        chosen = list(agents)
        if self.whole:
            out, hidden = self.scheme(obs, hidden, starts)
            return out[..., chosen, :], hidden
        return self.scheme(obs, hidden, starts, agents=chosen, weights=weights)

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


def policy_tables(actor: Actor, obs: Tensor) -> tuple[Tensor, ...]:
    """π^i(a|s) of a discrete policy on given observations (S, n, o) without padding: a table (S, A_i) per agent."""
    spec = actor.spec
    counts = [space.n for space in spec.spaces if isinstance(space, Discrete)]
    assert len(counts) == spec.n_agents, f"{spec.name} has no tables: its actions are {spec.action_kind}"
    allowed = torch.arange(spec.n_actions) < torch.tensor(counts)[:, None]
    out, _ = actor.outputs(obs[None])
    found = actor.distribution(out[0], allowed.expand(len(obs), -1, -1))
    assert isinstance(found, Categorical)
    return tuple(found.probabilities[:, i, :count] for i, count in enumerate(counts))
