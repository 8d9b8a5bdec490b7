"""Curves from run directories: the committed ones obey Proposition 4, and planted ones come out as planted."""

import json

import numpy as np
import pytest

from figures.extents import faults
from figures.learning_curves import BEST, FIGURE, SHARED
from figures.learning_curves import data as compute
from figures.style import Style
from marlcore.errors import InputError


def plant(folder, name, rows, **config):
    path = folder / name
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"algorithm": "happo", "env": "mpe:x", "sharing": "nops"} | config))
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_one_policy_stays_at_its_ceiling_and_the_others_leave_it(data):
    made = data("learning_curves")
    for n, panel in zip((2, 4), made.panels.values(), strict=True):
        assert panel.known[BEST] == 1
        assert panel.known[SHARED] == pytest.approx(2 / 2**n, abs=1e-8)
        shared = panel.curves["MAPPO, fups"].band
        # a return is the mean of a thousand coin flips or so: within four standard deviations of the ceiling
        assert (shared.estimate < panel.known[SHARED] + 4 * np.sqrt(0.25 / 1000)).all()
        for name in ("MAPPO, fups_id", "MAPPO, hyper"):
            assert panel.curves[name].band.low[-1] > 0.9
        assert panel.curves["HAPPO, nops"].band.low[-1] > panel.known[SHARED]
        assert {curve.runs for curve in panel.curves.values()} == {8}


def test_planted_runs_come_out_as_planted(tmp_path):
    for seed in range(4):
        rows = [{"step": 10 * k, "return_mean": seed + k, "entropy": 1.0} for k in range(1, 6)]
        plant(tmp_path, f"a{seed}", [*rows, {"step": 60}], seed=seed)
    plant(tmp_path, "b/deeper", [{"step": 5, "return_mean": 1}, {"step": 25, "return_mean": 3}], algorithm="mappo")
    made = compute(str(tmp_path))
    (panel,) = made.panels.values()
    assert list(panel.curves) == ["HAPPO, nops", "MAPPO, nops"]
    curve = panel.curves["HAPPO, nops"]
    assert curve.steps.tolist() == [10, 20, 30, 40, 50]
    np.testing.assert_allclose(curve.band.estimate, 1.5 + np.arange(1, 6))  # the middle two of seed 0 … 3
    assert curve.runs == 4
    assert panel.known == {}
    assert faults(FIGURE.render(made, Style())) == ()
    np.testing.assert_allclose(
        compute(str(tmp_path / "b"), "return_mean").panels["mpe:x"].curves["MAPPO, nops"].steps, [5, 25]
    )


def test_runs_that_record_at_other_steps_are_interpolated(tmp_path):
    plant(tmp_path, "a", [{"step": s, "return_mean": s} for s in (10, 20, 30)])
    plant(tmp_path, "b", [{"step": s, "return_mean": s} for s in (5, 15, 25)])
    curve = compute(str(tmp_path)).panels["mpe:x"].curves["HAPPO, nops"]
    assert curve.steps.tolist() == [10, 20]
    np.testing.assert_allclose(curve.band.estimate, [10, 20])


@pytest.mark.parametrize(
    ("rows", "config", "metric", "message"),
    [
        ([{"step": 1}], {}, "return_mean", "has no 'return_mean'; there are step"),
        ([{"step": 1, "return_mean": 0}], {"env": ""}, "return_mean", "names no env"),
        ([], {}, "return_mean", "there are no lines"),
    ],
    ids=["metric", "env", "empty"],
)
def test_what_is_no_run_is_refused(tmp_path, rows, config, metric, message):
    plant(tmp_path, "a", rows, **config)
    with pytest.raises(InputError, match=message):
        compute(str(tmp_path), metric)


def test_a_folder_without_runs_and_a_metric_without_a_folder(tmp_path):
    with pytest.raises(InputError, match="there is no run below"):
        compute(str(tmp_path))
    with pytest.raises(InputError, match="name their folder with --runs"):
        compute(metric="entropy")
