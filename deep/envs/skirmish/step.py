"""One battle's step: eight game loops, one scalar function, for the CPU and from the same source for CUDA.

    a loop    timers → every unit decides, shoots or strides → bodies push each other apart → walls → the dead fall
    reward    |Δ(enemy health + shield) + 10·kills|·s, + 200·s for the win;  s = 20/(enemy health + shield + 10·m + 200)

Rules, in the order of a loop. All units that lived when the loop began act in it, allies first, each side by number; a
unit that falls in it still shoots. Places are those of the loop's beginning.

- **Allies** do what their action says, and nothing else: no-op and stop stand; a move strides towards the point 2
  units away; an attack strides until the weapon reaches (from edge to edge) and shoots whenever it is loaded, a heal
  likewise.
- **Enemies** attack-move to the allies' start. A unit keeps its target while its weapon reaches it. Otherwise it takes
  the nearest living ally whose edge is within max(range, 5) + 0.5 (the game's scan range on an attack-move); if there
  is none it follows its old target up to ``LEASH``; a unit without a target that is hit takes the one who hit it.
  Medivacs heal the nearest hurt comrade, or follow the nearest one.
- **Weapons** and how units fall: ``fight``. **Ways**, **bodies** and walls: ``move``. The arrays: ``fields``.

Departures from the game stand in docs/skirmish.md.
"""

from __future__ import annotations

import numpy as np

from deep.envs.skirmish import maps, units
from deep.envs.skirmish.fields import (
    AGE,
    AIM,
    BODY,
    CALM,
    CD,
    CLOCK,
    EN,
    F0,
    F1,
    FAR,
    GX,
    GY,
    HP,
    LAST,
    LIVE,
    OX,
    OY,
    PERFECT_SUM,
    PLANE,
    PX,
    PY,
    SH,
    SHOT,
    TYPE,
    VX,
    VY,
    YIELD,
    X,
    Y,
    inlined,
    scalar,
)
from deep.envs.skirmish.fight import act, can_hit, fall, reach_of
from deep.envs.skirmish.layout import EAST, NORTH, SOUTH, STOP, TARGET, WEST
from deep.envs.skirmish.maps import HEALS, LIMIT, N_ALLIES, N_ENEMIES
from deep.envs.skirmish.move import STEADY, move, push_apart, stride, travel
from deep.envs.skirmish.units import (
    BIOLOGICAL,
    HEALTH,
    LAYER,
    LOOPS_PER_STEP,
    RADIUS,
    RANGE,
    REGENERATION,
    SHIELD,
    WEAPON,
)

MOVE = np.float32(2.0)
INSIDE = np.float32(0.02)
"""How far inside its reach an attacker stops, so that rounding cannot leave it just outside."""
SCAN, SCAN_MORE = np.float32(5.0), np.float32(0.5)
"""The game's least scan range, and what it looks beyond a weapon's range."""
LEASH = np.float32(9.0)
"""How far away a target may be that is followed without a new scan: the units' sight."""
FOLLOW = np.float32(2.0)
"""How near an idle medivac keeps to its comrades."""

_SHIELD_GAIN = np.float32(units.SHIELD_RATE / units.LOOPS_PER_SECOND)
_SHIELD_WAIT = np.float32(units.SHIELD_DELAY * units.LOOPS_PER_SECOND)
_ENERGY_GAIN = np.float32(units.ENERGY_RATE / units.LOOPS_PER_SECOND)
_ENERGY_MAX = np.float32(units.ENERGY_MAX)
_HEALER = np.float32(units.HEAL)
_KILL, _WIN, _PERFECT = np.float32(maps.KILL_REWARD), np.float32(maps.WIN_REWARD), np.float32(maps.PERFECT)


