"""One result, two readers: a table for people, JSON for programs. Numbers look the same in every command."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from marlcore.kit import files


def emit(result: Any, *tables: Any, as_json: bool) -> None:
    """Print ``result`` as JSON, or else the ``tables`` (made by ``table``) and lines of text that show it."""
    if as_json:
        print(files.dumps(result, indent=2))
        return
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, highlight=False, markup=False)
    for item in tables:
        console.print(item)


def table(rows: Iterable[Mapping[str, Any]], title: str = "", columns: Sequence[str] | None = None) -> Any:
    """A rich table of ``rows``; columns in the order of the first row unless given; numbers to the right."""
    from rich.table import Table

    rows = list(rows)
    names = list(columns) if columns is not None else list(dict.fromkeys(name for row in rows for name in row))
    made = Table(title=title or None)
    for name in names:
        numeric = all(isinstance(row.get(name), (int, float, np.number, type(None))) for row in rows)
        made.add_column(name, justify="right" if numeric and rows else "left")
    for row in rows:
        made.add_row(*(cell(row.get(name)) for name in names))
    return made


def cell(value: Any) -> str:
    """``value`` as text: six significant digits, a dash for nothing, yes and no for truth."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(cell, value))})"
    return str(value)
