"""Navigation: every agent has a goal, all goals are in sight, and nobody is told which is whose.

    r_i = |x_i − g(i)| before the move − |x_i − g(i)| after it

Tasks: ``navigation:different`` (each agent its own goal: behaviour must depend on who one is), ``navigation:same`` (one
goal for all: sharing suits) and ``navigation:mixed`` (two goals, for agents of even and odd number). The rewards of an
episode add up to the way gained, |x_i − g(i)| at its start less that at its end.

Source: the task "navigation" of VMAS (Bettini et al., DARS 2022) with equal and different goals, as HyperMARL (Tessera
et al. 2024, arXiv 2412.04233) compares sharing schemes on; here without inertia, so that the best return is known: the
mean distance at the start, if ``limit`` leaves time to get there.

- Positions and goals are uniform in [−1, 1]²; a move is 0.1 long and ends at the border. Actions: stay, left, right,
  down, up; with ``continuous=true`` a vector in [−1, 1]², taken times 0.1.
- Observations: the own position and every goal relative to it, 2 + 2·goals numbers. The state: all positions and goals.
- The episode is truncated after ``limit`` steps. ``info["distance"]`` is the agents' mean distance from their goals.
- Options: ``n`` (4), ``limit`` (30), ``continuous``, ``reward`` (``mean``: to all; ``own``).
"""

from __future__ import annotations

import torch
from torch import Tensor

from deep.envs import options
from deep.envs.protocol import Box, Discrete, Family, Space, Spec
from deep.envs.tensors import TensorEnvironment, Uniform, World
from marlcore import registry

TASKS = ("different", "same", "mixed")
AGENTS, LIMIT, STRIDE = 4, 30, 0.1


class Navigation(TensorEnvironment):
    """B copies. The world: ``x`` (B, n, 2) and ``goals`` (B, m, 2); agent i's goal is number i mod m."""

    def __init__(
        self,
        name: str,
        n: int,
        goals: int,
        limit: int,
        team: bool,
        continuous: bool,
        batch: int,
        device: torch.device,
        seed: int,
        first: int = 0,
    ) -> None:
        self._m, self._team, self._continuous = goals, team, continuous
        self._whose = torch.arange(n, device=device) % goals
        self._moves = STRIDE * torch.tensor([[0.0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]], device=device)
        space: Space = Box((-1.0, -1.0), (1.0, 1.0)) if continuous else Discrete(5)
        spec = Spec(
            name=name,
            obs_sizes=(2 + 2 * goals,) * n,
            state_size=2 * (n + goals),
            spaces=(space,) * n,
            episode_limit=limit,
            team=team,
        )
        super().__init__(spec, batch, device, seed, first)

    def begin(self, uniform: Uniform) -> World:
        """Everything uniform in the square."""
        n, m = self.spec.n_agents, self._m
        points = (2 * uniform(2 * (n + m)) - 1).float().reshape(self.batch, n + m, 2)
        return {"x": points[:, :n], "goals": points[:, n:]}

    def advance(self, world: World, actions: Tensor, uniform: Uniform) -> tuple[World, Tensor, None]:
        """Move; the way gained is the reward."""
        move = STRIDE * actions if self._continuous else self._moves[actions]
        after = {**world, "x": (world["x"] + move).clamp(-1, 1)}
        gained = self._distance(world) - self._distance(after)
        reward = gained.mean(-1, keepdim=True).expand(-1, self.spec.n_agents) if self._team else gained
        return after, reward, None

    def show(self, world: World) -> tuple[Tensor, Tensor]:
        """Own position and the goals from there; all positions and goals."""
        x, goals = world["x"], world["goals"]
        seen = torch.cat([x, (goals[:, None] - x[:, :, None]).flatten(2)], -1)
        return seen, torch.cat([x.flatten(1), goals.flatten(1)], -1)

    def figures(self, world: World) -> dict[str, Tensor]:
        """The mean distance from the goals."""
        return {"distance": self._distance(world).mean(-1)}

    def _distance(self, world: World) -> Tensor:
        """(B, n)"""
        return (world["x"] - world["goals"][:, self._whose]).square().sum(-1).sqrt()


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> Navigation:
    """The task of that name."""
    name = options.name("navigation", task, given)
    if task not in TASKS:
        raise registry.unknown("task of navigation", task, list(TASKS))
    read = options.Reader(name, given)
    n, limit = read.integer("n", AGENTS, least=1), read.integer("limit", LIMIT, least=1)
    team, continuous = read.choice("reward", ("mean", "own")) == "mean", read.flag("continuous", False)
    read.done()
    goals = {"different": n, "same": 1, "mixed": min(2, n)}[task]
    return Navigation(name, n, goals, limit, team, continuous, batch, device, seed, first)


FAMILY = Family(make, lambda: TASKS, ("different?n=3&limit=7", "mixed?continuous=true&reward=own"))
