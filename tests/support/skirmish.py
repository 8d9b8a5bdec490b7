"""Battles made to measure, and a second statement of the rules of a game loop, with plain lists instead of kernels."""

import math

import numpy as np

from deep.envs.skirmish import fields, maps, show, step, units
from deep.envs.skirmish.units import INDEX, UNITS

LOOPS = units.LOOPS_PER_SECOND


class Arena:
    """One battle of given units at given places: allies, enemies = [(name, x, y), …]."""

    def __init__(self, allies, enemies, *, ground="flat", goal=(16.0, 16.0), delay=False, seed=0):
        scene = maps.scene("3m")
        self.n, self.m = len(allies), len(enemies)
        count = self.n + self.m
        self.names = [each[0] for each in (*allies, *enemies)]
        self.table = scene.table.copy()
        self.ground = maps.grounds()[ground]()
        walls = ground in ("corridor", "ravine")
        self.paths = maps.ways(self.ground) if walls else scene.paths
        heals = "medivac" in self.names
        self.sizes = scene.sizes.copy()
        for key, value in (
            (maps.N_ALLIES, self.n),
            (maps.N_ENEMIES, self.m),
            (maps.HEALS, heals),
            (maps.WALLS, walls),
            (maps.LIMIT, 10**6),
            (maps.ALLY_SHIELD, any(UNITS[INDEX[name]].shield for name in self.names[: self.n])),
            (maps.ENEMY_SHIELD, any(UNITS[INDEX[name]].shield for name in self.names[self.n :])),
            (maps.ACTIONS, 6 + max(self.n, self.m)),
        ):
            self.sizes[key] = value
        self.values = np.array([*goal, *((-1, 2) if delay else (0, 0))], dtype=np.float32)
        self.types = np.array([INDEX[name] for name in self.names], dtype=np.int32)
        self.starts = np.array([[u[1] for u in (*allies, *enemies)], [u[2] for u in (*allies, *enemies)]], np.float32)
        for array in (self.table, self.ground, self.paths, self.sizes, self.values, self.types, self.starts):
            array.flags.writeable = False  # as in a Scene: numba compiles once for both
        self.f, self.k = np.zeros((fields.FIELDS, count), np.float32), np.zeros((fields.KEYS, count), np.int32)
        self.c, self.g = np.zeros(fields.COUNTERS, np.int64), np.zeros(fields.GLOBALS, np.float32)
        self.w = np.zeros((fields.SCRATCH, count), np.float32)
        self.seed, self.draw = seed, 0
        show.start_battle(
            *(self.f, self.k, self.c, self.g, self.table, self.types, self.starts, self.sizes, self.values, seed, 0)
        )

    def step(self, *actions):
        return step.step_battle(
            *(self.f, self.k, self.c, self.g, self.w, self.table, self.sizes, self.values, self.ground, self.paths),
            *(self.seed, 0, np.array(actions, dtype=np.int64)),
        )

    def loop(self, *actions):
        """One game loop, with the orders given anew where there are any."""
        for i, action in enumerate(actions):
            self.k[fields.LAST, i] = action
            heals = self.names[i] == "medivac"
            self.k[fields.AIM, i] = -1 if action < 6 else action - 6 + (0 if heals else self.n)
        self.w[fields.OX], self.w[fields.OY] = self.f[fields.X], self.f[fields.Y]
        step.play_loop(
            *(self.f, self.k, self.c, self.g, self.w, self.table, self.sizes, self.values, self.ground, self.paths),
            *(self.seed, 0, self.draw),
        )
        self.draw += self.n + self.m

    def health(self, i):
        return float(self.f[fields.HP, i])

    def shield(self, i):
        return float(self.f[fields.SH, i])

    def place(self, i):
        return float(self.f[fields.X, i]), float(self.f[fields.Y, i])


# -- the rules again --------------------------------------------------------------------------------------------------


