"""What a trust-region step is worth, computed from what is returned alone: primal value, dual bound, feasibility.

Weak duality: max_s KL(p_s‖q_s)·C ≥ Σ_s κ_s KL(p_s‖q_s) for κ ≥ 0 with Σκ ≤ C, and for any μ_s ≥ max_a w_s(a) the
Lagrangian of the simplex gives, with φ(y) = y − ln(1+y),

    max_q Σ_s [ρ_s⟨w_s, q_s − p_s⟩ − κ_s KL(p_s‖q_s)] ≤ Σ_s κ_s Σ_a p_a φ(ρ_s(μ_s − w_a)/κ_s − 1)

and ρ_s(max w_s − ⟨p_s,w_s⟩) bounds a state's part whatever κ_s is. Nothing of the solver is used, and φ does not cancel
where the step is small.
"""

from __future__ import annotations

import math

from marlcore.compiled import compiled
from tabular.mirror.entropy_kernel import SMALLEST, phi_near, relative_entropy


@compiled
def certify(p, w, rho, penalty, q, kappa, excess):
    """(Σρ⟨w,q−p⟩, max KL, dual bound on the gain, largest |Σq − 1|, least q); ``excess`` is μ − max w."""
    shares = 0.0
    for s in range(p.shape[0]):
        shares += kappa[s]
    shrink = penalty / shares if shares > penalty else 1.0
    surrogate, divergence, bound, defect, least = 0.0, 0.0, 0.0, 0.0, 1.0
    for s in range(p.shape[0]):
        top, low = w[s, 0], w[s, 0]
        for a in range(1, p.shape[1]):
            top, low = max(top, w[s, a]), min(low, w[s, a])
        gain, spent, total, slack = 0.0, 0.0, 0.0, 0.0
        for a in range(p.shape[1]):
            gain += (w[s, a] - top) * (q[s, a] - p[s, a])
            slack += p[s, a] * (top - w[s, a])
            spent += relative_entropy(p[s, a], q[s, a])
            total += q[s, a]
            least = min(least, q[s, a])
        surrogate += rho[s] * gain
        divergence = max(divergence, spent)
        defect = max(defect, abs(total - 1.0))
        lam = kappa[s] * shrink / rho[s] if rho[s] > 0.0 else 0.0
        if lam > 0.0:
            slack = min(slack, _dual_gain(p[s], w[s], top, lam, excess[s]))
        bound += rho[s] * slack
    return surrogate, divergence, bound, defect, least


@compiled
def _dual_gain(p, w, top, lam, excess):
    """λ Σ p·(y − ln(1+y)) with 1 + y = (μ − w)/λ."""
    gain = 0.0
    for a in range(len(p)):
        if p[a] > 0.0:
            y = (excess - lam + (top - w[a])) / lam
            if abs(y) < 0.25:
                gain += p[a] * phi_near(y)
            else:
                ratio = (excess + (top - w[a])) / lam
                gain += p[a] * (ratio - 1.0 - math.log(max(ratio, SMALLEST)))
    return lam * gain
