"""A counterexample as a card: the game it lives in, the policies, and the inequality that breaks.

    marlcore figure counterexample --claim harl/lemma_8/nine_tenths      a claim that carries its witness
    marlcore certify my_claim.witness.json --picture card.svg            any witness file, re-checked first

Whatever a claim is about, its instance is named arrays (``proofs_check.instances``): transitions become a graph with an
arrow for each joint action, every other array a table with its exact numbers. The margin is the one that
``proofs_check.witness`` computes afresh in exact arithmetic; it must violate the claim, or there is no card.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Circle, FancyArrowPatch

from figures.figure import Figure
from figures.parts import frame, panels
from figures.style import HUES, Style
from marlcore import numbers
from proofs_check import instances, witness
from proofs_check.instances import Fixed, Rows
from proofs_check.witness import Checked

NAMES = {
    "rewards": "r(s, a), rewards",
    "start": "d(s), where play starts",
    "policy": "π, the old policy",
    "new": "π̄, the new policy",
    "payoffs": "R, payoffs",
    "R": "R, payoffs",
    "transitions": "P(s'|s, a)",
}
"""What stands above a table; other fields keep their own names."""
TABLES, WIDEST, STATES = 6, 12, 8
"""At most so many tables, rows and columns with numbers in them, states in a graph."""


@dataclass(frozen=True)
class Table:
    """An array as rows and columns, with its exact numbers."""

    name: str
    values: np.ndarray
    texts: tuple[tuple[str, ...], ...]
    rows: tuple[str, ...]
    chances: bool
    """Whether the rows are distributions."""


@dataclass(frozen=True)
class Edge:
    """A transition that a joint action makes with that chance."""

    begin: int
    end: int
    action: int
    chance: float


@dataclass(frozen=True)
class Graph:
    """States, joint actions, and the transitions between them."""

    states: int
    actions: tuple[str, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Data:
    """A witness: the claim, the margin that breaks it, the game's graph if it has one, tables, and single numbers."""

    claim: str
    plain: str
    wanted: str
    margin: str
    arithmetic: str
    graph: tuple[Graph, ...]
    tables: tuple[Table, ...]
    numbers: dict[str, str]


def data(claim: str = "harl/lemma_8/nine_tenths") -> Data:
    """The witness that a claim of the ledger carries."""
    return data_of(witness.own(claim))


def data_of(checked: Checked) -> Data:
    """What the card shows of a witness that was re-checked."""
    graph, tables, single = [], [], {}
    spelled = dict(_spelled(instances.as_data(checked.instance)))
    for label, spec, value in checked.instance.leaves():
        array = np.asarray(numbers.convert(value, "float")) if hasattr(value, "shape") else None
        if array is None or array.ndim == 0:
            single[label] = _short(str(spelled[label])) if array is not None else str(spelled[label])
        elif label == "transitions" and array.ndim > 2 and array.shape[-1] <= STATES:
            graph.append(graph_of(array))
        elif not isinstance(spec, Fixed) or array.size:
            tables.append(_table(label, array, np.asarray(spelled[label], dtype=object), isinstance(spec, Rows)))
    certificate, identity = checked.certificate, checked.claim.is_identity
    wanted = "= 0" if identity else "≥ 0"
    said = (checked.claim.id, checked.claim.plain, wanted, certificate.value, certificate.arithmetic)
    return Data(*said, tuple(graph), tuple(tables), single)


