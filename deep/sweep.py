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
import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deep import side_by_side
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


def run(some: list[Cell], processes: int = 1, together: bool | None = None) -> list[Done]:
    """Run the cells, on that many processes with one thread each.

    Cells that differ in their seed alone are trained side by side (``deep.side_by_side``) where that is faster, or as
    ``together`` says.
    """
    groups = [part for family in families(some) for part in _parts(family, processes, together)]
    done = [one for found in map_each(_run_group, groups, executor=processes, label="sweep") for one in found]
    place = {cell.path: number for number, cell in enumerate(some)}
    return sorted(done, key=lambda one: place[one.path])


def families(some: list[Cell]) -> list[list[Cell]]:
    """The cells cut into those that differ in their seed alone."""
    found: dict[Config, list[Cell]] = {}
    for cell in some:
        found.setdefault(dataclasses.replace(cell.config, seed=0), []).append(cell)
    return list(found.values())


def _parts(family: list[Cell], processes: int, together: bool | None) -> list[list[Cell]]:
    """One part for each process; single cells where they are trained alone."""
    alone = [[cell] for cell in family]
    if together is False or len(family) == 1:
        return alone
    config = family[0].config
    if together and (why := side_by_side.obstacle(config)):
        raise InputError(f"--together: {config.algorithm} on {config.env} cannot train seeds side by side: {why}")
    if together is None and not side_by_side.worth(config):
        return alone
    return [part for i in range(processes) if (part := family[i::processes])]


def _run_group(cells: list[Cell]) -> list[Done]:
    """Side by side what is to be done; then, one by one, what was not finished so."""
    ready = [cell for cell in cells if _can_start(cell)] if len(cells) > 1 else []
    if len(ready) > 1:
        side_by_side.train([cell.config for cell in ready], [cell.path for cell in ready])
    finished = [cell for cell in ready if rundir.status(cell.path) == "finished"]
    return [Done(c.path, c.choices, "finished") if c in finished else _run(c) for c in cells]


def _can_start(cell: Cell) -> bool:
    state = rundir.status(cell.path)
    if state == "interrupted":
        return from_data(files.read_json(cell.path / "config.json")) == cell.config
    return state == "absent" and not cell.path.exists()


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
