"""Networks whose weights are given: what is computed, apart from who owns the numbers.

    x ─ norm ─ (W, σ, norm)* ─ GRU ─ (W, σ)* ─ W ─ out        out = apply(body, weights, x, hidden, starts)

A ``Body`` says the sizes; ``weights`` is a dict of tensors, name by name as in ``shapes(body)``. Every tensor has

    (a, b)          one network for all agents            one matrix product over agents and copies
    (n, a, b)       a network for each agent              one batched matrix product
    (…, n, a, b)    a network for each agent and sample   weights that an observation generated

(n = 1 in the last two: all agents of that sample have the same network; a bias may be (n, b) beside a weight (a, b))
so a sharing scheme (``deep.sharing``) is a map to weights and nothing else. x is (…, n, inputs); with a GRU
(T, B, n, inputs), hidden (B, n, H), and ``starts`` (T, B) marks the first step of an episode, at which the state is 0.

The GRU is Cho et al. (2014) in the form of torch.nn.GRU: r = σ(x_r + h_r), z = σ(x_z + h_z), c = tanh(x_c + r·h_c),
h' = (1 − z)·c + z·h; its input product is taken for all steps at once. Initial weights are orthogonal (Saxe, McClelland
& Ganguli, 2014) with gain √2 before a relu and 5/3 before a tanh, biases 0.

Two kinds of entries may stand beside those of ``shapes``: ``NAME.mask`` (n, width), 1 where a layer of an agent with
smaller layers has units (its norm then counts those alone), and ``NAME.down`` (…, n, a, r) with ``NAME.up``
(…, n, r, b), a low-rank increment: W + down·up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from deep.products import product
from deep.recurrence import sequence
from marlcore.errors import InputError

Weights = Mapping[str, Tensor]
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "elu": torch.nn.functional.elu}
NORM_EPSILON = 1e-5
"""That of torch.nn.functional.layer_norm."""
GAINS = {"relu": math.sqrt(2), "tanh": 5 / 3, "elu": 1.0}


@dataclass(frozen=True)
class Body:
    """The sizes of a network."""

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = (64, 64)
    recurrent: int = 0
    """The GRU's state size; 0 for none."""
    head: tuple[int, ...] = ()
    """Layers after the GRU."""
    activation: str = "relu"
    norm: bool = True
    """Layer normalisation of the input and behind every hidden layer (as HARL and on-policy have it), where there is
    more than one number to normalise."""
    gain: float = 0.01
    """The gain of the last layer: small for a policy that starts near uniform, 1 for a value."""

    def __post_init__(self) -> None:
        """Refuse sizes that are no sizes."""
        if self.activation not in ACTIVATIONS:
            raise InputError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}")
        for name, size in [("inputs", self.inputs), ("outputs", self.outputs), *(("a layer", h) for h in self.hidden)]:
            if size < 1:
                raise InputError(f"{name} must have a size of at least 1, not {size}")


@dataclass(frozen=True)
class Shape:
    """One weight: its shape, the gain of its orthogonal initial value (None: constant), and that constant."""

    size: tuple[int, ...]
    gain: float | None = None
    constant: float = 0.0
    blocks: int = 1
    """How many orthogonal blocks stand side by side (the GRU's three gates)."""


def shapes(body: Body) -> dict[str, Shape]:
    """Every weight of a body, in the order of computation."""
    found: dict[str, Shape] = {}
    size, gain = body.inputs, GAINS[body.activation]

    def norm(name: str, width: int) -> None:
        # normalised, a single number would be 0
        if body.norm and width > 1:
            found[f"{name}.scale"], found[f"{name}.shift"] = Shape((width,), constant=1.0), Shape((width,))

    norm("input", size)
    for k, width in enumerate(body.hidden):
        found[f"hidden{k}.weight"], found[f"hidden{k}.bias"] = Shape((size, width), gain), Shape((width,))
        norm(f"hidden{k}", width)
        size = width
    if body.recurrent:
        width = body.recurrent
        found["gru.input"] = Shape((size, 3 * width), 1.0, blocks=3)
        found["gru.state"] = Shape((width, 3 * width), 1.0, blocks=3)
        found["gru.bias"], found["gru.state_bias"] = Shape((3 * width,), blocks=3), Shape((3 * width,), blocks=3)
        norm("gru", width)
        size = width
    for k, width in enumerate(body.head):
        found[f"head{k}.weight"], found[f"head{k}.bias"] = Shape((size, width), gain), Shape((width,))
        size = width
    found["out.weight"], found["out.bias"] = Shape((size, body.outputs), body.gain), Shape((body.outputs,))
    return found


def count(body: Body) -> int:
    """P: how many numbers one network has."""
    return sum(math.prod(shape.size) for shape in shapes(body).values())


def initial(shape: Shape, generator: torch.Generator) -> Tensor:
    """An initial value of one weight."""
    if shape.gain is None:
        return torch.full(shape.size, shape.constant)
    rows, columns = shape.size
    width = columns // shape.blocks
    return torch.cat([_orthogonal(rows, width, shape.gain, generator) for _ in range(shape.blocks)], dim=1)


