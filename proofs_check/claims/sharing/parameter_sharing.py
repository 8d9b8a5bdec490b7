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
from proofs_check.claim import Claim, Family, Hypothesis
from proofs_check.families import along, exact_instance, squares
from proofs_check.instances import Between, Choice, Fixed, Instance, Layout, Reals

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


def conflict(x: Instance) -> Any:
    """⟨g_1 e_1ᵀ, g_2 e_2ᵀ⟩ = (g_1·g_2)(e_1·e_2), how far two agents' shares of ∂J/∂W agree."""
    return (x.g1 * x.g2).sum(-1) * (x.e1 * _second(x)).sum(-1)


def _second(x: Instance) -> Any:
    """e_2: e_1 turned by a right angle and scaled, plus a part along e_1."""
    turned = numbers.stack([-x.e1[..., 1], x.e1[..., 0]], axis=-1)
    return along(x.scale, 1) * turned + along(x.tilt, 1) * x.e1


def shares(most: str = "0") -> Layout:
    """Both agents' gradients, the first embedding, and the second by its scale and its part along the first."""
    return {
        "g1": Reals((3,)),
        "g2": Reals((3,)),
        "e1": Reals((2,)),
        "scale": Reals(),
        "tilt": Between(0, most),
    }


def conflict_squared(x: Instance) -> Any:
    """The square of the same: 0 where the shares are orthogonal."""
    agreement = conflict(x)
    return agreement * agreement


def orthogonal(x: Instance) -> Any:
    """Whether e_2 has no part along e_1."""
    return numbers.convert(x.tilt, "float") == 0


def aligned() -> Instance:
    """Both agents have the same embedding, and opposite gradients."""
    sizes = {"most": "1"}
    return exact_instance(shares(**sizes), sizes, g1=[1, 0, 0], g2=[-1, 0, 0], e1=[1, 0], scale=0, tilt=1)


P = 16158
"""The parameters of the policy that notes compare with."""


def mlp_count(n: int, k: int, H: int) -> int:
    """Embeddings n·k, a layer (k+1)·H, and the head (H+1)·P."""
    return n * k + (k + 1) * H + (H + 1) * P


def linear_count(n: int, k: int) -> int:
    """Embeddings n·k and the head (k+1)·P."""
    return n * k + (k + 1) * P


def few() -> Layout:
    """Teams of n ≤ H + 1 agents, with an embedding of k numbers."""
    teams = tuple((n, k, H) for H in (16, 64) for n in (2, 3, 5, 10, 17, 27, 65) for k in (1, 4, 64) if n <= H + 1)
    return {"team": Choice(teams), "one_number": Fixed(1)}


def larger_than_separate(x: Instance) -> Any:
    """Hyper minus NoPS for an MLP hypernetwork."""
    n, k, H = x.team
    return x.one_number * (mlp_count(n, k, H) - n * P)


def crossings() -> Layout:
    """The last width of an MLP hypernetwork (embeddings of 8), or the embedding of a linear one, and the smallest n."""
    known = (("MLP", 64, 66), ("MLP", 16, 18), ("linear", 4, 6), ("linear", 8, 10), ("linear", 16, 18))
    return {"scheme": Choice(known), "one_number": Fixed(1)}


def crossing(x: Instance) -> Any:
    """The smallest n at which Hyper is below NoPS, minus the stated one."""
    kind, width, stated = x.scheme
    count = (lambda n: mlp_count(n, 8, width)) if kind == "MLP" else (lambda n: linear_count(n, width))
    return x.one_number * (next(n for n in range(1, 200) if count(n) < n * P) - stated)


def teams() -> Layout:
    """Teams of any size."""
    return {"n": Choice(tuple(range(1, 201))), "one_number": Fixed(1)}


def one_hot(x: Instance) -> Any:
    """A linear hypernetwork on one-hot ids, (n + 1)·P, minus NoPS."""
    return x.one_number * ((x.n + 1) * P - x.n * P)


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
    figure="interference",
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
    figure="sharing_costs",
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
    figure="sharing_costs",
)
few_agents_are_dearer = Claim(
    statement=r"n \le H + 1 \Rightarrow |Hyper| = n k + (k+1) H + (H+1) P > n P",
    plain="An MLP hypernetwork of last width H has more parameters than separate networks for up to H + 1 agents.",
    source="counting",
    locator="P = 16158",
    status="ours",
    kind="inequality",
    margin=larger_than_separate,
    family=Family(few),
    figure="sharing_costs",
)
crossing_points = Claim(
    statement=r"|Hyper| < n P \Leftrightarrow n \ge 66, 18 \ (H = 64, 16), \quad n \ge 6, 10, 18 \ (k = 4, 8, 16)",
    plain="From how many agents on a hypernetwork has fewer parameters than separate networks.",
    source="counting",
    locator="P = 16158; MLP of last width H with embeddings of 8, linear with embeddings of k",
    status="ours",
    kind="identity",
    margin=crossing,
    family=Family(crossings),
    figure="sharing_costs",
)
one_hot_never = Claim(
    statement=r"|Hyper_{one\text{-}hot}| = (n + 1) P > n P",
    plain="A linear hypernetwork on one-hot ids never has fewer parameters than separate networks.",
    source="counting",
    locator="the head alone has n·P weights",
    status="ours",
    kind="inequality",
    margin=one_hot,
    family=Family(teams),
    figure="sharing_costs",
)
orthogonal_embeddings = Claim(
    statement=r"e_1 \perp e_2 \Rightarrow \langle \nabla_{\theta_1} J \, e_1^\top, \nabla_{\theta_2} J \, e_2^\top"
    r" \rangle = 0",
    plain="Two agents' shares of a linear hypernetwork's gradient are orthogonal if their embeddings are.",
    source=SOURCE,
    locator="what decouples agents",
    status="ours",
    kind="identity",
    margin=conflict_squared,
    family=Family(shares),
    hypotheses={"orthogonal": Hypothesis("e_1 · e_2 = 0", orthogonal, aligned)},
    figure="interference",
)
factorisation_decouples = Claim(
    statement=r"\langle \nabla_{\theta_1} J \, e_1^\top, \nabla_{\theta_2} J \, e_2^\top \rangle \ge 0",
    plain="The factorisation by itself keeps agents from conflicting: their shares of the gradient never disagree.",
    source=SOURCE,
    locator="a reading of the gradient decomposition",
    status="refuted",
    kind="inequality",
    margin=conflict,
    family=Family(shares, ({"most": "1"},)),
    expected="refuted",
    numbers=("float", "torch", "rational", "ball"),
    assumes=("sharing/parameter_sharing/gradient_factors",),
    witness=aligned,
    figure="interference",
)
