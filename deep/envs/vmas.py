"""``vmas:balance``: a scenario of VMAS (Bettini et al., "VMAS", DARS 2022) with its own batch, on any device.

    vmas:balance?n_agents=4        vmas:navigation?actions=discrete&limit=200&reward=mean

Options: ``actions`` (``continuous``, as VMAS has it by default, or ``discrete``), ``limit`` (truncate after so many
steps; 100), ``reward`` (``own``: each agent its own; ``sum`` or ``mean``: the team's, to all). Every other option goes
to the scenario, read as a Python literal or else as text; one that it does not use is refused. The state is the agents'
observations one after another, for VMAS has none of its own. ``terminated`` is the scenario's own ``done``.

What is a function of what. VMAS draws from torch's, NumPy's and Python's generators, one row a copy, so a batch would
decide what its copies draw. Here every copy starts its episodes alone (``reset_at``) under a seed that is a function of
(seed, first + b, episode), so a batch may be cut; a start takes about a millisecond a copy. What a scenario draws
*within* a step (noise on actions, scripted agents that choose at random) is drawn for the whole batch under a seed that
is a function of (seed, first, clock). So copies notice how many others there are in the scenarios that do so, and in
those whose arithmetic depends on the batch: of the 41 of VMAS 1.5.2 asym_joint, buzz_wire, football, het_mass,
road_traffic and simple_crypto. VMAS leaves the generators as they were; on CUDA this file does.

A world is objects that refer to each other, with whatever a scenario adds: it cannot be saved as plain data.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deep.envs import options
from deep.envs.pettingzoo import literal
from deep.envs.protocol import (
    Box,
    Discrete,
    Environment,
    Family,
    Final,
    Space,
    Spec,
    Timestep,
    check_actions,
    check_seed,
    full_mask,
)
from marlcore import registry, streams
from marlcore.errors import InputError

LIMIT = 100
"""Steps of an episode where the name says none: BenchMARL's ``max_steps`` for VMAS (Bettini et al., 2024)."""
START, STEP = 0, 1
"""The draws that seed the start of an episode, and a step."""


