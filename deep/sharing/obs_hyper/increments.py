"""Increments of a body's weights: which are generated, in which form, and how they are added.

    full       Δ of every weight                       last      Δ of the last layer's weight and bias
    low_rank   Δ = D·U for every matrix, D (a, r) and U (r, b); biases and norms whole

A vector of all parts is emitted linearly from a context c with |c|² = width: parts = cG + g. G is orthogonal for each
part, so the first increments have ‖Δ‖_F = scale·‖θ‖_F for each matrix that has at least ``width`` entries, and no more
for smaller ones; those of biases and norms are 0. In low rank D starts at orthogonal columns and U takes G (were both
0, neither would have a gradient; Hu et al., *LoRA*, 2022).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from deep.networks import Body, Shape, Weights, initial, shapes
from deep.sharing.obs_hyper.options import ObsHyperOptions

Parts = dict[str, Tensor]


def layout(body: Body, options: ObsHyperOptions) -> dict[str, tuple[int, ...]]:
    """The parts that are emitted, with their sizes."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes(body).items():
        if options.increment == "last" and not name.startswith("out."):
            continue
        if options.increment == "low_rank" and len(shape.size) == 2 and options.rank < min(shape.size):
            stem = name.removesuffix(".weight")
            found[f"{stem}.down"] = (shape.size[0], options.rank)
            found[f"{stem}.up"] = (options.rank, shape.size[1])
        else:
            found[name] = shape.size
    return found


class Emitter(nn.Module):
    """From contexts (…, width) to parts (…, *size)."""

    def __init__(self, body: Body, theta: Weights, options: ObsHyperOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.sizes = layout(body, options)
        columns, constants = [], []
        for name, size in self.sizes.items():
            gain = _norm_of(theta, name) * options.scale / math.sqrt(options.width)
            flat = (options.width, math.prod(size))
            columns.append(initial(Shape(flat, gain), generator) if gain else torch.zeros(flat))
            down = name.endswith(".down")
            constants.append(initial(Shape(size, 1.0), generator).flatten() if down else torch.zeros(flat[1]))
        self.G, self.g = nn.Parameter(torch.cat(columns, 1)), nn.Parameter(torch.cat(constants))

    def forward(self, context: Tensor) -> Tensor:
        """All parts, side by side."""
        return nn.functional.linear(context, self.G.T, self.g)

    def parts(self, flat: Tensor) -> Parts:
        """The same, name by name."""
        cut = flat.split([math.prod(size) for size in self.sizes.values()], -1)
        return {
            name: part.reshape(*flat.shape[:-1], *size)
            for (name, size), part in zip(self.sizes.items(), cut, strict=True)
        }


def whole(parts: Parts, body: Body) -> Parts:
    """Increments under the names of the body's weights, products multiplied out."""
    found = {}
    for name in shapes(body):
        stem = name.removesuffix(".weight")
        if name in parts:
            found[name] = parts[name]
        elif f"{stem}.down" in parts:
            found[name] = parts[f"{stem}.down"] @ parts[f"{stem}.up"]
    return found


def add(theta: Weights, parts: Parts) -> Weights:
    """θ + Δ. Products of plain layers stay factors, which ``deep.networks`` applies one after the other."""
    weights = dict(theta)
    for name, part in parts.items():
        stem, _, factor = name.rpartition(".")
        if factor == "up":
            continue
        if factor != "down":
            weights[name] = theta[name] + part
        elif stem in theta:
            weights[stem] = theta[stem] + part @ parts[f"{stem}.up"]
        else:
            weights[name], weights[f"{stem}.up"] = part, parts[f"{stem}.up"]
    return weights


def side_by_side(parts: Parts) -> Tensor:
    """(…, all) of parts whose sizes are those of one layout, in order."""
    return torch.cat([part.flatten(-2) if _is_matrix(name) else part for name, part in parts.items()], -1)


def apart(flat: Tensor, body: Body, names: list[str]) -> Parts:
    """The inverse, for increments under the body's names."""
    sizes = {name: shapes(body)[name].size for name in names}
    cut = flat.split([math.prod(size) for size in sizes.values()], -1)
    return {name: part.reshape(*flat.shape[:-1], *size) for (name, size), part in zip(sizes.items(), cut, strict=True)}


def _is_matrix(name: str) -> bool:
    return name.endswith((".weight", "gru.input", "gru.state"))


def _norm_of(theta: Weights, name: str) -> float:
    """‖θ‖_F of the matrix that a part belongs to; 0 where a part starts at its constant."""
    stem, _, factor = name.rpartition(".")
    if factor == "down":
        return 0.0
    if factor == "up":
        return float(theta[stem if stem in theta else f"{stem}.weight"].detach().norm())
    return float(theta[name].detach().norm()) if _is_matrix(name) else 0.0
