"""Scripted policies, to know a map by before anything learns on it; they see the whole battle.

    random           uniform among the available actions
    stand_still      stop
    attack_nearest   attack the nearest enemy that may be attacked, else walk to the nearest
    focus_fire       all attack the weakest enemy (health + shield) that any of them may attack; who cannot, the weakest
                     it can; who can none walks there
    kite             attack the nearest when loaded; while reloading step away from an enemy that is near

A medivac heals the most hurt ally in range, else it goes to the nearest comrade, in all but the first two. Ties go to
the unit with the smaller number. An enemy that its weapon cannot hit (a flyer) is nobody's target.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from deep.envs.skirmish import units
from deep.envs.skirmish.fields import CD, F0, F1, FAR, HALF, HP, SH, TYPE, X, Y, scalar
from deep.envs.skirmish.fight import can_hit, reach_of
from deep.envs.skirmish.layout import EAST, NO_OP, NORTH, SOUTH, STOP, TARGET, WEST
from deep.envs.skirmish.maps import N_ALLIES, N_ENEMIES, SIZE, STRAIGHT, WALLS
from deep.envs.skirmish.units import BIOLOGICAL, HEALTH, LAYER, RANGE, WEAPON
from marlcore import registry
from marlcore.compiled import compiled
from marlcore.streams_compiled import integers

NAMES = ("random", "stand_still", "attack_nearest", "focus_fire", "kite")
RANDOM, STAND_STILL, ATTACK_NEAREST, FOCUS_FIRE, KITE = range(5)
_HEALER, _GROUND = np.float32(units.HEAL), np.float32(units.GROUND)
_LOADED = np.float32(units.LOOPS_PER_STEP / 2)
"""A weapon that is loaded within half a step counts as loaded."""
_SHY = np.float32(2.0)
"""How far beyond an enemy's reach a kiting unit feels safe."""


def act(env: object, name: str, seed: int, step: int, out: Tensor | None = None) -> Tensor:
    """The actions (B, n) of a scripted policy in a ``Skirmish`` where it stands; ``random`` draws by (seed, step)."""
    from deep.envs.skirmish.env import Skirmish

    assert isinstance(env, Skirmish)
    if name not in NAMES:
        raise registry.unknown("policy", name, list(NAMES))
    actions = torch.empty(env.batch, env.spec.n_agents, dtype=torch.int64) if out is None else out
    scene = env.scene
    f, k = env.f.cpu().numpy(), env.k.cpu().numpy()
    available = env.timestep.available.cpu().numpy()
    act_all(
        *(NAMES.index(name), f, k, scene.table, scene.sizes, scene.paths),
        *(available, actions.numpy(), seed, env.first, step),
    )
    return actions.to(env.device)


@compiled(parallel=True, _nrt=False)
def act_all(policy, f, k, table, sizes, paths, available, actions, seed, first, step):
    """The actions of every agent of every battle."""
    for b in numba.prange(f.shape[0]):
        n = sizes[N_ALLIES]
        weakest = _weakest(f[b], k[b], table, sizes, available[b]) if policy == FOCUS_FIRE else np.int64(-1)
        for i in range(n):
            mask = available[b, i]
            if mask[NO_OP]:
                actions[b, i] = NO_OP
            elif policy == RANDOM:
                actions[b, i] = _any(mask, seed, (first + b) * n + i, step)
            elif policy == STAND_STILL:
                actions[b, i] = STOP
            elif table[k[b, TYPE, i], WEAPON] == _HEALER:
                actions[b, i] = _tend(f[b], k[b], table, n, mask, i)
            elif policy == FOCUS_FIRE:
                actions[b, i] = _focus(f[b], k[b], table, sizes, paths, mask, i, weakest)
            else:
                actions[b, i] = _attack(f[b], k[b], table, sizes, paths, mask, i, policy == KITE)


@scalar
def _any(mask, seed, stream, step):
    """A uniform choice among what ``mask`` allows."""
    count = 0
    for a in range(mask.shape[0]):
        count += mask[a]
    left = integers(count, seed, stream, step, 0)
    for a in range(mask.shape[0]):
        if mask[a]:
            if left == 0:
                return a
            left -= 1
    return 0


