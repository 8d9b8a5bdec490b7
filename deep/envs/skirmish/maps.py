"""The tasks: SMAC's 23 maps, and SMACv2-style random teams; who fights whom, from where, on what ground, how long.

    3m, MMM2, corridor, …              SMAC's maps, by its names
    terran_5_vs_5, zerg_10_vs_11, …    random teams: terran, protoss, zerg; 5v5, 10v10, 10v11, 20v20, 20v23

Sources. Teams, races, limits, and which types a map tells apart: SMAC's map registry (Samvelyan et al., 2019). Ground
and places: the maps themselves are binaries of the game, so these are read off them by others (SMAClite, Michalski et
al., 2023) and rounded to cells: in most, allies stand around (9, 16) and enemies around (23, 16) on a strip of 32 × 16.
Random teams: SMACv2 (Ellis et al., 2023), its published configurations: type weights 0.45, 0.45, 0.1; start places
reflected or surrounded, each with probability 1/2; 32 × 32, flat; limit 200.

Departures. A group stands in rows, short weapons in front, where the game has its own placement. 2c_vs_64zg has its
zerglings north and south of the cliff, half each.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deep.envs.skirmish import units
from deep.envs.skirmish.units import INDEX, UNITS
from marlcore import registry
from marlcore.compiled import compiled

SIZE = 32
"""Every map has 32 × 32 cells."""
KILL_REWARD, WIN_REWARD, PERFECT = 10.0, 200.0, 20.0
"""SMAC's rewards for a kill and for the win, and what a perfect episode sums to."""
SIGHT_RANGE, SHOOT_RANGE = 9.0, 6.0
"""SMAC's sight and shooting range of every unit, from centre to centre."""
LEAST_SHOOT_RANGE = 2.0
"""SMACv2 lets a unit order attacks within its own weapon's range, and within 2 at least."""

Group = tuple[str, float, float, int, dict[str, int]]
"""Team (``ally``, ``enemy``), centre x and y, the way it faces (0 east, 1 north, 2 west, 3 south), and its units."""


@dataclass(frozen=True)
class Map:
    """A task: its teams and all sizes that follow from them."""

    name: str
    limit: int
    groups: tuple[Group, ...]
    ground: str = "strip"
    ally_types: tuple[str, ...] = ()
    """The types that observations tell apart, in SMAC's order; () where a team has one type."""
    enemy_types: tuple[str, ...] = ()
    """The same for enemies, where SMAC's order is another."""
    goal: tuple[float, float] = (9.0, 16.0)
    """Where the enemies attack-move to."""
    generator: str = ""
    """The race of random teams, or "" for fixed ones."""
    n_random: tuple[int, int] = (0, 0)

    @property
    def n(self) -> int:
        """Allies: the agents."""
        return self.n_random[0] or sum(sum(g[4].values()) for g in self.groups if g[0] == "ally")

    @property
    def m(self) -> int:
        """Enemies."""
        return self.n_random[1] or sum(sum(g[4].values()) for g in self.groups if g[0] == "enemy")

    def team(self, side: str) -> frozenset[str]:
        """The types that a side may have."""
        if self.generator:
            return frozenset(self.ally_types)
        return frozenset(name for g in self.groups if g[0] == side for name in g[4])

    def shielded(self, side: str) -> bool:
        """Whether a side's rows hold a shield."""
        return any(UNITS[INDEX[name]].shield > 0 for name in self.team(side))

    @property
    def heals(self) -> bool:
        """Whether there are medivacs, whose actions 6 + i mean allies, and who do not count as survivors alone."""
        return "medivac" in self.team("ally")


def _duel(name: str, limit: int, allies: dict[str, int], enemies: dict[str, int], **more: object) -> Map:
    """Two groups on the strip, face to face."""
    return Map(name, limit, (("ally", 9, 16, 0, allies), ("enemy", 23, 16, 2, enemies)), **more)  # pyright: ignore[reportArgumentType]


