"""Recurrent MAPPO on SMAX as JaxMARL trains it, for the benchmark ``recurrent``.

It runs where jaxmarl 0.2, flax and optax are, and this project is not.

Sizes and structure are those of JaxMARL's ``baselines/MAPPO/mappo_rnn_smax.py`` with its configuration
``mappo_homogenous_rnn_smax.yaml`` (NUM_ENVS 128, NUM_STEPS 128, FC_DIM_SIZE 128, GRU_HIDDEN_DIM 128, UPDATE_EPOCHS 4,
NUM_MINIBATCHES 4, OBS_WITH_AGENT_ID true), on 3m: dense 128, relu, flax's GRU cell scanned over time, dense 128, relu,
dense, for actor and critic; a critic row an agent (state and a unit vector of the agent); minibatches of whole
sequences of 96 agents; Adam behind a global norm. The program is this project's own; schedules and logging, which cost
nothing, are left out.
"""

# pyright: reportMissingImports=false

import functools
import time

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxmarl
import optax
from jaxmarl.environments.smax import map_name_to_scenario

COPIES, STEPS, WIDTH, EPOCHS, PARTS = 128, 128, 128, 4, 4
GAMMA, LAM, CLIP, RATE, NORM = 0.99, 0.95, 0.2, 2e-3, 0.25


class Scan(nn.Module):
    """A GRU over time, its state 0 where an episode starts."""

    @functools.partial(nn.scan, variable_broadcast="params", in_axes=0, out_axes=0, split_rngs={"params": False})
    @nn.compact
    def __call__(self, state, step):
        """One step."""
        x, start = step
        state = jnp.where(start[:, None], jnp.zeros_like(state), state)
        return nn.GRUCell(features=WIDTH)(state, x)


class Net(nn.Module):
    """Dense, GRU, dense, out."""

    outputs: int

    @nn.compact
    def __call__(self, state, x, starts):
        """Outputs of all steps (T, rows, outputs), and the last state."""
        x = nn.relu(nn.Dense(WIDTH, kernel_init=nn.initializers.orthogonal(2**0.5))(x))
        state, x = Scan()(state, (x, starts))
        x = nn.relu(nn.Dense(WIDTH, kernel_init=nn.initializers.orthogonal(2.0))(x))
        return state, nn.Dense(self.outputs, kernel_init=nn.initializers.orthogonal(0.01))(x)


ENV = jaxmarl.make("HeuristicEnemySMAX", scenario=map_name_to_scenario("3m"))
N = len(ENV.agents)
ROWS = N * COPIES
ACTOR, CRITIC = Net(ENV.action_spaces[ENV.agents[0]].n), Net(1)
ADAM = optax.chain(optax.clip_by_global_norm(NORM), optax.adam(RATE, eps=1e-5))


def rows(by_agent):
    """(agents · copies, …), agent after agent."""
    return jnp.concatenate([by_agent[agent] for agent in ENV.agents])


def states(obs):
    """The critic's rows: the state, and which agent asks."""
    ids = jnp.repeat(jnp.eye(N), COPIES, axis=0)
    return jnp.concatenate([jnp.tile(obs["world_state"], (N, 1)), ids], axis=1)


def policy(params, hidden, obs, starts, masks):
    """Log-probabilities of all steps."""
    hidden, logits = ACTOR.apply(params, hidden, obs, starts)
    return hidden, jax.nn.log_softmax(logits - (1 - masks) * 1e10)


def values(params, hidden, state, starts):
    """V of all steps."""
    hidden, v = CRITIC.apply(params, hidden, state, starts)
    return hidden, v[..., 0]


def act(nets, carry, _):
    """One step of all copies, and what is kept of it."""
    battle, obs, starts, hidden, critic_hidden, key = carry
    key, draw, play = jax.random.split(key, 3)
    masks = rows(jax.vmap(ENV.get_avail_actions)(battle))
    seen, state = rows(obs), states(obs)
    hidden, logp = policy(nets[0], hidden, seen[None], starts[None], masks)
    action = jax.random.categorical(draw, logp[0])
    critic_hidden, v = values(nets[1], critic_hidden, state[None], starts[None])
    chosen = dict(zip(ENV.agents, action.reshape(N, COPIES), strict=True))
    obs, battle, reward, done, _ = jax.vmap(ENV.step)(jax.random.split(play, COPIES), battle, chosen)
    kept = {
        "obs": seen,
        "state": state,
        "starts": starts,
        "masks": masks,
        "action": action,
        "logp": jnp.take_along_axis(logp[0], action[:, None], 1)[:, 0],
        "value": v[0],
        "reward": rows(reward),
        "end": jnp.tile(done["__all__"], N),
    }
    return (battle, obs, rows(done), hidden, critic_hidden, key), kept


