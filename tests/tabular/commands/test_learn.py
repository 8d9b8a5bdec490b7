"""``marlcore learn``: the trace, the table, the picture or why there is none, and what is refused before the run."""

import json
import re

import numpy as np
import pytest

from marlcore import conformance, library, registry
from marlcore.cli import main as marlcore
from marlcore.errors import InputError
from marlcore.kit.progress import Progress
from marlcore.trace import Trace
from tabular import learners
from tabular.commands.learn import main
from tabular.learners.schedules import BLOCK, Power

RPS = library.load("rock_paper_scissors")
SMALL = ["wolf_phc", "--game", "rock_paper_scissors", "--steps", "60", "--seeds", "2"]


class Picture:
    """Stands for a matplotlib figure."""

    def __init__(self, words):
        self.words = words

    def savefig(self, path):
        path.write_text(self.words, encoding="utf-8")


@pytest.fixture
def only_drawings(monkeypatch):
    """No drawings but those given."""

    def use(**drawings):
        known, load = registry.names, registry.load
        monkeypatch.setattr(registry, "names", lambda point: list(drawings) if point == "drawings" else known(point))
        monkeypatch.setattr(
            registry, "load", lambda point, name: drawings[name] if point == "drawings" else load(point, name)
        )

    return use


def test_the_trace_is_the_learners_and_the_table_has_its_gaps(tmp_path, capsys, only_drawings):
    only_drawings()
    out = tmp_path / "run.npz"
    arguments = [*SMALL, "--seed", "3", "--set", "epsilon=0.2", "alpha=power(0.5,10)", "--record-every", "20"]
    assert main([*arguments, "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    trace = learners.wolf_phc(RPS, 60, [3, 4], epsilon=0.2, alpha=Power(0.5, 10.0), record_every=20)
    assert Trace.load(out).identical(trace)
    for i, row in enumerate(answer["agents"]):
        assert row["payoff"]["mean"] == pytest.approx(trace.payoffs[-1, :, i].mean(), abs=1e-15)
        assert row["gap"]["low"] <= row["gap"]["mean"] <= row["gap"]["high"]
    assert answer["trace"] == str(out)
    assert answer["picture"] is None


def test_the_gaps_are_those_of_the_last_policies_and_of_the_averages(tmp_path, capsys, only_drawings):
    only_drawings()
    out = tmp_path / "run.npz"
    main(["fictitious_play", "--game", "rock_paper_scissors", "--steps", "50", "--out", str(out), "--json"])
    for i, row in enumerate(json.loads(capsys.readouterr().out)["agents"]):
        trace = Trace.load(out)
        for name, tables in (("gap", trace.policies), ("gap of the average policy", trace.average_policies)):
            own, other = (tables[j][-1, :, 0] for j in (i, 1 - i))
            u = RPS.payoffs[0] if i == 0 else RPS.payoffs[1].T
            gaps = (other @ u.T).max(-1) - np.einsum("ka,ab,kb->k", own, u, other)
            assert row[name]["mean"] == pytest.approx(gaps.mean(), abs=1e-12)


def test_a_run_goes_on_and_fixed_agents_are_named_by_numbers(tmp_path, only_drawings):
    only_drawings()
    first, second, whole = (str(tmp_path / name) for name in ("a.npz", "b.npz", "c.npz"))
    fixed = ["--set", 'fixed={"1": [0.2, 0.5, 0.3]}', "--record-every", "30"]
    main([*SMALL, *fixed, "--out", first])
    main([*SMALL, *fixed, "--resume", first, "--out", second])
    main([*SMALL, *fixed, "--steps", "120", "--out", whole])
    assert Trace.load(second).identical(Trace.load(whole))
    np.testing.assert_array_equal(Trace.load(whole).policies[1][-1, 0, 0], [0.2, 0.5, 0.3])


def test_a_learners_own_drawing_comes_before_the_one_for_all(tmp_path, capsys, only_drawings):
    only_drawings(learner=lambda trace: Picture(f"any {trace.algorithm}"), phc=lambda trace: Picture("own"))
    main([*SMALL, "--out", str(tmp_path / "a.npz")])
    assert (tmp_path / "a.png").read_text(encoding="utf-8") == "any wolf_phc"
    assert f"picture: {tmp_path / 'a.png'}" in capsys.readouterr().out.replace("\n", "")
    main(["phc", *SMALL[1:], "--out", str(tmp_path / "b.npz"), "--json"])
    assert (tmp_path / "b.png").read_text(encoding="utf-8") == "own"
    assert json.loads(capsys.readouterr().out)["picture"] == str(tmp_path / "b.png")


def test_without_a_drawing_a_sentence_says_so_and_the_trace_is_kept(tmp_path, capsys, only_drawings):
    only_drawings(hatrl=lambda trace: Picture("not mine"))
    assert main([*SMALL, "--out", str(tmp_path / "a.npz")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "no picture: no drawing is registered in marlcore.drawings under wolf_phc or learner" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz"]


def test_without_what_the_drawing_needs_a_sentence_names_it(tmp_path, capsys, monkeypatch):
    load = registry.load

    def broken(point, name):
        if point == "drawings":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return load(point, name)

    monkeypatch.setattr(registry, "names", lambda point: ["learner"])
    monkeypatch.setattr(registry, "load", broken)
    assert main([*SMALL, "--out", str(tmp_path / "a.npz")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "no picture: the drawing learner needs matplotlib, which is not installed" in said


def test_the_registered_drawing_draws(tmp_path):
    assert main([*SMALL, "--out", str(tmp_path / "a.npz")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def never(*arguments, **options):
    """A learner that must not be reached."""
    raise AssertionError("the run began")


BEFORE = {  # what is refused before the learner is called
    "no directory": (["--out", "{tmp}/none/a.npz"], "cannot be written: there is no directory"),
    "a file for a directory": (["--out", "{tmp}/file/a.npz"], "cannot be written: there is no directory"),
    "no right": (["--out", "/proc/a.npz"], "/proc/a.npz cannot be written"),
    "a trace is there": (["--out", "{tmp}/there.npz"], "there.npz exists; choose another file with --out"),
    "a picture is there": (["--out", "{tmp}/drawn.npz"], "drawn.png exists; choose another file with --out"),
    "a directory is there": (["--out", "{tmp}"], "exists; choose another file"),
    "seed": (["--seed", "-1"], "seed must be 0 or more, not -1"),
    "parameter": (["--set", "alfa=0.1"], "unknown parameter of wolf_phc 'alfa'; did you mean alpha"),
    "no value": (["--set", "alpha"], "--set takes name=value, not 'alpha'"),
    "empty value": (["--set", "alpha="], "--set takes name=value, not 'alpha='"),
    "too many arguments": (["--set", "alpha=power(1,2,3,4)"], r"power\(1,2,3,4\) has the wrong number of arguments"),
    "words for numbers": (["--set", "alpha=power(a)"], r"the arguments of power\(a\) must be numbers"),
    "negative schedule": (["--set", "alpha=power(-1)"], "Power needs c > 0, not -1.0"),
    "no trace": (["--resume", "{tmp}/none.npz"], "none.npz"),
    "not a trace": (["--resume", "{tmp}/file"], "file"),
    "game": (["--game", "rock_paper_scisors"], "unknown game 'rock_paper_scisors'; did you mean rock_paper_scissors"),
}


@pytest.mark.parametrize("name", BEFORE)
def test_bad_input_is_refused_before_the_run(name, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "there.npz").write_text("", encoding="utf-8")
    (tmp_path / "drawn.png").write_text("", encoding="utf-8")
    load = registry.load

    def guarded(game, steps, seeds=1, *, alpha=0.1, after=None, **options):
        never()

    monkeypatch.setattr(registry, "load", lambda point, name: guarded if point == "learners" else load(point, name))
    argv, message = BEFORE[name]
    if name == "parameter":  # the signature that is asked is the learner's own
        monkeypatch.setattr(registry, "load", load)
    base = SMALL if "--out" in argv else [*SMALL, "--out", str(tmp_path / "new.npz")]
    with pytest.raises((InputError, FileNotFoundError), match=message):
        main([*base, *(word.replace("{tmp}", str(tmp_path)) for word in argv)])


RUN = ["wolf_phc", "--game", "rock_paper_scissors"]
DURING = {
    "zero steps": ([*RUN, "--steps", "0"], "steps must be a positive integer, not 0"),
    "zero seeds": ([*RUN, "--seeds", "0"], "seeds must be a positive integer"),
    "negative rate": ([*RUN, "--set", "alpha=-0.1"], "alpha is -0.1 at step 0: a rate must be finite and not negative"),
    "a word for a rate": ([*SMALL, "--set", "alpha=fast"], "alpha must be a number, a schedule or a function of time"),
    "minimax_q": (["minimax_q", "--game", "shapley"], "minimax_q needs a two-player zero-sum game"),
    "wolf_iga": (["wolf_iga", "--game", "shapley"], "wolf_iga needs two players with two actions each, not 3×3"),
    "automata": (
        ["linear_reward_inaction", "--game", "matching_pennies"],
        r"needs rewards in \[0, 1\], but agent 1 gets -1",
    ),
    "learner": (["wolf_phq", "--game", "shapley"], "unknown learner 'wolf_phq'; did you mean wolf_phc"),
    "flag": ([*SMALL, "--sed", "3"], "unknown option '--sed'; did you mean --seed"),
}


@pytest.mark.parametrize("name", DURING)
def test_bad_input_is_one_line_and_status_2(name, tmp_path, capsys):
    argv, message = DURING[name]
    assert marlcore(["learn", *argv, "--out", str(tmp_path / "a.npz")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(message, said)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_half_way_leaves_nothing_and_says_so(tmp_path, capsys, monkeypatch):
    done = []

    def advance(self, amount):
        done.append(amount)
        if len(done) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", advance)
    argv = ["learn", "wolf_phc", "--game", "rock_paper_scissors", "--steps", str(10 * BLOCK), "--seeds", "2"]
    assert marlcore([*argv, "--out", str(tmp_path / "a.npz")]) == 130
    assert done == [BLOCK] * 3
    assert capsys.readouterr().err == "marlcore learn: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_step_of_every_seed(tmp_path, monkeypatch, only_drawings):
    only_drawings()
    done = []
    monkeypatch.setattr(Progress, "advance", lambda self, amount: done.append((self.total, amount)))
    main([*SMALL, "--out", str(tmp_path / "a.npz")])
    assert done == [(120, 60), (120, 60)]


def test_the_command_passes_its_suite():
    conformance.check("commands", main)
