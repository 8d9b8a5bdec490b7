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
- **Weapons** hit at once, reload for their cooldown plus a random −1 to 2 loops, and go on reloading while the unit
  walks. A baneling dies of its attack, and explodes too when it is killed. A colossus burns a line across
  its aim.
- **Bodies** of one layer that overlap, by r + r' − √(d² + 10⁻⁶), are pushed apart along the line between them; one that
  stands to fight yields ten times less than one that walks, a building not at all; a pushed walker also slides along
  the obstacle. Ground units stay on open cells; colossi and flyers only on the map.

Departures from the game stand in docs/skirmish.md.

Helpers are inlined: a call that hands over ten arrays costs more than most helpers do.

Everything is float32 and explicit integers; no array is made and nothing is raised, so numba compiles this file for
the CPU (``batch``) and for CUDA (``cuda``). A battle's arrays: ``f`` (fields, N) float32, ``k`` (keys, N) int32, ``c``
(counters,) int64, ``g`` (globals,) float32, ``w`` (scratch, N) float32.
"""

from __future__ import annotations

import math

import numpy as np

from deep.envs.skirmish import maps, units
from deep.envs.skirmish.layout import EAST, NORTH, SOUTH, STOP, TARGET, WEST
from deep.envs.skirmish.maps import (
    DELAY_HIGH,
    DELAY_LOW,
    HEALS,
    LIMIT,
    N_ALLIES,
    N_ENEMIES,
    SIZE,
    STRAIGHT,
    WALLS,
)
from deep.envs.skirmish.units import (
    ARMOUR,
    ARMOURED,
    BIOLOGICAL,
    BONUS_ARMOURED,
    BONUS_LIGHT,
    COOLDOWN,
    DAMAGE,
    HEALTH,
    HITS,
    LAYER,
    LIGHT,
    LOOPS_PER_STEP,
    RADIUS,
    RANGE,
    REGENERATION,
    SHIELD,
    SHOOTS_UP,
    STRIDE,
    WEAPON,
)
from marlcore.compiled import compiled
from marlcore.streams_compiled import uniform32

X, Y, HP, SH, CD, EN, CALM = range(7)
"""Fields of a unit: place, health, shield, loops until its weapon is loaded, energy, loops since it was hit."""
FIELDS = 7
TYPE, AIM, LAST, SHOT = range(4)
"""Keys of a unit: its type, its target (−1: none), its last action, and whom it last shot in this step (−1: none)."""
KEYS = 4
AGE, EPISODE, CLOCK = range(3)
"""Counters: steps of this episode, episodes before it, steps of this copy since its reset."""
COUNTERS = 3
GX, GY, PERFECT_SUM = range(3)
"""Globals: where the enemies go, and the reward that is scaled to 20."""
GLOBALS = 3
LIVE, VX, VY, YIELD, PX, PY, OX, OY = range(8)
"""Scratch: alive when the loop began, stride, how far it yields to a push, push, place when the step began."""
SCRATCH = 8

F0, F1, HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
MOVE = np.float32(2.0)
STEADY = np.float32(0.1)
"""How much a standing unit yields to a push, where a walking one yields 1."""
SLIDE = np.float32(1.0)
"""How far a pushed walker slides along the obstacle, per unit of push."""
TINY = np.float32(1e-6)
INSIDE = np.float32(0.02)
"""How far inside its reach an attacker stops, so that rounding cannot leave it just outside."""
LONGEST = np.float32(0.5)
"""The longest way of a loop, pushes included: less than a cell, so no wall is jumped."""
SCAN, SCAN_MORE = np.float32(5.0), np.float32(0.5)
"""The game's least scan range, and what it looks beyond a weapon's range."""
LEASH = np.float32(9.0)
"""How far away a target may be that is followed without a new scan: the units' sight."""
FOLLOW = np.float32(2.0)
"""How near an idle medivac keeps to its comrades."""
FAR = np.float32(1e9)

