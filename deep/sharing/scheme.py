"""Who shares what: a sharing scheme maps agents to the weights of one body.

    θ_i = scheme.weights(…)[i]          logits_i = body(θ_i, x_i)

    fups       θ_i = θ                    one network for all agents
    fups_id    θ_i = θ, x_i ← (x_i, e_i)  one network that reads who it is
    nops       θ_i free                   a network for each agent
    hyper      θ_i = h_ψ(e_i)             weights generated from an embedding of the agent
    obs_hyper  θ_i = θ + Δ_ψ(o_1, …, o_n, history)

A scheme holds parameters and knows nothing of the algorithm. Algorithms ask it two things: the weights (once for an
update, then used by batched matrix products), and whose policy a step of agent i moves. ``coupled`` schemes share
parameters, so a step on one agent's loss moves every agent; the sequential factor M of HAPPO and HATRPO then has to
count all agents that have moved, not only the predecessors. ``groups`` are the parameters that a step of each agent may
move: n groups where agents are separate, one group where they are coupled.

A third party adds a scheme through the extension point ``sharing``: (n, body, generator, **options) → Scheme.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deep.networks import Body, Weights, apply
from marlcore.errors import InputError


class Scheme(nn.Module, ABC):
    """The networks of n agents: parameters, and how they become each agent's weights."""

    coupled: bool
    """Whether a step on one agent's loss moves other agents' networks."""
    conditioned: bool = False
    """Whether the weights depend on observations (``obs_hyper``): then they are generated for each sample."""
    centralised: bool = False
    """Whether an agent's network reads other agents' observations when it acts."""

    def __init__(self, n: int, body: Body) -> None:
        super().__init__()
        if n < 1:
            raise InputError(f"n must be at least 1 agent, not {n}")
        self.n, self.body = n, body

    @abstractmethod
    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """The weights of those agents (all by default): (a, b) if they are one network, (n, a, b) otherwise."""

    @abstractmethod
    def groups(self) -> list[list[nn.Parameter]]:
        """The parameters that a step of agent i may move, agent by agent; a single group if agents are coupled."""

    def forward(
        self,
        x: Tensor,
        hidden: Tensor | None = None,
        starts: Tensor | None = None,
        agents: Sequence[int] | None = None,
        weights: Weights | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Outputs (…, n, outputs) and the recurrent state for inputs (…, n, inputs) of those agents.

        ``weights`` are those of an earlier ``weights(agents)``: a rollout asks once and passes them at every step.
        """
        chosen = self.weights(agents) if weights is None else weights
        return apply(self.body, chosen, self.inputs(x, agents), hidden, starts)

    def inputs(self, x: Tensor, agents: Sequence[int] | None = None) -> Tensor:
        """What the body reads."""
        del agents
        return x

    def initial_state(self, batch: int) -> Tensor | None:
        """The recurrent state (B, n, H) before the first step; None without recurrence."""
        if not self.body.recurrent:
            return None
        return next(self.parameters()).new_zeros(batch, self.n, self.body.recurrent)


def one_hot(x: Tensor, n: int, agents: Sequence[int] | None) -> Tensor:
    """(…, n, n): the unit vectors of the agents, shaped to stand beside x (…, n, inputs)."""
    eye = torch.eye(n, dtype=x.dtype, device=x.device)
    chosen = eye if agents is None else eye[list(agents)]
    return chosen.expand(*x.shape[:-1], n)
