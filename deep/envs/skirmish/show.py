"""What a battle shows, and how it starts: observation, state and masks of SMAC's layout; the first of an episode.

Scalar functions of one battle like those of ``step``, and under the same rules, so that they compile for CUDA too.
"""

from __future__ import annotations

import math

import numpy as np

from deep.envs.skirmish import maps, units
from deep.envs.skirmish.fields import (
    AGE,
    AIM,
    CALM,
    CD,
    EN,
    EPISODE,
    F0,
    F1,
    GX,
    GY,
    HALF,
    HP,
    LAST,
    PERFECT_SUM,
    SH,
    SHOT,
    TYPE,
    X,
    Y,
    inlined,
    scalar,
)
from deep.envs.skirmish.layout import EAST, MOVES, NO_OP, NORTH, SOUTH, STOP, TARGET, WEST
from deep.envs.skirmish.maps import (
    ACTIONS,
    ALLY_SHIELD,
    BITS,
    ENEMY_SHIELD,
    GOAL_X,
    GOAL_Y,
    N_ALLIES,
    N_ENEMIES,
    PLACES,
    RACE,
    SIZE,
)
from deep.envs.skirmish.units import ALLY_BIT, ENEMY_BIT, HEALTH, SCALE, SHIELD, SHOOT, SIGHT, WEAPON
from marlcore.streams_compiled import uniform32

RESET = 1 << 16
"""The first draw of a reset; those of a step's weapons lie below it."""
_HEALER, _AIR = np.float32(units.HEAL), np.float32(units.AIR)
_KILL, _WIN = np.float32(maps.KILL_REWARD), np.float32(maps.WIN_REWARD)
_ENERGY, _ENERGY_MAX = np.float32(units.ENERGY_START), np.float32(units.ENERGY_MAX)
_SIDE, _MIDDLE = np.float32(SIZE), np.float32(SIZE / 2)
_FIRST, _SECOND = np.float32(maps.TYPE_WEIGHTS[0]), np.float32(maps.TYPE_WEIGHTS[0] + maps.TYPE_WEIGHTS[1])
_BANELING, _MEDIVAC = units.INDEX["baneling"], units.INDEX["medivac"]
_CALM = np.float32(1e4)
_GAP = np.float32(1.5)
"""Between the units of a crowd that appears at one place: the widest that come in numbers."""
_MARGIN = np.float32(1.0)


# -- the first step of an episode -------------------------------------------------------------------------------------


@scalar
def start_battle(f, k, c, g, table, types, starts, sizes, values, seed, stream):
    """Units at their places with full health and shield and loaded weapons; random teams are drawn."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    c[AGE] = 0
    if sizes[RACE] == 0:
        for i in range(n + m):
            k[TYPE, i] = types[i]
            f[X, i], f[Y, i] = starts[0, i], starts[1, i]
        g[GX], g[GY] = values[GOAL_X], values[GOAL_Y]
    else:
        _draw_teams(k, n, m, sizes[RACE], seed, stream, c[EPISODE])
        _draw_places(f, g, n, m, seed, stream, c[EPISODE])
    g[PERFECT_SUM] = _WIN + _KILL * np.float32(m)
    for i in range(n + m):
        kind = k[TYPE, i]
        f[HP, i], f[SH, i] = table[kind, HEALTH], table[kind, SHIELD]
        f[CD, i], f[CALM, i] = F0, _CALM
        f[EN, i] = _ENERGY if table[kind, WEAPON] == _HEALER else F0
        k[AIM, i], k[LAST, i], k[SHOT, i] = -1, -1, -1
        if i >= n:
            g[PERFECT_SUM] += f[HP, i] + f[SH, i]


@scalar
def _draw_teams(k, n, m, race, seed, stream, episode):
    """SMACv2's weighted teams: the enemies are the allies' types again, and what they have more is drawn too."""
    _draw_team(k, 0, n, 0, race, seed, stream, episode)
    for i in range(min(n, m)):
        k[TYPE, n + i] = k[TYPE, i]
    if m > n:
        _draw_team(k, 2 * n, n + m, n, race, seed, stream, episode)


@scalar
def _draw_team(k, first, end, draw, race, seed, stream, episode):
    """Units first, …, end − 1, again until they are not all medivacs or banelings (``exception_unit_types``)."""
    fights = False
    while not fights:
        draw += RESET
        for i in range(first, end):
            u = uniform32(seed, stream, episode, draw + i - first)
            kind = _type_of(race, 2)
            if u < _FIRST:
                kind = _type_of(race, 0)
            elif u < _SECOND:
                kind = _type_of(race, 1)
            k[TYPE, i] = kind
            if kind != _MEDIVAC and kind != _BANELING:
                fights = True


@scalar
def _type_of(race, place):
    """The unit types of a race in SMACv2's order."""
    if race == 1:
        return np.int32(0) if place == 0 else np.int32(1) if place == 1 else np.int32(2)
    if race == 2:
        return np.int32(3) if place == 0 else np.int32(4) if place == 1 else np.int32(5)
    return np.int32(6) if place == 0 else np.int32(8) if place == 1 else np.int32(7)


