"""Evaluation: each copy's first episodes count, seeds are apart from training, runs are grouped over seeds."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from deep import envs, seeds
from deep.commands import eval as command
from deep.config import Config, Network, Rollout
from deep.envs.protocol import Discrete, Environment, Final, MultiDiscrete, Spec, Timestep
from deep.evaluate import Evaluation, _check_sizes, evaluate, play, profile, summarise, thresholds_of
from deep.train import train
from marlcore.cli import main
from marlcore.errors import InputError

SMALL = {"rollout": Rollout(copies=4, length=8), "network": Network(hidden=(8,))}


def run(out=None, seed=0, env="game:climbing", **more):
    return train(Config("ippo", env, seed=seed, steps=32, **(SMALL | more)), out)


class Clock(Environment):
    """Copy b's episodes last b + 1 steps and pay 1 a step: a count of finished episodes would favour copy 0."""

    spec = Spec("clock:1", (1,), 1, (Discrete(3),), episode_limit=9)
    device = torch.device("cpu")

    def __init__(self, batch):
        self.batch, self.played = batch, []
        self.age = torch.zeros(batch, dtype=torch.int64)

    def reset(self, seed=None):
        self.age[:] = 0
        return self._show(torch.zeros(self.batch, 1), torch.zeros(self.batch, dtype=torch.bool))

    def step(self, actions):
        self.played.append(actions.clone())
        self.age += 1
        done = self.age > torch.arange(self.batch)
        self.age[done] = 0
        return self._show(torch.ones(self.batch, 1), done)

    def _show(self, reward, done):
        obs = torch.ones(self.batch, 1, 1)
        final = Final(obs, obs[:, 0]) if bool(done.any()) else None
        masks = torch.ones(self.batch, 1, 3, dtype=torch.bool), torch.ones(self.batch, 1, dtype=torch.bool)
        info = {"won": torch.arange(self.batch) == 0}
        return Timestep(obs, obs[:, 0], *masks, reward, done, torch.zeros_like(done), final, info)


def actor_for(env):
    from deep.session import build

    return build(Config("ippo", "game:climbing", **SMALL), env.spec).actor


def test_each_copy_plays_its_own_number_of_episodes():
    env = Clock(4)
    found = play(actor_for(env), env, episodes=3, greedy=False, seed=0)
    np.testing.assert_array_equal(found.returns, np.tile(np.arange(1.0, 5)[:, None], (1, 3)))
    np.testing.assert_array_equal(found.lengths, found.returns)
    np.testing.assert_array_equal(found.infos["won"][:, 0], [1, 0, 0, 0])
    # the first 12 episodes that end are mostly copy 0's: their mean would be 1.5, the truth is 2.5
    assert found.scores == {"return": 2.5, "won": 0.25, "length": 2.5}


def test_an_episode_that_was_lost_with_its_worker_does_not_count():
    class Losing(Clock):
        """In step 4 the copies are cut off."""

        def step(self, actions):
            cut = len(self.played) == 3
            if cut:
                self.age[:] = self.batch
            t = super().step(actions)
            return dataclasses.replace(t, info={"lost": torch.full((self.batch,), float(cut))})

    env = Losing(3)
    found = play(actor_for(env), env, 4, True, 0)
    assert found.lengths.tolist() == [[1.0] * 4, [2.0] * 4, [3.0] * 4]


def test_greedy_play_takes_the_mode_and_drawn_play_does_not():
    env = Clock(40)
    actor = actor_for(env)
    play(actor, env, 1, greedy=True, seed=0)
    greedy = torch.stack(env.played)
    assert bool((greedy == greedy.flatten()[0]).all())
    env.played = []
    play(actor, env, 1, greedy=False, seed=0)
    assert len(torch.stack(env.played).unique()) == 3


