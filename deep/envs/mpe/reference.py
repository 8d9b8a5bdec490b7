"""simple_reference: each of two agents knows the landmark that the other must reach, and can say one of ten words.

    L_i = −|x_other − x_goal(i)|        G = (L_0 + L_1)/2

Agent i sees its velocity, three landmarks relative to itself, the colour of the landmark where it wants the other to
be, and what the other said: 2 + 6 + 3 + 10 = 21 numbers. An action is a move and a word: a = move + 5·word, or two
dimensions (``factored``), or a vector of 5 + 10 numbers (``continuous_actions``).
"""

from __future__ import annotations

import numpy as np

from deep.envs.mpe.scenario import Scenario
from deep.envs.mpe.world import distance, look, push_along, push_off, say
from deep.envs.protocol import Box, Discrete, MultiDiscrete, Space
from marlcore.compiled import compiled
from marlcore.errors import InputError

WORDS = 10
COLOURS = np.array([[0.75, 0.25, 0.25], [0.25, 0.75, 0.25], [0.25, 0.25, 0.75]])


def reference(continuous: bool, factored: bool) -> Scenario:
    """The task; its actions in one of three forms."""
    if continuous and factored:
        raise InputError("mpe:simple_reference has continuous actions or factored ones, not both")
    space: Space = Discrete(5 * WORDS)
    decode = decode_product
    if continuous:
        space, decode = Box((0.0,) * (5 + WORDS), (1.0,) * (5 + WORDS)), decode_box
    if factored:
        space, decode = MultiDiscrete((5, WORDS)), decode_factored
    return Scenario(
        agents=("agent_0", "agent_1"),
        landmarks=3,
        words=WORDS,
        obs_sizes=(21, 21),
        spaces=(space, space),
        decode=decode,
        rewards=rewards,
        observe=observe,
    )


@compiled
def decode_product(action, i, force, comm):
    """move + 5·word."""
    push_off(action[0] % 5, force[i])
    say(action[0] // 5, comm[i])


@compiled
def decode_factored(action, i, force, comm):
    """(move, word)."""
    push_off(action[0], force[i])
    say(action[1], comm[i])


@compiled
def decode_box(action, i, force, comm):
    """A force, and ten numbers to say."""
    push_along(action, force[i])
    comm[i] = action[5:]


@compiled
def rewards(pos, goal, local):
    """How far the other is from the landmark where each wants it."""
    for i in range(2):
        local[i] = -distance(pos, 1 - i, 2 + goal[i])
    return (local[0] + local[1]) / 2.0


@compiled
def observe(pos, vel, comm, goal, obs):
    """Velocity, landmarks, the goal's colour, the other's word."""
    for i in range(2):
        obs[i, 0], obs[i, 1] = vel[i, 0], vel[i, 1]
        k = look(pos, i, 2, 5, obs, 2)
        obs[i, k : k + 3] = COLOURS[goal[i]]
        obs[i, k + 3 :] = comm[1 - i]