_MMM = {"ally_types": ("marauder", "marine", "medivac")}
# SMAC numbers an ally stalker 0 and zealot 1, and an enemy by its unit number of the game, zealot 73 and stalker 74
_SZ = {"ally_types": ("stalker", "zealot"), "enemy_types": ("zealot", "stalker")}
_CSZ = {"ally_types": ("colossus", "stalker", "zealot")}

MAPS: dict[str, Map] = {
    each.name: each
    for each in (
        _duel("3m", 60, {"marine": 3}, {"marine": 3}),
        _duel("8m", 120, {"marine": 8}, {"marine": 8}),
        _duel("25m", 150, {"marine": 25}, {"marine": 25}),
        _duel("5m_vs_6m", 70, {"marine": 5}, {"marine": 6}),
        _duel("8m_vs_9m", 120, {"marine": 8}, {"marine": 9}),
        _duel("10m_vs_11m", 150, {"marine": 10}, {"marine": 11}),
        _duel("27m_vs_30m", 180, {"marine": 27}, {"marine": 30}),
        _duel(
            "MMM", 150, {"marauder": 2, "marine": 7, "medivac": 1}, {"marauder": 2, "marine": 7, "medivac": 1}, **_MMM
        ),
        _duel(
            "MMM2", 180, {"marauder": 2, "marine": 7, "medivac": 1}, {"marauder": 3, "marine": 8, "medivac": 1}, **_MMM
        ),
        _duel("2s3z", 120, {"stalker": 2, "zealot": 3}, {"stalker": 2, "zealot": 3}, **_SZ),
        _duel("3s5z", 150, {"stalker": 3, "zealot": 5}, {"stalker": 3, "zealot": 5}, **_SZ),
        _duel("3s5z_vs_3s6z", 170, {"stalker": 3, "zealot": 5}, {"stalker": 3, "zealot": 6}, **_SZ),
        _duel("3s_vs_3z", 150, {"stalker": 3}, {"zealot": 3}, ground="field"),
        _duel("3s_vs_4z", 200, {"stalker": 3}, {"zealot": 4}, ground="field"),
        _duel("3s_vs_5z", 250, {"stalker": 3}, {"zealot": 5}, ground="field"),
        _duel(
            "1c3s5z",
            180,
            {"colossus": 1, "stalker": 3, "zealot": 5},
            {"colossus": 1, "stalker": 3, "zealot": 5},
            **_CSZ,
        ),
        _duel("2m_vs_1z", 150, {"marine": 2}, {"zealot": 1}),
        Map(
            "corridor",
            400,
            (("ally", 19, 19, 1, {"zealot": 6}), ("enemy", 27.5, 27.5, 3, {"zergling": 24})),
            ground="corridor",
            goal=(4.5, 4.5),
        ),
        _duel("6h_vs_8z", 150, {"hydralisk": 6}, {"zealot": 8}),
        Map(
            "2s_vs_1sc",
            300,
            (
                ("ally", 11, 10.5, 1, {"stalker": 1}),
                ("ally", 17, 10.5, 1, {"stalker": 1}),
                ("enemy", 14, 20, 3, {"spine_crawler": 1}),
            ),
            ground="pentagon",
            goal=(14.0, 20.0),
        ),
        _duel("so_many_baneling", 100, {"zealot": 7}, {"baneling": 32}),
        Map(
            "bane_vs_bane",
            200,
            (
                ("ally", 16, 11, 1, {"zergling": 20}),
                ("ally", 16, 8, 1, {"baneling": 4}),
                ("enemy", 16, 21, 3, {"zergling": 20}),
                ("enemy", 16, 24, 3, {"baneling": 4}),
            ),
            ground="octagon",
            ally_types=("baneling", "zergling"),
            goal=(16.0, 8.0),
        ),
        Map(
            "2c_vs_64zg",
            400,
            (
                ("ally", 16, 16, 1, {"colossus": 2}),
                ("enemy", 16, 9, 1, {"zergling": 32}),
                ("enemy", 16, 23, 3, {"zergling": 32}),
            ),
            ground="ravine",
            goal=(16.0, 16.0),
        ),
    )
}
"""SMAC's maps by name."""

