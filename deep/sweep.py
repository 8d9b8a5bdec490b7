"""Many runs from one file: a base config and a grid, cut into shards, resumed where they stopped.

    {"base": {"algorithm": "happo", "env": "game:climbing", "steps": 20000},
     "grid": {"sharing": ["nops", "fups"], "optimiser.lr": [0.001, 0.0005], "seed": [0, 1, 2]}}

A cell is one choice for every key of the grid; cells are numbered with the last key running fastest. Cell c belongs to
shard i of k if c ≡ i − 1 (mod k), so k machines that share nothing but the file do all of it once. Every cell is a run
in a directory of its own under ``out``: one that is finished is left alone, one that was interrupted goes on, one that
another process writes is skipped, one that failed is reported and not tried again.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deep.config import Config, as_data, from_data
from deep.session import TrainingError
from deep.train import resume, train
from marlcore.errors import InputError
from marlcore.kit import files, rundir
from marlcore.kit.executor import map_each

Outcome = Literal["finished", "was finished", "running elsewhere", "failed"]


@dataclass(frozen=True)
class Cell:
    """One run of a sweep."""

    number: int
    choices: Mapping[str, Any]
    config: Config
    path: Path


@dataclass(frozen=True)
class Done:
    """What became of a cell."""

    path: Path
    choices: Mapping[str, Any]
    outcome: Outcome
    message: str = ""


def cells(file: Path | str, out: Path | str) -> list[Cell]:
    """Every cell of a sweep's file; a config that makes no run is refused before anything starts."""
    data = files.read_json(file)
    if not isinstance(data, Mapping) or not isinstance(data.get("base"), Mapping):
        raise InputError(f'{file} is no sweep: it must be {{"base": {{…}}, "grid": {{…}}}}')
    grid = data.get("grid", {})
    if set(data) - {"base", "grid"}:
        raise InputError(f"{file}: unknown key {sorted(set(data) - {'base', 'grid'})[0]!r}; there are base and grid")
    if not isinstance(grid, Mapping) or not all(isinstance(v, list) and v for v in grid.values()):
        raise InputError(f"{file}: grid must map keys of the config to lists of values")
    found = []
    for number, values in enumerate(itertools.product(*grid.values())):
        choices = dict(zip(grid, values, strict=True))
        config = from_data(_with(data["base"], choices, str(file)))
        words = [f"{number:04d}", *(f"{key.split('.')[-1]}={value}" for key, value in choices.items())]
        slug = "-".join("".join(c if c.isalnum() or c in "._=" else "_" for c in word) for word in words)
        found.append(Cell(number, choices, config, Path(out) / slug[:120]))
    return found


def shard(every: list[Cell], text: str) -> list[Cell]:
    """The cells of shard ``i/k``."""
    i, slash, k = text.partition("/")
    if not (slash and i.isdigit() and k.isdigit() and 1 <= int(i) <= int(k)):
        raise InputError(f"shard must be i/k with 1 ≤ i ≤ k, for example 1/4, not {text!r}")
    return [cell for cell in every if cell.number % int(k) == int(i) - 1]


def run(some: list[Cell], processes: int = 1) -> list[Done]:
    """Run the cells, on that many processes with one thread each."""
    return map_each(_run, some, executor=processes, label="sweep")


def seeds_of(config: Config, count: int, out: Path) -> list[Cell]:
    """The cells of one config under ``count`` seeds that follow its own."""
    found = []
    for k in range(count):
        seed = config.seed + k
        own = from_data({**as_data(config), "seed": seed})
        found.append(Cell(k, {"seed": seed}, own, out / f"seed={seed}"))
    return found


def _run(cell: Cell) -> Done:
    """Start, resume or skip one cell."""
    state = rundir.status(cell.path)
    try:
        if state == "absent":
            train(cell.config, cell.path)
        elif state == "interrupted":
            _same(cell)
            resume(cell.path)
        else:
            _same(cell)
            words: dict[str, Outcome] = {"finished": "was finished", "running": "running elsewhere"}
            return Done(
                cell.path, cell.choices, words.get(state, "failed"), "" if state in words else "it failed before"
            )
    except (TrainingError, InputError) as error:
        return Done(cell.path, cell.choices, "failed", str(error))
    except OSError as error:
        return Done(cell.path, cell.choices, "failed", f"stopped, nothing more could be written: {error}")
    return Done(cell.path, cell.choices, "finished")


def _same(cell: Cell) -> None:
    recorded = from_data(files.read_json(cell.path / "config.json"))
    if recorded != cell.config:
        raise InputError(f"{cell.path} holds a run of another config: give another --out")


def _with(base: Mapping[str, Any], choices: Mapping[str, Any], file: str) -> dict[str, Any]:
    """The base with the chosen values put in; a key with dots is a path."""
    data: dict[str, Any] = copy.deepcopy(dict(base))
    for key, value in choices.items():
        *path, last = key.split(".")
        inner: dict[str, Any] = data
        for part in path:
            step = inner.setdefault(part, {})
            if not isinstance(step, dict):
                raise InputError(f"{file}: grid key {key!r} goes through {part!r}, which is {step!r}")
            inner = step
        inner[last] = value
    return data
