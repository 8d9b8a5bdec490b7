"""Many battles on the CPU: the scalar functions of ``step`` and ``show``, parallel over battles.

A battle writes to its own rows only, and all its draws are functions of (seed, copy, clock), so the result is the same
for any number of threads and any cut of the batch. The arguments are tuples of arrays:

    battles  (f, k, c, g, w)                                          of ``step``, with a leading batch axis
    scene    (table, types, starts, sizes, values, ground, paths)     of ``maps.Scene``
    shown    (obs, state, available, alive)
    told     (reward, outcome, dead_allies, dead_enemies)             of the step; outcome as ``step_battle`` returns it
    last     (obs, state)                                             of the episodes that ended
"""

from __future__ import annotations

import numba

from deep.envs.skirmish.fields import CLOCK, EPISODE, F0, HP, scalar
from deep.envs.skirmish.maps import N_ALLIES, N_ENEMIES
from deep.envs.skirmish.show import show_battle, start_battle
from deep.envs.skirmish.step import step_battle
from marlcore.compiled import compiled


@compiled(parallel=True, _nrt=False)
def start_all(battles, scene, shown, seed, first):
    """The first episode of every copy."""
    f, k, c, g, _ = battles
    table, types, starts, sizes, values, ground, _ = scene
    obs, state, available, alive = shown
    for b in numba.prange(f.shape[0]):
        c[b, EPISODE], c[b, CLOCK] = 0, 0
        start_battle(f[b], k[b], c[b], g[b], table, types, starts, sizes, values, seed, first + b)
        show_battle(f[b], k[b], table, sizes, ground, obs[b], state[b], available[b], alive[b])


@compiled(parallel=True, _nrt=False)
def step_all(battles, scene, shown, told, last, actions, seed, first):
    """A step of every copy; those that end show their last and start again."""
    f = battles[0]
    for b in numba.prange(f.shape[0]):
        step_one(battles, scene, shown, told, last, actions, seed, first, b)


@scalar
def step_one(battles, scene, shown, told, last, actions, seed, first, b):
    """Copy b's step: what ``step_all`` does for each, and a CUDA thread for its own."""
    f, k, c, g, w = battles
    table, types, starts, sizes, values, ground, paths = scene
    obs, state, available, alive = shown
    reward, outcome, dead_allies, dead_enemies = told
    last_obs, last_state = last
    stream = first + b
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    gained, end = step_battle(
        f[b], k[b], c[b], g[b], w[b], table, sizes, values, ground, paths, seed, stream, actions[b]
    )
    outcome[b] = end
    dead_allies[b], dead_enemies[b] = 0, 0
    for i in range(n):
        reward[b, i] = gained
        if f[b, HP, i] <= F0:
            dead_allies[b] += 1
    for j in range(n, n + m):
        if f[b, HP, j] <= F0:
            dead_enemies[b] += 1
    if end > 0:
        show_battle(f[b], k[b], table, sizes, ground, last_obs[b], last_state[b], available[b], alive[b])
        c[b, EPISODE] += 1
        start_battle(f[b], k[b], c[b], g[b], table, types, starts, sizes, values, seed, stream)
    show_battle(f[b], k[b], table, sizes, ground, obs[b], state[b], available[b], alive[b])


@compiled(parallel=True, _nrt=False)
def show_all(battles, scene, shown):
    """What every copy shows where it stands."""
    f, k, _, _, _ = battles
    table, _, _, sizes, _, ground, _ = scene
    obs, state, available, alive = shown
    for b in numba.prange(f.shape[0]):
        show_battle(f[b], k[b], table, sizes, ground, obs[b], state[b], available[b], alive[b])
