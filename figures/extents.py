"""What a reader would stumble over: text on text, text over the edge, type too small, as the renderer placed it.

    faults(canvas)   one line for each fault, () if there is none

Every text that the renderer draws is measured where it lands: tick labels, legends, annotations. Boxes are those of the
glyphs with their descent; what touches by less than a pixel and a half is no overlap.
"""

from __future__ import annotations

import itertools
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text
from matplotlib.transforms import Bbox

TOUCH = 1.5
"""Pixels by which boxes may run into one another."""
SMALLEST = 5.0
"""Points of the smallest type that prints."""


def faults(canvas: Canvas) -> tuple[str, ...]:
    """What is wrong with the texts of a canvas."""
    texts = drawn(canvas)
    edge = canvas.bbox
    found = []
    for text, box in texts:
        if box.x0 < -0.5 or box.y0 < -0.5 or box.x1 > edge.width + 0.5 or box.y1 > edge.height + 0.5:
            found.append(f"{_name(text)} leaves the canvas")
        if float(text.get_fontsize()) < SMALLEST:
            found.append(f"{_name(text)} is set in {text.get_fontsize():.3g} points")
    for (a, box_a), (b, box_b) in itertools.combinations(texts, 2):
        width = min(box_a.x1, box_b.x1) - max(box_a.x0, box_b.x0)
        height = min(box_a.y1, box_b.y1) - max(box_a.y0, box_b.y0)
        if width > TOUCH and height > TOUCH:
            found.append(f"{_name(a)} lies on {_name(b)}")
    return tuple(found)


def drawn(canvas: Canvas) -> list[tuple[Text, Bbox]]:
    """Every text that a renderer draws, with its box in pixels; nothing that is hidden or empty."""
    FigureCanvasAgg(canvas).draw()  # lays the panels out and makes the ticks
    texts = dict(enumerate(canvas.findobj(Text)))
    gids = {k: text.get_gid() for k, text in texts.items()}
    width, height = canvas.bbox.size
    recorder = _Recorder(int(width), int(height), canvas.dpi)
    try:
        for k, text in texts.items():
            text.set_gid(f"{_MARK}{k}")
        canvas.draw(recorder)
    finally:
        for k, text in texts.items():
            text.set_gid(gids[k])
    found = (texts[k] for k in sorted(recorder.drawn))
    return [(text, _box(text, recorder)) for text in found if text.get_text().strip()]


_MARK = "text "


class _Recorder(RendererAgg):
    """A renderer that remembers which texts it drew: a text opens a group under its id."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)
        self.drawn: set[int] = set()

    def open_group(self, s: str, gid: str | None = None) -> None:
        if s == "text" and gid is not None:
            self.drawn.add(int(gid.removeprefix(_MARK)))


def _box(text: Text, renderer: Any) -> Bbox:
    # an annotation's own extent includes its arrow
    return Text.get_window_extent(text, renderer)


def _name(text: Text) -> str:
    return repr(" ".join(text.get_text().split())[:60])
