"""``marlcore learn LEARNER --game NAME``: run a learner, watch how far from equilibrium it ends, keep the trace.

LEARNER is an entry of ``marlcore.learners``; NAME is what ``marlcore solve`` takes. The learner's own parameters are
set by ``--set``: numbers, words, JSON (``friends=[[1],[0]]``) and schedules (``alpha=power(0.1,1e5)``,
``geometric(1,0.99)``, ``visits(1,10,0.8)``). The trace goes to a ``.npz`` file, which ``--resume`` continues; where a
drawing is registered under the learner's name, or under ``learner`` for all, a picture goes beside it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from marlcore import registry
from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame
from marlcore.kit.progress import Progress
from marlcore.kit.statistics import interval
from marlcore.kit.tables import emit, table
from marlcore.trace import Trace
from tabular.commands import learn_mirror, outcome
from tabular.commands.solve import read_game

EXAMPLE = "marlcore learn wolf_phc --game rock_paper_scissors --steps 100000 --seeds 20"


@dataclass(frozen=True)
class Config:
    """What ``marlcore learn`` takes."""

    learner: Positional[Annotated[str, arg(metavar="LEARNER")]]
    """wolf_phc, minimax_q, nash_q, … (a wrong name lists the nearest); hatrl and haml have a --help of their own."""
    game: str
    """A library game (penalty:k=-30), a .npz or .nfg file, or random:S,A1,...,An."""
    steps: int = 100_000
    """How many steps each seed goes."""
    seeds: int = 20
    """How many runs, side by side."""
    seed: int = 0
    """The first of the seeds; also that of a random game."""
    set: tuple[str, ...] = ()
    """The learner's own parameters: --set alpha=0.1 epsilon=0.05."""
    record_every: int | None = None
    """Steps between two records."""
    threads: int | None = None
    """Threads that share the seeds; the result does not depend on it."""
    resume: Path | None = None
    """A trace file to continue, by --steps more steps."""
    out: Path | None = None
    """The trace file; LEARNER-GAME.npz unless given."""
    json: bool = False
    """Print JSON instead of a table."""


def main(argv: Sequence[str]) -> int:
    """Run the command; ``hatrl`` and ``haml``, which take other parameters, have a page of their own."""
    if argv and argv[0] in learn_mirror.EXAMPLES:
        return learn_mirror.main(argv)
    config = parse(Config, argv, "marlcore learn", "Run a learner on a game and keep its trace.", EXAMPLE)
    learner = registry.load("learners", config.learner)
    if config.seed < 0:
        raise InputError(f"seed must be 0 or more, not {config.seed}")
    game = read_game(config.game, "general", 0.9, np.random.default_rng(config.seed))
    game = game if game.kind == "float" else game.convert("float")
    out = outcome.place(config.out, config.learner, game.name)
    options = _parameters(config.set)
    for name in ("record_every", "threads"):
        if getattr(config, name) is not None:
            options[name] = getattr(config, name)
    after = None if config.resume is None else Trace.load(config.resume)
    seeds = list(range(config.seed, config.seed + config.seeds)) if config.seeds > 0 else config.seeds
    trace = _run(learner, game, config, seeds, after, options)
    places, lines = outcome.keep(config.learner, trace, out)
    answer = summary(game, trace) | places
    emit(answer, table(_rows(answer), _title(trace)), *lines, as_json=config.json)
    return 0


def _run(learner: Any, game: Game, config: Config, seeds: Any, after: Trace | None, options: dict[str, Any]) -> Trace:
    signature = inspect.signature(learner)
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    own = {n for n, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}
    shared = {"initial", "fixed", "record_every", "threads"} if open_ended else set()
    for name in options:
        if name not in own | shared:
            raise registry.unknown(f"parameter of {config.learner}", name, sorted(own | shared))
    if after is not None:
        options["after"] = after
    with Progress(f"{config.learner} on {config.game}", total=config.steps * max(config.seeds, 1)) as progress:
        if open_ended or "progress" in own:
            options["progress"] = progress.advance
        return learner(game, config.steps, seeds, **options)


def _parameters(words: Sequence[str]) -> dict[str, Any]:
    parameters = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals and text):
            raise InputError(f"--set takes name=value, not {word!r}")
        parameters[name] = _value(text)
        if isinstance(parameters[name], dict):  # fixed={"1": [1, 0]}: agents are numbers, JSON's keys are words
            parameters[name] = {int(k) if k.isdecimal() else k: v for k, v in parameters[name].items()}
    return parameters


def _value(text: str) -> Any:
    from tabular.learners.schedules import Geometric, Power, Visits

    call = re.fullmatch(r"(power|geometric|visits)\((.*)\)", text)
    try:
        if call:
            made = {"power": Power, "geometric": Geometric, "visits": Visits}[call[1]]
            return made(*(float(x) for x in call[2].split(",")))
        return json.loads(text)
    except TypeError:
        raise InputError(f"{text} has the wrong number of arguments") from None
    except InputError:
        raise
    except ValueError:
        if call:
            raise InputError(f"the arguments of {text} must be numbers") from None
        return text


def summary(game: Game, trace: Trace) -> dict[str, Any]:
    """Payoffs and gaps to equilibrium at the end, each with a 95 % interval over the seeds."""
    from marlcore.responses import nash_gap

    def gaps(tables: Sequence[Any]) -> np.ndarray:
        one = MatrixGame if isinstance(game, MatrixGame) else None
        profiles = [tuple(t[-1, k, 0] if one else t[-1, k] for t in tables) for k in range(trace.seeds)]
        return np.array([nash_gap(game, profile).gaps for profile in profiles])

    last = gaps(trace.policies)
    columns = {"payoff": trace.payoffs[-1], "gap": last}
    if trace.average_policies is not None:
        columns["gap of the average policy"] = gaps(trace.average_policies)
    agents = []
    for i in range(trace.n):
        row: dict[str, Any] = {"agent": i}
        for name, values in columns.items():
            found = interval(values[:, i], "mean")
            row[name] = {"mean": found.estimate, "low": found.low, "high": found.high}
        agents.append(row)
    return {"learner": trace.algorithm, "game": trace.game, "steps": int(trace.steps[-1]), "agents": agents}


def _title(trace: Trace) -> str:
    return f"{trace.algorithm} on {trace.game}: {trace.steps[-1]} steps, {trace.seeds} seeds, mean [95 % interval]"


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    def text(cell: Any) -> Any:
        return f"{cell['mean']:.5g} [{cell['low']:.5g}, {cell['high']:.5g}]" if isinstance(cell, dict) else cell

    return [{name: text(cell) for name, cell in row.items()} for row in answer["agents"]]
