"""A task whose world is a dict of tensors: seeds, ends, saving and loading are done here, once, on any device.

    class Mine(TensorEnvironment):
        def begin(self, uniform): ...                     the world at the start of an episode
        def advance(self, world, actions, uniform): ...   the next world, reward (B, n), terminated (B,) or None
        def show(self, world): ...                        obs (B, n, o) and state (B, s)

Every tensor of the world has the copies as its first axis, and nothing loops over copies. ``uniform(k)`` gives k fresh
uniform numbers a copy, (B, k) float64: a function of the seed, the copy's number and the step, on every device the
same. An episode is truncated after ``spec.episode_limit`` steps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deep.envs import draws
from deep.envs.protocol import Environment, Final, Spec, Timestep, check_actions, check_seed, full_mask
from marlcore.errors import InputError

World = dict[str, Tensor]
Uniform = Callable[[int], Tensor]
BEGIN = 2**16
"""The draws of ``begin`` start here, those of ``advance`` at 0."""


class TensorEnvironment(Environment):
    """B copies of a world of tensors."""

    def __init__(self, spec: Spec, batch: int, device: torch.device, seed: int, first: int = 0) -> None:
        self.spec, self.batch, self.device, self.seed, self.first = spec, batch, device, seed, first
        self._copies = torch.arange(first, first + batch, device=device)
        self._available = full_mask(spec, batch, device)
        self._alive = torch.ones(batch, spec.n_agents, dtype=torch.bool, device=device)
        self._no = torch.zeros(batch, dtype=torch.bool, device=device)
        self.reset()

    @abstractmethod
    def begin(self, uniform: Uniform) -> World:
        """The world of every copy at the start of an episode."""

    @abstractmethod
    def advance(self, world: World, actions: Tensor, uniform: Uniform) -> tuple[World, Tensor, Tensor | None]:
        """The next world, the rewards (B, n) and where nothing follows (B,); None for nowhere."""

    @abstractmethod
    def show(self, world: World) -> tuple[Tensor, Tensor]:
        """The observations (B, n, o) and the state (B, s), float32."""

    def figures(self, world: World) -> dict[str, Tensor]:
        """What sums up an episode that ends in this world, each (B,)."""
        return {}

    def reset(self, seed: int | None = None) -> Timestep:
        """Every copy at the start of its first episode."""
        self.seed = self.seed if seed is None else check_seed(seed)
        self.count = 0
        self.age = torch.zeros(self.batch, dtype=torch.int64, device=self.device)
        self.world = self.begin(self._uniform(BEGIN))
        return self._fresh()

    def step(self, actions: Tensor) -> Timestep:
        """``advance``; where an episode ends, ``begin``."""
        check_actions(self.spec, actions, self._available)
        self.count += 1
        self.age = self.age + 1
        self.world, reward, over = self.advance(self.world, actions, self._uniform(0))
        terminated = self._no if over is None else over
        limit = self.spec.episode_limit
        truncated = self._no if limit is None else (self.age >= limit) & ~terminated
        done, info, final = terminated | truncated, self.figures(self.world), None
        if bool(done.any()):
            final = Final(*self.show(self.world))
            fresh = self.begin(self._uniform(BEGIN))
            self.world = {name: _where(done, fresh[name], value) for name, value in self.world.items()}
            self.age = torch.where(done, 0, self.age)
        obs, state = self.show(self.world)
        return Timestep(
            obs, state, self._available, self._alive, reward.float(), terminated, truncated, final=final, info=info
        )

    def save(self) -> dict[str, Any]:
        """Seed, counter, ages and the world."""
        world = {name: value.clone() for name, value in self.world.items()}
        return {"seed": self.seed, "count": self.count, "age": self.age.clone(), "world": world}

    def load(self, saved: Mapping[str, Any]) -> Timestep:
        """Go on from there."""
        for name, value in self.world.items():
            found = saved["world"].get(name)
            if found is None or found.shape != value.shape:
                shape = None if found is None else tuple(found.shape)
                raise InputError(f"{self.spec.name}: saved {name} of shape {shape} does not fit {tuple(value.shape)}")
        self.seed, self.count = int(saved["seed"]), int(saved["count"])
        self.age = saved["age"].to(self.device)
        self.world = {name: saved["world"][name].to(self.device) for name in self.world}
        return self._fresh()

    def _uniform(self, start: int) -> Uniform:
        used = start

        def uniform(count: int) -> Tensor:
            nonlocal used
            used += count
            return draws.uniforms(self.seed, self._copies, self.count, used - count, count)

        return uniform

    def _fresh(self) -> Timestep:
        obs, state = self.show(self.world)
        reward = torch.zeros_like(self._alive, dtype=torch.float32)
        return Timestep(
            obs, state, self._available, self._alive, reward, self._no, self._no, info=self.figures(self.world)
        )


def _where(done: Tensor, fresh: Tensor, value: Tensor) -> Tensor:
    return torch.where(done.reshape(-1, *[1] * (value.ndim - 1)), fresh, value)