def apply(
    body: Body, weights: Weights, x: Tensor, hidden: Tensor | None = None, starts: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """The outputs (…, n, outputs) and the GRU's last state (B, n, H)."""
    out, states = every(body, weights, x, hidden, starts)
    return out, states[-1] if body.recurrent else hidden


def every(
    body: Body, weights: Weights, x: Tensor, hidden: Tensor | None = None, starts: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The outputs, and the GRU's state (T, B, n, H) behind every step (what the head reads where there is no GRU)."""
    if x.shape[-1] != body.inputs:
        raise InputError(f"the network reads {body.inputs} inputs, and x has {x.shape[-1]} (shape {tuple(x.shape)})")
    activation = ACTIVATIONS[body.activation]
    y = _norm(body, weights, "input", x)
    for k in range(len(body.hidden)):
        y = activation(_layer(weights, f"hidden{k}", y))
        y = _norm(body, weights, f"hidden{k}", y)
    states = y
    if body.recurrent:
        states, _ = gru(weights, y, hidden, starts)
        y = _norm(body, weights, "gru", states)
    for k in range(len(body.head)):
        y = activation(_layer(weights, f"head{k}", y))
    return _layer(weights, "out", y), states


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """xW + b for x (…, n, a) and W (a, b), (n, a, b) or (…, n, a, b)."""
    if weight.ndim == 3 and weight.shape[0] == x.shape[-2] == 1:  # one agent: a plain product is the faster kernel
        weight, bias = weight[0], bias[0]
    if weight.ndim == 2:
        if bias.ndim == 1:
            return product(x.reshape(-1, x.shape[-1]), weight, bias).reshape(*x.shape[:-1], -1)
        return product(x.reshape(-1, x.shape[-1]), weight).reshape(*x.shape[:-1], -1) + bias
    if weight.ndim == 3 and weight.shape[0] == x.shape[-2]:
        rows = x.reshape(-1, *x.shape[-2:]).transpose(0, 1)
        return torch.baddbmm(bias[:, None], rows, weight).transpose(0, 1).reshape(*x.shape[:-1], -1)
    return multiply(x, weight) + bias


def multiply(x: Tensor, weight: Tensor) -> Tensor:
    """xW for x (…, n, a) and W (…, n, a, b), or (…, 1, a, b) of all agents."""
    if weight.shape[-3] == 1:
        return x @ weight[..., 0, :, :]
    return (x[..., None, :] @ weight)[..., 0, :]


def gru(weights: Weights, x: Tensor, hidden: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor]:
    """The states (T, B, n, H) behind all steps, and the last one."""
    if x.ndim != 4:
        raise InputError(f"a recurrent network reads (T, B, n, inputs), not shape {tuple(x.shape)}")
    W, b, U, d = (weights[f"gru.{name}"] for name in ("input", "bias", "state", "state_bias"))
    h = x.new_zeros(*x.shape[1:-1], U.shape[-2]) if hidden is None else hidden
    n = x.shape[-2]
    if W.ndim == U.ndim == 3 and len(W) == len(U) == n == 1:
        W, b, U, d = W[0], b[0], U[0], d[0]
    one = W.ndim == U.ndim == 2 and b.ndim == d.ndim == 1
    if one or (W.ndim == U.ndim == 3 and len(W) == len(U) == n):
        states = sequence(x, W, b, U, d, h, starts)
    else:
        states = _each_its_own(x, W, b, U, d, h, starts)
    return states, states[-1]


def _each_its_own(x: Tensor, W: Tensor, b: Tensor, U: Tensor, d: Tensor, h: Tensor, starts: Tensor | None) -> Tensor:
    """The same for weights or biases that are each agent's, sample's or step's own."""
    gates, states = linear(x, W, b), []
    for t in range(x.shape[0]):
        if starts is not None:
            h = torch.where(starts[t, :, None, None], 0.0, h)
        Ut, dt = (U, d) if U.ndim <= 3 else (U[t], d[t])
        x_r, x_z, x_c = gates[t].chunk(3, -1)
        h_r, h_z, h_c = linear(h, Ut, dt).chunk(3, -1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        c = torch.tanh(x_c + r * h_c)
        h = c + z * (h - c)
        states.append(h)
    return torch.stack(states)


def _layer(weights: Weights, name: str, x: Tensor) -> Tensor:
    y = linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
    if f"{name}.down" in weights:
        y = y + multiply(multiply(x, weights[f"{name}.down"]), weights[f"{name}.up"])
    return y


def _norm(body: Body, weights: Weights, name: str, x: Tensor) -> Tensor:
    if not body.norm or f"{name}.scale" not in weights:
        return x
    mask, scale, shift = weights.get(f"{name}.mask"), weights[f"{name}.scale"], weights[f"{name}.shift"]
    if mask is not None:
        return _norm_of_some(x, mask) * scale + shift
    if scale.numel() == shift.numel() == x.shape[-1]:  # one network: norm, scale and shift in one kernel
        return torch.nn.functional.layer_norm(x, x.shape[-1:], scale.reshape(-1), shift.reshape(-1))
    return torch.nn.functional.layer_norm(x, x.shape[-1:]) * scale + shift


def _norm_of_some(x: Tensor, mask: Tensor) -> Tensor:
    """Layer normalisation of the entries where the mask is 1, a single one left as it is; 0 elsewhere."""
    count = mask.sum(-1, keepdim=True)
    x = torch.where(mask > 0, x, 0.0)
    centred = (x - x.sum(-1, keepdim=True) / count) * mask
    variance = centred.square().sum(-1, keepdim=True) / count
    return torch.where(count == 1, x, centred * torch.rsqrt(variance + NORM_EPSILON))


def _orthogonal(rows: int, columns: int, gain: float, generator: torch.Generator) -> Tensor:
    """Uniform among the matrices with orthonormal rows or columns (Mezzadri, 2007: signs of R's diagonal), × gain."""
    tall, wide = max(rows, columns), min(rows, columns)
    q, r = torch.linalg.qr(torch.randn(tall, wide, generator=generator, dtype=torch.float64))
    q = q * r.diagonal().sign()
    return (gain * (q if rows >= columns else q.T)).float()
