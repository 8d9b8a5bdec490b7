"""``marlcore audit ALGORITHM --game NAME``: train on an exact game and account for every update exactly.

The options are those of ``marlcore train``; the defaults suit a small game (200 copies of 10 steps, one hidden layer).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deep.algorithms.value import Value
from deep.audit import Audit, audit
from deep.commands.options import algorithm_of, with_options
from deep.config import Config, Machine, Network, Rollout
from deep.learner import Optimiser
from deep.session import TrainingError
from marlcore.cli_config import parse
from marlcore.errors import InputError
from marlcore.kit import files
from marlcore.kit.progress import Progress
from marlcore.kit.provenance import provenance
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore audit happo --game climbing --sharing nops --updates 20"
SHOWN = ("update", "J", "change", "bound_sharp", "kl", "nash_gap", "optimality_gap", "M_bias", "M_variance")


@dataclass(frozen=True)
class Command:
    """What ``marlcore audit`` takes besides the algorithm's own options."""

    game: str = ""
    """A game that pays all agents the same: climbing, trap_of_homogeneity?n=4, my_game.npz."""
    sharing: str = "nops"
    """Who shares parameters, with options as in hyper?embedding=one_hot."""
    updates: int = 50
    """How many updates to account for."""
    seed: int = 0
    """The seed of the run."""
    rows: int = 10
    """How many updates the table shows."""
    out: Path | None = None
    """A file for all rows as JSON."""
    json: bool = False
    """Print JSON instead of a table."""
    rollout: Rollout = field(default_factory=lambda: Rollout(copies=200, length=10))
    network: Network = field(default_factory=lambda: Network(hidden=(64,)))
    optimiser: Optimiser = field(default_factory=Optimiser)
    value: Value = field(default_factory=Value)
    machine: Machine = field(default_factory=Machine)


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    name, rest = algorithm_of(argv)
    purpose = "Train on an exact game, held against exact values."
    asked: Any = parse(with_options(Command, name), rest, "marlcore audit", purpose, EXAMPLE)
    if not asked.game:
        raise InputError("--game is missing: for example --game climbing")
    if asked.out is not None and asked.out.exists():
        raise InputError(f"{asked.out} exists and is not overwritten: give another name")
    if asked.out is not None and not asked.out.absolute().parent.is_dir():
        raise InputError(f"{asked.out} cannot be written: there is no directory {asked.out.absolute().parent}")
    if asked.updates < 1 or asked.rows < 1:
        raise InputError(f"--updates and --rows must be at least 1, not {asked.updates} and {asked.rows}")
    parts = {f: getattr(asked, f) for f in ("sharing", "seed", "rollout", "network", "optimiser", "value", "machine")}
    steps = asked.updates * asked.rollout.copies * asked.rollout.length
    config = Config(name, f"game:{asked.game}", steps=steps, options=asked.options, **parts)
    try:
        with Progress(f"{name} on {asked.game}", total=config.updates) as progress:
            done = audit(config, watch=lambda row: progress.advance())
    except TrainingError as error:
        print(f"marlcore audit: {error}", file=sys.stderr)
        return 1
    result = as_data(done)
    if asked.out is not None:
        files.write_json(asked.out, result)
    every = -(-len(done.rows) // asked.rows)
    shown = [{key: row[key] for key in SHOWN} for row in done.rows[(len(done.rows) - 1) % every :: every]]
    emit(result, table(shown), table([done.summary()]), as_json=asked.json)
    return 0


def as_data(done: Audit) -> dict[str, Any]:
    """All of an audit for programs."""
    return {
        "summary": done.summary(),
        "returns": done.returns,
        "policy": list(done.policy),
        "rows": list(done.rows),
        "provenance": provenance(done.config, done.config.seed),
    }
