"""The compiled particle worlds against ``mpe2``, step by step from the same states; rewards, options, saving."""

import importlib
import math

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs.mpe import world
from deep.envs.protocol import random_actions
from marlcore.errors import InputError

MODULES = {
    "simple_spread": "simple_spread_v3",
    "simple_reference": "simple_reference_v3",
    "simple_speaker_listener": "simple_speaker_listener_v4",
}


def peer_of(task, **options):
    peer = importlib.import_module(f"mpe2.{MODULES[task]}").parallel_env(**options)
    peer.reset(seed=0)
    return peer


def copy_state(env, b, peer):
    """Put the peer's world where copy b is."""
    scene = peer.unwrapped.world
    for entity, position in zip(scene.entities, env.pos[b], strict=True):
        entity.state.p_pos = position.copy()
    for i, agent in enumerate(scene.agents):
        agent.state.p_vel, agent.state.c = env.vel[b, i].copy(), env.comm[b, i].copy()
    if hasattr(scene.agents[0], "goal_b"):
        for i, agent in enumerate(scene.agents):
            if agent._goal_b is not None:
                agent.goal_b = scene.landmarks[env.goal[b, i]]


def peer_observations(peer):
    return [peer.aec_env.unwrapped.observe(name) for name in peer.possible_agents]


CASES = [
    ("simple_spread", {}, 1.0),
    ("simple_spread", {"N": 6, "local_ratio": 0.3}, 0.3),
    ("simple_spread", {"N": 1}, 1.0),
    ("simple_spread", {"continuous_actions": True}, 0.5),
    ("simple_reference", {"local_ratio": 0.2}, 1.0),
    ("simple_reference", {"continuous_actions": True}, 1.0),
    ("simple_speaker_listener", {}, 1.0),
    ("simple_speaker_listener", {"continuous_actions": True}, 1.0),
]


@pytest.mark.parametrize(("task", "options", "scale"), CASES, ids=[f"{t}-{i}" for i, (t, *_) in enumerate(CASES)])
def test_each_step_is_that_of_mpe2(task, options, scale):
    """Twelve episodes of 25 steps; ``scale`` draws the starts together so that agents collide."""
    tail = "&".join(f"{key}={value}" for key, value in options.items())
    env = envs.make(f"mpe:{task}?reward=own" + (f"&{tail}" if tail else ""), batch=12, seed=5)
    collisions = 0.0
    saved = env.save()
    saved["pos"] *= scale
    t = env.load(saved)
    peers = [peer_of(task, **options) for _ in range(env.batch)]
    for b, peer in enumerate(peers):
        copy_state(env, b, peer)
        for seen, own in zip(peer_observations(peer), t.obs[b].numpy(), strict=True):
            np.testing.assert_allclose(own[: len(seen)], seen, rtol=0, atol=1e-6)
    for k in range(25):
        actions = random_actions(env.spec, t.available, 3, k)
        t = env.step(actions)
        shown = t.obs if t.final is None else t.final.obs
        state = t.state if t.final is None else t.final.state
        for b, peer in enumerate(peers):
            taken = {}
            for i, name in enumerate(peer.agents):
                a = actions[b, i].numpy()
                taken[name] = a[: len(peer.action_space(name).low)] if a.ndim else int(a)
            obs, reward, terminated, truncated, _ = peer.step(taken)
            for i, name in enumerate(peer.possible_agents):
                np.testing.assert_allclose(shown[b, i, : len(obs[name])], obs[name], rtol=1e-6, atol=1e-6)
                assert float(t.reward[b, i]) == pytest.approx(reward[name], rel=1e-6, abs=1e-6)
                collisions += abs(reward[name] - reward[peer.possible_agents[0]])
            np.testing.assert_allclose(state[b], peer.state(), rtol=1e-6, atol=1e-6)
            assert not any(terminated.values())
            assert all(truncated.values()) == (k == 24) == bool(t.truncated[b])
    if options.get("N", 3) > 1 and task == "simple_spread":
        assert collisions > 0, "no agent collided: this test would not see a wrong force"


def test_the_team_s_reward_is_the_sum_that_harl_reports():
    """(1 − ½)·3G + ½·ΣL: what HARL feeds and sums up over the episode."""
    team, own = (envs.make(f"mpe:simple_spread?reward={word}", batch=50, seed=1) for word in ("sum", "own"))
    assert team.spec.team
    assert not own.spec.team
    assert envs.make("mpe:simple_spread").spec.team
    differ = 0
    for k in range(25):
        actions = random_actions(team.spec, team._available, 2, k)
        t, u = team.step(actions), own.step(actions)
        torch.testing.assert_close(t.reward, u.reward.sum(1, keepdim=True).expand(-1, 3), rtol=1e-6, atol=1e-6)
        differ += int((u.reward.std(1) > 0).sum())
    assert differ > 0, "no agent collided: own and shared rewards were not told apart"