_SHIELD_GAIN = np.float32(units.SHIELD_RATE / units.LOOPS_PER_SECOND)
_SHIELD_WAIT = np.float32(units.SHIELD_DELAY * units.LOOPS_PER_SECOND)
_ENERGY_GAIN = np.float32(units.ENERGY_RATE / units.LOOPS_PER_SECOND)
_ENERGY_MAX = np.float32(units.ENERGY_MAX)
_HEAL = np.float32(units.HEAL_RATE / units.LOOPS_PER_SECOND)
_HEAL_COST = np.float32(units.HEAL_RATE / units.LOOPS_PER_SECOND / units.HEAL_PER_ENERGY)
_LEAST = np.float32(units.LEAST_DAMAGE)
_WIDE, _DEEP = np.float32(units.COLOSSUS_HALF_WIDTH), np.float32(units.COLOSSUS_HALF_DEPTH)
_BLAST = np.float32(units.BANELING_RADIUS)
_GROUND, _WALKER, _AIR = np.float32(units.GROUND), np.float32(units.WALKER), np.float32(units.AIR)
_BEAM, _EXPLOSION, _HEALER = (
    np.float32(units.COLOSSUS_BEAM),
    np.float32(units.EXPLOSION),
    np.float32(units.HEAL),
)
_KILL, _WIN, _PERFECT = np.float32(maps.KILL_REWARD), np.float32(maps.WIN_REWARD), np.float32(maps.PERFECT)
_EDGE = np.float32(0.01)
_SIDE = np.float32(SIZE)


@compiled
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


@compiled(inline="always")
def _aim(k, table, n, i, action):
    """The unit that an ally's action names: an enemy, or a comrade for a medivac; −1 for none."""
    if action < TARGET:
        return np.int32(-1)
    if table[k[TYPE, i], WEAPON] == _HEALER:
        return np.int32(action - TARGET)
    return np.int32(n + action - TARGET)


@compiled(inline="always")
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


@compiled
def play_loop(f, k, c, g, w, table, sizes, values, ground, paths, seed, stream, draw):
    """One game loop."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    for i in range(n + m):
        w[LIVE, i] = F1 if f[HP, i] > F0 else F0
        w[VX, i], w[VY, i], w[PX, i], w[PY, i], w[YIELD, i] = F0, F0, F0, F0, STEADY
        if f[HP, i] > F0:
            _recover(f, k, table, i)
    for i in range(n):
        if w[LIVE, i] > F0:
            _obey(f, k, c, w, table, values, n, m, i, seed, stream, draw)
    for j in range(n, n + m):
        if w[LIVE, j] > F0:
            _hunt(f, k, c, g, w, table, sizes, values, paths, n, m, j, seed, stream, draw)
    push_apart(f, k, w, table, n + m)
    for i in range(n + m):
        if w[LIVE, i] > F0:
            _move(f, k, w, table, ground, i)
    fell = True
    while fell:
        fell = False
        for i in range(n + m):
            if w[LIVE, i] > F0 and f[HP, i] <= F0:
                _fall(f, k, w, table, n, m, i)
                fell = True


@compiled(inline="always")
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


@compiled(inline="always")
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
        _stride(f, k, w, table, i, x - f[X, i], y - f[Y, i], F0)
    elif action >= TARGET:
        j = k[AIM, i]
        if w[LIVE, j] > F0 and _can_hit(k, table, i, j):
            dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
            reach = _reach(k, table, i, j)
            if dx * dx + dy * dy <= reach * reach:
                _act(f, k, c, w, table, values, n, m, i, j, seed, stream, draw)
            else:
                _stride(f, k, w, table, i, dx, dy, reach - INSIDE)


@compiled(inline="always")
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
    if j < 0 or far > _reach(k, table, i, j) * _reach(k, table, i, j):
        near = _nearest_ally(f, k, w, table, n, i)
        if near >= 0:
            j = near
        elif far > LEASH * LEASH:
            j = np.int32(-1)
    k[AIM, i] = j
    if j < 0:
        _travel(f, k, w, table, sizes, paths, i, g[GX], g[GY], F0)
        return
    dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
    reach = _reach(k, table, i, j)
    if dx * dx + dy * dy <= reach * reach:
        _act(f, k, c, w, table, values, n, m, i, j, seed, stream, draw)
    else:
        _travel(f, k, w, table, sizes, paths, i, f[X, j], f[Y, j], reach - INSIDE)


@compiled(inline="always")
def _nearest_ally(f, k, w, table, n, i):
    """The nearest living ally within the scan range of enemy i; −1 for none; of equals the first."""
    best, near = np.int32(-1), FAR
    scan = max(table[k[TYPE, i], RANGE], SCAN) + SCAN_MORE + table[k[TYPE, i], RADIUS]
    for j in range(n):
        dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
        far = dx * dx + dy * dy
        if w[LIVE, j] > F0 and far < near and _can_hit(k, table, i, j):
            edge = scan + table[k[TYPE, j], RADIUS]
            if far <= edge * edge:
                best, near = np.int32(j), far
    return best


@compiled(inline="always")
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
        reach = _reach(k, table, i, patient)
        if hurt <= reach * reach:
            _act(f, k, c, w, table, values, n, m, i, patient, seed, stream, draw)
        else:
            _stride(f, k, w, table, i, f[X, patient] - f[X, i], f[Y, patient] - f[Y, i], reach - INSIDE)
    elif friend >= 0:
        _stride(f, k, w, table, i, f[X, friend] - f[X, i], f[Y, friend] - f[Y, i], FOLLOW)
    else:
        _stride(f, k, w, table, i, g[GX] - f[X, i], g[GY] - f[Y, i], F0)


@compiled(inline="always")
def _reach(k, table, i, j):
    """How far apart the centres of i and j may be for i's weapon to reach j."""
    return table[k[TYPE, i], RANGE] + table[k[TYPE, i], RADIUS] + table[k[TYPE, j], RADIUS]


