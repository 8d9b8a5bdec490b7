"""SMAX with random play: the peer of the benchmark ``skirmish``, run by a Python that has jaxmarl 0.2."""

# pyright: reportMissingImports=false

import jax
import jax.numpy as jnp
import jaxmarl
from jaxmarl.environments.smax import map_name_to_scenario


def random_play(name, batch, steps):
    """A job of ``steps`` steps of ``batch`` copies, all in one jitted scan."""
    env = jaxmarl.make("HeuristicEnemySMAX", scenario=map_name_to_scenario(name))

    def one(carry, _):
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

    run = jax.jit(lambda carry: jax.lax.scan(one, carry, None, steps))
    key = jax.random.PRNGKey(0)
    obs, state = jax.vmap(env.reset)(jax.random.split(key, batch))
    carry = (key, obs, state)

    def job():
        nonlocal carry
        carry, rewards = run(carry)
        rewards.block_until_ready()

    return job
