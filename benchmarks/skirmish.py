"""Skirmish with random play: env steps a second with full observations, states, masks and all eight game loops.

The actions are drawn by ``policies.act`` (uniform among the available ones) inside the time that is measured, and every
step checks them, resets finished battles and fills all tensors. Peers are SMAX (jaxmarl), jitted and vmapped over as
many battles, where it is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch

from deep.envs.skirmish import policies
from deep.envs.skirmish.env import Skirmish
from marlcore.kit.benchmark import Case

MAPS = {"3m": 512, "2s3z": 512, "5m_vs_6m": 512, "corridor": 128, "27m_vs_30m": 128}
"""Maps and the batch that suits the cache of one core."""
STEPS = 20


def random_play(name: str, batch: int) -> Any:
    """A job of ``STEPS`` steps of random play."""
    env = Skirmish(name, batch, torch.device("cpu"), 1)
    actions = torch.zeros(batch, env.spec.n_agents, dtype=torch.int64)
    clock = 0

    def job() -> None:
        nonlocal clock
        for _ in range(STEPS):
            env.step(policies.act(env, "random", 1, clock, actions))
            clock += 1

    return job


def random_smax(name: str, batch: int) -> Any:
    """The same in SMAX, all steps in one jitted scan."""
    jax, jnp, jaxmarl = (importlib.import_module(module) for module in ("jax", "jax.numpy", "jaxmarl"))
    scenario = importlib.import_module("jaxmarl.environments.smax").map_name_to_scenario(name)
    env: Any = jaxmarl.make("HeuristicEnemySMAX", scenario=scenario)

    def one(carry: Any, _: Any) -> Any:
        key, obs, state = carry
        key, act, step = jax.random.split(key, 3)
        masks = jax.vmap(env.get_avail_actions)(state)
        keys = jax.random.split(act, len(env.agents))
        actions = {
            agent: jax.random.categorical(keys[i], jnp.where(masks[agent] > 0, 0.0, -1e9))
            for i, agent in enumerate(env.agents)
        }
        obs, state, reward, *_ = jax.vmap(env.step)(jax.random.split(step, batch), state, actions)
        return (key, obs, state), reward[env.agents[0]].sum()

    run = jax.jit(lambda carry: jax.lax.scan(one, carry, None, STEPS))
    key = jax.random.PRNGKey(0)
    obs, state = jax.vmap(env.reset)(jax.random.split(key, batch))
    carry = (key, obs, state)

    def job() -> None:
        nonlocal carry
        carry, rewards = run(carry)
        rewards.block_until_ready()

    return job


def cases() -> list[Case]:
    """Every map; SMAX on the three that it has."""
    found = [
        Case(f"skirmish {name}", random_play(name, batch), amount=batch * STEPS, unit="env steps", group=name)
        for name, batch in MAPS.items()
    ]
    if importlib.util.find_spec("jaxmarl") is not None:
        for name in ("3m", "2s3z", "5m_vs_6m"):
            found.append(
                Case(f"SMAX {name}", random_smax(name, 16), amount=16 * STEPS, unit="env steps", peer=True, group=name)
            )
    return found
