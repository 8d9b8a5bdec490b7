"""Dispersion: n agents that see the same must go to n different sites. ``dispersion:line``, ``dispersion:grid``.

    r = (number of sites with an agent on them, after the move)/n, to all agents

All agents start in one cell, drawn at random; n different cells are sites. An agent sees its own cell, the sites and
how many agents stand in each cell, so agents in one cell see the same. A deterministic policy that all share therefore
keeps them together for ever and gets at most 1/n a step; a random one splits them by luck alone. Agents with parameters
or identities of their own get 1 a step from when all have arrived. This is what sharing schemes are compared on.

Source: the tasks "dispersion" of VMAS (Bettini et al., DARS 2022), which HyperMARL (Tessera et al. 2024, arXiv
2412.04233) uses to measure specialisation; here on cells, so that what is optimal can be said exactly.

- Actions: stay, left, right; on the grid also down and up. A move over the border stays.
- Observations, 3·C numbers for C cells (``size``, or ``size``² on the grid): the unit vector of the own cell, the map
  of sites, and the share of agents in each cell. The state is the last two.
- The episode is truncated after ``limit`` steps. ``info["covered"]`` is the share of sites covered.
- Options: ``n`` (4), ``size`` (8 on the line, 5 on the grid), ``limit`` (25).
"""

from __future__ import annotations

import torch
from torch import Tensor

from deep.envs import options
from deep.envs.protocol import Discrete, Family, Spec
from deep.envs.tensors import TensorEnvironment, Uniform, World
from marlcore import registry
from marlcore.errors import InputError

TASKS = ("line", "grid")
SIZES = {"line": 8, "grid": 5}
AGENTS, LIMIT = 4, 25


class Dispersion(TensorEnvironment):
    """B copies. The world: ``cell`` (B, n, axes), the agents' coordinates, and ``sites`` (B, C) bool."""

    def __init__(
        self,
        name: str,
        n: int,
        size: int,
        axes: int,
        limit: int,
        batch: int,
        device: torch.device,
        seed: int,
        first: int = 0,
    ) -> None:
        self.size, self.cells = size, size**axes
        if n > self.cells:
            raise InputError(f"{name}: {n} agents need {n} sites, and there are {self.cells} cells")
        self._moves = torch.tensor([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]], device=device)[: 1 + 2 * axes, :axes]
        self._strides = torch.tensor([1, size], device=device)[:axes]
        spec = Spec(
            name=name,
            obs_sizes=(3 * self.cells,) * n,
            state_size=2 * self.cells,
            spaces=(Discrete(1 + 2 * axes),) * n,
            episode_limit=limit,
        )
        super().__init__(spec, batch, device, seed, first)

    def begin(self, uniform: Uniform) -> World:
        """One cell for all agents, n different ones as sites."""
        n, axes = self.spec.n_agents, len(self._strides)
        start = (uniform(axes) * self.size).long()
        sites = torch.zeros(self.batch, self.cells, dtype=torch.bool, device=self.device)
        sites.scatter_(1, distinct(self.cells, uniform(n)), value=True)
        return {"cell": start[:, None].expand(-1, n, -1).clone(), "sites": sites}

    def advance(self, world: World, actions: Tensor, uniform: Uniform) -> tuple[World, Tensor, None]:
        """Move, then count the sites with somebody on them."""
        cell = (world["cell"] + self._moves[actions]).clamp(0, self.size - 1)
        world = {**world, "cell": cell}
        reward = self.figures(world)["covered"][:, None].expand(-1, self.spec.n_agents)
        return world, reward, None

    def show(self, world: World) -> tuple[Tensor, Tensor]:
        """Own cell, sites, occupancy."""
        own = torch.nn.functional.one_hot(self._index(world), self.cells).float()
        maps = torch.cat([world["sites"].float(), own.mean(1)], -1)
        return torch.cat([own, maps[:, None].expand(-1, self.spec.n_agents, -1)], -1), maps

    def figures(self, world: World) -> dict[str, Tensor]:
        """The share of sites that are covered."""
        occupied = torch.zeros_like(world["sites"]).scatter_(1, self._index(world), value=True)
        return {"covered": (occupied & world["sites"]).sum(-1) / self.spec.n_agents}

    def _index(self, world: World) -> Tensor:
        """(B, n): the number of the cell of each agent."""
        return (world["cell"] * self._strides).sum(-1)


def distinct(count: int, u: Tensor) -> Tensor:
    """(B, n) different numbers of 0, …, count − 1, uniform among all such: n swaps of Fisher & Yates' shuffle."""
    order = torch.arange(count, device=u.device).repeat(u.shape[0], 1)
    for k in range(u.shape[1]):
        other = k + (u[:, k : k + 1] * (count - k)).long()
        here, there = order[:, k : k + 1].clone(), order.gather(1, other)
        order.scatter_(1, other, here)
        order[:, k : k + 1] = there
    return order[:, : u.shape[1]]


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> Dispersion:
    """The line or the grid."""
    name = options.name("dispersion", task, given)
    if task not in TASKS:
        raise registry.unknown("task of dispersion", task, list(TASKS))
    read = options.Reader(name, given)
    n, size = read.integer("n", AGENTS, least=1), read.integer("size", SIZES[task], least=2)
    limit = read.integer("limit", LIMIT, least=1)
    read.done()
    return Dispersion(name, n, size, 1 + TASKS.index(task), limit, batch, device, seed, first)


FAMILY = Family(make, lambda: TASKS, ("line?n=3", "grid?limit=9"))
