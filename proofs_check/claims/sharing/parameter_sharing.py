"""Sharing by a hypernetwork: its gradient factors, so does that of a shared network with ids; and its size.

    θ_i = W e_i:   ∂J/∂W = Σ_i (∂J/∂θ_i) e_iᵀ            FuPS+ID:  first bias b + U e_i:   ∂J/∂U = Σ_i (∂J/∂b_i) e_iᵀ
    an MLP hypernetwork of last width H has more than (H+1)·P parameters for a policy of P

Source: Tessera et al., *HyperMARL*, 2024. The objective here is any quadratic of all agents' parameters, whose
central differences are its exact derivatives, in rationals too. The counts
refute "slightly above FuPS, far below NoPS" at team sizes: n agents without sharing have n·P.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import numbers
from proofs_check.claim import Claim, Family
from proofs_check.families import exact_instance, squares
from proofs_check.instances import Choice, Fixed, Instance, Layout, Reals

SOURCE = "Tessera et al., HyperMARL, 2024"


def layout(agents: int = 2, embedding: int = 2, outputs: int = 2) -> Layout:
    """A linear hypernetwork, the agents' embeddings, and a quadratic objective of their parameters."""
    size = agents * outputs
    return {
        "W": Reals((outputs, embedding)),
        "e": Reals((agents, embedding)),
        "H": Reals((size, size)),
        "g": Reals((size,)),
    }


def _objective(x: Instance, theta: Any) -> Any:
    """½θᵀHθ + gᵀθ of the agents' parameters (…, n, k), flattened."""
    flat = theta.reshape(*theta.shape[:-2], -1)
    return (flat[..., :, None] * x.H * flat[..., None, :]).sum(-1).sum(-1) / 2 + (x.g * flat).sum(-1)


def _parameters(x: Instance, W: Any) -> Any:
    """θ_i = W e_i, (…, n, k)."""
    return (x.e[..., :, None, :] * W[..., None, :, :]).sum(-1)


def factorisation(x: Instance) -> Any:
    """∂J/∂W by central differences (exact for a quadratic) minus Σ_i (∂J/∂θ_i) e_iᵀ."""
    theta = _parameters(x, x.W)
    flat = theta.reshape(*theta.shape[:-2], -1)
    symmetric = (x.H + numbers.moveaxis(x.H, -1, -2)) / 2
    slope = ((symmetric * flat[..., None, :]).sum(-1) + x.g).reshape(*theta.shape)
    factored = (slope[..., :, :, None] * x.e[..., :, None, :]).sum(-3)
    differences = []
    outputs, embedding = x.W.shape[-2:]
    for k in range(outputs):
        for j in range(embedding):
            step = np.zeros((outputs, embedding), dtype=int)
            step[k, j] = 1
            step = numbers.convert(step, x.kind) if x.kind != "float" else step.astype(float)
            rise = _objective(x, _parameters(x, x.W + step)) - _objective(x, _parameters(x, x.W - step))
            differences.append(rise / 2 - factored[..., k, j])
    return sum(d * d for d in differences)


def swapped(x: Instance) -> Any:
    """The same with the agents' embeddings reversed: which factor belongs to which agent matters."""
    reverse = x.e[..., ::-1, :] if x.kind != "torch" else x.e.flip(-2)
    theta = _parameters(x, x.W)
    difference = (theta[..., :, :, None] * x.e[..., :, None, :]).sum(-3) - (
        theta[..., :, :, None] * reverse[..., :, None, :]
    ).sum(-3)
    return squares(x, difference)


def counts() -> Layout:
    """Agents, last width of the hypernetwork, parameters of a policy."""
    teams = tuple((n, 64, 16158) for n in (3, 5, 10, 27, 66, 100)) + tuple((n, 16, 16158) for n in (3, 17, 18))
    return {"team": Choice(teams), "one_number": Fixed(1)}


def smaller_than_separate(x: Instance) -> Any:
    """n·P − (H + 1)·P, an upper bound on NoPS minus Hyper."""
    n, H, P = x.team
    return x.one_number * (n * P - (H + 1) * P)


def larger_than_shared(x: Instance) -> Any:
    """(H + 1)·P − P: Hyper minus FuPS."""
    _, H, P = x.team
    return x.one_number * ((H + 1) * P - P)


SIZES = ({"agents": 2, "embedding": 2, "outputs": 2}, {"agents": 3, "embedding": 2, "outputs": 2})
gradient_factors = Claim(
    statement=r"\nabla_W J = \sum_i \nabla_{\theta_i} J \, e_i^\top, \quad \theta_i = W e_i",
    plain="A hypernetwork's gradient is a sum over agents of a trajectory factor times an agent factor.",
    source=SOURCE,
    locator="the gradient decomposition",
    status="proved",
    kind="identity",
    margin=factorisation,
    family=Family(layout, SIZES),
    numbers=("float", "rational"),
    note="FuPS+ID factors in the same way through its first bias: the factorisation by itself decouples nobody.",
    smooth=False,
)
factors_can_be_swapped = Claim(
    statement=r"\sum_i \nabla_{\theta_i} J \, e_i^\top = \sum_i \nabla_{\theta_i} J \, e_{\sigma(i)}^\top",
    plain="It does not matter which agent's factor goes with which gradient.",
    source="the decomposition read loosely",
    locator="a check that the pairing matters",
    status="refuted",
    kind="identity",
    margin=swapped,
    family=Family(layout, SIZES),
    expected="refuted",
    numbers=("float", "rational"),
    smooth=False,
)
fewer_than_separate = Claim(
    statement=r"|Hyper| \le |NoPS| = n P",
    plain="A hypernetwork has far fewer parameters than separate networks.",
    source=SOURCE,
    locator="the comparison of parameter counts",
    status="refuted",
    kind="inequality",
    margin=smaller_than_separate,
    family=Family(counts),
    expected="refuted",
    witness=lambda: exact_instance(counts(), team=(5, 64, 16158)),
    note="An MLP hypernetwork of last width H beats separate networks only for n > H + 1.",
)
more_than_shared = Claim(
    statement=r"|Hyper| \ge |FuPS|",
    plain="A hypernetwork has more parameters than one shared network.",
    source=SOURCE,
    locator="the comparison of parameter counts",
    status="proved",
    kind="inequality",
    margin=larger_than_shared,
    family=Family(counts),
)