@scalar
def step_battle(f, k, c, g, w, table, sizes, values, ground, paths, seed, stream, actions):
    """Eight loops; returns the reward, and 0 to go on, 1 won, 2 lost or drawn, 3 the limit."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    before, stood = F0, 0
    for j in range(n, n + m):
        if f[HP, j] > F0:
            before += f[HP, j] + f[SH, j]
            stood += 1
    for i in range(n + m):
        k[SHOT, i] = -1
        w[OX, i], w[OY, i] = f[X, i], f[Y, i]
    for i in range(n):
        k[LAST, i] = actions[i]
        k[AIM, i] = _aim(k, table, n, i, actions[i])
    for loop in range(LOOPS_PER_STEP):
        draw = loop * (n + m)
        play_loop(f, k, c, g, w, table, sizes, values, ground, paths, seed, stream, draw)
    c[AGE] += 1
    c[CLOCK] += 1
    after, left = F0, 0
    for j in range(n, n + m):
        if f[HP, j] > F0:
            after += f[HP, j] + f[SH, j]
            left += 1
    gained = abs(before - after + _KILL * np.float32(stood - left))
    outcome = _outcome(f, k, c, table, sizes, left)
    if outcome == 1:
        gained += _WIN
    return gained * _PERFECT / g[PERFECT_SUM], outcome


@inlined
def _aim(k, table, n, i, action):
    """The unit that an ally's action names: an enemy, or a comrade for a medivac; −1 for none."""
    if action < TARGET:
        return np.int32(-1)
    if table[k[TYPE, i], WEAPON] == _HEALER:
        return np.int32(action - TARGET)
    return np.int32(n + action - TARGET)


@inlined
def _outcome(f, k, c, table, sizes, left):
    """SMAC's order: lost if no ally but medivacs is left, won if no enemy is (or one medivac), then the limit."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    allies, fighters, healers = 0, 0, 0
    for i in range(n):
        if f[HP, i] > F0:
            allies += 1
            if table[k[TYPE, i], WEAPON] != _HEALER:
                fighters += 1
    for j in range(n, n + m):
        if f[HP, j] > F0 and table[k[TYPE, j], WEAPON] == _HEALER:
            healers += 1
    if fighters == 0 and (left > 0 or allies > 0):
        return 2
    if left == 0 or (sizes[HEALS] and left == 1 and healers == 1):
        return 1 if allies > 0 else 2
    return 3 if c[AGE] >= sizes[LIMIT] else 0


@scalar
def play_loop(f, k, c, g, w, table, sizes, values, ground, paths, seed, stream, draw):
    """One game loop."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    for i in range(n + m):
        kind, alive = k[TYPE, i], f[HP, i] > F0
        w[LIVE, i] = F1 if alive else F0
        w[VX, i], w[VY, i], w[PX, i], w[PY, i], w[YIELD, i] = F0, F0, F0, F0, STEADY
        w[BODY, i], w[PLANE, i] = table[kind, RADIUS], table[kind, LAYER] if alive else -F1
        if alive:
            _recover(f, k, table, i)
    for i in range(n):
        if w[LIVE, i] > F0:
            _obey(f, k, c, w, table, values, n, m, i, seed, stream, draw)
    for j in range(n, n + m):
        if w[LIVE, j] > F0:
            _hunt(f, k, c, g, w, table, sizes, values, paths, n, m, j, seed, stream, draw)
    push_apart(f, w, n + m)
    fell = False
    for i in range(n + m):
        if w[LIVE, i] > F0:
            move(f, k, w, table, ground, i)
            if f[HP, i] <= F0:
                fell = True
    while fell:
        fell = False
        for i in range(n + m):
            if w[LIVE, i] > F0 and f[HP, i] <= F0:
                fall(f, k, w, table, n, m, i)
                fell = True


@inlined
def _recover(f, k, table, i):
    """Reload, and regain health, shield and energy."""
    kind = k[TYPE, i]
    f[CD, i] = f[CD, i] - F1 if f[CD, i] > F0 else F0
    f[CALM, i] += F1
    f[HP, i] = min(f[HP, i] + table[kind, REGENERATION], table[kind, HEALTH])
    if table[kind, SHIELD] > F0 and f[CALM, i] > _SHIELD_WAIT:
        f[SH, i] = min(f[SH, i] + _SHIELD_GAIN, table[kind, SHIELD])
    if table[kind, WEAPON] == _HEALER:
        f[EN, i] = min(f[EN, i] + _ENERGY_GAIN, _ENERGY_MAX)


