"""The inner maximum of mirror learning, exactly, for drifts that are sums over actions.

    maximise over π̂^i ∈ U:   Σ_s β(s)·( Σ_a π̂^i(a|s) A^i(s,a) − D^i_π(π̂^i|s) )

The drift is convex and separable and so are all balls, so the problem has multipliers: a level μ_s for Σ_a π̂ = 1, a
price for the ball; each action's share is then a function of them alone (``separable_kernel``).

Guarantee. The result's ``gap`` bounds its distance from the maximum by weak duality: with d_a the drift's summands and
k_a the ball's, no table in U has more than Σ_s β(s)(μ_s + Σ_a max_q [qA_a − d_a(q) − κ k_a(q) − μ_s q]) + κδ. HAMO at
each state is at least its value at the old policy, up to that: putting one state back stays in U.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marlcore.divergences import kl
from marlcore.objectives import Step, hamo
from tabular.mirror import separable_kernel, step_kernel
from tabular.mirror.drifts import SeparableDrift, Zero
from tabular.mirror.neighbourhoods import Everything, ExpectedKL, MaxKL, Neighbourhood, TotalVariation


@dataclass(frozen=True, eq=False)
class InnerMaximum:
    """The new table (S, A_i), HAMO's gain over the old policy at every state (S,), and a bound on Σ_s β(s)·(loss)."""

    table: np.ndarray
    gains: np.ndarray
    gap: float
    """Distance from the maximum at most; infinite where the maximiser only promises that HAMO does not decrease."""


def maximise(drift: SeparableDrift, at: Step, neighbourhood: Neighbourhood, beta: np.ndarray) -> InnerMaximum:
    """The maximiser over the neighbourhood; states with β(s) = 0 stay as they are."""
    p, w = (np.ascontiguousarray(x, dtype=float) for x in (at.old, at.advantage))
    table, upper = np.empty_like(p), np.zeros(len(p))
    if isinstance(drift, Zero) and isinstance(neighbourhood, Everything):
        step_kernel.best_rows(p, w, beta, table)  # of equals, those that the old policy plays
        upper = w.max(-1)
    else:
        upper = _solve(drift, at, p, w, neighbourhood, beta, table)
    counted = beta > 0
    gains = hamo(table, w, drift(table, at)) - hamo(p, w, drift(p, at))
    value = hamo(table, w, drift(table, at))
    gap = float((beta * np.where(counted, upper - value, 0)).sum())
    return InnerMaximum(table, gains, max(gap, 0.0))


def _solve(
    drift: SeparableDrift,
    at: Step,
    p: np.ndarray,
    w: np.ndarray,
    neighbourhood: Neighbourhood,
    beta: np.ndarray,
    table: np.ndarray,
) -> np.ndarray:
    """Fill ``table``; return the dual bound on HAMO at every state (an expected ball's budget shared out)."""
    counts, kind = beta / beta.sum(), drift.kind
    up, down = (np.ascontiguousarray(x, dtype=float) for x in drift.slopes(at))
    c, S = drift.parameter, len(p)
    level, price = np.zeros(S), np.zeros(S)
    if isinstance(neighbourhood, TotalVariation):
        below = np.zeros(S)
        separable_kernel.fill_tv(kind, p, w, up, down, c, counts, neighbourhood.radius, table, level, below)
        takers, givers = np.empty_like(p), np.empty_like(p)
        separable_kernel.demand_table(kind, p, w, up, down, c, level, price, takers)
        separable_kernel.demand_table(kind, p, w, up, down, c, below, price, givers)
        best = np.where(takers > p, takers, np.where(givers < p, givers, p))
        middle, toll = (level + below) / 2, (level - below) / 2
        charged = toll * (np.abs(best - p).sum(-1) - 2 * neighbourhood.radius)
        return hamo(best, w, drift(best, at)) - charged + middle * (1 - best.sum(-1))
    budget = 0.0
    if isinstance(neighbourhood, Everything):
        separable_kernel.fill_rows(kind, p, w, up, down, c, price, counts, table, level)
    elif isinstance(neighbourhood, ExpectedKL):
        budget = neighbourhood.radius
        separable_kernel.fill_ball(kind, p, w, up, down, c, counts, budget, table, level, price)
    else:
        assert isinstance(neighbourhood, MaxKL)
        budget = neighbourhood.radius
        separable_kernel.fill_balls(kind, p, w, up, down, c, counts, budget, table, level, price)
    best = np.empty_like(p)
    separable_kernel.demand_table(kind, p, w, up, down, c, level, price, best)
    spent = np.where(price > 0, kl(p, best), 0) - budget
    return hamo(best, w, drift(best, at)) - price * spent + level * (1 - best.sum(-1))
