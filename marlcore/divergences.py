"""Divergences between rows of probabilities: KL, total variation, their mean and their maximum over states.

    KL(p ‖ q) = Σ_a p(a) ln(p(a)/q(a))        TV(p, q) = ½ Σ_a |p(a) − q(a)|

Forward KL has the old policy first: ``kl(old, new)`` (HARL's D_KL(π, π̄)). Conventions: 0·ln 0 = 0; p > 0 = q gives ∞.
Rows must be distributions: KL is summed as Σ [p ln(p/q) − p + q], equal because both sum to 1, and every term is ≥ 0.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Shaped

from marlcore import numbers
from marlcore.numbers import ANALYTIC, ARITHMETIC, primitive


@primitive(*ANALYTIC)
def kl(p: Shaped[Any, "*B A"], q: Shaped[Any, "*B A"]) -> Any:
    """KL(p ‖ q) = Σ_a p ln(p/q) over the last axis, (…)  (Kullback & Leibler 1951)."""
    return numbers.relative_entropy(p, q).sum(-1)


@primitive(*ARITHMETIC)
def tv(p: Shaped[Any, "*B A"], q: Shaped[Any, "*B A"]) -> Any:
    """TV(p, q) = ½ Σ_a |p − q| over the last axis, (…)."""
    return numbers.absolute(p - q).sum(-1) * numbers.number("1/2", numbers.kind_of(p, q))


@primitive(*ANALYTIC)
def expected_kl(weights: Shaped[Any, "*#B S"], p: Shaped[Any, "*#B S A"], q: Shaped[Any, "*#B S A"]) -> Any:
    """Σ_s w(s) KL(p(·|s) ‖ q(·|s)), (…): with w = (1−γ)ρ_π the expected KL that HATRPO constrains (HARL, §4)."""
    return (weights * kl(p, q)).sum(-1)


@primitive(*ANALYTIC)
def max_kl(p: Shaped[Any, "*B S A"], q: Shaped[Any, "*B S A"]) -> Any:
    """D^max_KL(p, q) = max_s KL(p(·|s) ‖ q(·|s)), (…)  (HARL, Lemma 8)."""
    return numbers.amax(kl(p, q), -1)


@primitive(*ARITHMETIC)
def max_tv(p: Shaped[Any, "*B S A"], q: Shaped[Any, "*B S A"]) -> Any:
    """max_s TV(p(·|s), q(·|s)), (…)."""
    return numbers.amax(tv(p, q), -1)


@primitive(*ANALYTIC)
def entropy(p: Shaped[Any, "*B A"]) -> Any:
    """H(p) = −Σ_a p ln p over the last axis, (…): ln A − KL(p ‖ uniform)."""
    count = p.shape[-1]
    kind = numbers.kind_of(p)
    level = p * 0 + numbers.number(f"1/{count}", kind)
    return numbers.log(p[..., 0] * 0 + count) - kl(p, level)
