"""A Markov decision process solved exactly: what is left of a game when all agents but one, or none, are held fixed.

    V(s) = max_a [ r(s,a) + γ Σ_s' P(s'|s,a) V(s') ]

Howard's policy iteration: evaluate, then move to a better action wherever one is better; it ends because no policy
comes twice. Floats move only where the gain exceeds round-off, so they cannot cycle either; rationals compare exactly.
The error bound is computed from the V returned: 0 ≤ V* − V_π ≤ max_s (max_a Q − V)(s)/(1 − γ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import ConvergenceError, InputError
from marlcore.validation import is_sparse
from marlcore.values import scale, state_values

ROUND_OFF = 1e-12
"""A float action is better when its value is, by this much of the largest value."""
MAX_ITERATIONS = 10_000
"""Far above what policy iteration needs (tens); reached only if something is wrong."""


@dataclass(frozen=True, eq=False)
class MDPSolution:
    """V (…, S), Q (…, S, A), the greedy actions (…, S), a bound on |V − V*| at every state, and the sweeps it took."""

    V: Any
    Q: Any
    actions: np.ndarray
    error: float
    iterations: int


def solve_mdp(transitions: Any, rewards: Any, gamma: Any, actions: np.ndarray | None = None) -> MDPSolution:
    """The optimal values of P (…, S, A, S) (or CSR (S·A, S)) and r (…, S, A), floats or rationals.

    ``actions`` is a policy to start from; batches are solved side by side.
    """
    if is_sparse(transitions):
        from marlcore import sparse

        return sparse.solve_mdp(transitions, rewards, gamma, actions)
    kind = numbers.kind_of(transitions, rewards, gamma)
    if kind == "rational" and actions is None:
        P, r = numbers.convert(transitions, "float"), numbers.convert(rewards, "float")
        actions = solve_mdp(P, r, _float_discount(gamma)).actions
    if kind not in ("float", "rational"):
        raise InputError(f"policy iteration takes float or rational numbers, not {kind}")
    greedy: Any = rewards.argmax(-1) if actions is None else actions
    slack = ROUND_OFF if kind == "float" else 0
    for iteration in range(1, MAX_ITERATIONS + 1):
        V, Q = _evaluate_actions(transitions, rewards, gamma, greedy)
        best = numbers.amax(Q, -1)
        better = best > V + slack * (1 + np.abs(V).max() if slack else 0)
        if not better.any():
            gain = numbers.convert(np.max(np.abs(best - V)), "float")
            return MDPSolution(V, Q, greedy, float(gain / (1 - np.max(_float_discount(gamma)))), iteration)
        greedy = np.where(better, Q.argmax(-1), greedy)
    raise ConvergenceError(f"policy iteration did not end within {MAX_ITERATIONS} sweeps (γ = {gamma})")


def _evaluate_actions(P: Any, r: Any, gamma: Any, actions: np.ndarray) -> tuple[Any, Any]:
    P_pi = np.take_along_axis(P, actions[..., None, None], axis=-2)[..., 0, :]
    r_pi = np.take_along_axis(r, actions[..., None], axis=-1)
    V = state_values(P_pi, r_pi, gamma)
    Q = r + scale(gamma, 2) * (P @ V[..., None, :, :])[..., 0]
    return V[..., 0], Q


def _float_discount(gamma: Any) -> Any:
    return numbers.convert(gamma, "float")
