"""The results tables: a queue of training runs, each with a step budget, worked off in order and resumed for ever.

    python tools/results.py QUEUE.json --runs runs/results --data docs/results.json --page docs/results.md \
        [--minutes 30] [--processes 2]

A queue is a list of sections, each with a title, a text and cells; a cell is a config of ``deep.config`` and a number
of seeds. All seed-0 runs come first, then all of seed 1, and so on, so that a queue that is cut short has every row.
When the time is up the runs in progress finish their update, save and stop; the next call goes on with them. A run that
has reached its budget is evaluated, greedily and as its policy draws, on episodes that training has not seen.

The page is written from the data alone. A cell that is not finished shows the steps that it reached.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep import sweep
from deep.config import as_data, from_data
from deep.evaluate import evaluate
from deep.train import load, resume, train
from marlcore.cli_config import Positional, parse
from marlcore.errors import InputError
from marlcore.kit import files, rundir
from marlcore.kit.executor import map_each
from marlcore.kit.provenance import provenance
from marlcore.kit.statistics import interval

POINTS = 40
"""How many points of a learning curve are kept."""
EPISODES, COPIES = 4, 32
"""128 episodes in an evaluation."""


@dataclass(frozen=True)
class Options:
    """What the program takes."""

    queue: Positional[Path]
    """The queue."""
    runs: Path = Path("runs/results")
    """Where the runs are."""
    data: Path = Path("docs/results.json")
    """The figures, kept with the project."""
    page: Path = Path("docs/results.md")
    """The page that is written from them."""
    minutes: float = 30.0
    """For how long to train; 0 writes data and page only."""
    processes: int = 1
    """Runs at once, one thread each."""


def main(argv: Sequence[str]) -> int:
    """Work off the queue for a while, then write data and page."""
    asked = parse(Options, argv, "results", "Train what the tables show.", "python tools/results.py QUEUE.json")
    queue = files.read_json(asked.queue)
    jobs = _jobs(queue, asked.runs, time.time() + 60 * asked.minutes)
    if asked.minutes:
        map_each(work, jobs, executor=asked.processes, label="results")
    recorded = files.read_json(asked.data) if asked.data.exists() else {}
    data = collect(queue, jobs, recorded)
    files.write_json(asked.data, data, overwrite=True)
    files.write_text(asked.page, page(queue, data), overwrite=True)
    return 0


@dataclass(frozen=True)
class Job:
    """One run of the queue and when it must stop."""

    cell: str
    run: sweep.Cell
    until: float


def _jobs(queue: Sequence[Mapping[str, Any]], runs: Path, until: float) -> list[Job]:
    names = [cell["name"] for section in queue for cell in section["cells"]]
    if len(set(names)) < len(names):
        raise InputError(f"the queue has the cell {next(n for n in names if names.count(n) > 1)!r} twice")
    found = []
    for section in queue:
        for rank, cell in enumerate(section["cells"]):
            config = from_data(cell["config"])
            for run in sweep.seeds_of(config, int(cell["seeds"]), runs / cell["name"]):
                found.append((run.number, len(found), rank, Job(cell["name"], run, until)))
    return [job for *_, job in sorted(found, key=lambda entry: entry[:2])]


def work(job: Job) -> None:
    """Start or resume one run; it stops by itself when the time is up."""

    def watch(session: Any, row: Any) -> None:
        if time.time() > job.until:
            signal.raise_signal(signal.SIGINT)

    state = rundir.status(job.run.path)
    if time.time() > job.until or state not in ("absent", "interrupted"):
        return
    with contextlib.suppress(KeyboardInterrupt):
        if state == "absent":
            train(job.run.config, job.run.path, watch)
        else:
            resume(job.run.path, watch)


def collect(queue: Sequence[Mapping[str, Any]], jobs: Sequence[Job], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Every cell's runs: steps, curve and evaluation; what an earlier call recorded stays where no run is at hand."""
    data: dict[str, Any] = {"provenance": provenance(), "cells": {}}
    old = recorded.get("cells", {})
    for job in jobs:
        before = old.get(job.cell, {}).get("runs", {}).get(str(job.run.config.seed))
        cell = data["cells"].setdefault(job.cell, {"config": as_data(job.run.config), "runs": {}})
        found = before
        if rundir.status(job.run.path) != "absent" and (before is None or before.get("score") is None):
            found = _record(job.run.path)
        if found is not None:
            cell["runs"][str(job.run.config.seed)] = found
    return data


def _record(path: Path) -> dict[str, Any]:
    run = load(path)
    clock, curve = 0.0, []
    name = "won" if any("won" in row for row in run.metrics) else "return_mean"
    for row in run.metrics:
        clock += run.config.steps_per_update / row["steps_per_second"]
        if name in row:
            curve.append([row["step"], round(clock, 1), row[name]])
    kept = curve[:: max(1, len(curve) // POINTS)]
    found: dict[str, Any] = {
        "steps": run.steps,
        "seconds": round(clock, 1),
        "measure": name,
        "curve": kept,
        "score": None,
    }
    if rundir.status(path) == "finished":
        found["score"] = {
            actions: evaluate(run, episodes=EPISODES, copies=COPIES, greedy=actions == "greedy").scores
            for actions in ("greedy", "drawn")
        }
    return found


def page(queue: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> str:
    """The tables in Markdown."""
    lines = ["# Results", "", *_preface(data)]
    for section in queue:
        lines += [f"## {section['title']}", "", section["text"], ""]
        lines += [
            "| run | sharing | seeds | steps | minutes a run | greedy | as drawn |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_row(cell, data["cells"].get(cell["name"], {"runs": {}})) for cell in section["cells"]]
        lines.append("")
    return "\n".join(lines)


def _preface(data: Mapping[str, Any]) -> list[str]:
    said = data["provenance"]
    return [
        "Written by `make results` from [results.json](results.json), which holds the learning curves too.",
        "A figure is the interquartile mean over seeds with its 95 % bootstrap interval: the share of battles won",
        "where the task says who won, else the undiscounted return of an episode. Every run plays 128 episodes that",
        "training has not seen. A row that is not finished shows the steps it has reached; it has no score yet.",
        f"marlcore {said.get('version', '')}, two cores, one thread a run.",
        "",
    ]


def _row(cell: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    config = from_data(cell["config"])
    runs = list(found["runs"].values())
    complete = [run for run in runs if run["score"] is not None]
    reached = [run["steps"] for run in runs]
    steps = (
        f"{config.steps:,}" if len(complete) == cell["seeds"] else f"{min(reached, default=0):,} of {config.steps:,}"
    )
    minutes = f"{sum(run['seconds'] for run in runs) / len(runs) / 60:.1f}" if runs else "–"
    scores = [_score(complete, actions) for actions in ("greedy", "drawn")]
    seeds = f"{len(complete)} of {cell['seeds']}"
    cells = [f"{config.algorithm}, {config.env}", config.sharing, seeds, steps, minutes, *scores]
    return f"| {' | '.join(cells)} |"


def _score(complete: Sequence[Mapping[str, Any]], actions: str) -> str:
    if not complete:
        return "–"
    name = "won" if all("won" in run["score"][actions] for run in complete) else "return"
    found = interval([run["score"][actions][name] for run in complete])
    return f"{name} {found.estimate:.3g} [{found.low:.3g}, {found.high:.3g}]"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        print(f"results: {error}", file=sys.stderr)
        sys.exit(2)