def test_factored_actions_are_the_product_s():
    one, two = (envs.make(f"mpe:simple_reference{tail}", batch=9, seed=4) for tail in ("", "?factored=true"))
    assert one.spec.action_counts == (50,)
    assert two.spec.action_counts == (5, 10)
    for k in range(30):
        actions = random_actions(two.spec, two._available, 6, k)
        t, u = one.step(actions[..., 0] + 5 * actions[..., 1]), two.step(actions)
        assert torch.equal(t.obs, u.obs)
        assert torch.equal(t.reward, u.reward)


def test_starts_are_uniform_in_the_square_and_goals_among_the_landmarks():
    """Means and variances of 6·10⁴ coordinates within 5 standard errors of 0 and 1/3; goals of thirds."""
    env = envs.make("mpe:simple_reference", batch=6000, seed=2)
    for _ in range(26):
        t = env.step(torch.zeros(6000, 2, dtype=torch.int64))
    assert not bool(t.done.any())
    fresh = envs.make("mpe:simple_reference", batch=6000, seed=2)
    x = fresh.pos.ravel()
    assert abs(x.mean()) < 5 * math.sqrt(1 / 3 / x.size)
    assert abs((x**2).mean() - 1 / 3) < 5 * math.sqrt((1 / 5 - 1 / 9) / x.size)
    assert np.abs(x).max() <= 1
    shares = np.bincount(fresh.goal.ravel(), minlength=3) / fresh.goal.size
    assert np.abs(shares - 1 / 3).max() < 5 * math.sqrt(2 / 9 / fresh.goal.size)
    assert not np.array_equal(env.pos, fresh.pos)


def test_agents_at_one_point_do_not_push_each_other():
    pos, force = np.zeros((2, 2)), np.zeros((2, 2))
    world.push(pos, force, 2, 0.15)
    assert not force.any()


def test_the_padded_actions_of_the_speaker_are_not_available():
    env = envs.make("mpe:simple_speaker_listener", batch=2)
    assert env.reset().available[0].tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert env.spec.obs_sizes == (3, 11)
    assert env.spec.state_size == 14
    with pytest.raises(InputError, match="action 3 of agent 0 in environment 1 is not available"):
        env.step(torch.tensor([[0, 0], [3, 0]]))


def test_a_refused_action_leaves_the_world_as_it_was():
    env = envs.make("mpe:simple_spread", batch=2)
    before = env.pos.copy(), env.vel.copy(), env.count
    with pytest.raises(InputError, match="action 5 of agent 2 in environment 1"):
        env.step(torch.tensor([[0, 1, 2], [0, 1, 5]]))
    assert np.array_equal(env.pos, before[0])
    assert np.array_equal(env.vel, before[1])
    assert env.count == before[2]


def test_the_limit_is_an_option():
    env = envs.make("mpe:simple_spread?max_cycles=2", batch=1)
    zero = torch.zeros(1, 3, dtype=torch.int64)
    assert [bool(env.step(zero).truncated) for _ in range(5)] == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mpe:simple_tag", "unknown task of mpe 'simple_tag'"),
        ("mpe:simple_spread?n=3", "unknown option of mpe:simple_spread 'n'"),
        ("mpe:simple_spread?N=0", "N must be a whole number ≥ 1"),
        ("mpe:simple_spread?N=two", "N must be a whole number ≥ 1"),
        ("mpe:simple_spread?local_ratio=1.5", r"local_ratio must be a number in \[0, 1\]"),
        ("mpe:simple_spread?local_ratio=nan", r"local_ratio must be a number in \[0, 1\]"),
        ("mpe:simple_spread?reward=mean", "reward must be sum or own"),
        ("mpe:simple_speaker_listener?local_ratio=0.5", "unknown option"),
        ("mpe:simple_reference?factored=true&continuous_actions=true", "not both"),
    ],
)
def test_options_that_do_not_fit_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        envs.make(name)


def test_a_saved_batch_must_fit():
    with pytest.raises(InputError, match="does not fit"):
        envs.make("mpe:simple_spread", batch=3).load(envs.make("mpe:simple_spread", batch=2).save())
