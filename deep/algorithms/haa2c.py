"""HAA2C: agents follow the policy gradient one after the other, in random order (Zhong et al., 2024).

    for m = 1, …, n:  maximise  E[r·M] + c·H(π^{i_m})        M = Π_{j<m} π_new^{i_j}/π_old^{i_j} · Â

Source: *Heterogeneous-Agent Reinforcement Learning* (JMLR 2024), Algorithm HAA2C: mirror learning with no drift and no
neighbourhood. Guarantee: as mirror learning, for an exact argmax; with gradient steps the step size alone holds the
policy back. Departures: one epoch by default, the policy gradient itself; with shared parameters M counts every other
agent that an update has moved.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from deep.algorithms.ascent import ascend, sequential
from deep.algorithms.contract import Algorithm, Moment
from deep.algorithms.maa2c import OneEpoch
from deep.distributions import Distribution
from deep.learner import Learner
from deep.rollout import Batch


def update(learner: Learner, batch: Batch, options: OneEpoch, moment: Moment) -> dict[str, float]:
    """One update of each agent in turn."""

    def objective(r: Tensor, part: Batch, dist: Distribution) -> Tensor:
        return r * part.advantages

    def step(i: int, own: Batch) -> list[dict[str, Any]]:
        return ascend(learner, own, [i], options, objective, moment, key=i)

    return sequential(learner, batch, moment, step)


HAA2C = Algorithm("haa2c", update, OneEpoch)
