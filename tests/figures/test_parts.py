"""Titles stay on the canvas, labels move apart by as little as needed, points land where the simplex says."""

import numpy as np
import pytest

from figures.extents import drawn, faults
from figures.parts import end_label, frame, on_triangle, panels, triangle
from figures.style import SIZES, Style


def with_labels(heights, size="page"):
    style = Style(size)
    with style.context():
        canvas, (ax,) = panels(style)
        ax.set(xlim=(0, 1), ylim=(0, 1))
        for k, y in enumerate(heights):
            end_label(ax, style, y, f"line {k}", style.hue(k))
        return frame(canvas, style, "Labels that would lie on one another move apart", "a note")


def middles(canvas):
    return {t.get_text(): (b.y0 + b.y1) / 2 for t, b in drawn(canvas) if t.get_text().startswith("line")}


@pytest.mark.parametrize("size", SIZES)
def test_labels_that_collide_move_apart_and_keep_their_order(size):
    canvas = with_labels([0.5, 0.51, 0.49, 0.505, 0.2], size)
    assert faults(canvas) == ()
    at = middles(canvas)
    order = sorted(at, key=at.__getitem__)
    assert order == ["line 4", "line 2", "line 0", "line 3", "line 1"]


def test_labels_that_do_not_collide_stay():
    apart = middles(with_labels([0.1, 0.5, 0.9]))
    crowded = middles(with_labels([0.1, 0.5, 0.9, 0.9]))
    for name in ("line 0", "line 1"):
        assert crowded[name] == pytest.approx(apart[name], abs=0.6)
    # two labels at one height share the way
    assert (crowded["line 2"] + crowded["line 3"]) / 2 == pytest.approx(apart["line 2"], abs=1.5)


@pytest.mark.parametrize("size", SIZES)
def test_a_long_title_is_wrapped_and_never_leaves_the_canvas(size):
    style = Style(size)
    with style.context():
        canvas, _ = panels(style)
        frame(canvas, style, "A title that goes on and on " * 5, "and a note that does the same " * 8)
    assert faults(canvas) == ()
    title = next(t for t, _ in drawn(canvas) if t.get_text().startswith("A title"))
    assert "\n" in title.get_text()


def test_panels_stand_under_one_another_in_a_column():
    for size, rows in (("slide", 1), ("page", 1), ("column", 3)):
        _, axes = panels(Style(size), 3)
        assert axes[0].get_subplotspec().get_gridspec().nrows == rows


def test_the_simplex_in_the_plane():
    x, y = on_triangle(np.eye(3))
    sides = [np.hypot(x[i] - x[j], y[i] - y[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    np.testing.assert_allclose(sides, 1)
    centre = on_triangle([1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(centre, [0.5, np.sqrt(3) / 6])
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.1, 0.3])
    np.testing.assert_allclose(on_triangle((p + q) / 2), (np.array(on_triangle(p)) + on_triangle(q)) / 2)


def test_a_triangle_names_its_corners():
    style = Style()
    with style.context():
        canvas, (ax,) = panels(style)
        triangle(ax, style, ["rock", "paper", "scissors"])
        frame(canvas, style, "A triangle whose corners have names", "")
    assert {"rock", "paper", "scissors"} <= {t.get_text() for t, _ in drawn(canvas)}
    assert faults(canvas) == ()
