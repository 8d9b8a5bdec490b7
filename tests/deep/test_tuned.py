"""Recorded settings: what they lie under, who wins, and no figure reported on a seed of a choice."""

import json
from pathlib import Path

import pytest

from deep import algorithms, envs, tuned
from deep.commands import train as command
from deep.config import Config
from marlcore.kit import files

QUEUE = Path(__file__).parents[2] / "benchmarks" / "results.json"


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A file with one entry, for a task that trains in no time."""
    entry = {
        "settings": {
            "steps": 64,
            "rollout": {"copies": 4, "length": 8},
            "network": {"hidden": [8]},
            "options": {"happo": {"clip": 0.125}},
        },
        "pilots": [],
    }
    file = tmp_path / "tuned.json"
    file.write_text(json.dumps({"game:climbing": entry}))
    monkeypatch.setattr(tuned, "FILE", file)
    tuned.entries.cache_clear()
    yield
    tuned.entries.cache_clear()


def test_settings_lie_under_what_is_asked(recorded):
    found = tuned.config("happo", "game:climbing?kind=x", seed=3, rollout={"length": 16})
    assert (found.steps, found.seed, found.rollout.copies, found.rollout.length) == (64, 3, 4, 16)
    assert (found.network.hidden, found.options.clip) == ((8,), 0.125)
    other = tuned.config("mappo", "game:climbing")
    assert other.options == algorithms.load("mappo").options()
    assert tuned.config("happo", "game:penalty") == Config("happo", "game:penalty")


@pytest.mark.parametrize("env", list(tuned.entries()))
def test_every_entry_is_a_config_of_every_algorithm_on_a_task_that_exists(env):
    family, _, task = env.partition(":")
    assert task in envs.tasks(family)
    for name in ("ippo", "mappo", "maa2c", "happo", "hatrpo", "haa2c"):
        found, entry = tuned.config(name, env), tuned.entries()[env]
        assert found.steps == entry.settings["steps"]
        if name not in entry.settings.get("options", {}):
            assert found.options == algorithms.load(name).options()


def test_no_figure_is_reported_on_a_seed_that_a_choice_was_made_on():
    for section in files.read_json(QUEUE):
        for cell in section["cells"]:
            config = tuned.merged(cell["config"])
            entry = tuned.find(config["env"])
            first = config.get("seed", 0)
            assert entry is None or not entry.seeds & set(range(first, first + cell["seeds"]))


def test_the_command_starts_from_them_says_so_and_lets_an_option_win(recorded, tmp_path, capsys):
    argv = ["happo", "--env", "game:climbing", "--rollout.length", "4", "--out"]
    assert command.main([*argv, str(tmp_path / "a")]) == 0
    assert "recorded for game:climbing" in capsys.readouterr().err
    found = files.read_json(tmp_path / "a" / "config.json")
    assert (found["steps"], found["rollout"]["copies"], found["rollout"]["length"]) == (64, 4, 4)
    assert found["options"]["clip"] == 0.125
    plain = ["--tuned", "False", "--steps", "32", "--rollout.copies", "8"]
    assert command.main([*argv, str(tmp_path / "b"), *plain]) == 0
    assert "recorded for" not in capsys.readouterr().err
    found = files.read_json(tmp_path / "b" / "config.json")
    assert (found["options"]["clip"], found["network"]["hidden"]) == (0.2, [128, 128])
