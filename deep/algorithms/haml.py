"""HAML: mirror learning with any drift of the registry, agents one after the other (Zhong et al., Defs 12–14).

    for m = 1, …, n:  maximise  E_{s, a~π}[ Σ_x π_θ(x|s)·Â^{i_m}(s, x) − D(π_θ(·|s), step) ] + c·H(π^{i_m})

One sample (s, a) stands for the step that a drift looks at: M(s, x) = [x = a^{i_m}]·M/π_old(x|s), one joint action of
the others. Then Σ_x π_θ(x)·Â(x) = r·M, and the clip drift is ReLU((r − clip(r, 1±ε))·M): the same
``objectives.hamo`` and the same drifts that the tables are maximised with, averaged over samples.

Source: *Heterogeneous-Agent Reinforcement Learning* (JMLR 2024), the HAML template. Guarantee: J never falls for an
exact argmax and a drift that meets its conditions (``marlcore.conformance.check("drifts", …)``). Departures: gradient
steps in place of the argmax, no neighbourhood. A drift that averages over the other agents before a non-linearity
(``marginal-clip``) sees one sample of them, which makes it ``clip``; it is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deep.algorithms.ascent import Ascent, Objective, ascending
from deep.distributions import Categorical, Distribution
from deep.rollout import Batch
from marlcore import registry
from marlcore.errors import InputError
from marlcore.objectives import Step, hamo


@dataclass(frozen=True)
class Drifting(Ascent):
    """Gradient steps on HAMO."""

    drift: str = "clip"
    """A drift of the registry (marlcore.drifts)."""
    scale: float = 1.0
    """What the drift is multiplied by."""

    def __post_init__(self) -> None:
        """Refuse a drift that is not there, or that a sample cannot show."""
        if self.drift == "marginal-clip":
            raise InputError(
                "drift marginal-clip averages over the other agents, and a sample has one of them: use clip"
            )
        if self.drift not in registry.names("drifts"):
            raise registry.unknown("drift", self.drift, registry.names("drifts"))


def drifting(options: Drifting) -> Objective:
    """Σ_x π_θ(x)·Â(x) − D."""
    drift = registry.load("drifts", options.drift)

    def objective(r: Tensor, part: Batch, dist: Distribution) -> Tensor:
        assert isinstance(dist, Categorical)
        at = step_at(part)
        hat = dist.probabilities
        # an action that the mask excludes has probability 0 before and after: taken as 1, its ratio is no 0/0
        absent = at.old == 0
        at = Step(torch.where(absent, 1.0, at.old), at.advantage, at.others, at.M)
        hat = torch.where(absent, 1.0, hat)
        return hamo(hat, at.advantage, options.scale * drift(hat, at))

    return objective


def step_at(part: Batch) -> Step:
    """A sample as the step that a drift looks at: M(s, x) = [x = a]·M/π_old(x|s), one joint action of the others."""
    old = part.old.exp()
    chosen = torch.zeros_like(old).scatter_(-1, part.actions[..., None], 1.0)
    M = chosen * (part.advantages / part.logp.exp())[..., None]
    return Step(old, M, torch.ones_like(M[..., :1]), M[..., None])


HAML = ascending("haml", drifting, Drifting, in_turn=True, maps=False, kinds=("discrete",))
