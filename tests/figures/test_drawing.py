"""Pictures of traces: what is drawn is what the trace holds, and every text can be read."""

import numpy as np
import pytest

from figures.drawing import learner, mirror
from figures.extents import drawn, faults
from figures.parts import on_triangle
from figures.style import Style
from marlcore import library, registry
from marlcore.cli import main
from tabular import hatrl, simultaneous
from tabular.learners import gradient_ascent, independent_q, phc


def title(canvas):
    return max((t for t, _ in drawn(canvas)), key=lambda t: t.get_fontsize()).get_text().replace("\n", " ")


@pytest.mark.parametrize("size", ["page", "column"])
def test_two_actions_are_drawn_on_the_square(size):
    trace = gradient_ascent(library.load("matching_pennies"), 400, 3, eta=0.01)
    canvas = learner(trace, Style(size))
    assert faults(canvas) == ()
    assert title(canvas) == "gradient_ascent on matching_pennies: 3 seeds, 400 steps"
    square, payoffs = canvas.axes
    first, second = (table[:, :, 0, 0] for table in trace.policies)
    for k, line in enumerate(square.lines[:3]):
        np.testing.assert_array_equal(line.get_xdata(), first[:, k])
        np.testing.assert_array_equal(line.get_ydata(), second[:, k])
    # three seeds: the interquartile mean is the mean
    np.testing.assert_allclose(payoffs.lines[1].get_ydata(), trace.payoffs[:, :, 1].mean(1))


def test_three_actions_are_drawn_on_triangles():
    trace = phc(library.load("rock_paper_scissors"), 300, 2)
    canvas = learner(trace)
    assert faults(canvas) == ()
    assert len(canvas.axes) == 3
    x, _ = on_triangle(trace.policies[1][:, :, 0])
    drawn_x = [line.get_xdata() for line in canvas.axes[1].lines[1:3]]
    np.testing.assert_array_equal(np.array(drawn_x).T, x)


def test_a_markov_game_has_its_payoffs_drawn():
    trace = independent_q(library.load("grid_game_1"), 200, 2)
    canvas = learner(trace)
    assert len(canvas.axes) == 1
    assert faults(canvas) == ()


def test_a_run_of_hatrl_has_its_return_bound_and_gap():
    trace = hatrl(library.load("climbing").as_markov(0.5), (np.full((1, 3), 1 / 3),) * 2, 30, "sharp")
    canvas = mirror(trace)
    assert faults(canvas) == ()
    left, right = canvas.axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), trace.returns[:, 0])
    np.testing.assert_array_equal(left.lines[1].get_ydata(), trace.bounds[:, 0])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), trace.nash_gaps[:, 0])
    assert title(canvas).startswith("hatrl on climbing: J rises from ")


def test_a_fall_is_marked():
    start = (np.array([0.8, 0.2]),) * 2
    trace = simultaneous(library.load("trap_of_heterogeneity"), start, 3)
    canvas = mirror(trace)
    crosses = canvas.axes[0].lines[-1]
    falls = np.flatnonzero(np.diff(trace.returns[:, 0]) < 0) + 1
    assert len(falls)
    np.testing.assert_array_equal(crosses.get_xdata(), trace.steps[falls])
    assert "J falls from" in title(canvas)


@pytest.mark.parametrize(
    ("arguments", "stem"),
    [
        (["wolf_phc", "--game", "matching_pennies", "--steps", "300", "--seeds", "2"], "wolf_phc-matching_pennies"),
        (["hatrl", "--game", "climbing", "--discount", "0.5", "--iterations", "5"], "hatrl-climbing"),
        (["haml", "--game", "climbing", "--iterations", "5"], "haml-climbing"),
    ],
    ids=["learner", "hatrl", "haml"],
)
def test_marlcore_learn_draws_its_trace(arguments, stem, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert {"learner", "hatrl", "haml"} <= set(registry.names("drawings"))
    assert main(["learn", *arguments]) == 0
    assert f"picture: {stem}.png" in capsys.readouterr().out
    assert (tmp_path / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
