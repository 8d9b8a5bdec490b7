"""The check of texts finds what is planted, and only that."""

import pytest
from matplotlib.figure import Figure as Canvas

from figures.extents import drawn, faults


def canvas():
    return Canvas(figsize=(4, 3), dpi=100)


def test_texts_apart_are_no_fault():
    c = canvas()
    c.text(0.1, 0.1, "one")
    c.text(0.1, 0.5, "two")
    assert faults(c) == ()
    assert [t.get_text() for t, _ in drawn(c)] == ["one", "two"]


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ((0.12, 0.11, "across"), "'one' lies on 'across'"),
        ((0.95, 0.5, "over the edge"), "'over the edge' leaves the canvas"),
        ((-0.01, 0.5, "left"), "'left' leaves the canvas"),
        ((0.5, -0.01, "below"), "'below' leaves the canvas"),
    ],
)
def test_a_planted_fault_is_found(place, fault):
    c = canvas()
    c.text(0.1, 0.1, "one")
    c.text(*place)
    assert faults(c) == (fault,)


def test_small_type_is_found():
    c = canvas()
    c.text(0.1, 0.1, "tiny", size=4.5)
    assert faults(c) == ("'tiny' is set in 4.5 points",)


def test_tick_labels_count_and_hidden_texts_do_not():
    c = canvas()
    ax = c.subplots()
    ax.set_xticks([0.5, 0.51], ["left tick", "right tick"])
    ax.text(0.5, 0.5, "hidden", visible=False)
    ax.text(0.5, 0.5, "shown")
    assert faults(c) == ("'left tick' lies on 'right tick'",)


def test_an_arrow_is_no_text():
    c = canvas()
    ax = c.subplots()
    ax.set_axis_off()
    ax.annotate("far", (0.1, 0.1), xytext=(0.8, 0.8), arrowprops={"arrowstyle": "->"})
    ax.text(0.4, 0.4, "under the arrow")
    assert faults(c) == ()
