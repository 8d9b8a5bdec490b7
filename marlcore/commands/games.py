"""``marlcore games``: the library, what is known about each game and who says so; ``--check`` measures every fact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from marlcore import library
from marlcore.cli_config import Positional, arg, parse
from marlcore.games import MatrixGame

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
    if config.json:
        print(json.dumps({"games": [_as_data(entry) for entry in entries]}, indent=2, ensure_ascii=False))
    elif config.name:
        _show(entries[0])
    else:
        _list(entries)
    return 0


def _as_data(entry: library.Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "source": entry.source,
        "parameters": [{"name": p.name, "type": p.type_name, "default": str(p.default)} for p in entry.parameters],
        "facts": [{"kind": f.kind, "statement": f.describe(), "source": f.source} for f in entry.facts],
    }


def _list(entries: list[library.Entry]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{len(entries)} games", show_lines=True)
    table.add_column("game", no_wrap=True)
    table.add_column("what is known", ratio=2)
    table.add_column("source", ratio=1)
    for entry in entries:
        facts = "\n".join(f"· {fact.describe()}" for fact in entry.facts)
        table.add_row(entry.name, f"{entry.summary}\n{facts}".rstrip(), entry.source)
    Console(highlight=False, markup=False).print(table)


def _show(entry: library.Entry) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    game = library.load(entry.name)
    states = "" if isinstance(game, MatrixGame) else f", {game.S} states, γ = {game.discount}"
    actions = ", ".join(map(str, game.action_counts))
    console.print(f"{entry.name}: {entry.summary}")
    console.print(f"{type(game).__name__} of {game.n} agents with {actions} actions{states}")
    console.print(f"source: {entry.source}")
    for parameter in entry.parameters:
        console.print(f"parameter {parameter.name}: {parameter.type_name}, {parameter.default} unless given")
    table = Table("kind", "fact", "source")
    for fact in entry.facts:
        table.add_row(fact.kind, fact.describe(), fact.source)
    console.print(table)


def _check(entries: list[library.Entry], as_json: bool) -> int:
    from rich.console import Console
    from rich.progress import Progress

    results: list[tuple[str, library.FactResult]] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("checking facts", total=sum(len(entry.facts) for entry in entries))
        for entry in entries:
            progress.update(task, description=entry.name)
            results += [(entry.name, result) for result in library.check(entry.name)]
            progress.advance(task, len(entry.facts))
    failed = [(name, result) for name, result in results if not result.holds]
    if as_json:
        facts = [
            {
                "game": name,
                "kind": result.fact.kind,
                "statement": result.fact.describe(),
                "source": result.fact.source,
                "error": result.error,
                "tolerance": result.tolerance,
                "holds": result.holds,
            }
            for name, result in results
        ]
        print(json.dumps({"facts": facts, "failed": len(failed)}, indent=2, ensure_ascii=False))
    else:
        for name, result in failed:
            print(
                f"FAILED {name}: {result.fact.describe()}: off by {result.error:.3g} (at most {result.tolerance:.3g})"
            )
        held = len(results) - len(failed)
        print(f"{held} of {len(results)} recorded facts of {len(entries)} games hold")
    return 1 if failed else 0
