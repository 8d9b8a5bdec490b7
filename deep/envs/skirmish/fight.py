"""Fighting: what a unit does to the target that it reaches, and how it falls.

- Weapons hit at once, reload for their cooldown plus a random −1 to 2 loops, and go on reloading while the unit walks.
- A hit takes from the shield first; armour lessens what is left for the health, to 0.5 at least.
- A baneling dies of its attack, and explodes too when it is killed. A colossus burns a line across its aim.
- Who has no target takes the one who hits it (the enemies: allies do what they are told).
"""

from __future__ import annotations

import math

import numpy as np

from deep.envs.skirmish import units
from deep.envs.skirmish.fields import (
    AIM,
    CALM,
    CD,
    CLOCK,
    EN,
    F0,
    HP,
    LIVE,
    SH,
    SHOT,
    TINY,
    TYPE,
    X,
    Y,
    inlined,
)
from deep.envs.skirmish.maps import DELAY_HIGH, DELAY_LOW
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
    RADIUS,
    RANGE,
    SHOOTS_UP,
    WEAPON,
)
from marlcore.streams_compiled import uniform32

_HEAL = np.float32(units.HEAL_RATE / units.LOOPS_PER_SECOND)
_HEAL_COST = np.float32(units.HEAL_RATE / units.LOOPS_PER_SECOND / units.HEAL_PER_ENERGY)
_LEAST = np.float32(units.LEAST_DAMAGE)
_WIDE, _DEEP = np.float32(units.COLOSSUS_HALF_WIDTH), np.float32(units.COLOSSUS_HALF_DEPTH)
_BLAST = np.float32(units.BANELING_RADIUS)
_AIR = np.float32(units.AIR)
_BEAM, _EXPLOSION, _HEALER = (
    np.float32(units.COLOSSUS_BEAM),
    np.float32(units.EXPLOSION),
    np.float32(units.HEAL),
)


@inlined
def reach_of(k, table, i, j):
    """How far apart the centres of i and j may be for i's weapon to reach j."""
    return table[k[TYPE, i], RANGE] + table[k[TYPE, i], RADIUS] + table[k[TYPE, j], RADIUS]


@inlined
def can_hit(k, table, i, j):
    """Whether i's weapon works on j's layer."""
    return table[k[TYPE, j], LAYER] != _AIR or table[k[TYPE, i], SHOOTS_UP] > F0


@inlined
def act(f, k, c, w, table, values, n, m, i, j, seed, stream, draw):
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


@inlined
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
    if j >= n and k[AIM, j] < 0 and can_hit(k, table, j, i):
        k[AIM, j] = np.int32(i)


@inlined
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


@inlined
def fall(f, k, w, table, n, m, i):
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
