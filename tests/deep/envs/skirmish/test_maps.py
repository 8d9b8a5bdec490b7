"""The tasks: SMAC's sizes, places that do not touch, ground that joins the teams, ways that arrive."""

import math

import numpy as np
import pytest

from deep.envs.skirmish import maps, units
from deep.envs.skirmish.layout import layout
from deep.envs.skirmish.maps import MAPS, SIZE, STRAIGHT, find, grounds, scene, ways
from marlcore.errors import InputError

# get_env_info() of oxwhirl's SMAC 1.0: n, m, limit, type bits, n_actions, obs, state
SMAC = {
    "3m": (3, 3, 60, 0, 9, 30, 48),
    "8m": (8, 8, 120, 0, 14, 80, 168),
    "25m": (25, 25, 150, 0, 31, 250, 950),
    "5m_vs_6m": (5, 6, 70, 0, 12, 55, 98),
    "8m_vs_9m": (8, 9, 120, 0, 15, 85, 179),
    "10m_vs_11m": (10, 11, 150, 0, 17, 105, 243),
    "27m_vs_30m": (27, 30, 180, 0, 36, 285, 1170),
    "MMM": (10, 10, 150, 3, 16, 160, 290),
    "MMM2": (10, 12, 180, 3, 18, 176, 322),
    "2s3z": (5, 5, 120, 2, 11, 80, 120),
    "3s5z": (8, 8, 150, 2, 14, 128, 216),
    "3s5z_vs_3s6z": (8, 9, 170, 2, 15, 136, 230),
    "3s_vs_3z": (3, 3, 150, 0, 9, 36, 54),
    "3s_vs_4z": (3, 4, 200, 0, 10, 42, 61),
    "3s_vs_5z": (3, 5, 250, 0, 11, 48, 68),
    "1c3s5z": (9, 9, 180, 3, 15, 162, 270),
    "2m_vs_1z": (2, 1, 150, 0, 7, 16, 26),
    "corridor": (6, 24, 400, 0, 30, 156, 282),
    "6h_vs_8z": (6, 8, 150, 0, 14, 78, 140),
    "2s_vs_1sc": (2, 1, 300, 0, 7, 17, 27),
    "so_many_baneling": (7, 32, 100, 0, 38, 202, 397),
    "bane_vs_bane": (24, 24, 200, 2, 30, 336, 984),
    "2c_vs_64zg": (2, 64, 400, 0, 70, 332, 342),
}
# SMACv2's sc2_gen_* at 5v5
SMACV2 = {
    "terran_5_vs_5": (5, 5, 200, 3, 11, 82, 120),
    "protoss_5_vs_5": (5, 5, 200, 3, 11, 92, 130),
    "zerg_5_vs_5": (5, 5, 200, 3, 11, 82, 120),
}


def test_all_23_maps_are_there():
    assert set(MAPS) == set(SMAC)
    assert len(maps.names()) == 23 + 15


@pytest.mark.parametrize("name", [*SMAC, *SMACV2])
def test_sizes_are_smacs(name):
    task = find(name)
    sizes = layout(task)
    found = (task.n, task.m, task.limit, len(task.ally_types), sizes.n_actions, sizes.obs, sizes.state)
    assert found == {**SMAC, **SMACV2}[name]


@pytest.mark.parametrize("name", SMAC)
def test_units_stand_apart_on_open_ground(name):
    made = scene(name)
    x, y = made.starts
    radius, layer = made.table[made.types, units.RADIUS], made.table[made.types, units.LAYER]
    for i in range(len(x)):
        if layer[i] == units.GROUND:
            assert made.ground[int(x[i]), int(y[i])], f"unit {i} stands in a wall"
        for j in range(i):
            if layer[i] == layer[j]:
                assert math.hypot(x[i] - x[j], y[i] - y[j]) > radius[i] + radius[j] - 1e-4, f"{i} and {j} overlap"


@pytest.mark.parametrize("name", ["3m", "8m", "25m", "MMM", "2s3z", "3s5z", "1c3s5z"])
def test_even_maps_are_mirror_images(name):
    made, n = scene(name), find(name).n
    allies = sorted(
        (int(t), 32 - float(x), float(y)) for t, x, y in zip(made.types[:n], *made.starts[:, :n], strict=True)
    )
    enemies = sorted((int(t), float(x), float(y)) for t, x, y in zip(made.types[n:], *made.starts[:, n:], strict=True))
    assert np.allclose(allies, enemies, atol=1e-5)
    assert (made.ground == made.ground[::-1]).all()


@pytest.mark.parametrize("kind", grounds())
def test_ground_is_one_piece(kind):
    ground = grounds()[kind]()
    reached = np.zeros_like(ground)
    pending = [tuple(np.argwhere(ground)[0])]
    while pending:
        x, y = pending.pop()
        if 0 <= x < SIZE and 0 <= y < SIZE and ground[x, y] and not reached[x, y]:
            reached[x, y] = 1
            pending += [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
    assert (reached == ground).all()


@pytest.mark.parametrize("kind", ["corridor", "ravine"])
def test_ways_arrive_without_crossing_rock(kind):
    ground = grounds()[kind]()
    table = ways(ground)
    open_cells = np.argwhere(ground)
    rng = np.random.default_rng(0)
    blocked = 0
    for _ in range(200):
        (x, y), (gx, gy) = open_cells[rng.integers(len(open_cells), size=2)]
        for _ in range(200):
            step = table[gx * SIZE + gy, x * SIZE + y]
            if step == STRAIGHT:
                break
            blocked += 1
            x, y = x + step // 3 - 1, y + step % 3 - 1
            assert ground[x, y]
        else:
            raise AssertionError("the way does not arrive")
    assert blocked > 50


def test_the_corridor_is_a_corridor():
    ground = grounds()["corridor"]()
    # every way from one room to the other passes the choke, six cells wide: without it they are apart
    assert (ground[:, 11:14].sum(axis=0) <= 6).all()
    filled = ground.copy()
    filled[:, 12] = 0
    reached, pending = set(), [(4, 4)]
    while pending:
        x, y = pending.pop()
        if 0 <= x < SIZE and 0 <= y < SIZE and filled[x, y] and (x, y) not in reached:
            reached.add((x, y))
            pending += [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
    assert (27, 27) not in reached


def test_an_unknown_map_offers_the_nearest():
    with pytest.raises(InputError, match="did you mean 5m_vs_6m"):
        find("5m_vs_6")


def test_ties_between_units_and_their_sources():
    # Liquipedia's DPS figures (patch 4.10), to its two digits: damage·hits/cooldown
    for name, dps in {"marine": 9.8, "marauder": 9.3, "stalker": 9.7, "zealot": 18.6, "colossus": 18.7}.items():
        unit = units.UNITS[units.INDEX[name]]
        assert unit.damage * unit.hits / unit.cooldown == pytest.approx(dps, abs=0.06)
    for name, dps in {"zergling": 10.06, "hydralisk": 20.4, "spine_crawler": 18.9}.items():
        unit = units.UNITS[units.INDEX[name]]
        assert unit.damage * unit.hits / unit.cooldown == pytest.approx(dps, abs=0.1)
