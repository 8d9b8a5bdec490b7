"""Full parameter sharing: θ_i = θ, and with an id θ_i = θ but for the first bias, b_i = b + W_id e_i.

Without an id every agent has the same policy, and the best such policy can be exponentially worse than the best joint
one: J*_share/J* = 2/2ⁿ in the game of Kuba et al., *Heterogeneous-Agent Reinforcement Learning*, Prop. 4. With an id
the ratio is 1.

An id is a unit vector e_i beside the observation, and (x, e_i)(W, W_id) + b = xW + (b + W_id e_i): so each agent gets
its own first bias, and nothing is concatenated. Departure: libraries normalise (x, e_i) together, in which case the
id's size depends on the observation and the shift is none; here the layer norm is of x alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import nn

from deep.networks import Body, Weights, initial, shapes
from deep.sharing.scheme import Part, Scheme


class FuPS(Scheme):
    """One network for all agents."""

    coupled = True

    def __init__(self, n: int, body: Body, generator: torch.Generator) -> None:
        super().__init__(n, body)
        self.theta = parameters_of({name: initial(shape, generator) for name, shape in shapes(body).items()})

    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """θ."""
        return {name: self.theta[key_of(name)] for name in shapes(self.body)}

    def groups(self) -> list[list[nn.Parameter]]:
        """θ, which every agent's step moves."""
        return [list(self.parameters())]


class FuPSID(FuPS):
    """One network for all agents, which knows whose it is by its first bias."""

    def __init__(self, n: int, body: Body, generator: torch.Generator) -> None:
        super().__init__(n, body, generator)
        self._weight, self._bias = first_layer(body)
        shape = shapes(body)[self._weight]
        # (W, W_id) has orthogonal columns together, as one layer that reads both would be initialised
        both = initial(dataclasses.replace(shape, size=(shape.size[0] + n, shape.size[1])), generator)
        with torch.no_grad():
            self.theta[key_of(self._weight)].copy_(both[: shape.size[0]])
        self.identity = nn.Parameter(both[shape.size[0] :].clone())

    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """θ, the first bias (n, b) being b + W_id e_i."""
        shared = dict(super().weights())
        own = self.identity if agents is None else self.identity[list(agents)]
        return shared | {self._bias: shared[self._bias] + own}

    def parts(self) -> list[Part]:
        """The id."""
        return [Part("id", self.identity.data.zero_)]


def first_layer(body: Body) -> tuple[str, str]:
    """The names of the first weight and its bias."""
    if body.hidden:
        return "hidden0.weight", "hidden0.bias"
    if body.recurrent:
        return "gru.input", "gru.bias"
    return ("head0.weight", "head0.bias") if body.head else ("out.weight", "out.bias")


def parameters_of(tensors: Weights) -> nn.ParameterDict:
    """Weights as parameters, under keys without dots."""
    return nn.ParameterDict({key_of(name): nn.Parameter(tensor) for name, tensor in tensors.items()})


def key_of(name: str) -> str:
    """Parameter names may not hold a dot."""
    return name.replace(".", "_")
