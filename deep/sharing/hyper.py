"""Agent-conditioned hypernetwork: θ_i = h_ψ(e_i), each agent's weights generated from an embedding of the agent.

    h_ψ(e) = G f(e) + g          linear: f(e) = e          mlp: f(e) = relu(W_L … relu(W_1 e + b_1) … + b_L)

Source: Tessera, Rahman, Storkey & Albrecht, *HyperMARL: Adaptive Hypernetworks for Multi-Agent RL* (2025), with linear
and MLP hypernetworks and one-hot or learned orthogonal embeddings. By the chain rule ∇_ψ J = Σ_i ∇_ψ h_ψ(e_i) · g_i,
where g_i = E[A ∇ log π_{θ_i}] is what a separate network would be moved by.

Initial values. Generated weights shall be what a layer initialised directly would be: orthogonal times its gain,
another for each agent; biases 0. Let row i of D hold such weights of agent i, and row i of Φ its features f(e_i).

- Where Φ has independent rows, G = Φ⁺D and g = 0 give h(e_i) = D_i exactly: every singular value is the gain.
- Otherwise (more agents than features) no G does that. G's rows are independent orthogonal layers over ‖f‖, so that
  the generated ones have the gain in the mean square: E‖W_i‖²_F = gain² · min(rows, columns).

Departure: generators that are initialised layer by layer like networks give weights whose size depends on f and the
generator's widths (a gain several times too large with the usual √2 everywhere); nothing here does.

Weights are generated once for a rollout and once for a minibatch, and then all agents run in one batched product. A
critic takes a scheme as an actor does, so either or both may be generated.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from deep.networks import Body, Shape, Weights, count, initial, shapes
from deep.sharing.scheme import Part, Scheme, options_of
from marlcore.errors import InputError

Kind = Literal["mlp", "linear"]
Embedding = Literal["learned", "one_hot"]
CONDITION = 100.0
"""Up to this condition number of Φ the weights are met exactly; beyond, Φ⁺D would be large and ψ's steps with it."""


@dataclass(frozen=True)
class HyperOptions:
    """What the hypernetwork is made of."""

    kind: Kind = "mlp"
    embedding: Embedding = "learned"
    size: int = 8
    """k, the length of a learned embedding; one-hot embeddings have length n."""
    hidden: tuple[int, ...] = (64,)
    """The widths of an MLP hypernetwork."""

    def __post_init__(self) -> None:
        """Refuse what is no choice."""
        for name, value, choices in (("kind", self.kind, Kind), ("embedding", self.embedding, Embedding)):
            if value not in get_args(choices):
                raise InputError(f"{name} must be one of {', '.join(get_args(choices))}, not {value!r}")
        if self.size < 1:
            raise InputError(f"size must be at least 1, not {self.size}")
        if self.kind == "mlp" and (not self.hidden or min(self.hidden) < 1):
            raise InputError(f"hidden must be widths of at least 1 for an MLP hypernetwork, not {self.hidden}")

    def embedding_size(self, n: int) -> int:
        """k, or n for one-hot embeddings."""
        return n if self.embedding == "one_hot" else self.size

    @property
    def widths(self) -> tuple[int, ...]:
        """The layers between embedding and generator."""
        return self.hidden if self.kind == "mlp" else ()


class Hyper(Scheme):
    """Every agent's network, generated."""

    coupled = True

    def __init__(self, n: int, body: Body, generator: torch.Generator, **options: Any) -> None:
        super().__init__(n, body)
        self.options = options_of(HyperOptions, "hyper", options)
        learned = self.options.embedding == "learned"
        e = embeddings(n, self.options.size, generator) if learned else torch.eye(n)
        self.embedding = nn.Parameter(e, requires_grad=learned)
        sizes = (e.shape[1], *self.options.widths)
        self.trunk = nn.ModuleList(orthogonal(a, b, generator) for a, b in itertools.pairwise(sizes))
        with torch.no_grad():
            G, g = _initial_generator(self.features(), body, generator)
        self.G, self.g = nn.Parameter(G), nn.Parameter(g)

    def features(self, agents: Sequence[int] | None = None) -> Tensor:
        """f(e_i) of the chosen agents, (n, F)."""
        f = self.embedding if agents is None else self.embedding[list(agents)]
        for layer in self.trunk:
            f = torch.relu(layer(f))
        return f

    def weights(self, agents: Sequence[int] | None = None) -> Weights:
        """h_ψ(e_i), each name's (n, …)."""
        return split(torch.addmm(self.g, self.features(agents), self.G), self.body)

    def parts(self) -> list[Part]:
        """The embeddings, which tell agents apart."""

        def off() -> None:
            self.embedding.data.copy_(self.embedding.data.mean(0, keepdim=True).expand_as(self.embedding))

        return [Part("embedding", off)] if self.n > 1 else []

    def groups(self) -> list[list[nn.Parameter]]:
        """ψ, which every agent's step moves."""
        return [[p for p in self.parameters() if p.requires_grad]]


def hyper_linear(n: int, body: Body, generator: torch.Generator, **options: Any) -> Hyper:
    """A linear hypernetwork of one-hot embeddings, θ_i = G_i + g, unless the options say otherwise."""
    return Hyper(n, body, generator, **{"kind": "linear", "embedding": "one_hot"} | options)


def embeddings(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Unit vectors (n, k): orthonormal where n ≤ k, otherwise rows of a matrix with orthogonal columns, normalised."""
    return nn.functional.normalize(initial(Shape((n, size), 1.0), generator), dim=-1)


def split(flat: Tensor, body: Body) -> Weights:
    """Vectors (…, P) as the weights of a body, name by name (…, *size)."""
    found = shapes(body)
    parts = flat.split([torch.Size(shape.size).numel() for shape in found.values()], -1)
    return {
        name: part.reshape(*flat.shape[:-1], *shape.size)
        for (name, shape), part in zip(found.items(), parts, strict=True)
    }


def flatten(weights: Weights, body: Body) -> Tensor:
    """The vectors (…, P) of stacked weights: the inverse of ``split``."""
    return torch.cat([weights[name].flatten(-len(shape.size)) for name, shape in shapes(body).items()], -1)


def _initial_generator(features: Tensor, body: Body, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """G (F, P) and g (P,) from Φ (n, F)."""
    phi = features.double()
    n, F = phi.shape
    singular = torch.linalg.svdvals(phi)
    independent = n <= F and bool(singular[0] <= CONDITION * singular[-1])
    rows = n if independent else F
    found = shapes(body)
    direct = torch.stack([_direct(body, generator) for _ in range(rows)]).double()
    G = torch.linalg.pinv(phi) @ direct if independent else direct / phi.square().sum(-1).mean().sqrt()
    g = torch.cat([torch.full(s.size, s.constant if s.gain is None else 0.0).flatten() for s in found.values()])
    assert G.shape == (F, count(body))
    return G.to(features.dtype), g


def _direct(body: Body, generator: torch.Generator) -> Tensor:
    """(P,): weights initialised directly, 0 in place of constants."""
    parts = [torch.zeros(s.size) if s.gain is None else initial(s, generator) for s in shapes(body).values()]
    return torch.cat([part.flatten() for part in parts])


def orthogonal(
    inputs: int, outputs: int, generator: torch.Generator, gain: float = 2**0.5, bias: bool = True
) -> nn.Linear:
    """A layer with orthogonal weights and biases of 0; √2 is the gain before a relu."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    with torch.no_grad():
        layer.weight.copy_(initial(Shape((inputs, outputs), gain), generator).T)
        if bias:
            layer.bias.zero_()
    return layer
