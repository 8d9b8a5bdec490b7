"""No parameter sharing: θ_i free, a network for each agent.

The parameters of each agent are its own tensors, so that one agent's optimiser moves nobody else's network; for a
rollout they are stacked once into (n, a, b) and all agents run in one batched matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from deep.networks import Body, Weights, shapes
from deep.sharing.fups import FuPS
from deep.sharing.scheme import Scheme


class NoPS(Scheme):
    """A network for each agent."""

    coupled = False

    def __init__(self, n: int, body: Body, generator: torch.Generator) -> None:
        super().__init__(n, body)
        self.agents = nn.ModuleList(FuPS(1, body, generator) for _ in range(n))

    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """The chosen agents' weights, stacked."""
        own = [self._own(i) for i in (range(self.n) if agents is None else agents)]
        return {name: torch.stack([weights[name] for weights in own]) for name in shapes(self.body)}

    def groups(self) -> list[list[nn.Parameter]]:
        """Each agent's own parameters."""
        return [list(agent.parameters()) for agent in self.agents]

    def _own(self, i: int) -> Weights:
        agent = self.agents[i]
        assert isinstance(agent, FuPS)
        return agent.weights()
