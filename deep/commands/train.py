"""``marlcore train ALGORITHM --env NAME``: train, resume, and leave a run's directory behind.

The options are those of ``deep.config``, nested ones by their path (``--rollout.copies 8``), the algorithm's own under
``--options`` (``--options.clip 0.1``). Where settings are recorded for the task (``deep.tuned``) they are the defaults;
``--tuned False`` starts from the plain ones. ``--config FILE`` reads all of them from JSON, as config.json has them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deep import sweep, tuned
from deep.algorithms.value import Value
from deep.commands.options import DEFAULT, algorithm_of, with_options
from deep.config import Config, Machine, Network, Rollout, from_data
from deep.learner import Optimiser
from deep.session import TrainingError
from deep.train import Run, resume, train
from marlcore.cli_config import parse
from marlcore.errors import InputError
from marlcore.kit import files
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore train happo --env game:climbing --sharing nops --seed 1 --steps 2e4"


@dataclass(frozen=True)
class Command:
    """What ``marlcore train`` takes besides the algorithm's own options."""

    env: str = ""
    """The environment, family:task (game:climbing, mpe:simple_spread)."""
    sharing: str = "nops"
    """Who shares parameters: nops, fups, fups_id, …, with options as in hyper?size=8."""
    seed: int = 0
    """The run is a function of its config and this seed."""
    steps: float = 1e6
    """Environment steps of all copies together; 2e6 is a number."""
    out: Path | None = None
    """The run's directory; runs/ALGORITHM-TASK-SHARING-SEED unless given. One that exists is refused."""
    resume: Path | None = None
    """Go on with the run in this directory; no other options then."""
    config: Path | None = None
    """A JSON file with the whole config, in place of the options."""
    tuned: bool = True
    """Start from the settings that are recorded for the task, where there are any."""
    seeds: int = 1
    """Train this many seeds from --seed on, each in a directory of its own under --out."""
    sweep: Path | None = None
    """A JSON file with a base config and a grid (deep.sweep): every cell is a run under --out."""
    shard: str = "1/1"
    """Of a sweep the cells of shard i/k only."""
    processes: int = 1
    """How many runs of a sweep, or seeds, go at once, each on one thread."""
    together: bool | None = None
    """Train the seeds of one config in one set of tensors; where that is faster unless given."""
    json: bool = False
    """Print JSON instead of a table."""
    rollout: Rollout = field(default_factory=Rollout)
    network: Network = field(default_factory=Network)
    optimiser: Optimiser = field(default_factory=Optimiser)
    value: Value = field(default_factory=Value)
    machine: Machine = field(default_factory=Machine)


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    name, rest = algorithm_of(argv)
    own = with_options(Command, name)
    words: tuple[Any, ...] = (own, rest, "marlcore train", "Train policies on an environment.", EXAMPLE)
    asked: Any = parse(*words)
    if asked.tuned and tuned.find(asked.env) is not None:
        asked = parse(*words, default=_tuned(own, name, asked.env))
    given = [word for word in rest if word.startswith("--")]
    if asked.config is not None:
        _alone("--config", name, given, ("--seeds", "--processes", "--together", "--out"))
    if asked.resume is not None:
        _alone("--resume", name, given)
    try:
        if asked.sweep is not None or asked.seeds != 1:
            return _many(name, asked, given)
        run = _run(name, asked, given)
    except TrainingError as error:
        print(f"marlcore train: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, (FileNotFoundError, FileExistsError, PermissionError)):
            raise
        print(f"marlcore train: stopped, nothing more could be written: {error}", file=sys.stderr)
        return 1
    result = {"run": run.path, "step": run.steps, **(run.metrics[-1] if run.metrics else {})}
    emit(result, table([result]), as_json=asked.json)
    return 0


def _tuned(kind: Any, name: str, env: str) -> Any:
    """The options with the settings that are recorded for the task."""
    found = tuned.config(name, env)
    print(f"marlcore train: starts from what is recorded for {env} (--tuned False for plain defaults)", file=sys.stderr)
    parts = ("rollout", "network", "optimiser", "value", "options", "machine")
    return kind(steps=float(found.steps), sharing=found.sharing, **{part: getattr(found, part) for part in parts})


def _run(name: str, asked: Any, given: list[str]) -> Run:
    if asked.resume is not None:
        return resume(asked.resume)
    config = _config(name, asked)
    return train(config, asked.out or default_directory(config))


def _alone(option: str, name: str, given: list[str], beside: Sequence[str] = ()) -> None:
    """Refuse what would be ignored beside an option that brings its own config."""
    others = [word for word in given if word.partition("=")[0] not in (option, "--json", *beside)]
    if others or name != DEFAULT:
        raise InputError(f"{option} brings the config with it: leave out {' '.join(others) or name}")


def _config(name: str, asked: Any) -> Config:
    if asked.config is not None:
        return from_data(files.read_json(asked.config))
    if not asked.env:
        raise InputError("--env is missing: for example --env game:climbing")
    if not 1 <= asked.steps < 2**62:
        raise InputError(f"--steps must be at least 1, not {asked.steps}")
    parts = {f: getattr(asked, f) for f in ("sharing", "seed", "rollout", "network", "optimiser", "value")}
    return Config(name, asked.env, steps=int(asked.steps), options=asked.options, machine=asked.machine, **parts)


def _many(name: str, asked: Any, given: list[str]) -> int:
    """Several runs; 1 if one of them failed."""
    if asked.seeds < 1 or asked.processes < 1:
        raise InputError(f"--seeds and --processes must be at least 1, not {asked.seeds} and {asked.processes}")
    if asked.sweep is not None:
        _alone("--sweep", name, given, ("--shard", "--processes", "--together", "--out"))
        some = sweep.shard(sweep.cells(asked.sweep, asked.out or Path("runs") / asked.sweep.stem), asked.shard)
    else:
        config = _config(name, asked)
        some = sweep.seeds_of(config, asked.seeds, asked.out or default_directory(config, seed=False))
    done = sweep.run(some, asked.processes, asked.together)
    rows = [{**one.choices, "outcome": one.outcome, "run": one.path, "message": one.message} for one in done]
    emit({"runs": done}, table(rows), as_json=asked.json)
    return int(any(one.outcome == "failed" for one in done))


def default_directory(config: Config, seed: bool = True) -> Path:
    """runs/ALGORITHM-TASK-SHARING-SEED, or without the seed."""
    words = (config.algorithm, config.env, config.sharing, *([str(config.seed)] if seed else []))
    return Path("runs") / "-".join("".join(c if c.isalnum() or c in "._" else "_" for c in w) for w in words)
