"""Skirmish as an environment: SMAC's layout to the number, names, refusals, threads, films, and the measured table."""

import importlib.util
import json
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from deep import envs
from deep.commands import train, watch
from deep.envs.skirmish import fields, maps, policies, render
from deep.envs.skirmish.env import Skirmish
from deep.envs.skirmish.film import Recorder
from deep.envs.skirmish.units import INDEX, UNITS
from marlcore import streams
from marlcore.errors import InputError

ROOT = Path(__file__).parents[4]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    """A batch of one or two battles gains nothing from threads, and waits for them on a busy machine."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def test_a_name_makes_a_battle_and_others_are_refused():
    env = envs.make("skirmish:3m", batch=2)
    assert (env.spec.n_agents, env.spec.n_actions, env.spec.obs_size, env.spec.state_size) == (3, 9, 30, 48)
    with pytest.raises(InputError, match="did you mean 3m"):
        envs.make("skirmish:3n")
    with pytest.raises(InputError, match="no option 'speed'"):
        envs.make("skirmish:3m?speed=2")


def test_bad_actions_name_agent_and_battle():
    env = envs.make("skirmish:3m", batch=4)
    actions = torch.ones(4, 3, dtype=torch.int64)
    actions[2, 1] = 6
    with pytest.raises(
        InputError, match=r"action 6 of agent 1 in environment 2 is not available; .* \[1, 2, 3, 4, 5\]"
    ):
        env.step(actions)
    actions[2, 1] = 9
    with pytest.raises(InputError, match=r"action 9 of agent 1 in environment 2 is not in 0\.\.8"):
        env.step(actions)
    with pytest.raises(InputError, match=r"shape \(3, 3\) where \(4, 3\)"):
        env.step(actions[:3])
    with pytest.raises(InputError, match="what was saved has no c: it is of another environment"):
        envs.make("skirmish:3m").load({"seed": 1})
    with pytest.raises(InputError, match="does not fit"):
        envs.make("skirmish:3m", batch=3).load(env.save())


def placed(name, **units):
    """An environment whose first battle's units are moved: unit=(x, y)."""
    env = Skirmish(name, 1, CPU, 0)
    for unit, (x, y) in units.items():
        env.f[0, fields.X, int(unit[1:])], env.f[0, fields.Y, int(unit[1:])] = x, y
    return env


def test_the_observation_is_smacs_to_the_number():
    env = placed("3m", u0=(10, 16), u1=(10, 20), u2=(20, 16), u3=(13, 20), u4=(17.5, 16), u5=(20, 23.5))
    env.f[0, fields.HP, 3], env.f[0, fields.HP, 2] = 15, 30
    t = env.load(env.save())
    nothing = [0.0] * 5
    dx, dy = 3 / 9, 4 / 9
    assert t.obs[0, 0].tolist() == pytest.approx(
        [
            *(1, 1, 1, 1),  # all four ways are open
            *(1, 5 / 9, dx, dy, 15 / 45),  # enemy 0 at distance 5: in sight, may be attacked
            *(0, 7.5 / 9, 7.5 / 9, 0, 1),  # enemy 1 at 7.5: in sight only
            *nothing,  # enemy 2 is out of sight
            *(1, 4 / 9, 0, dy, 1),  # ally 1
            *nothing,  # ally 2 is 10 away
            1,
        ]
    )
    assert t.obs[0, 2, -1].item() == pytest.approx(30 / 45)
    assert t.available[0, 0].tolist() == [False, True, True, True, True, True, True, False, False]
    # the strip's edge: a way is open if the cell one unit on is
    env = placed("3m", u0=(10, 8.5), u1=(10, 23.5), u2=(0.5, 16))
    t = env.load(env.save())
    assert t.available[0, :, 2:6].tolist() == [
        [True, False, True, True],
        [False, True, True, True],
        [True, True, True, False],
    ]


