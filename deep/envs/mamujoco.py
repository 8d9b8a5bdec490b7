"""Multi-Agent MuJoCo in worker processes: ``mamujoco:HalfCheetah-2x3``, two agents with three joints each.

What the task is stands in ``deep.worker.mamujoco``; how workers are watched in ``deep.envs.workers``. Options:
``workers``, ``timeout``, ``limit``; ``obsk`` (how many joints away an agent sees, default 1); every other one goes to
Gymnasium's robot (``forward_reward_weight=2``), read as a Python literal.
"""

from __future__ import annotations

from typing import Any

import torch

from deep.envs import options
from deep.envs.pettingzoo import literal
from deep.envs.protocol import Family
from deep.envs.workers import WorkerEnvironment, worker_options
from deep.worker import mamujoco as single
from marlcore.errors import InputError

TASKS = (
    "HalfCheetah-2x3",
    "HalfCheetah-6x1",
    "Ant-2x4",
    "Ant-4x2",
    "Walker2d-2x3",
    "Walker2d-6x1",
    "Hopper-3x1",
    "Swimmer-2x1",
    "Reacher-2x1",
    "Humanoid-9|8",
    "HumanoidStandup-9|8",
)
LIMITS = {"Reacher": 50, "Pusher": 100}
"""Gymnasium's steps of an episode; 1000 for all others."""


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> WorkerEnvironment:
    """The robot of that name, its joints shared out."""
    name = options.name("mamujoco", task, given)
    scenario, dash, parts = task.partition("-")
    if not (dash and parts):
        raise InputError(f"{name}: write ROBOT-PARTS, for example HalfCheetah-2x3")
    read = options.Reader(name, given)
    own = worker_options(read)
    theirs: dict[str, Any] = {"agent_obsk": read.integer("obsk", 1)}
    theirs |= {key: literal(text) for key, text in read.rest().items()}
    most = LIMITS.get(scenario, 1000)
    own["limit"] = min(own["limit"] or most, most)
    arguments = (name, scenario, parts, theirs)
    # every agent has the robot's reward, so their mean is it, and the spec says that it is the team's
    return WorkerEnvironment(name, single.make, arguments, batch, device, seed, first, reward="mean", **own)


FAMILY = Family(make, lambda: TASKS, ("Hopper-3x1?workers=1",), apart=True)
