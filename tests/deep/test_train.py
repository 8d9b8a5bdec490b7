"""Runs: the same bits from the same config, interrupted or not; what is recorded; what is refused and what is kept."""

import copy
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import toy

from deep import algorithms, checkpoint, seeds, sharing
from deep import train as training
from deep.algorithms.value import Value
from deep.config import Config, Machine, Network, Rollout, as_data, from_data
from deep.session import Session, TrainingError
from marlcore import registry
from marlcore.cli import main
from marlcore.errors import InputError
from marlcore.kit.workers import LostWorkerError

SMALL = {"network": Network(hidden=(8,)), "rollout": Rollout(copies=3, length=6), "steps": 5 * 18}


@pytest.fixture
def toys():
    def add(name="toy", **options):
        registry.register("environments", name, toy.family(**options))
        added.append(name)

    added = []
    add()
    yield add
    for name in added:
        registry.unregister("environments", name)


def config(algorithm="happo", env="toy:discrete", **more):
    return Config(algorithm, env, **{**SMALL, **more})


def plain(rows):
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def numbers(learner):
    return {k: v for part in ("actor", "critic", "normaliser") for k, v in learner.save()[part].items()}


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


class StopNow(Exception):  # noqa: N818 - no error: it stands for a process that is killed
    pass


