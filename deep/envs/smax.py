"""``smax:3m``: JaxMARL's SMAX (Rutherford et al., 2023), vmapped over the batch and jitted, tensors by DLPack.

SMAX is a cousin of SMAC, not SMAC: marines hit for 9, there are no shields, armour or healing, an episode has 100
steps, observations are its own, and moves and stop are its actions 0 to 4. The enemy is SMAX's heuristic one.

Copy b's key is fold_in(fold_in(seed, first + b), clock), so a batch may be cut. jax computes without 64-bit integers,
so seeds are folded in as two words. Arrays go from jax to torch and back without a copy where both can (CPU, CUDA).
``terminated`` means that a side is gone; SMAX's own clock truncates.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from deep.envs.protocol import Discrete, Environment, Family, Final, Spec, Timestep, check_actions, check_seed
from marlcore import registry
from marlcore.errors import InputError

STOP = 4
"""What a dead agent may do: SMAX masks everything, the protocol asks for one action."""


class SMAX(Environment):
    """B copies in one jitted function."""

    def __init__(self, task: str, batch: int, device: torch.device, seed: int, first: int = 0) -> None:
        self.batch, self.device, self.first, self.seed = batch, device, first, seed
        game = _game(task)
        names, n = tuple(game.agents), len(game.agents)
        self._reset, self._step, self._show = _functions(task)
        self.spec = Spec(
            name=f"smax:{task}",
            obs_sizes=(int(game.observation_spaces[names[0]].shape[0]),) * n,
            state_size=int(game.state_size),
            spaces=tuple(Discrete(int(game.action_spaces[name].n)) for name in names),
            episode_limit=int(game.max_steps),
            agent_names=names,
            extra={"n_enemies": int(game.num_enemies)},
        )
        self._t = self.reset()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""
        self.seed, self._clock = self.seed if seed is None else check_seed(seed), 0
        self._state, shown = self._reset(self._keys(), self._numbers())
        return self._timestep(shown, None)

    def step(self, actions: Tensor) -> Timestep:
        """A step of every copy; those that end start again."""
        jnp = _module("jax.numpy")

        check_actions(self.spec, actions, self._t.available)
        self._clock += 1
        given = jnp.from_dlpack(actions.to(torch.int32).contiguous())
        self._state, shown, told, last = self._step(self._keys(), self._numbers(), self._state, given)
        return self._timestep(shown, told, last)

    def save(self) -> dict[str, Any]:
        """The leaves of jax's state, the clock and the seed."""
        jax = _module("jax")

        leaves = [self._tensor(leaf).clone() for leaf in jax.tree.leaves(self._state)]
        return {"seed": self.seed, "clock": self._clock, "leaves": leaves}

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Go on from there."""
        jax = _module("jax")
        jnp = _module("jax.numpy")

        old, tree = jax.tree.flatten(self._state)
        if [tuple(x.shape) for x in saved["leaves"]] != [x.shape for x in old]:
            raise InputError(f"{self.spec.name}: what was saved does not fit {self.batch} copies")
        leaves = [jnp.array(x.numpy()) for x in saved["leaves"]]
        self.seed, self._clock = int(saved["seed"]), int(saved["clock"])
        self._state = jax.tree.unflatten(tree, leaves)
        return self._timestep(self._show(self._state), None)

    def _keys(self) -> Any:
        jnp = _module("jax.numpy")

        words = (self.seed & 0x7FFFFFFF, self.seed >> 31 & 0x7FFFFFFF, self._clock)
        return jnp.array(words, dtype=jnp.uint32)

    def _numbers(self) -> Any:
        jnp = _module("jax.numpy")

        return jnp.arange(self.first, self.first + self.batch, dtype=jnp.uint32)

    def _timestep(self, shown: Any, told: Any, last: Any = None) -> Timestep:
        obs, state, available, alive = map(self._tensor, shown)
        available, alive = available.bool(), alive.bool()
        no = torch.zeros(self.batch, dtype=torch.bool, device=self.device)
        if told is None:
            reward, ends, limits, won = torch.zeros_like(alive, dtype=torch.float32), no, no, no
        else:
            reward, ends, limits, won = map(self._tensor, told)
            ends, limits, won = ends.bool(), limits.bool(), won.bool()
        final = None
        if last is not None and bool((ends | limits).any()):
            final = Final(*map(self._tensor, last))
        self._t = Timestep(obs, state, available, alive, reward, ends, limits, final, {"won": won})
        return self._t

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_dlpack(array).to(self.device)


@functools.lru_cache(maxsize=32)
def _game(task: str) -> Any:
    scenario = _module("jaxmarl.environments.smax").map_name_to_scenario(task)
    return _module("jaxmarl").make("HeuristicEnemySMAX", scenario=scenario)


def _module(name: str) -> Any:
    """An optional package, at the moment that it is needed."""
    return importlib.import_module(name)


@functools.lru_cache(maxsize=32)
def _functions(task: str) -> tuple[Any, Any, Any]:
    """reset(words, numbers), step(words, numbers, state, actions) and show(state), jitted, over batches."""
    jax, jnp = _module("jax"), _module("jax.numpy")

    game = _game(task)
    names, n = game.agents, len(game.agents)

    def key_of(words: Any, number: Any, use: int) -> Any:
        key = jax.random.fold_in(jax.random.PRNGKey(words[0]), words[1])
        for word in (number, words[2], use):
            key = jax.random.fold_in(key, word)
        return key

    def show(state: Any) -> Any:
        obs = game.get_obs(state)
        masks = game.get_avail_actions(state)
        mask = jnp.stack([masks[name] for name in names]) > 0
        stuck = ~mask.any(-1)
        mask = mask.at[:, STOP].set(mask[:, STOP] | stuck)
        alive = state.state.unit_alive[:n] > 0
        return (
            jnp.stack([obs[name] for name in names]),
            game.get_world_state(state),
            mask.astype(jnp.uint8),
            _bytes(alive),
        )

    def start(words: Any, number: Any, use: int) -> Any:
        return game.reset(key_of(words, number, use))[1]

    def reset(words: Any, number: Any) -> Any:
        state = start(words, number, 0)
        return state, show(state)

    def step(words: Any, number: Any, state: Any, actions: Any) -> Any:
        given = {name: actions[i] for i, name in enumerate(names)}
        _, after, rewards, dones, _ = game.step_env(key_of(words, number, 1), state, given)
        allies, enemies = after.state.unit_alive[:n].any(), after.state.unit_alive[n:].any()
        over = dones["__all__"]
        ended = over & ~(allies & enemies)
        obs, world, _, _ = show(after)
        fresh = start(words, number, 0)
        following = jax.tree.map(lambda a, b: jnp.where(over, a, b), fresh, after)
        reward = jnp.stack([rewards[name] for name in names]).astype(jnp.float32)
        told = reward, _bytes(ended), _bytes(over & ~ended), _bytes(over & allies & ~enemies)
        return following, show(following), told, (obs, world)

    def _bytes(x: Any) -> Any:
        return x.astype(jnp.uint8)

    return (
        jax.jit(jax.vmap(reset, (None, 0))),
        jax.jit(jax.vmap(step, (None, 0, 0, 0))),
        jax.jit(jax.vmap(show)),
    )


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **options: str) -> SMAX:
    """The scenario of that name."""
    if importlib.util.find_spec("jaxmarl") is None:
        raise InputError(
            f"smax:{task} needs jaxmarl: pip install marlcore[smax]; without it, skirmish:3m plays SMAC's task"
        )
    if options:
        raise InputError(f"smax:{task} has no option {next(iter(options))!r}")
    if task not in tasks():
        raise registry.unknown("scenario of SMAX", task, tasks())
    return SMAX(task, batch, device, seed, first)


def tasks() -> list[str]:
    """SMAX's scenarios, or none where it is not installed."""
    if importlib.util.find_spec("jaxmarl") is None:
        return []
    return list(_module("jaxmarl.environments.smax.smax_env").MAP_NAME_TO_SCENARIO)


FAMILY = Family(make, tasks, ("3m", "2s3z"))
