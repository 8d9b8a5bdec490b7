"""The joint lower bound of HARL (Lemma 8) with its printed constant C and with a sharper one, C*.

    J(π̄) ≥ J(π) + Σ_m [ L^{i_{1:m}}_π(π̄^{i_{1:m−1}}, π̄^{i_m}) − C·D^max_KL(π^{i_m}, π̄^{i_m}) ]
    C = 4γε/(1−γ)²          C* = 2ε·Li_{−1/2}(γ),  Li_{−1/2}(γ) = Σ_{t≥1} √t γᵗ          ε = max_{s,a} |A_π(s,a)|

C* (ours). With D = Σ_i D^max_KL(π^i,π̄^i) and Ā(s) = E_{a~π̄}A_π(s,a), the gap J(π) + ΣL − J(π̄) is
Σ_t γᵗ Σ_s (ρᵗ_π − ρᵗ_π̄)(s) Ā(s). The chain rule and data processing give KL(ρᵗ_π‖ρᵗ_π̄) ≤ tD, Pinsker
‖ρᵗ_π − ρᵗ_π̄‖₁ ≤ √(2tD) and |Ā(s)| ≤ ε‖π̄−π‖₁ ≤ ε√(2D). Multiply and sum. C* is 0.143, 0.044 and 0.014 of C at
γ = 0.9, 0.99 and 0.999, and never above C/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers, policies
from marlcore.advantages import check_agents, surrogate
from marlcore.divergences import max_kl
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.kit.html import Shown
from marlcore.numbers import ANALYTIC, ARITHMETIC, primitive
from marlcore.policies import Policy
from marlcore.values import Evaluation, evaluate


@dataclass(frozen=True, eq=False)
class LowerBound(Shown):
    """The bound and its parts; ``surrogates`` and ``divergences`` follow the order of the agents."""

    value: Any
    """J(π) + Σ_m [L_m − C·D_m], (*B)."""
    J: Any
    surrogates: tuple[Any, ...]
    divergences: tuple[Any, ...]
    constant: Any
    order: tuple[int, ...]


@primitive(*ANALYTIC)
def lower_bound(
    game: TeamGame,
    policy: Policy,
    new: Policy,
    order: Sequence[int] | None = None,
    penalty: str | Any = "paper",
) -> LowerBound:
    """J(π) + Σ_m [L_m − C·D^max_KL(π^{i_m}, π̄^{i_m})] ≤ J(π̄) for π̄ = ``new``, agents in ``order``  (HARL, Lemma 8).

    The order is 0, 1, … unless given; ``penalty`` is "paper" (C), "sharp" (C*) or a number of your own in place of C.
    """
    if isinstance(game, (MarkovGame, MatrixGame)):
        raise InputError("the lower bound is about team games (one reward for all agents), not general-sum games")
    new = policies.check(game, new, "new")
    return lower_bound_from(evaluate(game, policy), game.discount, policy, new, order, penalty)


def lower_bound_from(
    old: Evaluation, gamma: Any, policy: Policy, new: Policy, order: Sequence[int] | None, penalty: str | Any
) -> LowerBound:
    """The same from an evaluation of the old policy that is there already."""
    order = tuple(range(len(policy))) if order is None else check_agents(order, len(policy))
    if len(order) != len(policy):
        raise InputError(f"order {order} is no permutation of the {len(policy)} agents")
    constant = penalty_constant(penalty, gamma, largest_advantage(old.A, len(policy)))
    surrogates = tuple(surrogate(old.Q, old.rho, policy, new, order[: m + 1]) for m in range(len(order)))
    divergences = tuple(max_kl(policy[i], new[i]) for i in order)
    value = old.J + sum(surrogates) - constant * sum(divergences)
    return LowerBound(value, old.J, surrogates, divergences, constant, order)


def penalty_constant(penalty: str | Any, gamma: Any, eps: Any) -> Any:
    """C for "paper", C* for "sharp", a number as it is."""
    if not isinstance(penalty, str):
        return penalty
    constants: dict[str, Callable[[Any, Any], Any]] = {"paper": paper_constant, "sharp": sharp_constant_for}
    if penalty not in constants:
        raise InputError(f'penalty must be "paper", "sharp" or a number, not "{penalty}"')
    return constants[penalty](gamma, eps)


@primitive(*ARITHMETIC)
def largest_advantage(A: Any, n: int) -> Any:
    """ε = max_{s,a} |A_π(s,a)| over the state axis and the n action axes, (…)."""
    return numbers.amax(numbers.absolute(A), tuple(range(-n - 1, 0)))


@primitive(*ARITHMETIC)
def paper_constant(gamma: Any, eps: Any) -> Any:
    """C = 4γε/(1−γ)²  (HARL, Lemma 8; Pinsker's inequality used in full gives half of it)."""
    return 4 * gamma * eps / ((1 - gamma) * (1 - gamma))


@primitive(*ANALYTIC)
def sharp_constant_for(gamma: Any, eps: Any) -> Any:
    """C* = 2ε·Li_{−1/2}(γ): in place of C in Lemma 8 (ours, proved above)."""
    return eps * sharp_constant(gamma)


@primitive(*ANALYTIC)
def sharp_constant(gamma: Any) -> Any:
    """C*/ε = 2·Li_{−1/2}(γ) = 2 Σ_{t≥1} √t γᵗ ~ √π (1−γ)^{−3/2}, to double precision for any γ in [0, 1).

    Floats: the series itself up to γ = ½, above it the expansion about γ = 1,
    Li_s(e^{−x}) = Γ(1−s) x^{s−1} + Σ_k ζ(s−k)(−x)ᵏ/k!, |x| < 2π (Wood 1992, eq. 9.3). Tensors carry the gradient
    d Li_{−1/2}/dγ = Li_{−3/2}(γ)/γ.
    """
    kind = numbers.kind_of(gamma)
    if kind == "torch":
        return 2 * _polylog_torch(gamma)
    if kind == "float":
        return 2 * _polylog_float(gamma, -0.5)
    return np.frompyfunc(_polylog_symbol if kind == "symbol" else _polylog_ball, 1, 1)(gamma) * 2


def _polylog_symbol(gamma: Any) -> Any:
    import sympy

    return sympy.polylog(sympy.Rational(-1, 2), gamma)


def _polylog_ball(gamma: Any) -> Any:
    import flint

    return flint.arb(gamma).polylog(flint.arb(flint.fmpq(-1, 2)))


def _polylog_torch(gamma: Any) -> Any:
    import torch

    class Polylog(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.as_tensor(_polylog_float(x.detach().cpu().numpy(), -0.5), dtype=x.dtype, device=x.device)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            (x,) = ctx.saved_tensors
            at = x.detach().cpu().numpy()
            slope = np.where(at > 0, _polylog_float(at, -1.5) / np.where(at > 0, at, 1), 1.0)
            return grads[0] * torch.as_tensor(slope, dtype=x.dtype, device=x.device)

    return Polylog.apply(gamma)


_TERMS = 64


def _polylog_float(gamma: Any, s: float) -> Any:
    """Li_s(γ) for s = −½ or −3/2 and γ in [0, 1), elementwise."""
    gamma = np.asarray(gamma, dtype=float)
    low = gamma <= 0.5
    t = np.arange(1.0, _TERMS + 1)
    x_low = np.where(low, gamma, 0.0)[..., None]
    series = (t**-s * x_low**t)[..., ::-1].sum(-1)
    x = -np.log(np.where(low, 0.5, gamma))
    tail = np.zeros_like(x)
    for coefficient in _zeta_coefficients(s)[::-1]:
        tail = coefficient - x * tail
    result = np.where(low, series, math.gamma(1 - s) * x ** (s - 1) + tail)
    return result if result.ndim else float(result)


def _zeta_coefficients(s: float) -> tuple[float, ...]:
    """ζ(s−k)/k! for k = 0 … 29 (x ≤ ln 2, so terms fall like (ln 2/2π)ᵏ), by ζ's functional equation."""
    return _ZETA.setdefault(s, tuple(_zeta_negative(s - k) / math.factorial(k) for k in range(30)))


_ZETA: dict[float, tuple[float, ...]] = {}


def _zeta_negative(z: float) -> float:
    """ζ(z) for z < 0: 2^z π^{z−1} sin(πz/2) Γ(1−z) ζ(1−z)."""
    from scipy.special import zeta

    # z is a half-integer: πz/2 is an odd multiple of π/4, whose sine is ±√½ exactly
    sign = 1 if math.sin(math.pi * z / 2) > 0 else -1
    return 2.0**z * math.pi ** (z - 1) * sign * math.sqrt(0.5) * math.gamma(1 - z) * float(zeta(1 - z))
