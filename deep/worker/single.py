"""One copy of a task, as a worker holds it: NumPy in, NumPy out, one episode after another.

An adapter is a final subclass of ``Single``. It converts and nothing more: that shapes, numbers and masks are what the
spec says is looked at by ``deep.worker.copies``, which also pads, truncates and starts the next episode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from deep.spaces import Spec


@dataclass(frozen=True)
class View:
    """What a copy shows."""

    obs: Sequence[np.ndarray | None]
    """Each agent's observation, flat and of its own size; None for a dead one."""
    state: np.ndarray
    available: Sequence[np.ndarray | None] | None = None
    """Each agent's mask over its own choices, the dimensions one after another; None where all are available."""
    alive: Sequence[bool] | None = None
    """Which agents act; None for all."""


@dataclass(frozen=True)
class Outcome:
    """What a step led to; the view is of this episode, also when it has ended."""

    view: View
    rewards: np.ndarray
    """(n,)"""
    terminated: bool
    truncated: bool
    figures: Mapping[str, float] = field(default_factory=dict)
    """The entries of ``Single.figures``, read where the episode has ended."""


class Single(ABC):
    """One copy. All that happens after ``reset(seed)`` must be a function of the seed and the actions."""

    spec: Spec
    figures: tuple[str, ...] = ()
    """Names of the figures that an ended episode is summed up by."""

    @abstractmethod
    def reset(self, seed: int) -> View:
        """The start of the episode of that seed, 0 ≤ seed < 2³¹."""

    @abstractmethod
    def step(self, actions: np.ndarray) -> Outcome:
        """One step; actions are (n, d), int64 or float32, each agent's own dimensions first."""

    def close(self) -> None:  # noqa: B027 - most hold nothing to release
        """Release what is held."""
