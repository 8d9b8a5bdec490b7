"""Seeds for every use of one run's seed: nothing that a run draws shares its words with anything else.

    seed of a purpose = the first 62 bits of words(seed, stream = purpose, step, draw = 2³² − 1), step 0 but for RESUMED

An environment gets the run's seed itself, so that ``envs.make(name, seed=s)`` shows what a run of seed s saw.
"""

from __future__ import annotations

import torch
from torch import Tensor

from marlcore import streams

ACTIONS, ORDER, MINIBATCHES, ACTOR, CRITIC, EVALUATION, RESUMED = range(7)
"""The purposes: drawing actions, ordering agents, cutting minibatches, initial weights, evaluation, and the episodes of
a run that is resumed on an environment that cannot be saved."""
_DRAW = 2**32 - 1


def derive(seed: int, purpose: int, step: int = 0) -> int:
    """The seed of one purpose; of one that is met several times, at that step."""
    high, low = (int(w) for w in streams.words(seed, purpose, step, _DRAW)[:2])
    return (high << 32 | low) >> 2


def generator(seed: int, purpose: int) -> torch.Generator:
    """A torch generator for initial weights."""
    return torch.Generator().manual_seed(derive(seed, purpose))


def order(seed: int, update: int, n: int) -> tuple[int, ...]:
    """The agents' order in an update: every permutation is equally likely (uniforms, sorted)."""
    u = streams.uniform(derive(seed, ORDER), torch.arange(n), update)
    return tuple(int(i) for i in u.argsort())


def minibatches(seed: int, update: int, key: int, size: int, parts: int, device: torch.device) -> list[Tensor | None]:
    """Rows 0, …, size − 1 cut at random into ``parts``; one part is everything (None), as it stands."""
    assert 1 <= parts <= size, f"{size} rows cannot be cut into {parts} parts"
    if parts == 1:
        return [None]
    u = streams.uniform(derive(seed, MINIBATCHES), torch.arange(size, device=device), update, key)
    return list(u.argsort().tensor_split(parts))
