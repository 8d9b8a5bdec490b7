"""A PettingZoo parallel environment as one copy of a worker.

    obs, infos = env.reset(seed)        obs, rewards, terminations, truncations, infos = env.step(actions)

Source: the parallel API, https://pettingzoo.farama.org/api/parallel/. The agents are ``possible_agents``; one that is
not in ``agents``, or whose own end has come, is dead until the episode ends. The episode ends with its last agent:
*truncated* if the clock stopped one of the last, *terminated* if all of them came to an end.

- The state is the environment's ``state()`` if it has one, else all observations one after another. (``mpe2``'s
  ``state()`` is just that, computed anew: leaving it alone saves a quarter of the time.)
- Observations are flattened as Gymnasium does (one-hot for ``Discrete``). A dictionary with ``observation`` and
  ``action_mask`` is what it says; a mask may also come as ``infos[agent]["action_mask"]``.
- Actions may be ``Discrete``, ``MultiDiscrete``, ``MultiBinary`` (choices of two) or ``Box``; all agents of one kind.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deep.spaces import Box, Discrete, MultiDiscrete, Space, Spec
from deep.worker.single import Outcome, Single, View
from marlcore.errors import InputError

EXTRA = "pip install 'marlcore[deep]'"
"""What brings PettingZoo, mpe2, Gymnasium-Robotics and MuJoCo."""


class PettingZooSingle(Single):
    """One parallel environment, made by ``parallel_env(**options)``; ``joined`` leaves its ``state()`` alone."""

    def __init__(
        self, name: str, parallel_env: Callable[..., Any], options: Mapping[str, Any], joined: bool = False
    ) -> None:
        self._env = _call(name, parallel_env, options)
        self._agents = tuple(self._env.possible_agents)
        self._name = name
        spaces = [self._env.action_space(agent) for agent in self._agents]
        seen = [self._env.observation_space(agent) for agent in self._agents]
        self._flatten = [_flattener(name, space) for space in seen]
        actions = [_action_space(name, agent, space) for agent, space in zip(self._agents, spaces, strict=True)]
        self._convert = [convert for _, convert in actions]
        obs, _ = self._env.reset(seed=0)
        sizes = tuple(flat(obs[agent]).size for flat, agent in zip(self._flatten, self._agents, strict=True))
        self._has_state = not joined and _has_state(name, self._env)
        self.spec = Spec(
            name=name,
            obs_sizes=sizes,
            state_size=np.asarray(self._env.state()).size if self._has_state else sum(sizes),
            spaces=tuple(space for space, _ in actions),
            team=len(self._agents) == 1,
            agent_names=tuple(str(agent) for agent in self._agents),
        )

    def reset(self, seed: int) -> View:
        """``env.reset(seed)``."""
        obs, infos = self._env.reset(seed=seed)
        self._live = [agent in self._env.agents for agent in self._agents]
        return self._view(obs, infos)

    def step(self, actions: np.ndarray) -> Outcome:
        """``env.step`` with the actions of the living."""
        before = self._live
        taken = {
            agent: convert(row)
            for agent, convert, row, alive in zip(self._agents, self._convert, actions, before, strict=True)
            if alive
        }
        obs, rewards, terminations, truncations, infos = self._env.step(taken)
        going = set(self._env.agents)
        over = {a: bool(terminations.get(a, False)) for a in self._agents}
        cut = {a: bool(truncations.get(a, False)) and not over[a] for a in self._agents}
        self._live = [a in going and not over[a] and not cut[a] for a in self._agents]
        ended = not any(self._live)
        truncated = ended and any(cut[a] for a, alive in zip(self._agents, before, strict=True) if alive)
        if ended:  # the last view is that of the agents that were there until the end
            self._live = [alive and a in obs for a, alive in zip(self._agents, before, strict=True)]
        got = np.array([float(rewards.get(a, 0.0)) for a in self._agents])
        return Outcome(self._view(obs, infos), got, ended and not truncated, truncated)

    def close(self) -> None:
        """``env.close()``."""
        self._env.close()

    def _view(self, obs: Mapping[Any, Any], infos: Mapping[Any, Any]) -> View:
        seen: list[np.ndarray | None] = []
        masks: list[np.ndarray | None] = []
        for agent, flat, alive in zip(self._agents, self._flatten, self._live, strict=True):
            if alive and agent not in obs:
                raise InputError(f"{self._name}: agent {agent} is alive and has no observation")
            seen.append(flat(obs[agent]) if alive else None)
            mask = obs[agent].get("action_mask") if alive and isinstance(obs[agent], Mapping) else None
            if mask is None:
                mask = infos.get(agent, {}).get("action_mask")
            if isinstance(mask, (tuple, list)):
                mask = np.concatenate([np.ravel(part) for part in mask])
            masks.append(None if mask is None else np.ravel(np.asarray(mask)))
        if self._has_state:
            state = np.asarray(self._env.state(), dtype=np.float32).ravel()
        else:
            blank = [np.zeros(size, dtype=np.float32) for size in self.spec.obs_sizes]
            state = np.concatenate([b if own is None else own for own, b in zip(seen, blank, strict=True)])
        return View(seen, state, masks, self._live)


def make(name: str, path: str, options: Mapping[str, Any], joined: bool = False) -> PettingZooSingle:
    """The environment of a dotted path: a module that has ``parallel_env``, or ``module:function``."""
    module, _, attribute = path.partition(":")
    attribute = attribute or "parallel_env"
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        hint = f"PettingZoo and mpe2 come by {EXTRA}"
        raise InputError(f"{name}: {module} cannot be imported ({error}); {hint}") from error
    function = getattr(found, attribute, None)
    if not callable(function):
        raise InputError(f"{name}: {module} has no {attribute}(), so it is no PettingZoo parallel environment")
    return PettingZooSingle(name, function, options, joined)


def _call(name: str, parallel_env: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    try:
        return parallel_env(**options)
    except (TypeError, AssertionError, ValueError) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise InputError(f"{name}: parallel_env({given}) raises {type(error).__name__}: {error}") from error


def _has_state(name: str, env: Any) -> bool:
    """Whether there is a ``state()``; one that is there and fails is a mistake of the environment, and said."""
    try:
        return env.state() is not None
    except NotImplementedError:
        return False
    except AttributeError as error:
        # a wrapper looks for the state of what it wraps: absent is what an environment itself does not have
        if error.name == "state" and getattr(error.obj, "possible_agents", None) is not None:
            return False
        raise InputError(
            f"{name}: state() raises AttributeError: {error}; mend it, or take the observations (state=joined)"
        ) from error


def _flattener(name: str, space: Any) -> Callable[[Any], np.ndarray]:
    """How an observation of that space becomes a flat array; a box of a wrong shape keeps it, to be refused."""
    spaces = _gymnasium(name).spaces
    if isinstance(space, spaces.Dict) and "observation" in space.spaces and "action_mask" in space.spaces:
        inner = _flattener(name, space["observation"])
        return lambda seen: inner(seen["observation"])
    if isinstance(space, spaces.Box):
        shape, size = space.shape, int(np.prod(space.shape))

        def flat(seen: Any) -> np.ndarray:
            array = np.asarray(seen)
            return array.reshape(size) if array.shape == shape else array

        return flat
    return lambda seen: spaces.flatten(space, seen)


def _action_space(name: str, agent: Any, space: Any) -> tuple[Space, Callable[[np.ndarray], Any]]:
    """The space here, and how a row of actions becomes an action there."""
    spaces = _gymnasium(name).spaces
    if isinstance(space, spaces.Discrete):
        start = int(space.start)
        return Discrete(int(space.n)), lambda row: int(row[0]) + start
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
        shape = space.shape
        counts = np.full(shape, 2) if isinstance(space, spaces.MultiBinary) else space.nvec
        start = np.zeros(shape, dtype=space.dtype) if isinstance(space, spaces.MultiBinary) else space.start
        size = counts.size
        whole = MultiDiscrete(tuple(int(c) for c in counts.ravel()))
        return whole, lambda row: row[:size].reshape(shape).astype(space.dtype) + start
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        shape, size = space.shape, int(np.prod(space.shape))
        low, high = (tuple(float(x) for x in end.astype(np.float32).ravel()) for end in (space.low, space.high))
        return Box(low, high), lambda row: row[:size].reshape(shape).astype(space.dtype)
    raise InputError(
        f"{name}: agent {agent} acts in {space}; actions can be Discrete, MultiDiscrete, MultiBinary or a Box of floats"
    )


def _gymnasium(name: str) -> Any:
    try:
        import gymnasium
    except ImportError as error:
        raise InputError(f"{name} needs Gymnasium ({error}); it comes by {EXTRA}") from error
    return gymnasium