@scalar
def _draw_places(f, g, n, m, seed, stream, episode):
    """SMACv2's start places: reflected, or surrounded, each half of the time; the goal is where the allies are."""
    at = RESET + n + m
    if uniform32(seed, stream, episode, at) < HALF:
        for i in range(max(n, m)):
            u = uniform32(seed, stream, episode, at + 2 * i + 1)
            v = uniform32(seed, stream, episode, at + 2 * i + 2)
            y = _MARGIN + v * (_SIDE - _MARGIN - _MARGIN)
            if i < n:
                f[X, i], f[Y, i] = _MARGIN + u * (_MIDDLE - _MARGIN - _MARGIN), y
                if i < m:
                    f[X, n + i], f[Y, n + i] = _SIDE - f[X, i], y
            else:
                f[X, n + i], f[Y, n + i] = _MIDDLE + u * (_MIDDLE - _MARGIN), y
    else:
        for i in range(n):
            _in_crowd(f, i, i, n, _MIDDLE, _MIDDLE)
        _surround(f, n, m, seed, stream, episode, at)
    x, y = F0, F0
    for i in range(n):
        x += f[X, i]
        y += f[Y, i]
    g[GX], g[GY] = x / np.float32(n), y / np.float32(n)


@scalar
def _surround(f, n, m, seed, stream, episode, at):
    """One to four groups of enemies on different diagonals, each at a random distance; everyone in a random group."""
    groups = 1 + np.int64(uniform32(seed, stream, episode, at + 1) * np.float32(4.0))
    first = np.int64(uniform32(seed, stream, episode, at + 2) * np.float32(4.0))
    order = np.int64(uniform32(seed, stream, episode, at + 7) * np.float32(6.0))
    for group in range(groups):
        count = 0
        for i in range(m):
            if _group_of(groups, i, seed, stream, episode, at) == group:
                count += 1
        corner = _corner(group, first, order)
        u = uniform32(seed, stream, episode, at + 3 + group)
        # from 2 before the middle to the corner, as far as the crowd stays on the map
        away = np.float32(2.0) + u * (_MIDDLE - np.float32(4.0))
        x = _MIDDLE + away if corner == 1 or corner == 2 else _MIDDLE - away
        y = _MIDDLE + away if corner >= 2 else _MIDDLE - away
        place = 0
        for i in range(m):
            if _group_of(groups, i, seed, stream, episode, at) == group:
                _in_crowd(f, n + i, place, count, x, y)
                place += 1


@scalar
def _corner(group, first, order):
    """The group-th of the four corners in one of their 24 orders: ``first`` of 4, then ``order`` of 6."""
    second = (first + 1 + order % 3) % 4
    third, fourth = np.int64(-1), np.int64(-1)
    for corner in range(4):
        if corner != first and corner != second:
            third, fourth = (corner, third) if third < 0 or order >= 3 else (third, corner)
    return first if group == 0 else second if group == 1 else third if group == 2 else fourth


@scalar
def _group_of(groups, i, seed, stream, episode, at):
    return np.int64(uniform32(seed, stream, episode, at + 8 + i) * np.float32(groups))


