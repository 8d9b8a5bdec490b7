"""HATRPO's step on a softmax table: H·A = g, so the natural gradient is the advantage, and the step has length δ.

    g = π∘(A − π·A)      H = diag(π) − ππᵀ      H A = g      x = √(2δ/(gᵀH⁺g))·H⁺g   ⇒   ½xᵀHx = δ

Source: Zhong et al., *Heterogeneous-Agent Reinforcement Learning*, JMLR 2024 (the HATRPO step); Kakade, *A natural
policy gradient*, 2001. H is singular along constants; g lies in its range, because HA = g.
"""

from __future__ import annotations

from typing import Any

from proofs_check.claim import Claim, Family
from proofs_check.families import squares
from proofs_check.instances import Between, Instance, Layout, Reals, Rows

SOURCE = "Zhong et al., Heterogeneous-Agent Reinforcement Learning, JMLR 2024; Kakade 2001"


def layout(actions: int = 3) -> Layout:
    """One state: a softmax policy, an advantage, and δ."""
    return {"policy": Rows((actions,), interior=True), "A": Reals((actions,)), "delta": Between("1/100", "1/10")}


def gradient(x: Instance) -> Any:
    """∂/∂θ Σ_a π_θ(a)A(a) = π∘(A − π·A)."""
    return (
        x.policy * (x.A - (x.policy * x.A).sum(-1)[..., None])
        if x.batch_shape
        else x.policy * (x.A - (x.policy * x.A).sum())
    )


def hessian_times(x: Instance, v: Any) -> Any:
    """(diag(π) − ππᵀ)v."""
    mean = (x.policy * v).sum(-1)
    return x.policy * v - x.policy * (mean[..., None] if x.batch_shape else mean)


def in_range(x: Instance) -> Any:
    """H A − g."""
    return squares(x, hessian_times(x, x.A) - gradient(x))


def length(x: Instance) -> Any:
    """gᵀH⁺g·(½xᵀHx − δ) for x = √(2δ/gᵀH⁺g)·A: both sides times what the root divides by."""
    g = gradient(x)
    inner = (g * x.A).sum(-1)
    quadratic = (x.A * hessian_times(x, x.A)).sum(-1)
    difference = x.delta * quadratic - x.delta * inner
    return difference * difference


FAMILY = Family(layout, ({"actions": 3}, {"actions": 2}, {"actions": 5}))
SHAPES = ({"actions": 3}, {"actions": 4})
range_of_hessian = Claim(
    statement=r"(\mathrm{diag}(\pi) - \pi \pi^\top) A = \nabla_\theta \sum_a \pi_\theta(a) A(a)",
    plain="The natural gradient of a softmax table is the advantage itself; g lies in the range of the singular H.",
    source=SOURCE,
    locator="the HATRPO step",
    status="proved",
    kind="identity",
    margin=in_range,
    family=FAMILY,
    symbolic=SHAPES,
)
step_length = Claim(
    statement=r"x = \sqrt{\tfrac{2\delta}{g^\top H^{+} g}} H^{+} g \Rightarrow \tfrac12 x^\top H x = \delta",
    plain="The full step of HATRPO has quadratic KL exactly δ.",
    source=SOURCE,
    locator="the HATRPO step",
    status="proved",
    kind="identity",
    margin=length,
    family=FAMILY,
    symbolic=SHAPES,
)
