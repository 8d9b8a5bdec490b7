"""How objects show themselves in a notebook: HTML that is small, escaped, and readable on a light and a dark page.

``block`` puts a heading and parts together; ``facts`` shows names and values, ``grid`` a table of cells, ``array`` an
array of any size: up to 2 axes in full or with its middle left out, more axes by shape and range. Every text is
escaped here; a caller that has HTML says so by ``Markup``. Colours are the page's own: nothing sets a background, and
lines are half transparent. A dataclass that inherits ``Shown`` shows its fields.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from marlcore.kit.tables import cell

LIMIT = 10
"""The most rows, and the most columns, that a table shows; of more, the first and the last ones."""
LINE = "1px solid rgba(128,128,128,.35)"
MATHML = re.compile(
    "math|m(row|i|o|n|text|sub|sup|subsup|frac|under|over|underover|sqrt|root|table|tr|td|space|style|padded|phantom)"
)
"""The elements that a formula is made of."""
CELL = f"padding:.15em .6em;border:{LINE};white-space:nowrap"


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


class Shown:
    """A dataclass that shows its fields in a notebook, under its name and the first line of its docstring."""

    def _repr_html_(self) -> str:
        names = [f.name for f in dataclasses.fields(self)]  # pyright: ignore[reportArgumentType]
        about = (type(self).__doc__ or "").partition("\n\n")[0]
        return block(type(self).__name__, paragraph(about), facts({name: getattr(self, name) for name in names}))


def block(title: str, *parts: Markup) -> Markup:
    """A heading and what stands under it, scrolled sideways where it is wider than the page."""
    heading = f"<div style='font-weight:600;margin-bottom:.3em'>{html.escape(title)}</div>"
    return Markup(f"<div class='marlcore' style='overflow-x:auto;margin:.3em 0'>{heading}{''.join(parts)}</div>")


def paragraph(text: str) -> Markup:
    """A line of explanation; double backticks are dropped."""
    said = html.escape(" ".join(text.replace("``", "").split()))
    return Markup(f"<div style='opacity:.75;margin-bottom:.4em;max-width:60em'>{said}</div>")


def preformatted(text: str) -> Markup:
    """Lines of text as they are."""
    return Markup(f"<pre style='margin:.4em 0'>{html.escape(text)}</pre>")


def formula(latex: str) -> Markup:
    """A formula in LaTeX as MathML; what does not convert to plain MathML is shown as it was written."""
    from xml.etree import ElementTree

    from latex2mathml import converter, exceptions

    # the converter's errors have no common ancestor, and it passes on what stands in \\text{…} as it is
    own = (e for e in vars(exceptions).values() if isinstance(e, type))
    refused: Any = (*own, ValueError, LookupError, ElementTree.ParseError)
    try:
        made = converter.convert(latex, display="block")
        elements = list(ElementTree.fromstring(made).iter())
    except refused:
        return preformatted(latex)
    tags = (e.tag.rpartition("}")[2] for e in elements)
    plain = all(map(MATHML.fullmatch, tags)) and not any(a.startswith("on") for e in elements for a in e.attrib)
    return Markup(made) if plain else preformatted(latex)


def facts(pairs: Mapping[str, Any]) -> Markup:
    """Names and values, a line each; what is nothing is left out."""
    rows = "".join(
        f"<tr><th style='{CELL};text-align:left;font-weight:500'>{html.escape(name)}</th>"
        f"<td style='{CELL};text-align:left;white-space:normal;max-width:45em'>{shown(value, 400)}</td></tr>"
        for name, value in pairs.items()
        if value is not None
    )
    return Markup(f"<table style='border-collapse:collapse'>{rows}</table>")


def grid(
    cells: Sequence[Sequence[Any]],
    rows: Sequence[Any] | None = None,
    columns: Sequence[Any] | None = None,
    corner: str = "",
) -> Markup:
    """A table; of more than ``LIMIT`` rows or columns the middle is left out."""
    across, down = kept(len(cells[0]) if cells else 0), kept(len(cells))
    lines = []
    if columns is not None:
        head = [] if rows is None else [_heading(corner)]
        left = [j is not None and bool(cells) and isinstance(cells[0][j], str) for j in across]
        names = ["…" if j is None else columns[j] for j in across]
        lines.append(head + [_heading(name, side) for name, side in zip(names, left, strict=True)])
    for i in down:
        line = [] if rows is None else [_heading("…" if i is None else rows[i])]
        lines.append(line + [_cell("…" if i is None or j is None else cells[i][j]) for j in across])
    body = "".join(f"<tr>{''.join(line)}</tr>" for line in lines)
    return Markup(f"<table style='border-collapse:collapse'>{body}</table>")


def kept(size: int) -> list[int | None]:
    """The places that a table of ``size`` shows; None stands for those that it leaves out."""
    if size <= LIMIT:
        return list(range(size))
    half = LIMIT // 2
    return [*range(half), None, *range(size - half, size)]


def array(value: Any) -> Markup:
    """An array of floats, exact numbers, symbols, or a tensor: in full where it is small, else by shape and range."""
    shape = tuple(value.shape)
    if 0 in shape:
        return Markup(html.escape(f"empty, shape {shape}"))
    if len(shape) == 1 and shape[0] <= LIMIT:
        return grid([value.tolist()])
    if len(shape) == 2 and max(shape) <= LIMIT:
        return grid(value.tolist())
    return Markup(html.escape(_summary(value, shape)))


def shown(value: Any, longest: int = 80) -> Markup:
    """``value`` as HTML: text as it is, numbers as in every table, arrays by ``array``, tuples one under another."""
    if isinstance(value, Markup):
        return value
    if isinstance(getattr(value, "shape", None), tuple) and len(value.shape):
        return array(value)
    if isinstance(value, (tuple, list)) and any(isinstance(getattr(v, "shape", None), tuple) for v in value):
        parts = [shown(v) for v in value[:LIMIT]] + ([Markup(f"… {len(value)} in all")] if len(value) > LIMIT else [])
        return Markup("<div style='height:.3em'></div>".join(parts))
    if isinstance(value, Shown):
        return Markup(html.escape(type(value).__name__))
    return Markup(html.escape(_short(value, longest)))


def _heading(value: Any, left: bool = False) -> str:
    side = "left" if left else "right"
    return f"<th style='{CELL};text-align:{side};font-weight:500;opacity:.8'>{html.escape(str(value))}</th>"


def _cell(value: Any) -> str:
    inside = value if isinstance(value, Markup) else html.escape(_short(value))
    return f"<td style='{CELL};text-align:{'left' if isinstance(value, str) else 'right'}'>{inside}</td>"


def _short(value: Any, longest: int = 80) -> str:
    text = cell(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _summary(value: Any, shape: tuple[int, ...]) -> str:
    text = f"shape {' × '.join(map(str, shape))}"
    numbers = np.asarray(_flat(value.tolist()), dtype=object)
    if all(isinstance(x, (bool, np.bool_)) for x in numbers):
        return f"{text}, {sum(map(bool, numbers))} of {len(numbers)} true"
    if all(isinstance(x, (int, float)) for x in numbers):
        return f"{text}, from {cell(min(numbers))} to {cell(max(numbers))}"
    return text


def _flat(nested: Any) -> Iterable[Any]:
    return [x for part in nested for x in _flat(part)] if isinstance(nested, list) else [nested]
