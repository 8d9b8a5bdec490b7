"""A battle's rules: closed forms of damage, healing and splash, walls and bodies, and the rules stated once more."""

import math

import numba
import numpy as np
import pytest
import torch
from skirmish import LOOPS, Arena, loop_again

from deep.envs.skirmish import fields, maps, policies, step, units
from deep.envs.skirmish.env import Skirmish
from deep.envs.skirmish.units import INDEX, UNITS
from marlcore import streams

STOP, NORTH, EAST = 1, 2, 4
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    """A batch of one or two battles gains nothing from threads, and waits for them on a busy machine."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def with_columns(table, columns):
    """A table with some columns replaced, read-only as a scene's."""
    table = table.copy()
    for column, values in columns.items():
        table[:, column] = values
    table.flags.writeable = False
    return table


def unit(name):
    return UNITS[INDEX[name]]


# -- damage -----------------------------------------------------------------------------------------------------------


def test_marine_kills_marine_with_its_eighth_shot():
    # 45 health at 6 a shot are 8 shots; the k-th reload is over ⌈k·0.61 s·22.4/s⌉ loops after the first shot
    arena = Arena([("marine", 10, 16)], [("marine", 14, 16)])
    shots = [math.ceil(k * 0.61 * LOOPS) for k in range(8)]
    for loop in range(shots[-1]):
        arena.loop(STOP)
        assert arena.health(0) == 45 - 6 * sum(s <= loop for s in shots)
    arena.loop(STOP)
    assert arena.health(0) == 0


@pytest.mark.parametrize(
    ("attacker", "target", "damage"),
    [
        ("marine", "marine", 6),
        ("marine", "marauder", 6 - 1),
        ("marauder", "marine", 10),
        ("marauder", "marauder", 10 + 10 - 1),
        ("hydralisk", "marauder", 12 - 1),
        ("zealot", "marauder", 2 * (8 - 1)),
        ("zergling", "marine", 5),
        ("spine_crawler", "marauder", 25 + 5 - 1),
        ("spine_crawler", "marine", 25),
        ("colossus", "marine", 2 * (10 + 5)),
        ("colossus", "marauder", 2 * (10 - 1)),
        ("stalker", "marauder", 13 + 5 - 1),
        ("marine", "spine_crawler", 6 - 2),
    ],
)
def test_a_shot_takes_damage_and_bonus_less_armour(attacker, target, damage):
    near = 10 + unit(attacker).diameter / 2 + unit(target).diameter / 2 + 0.05
    arena = Arena([(target, 10, 16)], [(attacker, near, 16)])
    arena.loop(STOP)
    assert unit(target).health - arena.health(0) == pytest.approx(damage, abs=0.02)  # zerg regain 0.017 a loop


def test_shields_take_damage_first_and_without_armour():
    arena = Arena([("zealot", 10, 16)], [("stalker", 14, 16)])
    arena.f[fields.SH, 0], arena.f[fields.CALM, 0] = 20, 0
    arena.loop(STOP)
    assert (arena.shield(0), arena.health(0)) == (7, 100)
    arena.f[fields.CD, 1] = 0
    arena.loop(STOP)
    assert (arena.shield(0), arena.health(0)) == (0, 100 - (13 - 7 - 1))


def test_a_hit_does_half_a_point_at_least():
    arena = Arena([("zealot", 10, 16)], [("marine", 13, 16)])
    arena.f[fields.SH, 0], arena.f[fields.CALM, 0] = 5.25, 0  # 0.75 comes through, less than the armour
    arena.loop(STOP)
    assert arena.health(0) == 99.5


def test_a_shield_comes_back_two_a_second_after_ten_seconds():
    arena = Arena([("zealot", 2, 16)], [("spine_crawler", 30, 16)])
    arena.f[fields.SH, 0], arena.f[fields.CALM, 0] = 10, 0
    for _ in range(224):
        arena.loop(STOP)
    assert arena.shield(0) == 10
    for _ in range(224):
        arena.loop(STOP)
    assert arena.shield(0) == pytest.approx(10 + 10 * 2, abs=1e-3)


def test_zerg_regain_health_and_others_do_not():
    arena = Arena([("hydralisk", 2, 16), ("marine", 2, 20)], [("spine_crawler", 30, 16)])
    arena.f[fields.HP, :2] = 20
    for _ in range(round(10 * LOOPS)):
        arena.loop(STOP, STOP)
    assert arena.health(0) == pytest.approx(23.8, abs=1e-3)
    assert arena.health(1) == 20