@pytest.mark.parametrize(
    ("algorithm", "sharing_name", "recurrent"),
    [
        ("happo", "nops", 0),
        ("happo", "hyper", 4),
        ("hatrpo", "fups_id", 0),
        ("hatrpo", "nops", 4),
        ("mappo", "hyper", 0),
        ("mappo", "fups_id", 4),
    ],
)
def test_a_run_that_is_interrupted_and_resumed_equals_one_that_is_not(
    algorithm, sharing_name, recurrent, toys, tmp_path
):
    c = config(
        algorithm,
        sharing=sharing_name,
        network=Network(hidden=(8,), recurrent=recurrent),
        machine=Machine(checkpoint_every=2),
    )
    whole = training.train(c, tmp_path / "whole")

    def kill(session, row):
        if session.updates == 3:
            raise StopNow

    with pytest.raises(StopNow):
        training.train(c, tmp_path / "cut", watch=kill)
    # the checkpoint is of update 2; the line of update 3 is written again
    assert len((tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()) == 3
    resumed = training.resume(tmp_path / "cut")
    assert same(numbers(whole.learner), numbers(resumed.learner))
    assert plain(whole.metrics) == plain(resumed.metrics)
    lines = [json.loads(line) for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert plain(lines) == plain(whole.metrics)
    assert [row["update"] for row in lines] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("task", ["multi", "box"])
def test_other_actions_resume_as_well(task, toys, tmp_path):
    c = config(env=f"toy:{task}", machine=Machine(checkpoint_every=1))
    whole = training.train(c, tmp_path / "whole")

    def kill(session, row):
        if session.updates == 3:
            raise StopNow

    with pytest.raises(StopNow):
        training.train(c, tmp_path / "cut", watch=kill)
    assert same(numbers(whole.learner), numbers(training.resume(tmp_path / "cut").learner))


def test_a_run_is_a_function_of_its_config(toys):
    one, other = training.train(config()), training.train(config())
    assert same(numbers(one.learner), numbers(other.learner))
    assert plain(one.metrics) == plain(other.metrics)
    third = training.train(config(seed=1))
    assert not same(numbers(one.learner), numbers(third.learner))


def test_actions_depend_on_seed_copy_agent_and_step_alone(toys):
    """Copies 0 and 1 of four act as copies 0 and 1 of two."""
    few, many = (
        Session(config(rollout=Rollout(copies=k, length=6), network=Network(hidden=(8,), gain=1.0))) for k in (2, 4)
    )
    one, other = few.collector.collect()[0], many.collector.collect()[0]
    assert torch.equal(one.actions, other.actions[:, :2])
    assert not torch.equal(other.actions[:, 0], other.actions[:, 3])


def test_an_environment_that_cannot_be_saved_says_so_and_starts_again(toys, tmp_path):
    toys("fleeting", saves=False)
    c = config(env="fleeting:discrete", machine=Machine(checkpoint_every=1))

    def kill(session, row):
        if session.updates == 3:
            raise StopNow

    with pytest.raises(StopNow):
        training.train(c, tmp_path / "run", watch=kill)
    assert "cannot be saved" in (tmp_path / "run" / "note.txt").read_text()
    assert [row["update"] for row in training.resume(tmp_path / "run").metrics] == [1, 2, 3, 4, 5]


def test_what_a_run_records(toys, tmp_path):
    run = training.train(config(), tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows == json.loads(json.dumps(list(run.metrics)))
    first = rows[0]
    assert first["step"] == 18
    assert rows[-1]["step"] == run.steps == 90
    for key in ("return_mean", "won", "value_loss", "policy_loss", "entropy", "kl", "ratio", "steps_per_second"):
        assert isinstance(first[key], float), key
    # copies of 3, 4 and 5 steps: two, one and one episode; the first of each terminates, which counts as won
    assert first["episodes"] == 4
    assert first["length_mean"] == pytest.approx((3 + 3 + 4 + 5) / 4)
    assert first["won"] == pytest.approx(3 / 4)
    sums = [sum(1 + k / 2 for k in range(length)) for length in (3, 3, 4, 5)]
    assert sum(sums) / 4 <= first["return_mean"] <= sum(sums) / 4 + 0.2 * 5
    assert json.loads((tmp_path / "run" / "status.json").read_text())["status"] == "finished"
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == as_data(config())
    loaded = training.load(tmp_path / "run")
    assert same(numbers(loaded.learner), numbers(run.learner))
    assert loaded.metrics == tuple(rows)


# ---------------------------------------------------------------- what stops a run


@pytest.mark.parametrize(
    ("when", "message"),
    [(3, r"policy_loss is nan in update 4 \(step 72\)"), (4, r"a parameter of the critic is not finite in update 4")],
)
def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_last_good_checkpoint(when, message, toys, tmp_path):
    c = config(machine=Machine(checkpoint_every=2))

    def spoil(session, row):
        if session.updates == when:
            with torch.no_grad():
                next(session.learner.critic.parameters()).fill_(torch.nan)

    with pytest.raises(TrainingError, match=rf"{message}; the last good checkpoint is .*checkpoint.pt"):
        training.train(c, tmp_path / "run", watch=spoil)
    assert json.loads((tmp_path / "run" / "status.json").read_text())["status"] == "failed"
    content = checkpoint.load(tmp_path / "run" / "checkpoint.pt")
    assert content["session"]["updates"] == 2
    assert all(bool(torch.isfinite(x).all()) for x in content["session"]["learner"]["critic"].values())


def test_an_environment_that_returns_nan_is_named(toys, tmp_path):
    toys("poisoned", poison=20)
    c = config(env="poisoned:discrete", machine=Machine(checkpoint_every=1))
    with pytest.raises(InputError, match=r"toy:discrete: reward of agent 0 in environment 0 is nan"):
        training.train(c, tmp_path / "run")
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert status["status"] == "failed"
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["session"]["updates"] == 3


@pytest.mark.parametrize("where", ["step", "save"])
def test_a_worker_that_is_lost_for_good_stops_the_run_and_keeps_the_last_good_checkpoint(
    where, toys, tmp_path, monkeypatch, capsys
):
    calls = []
    kept = getattr(toy.Toy, where)

    def lose(self, *arguments):
        calls.append(where)
        if len(calls) > {"step": 20, "save": 3}[where]:
            raise LostWorkerError("worker 0 died (SIGKILL)")
        return kept(self, *arguments)

    monkeypatch.setattr(toy.Toy, where, lose)
    c = config(machine=Machine(checkpoint_every=1))
    (tmp_path / "c.json").write_text(json.dumps(as_data(c)))
    assert main(["train", "--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "run")]) == 1
    errors = capsys.readouterr().err
    assert "worker 0 died (SIGKILL); the last good checkpoint is" in errors
    assert "Traceback" not in errors
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["session"]["updates"] >= 2


def test_a_full_disk_stops_the_run_and_keeps_the_last_good_checkpoint(toys, tmp_path, monkeypatch):
    before = checkpoint.save

    def full(path, c, content):
        if content["session"]["updates"] == 4:
            raise OSError(28, "No space left on device")
        before(path, c, content)

    monkeypatch.setattr(checkpoint, "save", full)
    c = config(machine=Machine(checkpoint_every=1))
    with pytest.raises(OSError, match="No space left"):
        training.train(c, tmp_path / "run")
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["session"]["updates"] == 3
    assert training.resume(tmp_path / "run").steps == 90
    assert not list((tmp_path / "run").glob("*.part"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_update_saves_and_stops(number, tmp_path):
    out = tmp_path / "run"
    sizes = ["--rollout.copies", "8", "--rollout.length", "8", "--network.hidden", "8", "--steps", "1e9"]
    command = [sys.executable, "-m", "marlcore", "train", "mappo", "--env", "game:climbing", *sizes, "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        metrics, deadline = out / "metrics.jsonl", time.monotonic() + 120
        while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], errors
    assert "Traceback" not in errors
    assert json.loads((out / "status.json").read_text())["status"] == "interrupted"
    lines = metrics.read_text().splitlines()
    content = checkpoint.load(out / "checkpoint.pt")
    assert content["session"]["updates"] == len(lines) > 0
    assert content["metrics_size"] == metrics.stat().st_size


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["happo"], "--env is missing"),
        (["hapo", "--env", "game:climbing"], "did you mean happo"),
        (["happo", "--env", "climbing"], "write family:task"),
        (["happo", "--env", "game:climbing", "--rollout.copie", "3"], "unknown option '--rollout.copie'"),
        (["happo", "--env", "game:climbing", "--sharing", "nobs"], "unknown sharing scheme 'nobs'"),
        (["happo", "--env", "game:climbing", "--rollout.chunk", "7"], "does not divide"),
        (["happo", "--env", "game:climbing", "--rollout.discount", "0.5"], "discount 0.0 of its own"),
        (["haml", "--env", "game:climbing", "--options.drift", "marginal-clip"], "averages over the other agents"),
        (["happo", "--env", "game:climbing", "--optimiser.lr", "0"], "optimiser.lr must be a positive number"),
        (["happo", "--env", "game:climbing", "--machine.device", "cuda:7"], "device cuda:7"),
        (["happo", "--env", "game:climbing", "--machine.device", "mps"], "device mps cannot be used"),
        (
            ["happo", "--env", "game:climbing", "--machine.threads", "-1"],
            "machine.threads must be a number that is not",
        ),
        (["happo", "--env", "game:climbing", "--value.huber", "0"], "value.huber must be a positive number"),
        (["hatrpo", "--env", "game:climbing", "--options.alpha", "1"], "options.alpha must be in (0, 1)"),
        (["hatrpo", "--env", "game:climbing", "--options.tries", "0"], "options.tries must be at least 1"),
        (["mappo", "--resume", "nowhere"], "leave out mappo"),
        (["--resume", "nowhere"], "there is no run"),
        (["--resume", "nowhere", "--seed", "3"], "leave out --seed"),
    ],
    ids=lambda x: "-".join(x)[:40] if isinstance(x, list) else "",
)
def test_bad_input_is_one_line_and_exit_2(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.strip().splitlines()) == 1
    assert not [path for path in tmp_path.rglob("metrics.jsonl") if path.stat().st_size]


def test_a_run_directory_that_exists_is_refused(toys, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="exists and is not overwritten"):
        training.train(config(), tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_an_algorithm_refuses_actions_that_it_cannot_handle(toys):
    for task in ("multi", "box"):
        with pytest.raises(InputError, match=r"haml cannot handle the .* actions of toy:"):
            Session(config("haml", f"toy:{task}"))


def test_damaged_checkpoints_are_refused(toys, tmp_path):
    def interrupted(name):
        def kill(session, row):
            if session.updates == 3:
                raise StopNow

        with pytest.raises(StopNow):
            training.train(config(machine=Machine(checkpoint_every=1)), tmp_path / name, watch=kill)
        return tmp_path / name / "checkpoint.pt"

    path = interrupted("cut")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"damaged"):
        training.resume(path.parent)

    path = interrupted("other")
    data = json.loads((path.parent / "config.json").read_text())
    (path.parent / "config.json").write_text(json.dumps({**data, "seed": 9}))
    with pytest.raises(InputError, match="another config"):
        training.resume(path.parent)

    path = interrupted("code")
    torch.save({"format": checkpoint.FORMAT, "version": 1, "config": "{}", "evil": Evil()}, path)
    with pytest.raises(InputError, match=r"damaged|cannot be read|can be read"):
        training.resume(path.parent)
    assert not (tmp_path / "evil").exists()

    for part in ("session", "metrics_size"):
        path = interrupted(f"without-{part}")
        content = torch.load(path, weights_only=True)
        del content[part]
        torch.save(content, path)
        for read in (training.resume, training.load):
            with pytest.raises(InputError, match="does not fit its own config"):
                read(path.parent)

    path = interrupted("narrow")
    content = torch.load(path, weights_only=True)
    actor = content["session"]["learner"]["actor"]
    actor[next(iter(actor))] = torch.zeros(1, 7)
    torch.save(content, path)
    for read in (training.resume, training.load):
        with pytest.raises(InputError, match="does not fit its own config"):
            read(path.parent)

    path = interrupted("shape")
    content = checkpoint.load(path)
    content["session"]["learner"]["actor"] = {}
    checkpoint.save(path, json.loads(content["config"]), {k: content[k] for k in ("metrics_size", "session")})
    with pytest.raises(InputError, match="does not fit its own config"):
        training.resume(path.parent)

    path = interrupted("gone")
    path.unlink()
    with pytest.raises(InputError, match="no checkpoint"):
        training.resume(path.parent)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_run_of_a_device_that_is_not_here_is_named_and_can_be_read_elsewhere(toys, tmp_path):
    run = training.train(config(), tmp_path / "run")
    content = torch.load(tmp_path / "run" / checkpoint.NAME, weights_only=True)
    data = as_data(dataclasses.replace(config(), machine=Machine(device="cuda")))
    (tmp_path / "run" / "config.json").write_text(json.dumps(data))
    checkpoint.save(tmp_path / "run" / checkpoint.NAME, data, {k: content[k] for k in ("metrics_size", "session")})
    with pytest.raises(InputError, match="sees no CUDA device"):
        training.load(tmp_path / "run")
    assert same(numbers(training.load(tmp_path / "run", "cpu").learner), numbers(run.learner))


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("evil",))


def test_configs_go_through_json_and_unknown_keys_are_refused():
    c = Config("haml", "game:climbing", seed=3, steps=10, rollout=Rollout(copies=2, length=4, chunk=2))
    assert from_data(json.loads(json.dumps(as_data(c)))) == c
    data = as_data(c)
    with pytest.raises(InputError, match=r"unknown config key 'rollout\.copie'; did you mean rollout\.copies"):
        from_data({**data, "rollout": {"copie": 3}})
    with pytest.raises(InputError, match=r"options\.clip"):
        from_data({**data, "options": {"clip": 0.1}})
    with pytest.raises(InputError, match=r"rollout\.copies is '3' where int"):
        from_data({**data, "rollout": {"copies": "3"}})
    with pytest.raises(InputError, match=r"network\.norm is 'False' where bool"):
        from_data({**data, "network": {"norm": "False"}})
    with pytest.raises(InputError, match=r"steps is True where int"):
        from_data({**data, "steps": True})
    with pytest.raises(InputError, match="env is missing"):
        from_data({"algorithm": "happo"})


@pytest.mark.parametrize("name", algorithms.names())
@pytest.mark.parametrize("scheme", sharing.names())
def test_every_algorithm_trains_every_scheme(name, scheme, toys):
    c = config(name, env="game:climbing", sharing=scheme, steps=3 * 18)
    run = training.train(dataclasses.replace(c, network=Network(hidden=(8,), gain=1.0)))
    assert run.steps == 54


def test_an_environment_of_wrong_shapes_or_without_actions_is_named(toys):
    class Wide(toy.Toy):
        def _show(self, *args, **named):
            t = super()._show(*args, **named)
            return dataclasses.replace(t, obs=t.obs[..., :1])

    class Stuck(toy.Toy):
        def _available(self):
            mask = super()._available()
            mask[:, 1] = mask[:, 1] & (self.age[:, None] != 2)
            return mask

    class Late(toy.Toy):
        def step(self, actions):
            t = super().step(actions)
            return dataclasses.replace(t, reward=t.reward[:, :1]) if self.calls == 4 else t

    class Blind(toy.Toy):
        def _seen(self):
            obs, state = super()._seen()
            obs[1, 0, 2] = torch.nan if self.calls == 4 else 0.0
            return obs, state

    class Last(toy.Toy):
        def step(self, actions):
            t = super().step(actions)
            if t.final is not None:
                t.final.obs[2, 1, 0] = torch.inf
            return t

    for kind, message in [
        (Late, r"late:discrete: reward has shape \(3, 1\) where its spec says \(3, 2\)"),
        (Blind, r"blind:discrete: obs of agent 0 in environment 1 is nan, in step 4 of this rollout"),
        (Last, r"last:discrete: the final obs of environment 2 is inf, in step 3 of this rollout"),
        (Wide, r"wide:discrete: obs has shape \(3, 2, 1\) where its spec says \(3, 2, 4\)"),
        (Stuck, r"agent 1 in environment \d has no available action, in step 2 of this rollout"),
    ]:
        name = kind.__name__.lower()
        family = dataclasses.replace(
            toy.family(), make=lambda task, b, d, s, f=0, kind=kind, name=name: named(kind(task, b, d, s, f), name)
        )
        registry.register("environments", name, family)
        try:
            with pytest.raises(InputError, match=message):
                training.train(config(env=f"{name}:discrete"))
        finally:
            registry.unregister("environments", name)


def named(env, name):
    env.spec = dataclasses.replace(env.spec, name=f"{name}:discrete")
    return env


def test_an_environment_that_cannot_be_saved_goes_on_with_episodes_of_another_seed(toys, monkeypatch):
    toys("fleeting", saves=False)
    s = Session(config(env="fleeting:discrete"))
    s.update()
    saved, asked, seen = s.save(), [], []
    reset = toy.Toy.reset
    monkeypatch.setattr(toy.Toy, "reset", lambda self, seed=None: asked.append(seed) or reset(self))
    for count in (1, 1, 2):
        other = Session(config(env="fleeting:discrete"))
        asked.clear()
        other.load({**saved, "collector": {**saved["collector"], "count": 6 * count}})
        (seed,) = asked
        assert seed not in (None, other.config.seed), "its first episodes come again"
        seen.append(seed)
    assert seen[0] == seen[1] != seen[2]


def test_a_session_whose_update_was_broken_off_is_loaded_or_refuses(toys, monkeypatch):
    s, whole = Session(config()), Session(config())
    s.update()
    whole.update()
    saved, step = copy.deepcopy(s.save()), s.env.step
    left = [3]

    def interrupted(actions):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return step(actions)

    monkeypatch.setattr(s.env, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        s.update()
    for call in (s.update, s.save):
        with pytest.raises(InputError, match="update 2 was broken off: load what was saved before it"):
            call()
    s.load(saved)
    assert plain([s.update()]) == plain([whole.update()])
    assert same(numbers(s.learner), numbers(whole.learner))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"options": algorithms.load("happo").options(minibatches=19)}, "options.minibatches = 19 .* 18 steps"),
        ({"value": Value(minibatches=19)}, "value.minibatches = 19 .* 18 steps"),
        (
            {"value": Value(minibatches=4), "network": Network(hidden=(8,), recurrent=4)},
            "value.minibatches = 4 .* 3 sequences of 6 steps",
        ),
    ],
    ids=["options", "value", "recurrent"],
)
def test_more_minibatches_than_sequences_are_refused(toys, more, message):
    with pytest.raises(InputError, match=message):
        Session(config(**more))
    with pytest.raises(AssertionError, match="3 rows cannot be cut into 4 parts"):
        seeds.minibatches(0, 0, 0, 3, 4, torch.device("cpu"))


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        ([float("nan"), 1.0, 1.0], "moments are not finite"),
        ([3.0, 1.0, 0.5], "are those of no returns"),
        ([0.0, 1.0], "does not fit its own config: .*ValueNormaliser"),
    ],
    ids=["nan", "no-returns", "two"],
)
def test_moments_of_the_value_normaliser_that_are_none_are_refused(toys, tmp_path, monkeypatch, moments, message):
    out = tmp_path / "run"
    training.train(config(), out)
    path = out / checkpoint.NAME
    content = checkpoint.load(path)
    content["session"]["learner"]["normaliser"]["moments"] = torch.tensor(moments, dtype=torch.float64)
    checkpoint.save(
        path, as_data(config()), {k: v for k, v in content.items() if k not in ("format", "version", "config")}
    )
    with pytest.raises(InputError, match=message):
        training.load(out)


def test_moments_that_are_not_finite_are_not_saved(toys, tmp_path):
    def spoil(session, row):
        if session.updates == 3:
            session.learner.normaliser.moments[1] = float("inf")

    with pytest.raises(TrainingError, match=r"moments are not finite.*in update 3; the last good checkpoint is"):
        training.train(config(machine=Machine(checkpoint_every=1)), tmp_path / "run", watch=spoil)
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["session"]["updates"] == 2
