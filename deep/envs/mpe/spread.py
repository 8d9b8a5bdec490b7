"""simple_spread: N agents cover N landmarks and must not collide.

    G = −Σ_landmarks min_i |x_i − x_l|        L_i = −(number of others nearer than 0.3)

Agent i sees its velocity, its position, all landmarks and all others relative to itself, and what the others say, which
is nothing (2 zeros each): 4 + 2N + 4(N − 1) numbers, 18 for N = 3.
"""

from __future__ import annotations

from deep.envs.mpe.scenario import Scenario
from deep.envs.mpe.world import distance, look, push_along, push_off
from deep.envs.protocol import Box, Discrete
from marlcore.compiled import compiled

RADIUS = 0.15


def spread(N: int, continuous: bool) -> Scenario:
    """The task with N agents and N landmarks."""
    return Scenario(
        agents=tuple(f"agent_{i}" for i in range(N)),
        landmarks=N,
        words=2,
        obs_sizes=(4 + 2 * N + 4 * (N - 1),) * N,
        spaces=((Box((0.0,) * 5, (1.0,) * 5),) if continuous else (Discrete(5),)) * N,
        decode=decode_box if continuous else decode_index,
        rewards=rewards,
        observe=observe,
        radius=RADIUS,
    )


@compiled
def decode_index(action, i, force, comm):
    """One of five moves."""
    push_off(action[0], force[i])


@compiled
def decode_box(action, i, force, comm):
    """A force."""
    push_along(action, force[i])


@compiled
def rewards(pos, goal, local):
    """Distances of the landmarks to their nearest agents; collisions of each agent."""
    n = local.shape[0]
    for i in range(n):
        local[i] = 0.0
        for j in range(n):
            if j != i and distance(pos, i, j) < RADIUS + RADIUS:
                local[i] -= 1.0
    team = 0.0
    for landmark in range(n, pos.shape[0]):
        nearest = distance(pos, 0, landmark)
        for i in range(1, n):
            nearest = min(nearest, distance(pos, i, landmark))
        team -= nearest
    return team


@compiled
def observe(pos, vel, comm, goal, obs):
    """Velocity, position, landmarks, others, silence."""
    n = vel.shape[0]
    for i in range(n):
        obs[i, 0], obs[i, 1], obs[i, 2], obs[i, 3] = vel[i, 0], vel[i, 1], pos[i, 0], pos[i, 1]
        k = look(pos, i, n, pos.shape[0], obs, 4)
        k = look(pos, i, 0, n, obs, k)
        obs[i, k:] = 0.0
