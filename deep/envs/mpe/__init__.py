"""Three tasks of the multi-particle environments, compiled: ``mpe:simple_spread``, ``simple_reference``, …

    x ← x + v·dt        v ← (1 − damping)·v + F·dt        F_i = 5·u_i + Σ_j contact force of j on i

Source: Lowe et al., "Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments", NeurIPS 2017, and
Mordatch & Abbeel 2018; the rules are those of the package ``mpe2`` (``simple_spread_v3``, ``simple_reference_v3``,
``simple_speaker_listener_v4``). Guarantee: from the same state and actions, observations and rewards are those of
``mpe2`` to 1e-6 (tested step by step). One copy's step is scalar code that numba compiles (``world.py``); a batch is a
loop over copies. Each task is a page of its own.

- **Observations** and the state (all agents' observations, one after another) are those of ``mpe2``.
- **Rewards.** ``mpe2`` gives agent i  (1 − local_ratio)·G + local_ratio·L_i,  G the global and L_i its own part.
  ``reward=sum`` (the default) gives every agent the sum over agents, the team reward that HARL trains on and reports;
  ``reward=own`` leaves each agent its own.
- **Ends.** An episode is truncated after ``max_cycles`` = 25 steps and never terminates.
- **Options**, named as in ``mpe2``: ``max_cycles``, ``continuous_actions``, ``local_ratio`` (spread and reference),
  ``N`` (spread); ours are ``reward`` and, for reference, ``factored`` (the 50 actions as 5 moves and 10 words).
- **Departures.** Starts are drawn from counter-based streams, so they are other starts than ``mpe2``'s of the same
  seed. Two agents at the very same point do not push each other (``mpe2`` divides 0 by 0 there).

HARL's own configuration names ``simple_spread_v2``, where each agent also collides with itself (corrected in v3,
PettingZoo pull request 894): its returns are lower by local_ratio·N·max_cycles = 37.5 than those of this task, where
uniformly random moves get −79.
"""

from deep.envs.mpe.environment import FAMILY, MpeEnvironment

__all__ = ["FAMILY", "MpeEnvironment"]
