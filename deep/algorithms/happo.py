"""HAPPO: agents ascend the clipped objective one after the other, in random order (Kuba et al., 2022; Zhong et al.).

    for m = 1, …, n:  maximise  E[min(r·M, clip(r, 1±ε)·M)] + c·H(π^{i_m})        r = π_θ^{i_m}/π_old^{i_m}
    M = M_{i_{1:m}} = Π_{j<m} π_new^{i_j}/π_old^{i_j} · Â

Source: *Heterogeneous-Agent Reinforcement Learning* (JMLR 2024), Algorithm HAPPO. Guarantee: as mirror learning, with
the drift E[ReLU((r − clip(r, 1±ε))·M)] and an exact argmax, J never falls and limit points are Nash equilibria (HARL,
Theorem on HAML); a few gradient steps on a sample are no argmax, which is what ``marlcore audit happo`` measures.
Departures: with shared parameters M counts every other agent that an update has moved (``deep.algorithms.ascent``).
"""

from __future__ import annotations

from deep.algorithms.ascent import ascending
from deep.algorithms.mappo import Clipped, clipped

HAPPO = ascending("happo", clipped, Clipped, in_turn=True)
