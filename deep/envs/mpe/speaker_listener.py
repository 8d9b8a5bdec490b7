"""simple_speaker_listener: a speaker knows the goal and cannot move; a listener moves and does not know it.

    L_0 = L_1 = −|x_listener − x_goal|²        (no global part)

The speaker sees the goal's colour (3 numbers) and says one of three words; the listener sees its velocity, three
landmarks relative to itself and the word (11 numbers) and has five moves.
"""

from __future__ import annotations

import numpy as np

from deep.envs.mpe.scenario import Scenario
from deep.envs.mpe.world import look, push_along, push_off, say
from deep.envs.protocol import Box, Discrete, Space
from marlcore.compiled import compiled

COLOURS = np.array([[0.65, 0.15, 0.15], [0.15, 0.65, 0.15], [0.15, 0.15, 0.65]])


def speaker_listener(continuous: bool) -> Scenario:
    """The task."""
    spaces: tuple[Space, ...] = (Discrete(3), Discrete(5))
    if continuous:
        spaces = (Box((0.0,) * 3, (1.0,) * 3), Box((0.0,) * 5, (1.0,) * 5))
    return Scenario(
        agents=("speaker_0", "listener_0"),
        landmarks=3,
        words=3,
        obs_sizes=(3, 11),
        spaces=spaces,
        decode=decode_box if continuous else decode_index,
        rewards=rewards,
        observe=observe,
    )


@compiled
def decode_index(action, i, force, comm):
    """A word, or a move."""
    force[i] = 0.0
    if i == 0:
        say(action[0], comm[0])
    else:
        push_off(action[0], force[1])


@compiled
def decode_box(action, i, force, comm):
    """Three numbers to say, or a force."""
    force[i] = 0.0
    if i == 0:
        comm[0] = action[:3]
    else:
        push_along(action, force[1])


@compiled
def rewards(pos, goal, local):
    """The squared distance of the listener to the goal of the speaker."""
    dx, dy = pos[1, 0] - pos[2 + goal[0], 0], pos[1, 1] - pos[2 + goal[0], 1]
    local[0] = local[1] = -(dx * dx + dy * dy)
    return 0.0


@compiled
def observe(pos, vel, comm, goal, obs):
    """The goal's colour; velocity, landmarks and the word."""
    obs[0, :3] = COLOURS[goal[0]]
    obs[1, 0], obs[1, 1] = vel[1, 0], vel[1, 1]
    k = look(pos, 1, 2, 5, obs, 2)
    obs[1, k:] = comm[0]