@scalar
def _attack(f, k, table, sizes, paths, mask, i, kites):
    """The nearest enemy; a kiting unit steps back from it while it reloads."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    j = _nearest(f, k, table, n, n + m, i)
    if j < 0:
        return STOP
    dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
    if kites and f[CD, i] > _LOADED and table[k[TYPE, i], RANGE] > F1:
        safe = reach_of(k, table, j, i) + _SHY
        if dx * dx + dy * dy < safe * safe:
            return _step_along(mask, -dx, -dy)
    if mask[TARGET + j - n]:
        return TARGET + j - n
    return _step_to(f, k, table, sizes, paths, mask, i, j)


@scalar
def _focus(f, k, table, sizes, paths, mask, i, weakest):
    """The team's target, else the weakest that i may attack, else go there."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    best, least = np.int64(-1), FAR
    for j in range(n, n + m):
        strength = f[HP, j] + f[SH, j]
        if mask[TARGET + j - n] and can_hit(k, table, i, j) and strength < least:
            best, least = np.int64(j), strength
    if weakest >= 0 and mask[TARGET + weakest - n] and can_hit(k, table, i, weakest):
        return TARGET + weakest - n
    if best >= 0:
        return TARGET + best - n
    j = weakest if weakest >= 0 and can_hit(k, table, i, weakest) else _nearest(f, k, table, n, n + m, i)
    return _step_to(f, k, table, sizes, paths, mask, i, j) if j >= 0 else np.int64(STOP)


@scalar
def _weakest(f, k, table, sizes, available):
    """The enemy with the least health and shield among those that some ally may attack."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    best, least = np.int64(-1), FAR
    for j in range(n, n + m):
        strength = f[HP, j] + f[SH, j]
        if f[HP, j] > F0 and strength < least:
            for i in range(n):
                if available[i, TARGET + j - n] and table[k[TYPE, i], WEAPON] != _HEALER and can_hit(k, table, i, j):
                    best, least = np.int64(j), strength
    return best


@scalar
def _tend(f, k, table, n, mask, i):
    """Heal the most hurt ally in range, else go to the nearest one that needs it, else to the nearest."""
    best, worst = np.int64(-1), F1
    hurt, near, friend, close = np.int64(-1), FAR, np.int64(-1), FAR
    for j in range(n):
        kind = k[TYPE, j]
        if f[HP, j] <= F0 or table[kind, BIOLOGICAL] == F0 or table[kind, WEAPON] == _HEALER:
            continue
        part = f[HP, j] / table[kind, HEALTH]
        dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
        far = dx * dx + dy * dy
        if mask[TARGET + j] and part < worst:
            best, worst = np.int64(j), part
        if part < F1 and far < near:
            hurt, near = np.int64(j), far
        if far < close:
            friend, close = np.int64(j), far
    if best >= 0:
        return TARGET + best
    j = hurt if hurt >= 0 else friend
    if j < 0 or (hurt < 0 and close < _SHY * _SHY):
        return np.int64(STOP)
    return _step_along(mask, f[X, j] - f[X, i], f[Y, j] - f[Y, i])


@scalar
def _nearest(f, k, table, first, end, i):
    best, near = np.int64(-1), FAR
    for j in range(first, end):
        dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
        far = dx * dx + dy * dy
        if f[HP, j] > F0 and far < near and can_hit(k, table, i, j):
            best, near = np.int64(j), far
    return best


@scalar
def _step_to(f, k, table, sizes, paths, mask, i, j):
    """The move that leads to j, around walls where there are any."""
    dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
    if sizes[WALLS] and table[k[TYPE, i], LAYER] == _GROUND:
        here = np.int64(f[X, i]) * SIZE + np.int64(f[Y, i])
        there = np.int64(f[X, j]) * SIZE + np.int64(f[Y, j])
        way = np.int64(paths[there, here])
        if way != STRAIGHT:
            dx = np.float32(here // SIZE + way // 3 - 1) + HALF - f[X, i]
            dy = np.float32(here % SIZE + way % 3 - 1) + HALF - f[Y, i]
    return _step_along(mask, dx, dy)


@scalar
def _step_along(mask, dx, dy):
    """The available move that goes farthest along (dx, dy); stop if none goes along it."""
    best, most = np.int64(STOP), F0
    for a in range(NORTH, WEST + 1):
        gain = dy if a == NORTH else -dy if a == SOUTH else dx if a == EAST else -dx
        if mask[a] and gain > most:
            best, most = np.int64(a), gain
    return best