RACES = {
    "terran": ("marine", "marauder", "medivac"),
    "protoss": ("stalker", "zealot", "colossus"),
    "zerg": ("zergling", "hydralisk", "baneling"),
}
"""SMACv2's types of each race; the first two are drawn with probability 0.45, the third with 0.1."""
TYPE_WEIGHTS = (0.45, 0.45, 0.1)
NEVER_ALONE = ("medivac", "baneling")
"""Types that may not make up a whole team (SMACv2's ``exception_unit_types``)."""
RANDOM_SIZES = ((5, 5), (10, 10), (10, 11), (20, 20), (20, 23))
RANDOM_LIMIT = 200


def names() -> list[str]:
    """Every task: SMAC's maps, then the random teams."""
    return [*MAPS, *(f"{race}_{n}_vs_{m}" for race in RACES for n, m in RANDOM_SIZES)]


def find(name: str) -> Map:
    """The task of that name; an unknown one offers the nearest."""
    if name in MAPS:
        return MAPS[name]
    if name not in names():
        raise registry.unknown("map", name, names())
    race, n, _, m = name.split("_")
    return Map(
        name,
        RANDOM_LIMIT,
        (),
        ground="flat",
        ally_types=RACES[race],
        generator=race,
        n_random=(int(n), int(m)),
    )


@dataclass(frozen=True)
class Scene:
    """A task as the arrays that the step function reads."""

    map: Map
    table: np.ndarray
    """(types, columns) float32"""
    types: np.ndarray
    """(N,) int32: each unit's type, allies first; unused where teams are random"""
    starts: np.ndarray
    """(2, N) float32"""
    ground: np.ndarray
    """(SIZE, SIZE) uint8 by cell x and y: 1 where one can walk"""
    paths: np.ndarray
    """(cells, cells) uint8: the way from the second cell to the first (``ways``), or (1, 1) where all is in sight"""
    sizes: np.ndarray
    """int32: what ``SIZES`` names"""
    values: np.ndarray
    """float32: what ``VALUES`` names"""


SIZES = [
    "n",
    "m",
    "ally_shield",
    "enemy_shield",
    "bits",
    "heals",
    "places",
    "walls",
    "limit",
    "race",
    "actions",
    "obs",
    "state",
]
N_ALLIES, N_ENEMIES, ALLY_SHIELD, ENEMY_SHIELD, BITS, HEALS, PLACES, WALLS, LIMIT, RACE = range(10)
ACTIONS, OBS, STATE = range(10, 13)
VALUES = ("goal_x", "goal_y", "delay_low", "delay_high")
GOAL_X, GOAL_Y, DELAY_LOW, DELAY_HIGH = range(len(VALUES))


@functools.lru_cache(maxsize=64)
def scene(name: str) -> Scene:
    """The arrays of a task; shared, so not to be written to."""
    from deep.envs.skirmish.layout import layout

    task = find(name)
    sizes = layout(task)
    ground = grounds()[task.ground]()
    walls = task.ground in ("corridor", "ravine")  # the others are convex: all is in sight
    types, starts = (
        (np.zeros(task.n + task.m, np.int32), np.zeros((2, task.n + task.m), np.float32))
        if task.generator
        else placed(task)
    )
    numbers = {
        "n": task.n,
        "m": task.m,
        "ally_shield": task.shielded("ally"),
        "enemy_shield": task.shielded("enemy"),
        "bits": len(task.ally_types),
        "heals": task.heals,
        "places": bool(task.generator),
        "walls": walls,
        "limit": task.limit,
        "race": list(RACES).index(task.generator) + 1 if task.generator else 0,
        "actions": sizes.n_actions,
        "obs": sizes.obs,
        "state": sizes.state,
    }
    made = Scene(
        map=task,
        table=_task_table(task),
        types=types,
        starts=starts,
        ground=ground,
        paths=ways(ground) if walls else np.zeros((1, 1), dtype=np.uint8),
        sizes=np.array([int(numbers[key]) for key in SIZES], dtype=np.int32),
        values=np.array([*task.goal, units.DELAY_LOW, units.DELAY_HIGH], dtype=np.float32),
    )
    for array in (made.table, made.types, made.starts, made.ground, made.paths, made.sizes, made.values):
        array.flags.writeable = False
    return made


