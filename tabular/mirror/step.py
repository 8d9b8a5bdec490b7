"""One agent's step of HATRL, exactly: the penalised trust-region problem over all states at once.

    maximise over q    Σ_s ρ(s)⟨w_s, q_s⟩ − C·max_s KL(p_s‖q_s)

p is the agent's old table, w_s(a) its advantage given the predecessors' new policies, C the penalty (Zhong et al.,
*Heterogeneous-Agent Reinforcement Learning*, Algorithm 1). For a fixed radius t = max_s KL the states decouple, and

    q(a) = λ p(a)/(μ − w(a))    on the support of p, with λ and μ from Σ q = 1 and KL(p‖q) = t;

an action with p(a) = 0 may enter (forward KL allows it): then μ = w(a) and it takes the remaining mass. λ_s(t) is the
price of a state's radius, and the radius is optimal where Σ_s ρ(s)λ_s(t) = C: one state pays for what another uses.
At C = 0 (γ = 0) the step is a best response. Where w is constant on the support, or ρ(s) = 0, the old row stays.

Guarantee. The result carries a bound on its distance from the optimum, computed from what is returned by weak duality:
for κ ≥ 0 with Σκ ≤ C and μ_s ≥ max_a w_s(a), no step gains more than Σ_s κ_s Σ_a p_a φ(ρ_s(μ_s − w_a)/κ_s − 1),
φ(y) = y − ln(1+y). General cone solvers lose the answer when C is as large as the theory's; this bound is the judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.errors import ConvergenceError, InputError
from marlcore.kit.html import Shown
from tabular.mirror import step_certificate, step_kernel


@dataclass(frozen=True, eq=False)
class TrustRegionStep(Shown):
    """The new table, and the evidence: its gain, the most that any table could gain, and the multipliers that prove it.

    ``gain`` = ``surrogate`` − C·``divergence``, ``surrogate`` = Σρ⟨w, q − p⟩ and ``divergence`` = max_s KL(p_s‖q_s);
    staying at p gains 0, and no table gains more than ``bound``.
    """

    table: np.ndarray
    gain: float
    surrogate: float
    divergence: float
    bound: float
    multipliers: np.ndarray
    """κ (S,): what each state pays for the common radius; Σκ ≤ C."""
    excess: np.ndarray
    """μ_s − max_a w_s(a) ≥ 0 (S,)."""
    infeasibility: float
    """max_s |Σ_a q(a|s) − 1|; no entry is negative."""
    passes: int
    """Evaluations of Σρλ(t)."""

    @property
    def gap(self) -> float:
        """A bound on how far the gain is from the largest possible."""
        return max(self.bound - self.gain, 0.0)


def trust_region_step(table: Any, weights: Any, rho: Any, penalty: float) -> TrustRegionStep:
    """The maximiser of Σ_s ρ(s)⟨w_s, q_s⟩ − C·max_s KL(p_s‖q_s) for p = ``table`` (S, A), w = ``weights`` (S, A)."""
    p, w, rho, C = _checked(table, weights, rho, penalty)
    q, kappa, excess, passes = np.empty_like(p), np.zeros(len(p)), np.zeros(len(p)), 0
    if C == 0:
        step_kernel.best_rows(p, w, rho, q)
    else:
        _, passes = step_kernel.solve(p, w, rho, C, q, kappa, excess)
        if passes < 0:
            raise ConvergenceError(f"the radius of the trust-region step was not found (penalty {C})")
    surrogate, divergence, bound, defect, least = step_certificate.certify(p, w, rho, C, q, kappa, excess)
    assert least >= 0
    gain = surrogate - C * divergence if C else surrogate
    return TrustRegionStep(q, gain, surrogate, divergence, bound, kappa, excess, defect, passes)


def _checked(table: Any, weights: Any, rho: Any, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    p, w, rho = (np.ascontiguousarray(x, dtype=float) for x in (table, weights, rho))
    if p.ndim != 2 or w.shape != p.shape or rho.shape != p.shape[:1] or 0 in p.shape:
        raise InputError(
            f"a step needs p (S, A), w (S, A) and ρ (S,); their shapes are {p.shape}, {w.shape} and {rho.shape}"
        )
    C = float(penalty)
    if not 0 <= C < np.inf:
        raise InputError(f"the penalty C must be a finite number ≥ 0, not {penalty}")
    code, s, a = step_kernel.invalid_entry(p, w, rho)
    if code == 1:
        raise InputError(f"p(a={a}|s={s}) is {p[s, a]}, which is no probability")
    if code == 2:
        raise InputError(f"p(·|s={s}) is not a distribution: it sums to {p[s].sum()}")
    if code == 3:
        raise InputError(f"w(s={s}, a={a}) is {w[s, a]}, which is no finite number")
    if code == 4:
        raise InputError(f"ρ(s={s}) is {rho[s]}, but a measure is finite and ≥ 0")
    return p, w, rho, C