def test_random_delays_spread_a_weapons_reload():
    # Δ uniform on [−1, 2] loops: mean 0.5, so 200 reloads last 200·(13.664 + 0.5) ± 4·√200·0.87 loops
    arena = Arena([("colossus", 10, 16)], [("marine", 14, 16)], delay=True)
    shots = 0
    for _ in range(round(200 * (0.61 * LOOPS + 0.5))):
        arena.f[fields.HP, 0], arena.f[fields.SH, 0], arena.f[fields.CALM, 0] = 200, 150, 0
        arena.loop(STOP)
        shots += arena.shield(0) < 150
    assert abs(shots - 200) <= 4


# -- healing and splash -----------------------------------------------------------------------------------------------


def test_a_medivac_heals_and_pays():
    arena = Arena([("marine", 10, 16), ("medivac", 12, 16)], [("spine_crawler", 30, 30)])
    arena.f[fields.HP, 0] = 20
    for _ in range(24):
        arena.loop(STOP, 6)
    assert arena.health(0) == pytest.approx(20 + 24 * 12.6 / LOOPS, abs=1e-3)
    assert arena.f[fields.EN, 1] == pytest.approx(50 + 24 * (0.7875 - 12.6 / 3) / LOOPS, abs=1e-3)
    arena.f[fields.EN, 1] = 0.0
    arena.loop(STOP, 6)
    assert arena.health(0) == pytest.approx(20 + 24 * 12.6 / LOOPS, abs=1e-3)


def test_a_medivac_does_not_heal_machines():
    arena = Arena([("stalker", 10, 16), ("medivac", 12, 16)], [("spine_crawler", 30, 30)])
    arena.f[fields.HP, 0] = 20
    for _ in range(24):
        arena.loop(STOP, 6)
    assert arena.health(0) == 20


def test_marauders_and_zealots_do_not_hit_flyers():
    arena = Arena([("medivac", 10, 16)], [("marauder", 13, 16), ("zealot", 11, 16)])
    for _ in range(30):
        arena.loop(STOP)
    assert arena.health(0) == 150
    arena = Arena([("medivac", 10, 16)], [("marine", 13, 16)])
    arena.loop(STOP)
    assert arena.health(0) == 150 - (6 - 1)


def test_a_colossus_burns_a_line_across_its_aim():
    # the aim is along x: marines beside the target within 1.4 + 0.375 burn, one behind it does not, nor do friends
    offs = {0.0: True, 0.8: True, 1.7: True, 1.85: False, -1.7: True}
    foes = [("marine", 16.0, 16 + y) for y in offs] + [("marine", 17.0, 16.0)]
    arena = Arena([("colossus", 10, 16), ("marine", 16, 15.2)], foes, goal=(30.0, 16.0))
    arena.f[fields.CD, 2:] = 100
    arena.loop(6, STOP)
    hurt = [arena.health(2 + k) < 45 for k in range(len(foes))]
    assert hurt == [*offs.values(), False]
    assert arena.health(1) == 45


def test_a_baneling_hurts_all_enemies_that_its_circle_touches_and_dies():
    near, beyond = 2.2 + 0.375 - 0.03, 2.2 + 0.375 + 0.2
    arena = Arena(
        [("marine", 10, 16), ("marine", 10.6, 16 + near), ("marine", 10.6, 16 - beyond)],
        [("baneling", 10.9, 16), ("marine", 12.4, 16)],
    )
    arena.f[fields.CD, 4] = 100
    arena.loop(STOP, STOP, STOP)
    assert arena.health(3) == 0
    assert [arena.health(i) for i in range(3)] == [45 - 35, 45 - 35, 45]
    assert arena.health(4) == 45


def test_banelings_that_are_killed_explode_and_set_off_each_other():
    arena = Arena(
        [("marine", 10, 16), ("baneling", 14, 16)],
        [("baneling", 15, 16), ("baneling", 16.5, 16), ("marine", 17, 16)],
        goal=(30, 16),
    )
    arena.f[fields.HP, 1:4] = 5
    arena.f[fields.CD, 4] = 100
    arena.loop(6, STOP)
    assert [arena.health(i) for i in range(1, 4)] == [0, 0, 0]
    assert arena.health(0) == 45
    assert arena.health(4) == 45


# -- going ------------------------------------------------------------------------------------------------------------


