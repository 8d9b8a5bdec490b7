"""The results tables: a queue of training runs, each with a step budget, worked off in order and resumed for ever.

    python tools/results.py QUEUE.json --runs runs/results --data docs/results.json --page docs/results.md \
        [--minutes 30] [--processes 2] [--only 3m,2s3z] [--speed]

A queue is a list of sections, each with a title, a text and cells; a cell is a config of ``deep.config``, over the
settings that ``deep.tuned`` records for its task, and a number of seeds. All runs of seed 0 come first, then all of
seed 1, and so on, so that a queue that is cut short has every row; ``--only`` works on the cells whose names start so.
When the time is up the runs in progress finish their update, save and stop; the next call goes on with them. A run that
has reached its budget is evaluated, greedily and as its policy draws, on episodes that training has not seen, beside
play at random on the same task. ``--speed`` times a few updates of every cell, one at a time: for a machine that does
nothing else.

The page is written from the data alone. A cell that is not finished shows the steps that it reached.
"""

from __future__ import annotations

import contextlib
import signal
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep import envs, sweep, tuned
from deep.config import Config, as_data, from_data
from deep.evaluate import evaluate, play_at_random
from deep.session import Session
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
LONG, FEW = 500, (1, 20)
"""Where episodes are longer than that many steps, 20 of them."""
TIMED = 3
"""Updates that a speed is the median of, after a first one."""


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
    only: str = ""
    """Work on the cells whose names start with one of these words, cut by commas; all unless given."""
    speed: bool = False
    """Time every cell's updates, in place of training."""


def main(argv: Sequence[str]) -> int:
    """Work off the queue for a while, then write data and page."""
    asked = parse(Options, argv, "results", "Train what the tables show.", "python tools/results.py QUEUE.json")
    queue = files.read_json(asked.queue)
    jobs = _jobs(queue, asked.runs, time.time() + 60 * asked.minutes)
    chosen = [job for job in jobs if job.cell.startswith(tuple(asked.only.split(",")))]
    if not chosen:
        raise InputError(f"no cell of {asked.queue} starts with {asked.only!r}")
    recorded = files.read_json(asked.data) if asked.data.exists() else {}
    if asked.minutes and not asked.speed:
        map_each(work, chosen, executor=asked.processes, label="results")
    data = collect(queue, jobs, recorded)
    if asked.speed:
        for job in chosen:
            if job.run.number == 0:
                data["cells"][job.cell]["speed"] = speed(job.run.config)
    files.write_json(asked.data, data, overwrite=True)
    drawn = draw(queue, data, asked.page.with_suffix(""))
    files.write_text(asked.page, page(queue, data, drawn), overwrite=True)
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
            config = _config(cell)
            for run in sweep.seeds_of(config, int(cell["seeds"]), runs / cell["name"]):
                found.append((run.number, len(found), rank, Job(cell["name"], run, until)))
    return [job for *_, job in sorted(found, key=lambda entry: entry[:2])]


def _config(cell: Mapping[str, Any]) -> Config:
    return from_data(tuned.merged(cell["config"]))


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
    """Every cell's runs: steps, curve and evaluation.

    What an earlier call recorded stays where no run is at hand, unless the cell's config has changed since.
    """
    data: dict[str, Any] = {"provenance": provenance(), "random": {}, "cells": {}}
    for env in dict.fromkeys(job.run.config.env for job in jobs):
        data["random"][env] = recorded.get("random", {}).get(env) or _at_random(env)
    old = recorded.get("cells", {})
    for job in jobs:
        config = as_data(job.run.config)
        cell = data["cells"].setdefault(job.cell, {"config": {**config, "seed": 0}, "runs": {}})
        same = old.get(job.cell, {}).get("config") == cell["config"]
        before = old[job.cell]["runs"].get(str(job.run.config.seed)) if same else None
        if same and "speed" in old[job.cell]:
            cell["speed"] = old[job.cell]["speed"]
        found = before
        if rundir.status(job.run.path) != "absent" and (before is None or before.get("score") is None):
            found = _record(job.run.path)
        if found is not None:
            cell["runs"][str(job.run.config.seed)] = found
    return data


def speed(config: Config) -> float:
    """Environment steps a second, end to end: the median of a few updates."""
    taken = []
    with contextlib.closing(Session(config)) as session:
        for _ in range(1 + TIMED):
            begun = time.perf_counter()
            session.update()
            taken.append(time.perf_counter() - begun)
    return round(config.steps_per_update / statistics.median(taken[1:]))


def _at_random(env: str) -> dict[str, float]:
    episodes, copies = _counts(env)
    return play_at_random(env, episodes=episodes, copies=copies).scores


def _counts(env: str) -> tuple[int, int]:
    """How many episodes of how many copies an evaluation has."""
    with contextlib.closing(envs.make(env, batch=1)) as world:
        return FEW if (world.spec.episode_limit or 0) > LONG else (EPISODES, COPIES)