def test_the_state_is_smacs_to_the_number():
    env = placed("3m", u0=(10, 16), u3=(24, 20))
    env.f[0, fields.CD, 0], env.f[0, fields.HP, 3], env.f[0, fields.HP, 1], env.f[0, fields.HP, 5] = 6, 15, 0, 0
    env.k[0, fields.LAST, 0], env.k[0, fields.LAST, 1], env.k[0, fields.LAST, 2] = 4, 0, 7
    t = env.load(env.save())
    state = t.state[0].tolist()
    assert state[:4] == pytest.approx([1, 6 / 15, -6 / 32, 0])
    assert state[4:8] == [0, 0, 0, 0]
    assert state[12:15] == pytest.approx([15 / 45, 8 / 32, 4 / 32])
    assert state[18:21] == [0, 0, 0]
    assert np.argwhere(np.array(state[21:]).reshape(3, 9)).tolist() == [[0, 4], [1, 0], [2, 7]]
    assert t.available[0, 1].tolist() == [True] + [False] * 8
    assert not t.obs[0, 1].any()
    assert t.alive[0].tolist() == [True, False, True]


def test_types_shields_and_energy_stand_where_smac_has_them():
    env = Skirmish("MMM", 1, CPU, 0)
    own = [env.timestep.obs[0, i, -3:].tolist() for i in range(10)]
    assert own == [[1, 0, 0]] * 2 + [[0, 1, 0]] * 7 + [[0, 0, 1]]
    assert env.timestep.state[0, 9 * 7 + 1].item() == pytest.approx(50 / 200)
    # the medivac's targets are allies, not itself
    env = placed("MMM", **{f"u{i}": (9 + i / 10, 16) for i in range(10)})
    assert env.load(env.save()).available[0, 9].tolist() == [False, *[True] * 5, *[True] * 9, False]
    # stalkers are type 0 among allies and type 1 among enemies, as SMAC numbers them
    env = placed("2s3z", u0=(12, 16), u1=(12, 18), u5=(14, 16), u8=(14, 18))
    env.f[0, fields.SH, 0] = 20
    t = env.load(env.save())
    assert t.obs[0, 0, -4:].tolist() == [1, 20 / 80, 1, 0]
    kinds = t.obs[0, 0, 4 : 4 + 5 * 8].reshape(5, 8)[[0, 3], -2:].tolist()
    assert kinds == [[1, 0], [0, 1]]
    assert [UNITS[i].name for i in env.k[0, fields.TYPE, [5, 8]]] == ["zealot", "stalker"]


def test_random_teams_keep_smacv2s_rules():
    env = Skirmish("terran_10_vs_11", 400, CPU, 3)
    types, x = env.k[:, fields.TYPE].numpy(), env.f[:, fields.X].numpy()
    assert (types[:, :10] == types[:, 10:20]).all()
    shares = [(types[:, :10] == INDEX[name]).mean() for name in ("marine", "marauder", "medivac")]
    assert np.allclose(shares, [0.45, 0.45, 0.1], atol=0.03)
    assert (types[:, :10] != INDEX["medivac"]).any(1).all()
    reflected = np.isclose(x[:, :10], 32 - x[:, 10:20], atol=1e-4).all(1)
    assert 0.4 < reflected.mean() < 0.6
    surrounded = env.f[~torch.tensor(reflected)][:, :2, :10].numpy()
    assert np.abs(surrounded - 16).max() < 4
    # own place, as a fraction of the map
    assert np.allclose(env.timestep.obs[:, 0, -5].numpy(), x[:, 0] / 32)
    for kind in ("sight", "range"):
        assert len({getattr(unit, kind) for unit in UNITS}) > 1


def test_a_team_that_cannot_fight_is_drawn_again():
    # the one enemy more of 10 against 11 is a team of its own: a medivac would be alone, so the other types share it
    env = Skirmish("terran_10_vs_11", 1500, CPU, 4)
    more = env.k[:, fields.TYPE, 20].numpy()
    shares = [(more == INDEX[name]).mean() for name in ("marine", "marauder", "medivac")]
    assert shares[2] == 0
    assert np.allclose(shares[:2], 0.5, atol=5 * np.sqrt(0.25 / 1500))