def test_an_evaluation_is_a_function_of_its_seed_and_sees_no_training_episode():
    trained = run(env="game:climbing?discount=0.9&limit=5")
    first, again, other = (evaluate(trained, episodes=2, copies=4, greedy=False, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.returns, again.returns)
    assert not np.array_equal(first.returns, other.returns)
    root = seeds.derive(seeds.derive(0, seeds.EVALUATION), 0)
    world, training = (envs.make("game:soccer", batch=64, seed=s) for s in (root, trained.config.seed))
    idle = torch.full((64, 2), 4)
    drawn = [torch.stack([e.step(idle).state.argmax(-1) for _ in range(3)]) for e in (world, training)]
    assert not torch.equal(*drawn)


def test_another_environment_must_have_the_same_sizes():
    trained = run()
    assert evaluate(trained, episodes=1, copies=2, env="game:penalty?k=-30").env == "game:penalty?k=-30"
    with pytest.raises(InputError, match="game:soccer has obs_size = 760, and the policy was trained on game:climbing"):
        evaluate(trained, env="game:soccer")
    with pytest.raises(InputError, match="episodes and copies"):
        evaluate(trained, episodes=0)


def test_runs_that_differ_by_their_seed_are_one_group():
    runs = [run(seed=0), run(seed=1), run(seed=0, env="game:penalty"), run(rollout=Rollout(copies=8, length=8))]
    found = [Evaluation("e", True, np.full((2, 2), float(k)), np.ones((2, 2)), {}) for k in range(4)]
    groups = summarise(runs, found)
    assert [group.seeds for group in groups] == [(0, 1), (0,), (0,)]
    assert groups[0].scores["return"] == (0.0, 1.0)
    assert groups[0].intervals["return"].estimate == 0.5
    assert groups[0].config == "ippo game:climbing nops rollout.copies=4"
    assert groups[2].config == "ippo game:climbing nops rollout.copies=8"


def test_a_performance_profile_is_one_minus_the_distribution_function():
    scores = [0.0, 1.0, 2.0, 4.0]
    assert thresholds_of([scores, [5.0]], 6) == [0, 1, 2, 3, 4, 5]
    shares = [point.estimate for point in profile(scores, [-1, 0, 1, 3, 4])]
    assert shares == [1, 0.75, 0.5, 0.25, 0]
    assert all(0 <= point.low <= point.estimate <= point.high <= 1 for point in profile(scores, [0, 1, 3]))


def test_the_command_prints_rows_for_people_and_json_for_programs(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    run(paths[0]), run(paths[1], seed=1), run(paths[2], rollout=Rollout(copies=8, length=8))
    words = [str(path) for path in paths]
    assert command.main([*words, "--episodes", "1", "--copies", "3"]) == 0
    shown = capsys.readouterr().out
    assert "interquartile mean over seeds" in shown
    assert "performance profile" in shown
    assert command.main([*words, "--episodes", "1", "--copies", "3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [len(group["seeds"]) for group in data["summaries"]] == [2, 2, 1, 1]
    assert [group["greedy"] for group in data["summaries"]] == [True, False, True, False]


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"is no run: it has no config\.json"):
        command.main([str(tmp_path)])
    with pytest.raises(InputError):
        command.main([])


def test_an_evaluation_of_a_loaded_run_is_that_of_the_run_in_memory(tmp_path):
    trained = run(tmp_path / "run")
    one, two = (evaluate(r, episodes=2, copies=4, greedy=False) for r in (trained, tmp_path / "run"))
    np.testing.assert_array_equal(one.returns, two.returns)
    assert dataclasses.asdict(one).keys() == dataclasses.asdict(two).keys()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_is_none_is_refused_by_its_name(tmp_path, seed, capsys):
    run(tmp_path / "run")
    assert main(["eval", str(tmp_path / "run"), "--episodes", "1", f"--seed={seed}"]) == 2
    error = capsys.readouterr().err
    assert f"the seed of an evaluation must be in [0, 2³²), not {seed}" in error
    assert "stream" not in error


class Faulty(Clock):
    """A clock that breaks the contract in its second step."""

    def __init__(self, name, change):
        super().__init__(2)
        self.name, self.change = name, change

    def step(self, actions):
        t = super().step(actions)
        return t if len(self.played) < 2 else dataclasses.replace(t, **{self.name: self.change(getattr(t, self.name))})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("obs", lambda x: x[..., :0], r"obs has shape \(2, 1, 0\) where its spec says \(2, 1, 1\)"),
        ("obs", lambda x: x * torch.nan, "obs of agent 0 in environment 0 is nan at step 2"),
        ("reward", lambda x: x / 0, "reward of agent 0 in environment 0 is inf at step 2"),
        ("state", lambda x: x * torch.nan, "state in environment 0 is nan at step 2"),
        ("available", torch.zeros_like, "agent 0 in environment 0 has no available action at step 2"),
    ],
    ids=["shape", "nan-obs", "inf-reward", "nan-state", "no-action"],
)
def test_an_environment_that_breaks_the_contract_is_not_evaluated_on(name, change, message):
    env = Faulty(name, change)
    with pytest.raises(InputError, match=f"clock:1: {message}"):
        play(actor_for(env), env, 3, True, 0)


def test_dimensions_of_actions_that_only_add_up_are_refused():
    spec = Spec("pairs:1", (1,), 1, (MultiDiscrete((2, 3)),))
    _check_sizes(spec, dataclasses.replace(spec, name="pairs:2"))
    with pytest.raises(InputError, match=r"pairs:3 has action_counts = \(3, 2\).*pairs:1 with \(2, 3\)"):
        _check_sizes(spec, dataclasses.replace(spec, name="pairs:3", spaces=(MultiDiscrete((3, 2)),)))