def _task_table(task: Map) -> np.ndarray:
    """The units' table with the task's ranges and type numbers (−1: the type has none)."""
    rows = units.table()
    rows[:, units.SHOOT], rows[:, units.SIGHT] = SHOOT_RANGE, SIGHT_RANGE
    if task.generator:
        rows[:, units.SHOOT] = np.maximum(rows[:, units.RANGE], LEAST_SHOOT_RANGE)
        rows[:, units.SIGHT] = [unit.sight for unit in UNITS]
    for column, kinds in (
        (units.ALLY_BIT, task.ally_types),
        (units.ENEMY_BIT, task.enemy_types or task.ally_types),
    ):
        rows[:, column] = [kinds.index(u.name) if u.name in kinds else -1 for u in UNITS]
    return rows


# -- where units stand ------------------------------------------------------------------------------------------------


def placed(task: Map) -> tuple[np.ndarray, np.ndarray]:
    """Types (N,) and places (2, N) of fixed teams, allies first, each side ordered as SMAC orders it: type, x, y."""
    types, xs, ys = [], [], []
    for side, order in (("ally", task.ally_types), ("enemy", task.enemy_types or task.ally_types)):
        rows = [row for group in task.groups if group[0] == side for row in _rows(group)]
        rows.sort(key=lambda row: (order.index(row[0]) if order else 0, round(row[1], 4), round(row[2], 4)))
        types += [INDEX[row[0]] for row in rows]
        xs += [row[1] for row in rows]
        ys += [row[2] for row in rows]
    return np.array(types, dtype=np.int32), np.array([xs, ys], dtype=np.float32)


def _rows(group: Group) -> list[tuple[str, float, float]]:
    """A group in ranks across the way it faces, short weapons in the first rank, medivacs behind all."""
    _, x, y, facing, counts = group
    members = sorted((name for name, count in counts.items() for _ in range(count)), key=_depth)
    wide = max(1, math.ceil(math.sqrt(2 * len(members))))
    ranks = [members[k : k + wide] for k in range(0, len(members), wide)]
    gaps = [max(UNITS[INDEX[name]].diameter for name in rank) + 0.05 for rank in ranks]
    depth, places = sum(gaps) / 2, []
    for rank, gap in zip(ranks, gaps, strict=True):
        ahead = depth - gap / 2
        depth -= gap
        for k, name in enumerate(rank):
            aside = (k - (len(rank) - 1) / 2) * gap
            dx, dy = ((ahead, aside), (aside, ahead), (-ahead, aside), (aside, -ahead))[facing]
            places.append((name, x + dx, y + dy))
    return places


def _depth(name: str) -> tuple[bool, float]:
    unit = UNITS[INDEX[name]]
    return unit.weapon == units.HEAL, unit.range


# -- the ground -------------------------------------------------------------------------------------------------------


