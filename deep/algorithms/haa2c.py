"""HAA2C: agents follow the policy gradient one after the other, in random order (Zhong et al., 2024).

    for m = 1, …, n:  maximise  E[r·M] + c·H(π^{i_m})        M = Π_{j<m} π_new^{i_j}/π_old^{i_j} · Â

Source: *Heterogeneous-Agent Reinforcement Learning* (JMLR 2024), Algorithm HAA2C: mirror learning with no drift and no
neighbourhood. Guarantee: as mirror learning, for an exact argmax; with gradient steps the step size alone holds the
policy back. Departures: one epoch by default, the policy gradient itself; with shared parameters M counts every other
agent that an update has moved.
"""

from __future__ import annotations

from deep.algorithms.ascent import ascending
from deep.algorithms.maa2c import OneEpoch, weighted

HAA2C = ascending("haa2c", weighted, OneEpoch, in_turn=True)
