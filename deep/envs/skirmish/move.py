"""Going: strides, ways around walls, bodies that push each other apart, and the places that come of it.

- Bodies of one layer that overlap, by r + r' − √(d² + 10⁻⁶), are pushed apart along the line between them; one that
  stands to fight yields ten times less than one that walks, a building not at all; a pushed walker also slides along
  the obstacle. Ground units stay on open cells; colossi and flyers only on the map.
"""

from __future__ import annotations

import math

import numpy as np

from deep.envs.skirmish import units
from deep.envs.skirmish.fields import BODY, F0, F1, HALF, PLANE, PX, PY, TINY, TYPE, VX, VY, YIELD, X, Y, inlined
from deep.envs.skirmish.maps import SIZE, STRAIGHT, WALLS
from deep.envs.skirmish.units import LAYER, STRIDE

STEADY = np.float32(0.1)
"""How much a standing unit yields to a push, where a walking one yields 1."""
SLIDE = np.float32(1.0)
"""How far a pushed walker slides along the obstacle, per unit of push."""
LONGEST = np.float32(0.5)
"""The longest way of a loop, pushes included: less than a cell, so no wall is jumped."""
_GROUND = np.float32(units.GROUND)
_EDGE, _SIDE = np.float32(0.01), np.float32(SIZE)


@inlined
def stride(f, k, w, table, i, dx, dy, keep):
    """Go along (dx, dy), but no nearer than ``keep`` to its end."""
    far = np.float32(math.sqrt(dx * dx + dy * dy))
    way = min(table[k[TYPE, i], STRIDE], far - keep)
    if way > F0 and far > TINY:
        w[VX, i], w[VY, i] = dx / far * way, dy / far * way
        w[YIELD, i] = F1


@inlined
def travel(f, k, w, table, sizes, paths, i, x, y, keep):
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
    stride(f, k, w, table, i, dx, dy, keep)


@inlined
def push_apart(f, w, count):
    """Overlapping bodies of one layer push each other: (rᵢ + rⱼ − d) in all, shared as they yield."""
    for i in range(count):
        plane, radius, yields = w[PLANE, i], w[BODY, i], w[YIELD, i]
        if plane < F0:
            continue
        x, y = f[X, i] + w[VX, i], f[Y, i] + w[VY, i]
        px, py = F0, F0
        for j in range(i):
            dx, dy = x - f[X, j] - w[VX, j], y - f[Y, j] - w[VY, j]
            touch = radius + w[BODY, j]
            far = dx * dx + dy * dy
            if (w[PLANE, j] == plane) & (far < touch * touch):
                d = np.float32(math.sqrt(far + TINY))
                share = (touch - d) / (d * (yields + w[YIELD, j]))
                px += share * yields * dx
                py += share * yields * dy
                w[PX, j] -= share * w[YIELD, j] * dx
                w[PY, j] -= share * w[YIELD, j] * dy
        w[PX, i], w[PY, i] = px, py


@inlined
def move(f, k, w, table, ground, i):
    """Stride and push, the slide of a walker, then the walls: if the way is barred, along x alone, or y alone."""
    kind = k[TYPE, i]
    if table[kind, STRIDE] == F0:
        return
    vx, vy, px, py = w[VX, i], w[VY, i], w[PX, i], w[PY, i]
    if vx == F0 and vy == F0 and px == F0 and py == F0:
        return
    dx, dy = vx + px, vy + py
    if (vx != F0 or vy != F0) and px * vx + py * vy < F0:
        # the slide is across the push, to the side where the walker wants to go; head on, units differ by their number
        side = px * vy - py * vx
        turn = F1 if side > TINY or (side >= -TINY and i % 2 == 0) else -F1
        dx -= turn * SLIDE * py
        dy += turn * SLIDE * px
    far = dx * dx + dy * dy
    if far > LONGEST * LONGEST:
        far = np.float32(math.sqrt(far))
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