@scalar
def _in_crowd(f, i, place, count, x, y):
    """The place-th of ``count`` units in a square of ranks around (x, y), kept on the map."""
    wide = 1
    while wide * wide < count:
        wide += 1
    high = (count + wide - 1) // wide
    x += _GAP * (np.float32(place % wide) - HALF * np.float32(wide - 1))
    y += _GAP * (np.float32(place // wide) - HALF * np.float32(high - 1))
    f[X, i] = min(max(x, HALF), _SIDE - HALF)
    f[Y, i] = min(max(y, HALF), _SIDE - HALF)


# -- what agents see --------------------------------------------------------------------------------------------------


@scalar
def show_battle(f, k, table, sizes, ground, obs, state, available, alive):
    """Fill observations (n, o), state (s,), masks (n, A) and alive (n,)."""
    n = sizes[N_ALLIES]
    for i in range(n):
        alive[i] = f[HP, i] > F0
        _mask(f, k, table, sizes, ground, available, i)
        _look(f, k, table, sizes, obs, available, i)
    _tell(f, k, table, sizes, state)


@inlined
def _mask(f, k, table, sizes, ground, available, i):
    """SMAC's availability: no-op when dead and only then; moves whose next cell is open; targets in shooting range."""
    n, m = sizes[N_ALLIES], sizes[N_ENEMIES]
    for a in range(sizes[ACTIONS]):
        available[i, a] = False
    if f[HP, i] <= F0:
        available[i, NO_OP] = True
        return
    available[i, STOP] = True
    x, y = f[X, i], f[Y, i]
    available[i, NORTH] = _open(ground, x, y + F1)
    available[i, SOUTH] = _open(ground, x, y - F1)
    available[i, EAST] = _open(ground, x + F1, y)
    available[i, WEST] = _open(ground, x - F1, y)
    kind = k[TYPE, i]
    shoot = table[kind, SHOOT]
    heals = table[kind, WEAPON] == _HEALER
    first, count = np.int64(n), np.int64(m)
    if heals:
        first, count = np.int64(0), np.int64(n)
    for j in range(count):
        other = first + j
        if f[HP, other] > F0 and not (heals and table[k[TYPE, other], WEAPON] == _HEALER):
            dx, dy = f[X, other] - x, f[Y, other] - y
            available[i, TARGET + j] = dx * dx + dy * dy <= shoot * shoot


@inlined
def _open(ground, x, y):
    if x < F0 or y < F0 or x >= _SIDE or y >= _SIDE:
        return False
    return ground[np.int64(x), np.int64(y)] != 0


@inlined
def _look(f, k, table, sizes, obs, available, i):
    """Agent i's observation."""
    n, m, bits = sizes[N_ALLIES], sizes[N_ENEMIES], sizes[BITS]
    for a in range(obs.shape[1]):
        obs[i, a] = F0
    if f[HP, i] <= F0:
        return
    for a in range(MOVES):
        obs[i, a] = F1 if available[i, NORTH + a] else F0
    kind = k[TYPE, i]
    sight = table[kind, SIGHT]
    at = MOVES
    shield = sizes[ENEMY_SHIELD]
    for j in range(m):
        if _see(f, k, table, obs, i, n + j, at, sight, shield):
            obs[i, at] = F1 if available[i, TARGET + j] else F0
            if bits:
                obs[i, at + 5 + shield + np.int64(table[k[TYPE, n + j], ENEMY_BIT])] = F1
        at += 5 + shield + bits
    shield = sizes[ALLY_SHIELD]
    for j in range(n):
        if j == i:
            continue
        if _see(f, k, table, obs, i, j, at, sight, shield):
            obs[i, at] = F1
            if bits:
                obs[i, at + 5 + shield + np.int64(table[k[TYPE, j], ALLY_BIT])] = F1
        at += 5 + shield + bits
    obs[i, at] = f[HP, i] / table[kind, HEALTH]
    at += 1
    if shield:
        obs[i, at] = _part(f[SH, i], table[kind, SHIELD])
        at += 1
    if sizes[PLACES]:
        obs[i, at], obs[i, at + 1] = f[X, i] / _SIDE, f[Y, i] / _SIDE
        at += 2
    if bits:
        obs[i, at + np.int64(table[kind, ALLY_BIT])] = F1


@inlined
def _see(f, k, table, obs, i, j, at, sight, shield):
    """Where j is and how it is, if i sees it."""
    if f[HP, j] <= F0:
        return False
    dx, dy = f[X, j] - f[X, i], f[Y, j] - f[Y, i]
    far = np.float32(math.sqrt(dx * dx + dy * dy))
    if far >= sight:
        return False
    obs[i, at + 1], obs[i, at + 2], obs[i, at + 3] = far / sight, dx / sight, dy / sight
    obs[i, at + 4] = f[HP, j] / table[k[TYPE, j], HEALTH]
    if shield:
        obs[i, at + 5] = _part(f[SH, j], table[k[TYPE, j], SHIELD])
    return True


@inlined
def _part(value, whole):
    return value / whole if whole > F0 else F0


@inlined
def _tell(f, k, table, sizes, state):
    """The state."""
    n, m, bits = sizes[N_ALLIES], sizes[N_ENEMIES], sizes[BITS]
    for a in range(state.shape[0]):
        state[a] = F0
    at, shield = 0, sizes[ALLY_SHIELD]
    for i in range(n):
        if f[HP, i] > F0:
            kind = k[TYPE, i]
            state[at] = f[HP, i] / table[kind, HEALTH]
            resource = f[EN, i] if table[kind, WEAPON] == _HEALER else max(f[CD, i], F0)
            state[at + 1] = resource / table[kind, SCALE]
            state[at + 2], state[at + 3] = (f[X, i] - _MIDDLE) / _SIDE, (f[Y, i] - _MIDDLE) / _SIDE
            if shield:
                state[at + 4] = _part(f[SH, i], table[kind, SHIELD])
            if bits:
                state[at + 4 + shield + np.int64(table[kind, ALLY_BIT])] = F1
        at += 4 + shield + bits
    shield = sizes[ENEMY_SHIELD]
    for j in range(n, n + m):
        if f[HP, j] > F0:
            kind = k[TYPE, j]
            state[at] = f[HP, j] / table[kind, HEALTH]
            state[at + 1], state[at + 2] = (f[X, j] - _MIDDLE) / _SIDE, (f[Y, j] - _MIDDLE) / _SIDE
            if shield:
                state[at + 3] = _part(f[SH, j], table[kind, SHIELD])
            if bits:
                state[at + 3 + shield + np.int64(table[kind, ENEMY_BIT])] = F1
        at += 3 + shield + bits
    for i in range(n):
        if k[LAST, i] >= 0:
            state[at + k[LAST, i]] = F1
        at += sizes[ACTIONS]