@compiled(inline="always")
def _can_hit(k, table, i, j):
    """Whether i's weapon works on j's layer."""
    return table[k[TYPE, j], LAYER] != _AIR or table[k[TYPE, i], SHOOTS_UP] > F0


# -- going ------------------------------------------------------------------------------------------------------------


@compiled(inline="always")
def _stride(f, k, w, table, i, dx, dy, keep):
    """Go along (dx, dy), but no nearer than ``keep`` to its end."""
    far = np.float32(math.sqrt(dx * dx + dy * dy))
    way = min(table[k[TYPE, i], STRIDE], far - keep)
    if way > F0 and far > TINY:
        w[VX, i], w[VY, i] = dx / far * way, dy / far * way
        w[YIELD, i] = F1


@compiled(inline="always")
def _travel(f, k, w, table, sizes, paths, i, x, y, keep):
    """Go to (x, y), around walls where there are any."""
    dx, dy = x - f[X, i], y - f[Y, i]
    if sizes[WALLS] and table[k[TYPE, i], LAYER] == _GROUND:
        here = np.int64(f[X, i]) * SIZE + np.int64(f[Y, i])
        there = np.int64(x) * SIZE + np.int64(y)
        step = np.int64(paths[there, here])
        if step != STRAIGHT and here != there:
            middle_x = np.float32(here // SIZE + step // 3 - 1) + HALF
            middle_y = np.float32(here % SIZE + step % 3 - 1) + HALF
            dx, dy, keep = middle_x - f[X, i], middle_y - f[Y, i], F0
    _stride(f, k, w, table, i, dx, dy, keep)


@compiled(inline="always")
def push_apart(f, k, w, table, count):
    """Overlapping bodies of one layer push each other: (rᵢ + rⱼ − d) in all, shared as they yield."""
    for i in range(count):
        if w[LIVE, i] == F0:
            continue
        kind = k[TYPE, i]
        layer, radius, yields = table[kind, LAYER], table[kind, RADIUS], w[YIELD, i]
        x, y = f[X, i] + w[VX, i], f[Y, i] + w[VY, i]
        for j in range(i):
            if w[LIVE, j] == F0 or table[k[TYPE, j], LAYER] != layer:
                continue
            dx, dy = x - f[X, j] - w[VX, j], y - f[Y, j] - w[VY, j]
            touch = radius + table[k[TYPE, j], RADIUS]
            far = dx * dx + dy * dy
            if far < touch * touch:
                d = np.float32(math.sqrt(far + TINY))
                share = (touch - d) / (d * (yields + w[YIELD, j]))
                w[PX, i] += share * yields * dx
                w[PY, i] += share * yields * dy
                w[PX, j] -= share * w[YIELD, j] * dx
                w[PY, j] -= share * w[YIELD, j] * dy


@compiled(inline="always")
def _move(f, k, w, table, ground, i):
    """Stride and push, the slide of a walker, then the walls: if the way is barred, along x alone, or y alone."""
    kind = k[TYPE, i]
    if table[kind, STRIDE] == F0:
        return
    vx, vy, px, py = w[VX, i], w[VY, i], w[PX, i], w[PY, i]
    dx, dy = vx + px, vy + py
    if (vx != F0 or vy != F0) and px * vx + py * vy < F0:
        # the slide is across the push, to the side where the walker wants to go; head on, units differ by their number
        side = px * vy - py * vx
        turn = F1 if side > TINY or (side >= -TINY and i % 2 == 0) else -F1
        dx -= turn * SLIDE * py
        dy += turn * SLIDE * px
    far = np.float32(math.sqrt(dx * dx + dy * dy))
    if far > LONGEST:
        dx, dy = dx * (LONGEST / far), dy * (LONGEST / far)
    x, y = f[X, i] + dx, f[Y, i] + dy
    x, y = min(max(x, _EDGE), _SIDE - _EDGE), min(max(y, _EDGE), _SIDE - _EDGE)
    if table[kind, LAYER] == _GROUND and ground[np.int64(x), np.int64(y)] == 0:
        if ground[np.int64(x), np.int64(f[Y, i])] != 0:
            y = f[Y, i]
        elif ground[np.int64(f[X, i]), np.int64(y)] != 0:
            x = f[X, i]
        else:
            x, y = f[X, i], f[Y, i]
    f[X, i], f[Y, i] = x, y


# -- fighting ---------------------------------------------------------------------------------------------------------


@compiled(inline="always")
def _act(f, k, c, w, table, values, n, m, i, j, seed, stream, draw):
    """Unit i, which reaches j: heal it, explode, or shoot if the weapon is loaded."""
    kind = k[TYPE, i]
    weapon = table[kind, WEAPON]
    if weapon == _HEALER:
        hurt = f[HP, j] > F0 and f[HP, j] < table[k[TYPE, j], HEALTH] and table[k[TYPE, j], BIOLOGICAL] > F0
        if hurt and f[EN, i] >= _HEAL_COST:
            f[EN, i] -= _HEAL_COST
            f[HP, j] = min(f[HP, j] + _HEAL, table[k[TYPE, j], HEALTH])
            k[SHOT, i] = j
    elif weapon == _EXPLOSION:
        k[SHOT, i] = j
        f[HP, i] = F0
    elif f[CD, i] <= F0:
        k[SHOT, i] = j
        u = uniform32(seed, stream, c[CLOCK], draw + i)
        delay = values[DELAY_LOW] + (values[DELAY_HIGH] - values[DELAY_LOW]) * u
        f[CD, i] += table[kind, COOLDOWN] + delay
        if weapon == _BEAM:
            _burn(f, k, w, table, n, m, i, j)
        else:
            hit(f, k, table, n, i, j)


@compiled(inline="always")
def hit(f, k, table, n, i, j):
    """Each hit of i on j: the shield takes it first, armour lessens what is left for the health, to 0.5 at least."""
    kind, other = k[TYPE, i], k[TYPE, j]
    damage = table[kind, DAMAGE]
    if table[other, LIGHT] > F0:
        damage += table[kind, BONUS_LIGHT]
    if table[other, ARMOURED] > F0:
        damage += table[kind, BONUS_ARMOURED]
    for _ in range(np.int64(table[kind, HITS])):
        left = damage - f[SH, j]
        f[SH, j] = max(-left, F0)
        if left > F0:
            f[HP, j] -= max(left - table[other, ARMOUR], _LEAST)
    f[CALM, j] = F0
    if j >= n and k[AIM, j] < 0 and _can_hit(k, table, j, i):
        k[AIM, j] = np.int32(i)


@compiled(inline="always")
def _burn(f, k, w, table, n, m, i, j):
    """A colossus' line: all enemies of i whose circle touches the rectangle across the aim, on j."""
    ax, ay = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
    far = max(np.float32(math.sqrt(ax * ax + ay * ay)), TINY)
    ax, ay = ax / far, ay / far
    for other in range(n if i < n else 0, n + m if i < n else n):
        if w[LIVE, other] == F0 or table[k[TYPE, other], LAYER] == _AIR:
            continue
        dx, dy = f[X, other] - f[X, j], f[Y, other] - f[Y, j]
        radius = table[k[TYPE, other], RADIUS]
        along, across = abs(dx * ax + dy * ay), abs(dx * ay - dy * ax)
        if along <= _DEEP + radius and across <= _WIDE + radius:
            hit(f, k, table, n, i, other)


@compiled(inline="always")
def _fall(f, k, w, table, n, m, i):
    """A unit without health is dead; a baneling explodes as it dies, so one death may bring the next."""
    w[LIVE, i] = F0
    f[HP, i], f[SH, i], f[EN, i], f[CD, i] = F0, F0, F0, F0
    if table[k[TYPE, i], WEAPON] != _EXPLOSION:
        return
    for j in range(n if i < n else 0, n + m if i < n else n):
        dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
        edge = _BLAST + table[k[TYPE, j], RADIUS]
        if f[HP, j] > F0 and dx * dx + dy * dy <= edge * edge and table[k[TYPE, j], LAYER] != _AIR:
            hit(f, k, table, n, i, j)