def loop_again(scene, f, k, origin, orders_random):
    """(f, k) after one loop from copies of them, by the rules as docs/skirmish.md states them.

    ``origin`` (2, N) is where units stood when the step began; ``orders_random(i)`` the uniform draw of i's weapon.
    """
    f, k = f.copy(), k.copy()
    n, count = int(scene.sizes[maps.N_ALLIES]), f.shape[1]
    kinds = [UNITS[t] for t in k[fields.TYPE]]
    place = f[:2].copy()
    dx, dy = place[0][None] - place[0][:, None], place[1][None] - place[1][:, None]
    far2 = dx * dx + dy * dy  # float32, as the compiled rules compare
    live = f[fields.HP] > 0
    one = np.float32(1)
    for i in np.flatnonzero(live):
        unit = kinds[i]
        f[fields.CD, i] = f[fields.CD, i] - one if f[fields.CD, i] > 0 else 0
        f[fields.CALM, i] += one
        f[fields.HP, i] = min(f[fields.HP, i] + np.float32(unit.regeneration / LOOPS), np.float32(unit.health))
        if unit.shield and f[fields.CALM, i] > units.SHIELD_DELAY * LOOPS:
            f[fields.SH, i] = min(f[fields.SH, i] + units.SHIELD_RATE / LOOPS, unit.shield)
        if unit.weapon == units.HEAL:
            f[fields.EN, i] = min(f[fields.EN, i] + units.ENERGY_RATE / LOOPS, units.ENERGY_MAX)

    def reach(i, j):
        table = scene.table
        a, b = k[fields.TYPE, i], k[fields.TYPE, j]
        return table[a, units.RANGE] + table[a, units.RADIUS] + table[b, units.RADIUS]

    def can(i, j):
        return kinds[j].layer != units.AIR or kinds[i].shoots_up

    def strike(i, j):
        damage = kinds[i].damage
        damage += kinds[i].bonus_light * kinds[j].light + kinds[i].bonus_armoured * kinds[j].armoured
        for _ in range(kinds[i].hits):
            absorbed = min(f[fields.SH, j], damage)
            f[fields.SH, j] -= absorbed
            if damage > absorbed:
                f[fields.HP, j] -= max(damage - absorbed - kinds[j].armour, 0.5)
        f[fields.CALM, j] = 0
        if j >= n and k[fields.AIM, j] < 0 and can(j, i):
            k[fields.AIM, j] = i

    def foes(i):
        return range(n, count) if i < n else range(n)

    wish = np.zeros((2, count))

    def act(i, j):
        weapon = kinds[i].weapon
        if weapon == units.HEAL:
            if kinds[j].biological and 0 < f[fields.HP, j] < kinds[j].health:
                cost = units.HEAL_RATE / LOOPS / units.HEAL_PER_ENERGY
                if f[fields.EN, i] >= np.float32(cost):
                    f[fields.EN, i] -= cost
                    f[fields.HP, j] = min(f[fields.HP, j] + units.HEAL_RATE / LOOPS, kinds[j].health)
        elif weapon == units.EXPLOSION:
            f[fields.HP, i] = 0
        elif f[fields.CD, i] <= 0:
            delay = scene.values[maps.DELAY_LOW] + 3 * orders_random(i)
            f[fields.CD, i] += kinds[i].cooldown * LOOPS + delay
            victims = [j]
            if weapon == units.COLOSSUS_BEAM:
                aim = np.array([dx[i, j], dy[i, j]], dtype=float)
                aim /= max(np.hypot(*aim), 1e-6)
                victims = []
                for v in foes(i):
                    off = np.array([dx[j, v], dy[j, v]], dtype=float)
                    r = kinds[v].diameter / 2
                    deep, wide = abs(off @ aim), abs(off[0] * aim[1] - off[1] * aim[0])
                    if live[v] and kinds[v].layer != units.AIR and deep <= 0.15 + r and wide <= 1.4 + r:
                        victims.append(v)
            for v in victims:
                strike(i, v)

    def walk(i, x, y, keep=0.0):
        ddx, ddy = float(x - place[0, i]), float(y - place[1, i])
        d = math.hypot(ddx, ddy)
        way = min(kinds[i].speed / LOOPS, d - keep)
        if way > 0 and d > 1e-6:
            wish[:, i] = ddx / d * way, ddy / d * way

    def travel(i, x, y, keep=0.0):
        if scene.sizes[maps.WALLS] and kinds[i].layer == units.GROUND:
            here, there = (int(place[0, i]), int(place[1, i])), (int(x), int(y))
            way = scene.paths[there[0] * 32 + there[1], here[0] * 32 + here[1]]
            if way != maps.STRAIGHT and here != there:
                walk(i, here[0] + way // 3 - 1 + 0.5, here[1] + way % 3 - 1 + 0.5)
                return
        walk(i, x, y, keep)

    def approach(i, j, go):
        if far2[i, j] <= reach(i, j) * reach(i, j):
            act(i, j)
        else:
            go(i, place[0, j], place[1, j], float(reach(i, j)) - 0.02)

    for i in np.flatnonzero(live):
        action, unit = int(k[fields.LAST, i]), kinds[i]
        if i < n:
            if 2 <= action <= 5:
                ox, oy = ((0, 2), (0, -2), (2, 0), (-2, 0))[action - 2]
                walk(i, origin[0, i] + ox, origin[1, i] + oy)
            elif action >= 6:
                j = action - 6 + (0 if unit.weapon == units.HEAL else n)
                if live[j] and can(i, j):
                    approach(i, j, walk)
        elif unit.weapon == units.HEAL:
            friends = [j for j in range(n, count) if live[j] and kinds[j].weapon != units.HEAL]
            hurt = [j for j in friends if kinds[j].biological and f[fields.HP, j] < kinds[j].health]
            k[fields.AIM, i] = min(hurt, key=lambda j, i=i: far2[i, j]) if hurt else -1
            if hurt:
                approach(i, k[fields.AIM, i], walk)
            elif friends:
                j = min(friends, key=lambda j, i=i: far2[i, j])
                walk(i, place[0, j], place[1, j], 2.0)
            else:
                walk(i, *scene_goal(scene))
        else:
            j = int(k[fields.AIM, i])
            j = j if j >= 0 and live[j] else -1
            if j < 0 or far2[i, j] > reach(i, j) * reach(i, j):
                scan = max(unit.range, 5.0) + 0.5
                seen = [
                    a
                    for a in range(n)
                    if live[a]
                    and can(i, a)
                    and math.sqrt(far2[i, a]) <= scan + unit.diameter / 2 + kinds[a].diameter / 2
                ]
                if seen:
                    j = min(seen, key=lambda a, i=i: far2[i, a])
                elif j >= 0 and far2[i, j] > 81:
                    j = -1
            k[fields.AIM, i] = j
            if j < 0:
                travel(i, *scene_goal(scene))
            else:
                approach(i, j, travel)
    _bodies(scene, f, kinds, live, place, wish)
    dead = set(np.flatnonzero(~live).tolist())
    while new := [i for i in range(count) if f[fields.HP, i] <= 0 and i not in dead]:
        for i in new:
            dead.add(i)
            f[fields.HP, i] = f[fields.SH, i] = f[fields.EN, i] = f[fields.CD, i] = 0
            if kinds[i].weapon == units.EXPLOSION:
                for j in foes(i):
                    gap = math.hypot(f[0, j] - f[0, i], f[1, j] - f[1, i]) - kinds[j].diameter / 2
                    if f[fields.HP, j] > 0 and gap <= 2.2 and kinds[j].layer != units.AIR:
                        strike(i, j)
    return f, k


def scene_goal(scene):
    return float(scene.values[maps.GOAL_X]), float(scene.values[maps.GOAL_Y])


def _bodies(scene, f, kinds, live, place, wish):
    """Pushes, slides and walls."""
    count = len(kinds)
    ahead = place + wish
    yields = np.where((wish != 0).any(0), 1.0, 0.1)
    push = np.zeros((2, count))
    for i in range(count):
        for j in range(i):
            if live[i] and live[j] and kinds[i].layer == kinds[j].layer:
                between = ahead[:, i] - ahead[:, j]
                d = math.sqrt(between @ between + 1e-6)
                overlap = (kinds[i].diameter + kinds[j].diameter) / 2 - d
                if overlap > 0 and d > 0:
                    push[:, i] += between / d * overlap * yields[i] / (yields[i] + yields[j])
                    push[:, j] -= between / d * overlap * yields[j] / (yields[i] + yields[j])
    for i in np.flatnonzero(live):
        if kinds[i].speed == 0:
            continue
        way = wish[:, i] + push[:, i]
        if wish[:, i].any() and wish[:, i] @ push[:, i] < 0:
            side = push[0, i] * wish[1, i] - push[1, i] * wish[0, i]
            turn = 1 if side > 1e-6 or (side >= -1e-6 and i % 2 == 0) else -1
            way = way + turn * np.array([-push[1, i], push[0, i]])
        length = math.hypot(*way)
        way = way * min(1, 0.5 / length) if length else way
        x, y = np.clip(place[:, i] + way, 0.01, 31.99)

        def shut(x, y, i=i):
            return kinds[i].layer == units.GROUND and not scene.ground[int(x), int(y)]

        if shut(x, y):
            old_x, old_y = place[:, i]
            x, y = (x, old_y) if not shut(x, old_y) else (old_x, y) if not shut(old_x, y) else (old_x, old_y)
        f[0, i], f[1, i] = x, y
