"""What an algorithm is here: one update of the policies from a batch, and the options it takes.

    figures = algorithm.update(learner, batch, options, moment)

The rollout, the critic's fit and the loop belong to everybody (``deep.rollout``, ``deep.algorithms.value``,
``deep.train``); an algorithm is what it does to the actor. It draws its randomness from ``moment``, a function of
(seed, update), and returns figures for the run's record. Entry points of ``marlcore.algorithms`` are ``Algorithm``s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deep import seeds
from deep.learner import Learner
from deep.rollout import Batch


@dataclass(frozen=True)
class Moment:
    """Where a run stands: all that an update's randomness depends on; and who looks on."""

    seed: int
    update: int
    note: Callable[[tuple[int, ...], Batch], None] | None = None
    """Called before those agents' steps with the batch that they learn from, M in place of the advantages."""

    factor: bool = True
    """Whether M has the others' ratios; without them it is Â (``deep.liveness`` asks what difference they make)."""

    def order(self, n: int) -> tuple[int, ...]:
        """The agents in random order."""
        return seeds.order(self.seed, self.update, n)

    def minibatches(self, key: int, batch: Batch, parts: int) -> list[Tensor | None]:
        """A batch's sequences cut at random."""
        return seeds.minibatches(self.seed, self.update, key, batch.size, parts, batch.obs.device)


Update = Callable[[Learner, Batch, Any, Moment], dict[str, float]]


@dataclass(frozen=True)
class Algorithm:
    """An entry of the extension point ``algorithms``."""

    name: str
    update: Update
    options: type
    """A frozen dataclass whose fields all have defaults."""
    view: str = "state"
    """What the critic looks at unless the config says otherwise (``deep.critic``)."""
    kinds: tuple[str, ...] = ("discrete", "multi-discrete", "box")
    """The action spaces that it can handle."""
    sequential: bool = False
    """Whether agents step one after the other, each by M: then that has to matter (``deep.liveness``)."""
    ascent: tuple[Callable[[Any], Any], bool] | None = None
    """Of gradient steps on an objective that looks at no number: it, of the options, and whether agents take turns.

    Algorithms that say so can train several seeds in one set of tensors (``deep.side_by_side``).
    """


def mean_of(figures: list[dict[str, Any]]) -> dict[str, float]:
    """Each figure's mean over the steps that reported it."""
    names = dict.fromkeys(name for one in figures for name in one)
    found = {name: [torch.as_tensor(one[name]).detach() for one in figures if name in one] for name in names}
    return {name: float(torch.stack([v.double().mean() for v in values]).mean()) for name, values in found.items()}