def _spelled(plain: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields with their labels; as_data keeps a tuple of arrays as a tuple."""
    for name, value in plain.items():
        if isinstance(value, tuple):
            yield from ((f"{name}[{i}]", part) for i, part in enumerate(value))
        yield name, value


def graph_of(P: np.ndarray) -> Graph:
    """The transitions (S, A1, …, An, S) that can happen."""
    actions = list(np.ndindex(P.shape[1:-1]))
    names = tuple(str(a[0]) if len(a) == 1 else str(a) for a in actions)
    edges = [
        Edge(s, t, k, float(P[(s, *a, t)]))
        for s in range(P.shape[0])
        for k, a in enumerate(actions)
        for t in range(P.shape[-1])
        if P[(s, *a, t)] > 0
    ]
    return Graph(P.shape[-1], names, tuple(edges))


def _table(label: str, array: np.ndarray, texts: np.ndarray, chances: bool) -> Table:
    name, bracket, rest = label.partition("[")
    title = NAMES.get(name, name) + (f" of agent {int(rest[:-1]) + 1}" if bracket else "")
    if name == "start":
        array, texts = array[:, None], texts[:, None]
    flat = array.reshape(-1, array.shape[-1])
    of_states = name in ("rewards", "policy", "new", "transitions", "start")
    rows = [", ".join(map(str, index)) for index in np.ndindex(array.shape[:-1])] if array.ndim > 1 else [""]
    rows = [f"s = {row}" if of_states and row else row for row in rows]
    words = [[_short(str(word)) for word in line] for line in texts.reshape(flat.shape)]
    return Table(title, flat, tuple(map(tuple, words)), tuple(rows), chances)


def _short(word: str) -> str:
    """A fraction of few digits as it is, else three digits of it."""
    if len(word) <= 6:
        return word
    top, _, bottom = word.partition("/")
    try:
        return f"{float(top) / float(bottom or 1):.3g}"
    except ValueError:
        return word[:6]


def draw(data: Data, style: Style) -> Canvas:
    """The claim first, then the graph, then the tables."""
    tables = data.tables[:TABLES]
    count = 1 + len(data.graph) + len(tables)
    rows = math.ceil(count / 3)
    canvas, axes = panels(style, count, across=min(count, 3), height=1.2 + 1.75 * rows)
    _words(axes[0], style, data)
    for ax, graph in zip(axes[1:], data.graph, strict=False):
        _draw_graph(ax, style, graph)
    for ax, table in zip(axes[1 + len(data.graph) :], tables, strict=True):
        _draw_table(ax, style, table)
    return canvas


def _words(ax: Axes, style: Style, data: Data) -> None:
    """The claim, and the margin that breaks it."""
    ax.set_axis_off()
    room = {"slide": 26, "page": 30, "column": 26 if len(data.tables) + len(data.graph) > 2 else 46}[style.size]
    margin = data.margin if len(data.margin) <= room - 9 else _number(data.margin)
    parts = [
        (data.plain, "ink", "normal"),
        (f"margin {data.wanted}: the claim", "grey", "normal"),
        (f"margin {'=' if margin == data.margin else '≈'} {margin}", "orange", "bold"),
        (f"in {data.arithmetic}", "grey", "normal"),
        *((f"{name} = {value}", "grey", "normal") for name, value in data.numbers.items()),
    ]
    lines = [(line, hue, weight) for text, hue, weight in parts for line in textwrap.wrap(text, room)]
    for k, (line, hue, weight) in enumerate(lines):
        down: dict[str, Any] = {"xytext": (0, -1.45 * k * style.small), "textcoords": "offset points", "va": "top"}
        ax.annotate(line, (0, 1), color=style[hue], weight=weight, size=style.small, **down)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_title(data.claim.rpartition("/")[2].replace("_", " "))


def _number(value: str) -> str:
    """A rational or a ball to three digits."""
    middle = value.strip("[]").partition(" ")[0]
    top, _, bottom = middle.partition("/")
    return f"{float(top) / float(bottom or 1):.3g}"


def _draw_graph(ax: Axes, style: Style, graph: Graph) -> None:
    """States on a circle, an arrow for each transition in its action's colour, as wide as it is likely."""
    turn = np.pi / 2 - 2 * np.pi * np.arange(graph.states) / graph.states
    places = np.stack([np.cos(turn), np.sin(turn)], -1) * (graph.states > 1)
    coloured = len(graph.actions) <= len(HUES)
    for edge in graph.edges:
        colour = style.hue(edge.action) if coloured else style["grey"]
        width = style.line * (0.35 + 0.65 * edge.chance)
        bend = 0.12 + 0.16 * edge.action if coloured else 0.15
        if edge.begin == edge.end:
            away = places[edge.end] if graph.states > 1 else np.array([0.0, 1.0])
            radius = 0.2 + 0.1 * edge.action
            loop: dict[str, Any] = {"fill": False, "edgecolor": colour, "linewidth": width, "zorder": 1}
            ax.add_patch(Circle(tuple(places[edge.end] + away * (radius + 0.08)), radius, **loop))
            continue
        way = FancyArrowPatch(
            tuple(places[edge.begin]),
            tuple(places[edge.end]),
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=2.2 * style.marker,
            shrinkA=1.1 * style.type,
            shrinkB=1.1 * style.type,
            color=colour,
            linewidth=width,
        )
        ax.add_patch(way)
    for s, (x, y) in enumerate(places):
        ax.plot(x, y, "o", color=style["faint"], markersize=1.9 * style.type, zorder=2)
        ax.text(x, y, str(s), ha="center", va="center", size=style.small, zorder=3)
    ax.set(xlim=(-1.75, 1.75), ylim=(-1.6, 1.6), aspect="equal", xticks=(), yticks=())
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.grid(False)
    ax.set_title("P(s'|s, a), the game", size=style.small)
    if coloured:
        keys = [f"{hue}: a = {name}" for hue, name in zip(HUES, graph.actions, strict=False)]
        ax.set_xlabel("\n".join(textwrap.wrap(",  ".join(keys), 30)), size=style.small)


def _draw_table(ax: Axes, style: Style, table: Table) -> None:
    """A table of numbers on the colours of their sizes."""
    values = table.values
    largest = max(float(np.abs(values).max()), 1e-300)
    chart, norm = (style.rising, Normalize(0, 1.6)) if table.chances else (style.signed, Normalize(-largest, largest))
    ax.imshow(values, cmap=chart, norm=norm, aspect="auto")
    if max(values.shape) <= WIDEST:
        for (i, j), value in np.ndenumerate(values):
            ink = _readable(style, chart(norm(value)))
            ax.text(j, i, table.texts[i][j], ha="center", va="center", color=ink, size=style.small)
        ax.set_yticks(range(len(table.rows)), table.rows)
    else:
        ax.set_yticks(())
    ax.set_xticks(range(values.shape[1]) if 1 < values.shape[1] <= WIDEST else ())
    if len(values) == 1:
        ax.set_ylim(1.1, -1.1)
    ax.tick_params(length=0)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title(table.name, size=style.small)


def _readable(style: Style, cell: Any) -> str:
    """Ink or paper, whichever stands out more from the colour of a cell."""

    def light(colour: Any) -> float:
        return float(np.dot([0.299, 0.587, 0.114], to_rgb(colour[:3] if not isinstance(colour, str) else colour)))

    return max((style["ink"], style["paper"]), key=lambda ink: abs(light(ink) - light(cell)))


def card(checked: Checked, style: Style | None = None) -> Canvas:
    """The card of any witness that was re-checked, for ``marlcore certify WITNESS --picture``."""
    style = style or Style()
    made = data_of(checked)
    with style.context():
        title = f"A counterexample to “{made.plain.removesuffix('.')}”"
        return frame(draw(made, style), style, title, f"{made.claim}, re-checked in {made.arithmetic}.")


FIGURE = Figure(
    name="counterexample",
    title="A claim falls by one small game that anybody can check by hand",
    claims=(
        "harl/lemma_8/nine_tenths",
        "harl/theorem_10/any_start",
        "markov/igm/additive_finds_optimum",
        "matrix/zero_sum/only_one_equilibrium",
    ),
    shows="a witness as its game, its policies and the broken inequality",
    alt=(
        "A card in tiles: the claim and its negative margin in exact arithmetic, the game's transitions as a graph of "
        "states with an arrow for each action, and tables of rewards, start and the old and the new policy."
    ),
    data=data,
    draw=draw,
)
