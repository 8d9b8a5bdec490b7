"""Environments by name: ``make("game:climbing", batch=8, seed=0)``; the contract is ``deep.envs.protocol``."""

from __future__ import annotations

import torch

from deep.envs.naming import Name, parse
from deep.envs.protocol import (
    Box,
    Discrete,
    Environment,
    Family,
    Final,
    MultiDiscrete,
    Space,
    Spec,
    Timestep,
    check_seed,
    random_actions,
)
from marlcore import registry
from marlcore.errors import InputError

__all__ = [
    "Box",
    "Discrete",
    "Environment",
    "Family",
    "Final",
    "MultiDiscrete",
    "Name",
    "Space",
    "Spec",
    "Timestep",
    "families",
    "make",
    "parse",
    "random_actions",
    "tasks",
]


def make(
    name: str, *, batch: int = 1, device: str | torch.device = "cpu", seed: int = 0, first: int = 0
) -> Environment:
    """The environment of that name: ``batch`` copies, of which copy b is number ``first + b`` of ``seed``."""
    parts = parse(name)
    if batch < 1:
        raise InputError(f"batch must be at least 1, not {batch}")
    check_seed(seed)
    family = registry.load("environments", parts.family)
    return family.make(parts.task, batch, _device(device), seed, first, **dict(parts.options))


def families() -> list[str]:
    """The families that are installed."""
    return registry.names("environments")


def tasks(family: str) -> list[str]:
    """The tasks that a family knows by name."""
    return list(registry.load("environments", family).tasks())


def _device(device: str | torch.device) -> torch.device:
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"{device!r} is no device: write cpu, cuda or cuda:0") from error
    if wanted.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {device} is asked for, and torch {torch.__version__} sees no CUDA device; use cpu")
    try:
        torch.zeros(1, dtype=torch.float64, device=wanted)
    except (RuntimeError, TypeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"device {device} cannot be used ({reason[:120]}); random numbers need its float64") from error
    return wanted