def test_a_step_moves_by_speed_and_stops_after_two_units():
    arena = Arena([("marine", 10, 16), ("stalker", 10, 20)], [("spine_crawler", 30, 30)])
    arena.step(EAST, NORTH)
    assert arena.place(0) == pytest.approx((10 + 3.15 * 8 / LOOPS, 16), abs=1e-4)
    assert arena.place(1) == pytest.approx((10, 20 + 4.13 * 8 / LOOPS), abs=1e-4)
    arena.table = with_columns(arena.table, {units.STRIDE: 0.4})
    arena.step(EAST, NORTH)
    assert arena.place(0)[0] == pytest.approx(10 + 3.15 * 8 / LOOPS + 2, abs=1e-3)


def test_an_attacker_walks_until_its_weapon_reaches_edge_to_edge():
    arena = Arena([("marine", 5, 16)], [("spine_crawler", 20, 16)])
    for _ in range(40):
        arena.step(6)
        arena.f[fields.HP, 0] = 45
    assert 20 - arena.place(0)[0] == pytest.approx(5 + 0.375 + unit("spine_crawler").diameter / 2, abs=0.05)


def test_bodies_are_pushed_apart_and_buildings_stay():
    arena = Arena([("zealot", 10, 16), ("zealot", 10.5, 16)], [("spine_crawler", 28, 16)])
    for _ in range(40):
        arena.loop(STOP, STOP)
    gap = math.dist(arena.place(0), arena.place(1))
    assert gap == pytest.approx(1.0, abs=0.01)
    assert arena.place(0)[0] + arena.place(1)[0] == pytest.approx(20.5, abs=1e-3)
    arena = Arena([("zealot", 26.8, 16)], [("spine_crawler", 28, 16)])
    for _ in range(5):
        arena.step(EAST)
        arena.f[fields.HP, 0] = 100
    assert arena.place(1) == (28, 16)


def test_flyers_and_walkers_pass_over_others():
    for name in ("medivac", "colossus"):
        arena = Arena([(name, 10, 16), ("marine", 10.4, 16)], [("spine_crawler", 30, 30)])
        arena.loop(STOP, STOP)
        assert arena.place(0) == pytest.approx((10, 16), abs=1e-5)