def _record(path: Path) -> dict[str, Any]:
    run = load(path)
    curve = []
    name = "won" if any("won" in row for row in run.metrics) else "return_mean"
    for row in run.metrics:
        if name in row:
            curve.append([row["step"], row[name]])
    kept = curve[:: max(1, len(curve) // POINTS)]
    found: dict[str, Any] = {
        "steps": run.steps,
        "measure": name,
        "curve": kept,
        "score": None,
    }
    if rundir.status(path) == "finished":
        episodes, copies = _counts(run.config.env)
        found["score"] = {
            actions: evaluate(run, episodes=episodes, copies=copies, greedy=actions == "greedy").scores
            for actions in ("greedy", "drawn")
        }
    return found


def draw(queue: Sequence[Mapping[str, Any]], data: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """A picture, light and dark, for every section of which a cell has begun; the folder's path from the page."""
    from figures.output import still
    from figures.results import picture
    from figures.style import Style

    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for section in queue:
        curves, measures = _curves(section, data)
        if not curves:
            continue
        name = "".join(c if c.isalnum() else "_" for c in section["title"])
        level = data["random"][_config(section["cells"][0]).env].get(measures.replace("return_mean", "return"))
        for dark in (False, True):
            style = Style("page", dark)
            canvas = picture(section["title"], curves, measures, level, style)
            (folder / f"{name}{'-dark' * dark}.svg").write_bytes(still(canvas, style, "svg"))
        drawn[section["title"]] = f"{folder.name}/{name}"
    return drawn


def _curves(section: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[list[Any], str]:
    """The curves of a section's cells that have begun, and what they measure."""
    from figures.results import Curve, common

    curves, measure = [], ""
    for cell in section["cells"]:
        found = data["cells"].get(cell["name"], {"runs": {}})
        runs = [run for run in found["runs"].values() if len(run["curve"]) > 1]
        # a seed that has just begun would cut the curve of those that are through
        runs = [run for run in runs if run["score"] is not None] or runs
        steps, values = common([run["curve"] for run in runs])
        if len(steps):
            config = _config(cell)
            name = f"{config.algorithm}{_label(cell)} {config.sharing}"
            curves.append(Curve(name, steps, values, found.get("speed")))
            measure = runs[0]["measure"]
    return curves, measure


def page(queue: Sequence[Mapping[str, Any]], data: Mapping[str, Any], drawn: Mapping[str, str]) -> str:
    """The tables in Markdown, each with its picture."""
    lines = ["# Results", "", *_preface(data)]
    for section in queue:
        lines += [f"## {section['title']}", "", section["text"], ""]
        lines += [
            "| run | sharing | seeds | steps | steps/s | minutes a run | greedy | as drawn |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [_random_row(env, data) for env in dict.fromkeys(_config(cell).env for cell in section["cells"])]
        lines += [_row(cell, data["cells"].get(cell["name"], {"runs": {}})) for cell in section["cells"]]
        lines.append("")
        if section["title"] in drawn:
            picture = drawn[section["title"]]
            alt = f"Two panels for {section['title']}: what is in the table, against steps and against minutes."
            lines += [f"![{alt}]({picture}.svg#only-light)", f"![{alt}]({picture}-dark.svg#only-dark)", ""]
    return "\n".join(lines)


def _preface(data: Mapping[str, Any]) -> list[str]:
    said = data["provenance"]
    return [
        "Written by `make results` from [results.json](results.json), which holds the learning curves too.",
        "A figure is the interquartile mean over seeds with its 95 % bootstrap interval: the share of battles won",
        "where the task says who won, else the undiscounted return of an episode. Every run plays 128 episodes that",
        f"training has not seen, or 20 where they are longer than {LONG} steps. A row that is not finished shows the",
        "steps it has reached; it has no score yet. Speeds are end to end (rollout, update, critic's fit), one run on",
        "one core with nothing beside it; minutes are steps at that speed.",
        f"marlcore {said.get('version', '')}, two cores, one thread a run.",
        "",
    ]


def _row(cell: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    config = _config(cell)
    runs = list(found["runs"].values())
    complete = [run for run in runs if run["score"] is not None]
    reached = [run["steps"] for run in runs]
    so_far = f"{min([*reached, config.steps]) if reached else 0:,} of {config.steps:,}"
    steps = f"{config.steps:,}" if len(complete) == cell["seeds"] else so_far
    rate = found.get("speed")
    clock = (f"{rate:,}", f"{config.steps / rate / 60:.1f}") if rate else ("–", "–")
    scores = [_score(complete, actions) for actions in ("greedy", "drawn")]
    seeds = f"{len(complete)} of {cell['seeds']}"
    cells = [f"{config.algorithm}{_label(cell)}, {config.env}", config.sharing, seeds, steps, *clock, *scores]
    return f"| {' | '.join(cells)} |"


def _random_row(env: str, data: Mapping[str, Any]) -> str:
    found = data["random"][env]
    name = "won" if "won" in found else "return"
    return f"| random play, {env} | – | – | – | – | – | – | {name} {found[name]:.3g} |"


def _label(cell: Mapping[str, Any]) -> str:
    """What tells a cell from another of the same algorithm, task and sharing scheme, in brackets."""
    return f" ({cell['label']})" if "label" in cell else ""


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
