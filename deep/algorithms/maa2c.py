"""MAA2C: every agent follows the policy gradient at once, with a central value (Papoudakis et al., NeurIPS 2021).

    maximise  Σ_i E[r_i·Â] + c·H(π_i)        ∇ at r_i = 1:  Σ_i E[∇ log π_θ(a^i|o^i)·Â]

Source: *Benchmarking Multi-Agent Deep RL Algorithms in Cooperative Tasks*; A2C is the synchronous form of Mnih et al.
(2016). Written with ratios, so that several epochs on one batch weigh samples rightly; with one epoch, the default, it
is the policy gradient itself. Guarantee: none.
"""

from __future__ import annotations

from dataclasses import dataclass

from deep.algorithms.ascent import Ascent, Objective, ascending


@dataclass(frozen=True)
class OneEpoch(Ascent):
    """One gradient step on each batch (Mnih et al., 2016)."""

    epochs: int = 1


def weighted(options: OneEpoch) -> Objective:
    """r·Â."""
    del options
    return lambda r, part, dist: r * part.advantages


MAA2C = ascending("maa2c", weighted, OneEpoch, in_turn=False)