def grounds() -> dict[str, Callable[[], np.ndarray]]:
    """The kinds of ground; each gives a fresh (SIZE, SIZE) grid by cell x and y."""
    return {
        "flat": lambda: _cells(lambda x, y: x >= 0),
        "strip": lambda: _cells(lambda x, y: (y >= 8) & (y < 24)),
        "field": lambda: _cells(lambda x, y: (y >= 4) & (y < 28)),
        "octagon": lambda: _cells(
            lambda x, y: (abs(x - 16) < 11) & (abs(y - 16) < 11) & (abs(x - 16) + abs(y - 16) < 16)
        ),
        "pentagon": lambda: _cells(
            lambda x, y: (x > 6) & (x < 22) & (y > 8) & (y < 25) & (y + abs(x - 14) < 28) & (abs(x - 14) - y < -2)
        ),
        # a room in the north-east, one in the south-west, and between them a choke six cells wide
        "corridor": lambda: _cells(
            lambda x, y: (
                ((x > 8) & (x < 31) & (y > 14) & (y < 31) & (x + y >= 24) & (x - y < 13) & (y - x < 14))
                | ((x > 8) & (x < 14) & (y > 10) & (y < 15))
                | ((x > 1) & (x < 14) & (y > 1) & (y < 11))
            )
        ),
        # a strip with a cliff in its middle, which colossi cross and zerglings go round
        "ravine": lambda: _cells(lambda x, y: (y >= 4) & (y < 28) & ~((y >= 15) & (y < 17) & (x >= 4) & (x < 28))),
    }


def _cells(inside: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Cells whose middle is inside, as bytes."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5, indexing="ij")
    return np.ascontiguousarray(inside(x, y)).astype(np.uint8)


STRAIGHT = 9
"""The entry of ``ways`` for a goal in sight."""


def ways(ground: np.ndarray) -> np.ndarray:
    """For each goal cell and each cell: 3·(Δx + 1) + Δy + 1 of the next step there, or ``STRAIGHT`` if in sight.

    Shortest paths over the eight neighbours without cutting corners (Dijkstra, 1959); a step through rock costs 100, so
    that a goal on a cliff leads to its foot.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    starts, ends, costs = [], [], []
    for x in range(SIZE):
        for y in range(SIZE):
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    u, v = x + dx, y + dy
                    if (dx or dy) and 0 <= u < SIZE and 0 <= v < SIZE:
                        free = ground[x, y] and ground[u, v] and ground[x, v] and ground[u, y]
                        starts.append(x * SIZE + y)
                        ends.append(u * SIZE + v)
                        costs.append(math.hypot(dx, dy) * (1 if free else 100))
    graph = csr_matrix((costs, (starts, ends)), shape=(SIZE**2, SIZE**2))
    _, before = dijkstra(graph, return_predecessors=True)
    # the graph is symmetric, so what comes before a cell on the way from the goal comes next on the way to it
    cell = np.arange(SIZE**2)
    before = np.where(before < 0, cell, before)
    dx, dy = before // SIZE - cell // SIZE, before % SIZE - cell % SIZE
    table = (3 * (dx + 1) + dy + 1).astype(np.uint8)
    table[_in_sight(ground)] = STRAIGHT
    return table


@compiled
def _in_sight(ground):
    """(cells, cells): whether the straight way between the middles of two cells runs over open ground.

    It is looked at every quarter of a cell, and 0.3 to each side, for a body is about half a cell wide.
    """
    size = ground.shape[0]
    clear = np.ones((size * size, size * size), dtype=np.bool_)
    for a in range(size * size):
        for b in range(size * size):
            x, y, u, v = a // size + 0.5, a % size + 0.5, b // size + 0.5, b % size + 0.5
            steps = 1 + int(4 * math.sqrt((u - x) ** 2 + (v - y) ** 2))
            k = 0
            while clear[a, b] and k <= steps:
                px, py = x + (u - x) * k / steps, y + (v - y) * k / steps
                for corner in range(4):
                    cx, cy = px + (0.3 if corner % 2 else -0.3), py + (0.3 if corner // 2 else -0.3)
                    clear[a, b] &= ground[int(cx), int(cy)] > 0
                k += 1
    return clear
