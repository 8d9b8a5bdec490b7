"""Claims about runs of learners, listed by name until their subject is part of this toolkit's learners.

Minimax-Q converges (Littman 1994), Nash-Q converges when every stage game has a global optimum or a saddle point (Hu &
Wellman 2003), WoLF-PHC converges in self-play on many games and not on Shapley's 3×3 (Bowling & Veloso 2002), and the
deterministic policy gradient of MADDPG (Lowe et al. 2017).
"""

from __future__ import annotations

from typing import Any

from proofs_check.claim import Claim, Family
from proofs_check.instances import Between, Instance


def unavailable(x: Instance) -> Any:
    """Nothing is measured: the claim is pending."""
    raise NotImplementedError("this claim is pending: its subject is not built yet")


def _pending(statement: str, plain: str, source: str, locator: str) -> Claim:
    family = Family(lambda: {"seed": Between(0, 1)})
    return Claim(statement, plain, source, locator, "cited", "statistical", unavailable, family, "pending")


minimax_q_converges = _pending(
    r"Q_t \to Q^*",
    "Minimax-Q converges to the value of a zero-sum Markov game.",
    "Littman, ICML 1994",
    "convergence under Robbins–Monro steps",
)
nash_q_converges = _pending(
    r"Q_t \to Q^{Nash}",
    "Nash-Q converges when every stage game met has a global optimum, or every one a saddle point,"
    " and that is selected.",
    "Hu & Wellman, JMLR 2003",
    "Theorem 4",
)
wolf_phc_on_shapley = _pending(
    r"\pi_t \not\to \pi^* \text{ on Shapley's game}",
    "WoLF-PHC does not settle on Shapley's 3×3 game within its horizon.",
    "Bowling & Veloso, Artificial Intelligence 136, 2002",
    "Section 6",
)
deterministic_gradient = _pending(
    r"\nabla_{\theta_i} J = E[\nabla_{\theta_i} \mu_i(o_i) \nabla_{a_i} Q_i(x, a)]",
    "MADDPG's gradient for deterministic policies.",
    "Lowe et al., 2017",
    "equation 5",
)