class VMAS(Environment):
    """B copies in one of VMAS's vectorized environments."""

    def __init__(self, task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> None:
        name = options.name("vmas", task, given)
        read = options.Reader(name, given)
        continuous = read.choice("actions", ("continuous", "discrete")) == "continuous"
        self._limit, self._reward = read.integer("limit", LIMIT, 1), read.choice("reward", ("own", "sum", "mean"))
        theirs = {key: literal(text) for key, text in read.rest().items()}
        self.batch, self.device, self.seed, self.first = batch, device, seed, first
        self._env = _make(name, task, batch, device, continuous, theirs)
        agents = self._env.agents
        sizes = tuple(part.shape[-1] for part in map(_flat, self._env.reset(seed=0)))
        self.spec = Spec(
            name=name,
            obs_sizes=sizes,
            state_size=sum(sizes),
            spaces=tuple(_space(self._env.get_agent_action_space(agent), name) for agent in agents),
            episode_limit=self._limit,
            team=self._reward != "own",
            saves=False,
            agent_names=tuple(agent.name for agent in agents),
        )
        self._available = full_mask(self.spec, batch, device)
        self._alive = torch.ones(batch, len(agents), dtype=torch.bool, device=device)
        self.reset()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""
        self.seed, self._clock = self.seed if seed is None else check_seed(seed), 0
        self._age = torch.zeros(self.batch, dtype=torch.int64, device=self.device)
        self._episodes = [0] * self.batch
        with self._generators():
            self._start(range(self.batch))
            obs = self._look()
        no = torch.zeros(self.batch, dtype=torch.bool, device=self.device)
        return self._timestep(*self._shown(obs), torch.zeros(self._alive.shape, device=self.device), no, no, None)

    def step(self, actions: Tensor) -> Timestep:
        """A step of every copy; those that end start again."""
        check_actions(self.spec, actions, self._available)
        self._clock += 1
        self._age += 1
        with self._generators():
            self._env.seed(self._word(self.first, self._clock, STEP))
            seen, rewards, terminated, _, _ = self._env.step(self._split(actions))
            truncated = (self._age >= self._limit) & ~terminated
            done = terminated | truncated
            obs = [_flat(part) for part in seen]
            final = None
            if bool(done.any()):
                final = Final(*self._shown(obs))
                self._start(done.nonzero()[:, 0].tolist())
                obs = [torch.where(done[:, None], new, old) for new, old in zip(self._look(), obs, strict=True)]
        self._age = torch.where(done, 0, self._age)
        return self._timestep(*self._shown(obs), self._rewards(rewards), terminated, truncated, final)

    def _start(self, copies: Iterable[int]) -> None:
        """The next episode of these copies, each under a seed of its own."""
        for b in copies:
            self._env.seed(self._word(self.first + b, self._episodes[b], START))
            self._env.reset_at(b, return_observations=False)
            self._episodes[b] += 1

    def _look(self) -> list[Tensor]:
        (seen,) = self._env.get_from_scenario(
            get_observations=True, get_rewards=False, get_infos=False, get_dones=False
        )
        return [_flat(part) for part in seen]

    def _word(self, stream: int, step: int, draw: int) -> int:
        """A seed that NumPy takes too."""
        return int(streams.words(self.seed, stream, step, draw)[0])

    def _generators(self) -> Any:
        """Leaves CUDA's generator as it was; VMAS does so for the CPU's."""
        return torch.random.fork_rng([self.device] if self.device.type == "cuda" else [])

    def _split(self, actions: Tensor) -> list[Tensor]:
        """One tensor an agent, without its padding."""
        if self.spec.action_kind == "discrete":
            return [actions[:, i, None] for i in range(self.spec.n_agents)]
        return [actions[:, i, : len(s.low)] for i, s in enumerate(self.spec.spaces) if isinstance(s, Box)]

    def _shown(self, obs: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Padded observations (B, n, o) and the state (B, s)."""
        size = self.spec.obs_size
        padded = [torch.nn.functional.pad(part, (0, size - part.shape[-1])) for part in obs]
        return torch.stack(padded, 1), torch.cat(obs, -1)

    def _rewards(self, rewards: list[Tensor]) -> Tensor:
        own = torch.stack(rewards, 1).float()
        if self._reward == "own":
            return own
        team = own.sum(1, keepdim=True) if self._reward == "sum" else own.mean(1, keepdim=True)
        return team.expand_as(own)

    def _timestep(self, obs: Tensor, state: Tensor, reward: Tensor, *ends: Any) -> Timestep:
        terminated, truncated, final = ends
        return Timestep(obs, state, self._available, self._alive, reward, terminated, truncated, final)


def _make(name: str, task: str, batch: int, device: torch.device, continuous: bool, theirs: dict[str, Any]) -> Any:
    """VMAS's environment; options that its scenario does not use are refused, where VMAS warns."""
    vmas = importlib.import_module("vmas")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Scenario kwargs")
        try:
            return vmas.make_env(
                task,
                num_envs=batch,
                device=device,
                continuous_actions=continuous,
                seed=0,
                terminated_truncated=True,
                **theirs,
            )
        except (UserWarning, AssertionError, TypeError, ValueError) as error:
            raise InputError(f"{name}: VMAS says: {error}") from error


def _flat(seen: Any) -> Tensor:
    """An observation as (B, o): VMAS's may be tensors by name."""
    if isinstance(seen, Mapping):
        return torch.cat([_flat(part) for part in seen.values()], -1)
    return seen.flatten(1).float()


def _space(space: Any, name: str) -> Space:
    """The protocol's word for gym's space."""
    if hasattr(space, "n"):
        return Discrete(int(space.n))
    low, high = (tuple(float(x) for x in end) for end in (space.low, space.high))
    if not all(map(math.isfinite, low + high)):
        raise InputError(f"{name}: the action space {low}–{high} has no ends")
    return Box(low, high)


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> VMAS:
    """The scenario of that name."""
    if importlib.util.find_spec("vmas") is None:
        raise InputError(
            f"vmas:{task} needs VMAS: pip install marlcore[vmas]; without it, mpe:simple_spread has particle worlds"
        )
    if task not in tasks():
        raise registry.unknown("scenario of VMAS", task, tasks())
    return VMAS(task, batch, device, seed, first, **given)


def tasks() -> list[str]:
    """The scenarios' files, or none where VMAS is not installed."""
    if importlib.util.find_spec("vmas") is None:
        return []
    folder = Path(str(importlib.import_module("vmas.scenarios").__file__)).parent
    return sorted({path.stem for path in folder.rglob("*.py")} - {"__init__"})


FAMILY = Family(make, tasks, ("balance", "transport?limit=20&n_agents=3", "navigation?actions=discrete&reward=mean"))
