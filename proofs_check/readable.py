"""Instances as people read them: a line for a number or a row, tables indented, an index before each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(instance: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an instance that is spelled as JSON."""
    for name, value in instance.items():
        yield from _block(name, value)


def _block(label: str, value: Any) -> Iterator[str]:
    if not isinstance(value, (list, tuple)):
        yield f"  {label} = {value}"
    elif not any(isinstance(v, (list, tuple)) for v in value):
        yield f"  {label} = ({', '.join(map(str, value))})"
    elif all(not isinstance(w, (list, tuple)) for v in value for w in v):
        yield f"  {label} ="
        width = max(len(str(w)) for v in value for w in v)
        for row in value:
            yield "    [" + "  ".join(str(w).rjust(width) for w in row) + "]"
    else:
        for i, part in enumerate(value):
            yield from _block(f"{label}[{i}]", part)
