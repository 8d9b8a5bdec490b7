"""``skirmish:3m``: SMAC's tasks by SMAC's interface, simulated here, in batches, on the CPU or a CUDA GPU.

    skirmish:MAP     one of SMAC's 23 maps, or RACE_N_vs_M: terran, protoss or zerg at 5v5, 10v10, 10v11, 20v20, 20v23

Observations, state, actions and masks are SMAC's (``layout``), the battle is ``step``'s. Reward: damage to enemies,
10 a kill and 200 for the win, scaled so that a perfect episode without regeneration sums to 20; all agents get it.
An episode *terminates* when one side is gone and is *truncated* at SMAC's limit. ``info`` has ``won``, ``dead_allies``
and ``dead_enemies`` of the step. Source: Samvelyan et al., "The StarCraft Multi-Agent Challenge", 2019; random teams:
Ellis et al., "SMACv2", 2023. It is not StarCraft: docs/skirmish.md lists the departures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deep.envs.protocol import Discrete, Environment, Family, Final, Spec, Timestep, check_actions, check_seed
from deep.envs.skirmish import fields, maps
from deep.envs.skirmish.layout import layout
from marlcore.errors import InputError

WON, LOST, LIMIT = 1, 2, 3
"""What ``step_battle`` says of an episode that ended."""
SAVED = ("f", "k", "c", "g")
"""The arrays that the next step depends on."""


class Skirmish(Environment):
    """B copies of a battle; copy b's draws are those of stream ``first + b``."""

    def __init__(self, task: str, batch: int, device: torch.device, seed: int, first: int = 0) -> None:
        self.scene = maps.scene(task)
        self.batch, self.device, self.seed, self.first = batch, device, seed, first
        self.map = self.scene.map
        sizes = layout(self.map)
        n, count = self.map.n, self.map.n + self.map.m
        self.spec = Spec(
            name=f"skirmish:{task}",
            obs_sizes=(sizes.obs,) * n,
            state_size=sizes.state,
            spaces=(Discrete(sizes.n_actions),) * n,
            episode_limit=self.map.limit,
            extra={"n_enemies": self.map.m, "map": task},
        )

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(batch, *shape, dtype=dtype, device=device)

        self.f, self.k = zeros(fields.FIELDS, count), zeros(fields.KEYS, count, dtype=torch.int32)
        self.c, self.g = zeros(fields.COUNTERS, dtype=torch.int64), zeros(fields.GLOBALS)
        self._obs, self._state = zeros(n, sizes.obs), zeros(sizes.state)
        self._available = zeros(n, sizes.n_actions, dtype=torch.bool)
        self._alive = zeros(n, dtype=torch.bool)
        self._reward, self._outcome = zeros(n), zeros(dtype=torch.int64)
        self._dead = zeros(dtype=torch.int64), zeros(dtype=torch.int64)
        self._last_obs, self._last_state = zeros(n, sizes.obs), zeros(sizes.state)
        scratch = zeros(fields.SCRATCH, count)
        scene = self.scene
        self._engine = _engine(device)
        self._battles = self._engine.arrays(self.f, self.k, self.c, self.g, scratch)
        self._scene = self._engine.constants(
            *(scene.table, scene.types, scene.starts, scene.sizes, scene.values, scene.ground, scene.paths)
        )
        self._shown = self._engine.arrays(self._obs, self._state, self._available, self._alive)
        self._told = self._engine.arrays(self._reward, self._outcome, *self._dead)
        self._last = self._engine.arrays(self._last_obs, self._last_state)
        self.reset()

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""
        self.seed = self.seed if seed is None else check_seed(seed)
        self._engine.start_all(self._battles, self._scene, self._shown, self.seed, self.first)
        self._reward.zero_()
        self._outcome.zero_()
        return self._timestep()

    def step(self, actions: Tensor) -> Timestep:
        """Eight game loops in every battle."""
        check_actions(self.spec, actions, self._available)
        (given,) = self._engine.arrays(actions.contiguous())
        self._engine.step_all(
            self._battles, self._scene, self._shown, self._told, self._last, given, self.seed, self.first
        )
        return self._timestep()

    def save(self) -> dict[str, Any]:
        """Units, counters and the seed."""
        return {"seed": self.seed, **{name: getattr(self, name).clone() for name in SAVED}}

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Go on from there."""
        if missing := {"seed", *SAVED} - saved.keys():
            raise InputError(f"{self.spec.name}: what was saved has no {min(missing)}: it is of another environment")
        for name in SAVED:
            if saved[name].shape != getattr(self, name).shape:
                raise InputError(
                    f"{self.spec.name}: saved {name} of shape {tuple(saved[name].shape)} does not fit "
                    f"{self.batch} copies, which need {tuple(getattr(self, name).shape)}"
                )
        self.seed = int(saved["seed"])
        for name in SAVED:
            getattr(self, name).copy_(saved[name])
        self._engine.show_all(self._battles, self._scene, self._shown)
        self._reward.zero_()
        self._outcome.zero_()
        return self._timestep()

    def _timestep(self) -> Timestep:
        self.timestep = self._make_timestep()
        return self.timestep

    def _make_timestep(self) -> Timestep:
        outcome = self._outcome
        terminated, truncated = (outcome == WON) | (outcome == LOST), outcome == LIMIT
        ended = bool((outcome > 0).any())
        return Timestep(
            obs=self._obs,
            state=self._state,
            available=self._available,
            alive=self._alive,
            reward=self._reward,
            terminated=terminated,
            truncated=truncated,
            final=Final(self._last_obs, self._last_state) if ended else None,
            info={"won": outcome == WON, "dead_allies": self._dead[0], "dead_enemies": self._dead[1]},
        )


class _OnCPU:
    """The compiled loops over NumPy views of the tensors."""

    def __init__(self) -> None:
        from deep.envs.skirmish import batch

        self.start_all, self.step_all, self.show_all = batch.start_all, batch.step_all, batch.show_all

    @staticmethod
    def arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
        """Views: they share the tensors' memory."""
        return tuple(tensor.numpy() for tensor in tensors)

    @staticmethod
    def constants(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The scene, as it is."""
        return arrays


def _engine(device: torch.device) -> Any:
    if device.type == "cpu":
        return _OnCPU()
    from deep.envs.skirmish.cuda import OnCUDA

    return OnCUDA()


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **options: str) -> Skirmish:
    """The battle of that name."""
    if options:
        raise InputError(f"skirmish:{task} has no option {next(iter(options))!r}: a battle is its map's name alone")
    return Skirmish(task, batch, device, seed, first)


FAMILY = Family(make, maps.names, ("3m", "MMM2", "2s3z", "bane_vs_bane", "corridor", "zerg_10_vs_11"))