@inlined
def _obey(f, k, c, w, table, values, n, m, i, seed, stream, draw):
    """An ally's action."""
    action = k[LAST, i]
    if action > STOP and action < TARGET:
        x, y = w[OX, i], w[OY, i]
        if action == NORTH:
            y += MOVE
        elif action == SOUTH:
            y -= MOVE
        elif action == EAST:
            x += MOVE
        elif action == WEST:
            x -= MOVE
        stride(f, k, w, table, i, x - f[X, i], y - f[Y, i], F0)
    elif action >= TARGET:
        j = k[AIM, i]
        if w[LIVE, j] > F0 and can_hit(k, table, i, j):
            dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
            reach = reach_of(k, table, i, j)
            if dx * dx + dy * dy <= reach * reach:
                act(f, k, c, w, table, values, n, m, i, j, seed, stream, draw)
            else:
                stride(f, k, w, table, i, dx, dy, reach - INSIDE)


@inlined
def _hunt(f, k, c, g, w, table, sizes, values, paths, n, m, i, seed, stream, draw):
    """An enemy: keep the target in reach, or find one, or go on to the allies' start."""
    if table[k[TYPE, i], WEAPON] == _HEALER:
        _nurse(f, k, c, g, w, table, values, n, m, i, seed, stream, draw)
        return
    j = k[AIM, i]
    far = FAR
    if j >= 0 and w[LIVE, j] == F0:
        j = np.int32(-1)
    if j >= 0:
        dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
        far = dx * dx + dy * dy
    if j < 0 or far > reach_of(k, table, i, j) * reach_of(k, table, i, j):
        near = _nearest_ally(f, k, w, table, n, i)
        if near >= 0:
            j = near
        elif far > LEASH * LEASH:
            j = np.int32(-1)
    k[AIM, i] = j
    if j < 0:
        travel(f, k, w, table, sizes, paths, i, g[GX], g[GY], F0)
        return
    dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
    reach = reach_of(k, table, i, j)
    if dx * dx + dy * dy <= reach * reach:
        act(f, k, c, w, table, values, n, m, i, j, seed, stream, draw)
    else:
        travel(f, k, w, table, sizes, paths, i, f[X, j], f[Y, j], reach - INSIDE)


@inlined
def _nearest_ally(f, k, w, table, n, i):
    """The nearest living ally within the scan range of enemy i; −1 for none; of equals the first."""
    best, near = np.int32(-1), FAR
    scan = max(table[k[TYPE, i], RANGE], SCAN) + SCAN_MORE + table[k[TYPE, i], RADIUS]
    for j in range(n):
        dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
        far = dx * dx + dy * dy
        if w[LIVE, j] > F0 and far < near and can_hit(k, table, i, j):
            edge = scan + table[k[TYPE, j], RADIUS]
            if far <= edge * edge:
                best, near = np.int32(j), far
    return best


@inlined
def _nurse(f, k, c, g, w, table, values, n, m, i, seed, stream, draw):
    """An enemy medivac: heal the nearest hurt comrade, or keep near the nearest one."""
    patient, friend = np.int32(-1), np.int32(-1)
    hurt, near = FAR, FAR
    for j in range(n, n + m):
        kind = k[TYPE, j]
        if w[LIVE, j] > F0 and table[kind, WEAPON] != _HEALER:
            dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
            far = dx * dx + dy * dy
            if far < near:
                friend, near = np.int32(j), far
            if far < hurt and f[HP, j] < table[kind, HEALTH] and table[kind, BIOLOGICAL] > F0:
                patient, hurt = np.int32(j), far
    k[AIM, i] = patient
    if patient >= 0:
        reach = reach_of(k, table, i, patient)
        if hurt <= reach * reach:
            act(f, k, c, w, table, values, n, m, i, patient, seed, stream, draw)
        else:
            stride(f, k, w, table, i, f[X, patient] - f[X, i], f[Y, patient] - f[Y, i], reach - INSIDE)
    elif friend >= 0:
        stride(f, k, w, table, i, f[X, friend] - f[X, i], f[Y, friend] - f[Y, i], FOLLOW)
    else:
        stride(f, k, w, table, i, g[GX] - f[X, i], g[GY] - f[Y, i], F0)
