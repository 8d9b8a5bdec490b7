"""HATRPO's practical step on softmax tables: natural gradient, conjugate gradients, backtracking (Zhong et al., App.).

    θ ← θ + α^j √(2δ/(gᵀH⁻¹g))·H⁻¹g        j the first for which L(θ') > 0 and E_{s~ρ̂}[KL(π_θ‖π_θ')] ≤ δ

with π_θ(·|s) = softmax θ(s,·), g the gradient of L(θ') = Σ_s ρ̂(s)⟨w_s, π_θ'⟩ and H the Hessian of the expected KL at θ:

    g(s,a) = ρ̂(s)π(a|s)(w(s,a) − ⟨π,w⟩)        (Hx)(s,a) = ρ̂(s)π(a|s)(x(s,a) − ⟨π_s,x_s⟩)

one agent after the other, w given the predecessors' new policies. ρ̂ = (1−γ)ρ_π carries γᵗ; the sample gradient that is
printed in the paper does not, and so weighs late states more. H is singular along constants per state, g lies in its
range, and conjugate gradients never leave that range, so no damping is needed. In exact arithmetic H⁻¹g = w up to such
constants wherever ρ̂(s) > 0.

Guarantee. Each surrogate grows and each expected KL is at most δ; nothing is said about HAMO at single states, so J may
fall (unlike ``hatrpo``, whose argmax is exact). Actions of probability 0 stay there: a softmax has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from marlcore.divergences import expected_kl
from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.policies import Policy
from marlcore.trace import Trace
from marlcore.values import Evaluation
from tabular.mirror.record import run
from tabular.mirror.team import Order, agents_in_order, as_team, order_name, step_weights


def natural_hatrpo(
    game: Game,
    policy: Policy | Trace,
    iterations: int,
    delta: float = 0.01,
    alpha: float = 0.5,
    tries: int = 20,
    order: Order = "random",
    rng: np.random.Generator | int = 0,
) -> Trace:
    """Run HATRPO with radius ``delta`` and backtracking coefficient ``alpha``; the trace's extras hold per agent
    "surrogates", "divergences" (expected KL), and "exponents" (j; −1 where no step of ``tries`` was good enough).
    """
    team = as_team(game)
    if not 0 < delta < np.inf:
        raise InputError(f"the radius δ must be a positive number, not {delta}")
    if not 0 < alpha < 1:
        raise InputError(f"the backtracking coefficient α must be between 0 and 1, not {alpha}")

    def update(old: Policy, at: Evaluation, k: int, rng: np.random.Generator) -> tuple[Policy, dict[str, Any]]:
        weights = np.maximum(at.rho, 0) / np.maximum(at.rho, 0).sum()
        new, facts = list(old), {name: np.zeros(team.n) for name in ("surrogates", "divergences", "exponents")}
        chosen = agents_in_order(order, team.n, k, rng)
        for m, i in enumerate(chosen):
            w = step_weights(at.A, old, tuple(new), chosen[: m + 1])
            new[i], *numbers = natural_step(old[i], w, weights, delta, alpha, tries)
            for name, number in zip(facts, numbers, strict=True):
                facts[name][i] = number
        return tuple(new), {**facts, "orders": np.array(chosen)}

    config = {"delta": delta, "alpha": alpha, "tries": tries, "order": order_name(order)}
    return run("natural_hatrpo", game, team, policy, update, iterations, rng, config)


def natural_step(
    table: np.ndarray, w: np.ndarray, weights: np.ndarray, delta: float, alpha: float, tries: int
) -> tuple[np.ndarray, float, float, int]:
    """One agent's step: the new table, its surrogate, its expected KL, and j (−1 and the old table if none is good)."""
    scaled = weights[:, None] * table
    gradient = scaled * (w - (table * w).sum(-1, keepdims=True))

    def hessian(x: np.ndarray) -> np.ndarray:
        return scaled * (x - (table * x).sum(-1, keepdims=True))

    direction = conjugate_gradient(hessian, gradient)
    curvature = float((gradient * direction).sum())
    if not curvature > 0:
        return table, 0.0, 0.0, -1
    full = np.sqrt(2 * delta / curvature) * direction
    for j in range(tries):
        new = softmax_step(table, alpha**j * full)
        surrogate = float((weights[:, None] * w * (new - table)).sum())
        divergence = float(expected_kl(weights, table, new))
        if surrogate > 0 and divergence <= delta:
            return new, surrogate, divergence, j
    return table, 0.0, 0.0, -1


def softmax_step(table: np.ndarray, step: np.ndarray) -> np.ndarray:
    """softmax(θ + step) for softmax(θ) = ``table``."""
    shifted = step - np.where(table > 0, step, -np.inf).max(-1, keepdims=True)
    weights = table * np.exp(np.minimum(shifted, 0))
    return weights / weights.sum(-1, keepdims=True)


def conjugate_gradient(
    matvec: Callable[[np.ndarray], np.ndarray], b: np.ndarray, tolerance: float = 1e-10
) -> np.ndarray:
    """x with Hx = b for a positive semidefinite H and b in its range (Hestenes & Stiefel 1952), residual ≤ tol·‖b‖."""
    x, residual = np.zeros_like(b), b.copy()
    search, square = residual.copy(), float((residual * residual).sum())
    goal = tolerance**2 * square
    for _ in range(10 * b.size):
        if square <= goal or square == 0:
            break
        image = matvec(search)
        bend = float((search * image).sum())
        if not bend > 0:  # what is left is below round-off
            break
        step = square / bend
        x, residual = x + step * search, residual - step * image
        square, before = float((residual * residual).sum()), square
        search = residual + (square / before) * search
    return x
