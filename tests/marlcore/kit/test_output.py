"""Progress bars, tables, intervals."""

import io
import json
import math
import sys

import numpy as np
import pytest
from scipy import stats

from marlcore.errors import InputError
from marlcore.kit import progress as progress_module
from marlcore.kit.progress import Progress, track
from marlcore.kit.statistics import interquartile_mean, interval
from marlcore.kit.tables import cell, emit, table


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def count(clock, seconds):
    with Progress("counting", 3) as progress:
        for _ in track(range(3), progress):
            clock.now += seconds
        assert progress.done == 3
        progress.say("done")


def test_a_bar_shows_on_a_terminal_after_a_second_and_nowhere_else(clock, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for stream, seconds, shown in ((Terminal(), 0.6, True), (Terminal(), 0.3, False), (io.StringIO(), 5, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        count(clock, seconds)
        assert ("counting" in stream.getvalue()) == shown
        assert bool(stream.getvalue()) == shown
    monkeypatch.setattr(sys, "stderr", None)
    count(clock, 5)


ROWS = [{"game": "chicken", "value": np.float64(1 / 3), "ok": True}, {"game": "[b]", "value": math.nan, "ok": None}]


def test_people_get_a_table_and_programs_json(capsys):
    emit({"rows": ROWS}, table(ROWS, title="games"), "2 games", as_json=False)
    shown = capsys.readouterr().out
    assert [
        word for word in ("games", "chicken", "0.333333", "yes", "[b]", "nan", "–", "2 games") if word not in shown
    ] == []
    emit({"rows": ROWS}, table(ROWS), as_json=True)
    assert json.loads(capsys.readouterr().out)["rows"] == [
        {"game": "chicken", "value": 1 / 3, "ok": True},
        {"game": "[b]", "value": "nan", "ok": None},
    ]


def test_numbers_look_the_same_everywhere():
    assert [cell(x) for x in (3, 10**9, 1e-16, np.float32(0.5), -0.0, math.inf, np.array([1.0, 2.5]), (1, None))] == [
        "3",
        "1000000000",
        "1e-16",
        "0.5",
        "-0",
        "inf",
        "(1, 2.5)",
        "(1, –)",
    ]
    made = table(ROWS)
    assert [column.justify for column in made.columns] == ["left", "right", "right"]


def test_the_interquartile_mean_is_the_mean_of_the_middle_half():
    assert interquartile_mean([8, 1, 2, 7, 3, 6, 4, 5]) == 4.5
    values = np.random.default_rng(0).normal(size=(3, 29))
    np.testing.assert_allclose(interquartile_mean(values), stats.trim_mean(values, 0.25, axis=-1), rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "function"), [("mean", np.mean), ("median", np.median), ("iqm", lambda x, _: interquartile_mean(x))]
)
def test_intervals_agree_with_scipys_bootstrap(name, function):
    values = np.random.default_rng(1).exponential(size=40)
    mine = interval(values, name, resamples=20_000, level=0.9)
    theirs = stats.bootstrap(
        (values,),
        lambda x, axis=-1: function(np.moveaxis(x, axis, -1), -1),
        n_resamples=20_000,
        method="percentile",
        confidence_level=0.9,
        rng=2,
    )
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert mine.estimate == pytest.approx(function(values, -1))
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=0.05 * width)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=0.05 * width)
    assert interval(values, name, seed=3) == interval(values, name, seed=3) != interval(values, name, seed=4)


def test_strata_are_resampled_apart():
    tasks = np.arange(5) * 100.0 + np.zeros((8, 1))  # runs of a task agree: nothing is left to resample
    found = interval(tasks, "mean")
    assert (found.low, found.estimate, found.high) == (200, 200, 200)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    found = [interval(rng.normal(size=40), "mean", resamples=400, level=0.9) for _ in range(300)]
    covered = sum(i.low <= 0 <= i.high for i in found)
    assert stats.binom(300, 0.88).cdf(covered) > 1e-3  # the percentile interval of 40 values covers a little less
    assert stats.binom(300, 0.90).sf(covered) > 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, math.nan],), r"values\[1\] = nan is not a finite number"),
        ((np.zeros((2, 2, 2)),), r"values must have shape \(runs,\)"),
        (([],), r"values must have shape"),
        (([1.0], "mode"), "statistic must be one of mean, median, iqm, not 'mode'"),
    ],
)
def test_bad_statistics_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        interval(*arguments)
    with pytest.raises(InputError, match="level must be between 0 and 1, not 1"):
        interval([1.0], level=1)
