"""IPPO: MAPPO with a value of the agent's own observation (de Witt et al., 2020).

    maximise  Σ_i E[min(r_i·Â_i, clip(r_i, 1±ε)·Â_i)] + c·H(π_i)        Â_i from V(o^i)

Source: *Is Independent Learning All You Need in the StarCraft Multi-Agent Challenge?* Each agent learns as if it were
alone; nothing central is used, not even in training. Guarantee: none. Departures: those of MAPPO, and the agents of a
team share the parameters of one critic (each reads its own observation) unless ``value.sharing`` says otherwise.
"""

from __future__ import annotations

from deep.algorithms.ascent import ascending
from deep.algorithms.mappo import Clipped, clipped

IPPO = ascending("ippo", clipped, Clipped, in_turn=False, view="own")
