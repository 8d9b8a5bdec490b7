"""The audit's figures against enumeration done here, planted errors that it must show, and its command."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from deep import algorithms
from deep.audit import audit, tables
from deep.commands import audit as command
from deep.commands.audit import as_data
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


def test_the_summary_of_an_audit_without_estimates_has_all_but_theirs():
    """Estimates are what was sampled; without them the account is the exact one."""
    both = [audit(config("game:climbing", updates=2), sampled=sampled) for sampled in (True, False)]
    with_them, without = (done.summary() for done in both)
    assert with_them.pop("factor_error") < 1e-5
    assert without == with_them
    assert [row["J"] for row in both[0].rows] == [row["J"] for row in both[1].rows]
    assert not any(name.startswith(("M_", "advantage_", "factor")) for name in both[1].rows[0])
    assert as_data(both[1])["summary"] == without


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sharing", ["nops", "hyper"])
@pytest.mark.parametrize("algorithm", ["happo", "hatrpo"])
def test_a_policy_that_leaves_actions_out_is_audited(algorithm, sharing):
    """Probabilities of exactly 0: the ratios of actions that are never drawn are not looked at."""
    c = dataclasses.replace(
        config("game:climbing", algorithm, updates=1, sharing=sharing, rollout=Rollout(copies=8, length=2)),
        network=Network(hidden=(8,), gain=3000.0),
    )
    done = audit(c)
    assert min(float(table.min()) for table in done.policy) == 0.0
    assert all(np.isfinite(done.rows[0][name]) for name in ("J", "factor_error", "M_bias", "M_variance"))


@pytest.mark.parametrize(("counts", "states", "discount"), [((3,), 2, 0.5), ((1, 2), 2, 0.5), ((2, 2), 1, 0.0)],
                         ids=["one-agent", "one-action", "no-future"])  # fmt: skip
@pytest.mark.parametrize("algorithm", ["happo", "hatrpo"])
def test_degenerate_games_are_audited(tmp_path, algorithm, counts, states, discount):
    game = TeamGame.random(states, counts, np.random.default_rng(0), discount=discount)
    io.save(game, tmp_path / "game.npz")
    c = config(f"game:{tmp_path / 'game.npz'}", algorithm, updates=2, rollout=Rollout(copies=10, length=4))
    done = audit(c)
    assert done.summary()["below_bound"] == 0
    assert all(row["factor_error"] < 1e-4 for row in done.rows)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "0"], "--updates and --rows must be at least 1, not 1 and 0"),
        (["--rows=-2"], "--updates and --rows must be at least 1, not 1 and -2"),
        (["--out", "nowhere/audit.json"], "nowhere/audit.json cannot be written: there is no directory"),
    ],
    ids=["no-rows", "negative", "nowhere"],
)
def test_what_the_command_cannot_show_is_refused_before_it_trains(words, message, capsys, monkeypatch):
    def trained(*args, **kwargs):
        raise AssertionError("it trained first")

    monkeypatch.setattr(command, "audit", trained)
    assert main(["audit", "happo", "--game", "climbing", "--updates", "1", *words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("updates", "rows", "shown"), [(1, 5, 1), (5, 2, 2), (4, 2, 2), (5, 3, 3)])
def test_the_table_has_the_rows_that_were_asked_for_and_the_last(updates, rows, shown, capsys, monkeypatch):
    tables = []
    monkeypatch.setattr(command, "emit", lambda data, *found, as_json: tables.extend(found))
    monkeypatch.setattr(command, "table", list)
    sizes = ["--rollout.copies", "4", "--rollout.length", "2", "--network.hidden", "4"]
    words = ["--game", "climbing", "--updates", str(updates), "--rows", str(rows), *sizes]
    assert main(["audit", "happo", *words]) == 0
    assert len(tables[0]) == shown
    assert tables[0][-1]["update"] == updates