@pytest.mark.parametrize("name", ["corridor", "2c_vs_64zg", "bane_vs_bane", "so_many_baneling", "2s3z", "25m"])
def test_no_ground_unit_is_ever_in_a_wall_or_off_the_map(name):
    env = Skirmish(name, 8, CPU, 5)
    for k in range(40):
        env.step(policies.act(env, ("random", "attack_nearest")[k // 20], 5, k))
        f, types = env.f.numpy(), env.k.numpy()[:, fields.TYPE]
        x, y = f[:, fields.X], f[:, fields.Y]
        assert ((x > 0) & (x < 32) & (y > 0) & (y < 32)).all()
        ground = env.scene.table[types, units.LAYER] == units.GROUND
        assert env.scene.ground[x[ground].astype(int), y[ground].astype(int)].all()


def test_a_colossus_crosses_the_cliff_and_a_zergling_goes_round():
    arena = Arena([("colossus", 16, 12)], [("spine_crawler", 2, 30)], ground="ravine")
    for _ in range(8):
        arena.step(NORTH)
    assert arena.place(0)[1] > 18
    arena = Arena([("stalker", 16, 20)], [("zergling", 16, 12)], ground="ravine", goal=(16.0, 20.0))
    seen = []
    for _ in range(60):
        arena.f[fields.HP, 0], arena.f[fields.SH, 0] = 80, 80
        arena.step(STOP)
        seen.append(arena.place(1))
    assert min(x for x, _ in seen) < 4 or max(x for x, _ in seen) > 28
    assert math.dist(seen[-1], (16, 20)) < 1.5


def test_the_choke_lets_a_crowd_through():
    env = Skirmish("corridor", 1, CPU, 3)
    n = env.map.n
    env.f[0, fields.HP, :n] = 0
    env.f[0, fields.HP, 0] = 100
    env.f[0, fields.X, 0], env.f[0, fields.Y, 0] = 2.5, 2.5
    env.load(env.save())
    for _ in range(60):
        env.f[0, fields.HP, 0], env.f[0, fields.SH, 0] = 100, 50
        env.step(torch.tensor([[1, 0, 0, 0, 0, 0]]))
    passed = (env.f[0, fields.Y, n:] < 11).sum()
    assert passed == 24


# -- whom enemies fight -----------------------------------------------------------------------------------------------


def test_an_enemy_takes_the_nearest_in_its_scan_range_and_keeps_it_while_it_reaches_it():
    arena = Arena([("zealot", 10, 16), ("zealot", 10, 18)], [("marine", 14.5, 16.2)])
    arena.loop(STOP, STOP)
    assert arena.k[fields.AIM, 2] == 0
    arena.f[fields.X, 1], arena.f[fields.Y, 1] = 12.5, 16.2
    arena.loop(STOP, STOP)
    assert arena.k[fields.AIM, 2] == 0
    arena.f[fields.X, 0] = 6
    arena.loop(STOP, STOP)
    assert arena.k[fields.AIM, 2] == 1


def test_an_enemy_out_of_scan_range_goes_to_the_allies_start_until_it_is_hit():
    # scan: 5.5 + 0.375 + 0.625 from centre to centre; the stalker reaches 6 + 0.625 + 0.375 = 7
    arena = Arena([("stalker", 10, 16)], [("zergling", 16.9, 16)], goal=(16.9, 30))
    arena.loop(STOP)
    assert arena.k[fields.AIM, 1] == -1
    assert arena.place(1)[1] > 16
    arena.loop(6)
    assert arena.k[fields.AIM, 1] == 0
    arena.loop(STOP)
    assert arena.place(1)[0] < 16.9
    arena.f[fields.X, 0] = 1
    arena.loop(STOP)
    assert arena.k[fields.AIM, 1] == -1


def test_an_enemy_medivac_heals_its_comrades():
    arena = Arena([("marine", 1, 1)], [("marine", 20, 16), ("medivac", 22, 16)], goal=(20.0, 16.0))
    arena.f[fields.HP, 1] = 20
    for _ in range(8):
        arena.loop(STOP)
    assert arena.health(1) == pytest.approx(20 + 8 * 12.6 / LOOPS, abs=1e-3)


# -- reward and ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*maps.MAPS, "terran_5_vs_5", "protoss_5_vs_5", "zerg_10_vs_11"])
def test_a_perfect_episode_sums_to_20(name):
    # enemies never get to shoot, allies never die, nothing regenerates: the team kills all of them
    env = Skirmish(name, 1, CPU, 9)
    harmless = np.arange(len(UNITS)) == INDEX["baneling"]
    table = with_columns(
        env.scene.table,
        {
            units.REGENERATION: 0,
            units.COOLDOWN: env.scene.table[:, units.COOLDOWN] / 4,
            units.DAMAGE: np.where(harmless, 0, env.scene.table[:, units.DAMAGE]),
            units.BONUS_LIGHT: np.where(harmless, 0, env.scene.table[:, units.BONUS_LIGHT]),
        },
    )
    env._scene = (table, *env._scene[1:])
    n, total = env.map.n, 0.0
    own = torch.tensor(table[env.k[0, fields.TYPE, :n].numpy()])
    for k in range(env.map.limit):
        env.f[0, fields.HP, :n], env.f[0, fields.SH, :n] = own[:, units.HEALTH], own[:, units.SHIELD]
        env.f[0, fields.CD, n:], env.f[0, fields.CALM, n:] = 1e6, 0
        t = env.step(policies.act(env, "attack_nearest", 1, k))
        total += float(t.reward[0, 0])
        if t.done[0]:
            break
    assert bool(t.info["won"][0])
    assert bool(t.terminated[0])
    left = int(env.map.m - t.info["dead_enemies"][0])
    if left:
        # the win comes when one medivac is left: its health and its death are not paid
        assert left == 1
        assert env.map.heals
        medivac = 150 + 10
        everything = sum(UNITS[i].health for i in env.k[0, fields.TYPE, n:]) + 10 * env.map.m + 200
        assert 20 - medivac * 20 / everything <= total < 20 or name.startswith("terran")
    else:
        assert total == pytest.approx(20, abs=2e-3)


def test_the_reward_counts_damage_kills_and_the_win():
    arena = Arena([("marine", 10, 16)], [("marine", 14, 16), ("marine", 14, 18)])
    arena.f[fields.CD, 1:] = 100
    arena.f[fields.HP, 1] = 5
    scale = 20 / (90 + 20 + 200)
    reward, outcome = arena.step(6)
    assert (reward, outcome) == (pytest.approx((5 + 10) * scale), 0)
    arena.f[fields.HP, 2] = 6
    arena.f[fields.CD, 0] = 0
    reward, outcome = arena.step(7)
    assert (reward, outcome) == (pytest.approx((6 + 10 + 200) * scale), 1)


def test_regeneration_of_enemies_counts_by_its_size_as_in_smac():
    arena = Arena([("marine", 2, 2)], [("zealot", 30, 30)], goal=(30.0, 30.0))
    arena.f[fields.SH, 1] = 10
    arena.f[fields.CALM, 1] = 1000
    reward, _ = arena.step(STOP)
    assert reward == pytest.approx(8 * 2 / LOOPS * 20 / (150 + 10 + 200), rel=1e-4)


@pytest.mark.parametrize(
    ("ally", "enemy", "outcome"),
    [("marine", "marine", 0), (None, "marine", 2), ("marine", None, 1), (None, None, 2)],
)
def test_ends(ally, enemy, outcome):
    arena = Arena([("marine", 2, 2)], [("marine", 30, 30)], goal=(30.0, 30.0))
    arena.f[fields.HP, 0] *= ally is not None
    arena.f[fields.HP, 1] *= enemy is not None
    assert arena.step(STOP if ally else 0)[1] == outcome


def test_medivacs_alone_have_lost_and_one_alone_is_beaten():
    arena = Arena([("marine", 2, 2), ("medivac", 3, 3)], [("marine", 30, 30), ("medivac", 31, 30)], goal=(30.0, 30.0))
    arena.f[fields.HP, 2] = 0
    assert arena.step(STOP, STOP)[1] == 1
    arena.f[fields.HP, 2], arena.f[fields.HP, 0] = 45, 0
    assert arena.step(0, STOP)[1] == 2


# -- the rules, stated twice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["3m", "MMM", "2s3z", "1c3s5z", "2s_vs_1sc", "6h_vs_8z", "bane_vs_bane", "corridor", "2c_vs_64zg", "MMM2"],
)
def test_a_loop_does_what_the_rules_say(name):
    env = Skirmish(name, 1, CPU, 17)
    scene, n = env.scene, env.map.n
    f, k, c, g = (array[0] for array in env._battles[:4])
    w = np.zeros((fields.SCRATCH, f.shape[1]), np.float32)
    compared = 0
    for turn in range(24):
        t = env.step(policies.act(env, ("random", "attack_nearest", "focus_fire")[turn % 3], 3, turn))
        if t.done[0] or turn % 2:
            continue
        actions = policies.act(env, ("attack_nearest", "random")[turn % 4 // 2], 3, turn)[0].numpy()
        k[fields.LAST, :n] = actions
        heals = scene.table[k[fields.TYPE, :n], units.WEAPON] == units.HEAL
        k[fields.AIM, :n] = np.where(actions < 6, -1, actions - 6 + np.where(heals, 0, n))
        saved = f.copy(), k.copy()
        w[fields.OX], w[fields.OY] = f[fields.X], f[fields.Y]
        for loop in range(4):
            draws = {
                i: streams.uniform32(17, 0, int(c[fields.CLOCK]), loop * f.shape[1] + i) for i in range(f.shape[1])
            }
            want_f, want_k = loop_again(scene, f, k, w[[fields.OX, fields.OY]], draws.__getitem__)
            step.play_loop(
                *(f, k, c, g, w, scene.table, scene.sizes, scene.values, scene.ground, scene.paths),
                *(17, 0, loop * f.shape[1]),
            )
            assert np.abs(f[:2] - want_f[:2]).max() < 1e-4
            assert np.abs(f[2:6] - want_f[2:6]).max() < 1e-3
            assert (k[fields.AIM, n:] == want_k[fields.AIM, n:]).all()
            compared += 1
        f[:], k[:] = saved
    assert compared >= 12


def test_a_battle_reflected_in_the_middle_line_goes_on_reflected():
    env, other = Skirmish("3s5z", 2, CPU, 4), Skirmish("3s5z", 2, CPU, 4)
    for k in range(6):
        env.step(policies.act(env, "attack_nearest", 1, k))
    other.load(env.save())
    other.f[:, fields.Y] = 32 - other.f[:, fields.Y]
    swap = torch.tensor([0, 1, 3, 2, *range(4, env.spec.n_actions)])
    for k in range(3):
        actions = policies.act(env, "attack_nearest", 1, k)
        env.step(actions)
        other.step(swap[actions])
    assert torch.allclose(env.f[:, fields.X], other.f[:, fields.X], atol=2e-2)
    assert torch.allclose(env.f[:, fields.Y], 32 - other.f[:, fields.Y], atol=2e-2)
    assert torch.allclose(env.f[:, fields.HP], other.f[:, fields.HP], atol=1e-2)
