"""Directories of runs trained side by side: what single runs leave, whatever happens on the way."""

import dataclasses
import signal

import pytest

from deep import checkpoint, side_by_side, sweep
from deep.config import Config, Machine, Network, Optimiser, Rollout, as_data, from_data
from deep.session import Session, TrainingError
from deep.side_by_side import Group
from deep.train import load, resume, train
from marlcore.cli import main
from marlcore.errors import InputError
from marlcore.kit import files, rundir

CONFIG = Config(
    "happo",
    "game:climbing",
    steps=4 * 18,
    rollout=Rollout(copies=3, length=6),
    network=Network(hidden=(8,)),
    optimiser=Optimiser(epsilon=1e-2),
    machine=Machine(checkpoint_every=2),
)


def cells(tmp_path, count=3, config=CONFIG):
    return sweep.seeds_of(config, count, tmp_path / "out")


def plain(rows):
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def assert_close(run, alone):
    assert len(run.metrics) == len(alone.metrics) == CONFIG.updates
    for row, expected in zip(plain(run.metrics), plain(alone.metrics), strict=True):
        assert list(row) == list(expected)
        assert row == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_the_directories_are_those_of_single_runs(tmp_path):
    some = cells(tmp_path)
    assert [one.outcome for one in sweep.run(some)] == ["finished"] * 3
    for cell in some:
        alone = train(cell.config, tmp_path / f"alone{cell.number}")
        assert alone.path is not None
        names = {path.name for path in cell.path.iterdir()}
        assert names == {path.name for path in alone.path.iterdir()}
        run = load(cell.path)
        assert run.config == cell.config
        assert run.steps == alone.steps
        assert_close(run, alone)
        assert rundir.status(cell.path) == "finished"
        sizes = [(path / checkpoint.NAME).stat().st_size for path in (cell.path, alone.path)]
        assert abs(sizes[0] - sizes[1]) < 0.02 * sizes[1]  # no run's checkpoint holds the others' numbers
        files_of = [files.read_json(path / "liveness.json") for path in (cell.path, alone.path)]
        assert files_of[0] == files_of[1]
    assert [one.outcome for one in sweep.run(some)] == ["was finished"] * 3


@pytest.mark.parametrize("how", ["alone", "together"])
def test_a_signal_saves_every_run_and_each_can_go_on(tmp_path, monkeypatch, how):
    some, update = cells(tmp_path), Group.update

    def stopped(group):
        rows = update(group)
        if group.sessions[0].updates == 3:
            signal.raise_signal(signal.SIGINT)
        return rows

    monkeypatch.setattr(Group, "update", stopped)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(some)
    monkeypatch.undo()
    for cell in some:
        assert rundir.status(cell.path) == "interrupted"
        assert load(cell.path).steps == 3 * 18
    if how == "alone":
        for cell in some:
            resume(cell.path)
    else:
        assert [one.outcome for one in sweep.run(some)] == ["finished"] * 3
    for cell in some:
        assert_close(load(cell.path), train(cell.config))


def test_a_run_that_goes_wrong_is_left_to_itself(tmp_path, monkeypatch):
    some, update, single = cells(tmp_path), Group.update, Session.update

    def broken(group):
        if group.sessions[0].updates == 3:
            raise TrainingError("value_loss is nan in update 4 of seed 1")
        return update(group)

    def sick(session):
        if session.config.seed == 1:
            raise TrainingError("value_loss is nan in update 4")
        return single(session)

    monkeypatch.setattr(Group, "update", broken)
    monkeypatch.setattr(Session, "update", sick)
    done = sweep.run(some)
    assert [one.outcome for one in done] == ["finished", "failed", "finished"]
    assert "value_loss is nan" in done[1].message
    assert "the last good checkpoint is" in done[1].message
    monkeypatch.undo()
    for cell in (some[0], some[2]):
        assert_close(load(cell.path), train(cell.config))
    assert load(some[1].path).steps == 2 * 18


def test_a_directory_that_is_taken_stops_its_own_run_alone(tmp_path):
    some = cells(tmp_path)
    (some[1].path).mkdir(parents=True)
    (some[1].path / "theirs.txt").write_text("not ours")
    done = sweep.run(some)
    assert [one.outcome for one in done] == ["finished", "failed", "finished"]
    assert "is not overwritten" in done[1].message
    assert [path.name for path in some[1].path.iterdir()] == ["theirs.txt"]


