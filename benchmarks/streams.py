"""Counter-based uniforms one by one and in batches, beside NumPy's generators."""

import numpy as np
import torch

from marlcore import streams
from marlcore import streams_compiled as fast
from marlcore.compiled import compiled
from marlcore.kit.benchmark import Case

COUNT = 10**6


@compiled
def fill_uniform(out):
    """One uniform a step, as a learner draws them."""
    for t in range(out.shape[0]):
        out[t] = fast.uniform(7, 0, t, 0)


@compiled
def fill_choice(probabilities, out):
    """One action a step."""
    for t in range(out.shape[0]):
        out[t] = fast.choice(probabilities, 7, 0, t, 0)


def cases() -> list[Case]:
    """Draws a second; a draw must write eight bytes."""
    out, actions, p = np.empty(COUNT), np.empty(COUNT, dtype=np.int64), np.full(5, 0.2)
    steps, tensor = np.arange(COUNT), torch.arange(COUNT)
    philox, pcg = np.random.Generator(np.random.Philox(7)), np.random.default_rng(7)
    work = {"amount": COUNT, "unit": "draws", "bytes": 8 * COUNT, "group": "uniform"}
    return [
        Case("numba uniform", lambda: fill_uniform(out), **work),
        Case("numba choice of 5", lambda: fill_choice(p, actions), **work | {"group": "choice"}),
        Case("NumPy batch", lambda: streams.uniform(7, 0, steps), **work),
        Case("torch batch", lambda: streams.uniform(7, 0, tensor), **work),
        Case("NumPy's Philox", lambda: philox.random(out=out), **work, peer=True),
        Case("NumPy's PCG64", lambda: pcg.random(out=out), **work, peer=True),
    ]
