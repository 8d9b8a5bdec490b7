"""What figures are built of, written once: panels, labels that keep apart, bands over seeds, squares, triangles.

Every function takes the axes (or makes them) and the style; none knows what it draws. ``frame`` puts the title and the
claims around a finished drawing and gives the panels the room that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextPath

from figures.style import SIZES, Style

MARGIN = 0.02
"""What stays free at each side, as a share of the width."""
_END = "end label"
"""Marks the texts that ``frame`` pushes apart."""


def panels(
    style: Style,
    count: int = 1,
    *,
    across: int | None = None,
    height: float | None = None,
    in_column: tuple[int, float] | None = None,
    **options: Any,
) -> Any:
    """A canvas and its ``count`` panels, in reading order: side by side, ``across`` in a row, in a column one by one.

    ``height`` (inches, for a page; a column's follows from it) replaces the usual one where a figure needs more;
    a slide stays 16:9. In a column more than three panels stand two in a row. ``options`` go to ``Figure.subplots``.
    """
    across = across or count
    if not style.wide:
        across = in_column[0] if in_column else 1 if count <= 3 else min(across, 2)
        options.pop("width_ratios", None)
    rows = -(-count // across)
    width, usual = SIZES[style.size]
    if style.size == "page":
        usual = height or usual
    elif style.size == "column":
        heights = options.get("height_ratios", (1,) * rows)
        usual = (
            in_column[1]
            if in_column
            else usual
            if count == 1
            else 0.55 + (2.35 if across == 1 else 1.75) * sum(heights) / max(heights)
        )
    canvas = Canvas(figsize=(width, usual), layout="constrained", dpi=style.dpi)
    axes = canvas.subplots(rows, across, squeeze=False, **options).flatten()
    for spare in axes[count:]:
        spare.remove()
    pad = 0.045 * style.type / 8.5
    engine = canvas.get_layout_engine()
    assert engine is not None
    engine.set(w_pad=pad, h_pad=pad, wspace=0.04, hspace=0.05)  # pyright: ignore[reportCallIssue]
    return canvas, list(axes[:count])


def frame(canvas: Canvas, style: Style, title: str, note: str) -> Canvas:
    """The title above, ``note`` below, both wrapped to the width; panels share what is left, labels move apart."""
    width, height = canvas.get_size_inches() * 72
    room = width * (1 - 2 * MARGIN)
    above = _lines(title, room, style.title_type, "bold")
    below = _lines(note, room, style.note, "normal")
    edge = MARGIN * width
    canvas.text(MARGIN, 1 - 0.8 * edge / height, "\n".join(above), size=style.title_type, weight="bold", va="top")
    canvas.text(
        MARGIN,
        0.7 * edge / height,
        "\n".join(below),
        size=style.note,
        color=style["grey"],
        va="bottom",
        linespacing=1.15,
    )
    top = 0.8 * edge + 1.24 * style.title_type * len(above) + 0.5 * style.type
    foot = 0.7 * edge + 1.2 * style.note * len(below) + 0.3 * style.type
    engine = canvas.get_layout_engine()
    if engine is not None:
        share = MARGIN / 2
        engine.set(rect=(share, foot / height, 1 - 2 * share, 1 - (top + foot) / height))  # pyright: ignore[reportCallIssue]
    for ax in (*canvas.axes, *(inner for outer in canvas.axes for inner in outer.child_axes)):
        # ticks are made when they are drawn: without this, ticks made later would have the defaults' looks
        ax.tick_params(which="both", labelsize=style.small, labelcolor=style["ink"], color=style["grey"])
        for axis in (ax.xaxis, ax.yaxis):
            axis.get_offset_text().set(size=style.small, color=style["ink"])
    canvas.draw_without_rendering()
    for ax in canvas.axes:
        _spread([t for t in ax.texts if t.get_label() == _END], ax)
    return canvas


def _lines(text: str, room: float, size: float, weight: str) -> list[str]:
    """``text`` in as few lines as fit into ``room`` points, broken between words, about equally long."""
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    words = text.split()
    widths = [TextPath((0, 0), word, prop=font).get_extents().width for word in words]
    space = 0.35 * size

    def broken(limit: float) -> list[str]:
        lines: list[str] = []
        taken = 0.0
        for word, width in zip(words, widths, strict=True):
            if lines and taken + space + width <= limit:
                lines[-1], taken = f"{lines[-1]} {word}", taken + space + width
            else:
                lines.append(word)
                taken = width
        return lines

    wanted = len(broken(room))
    shares = (limit for limit in np.linspace(0.5, 1, 41) * room if len(broken(limit)) == wanted)
    return broken(next(shares, room))


def end_label(ax: Axes, style: Style, y: float, text: str, colour: str) -> Text:
    """A line's name right of the panel, at height ``y``, in its colour; ``frame`` moves such labels apart."""
    return ax.annotate(
        text,
        (1, y),
        xycoords=ax.get_yaxis_transform(),
        xytext=(0.6 * style.type, 0),
        textcoords="offset points",
        color=colour,
        va="center",
        size=style.small,
        annotation_clip=False,
        label=_END,
    )


def _spread(labels: Sequence[Any], ax: Axes) -> None:
    """Move labels up and down by as little as keeps them apart (a least-squares order-preserving fit, by pooling)."""
    if not labels:
        return
    canvas = ax.get_figure(root=True)
    assert canvas is not None
    renderer = FigureCanvasAgg(canvas).get_renderer()
    boxes = [label.get_window_extent(renderer) for label in labels]
    middles = np.array([(box.y0 + box.y1) / 2 for box in boxes])
    heights = np.array([box.height for box in boxes]) + 1.0
    order = np.argsort(middles, kind="stable")
    stacked = np.cumsum(heights[order]) - heights[order] / 2
    moved = _rising(middles[order] - stacked) + stacked
    area = canvas.bbox
    moved -= max(0.0, float((moved + heights[order] / 2).max()) - area.y1)
    for k, where in zip(order, moved, strict=True):
        dx, dy = labels[k].get_position()
        labels[k].set_position((dx, dy + (where - middles[k]) * 72 / canvas.dpi))


def _rising(values: np.ndarray) -> np.ndarray:
    """The nearest sequence that never falls (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, size = blocks.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        blocks.append((mean, count))
    return np.concatenate([np.full(count, mean) for mean, count in blocks])


def band(ax: Axes, style: Style, x: Any, low: Any, middle: Any, high: Any, colour: str, **options: Any) -> None:
    """A line with the band of its uncertainty."""
    ax.fill_between(np.asarray(x), np.asarray(low), np.asarray(high), color=colour, alpha=0.22, linewidth=0)
    ax.plot(np.asarray(x), np.asarray(middle), color=colour, **options)


def outlined(text: Text, style: Style, width: float = 0.28) -> Text:
    """The text with a rim of the background's colour, for labels that stand on lines or surfaces."""
    from matplotlib.patheffects import withStroke

    text.set_path_effects([withStroke(linewidth=width * style.type, foreground=style["paper"])])
    return text


def square(ax: Axes, style: Style, x: str, y: str) -> None:
    """The unit square of two probabilities, as wide as high."""
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel=x, ylabel=y, xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), aspect="equal")
    ax.set_xticklabels(["0", "½", "1"])
    ax.set_yticklabels(["0", "½", "1"])
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    ax.grid(False)


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
"""Where the three pure strategies stand in the plane."""


