"""What is claimed of trained networks that share parameters: statistical claims of the deep family, listed by name."""

from __future__ import annotations

from proofs_check.claim import Claim, pending

SOURCE = "Tessera et al., HyperMARL, 2024"


def _result(statement: str, plain: str, locator: str) -> Claim:
    return pending(statement, plain, SOURCE, locator, subject="the sharing schemes of the deep family")


ids_need_a_diversity_loss = _result(
    r"\bar J(\text{FuPS+ID}) < \bar J(\text{FuPS+ID with a diversity loss}) \text{ where agents must specialise}",
    "One shared network with agents' ids needs a diversity loss to specialise.",
    "the dispersion tasks",
)
hypernetworks_interfere_less = _result(
    r"\cos(g_i, g_j)_{\text{Hyper}} > \cos(g_i, g_j)_{\text{FuPS+ID}} \text{ where agents must specialise}",
    "Agents' gradients on the shared parameters conflict less under a hypernetwork than under a network with ids.",
    "gradient interference",
)
