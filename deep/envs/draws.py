"""Draws for a batch of copies from ``marlcore.streams``: compiled on the CPU, in torch elsewhere, the same bits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from marlcore import streams, streams_compiled
from marlcore.compiled import compiled


def uniform(seed: int, copies: Tensor, step: int, draw: int) -> Tensor:
    """(B,) float64 in [0, 1): draw ``draw`` of (seed, copy, step)."""
    if copies.device.type != "cpu":
        return streams.uniform(seed, copies, step, draw)
    out = np.empty(copies.shape[0])
    _fill(np.uint64(seed), copies.numpy(), step, draw, out)
    return torch.from_numpy(out)


def uniforms(seed: int, copies: Tensor, step: int, draw: int, count: int) -> Tensor:
    """(B, count): the draws from ``draw`` on, side by side."""
    return torch.stack([uniform(seed, copies, step, draw + k) for k in range(count)], -1)


@compiled
def _fill(seed, copies, step, draw, out):
    for b in range(copies.shape[0]):
        out[b] = streams_compiled.uniform(seed, copies[b], step, draw)
