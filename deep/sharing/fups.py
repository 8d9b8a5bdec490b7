"""Full parameter sharing: θ_i = θ, and with an id θ_i = θ, x_i ← (x_i, e_i).

Without an id every agent has the same policy, and the best such policy can be exponentially worse than the best joint
one: J*_share/J* = 2/2ⁿ in the game of Kuba et al., *Heterogeneous-Agent Reinforcement Learning*, Prop. 4. With an id
the ratio is 1. The id's unit vector shifts the first layer's bias: b + W_id e_i, so agents differ in that bias alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deep.networks import Body, Weights, initial, shapes
from deep.sharing.scheme import Scheme, one_hot


class FuPS(Scheme):
    """One network for all agents."""

    coupled = True

    def __init__(self, n: int, body: Body, generator: torch.Generator) -> None:
        super().__init__(n, body)
        self.theta = nn.ParameterDict(
            {_key(name): nn.Parameter(initial(s, generator)) for name, s in shapes(body).items()}
        )

    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """θ."""
        return {name: self.theta[_key(name)] for name in shapes(self.body)}

    def groups(self) -> list[list[nn.Parameter]]:
        """θ, which every agent's step moves."""
        return [list(self.parameters())]


class FuPSID(FuPS):
    """One network for all agents, which reads the agent's unit vector besides."""

    def __init__(self, n: int, body: Body, generator: torch.Generator) -> None:
        super().__init__(n, dataclasses.replace(body, inputs=body.inputs + n), generator)

    def inputs(self, x: Tensor, agents: Sequence[int] | None = None) -> Tensor:
        """(x, e_i)."""
        return torch.cat([x, one_hot(x, self.n, agents)], -1)


def _key(name: str) -> str:
    """Parameter names may not hold a dot."""
    return name.replace(".", "_")
