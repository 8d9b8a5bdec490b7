"""The results queue: first seeds first, stopped in time, resumed, evaluated, and a page written from data."""

import importlib.util
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from marlcore.errors import InputError

TOOLS = Path(__file__).parents[2] / "tools"
CELL = {"algorithm": "ippo", "env": "game:climbing", "steps": 64, "rollout": {"copies": 4, "length": 8},
        "network": {"hidden": [8]}}  # fmt: skip
QUEUE = [
    {"title": "Games", "text": "Played once.", "cells": [
        {"name": "climbing", "seeds": 2, "config": CELL},
        {"name": "penalty", "seeds": 2, "config": CELL | {"env": "game:penalty", "sharing": "fups"}},
    ]}
]  # fmt: skip


@pytest.fixture(scope="module")
def results():
    spec = importlib.util.spec_from_file_location("results", TOOLS / "results.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["results"] = module  # where its dataclasses look up their annotations
    spec.loader.exec_module(module)
    yield module
    del sys.modules["results"]


def call(results, tmp_path, minutes, *more):
    (tmp_path / "queue.json").write_text(json.dumps(QUEUE))
    words = [tmp_path / "queue.json", "--runs", tmp_path / "runs", "--data", tmp_path / "data.json"]
    words += ["--page", tmp_path / "page.md", "--minutes", minutes, *more]
    assert results.main([str(word) for word in words]) == 0
    return json.loads((tmp_path / "data.json").read_text()), (tmp_path / "page.md").read_text()


def test_first_seeds_come_first(results, tmp_path):
    jobs = results._jobs(QUEUE, tmp_path, 0.0)
    assert [(job.cell, job.run.config.seed) for job in jobs] == [
        ("climbing", 0), ("penalty", 0), ("climbing", 1), ("penalty", 1)
    ]  # fmt: skip
    with pytest.raises(InputError, match="'climbing' twice"):
        results._jobs(QUEUE + QUEUE, tmp_path, 0.0)


def test_a_queue_without_time_has_rows_and_no_scores(results, tmp_path):
    data, page = call(results, tmp_path, 0)
    assert data["cells"]["climbing"]["runs"] == {}
    assert "| ippo, game:climbing | nops | 0 of 2 | 0 of 64 | – | – | – | – |" in page


def test_a_finished_queue_is_evaluated_and_its_data_outlive_the_runs(results, tmp_path):
    data, page = call(results, tmp_path, 5)
    cell = data["cells"]["penalty"]["runs"]
    assert sorted(cell) == ["0", "1"]
    assert cell["0"]["steps"] == 64
    assert [point[0] for point in cell["0"]["curve"]] == [32, 64]
    assert cell["0"]["score"]["greedy"]["length"] == 1.0
    assert "| ippo, game:penalty | fups | 2 of 2 | 64 |" in page
    assert "return" in page
    (tmp_path / "runs").rename(tmp_path / "moved")
    again, same = call(results, tmp_path, 0)
    assert again["cells"] == data["cells"]
    assert same == page


def test_a_run_that_is_out_of_time_stops_after_its_update_and_goes_on_later(results, tmp_path, monkeypatch):
    (job, *_) = results._jobs(QUEUE, tmp_path / "runs", 5.0)
    clock = itertools.chain([0.0], itertools.repeat(9.0))  # time to start, none left after the first update
    monkeypatch.setattr(results, "time", SimpleNamespace(time=lambda: next(clock)))
    results.work(job)
    found = results._record(job.run.path)
    assert found["steps"] == 32
    assert found["score"] is None
    row = results._row(QUEUE[0]["cells"][0], {"runs": {"0": found}})
    assert "| 0 of 2 | 32 of 64 |" in row
    monkeypatch.setattr(results, "time", SimpleNamespace(time=lambda: 0.0))
    results.work(job)
    assert results._record(job.run.path)["steps"] == 64


def test_what_was_recorded_of_another_config_is_dropped(results, tmp_path, monkeypatch):
    data, _ = call(results, tmp_path, 5, "--only", "penalty")
    assert [len(data["cells"][name]["runs"]) for name in ("climbing", "penalty")] == [0, 2]
    (tmp_path / "runs").rename(tmp_path / "moved")
    changed = json.loads(json.dumps(QUEUE))
    changed[0]["cells"][1]["config"]["steps"] = 96
    monkeypatch.setattr(sys.modules[__name__], "QUEUE", changed)
    data, page = call(results, tmp_path, 0)
    assert data["cells"]["penalty"]["runs"] == {}
    assert "| 0 of 2 | 0 of 96 |" in page


def test_play_at_random_stands_beside_the_runs_and_speeds_are_kept(results, tmp_path):
    data, page = call(results, tmp_path, 0, "--only", "climbing", "--speed")
    assert data["random"]["game:climbing"]["length"] == 1.0
    row = next(line for line in page.splitlines() if line.startswith("| random play, game:climbing |"))
    # the mean of climbing's nine payoffs is −31/9, their deviation 14.6: four standard errors of 128 episodes
    assert abs(float(row.split()[-2]) + 31 / 9) < 4 * 14.6 / 128**0.5
    rate = data["cells"]["climbing"]["speed"]
    assert rate > 0
    assert "speed" not in data["cells"]["penalty"]
    again, page = call(results, tmp_path, 0)
    assert again["cells"]["climbing"]["speed"] == rate
    assert f"| {rate:,} |" in page


def test_an_unknown_cell_is_refused(results, tmp_path):
    with pytest.raises(InputError, match="starts with 'soccer'"):
        call(results, tmp_path, 0, "--only", "soccer")
