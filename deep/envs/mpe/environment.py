"""A batch of particle worlds: arrays that a compiled loop steps, and tensors that look at the same memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.envs import options
from deep.envs.mpe import world as loops
from deep.envs.mpe.reference import reference
from deep.envs.mpe.scenario import Scenario
from deep.envs.mpe.speaker_listener import speaker_listener
from deep.envs.mpe.spread import spread
from deep.envs.protocol import (
    Discrete,
    Environment,
    Family,
    Final,
    MultiDiscrete,
    Spec,
    Timestep,
    check_actions,
    check_seed,
    full_mask,
)
from marlcore import registry
from marlcore.compiled import specialise
from marlcore.errors import InputError

LIMIT, LOCAL_RATIO = 25, 0.5
"""``mpe2``'s defaults."""
TASKS = ("simple_spread", "simple_reference", "simple_speaker_listener")
SAVED = ("pos", "vel", "comm", "goal", "age")


class MpeEnvironment(Environment):
    """B copies of a task. Its tensors are overwritten by the next step."""

    def __init__(
        self,
        scenario: Scenario,
        name: str,
        batch: int,
        device: torch.device,
        seed: int,
        first: int = 0,
        limit: int = LIMIT,
        ratio: float = LOCAL_RATIO,
        shared: bool = True,
    ) -> None:
        n, sizes = len(scenario.agents), scenario.obs_sizes
        self.batch, self.device, self.seed, self.first = batch, device, seed, first
        self.spec = Spec(
            name=name,
            obs_sizes=sizes,
            state_size=sum(sizes),
            spaces=scenario.spaces,
            episode_limit=limit,
            team=shared,
            agent_names=scenario.agents,
        )
        self.pos = np.zeros((batch, n + scenario.landmarks, 2))
        self.vel = np.zeros((batch, n, 2))
        self.comm = np.zeros((batch, n, scenario.words))
        self.goal = np.zeros((batch, n), dtype=np.int64)
        self.age = np.zeros(batch, dtype=np.int64)
        self._limit, self._ratio, self._shared, self._scenario = limit, ratio, shared, scenario
        self._sizes, self._counts = np.array(sizes), _counts(self.spec)
        self._work = np.zeros((n, 2)), np.zeros(n)
        self._obs = np.zeros((batch, n, max(sizes)), dtype=np.float32)
        self._state = np.zeros((batch, sum(sizes)), dtype=np.float32)
        self._reward = np.zeros((batch, n), dtype=np.float32)
        self._truncated = np.zeros(batch, dtype=np.bool_)
        self._final = np.zeros_like(self._obs), np.zeros_like(self._state)
        self._out = (self._obs, self._state, self._sizes, self._reward, self._truncated, *self._final)
        self._available = full_mask(self.spec, batch, device)
        self._alive = torch.ones(batch, n, dtype=torch.bool, device=device)
        self._never = torch.zeros(batch, dtype=torch.bool, device=device)
        task = {"decode": scenario.decode, "rewards": scenario.rewards, "observe": scenario.observe}
        self._step = specialise(loops.step_copies, **task)
        self._look = specialise(loops.show_copies, observe=scenario.observe)
        self.reset()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""
        self.seed = self.seed if seed is None else check_seed(seed)
        self.count = 0
        loops.begin_copies(self.seed, self.first, 0, self._scenario.landmarks, self._world)
        return self._fresh()

    def step(self, actions: Tensor) -> Timestep:
        """Forces, motion, rewards; at the limit the next episode."""
        taken = self._checked(actions)
        self.count += 1
        self._step(
            self.seed,
            self.first,
            self.count,
            self._limit,
            self._ratio,
            self._shared,
            self._scenario.radius,
            self._scenario.landmarks,
            self._world,
            taken,
            self._work,
            self._out,
        )
        final = Final(*(self._tensor(x) for x in self._final)) if self._truncated.any() else None
        return self._show(final)

    def save(self) -> dict[str, Any]:
        """Seed, counter and the arrays of the world."""
        arrays = {name: torch.from_numpy(getattr(self, name).copy()) for name in SAVED}
        return {"seed": self.seed, "count": self.count, **arrays}

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Go on from there."""
        for name in SAVED:
            array = getattr(self, name)
            if tuple(saved[name].shape) != array.shape:
                raise InputError(
                    f"{self.spec.name}: saved {name} of shape {tuple(saved[name].shape)} does not fit {array.shape}"
                )
        self.seed, self.count = int(saved["seed"]), int(saved["count"])
        for name in SAVED:
            getattr(self, name)[:] = saved[name].cpu().numpy()
        return self._fresh()

    @property
    def _world(self) -> tuple[np.ndarray, ...]:
        return self.pos, self.vel, self.comm, self.goal, self.age

    def _checked(self, actions: Tensor) -> np.ndarray:
        """The actions as (B, n, d). The compiled look is the fast one; the other knows what to say."""
        kind, n = self.spec.action_kind, self.spec.n_agents
        shape = (self.batch, n) if kind == "discrete" else (self.batch, n, self.spec.action_size)
        dtype = torch.float32 if kind == "box" else torch.int64
        if kind == "box" or tuple(actions.shape) != shape or actions.dtype != dtype:
            check_actions(self.spec, actions, self._available)
        taken = actions.detach().cpu().numpy().reshape(self.batch, n, -1)
        if kind != "box" and loops.first_unavailable(taken, self._counts):
            check_actions(self.spec, actions, self._available)
            raise AssertionError("check_actions let an unavailable action pass")
        return taken

    def _fresh(self) -> Timestep:
        self._look(self._world, self._obs, self._state, self._sizes)
        self._reward[:], self._truncated[:] = 0, False
        return self._show(None)

    def _show(self, final: Final | None) -> Timestep:
        return Timestep(
            obs=self._tensor(self._obs),
            state=self._tensor(self._state),
            available=self._available,
            alive=self._alive,
            reward=self._tensor(self._reward),
            terminated=self._never,
            truncated=self._tensor(self._truncated),
            final=final,
        )

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def _counts(spec: Spec) -> np.ndarray:
    """(n, d): how many choices agent i has in dimension k; 1 where it has no such dimension."""
    counts = np.ones((spec.n_agents, max(spec.action_size, 1)), dtype=np.int64)
    for i, space in enumerate(spec.spaces):
        own = (space.n,) if isinstance(space, Discrete) else space.counts if isinstance(space, MultiDiscrete) else ()
        counts[i, : len(own)] = own
    return counts


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> MpeEnvironment:
    """The task of that name; the options are those of the package's page."""
    name = options.name("mpe", task, given)
    read = options.Reader(name, given)
    limit, continuous = read.integer("max_cycles", LIMIT, least=1), read.flag("continuous_actions", False)
    shared = read.choice("reward", ("sum", "own")) == "sum"
    ratio = LOCAL_RATIO
    if task == "simple_spread":
        ratio = read.number("local_ratio", LOCAL_RATIO, 0, 1)
        scenario = spread(read.integer("N", 3, least=1), continuous)
    elif task == "simple_reference":
        ratio = read.number("local_ratio", LOCAL_RATIO, 0, 1)
        scenario = reference(continuous, read.flag("factored", False))
    elif task == "simple_speaker_listener":
        ratio, scenario = 1.0, speaker_listener(continuous)
    else:
        raise registry.unknown("task of mpe", task, list(TASKS))
    read.done()
    return MpeEnvironment(scenario, name, batch, device, seed, first, limit, ratio, shared)


FAMILY = Family(
    make,
    lambda: TASKS,
    (
        "simple_spread?N=4",
        "simple_reference?factored=true&max_cycles=7",
        "simple_speaker_listener",
    ),
)