def triangle(ax: Axes, style: Style, names: Sequence[str], room: float = 0.03) -> None:
    """The simplex of three actions, its corners named, without axes; draw at ``on_triangle(p)``."""
    outline = np.vstack([CORNERS, CORNERS[:1]])
    ax.plot(*outline.T, color=style["grey"], linewidth=0.6 * style.line, zorder=2.5, solid_joinstyle="round")
    places = (("left", "top", -1), ("right", "top", -1), ("center", "bottom", 1))
    for corner, name, (ha, va, way) in zip(CORNERS, names, places, strict=True):
        offset = (0, 0.35 * way * style.type)
        ax.annotate(name, corner, xytext=offset, textcoords="offset points", ha=ha, va=va, size=style.small)
    ax.set(xlim=(-room, 1 + room), ylim=(-room, np.sqrt(3) / 2 + room), aspect="equal")
    ax.set_axis_off()


def corner_title(ax: Axes, text: str, style: Style, colour: str = "ink") -> Text:
    """A triangle's title, in the room beside its top."""
    where = {"transform": ax.transAxes, "ha": "left", "va": "top"}
    return ax.text(0, 1, text, size=style.small, weight="bold", color=style[colour], **where)


def on_triangle(p: Any) -> tuple[Any, Any]:
    """Points (…, 3) of the simplex in the plane of ``triangle``."""
    xy = np.asarray(p) @ CORNERS
    return xy[..., 0], xy[..., 1]


def paths(ax: Axes, style: Style, x: Any, y: Any, colour: str, *, every: bool = True) -> None:
    """Paths (R, K) in the plane: thin lines, a ring where each starts, a dot where it ends."""
    x, y = (np.asarray(v).reshape(len(v), -1) for v in (x, y))
    ax.plot(x, y, color=colour, linewidth=0.55 * style.line, alpha=0.85)
    ends: dict[str, Any] = {"linestyle": "none", "color": colour, "markersize": 0.55 * style.marker, "clip_on": False}
    if every:
        ax.plot(x[0], y[0], "o", markerfacecolor=style["paper"], markeredgewidth=0.4 * style.line, **ends)
    ax.plot(x[-1], y[-1], "o", **ends)


def colour_bar(canvas: Canvas, style: Style, image: Any, ax: Axes | Sequence[Axes], label: str, **options: Any) -> Any:
    """A colour bar with its label: as high as its panel, or beside several of them (``options`` of ``colorbar``)."""
    place = {"cax": ax.inset_axes((1.04, 0, 0.045, 1))} if isinstance(ax, Axes) else {"ax": list(ax)}
    bar = canvas.colorbar(image, **place, **options)
    bar.set_label(label, size=style.type, color=style["ink"])
    bar.outline.set_visible(False)
    bar.ax.grid(False)
    return bar