def advantages(kept, last):
    """Generalised advantages, backwards in time."""

    def back(carry, step):
        gae, following = carry
        go_on = 1 - step["end"]
        gae = step["reward"] + GAMMA * following * go_on - step["value"] + GAMMA * LAM * go_on * gae
        return (gae, step["value"]), gae

    return jax.lax.scan(back, (jnp.zeros_like(last), last), kept, reverse=True, unroll=16)[1]


def actor_loss(params, part):
    """The clipped objective."""
    _, logp = policy(params, part["hidden"], part["obs"], part["starts"], part["masks"])
    ratio = jnp.exp(jnp.take_along_axis(logp, part["action"][..., None], -1)[..., 0] - part["logp"])
    gae = (part["gae"] - part["gae"].mean()) / (part["gae"].std() + 1e-8)
    return -jnp.minimum(ratio * gae, jnp.clip(ratio, 1 - CLIP, 1 + CLIP) * gae).mean()


def critic_loss(params, part):
    """The clipped squared error."""
    _, v = values(params, part["critic_hidden"], part["state"], part["starts"])
    near = part["value"] + jnp.clip(v - part["value"], -CLIP, CLIP)
    return 0.25 * jnp.maximum((v - part["target"]) ** 2, (near - part["target"]) ** 2).mean()


def step(train, part):
    """One step of actor and critic on a minibatch."""
    nets, moments = train
    moved, kept = [], []
    for params, memory, loss in zip(nets, moments, (actor_loss, critic_loss), strict=True):
        change, memory = ADAM.update(jax.grad(loss)(params, part), memory)
        moved.append(optax.apply_updates(params, change))
        kept.append(memory)
    return (tuple(moved), tuple(kept)), None


def update(train, carry):
    """A rollout and all epochs on it."""
    first = carry[3:5]
    carry, kept = jax.lax.scan(functools.partial(act, train[0]), carry, None, STEPS)
    _, obs, starts, _, critic_hidden, key = carry
    _, last = values(train[0][1], critic_hidden, states(obs)[None], starts[None])
    gae = advantages(kept, last[0])
    whole = kept | {"gae": gae, "target": gae + kept["value"]}
    key, *draws = jax.random.split(key, 1 + EPOCHS)

    def epoch(train, draw):
        order = jax.random.permutation(draw, ROWS).reshape(PARTS, -1)
        parts = {name: jnp.swapaxes(x[:, order], 0, 1) for name, x in whole.items()}
        parts |= {"hidden": first[0][order], "critic_hidden": first[1][order]}
        return jax.lax.scan(step, train, parts)

    train, _ = jax.lax.scan(epoch, train, jnp.stack(draws))
    return train, (*carry[:-1], key), kept["reward"].mean()


def updates():
    """A job that is one update; the update is compiled here, and the CPU-seconds of that are printed."""
    begun = time.process_time()
    key, play, *init = jax.random.split(jax.random.PRNGKey(0), 4)
    obs, battle = jax.vmap(ENV.reset)(jax.random.split(play, COPIES))
    hidden, starts = jnp.zeros((ROWS, WIDTH)), jnp.zeros(ROWS, bool)
    nets = tuple(
        net.init(draw, hidden, x[None], starts[None])
        for net, draw, x in zip((ACTOR, CRITIC), init, (rows(obs), states(obs)), strict=True)
    )
    train, carry = (nets, tuple(ADAM.init(params) for params in nets)), (battle, obs, starts, hidden, hidden, key)
    compiled = jax.jit(update).lower(train, carry).compile()
    print(f"JaxMARL's update compiled in {time.process_time() - begun:.1f} CPU-seconds")

    def job():
        nonlocal train, carry
        train, carry, reward = compiled(train, carry)
        return float(reward)

    return job
