"""The audit's figures against enumeration done here, planted errors that it must show, and its command."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from deep import algorithms
from deep.audit import audit, tables
from deep.config import Config, Network, Rollout
from deep.learner import Optimiser
from deep.session import Session
from marlcore import io, library, registry
from marlcore.bounds import lower_bound
from marlcore.cli import main
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.responses import nash_gap
from marlcore.values import evaluate


@pytest.fixture(scope="module")
def game_file(tmp_path_factory):
    game = TeamGame.random(3, (2, 3), np.random.default_rng(0), discount=0.6)
    path = tmp_path_factory.mktemp("games") / "team.npz"
    io.save(game, path)
    return f"game:{path}", game


def config(env, algorithm="happo", updates=4, **more):
    rollout = more.pop("rollout", Rollout(copies=40, length=20))
    return Config(
        algorithm,
        env,
        steps=updates * rollout.copies * rollout.length,
        rollout=rollout,
        network=Network(hidden=(16,)),
        optimiser=Optimiser(lr=5e-3, critic_lr=5e-3),
        **more,
    )


@pytest.mark.parametrize("sharing", ["nops", "fups", "fups_id", "hyper"])
@pytest.mark.parametrize("algorithm", ["happo", "hatrpo", "haa2c", "mappo", "ippo"])
def test_the_bound_holds_and_the_factor_is_exact_for_every_algorithm_and_scheme(algorithm, sharing, game_file):
    env, _ = game_file
    done = audit(config(env, algorithm, updates=3, sharing=sharing))
    assert len(done.rows) == 3
    assert len(done.returns) == 4
    for row, J in zip(done.rows, done.returns[1:], strict=True):
        assert row["J"] == J >= row["bound_sharp"] - 1e-9
        assert row["bound_sharp"] >= row["bound"] - 1e-12
        assert row["factor_error"] < 1e-4
        assert 0 <= row["nash_gap"] <= row["optimality_gap"] + 1e-9
    assert done.summary()["below_bound"] == 0


def test_its_figures_are_those_of_enumeration(game_file):
    env, game = game_file
    c = config(env, updates=2)
    done = audit(c)
    session = Session(c)
    old = tables(session)
    for k, row in enumerate(done.rows):
        session.update()
        new = tables(session)
        before, after = evaluate(game, old), evaluate(game, new)
        assert row["J"] == pytest.approx(float(after.J), abs=1e-12)
        assert row["change"] == pytest.approx(float(after.J - before.J), abs=1e-12)
        assert row["bound"] == pytest.approx(float(lower_bound(game, old, new, penalty="paper").value), abs=1e-12)
        assert row["nash_gap"] == pytest.approx(float(nash_gap(game, new).max), abs=1e-12)
        kl = [(p * np.log(p / q)).sum(-1).max() for p, q in zip(old, new, strict=True)]
        assert [row["kl_0"], row["kl_1"]] == pytest.approx(kl, rel=1e-6)
        batch = session.batch
        state, a = batch.state.argmax(-1).numpy(), batch.actions.numpy()
        error = batch.advantages[..., 0].numpy() - before.A[state, a[..., 0], a[..., 1]]
        assert row["advantage_bias"] == pytest.approx(error.mean(), abs=1e-6)
        assert row["advantage_variance"] == pytest.approx(error.var(), abs=1e-5)
        assert done.returns[k + 1] == row["J"]
        old = new


def test_advantages_are_unbiased_where_lambda_is_one_and_nothing_is_cut(game_file):
    """One-shot games: Â = r − V exactly, so the variance is 0 and the bias is the critic's."""
    done = audit(config("game:climbing", updates=2, rollout=Rollout(copies=200, length=2)))
    for row in done.rows:
        assert row["advantage_variance"] < 1e-6
        assert abs(row["M_bias"] - row["advantage_bias"]) < 0.2


def test_a_factor_that_is_wrong_shows(game_file, monkeypatch):
    """M without the predecessors' ratios, as if agents moved at once."""
    from deep.algorithms import ascent

    env, _ = game_file
    honest = audit(config(env, updates=3))
    monkeypatch.setattr(ascent, "sequential_factor", lambda advantage, ratios: advantage)
    wrong = audit(config(env, updates=3))
    assert max(row["factor_error"] for row in honest.rows) < 1e-5
    assert max(row["factor_error"] for row in wrong.rows) > 1e-2


def test_falls_are_counted(game_file):
    """An update that climbs down."""
    honest = algorithms.load("happo")

    def down(learner, batch, options, moment):
        return honest.update(learner, dataclasses.replace(batch, advantages=-batch.advantages), options, moment)

    registry.register("algorithms", "down", dataclasses.replace(honest, name="down", update=down))
    try:
        env, _ = game_file
        done = audit(config(env, "down", updates=5), sampled=False)
    finally:
        registry.unregister("algorithms", "down")
    assert len(done.falls) >= 4
    assert done.summary()["largest_fall"] == pytest.approx(-np.diff(done.returns).min())


def test_what_cannot_be_audited_is_refused():
    with pytest.raises(InputError, match="only exact games can be audited"):
        audit(config("mpe:simple_spread"))
    with pytest.raises(InputError, match="agents 0 and 1 are paid"):
        audit(config("game:matching_pennies"))
    recurrent = dataclasses.replace(config("game:climbing"), network=Network(hidden=(4,), recurrent=4))
    with pytest.raises(InputError, match="recurrent policy has no table"):
        audit(recurrent)


def test_the_command_writes_every_row(tmp_path, capsys):
    out = tmp_path / "audit.json"
    words = ["--game", "climbing", "--updates", "3", "--rollout.copies", "8", "--rollout.length", "2", "--json"]
    assert main(["audit", "hatrpo", *words, "--out", str(out)]) == 0
    printed, written = json.loads(capsys.readouterr().out), json.loads(out.read_text())
    assert printed == written
    assert [row["update"] for row in written["rows"]] == [1, 2, 3]
    assert written["summary"]["optimum"] == 11
    assert len(written["returns"]) == 4
    assert np.array(written["policy"][0]).shape == (1, 3)
    assert main(["audit", "hatrpo", *words, "--out", str(out)]) == 2
    assert main(["audit", "happo"]) == 2
    assert "--game is missing" in capsys.readouterr().err


def test_the_library_s_one_state_games_have_one_row():
    session = Session(config("game:climbing"))
    found = tables(session)
    assert [t.shape for t in found] == [(1, 3), (1, 3)]
    assert all(np.allclose(t.sum(-1), 1, atol=1e-15) for t in found)
    assert library.load("climbing").action_counts == (3, 3)
    assert torch.get_default_dtype() == torch.float32
