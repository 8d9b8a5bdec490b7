"""What a task of the particle world says about itself; ``spread``, ``reference`` and ``speaker_listener`` fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deep.envs.protocol import Space


@dataclass(frozen=True)
class Scenario:
    """The sizes of a task and its three functions of one copy, which ``world.step_copies`` binds."""

    agents: tuple[str, ...]
    landmarks: int
    words: int
    """How long what an agent says is."""
    obs_sizes: tuple[int, ...]
    spaces: tuple[Space, ...]
    decode: Callable[..., None]
    """decode(action (d), i, force (n, 2), comm (n, c)): what agent i does, into its rows."""
    rewards: Callable[..., float]
    """rewards(pos, goal, local (n)): each agent's own part L_i into ``local``; the global part G is returned."""
    observe: Callable[..., None]
    """observe(pos, vel, comm, goal, obs (n, o)): what each agent sees, into its row."""
    radius: float = 0.0
    """Of the agents, where they collide."""
