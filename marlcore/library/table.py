"""The library as a Markdown page: ``python -m marlcore.library.table docs/games.md`` writes it, a test compares it."""

from __future__ import annotations

import sys
from pathlib import Path

from marlcore.library.registry import Entry, describe, names

_HEAD = """# The library of games

Written by `python -m marlcore.library.table docs/games.md` from the library's data; `marlcore games --check` measures
every fact on its game. `library.load(name, **parameters)` gives a game, `kind="rational"` in exact numbers.
"""


def markdown() -> str:
    """The page."""
    entries = [describe(name) for name in names()]
    families = sorted({entry.family for entry in entries})
    parts = [_HEAD]
    for family in families:
        parts.append(f"## {family.replace('_', ' ').capitalize()}\n")
        parts += [_section(entry) for entry in entries if entry.family == family]
    return "\n".join(parts)


def _section(entry: Entry) -> str:
    parameters = ", ".join(f"{p.name}: {p.type_name} = {p.default}" for p in entry.parameters)
    lines = [f"### `{entry.name}({parameters})`\n", f"{entry.summary} *Source:* {entry.source}.\n"]
    if entry.facts:
        lines += ["| fact | statement | source |", "|---|---|---|"]
        lines += [f"| {f.kind} | {_cell(_short(f.describe()))} | {_cell(f.source)} |" for f in entry.facts]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _short(text: str, limit: int = 400) -> str:
    return text if len(text) <= limit else text[:limit] + " …"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8", newline="\n")
