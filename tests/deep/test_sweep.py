"""Sweeps: every cell once, shards that cover the grid, and runs that are resumed, left alone or refused."""

import json
from pathlib import Path

import pytest

from deep import checkpoint, sweep
from deep.commands import train as command
from deep.config import Config, Network, Rollout
from deep.train import train
from marlcore.errors import InputError
from marlcore.kit import files, rundir

BASE = {
    "algorithm": "ippo",
    "env": "game:climbing",
    "steps": 32,
    "rollout": {"copies": 4, "length": 8},
    "network": {"hidden": [8]},
}
GRID = {"sharing": ["nops", "fups"], "optimiser.lr": [0.001, 0.0005], "seed": [0, 1, 2]}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps({"base": BASE, "grid": GRID}))
    return path


def test_cells_are_the_product_and_shards_cover_it_once(file, tmp_path):
    every = sweep.cells(file, tmp_path / "out")
    assert len(every) == 12
    assert len({cell.path for cell in every}) == 12
    assert [cell.config.seed for cell in every[:4]] == [0, 1, 2, 0]
    assert every[3].config.optimiser.lr == 0.0005
    assert every[6].config.sharing == "fups"
    numbers = [cell.number for i in range(1, 6) for cell in sweep.shard(every, f"{i}/5")]
    assert sorted(numbers) == list(range(12))
    assert sweep.shard(every, "1/1") == every


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_shards_that_are_none_are_refused(file, tmp_path, text):
    with pytest.raises(InputError, match="shard must be i/k"):
        sweep.shard(sweep.cells(file, tmp_path), text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is no sweep"),
        ({"grid": {}}, "is no sweep"),
        ({"base": BASE, "gird": {}}, "unknown key 'gird'"),
        ({"base": BASE, "grid": {"seed": 3}}, "lists of values"),
        ({"base": BASE, "grid": {"seed": []}}, "lists of values"),
        ({"base": BASE, "grid": {"optimiser.rl": [1.0]}}, "did you mean optimiser.lr"),
        ({"base": BASE, "grid": {"steps.x": [1]}}, "goes through 'steps'"),
        ({"base": BASE, "grid": {"seed": ["one"]}}, "seed is 'one' where int is asked for"),
    ],
)
def test_files_that_are_no_sweep_are_refused_before_anything_runs(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        sweep.cells(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_sweep_runs_once_resumes_and_reports(file, tmp_path, monkeypatch):
    some = sweep.shard(sweep.cells(file, tmp_path / "out"), "1/6")
    assert [cell.number for cell in some] == [0, 6]
    assert [done.outcome for done in sweep.run(some)] == ["finished", "finished"]
    assert [done.outcome for done in sweep.run(some)] == ["was finished", "was finished"]
    files.write_json(some[0].path / "status.json", {"status": "failed"}, overwrite=True)
    assert [done.outcome for done in sweep.run(some)] == ["failed", "was finished"]


def test_an_interrupted_cell_goes_on_to_what_an_uninterrupted_one_gives(file, tmp_path):
    config = sweep.cells(file, tmp_path)[0].config
    whole = train(config, tmp_path / "whole")
    (cell,) = sweep.seeds_of(config, 1, tmp_path / "out")

    def interrupt(session, row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, cell.path, watch=interrupt)
    assert rundir.status(cell.path) == "interrupted"
    (done,) = sweep.run([cell])
    assert done.outcome == "finished", done.message
    lines = [json.loads(line) for line in (cell.path / "metrics.jsonl").read_text().splitlines()]
    for row, wanted in zip(lines, whole.metrics, strict=True):
        assert {k: v for k, v in row.items() if k != "steps_per_second"} == {
            k: v for k, v in wanted.items() if k != "steps_per_second"
        }


def test_a_directory_of_another_config_is_not_touched(file, tmp_path):
    cell = sweep.cells(file, tmp_path / "out")[0]
    other = Config("ippo", "game:penalty", steps=32, rollout=Rollout(copies=4, length=8), network=Network(hidden=(8,)))
    train(other, cell.path)
    (done,) = sweep.run([cell])
    assert done.outcome == "failed"
    assert "another config" in done.message


def test_the_command_runs_seeds_and_shards(file, tmp_path, capsys):
    words = ["ippo", "--env", "game:climbing", "--steps", "32", "--rollout.copies", "4", "--rollout.length", "8"]
    assert command.main([*words, "--seeds", "2", "--out", str(tmp_path / "seeds"), "--json"]) == 0
    assert [one["choices"]["seed"] for one in json.loads(capsys.readouterr().out)["runs"]] == [0, 1]
    out = ["--out", str(tmp_path / "sweep"), "--json"]
    assert command.main(["--sweep", str(file), "--shard", "12/12", *out]) == 0
    assert [one["outcome"] for one in json.loads(capsys.readouterr().out)["runs"]] == ["finished"]
    with pytest.raises(InputError, match="leave out --steps"):
        command.main(["--sweep", str(file), "--steps", "3"])
    with pytest.raises(InputError, match="must be at least 1"):
        command.main([*words, "--seeds", "0"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config", "c.json", "--steps", "3"], "--config brings the config with it: leave out --steps"),
        (["--config", "c.json", "--env", "game:climbing"], "leave out --env"),
        (["--resume", "run", "--seeds", "2"], "--resume brings the config with it: leave out --seeds"),
        (["mappo", "--resume", "run"], "leave out mappo"),
        (["haml", "--env", "game:climbing", "--options.drift", "clap"], "did you mean clip"),
        (["haml", "--env", "game:climbing", "--options.drift", "marginal-clip"], "use clip"),
    ],
)
def test_options_that_would_be_ignored_or_fail_later_are_refused_at_once(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        command.main(words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("several", ["seeds", "sweep"])
def test_a_full_disk_fails_the_runs_it_meets_in_a_line_and_keeps_their_checkpoints(
    several, file, tmp_path, monkeypatch, capsys
):
    before = checkpoint.save

    def full(path, config, content):
        if content["session"]["updates"] == 1 and config["seed"] == 1:
            raise OSError(28, "No space left on device")
        before(path, config, content)

    monkeypatch.setattr(checkpoint, "save", full)
    if several == "seeds":
        sizes = ["--steps", "32", "--rollout.copies", "4", "--rollout.length", "8", "--network.hidden", "8"]
        words = ["ippo", "--env", "game:climbing", *sizes, "--seeds", "2"]
    else:
        file.write_text(json.dumps({"base": BASE, "grid": {"seed": [0, 1]}}))
        words = ["--sweep", str(file)]
    assert command.main([*words, "--out", str(tmp_path / "runs"), "--json"]) == 1
    done = json.loads(capsys.readouterr().out)["runs"]
    assert [one["outcome"] for one in done] == ["finished", "failed"]
    assert done[1]["message"] == "stopped, nothing more could be written: [Errno 28] No space left on device"
    monkeypatch.undo()
    assert checkpoint.load(Path(done[1]["path"]) / checkpoint.NAME)["session"]["updates"] == 0


def test_a_disk_that_is_full_before_the_first_run_is_a_line(tmp_path, monkeypatch, capsys):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweep, "map_each", full)
    assert command.main(["ippo", "--env", "game:climbing", "--seeds", "2", "--out", str(tmp_path / "runs")]) == 1
    assert capsys.readouterr().err == (
        "marlcore train: stopped, nothing more could be written: [Errno 28] No space left on device\n"
    )