def test_surrounding_groups_come_from_any_of_the_corners():
    # two groups of 4 corners without replacement are opposite in 1 of 3 draws; every corner is as likely
    env = Skirmish("protoss_5_vs_5", 3000, CPU, 4)
    x, y = env.f[:, fields.X].numpy(), env.f[:, fields.Y].numpy()
    surrounded = (np.abs(x[:, :5] - 16) < 4).all(1) & (np.abs(y[:, :5] - 16) < 4).all(1)
    corner = np.where(x[:, 5:] > 16, 1, 0) + np.where(y[:, 5:] > 16, 2, 0)
    used = np.stack([(corner == c).any(1) for c in range(4)], 1)[surrounded]
    assert np.ptp(used.mean(0)) < 0.08
    pairs = used[used.sum(1) == 2]
    opposite = (pairs[:, 0] & pairs[:, 3]) | (pairs[:, 1] & pairs[:, 2])
    assert len(pairs) > 300
    assert abs(opposite.mean() - 1 / 3) < 5 * np.sqrt(2 / 9 / len(pairs))


def run(threads, name, batch, steps=40):
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        env = Skirmish(name, batch, CPU, 8)
        shown = []
        for k in range(steps):
            t = env.step(policies.act(env, "random", 2, k))
            shown.append(torch.cat([t.obs.flatten(), t.state.flatten(), t.reward.flatten(), env.f.flatten()]).clone())
        return torch.stack(shown)
    finally:
        numba.set_num_threads(before)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread is all there is")
@pytest.mark.parametrize("name", ["3m", "zerg_10_vs_11"])
def test_any_number_of_threads_gives_the_same_bits(name):
    assert torch.equal(run(1, name, 33), run(2, name, 33))


@pytest.mark.parametrize("name", ["3m", "MMM2"])
def test_random_actions_are_available_and_uniform(name):
    env = Skirmish(name, 2000, CPU, 8)
    actions = policies.act(env, "random", 5, 0)
    assert env.timestep.available.gather(-1, actions[..., None]).all()
    counts = np.bincount(actions[:, 0], minlength=6)[1:6]
    assert np.abs(counts - 400).max() < 5 * np.sqrt(400 * 0.8)
    first = streams.integers(5, 5, 0, 0, 0) + 1
    assert int(actions[0, 0]) == int(first)


def test_policies_do_what_they_are_named_for():
    env = placed("3m", u0=(10, 16), u1=(10, 18), u2=(10, 14), u3=(14, 16), u4=(13, 18), u5=(15, 14))
    env.f[0, fields.HP, 5] = 10
    env.load(env.save())
    assert policies.act(env, "attack_nearest", 0, 0).tolist() == [[7, 7, 6]]
    assert policies.act(env, "focus_fire", 0, 0).tolist() == [[8, 6, 8]]
    assert policies.act(env, "stand_still", 0, 0).tolist() == [[1, 1, 1]]
    env.f[0, fields.CD, :3] = 9
    assert policies.act(env, "kite", 0, 0)[0, 0] == 5
    with pytest.raises(InputError, match="did you mean kite"):
        policies.act(env, "kit", 0, 0)


def test_the_table_of_the_page_is_of_these_rules():
    path = ROOT / "benchmarks" / "experiments" / "skirmish.py"
    spec = importlib.util.spec_from_file_location("skirmish_experiment", path)
    experiment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(experiment)
    data = json.loads((ROOT / "docs" / "skirmish-fidelity.json").read_text())
    assert data["digest"] == experiment.digest(), "rules or constants changed: run benchmarks/experiments/skirmish.py"
    page = (ROOT / "docs" / "skirmish.md").read_text(encoding="utf-8")
    assert all(part in page for part in experiment.table().split("\n\n"))
    cells = {(row["map"], row["policy"]): row for row in data["rows"]}
    assert {name for name, _ in cells} >= set(maps.MAPS)
    again = experiment.play("3m", "focus_fire", 50)
    assert again["win"] > 0.9
    assert cells["3m", "focus_fire"]["win"] > 0.95


