"""Where an update may look: everywhere, or in a ball around the old policy (HARL, Def. 13).

    everything           all tables
    expected KL ball     Σ_s β̂(s) KL(π^i ‖ π̂^i)(s) ≤ δ, β̂ the sampling distribution normalised   (HATRPO)
    maximal KL ball      max_s KL(π^i ‖ π̂^i)(s) ≤ δ
    TV ball              max_s TV(π^i, π̂^i)(s) ≤ δ

Each contains a ball around the old policy and is closed under putting any one state back to it, which the theory needs
and "contains a ball" alone does not give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.divergences import kl, tv
from marlcore.errors import InputError


@dataclass(frozen=True)
class Everything:
    """All policies."""


@dataclass(frozen=True)
class _Ball:
    radius: float

    def __post_init__(self) -> None:
        if not 0 < self.radius < np.inf:
            raise InputError(f"the radius δ of a neighbourhood must be a positive number, not {self.radius}")


class ExpectedKL(_Ball):
    """Σ_s β̂(s) KL(π ‖ π̂)(s) ≤ δ: the one in which states share a budget."""


class MaxKL(_Ball):
    """max_s KL(π ‖ π̂)(s) ≤ δ."""


class TotalVariation(_Ball):
    """max_s TV(π, π̂)(s) ≤ δ."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.radius > 1:
            raise InputError(f"a TV distance is at most 1: a ball of radius {self.radius} is everything")


EVERYTHING = Everything()

Neighbourhood = Everything | ExpectedKL | MaxKL | TotalVariation

NEIGHBOURHOODS: dict[str, type[Any]] = {
    "everything": Everything,
    "expected-kl": ExpectedKL,
    "max-kl": MaxKL,
    "tv": TotalVariation,
}


def distance(neighbourhood: Neighbourhood, old: np.ndarray, new: np.ndarray, beta: np.ndarray) -> float:
    """What a ball measures between two tables, β̂ being β normalised; 0 for everything."""
    if isinstance(neighbourhood, ExpectedKL):
        divergences = kl(old, new)
        return float((beta[beta > 0] * divergences[beta > 0]).sum() / beta.sum())
    if isinstance(neighbourhood, MaxKL):
        return float(kl(old, new).max())
    return float(tv(old, new).max()) if isinstance(neighbourhood, TotalVariation) else 0.0
