"""MAPPO: every agent ascends the clipped objective at once, with a central value (Yu et al., NeurIPS 2022).

    maximise  Σ_i E[min(r_i·Â, clip(r_i, 1±ε)·Â)] + c·H(π_i)        r_i = π_θ(a^i|o^i)/π_old(a^i|o^i)

Source: *The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games*; the objective is Schulman et al. (2017),
eq. 7. Guarantee: none. Every agent improves against the others' *old* policies, and all of them moving together can
make J fall: with two agents, r(0,0) = 0, r(0,1) = r(1,0) = 2, r(1,1) = −1, simultaneous best responses end at −1 (HARL,
Prop. 5). Departures: advantages come from γ, λ and V as the run's config says, normalised over living agents.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from deep.algorithms.ascent import Ascent, Objective, ascending
from deep.distributions import Distribution
from deep.rollout import Batch
from marlcore.objectives import clipped_objective


@dataclass(frozen=True)
class Clipped(Ascent):
    """Gradient steps on a clipped objective."""

    clip: float = 0.2
    """ε (Schulman et al., 2017)."""


def clipped(options: Clipped) -> Objective:
    """min(r·Â, clip(r, 1±ε)·Â)."""

    def objective(r: Tensor, part: Batch, dist: Distribution) -> Tensor:
        return clipped_objective(r, part.advantages, options.clip)

    return objective


MAPPO = ascending("mappo", clipped, Clipped, in_turn=False)