def test_wilsons_interval():
    path = ROOT / "benchmarks" / "experiments" / "skirmish.py"
    spec = importlib.util.spec_from_file_location("skirmish_experiment", path)
    experiment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(experiment)
    # Wilson 1927 for 10 of 100, as R's prop.test(10, 100, correct = FALSE) prints it
    assert experiment.wilson(10, 100) == [0.0552, 0.1744]


# -- films ------------------------------------------------------------------------------------------------------------


def test_a_film_shows_the_whole_battle(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert watch.main(["focus_fire", "--env", "skirmish:3m", "--seed", "1", "--out", "a.gif", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["outcome"] in ("won", "lost")
    assert said["frames"] == said["steps"] + 1
    from PIL import Image

    film = Image.open(tmp_path / "a.gif")
    assert film.n_frames >= 0.8 * said["frames"]  # Pillow joins pictures that are equal
    with pytest.raises(InputError, match="not overwritten"):
        watch.main(["focus_fire", "--out", "a.gif"])
    with pytest.raises(InputError, match="no run's directory and no policy"):
        watch.main(["nobody"])
    with pytest.raises(InputError, match="only battles"):
        watch.main(["random", "--env", "game:climbing"])


def test_a_training_runs_policy_is_filmed_on_its_own_battle(tmp_path, capsys):
    run = str(tmp_path / "run")
    short = ["--steps", "64", "--rollout.copies", "2", "--rollout.length", "16", "--network.hidden", "8"]
    assert train.main(["mappo", "--env", "skirmish:3m", *short, "--out", run, "--json"]) == 0
    capsys.readouterr()
    assert watch.main([run, "--out", str(tmp_path / "film"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["env"], said["who"]) == ("skirmish:3m", "run")
    assert said["outcome"] in ("won", "lost", "out of time")
    assert len(list((tmp_path / "film").glob("*.png"))) == said["frames"] == said["steps"] + 1
    with pytest.raises(InputError, match="was trained on skirmish:3m and does not fit skirmish:8m"):
        watch.main([run, "--env", "skirmish:8m", "--out", str(tmp_path / "other")])


def test_a_picture_has_units_where_they_are(tmp_path):
    env = placed("3m", u0=(10, 16), u3=(20, 12))
    picture = render.frame(render.View(env.scene, env.f[0].numpy(), env.k[0].numpy(), None, "title"))
    assert picture.shape == (32 * render.CELL + render.HEAD, 32 * render.CELL, 3)

    def colour(x, y):
        return picture[int(render.HEAD + (32 - y) * render.CELL), int(x * render.CELL)].astype(int)

    assert colour(10, 15.72)[2] > colour(10, 15.72)[0] + 80
    assert colour(20, 11.72)[0] > colour(20, 11.72)[2] + 80
    assert tuple(colour(16, 4)) == render.ROCK
    render.write(tmp_path / "frames", [picture, picture])
    assert len(list((tmp_path / "frames").glob("*.png"))) == 2
    with pytest.raises(InputError, match=r"\.avi"):
        render.write(tmp_path / "a.avi", [picture])


def test_a_recorder_does_not_change_what_it_films():
    bare, filmed = Skirmish("2s3z", 1, CPU, 3), Recorder(Skirmish("2s3z", 1, CPU, 3))
    filmed.reset()
    for k in range(130):
        actions = policies.act(bare, "attack_nearest", 1, k)
        one, other = bare.step(actions), filmed.step(actions)
        assert torch.equal(one.obs, other.obs)
    assert filmed.result["outcome"] in ("won", "lost")