def test_runs_that_stand_at_different_updates_go_on_each_from_there(tmp_path, monkeypatch):
    some = cells(tmp_path)

    class StopNow(KeyboardInterrupt):
        pass

    def watch(session, row):
        if session.updates == 3:
            raise StopNow

    with pytest.raises(StopNow):
        train(some[0].config, some[0].path, watch)
    assert load(some[0].path).steps == 2 * 18
    assert [one.outcome for one in sweep.run(some)] == ["finished"] * 3
    for cell in some:
        assert_close(load(cell.path), train(cell.config))


def test_cells_that_differ_in_their_seed_alone_go_together_and_processes_share_them(tmp_path):
    other = dataclasses.replace(CONFIG, sharing="fups")
    some = [*cells(tmp_path / "a", 5), *cells(tmp_path / "b", 2, other), *cells(tmp_path / "c", 1, other)]
    some[-1] = dataclasses.replace(some[-1], config=dataclasses.replace(other, steps=18))
    assert [len(family) for family in sweep.families(some)] == [5, 2, 1]

    def parts(together, config=CONFIG, processes=2):
        family = cells(tmp_path, 5, config)
        return [[cell.config.seed for cell in part] for part in sweep._parts(family, processes, together)]

    assert parts(None) == parts(True) == [[0, 2, 4], [1, 3]]
    assert parts(False) == [[0], [1], [2], [3], [4]]
    large = dataclasses.replace(CONFIG, rollout=Rollout(20, 200), network=Network())
    assert parts(None, large) == parts(False)
    assert parts(True, large, 1) == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"algorithm": "hatrpo", "options": None}, "hatrpo is more than gradient steps"),
        ({"algorithm": "haml", "options": None}, "haml is more than gradient steps"),
        ({"network": Network(hidden=(8,), recurrent=4)}, "recurrent"),
        ({"env": "pettingzoo:mpe2.simple_spread_v3"}, "processes of their own"),
        ({"env": "mamujoco:Hopper-3x1"}, "processes of their own"),
        ({"sharing": "obs_hyper"}, "keeps more than parameters"),
        ({"sharing": "fups_id"}, "take turns"),
        ({"env": "mpe:simple_speaker_listener"}, "differ in size"),
    ],
    ids=["hatrpo", "haml", "recurrent", "workers", "robots", "obs_hyper", "turns", "sizes"],
)
def test_what_cannot_go_side_by_side_says_why_and_runs_alone(tmp_path, changes, why):
    config = dataclasses.replace(CONFIG, **changes)
    assert why in side_by_side.obstacle(config)
    assert not side_by_side.worth(config)
    with pytest.raises(InputError, match="cannot train seeds side by side"):
        sweep.run(cells(tmp_path, 2, config), together=True)
    assert not (tmp_path / "out").exists()


def test_what_is_faster_is_a_matter_of_the_work_in_a_step():
    assert side_by_side.worth(CONFIG)
    large = dataclasses.replace(CONFIG, rollout=Rollout(20, 200), network=Network())
    assert not side_by_side.obstacle(large)
    assert not side_by_side.worth(large)
    in_parts = dataclasses.replace(large, options=dataclasses.replace(large.options, minibatches=40))
    assert side_by_side.worth(in_parts)


def test_the_command_trains_seeds_side_by_side_or_as_it_is_told(tmp_path, capsys, monkeypatch):
    seen = []
    before = side_by_side.train
    monkeypatch.setattr(side_by_side, "train", lambda *some: seen.append(len(some[0])) or before(*some))
    words = ["train", "happo", "--env", "game:climbing", "--steps", "36", "--rollout.copies", "3"]
    words += ["--rollout.length", "6", "--network.hidden", "8", "--seeds", "2"]
    for flag, count in (([], 1), (["--together", "True"], 2), (["--together", "False"], 2)):
        assert main([*words, *flag, "--out", str(tmp_path / "_".join(["out", *flag]))]) == 0
        assert len(seen) == count
    assert main(["eval", *(str(path) for path in (tmp_path / "out").iterdir()), "--episodes", "1"]) == 0
    hatrpo = ["train", "hatrpo", *words[2:], "--together", "True", "--out", str(tmp_path / "no")]
    assert main(hatrpo) == 2
    assert "hatrpo is more than gradient steps" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_a_config_of_a_run_reads_back(tmp_path):
    some = cells(tmp_path, 2)
    side_by_side.train([cell.config for cell in some], [cell.path for cell in some])
    for cell in some:
        recorded = files.read_json(cell.path / "config.json")
        assert from_data(recorded) == cell.config
        assert recorded == as_data(cell.config)
