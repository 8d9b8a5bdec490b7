"""SMAX by the protocol, where jaxmarl is installed; what is said where it is not."""

import importlib.util

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs.protocol import random_actions
from marlcore import conformance
from marlcore.errors import InputError

needs_jaxmarl = pytest.mark.skipif(importlib.util.find_spec("jaxmarl") is None, reason="jaxmarl is not installed")


def test_without_jaxmarl_the_extra_is_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jaxmarl" else found(name))
    with pytest.raises(InputError, match=r"marlcore\[smax\].*skirmish:3m"):
        envs.make("smax:3m")


@needs_jaxmarl
def test_smax_keeps_the_contract():
    conformance.check("environments", "smax")


@needs_jaxmarl
def test_a_step_is_smaxs_own():
    import jax
    import jax.numpy as jnp

    env = envs.make("smax:3m", batch=4, seed=3)
    game = __import__("deep.envs.smax", fromlist=["_game"])._game("3m")
    t = env.reset()
    assert (env.spec.n_agents, env.spec.obs_size, env.spec.n_actions, env.spec.episode_limit) == (3, 75, 8, 100)
    for k in range(5):
        before = jax.tree.map(lambda x: x[2], env._state)
        actions = random_actions(env.spec, t.available, 3, k)
        t = env.step(actions)
        key = jax.random.fold_in(jax.random.PRNGKey(3), 0)
        for word in (2, k + 1, 1):
            key = jax.random.fold_in(key, word)
        given = {name: jnp.int32(int(actions[2, i])) for i, name in enumerate(game.agents)}
        obs, _, rewards, _, _ = game.step_env(key, before, given)
        for i, name in enumerate(game.agents):
            assert np.allclose(t.obs[2, i].numpy(), np.asarray(obs[name]), atol=1e-6)
            assert float(t.reward[2, i]) == pytest.approx(float(rewards[name]), abs=1e-6)


@needs_jaxmarl
def test_the_clock_truncates_and_a_side_that_is_gone_terminates():
    env = envs.make("smax:3m", batch=64, seed=5)
    t, ended, limits = env.reset(), 0, 0
    for k in range(120):
        still = torch.full((64, 3), 4)
        t = env.step(random_actions(env.spec, t.available, 5, k) if k < 60 else still)
        ended, limits = ended + int(t.terminated.sum()), limits + int(t.truncated.sum())
    assert ended > 0
    with pytest.raises(InputError, match="unknown scenario of SMAX"):
        envs.make("smax:4m")
