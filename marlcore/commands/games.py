"""``marlcore games``: the library, what is known about each game and who says so; ``--check`` measures every fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from marlcore import library
from marlcore.cli_config import Positional, arg, parse
from marlcore.games import MatrixGame
from marlcore.kit.progress import Progress
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore games climbing"


@dataclass(frozen=True)
class Config:
    """What ``marlcore games`` takes."""

    name: Positional[Annotated[str, arg(metavar="NAME")]] = ""
    """A game to show (all of them unless given)."""
    check: bool = False
    """Measure every recorded fact on the game; exit 1 if one fails."""
    json: bool = False
    """Print JSON instead of tables."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore games", "The library of games, with facts and sources.", EXAMPLE)
    names = [config.name] if config.name else library.names()
    entries = [library.describe(name) for name in names]
    if config.check:
        return _check(entries, config.json)
    shown = () if config.json else _one(entries[0]) if config.name else (_all(entries),)
    emit({"games": [_as_data(entry) for entry in entries]}, *shown, as_json=config.json)
    return 0


def _as_data(entry: library.Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "source": entry.source,
        "parameters": [{"name": p.name, "type": p.type_name, "default": str(p.default)} for p in entry.parameters],
        "facts": [{"kind": f.kind, "statement": f.describe(), "source": f.source} for f in entry.facts],
    }


def _all(entries: list[library.Entry]) -> Any:
    from rich.table import Table

    shown = Table(title=f"{len(entries)} games", show_lines=True)
    shown.add_column("game", no_wrap=True)
    shown.add_column("what is known", ratio=2)
    shown.add_column("source", ratio=1)
    for entry in entries:
        facts = "\n".join(f"· {fact.describe()}" for fact in entry.facts)
        shown.add_row(entry.name, f"{entry.summary}\n{facts}".rstrip(), entry.source)
    return shown


def _one(entry: library.Entry) -> Iterator[Any]:
    game = library.load(entry.name)
    states = "" if isinstance(game, MatrixGame) else f", {game.S} states, γ = {game.discount}"
    yield f"{entry.name}: {entry.summary}"
    yield f"{type(game).__name__} of {game.n} agents with {', '.join(map(str, game.action_counts))} actions{states}"
    yield f"source: {entry.source}"
    for parameter in entry.parameters:
        yield f"parameter {parameter.name}: {parameter.type_name}, {parameter.default} unless given"
    yield table([{"kind": fact.kind, "fact": fact.describe(), "source": fact.source} for fact in entry.facts])


def _check(entries: list[library.Entry], as_json: bool) -> int:
    results: list[tuple[str, library.FactResult]] = []
    with Progress("checking facts", total=sum(len(entry.facts) for entry in entries)) as progress:
        for entry in entries:
            progress.say(entry.name)
            results += [(entry.name, result) for result in library.check(entry.name)]
            progress.advance(len(entry.facts))
    failed = [(name, result) for name, result in results if not result.holds]
    lines = [
        f"FAILED {name}: {result.fact.describe()}: off by {result.error:.3g}, where {result.tolerance:.3g} is allowed"
        for name, result in failed
    ]
    lines.append(f"{len(results) - len(failed)} of {len(results)} recorded facts of {len(entries)} games hold")
    emit({"facts": [_measured(*one) for one in results], "failed": len(failed)}, *lines, as_json=as_json)
    return 1 if failed else 0


def _measured(name: str, result: library.FactResult) -> dict[str, Any]:
    return {
        "game": name,
        "kind": result.fact.kind,
        "statement": result.fact.describe(),
        "source": result.fact.source,
        "error": result.error,
        "tolerance": result.tolerance,
        "holds": result.holds,
    }
