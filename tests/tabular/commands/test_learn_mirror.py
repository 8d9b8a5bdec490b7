"""``learn hatrl`` and ``learn haml``: the trace, the table, what is refused."""

import json

import numpy as np
import pytest

from marlcore import conformance, policies
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.trace import Trace
from tabular.commands.learn_mirror import main, read_drift, read_neighbourhood
from tabular.mirror.drifts import DRIFTS, Clip, ForwardKL
from tabular.mirror.hatrl import hatrl
from tabular.mirror.neighbourhoods import MaxKL

SMALL = ["--game", "random:3,2,2", "--seed", "4", "--iterations", "6"]


def test_hatrl_is_the_function(tmp_path, capsys):
    out = tmp_path / "run.npz"
    assert main(["hatrl", *SMALL, "--penalty", "sharp", "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    game = TeamGame.random(3, (2, 2), np.random.default_rng(4), discount=0.9)
    run = hatrl(game, policies.uniform(game), 6, "sharp", rng=4)
    assert answer["team"]["J"] == run.returns[-1, 0]
    assert answer["team"]["Nash gap"] == run.nash_gaps[-1, 0]
    assert answer["team"]["falls of J"] == 0
    assert Trace.load(out).identical(run)


def test_runs_go_on(tmp_path, capsys):
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    main(["haml", *SMALL, "--drift", "clip:0.3", "--out", str(first)])
    main(["haml", *SMALL, "--drift", "clip:0.3", "--resume", str(first), "--out", str(second), "--json"])
    assert Trace.load(second).steps[-1] == 12
    text = capsys.readouterr().out
    assert '"iterations": 12' in text
    assert "haml on" in text  # the first run printed a table


def test_matrix_games_are_played_for_ever_with_a_discount(tmp_path, capsys):
    main(["hatrl", "--game", "climbing", "--iterations", "2", "--out", str(tmp_path / "a.npz"), "--json"])
    assert json.loads(capsys.readouterr().out)["team"]["C"] == 0
    discounted = ["--discount", "0.5", "--order", "1,0", "--out", str(tmp_path / "b.npz"), "--json"]
    main(["hatrl", "--game", "climbing", "--iterations", "2", *discounted])
    answer = json.loads(capsys.readouterr().out)
    assert answer["team"]["C"] > 0
    assert answer["config"]["order"] == [1, 0]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["hatrl", *SMALL, "--penalty", "0"], "positive number, not 0.0"),
        (["hatrl", *SMALL, "--penalty", "large"], "penalty must be a number, not 'large'"),
        (["hatrl", *SMALL, "--order", "0,0"], "stands twice"),
        (["hatrl", *SMALL, "--order", "up"], "order must be random, fixed, or a permutation"),
        (["hatrl", "--game", "matching_pennies"], "a general-sum game"),
        (["haml", *SMALL, "--drift", "clap"], "unknown drift 'clap'; did you mean clip"),
        (["haml", *SMALL, "--neighbourhood", "max-kl"], "a ball has a radius: max-kl:0.01"),
        (["haml", *SMALL, "--neighbourhood", "sphere:1"], "unknown neighbourhood 'sphere'"),
        (["hamal", *SMALL], "unknown algorithm 'hamal'; did you mean haml"),
    ],
)
def test_bad_input_is_named(argv, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        main(argv)
    assert not list(tmp_path.iterdir())


def test_an_existing_trace_is_kept(tmp_path):
    out = tmp_path / "run.npz"
    out.write_text("mine")
    with pytest.raises(InputError, match="exists; choose another file"):
        main(["hatrl", *SMALL, "--out", str(out)])
    assert out.read_text() == "mine"


def test_names():
    assert read_drift("forward-kl:0.5") == ForwardKL(0.5)
    assert read_drift("clip") == Clip(0.2)
    assert read_neighbourhood("max-kl:0.1") == MaxKL(0.1)


@pytest.mark.parametrize("drift", [make() for make in DRIFTS.values()], ids=str)
def test_the_drifts_that_ship_conform(drift):
    assert len(conformance.check("drifts", drift).checks) >= 4
