"""The physics of the particle world and the loop over copies, as scalar code that numba compiles.

A copy has positions (n + landmarks, 2) with the agents first, velocities (n, 2), what each agent says (n, c) and goals
(n), all float64. ``step_copies`` and ``show_copies`` are templates: a task binds its ``decode`` (action → force and
word), ``rewards`` and ``observe``. Draws of a fresh episode: words 0, 1, … of (seed, first + b, count).
"""

from __future__ import annotations

import math

from marlcore.compiled import compiled
from marlcore.streams_compiled import integers, uniform

DT, DAMPING, CONTACT_FORCE, CONTACT_MARGIN, SENSITIVITY = 0.1, 0.25, 100.0, 1e-3, 5.0
"""The constants of ``mpe2``'s world: step, damping, contact force and margin, and the force of an action."""
GOAL_DRAW = 1000
"""The draws of goals start here, those of positions at 0."""


def decode(action, i, force, comm):
    """Bound by a task: what agent i does, into its rows of ``force`` and ``comm``."""


def rewards(pos, goal, local):
    """Bound by a task: each agent's own part into ``local``; the global part is returned."""


def observe(pos, vel, comm, goal, obs):
    """Bound by a task: what each agent sees, into the rows of ``obs``."""


def step_copies(seed, first, count, limit, ratio, shared, radius, landmarks, world, actions, work, out):
    """One step of every copy; those that have reached ``limit`` start again, their last view in ``final``."""
    pos, vel, comm, goal, age = world
    force, local = work
    obs, state, sizes, reward, truncated, final_obs, final_state = out
    for b in range(pos.shape[0]):
        n = vel.shape[1]
        for i in range(n):
            decode(actions[b, i], i, force, comm[b])
        push(pos[b], force, n, radius)
        move(pos[b], vel[b], force)
        team = rewards(pos[b], goal[b], local)
        share(team, local, ratio, shared, reward[b])
        observe(pos[b], vel[b], comm[b], goal[b], obs[b])
        join(obs[b], sizes, state[b])
        age[b] += 1
        truncated[b] = age[b] >= limit
        if truncated[b]:
            final_obs[b], final_state[b] = obs[b], state[b]
            begin(seed, first + b, count, landmarks, pos[b], vel[b], comm[b], goal[b])
            age[b] = 0
            observe(pos[b], vel[b], comm[b], goal[b], obs[b])
            join(obs[b], sizes, state[b])


def show_copies(world, obs, state, sizes):
    """The view of every copy as it stands."""
    pos, vel, comm, goal, _ = world
    for b in range(pos.shape[0]):
        observe(pos[b], vel[b], comm[b], goal[b], obs[b])
        join(obs[b], sizes, state[b])


@compiled
def begin_copies(seed, first, count, landmarks, world):
    """Every copy at the start of an episode."""
    pos, vel, comm, goal, age = world
    for b in range(pos.shape[0]):
        begin(seed, first + b, count, landmarks, pos[b], vel[b], comm[b], goal[b])
        age[b] = 0


@compiled
def begin(seed, stream, count, landmarks, pos, vel, comm, goal):
    """Positions uniform in the square [−1, 1]², everything at rest and silent, goals uniform among the landmarks."""
    for e in range(pos.shape[0]):
        for k in range(2):
            pos[e, k] = 2.0 * uniform(seed, stream, count, 2 * e + k) - 1.0
    vel[:] = 0.0
    comm[:] = 0.0
    for i in range(goal.shape[0]):
        goal[i] = integers(landmarks, seed, stream, count, GOAL_DRAW + i)


@compiled
def push(pos, force, n, radius):
    """Contact forces between agents of one radius; a radius of 0 means that nothing collides.

    F on a from b is CONTACT_FORCE·k·ln(1 + e^x) along x_a − x_b, with x = (2·radius − distance)/k, k the margin.
    """
    if radius == 0.0:
        return
    for a in range(n):
        for b in range(a + 1, n):
            dx, dy = pos[a, 0] - pos[b, 0], pos[a, 1] - pos[b, 1]
            distance = math.sqrt(dx * dx + dy * dy)
            x = -(distance - 2.0 * radius) / CONTACT_MARGIN
            if distance == 0.0 or x < -745.0:  # no direction, or e^x is 0 in float64
                continue
            softplus = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
            size = CONTACT_FORCE / distance * (softplus * CONTACT_MARGIN)
            force[a, 0] += size * dx
            force[a, 1] += size * dy
            force[b, 0] -= size * dx
            force[b, 1] -= size * dy


@compiled
def move(pos, vel, force):
    """Positions by the old velocities, then velocities by damping and force; every agent has mass 1."""
    for i in range(vel.shape[0]):
        for k in range(2):
            pos[i, k] += vel[i, k] * DT
            vel[i, k] = vel[i, k] * (1.0 - DAMPING) + force[i, k] * DT


@compiled
def share(team, local, ratio, shared, reward):
    """(1 − ratio)·G + ratio·L_i to each agent; with ``shared`` the sum of these to all."""
    total = 0.0
    for i in range(local.shape[0]):
        local[i] = (1.0 - ratio) * team + ratio * local[i]
        total += local[i]
    for i in range(local.shape[0]):
        reward[i] = total if shared else local[i]


@compiled
def join(obs, sizes, state):
    """The agents' observations one after another."""
    k = 0
    for i in range(sizes.shape[0]):
        for j in range(sizes[i]):
            state[k] = obs[i, j]
            k += 1


@compiled
def push_off(move_index, force):
    """The force of a discrete move: 0 none, 1 left, 2 right, 3 down, 4 up."""
    force[0] = SENSITIVITY * ((move_index == 2) - (move_index == 1))
    force[1] = SENSITIVITY * ((move_index == 4) - (move_index == 3))


@compiled
def push_along(action, force):
    """The force of a continuous move, a vector of five in [0, 1]: none, left, right, down, up."""
    force[0] = SENSITIVITY * (action[2] - action[1])
    force[1] = SENSITIVITY * (action[4] - action[3])


@compiled
def say(word, comm):
    """Say one word: the unit vector of it."""
    comm[:] = 0.0
    comm[word] = 1.0


@compiled
def distance(pos, a, b):
    """|x_a − x_b|."""
    dx, dy = pos[a, 0] - pos[b, 0], pos[a, 1] - pos[b, 1]
    return math.sqrt(dx * dx + dy * dy)


@compiled
def look(pos, i, start, end, obs, k):
    """The positions of entities start, …, end − 1 other than i relative to agent i, from obs[i, k] on; the next k."""
    for e in range(start, end):
        if e != i:
            obs[i, k] = pos[e, 0] - pos[i, 0]
            obs[i, k + 1] = pos[e, 1] - pos[i, 1]
            k += 2
    return k


@compiled
def first_unavailable(actions, counts):
    """Whether an action is not in 0, …, counts[i, k] − 1."""
    for b in range(actions.shape[0]):
        for i in range(actions.shape[1]):
            for k in range(actions.shape[2]):
                if not 0 <= actions[b, i, k] < counts[i, k]:
                    return True
    return False
