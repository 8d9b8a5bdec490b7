"""Start from what was learned on a simpler task: take over the weights whose names and shapes fit.

    fitted = load_fitting(scheme, torch.load(path, weights_only=True))

Of a scheme's parameters and buffers those are taken whose name is among the saved ones and whose shape is the same; the
rest keeps its initial values. What reads observations seldom fits another task; attention, history and what lies
between first and last layer do, since none of it depends on the number of agents. Nothing fitting is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from deep.sharing.scheme import Scheme
from marlcore.errors import InputError


@dataclass(frozen=True)
class Fitted:
    """What was taken over, and why the rest was not."""

    loaded: tuple[str, ...]
    skipped: Mapping[str, str]


def load_fitting(scheme: Scheme, saved: Mapping[str, Tensor]) -> Fitted:
    """Copy every fitting tensor of a ``state_dict`` into the scheme."""
    own = scheme.state_dict()
    loaded, skipped = [], {}
    for name, value in own.items():
        if name not in saved:
            skipped[name] = "not among the saved weights"
        elif saved[name].shape != value.shape:
            skipped[name] = f"saved with shape {tuple(saved[name].shape)}, here {tuple(value.shape)}"
        else:
            loaded.append(name)
    if not loaded:
        reasons = "; ".join(f"{name} {reason}" for name, reason in list(skipped.items())[:3])
        raise InputError(f"none of the saved weights fits: {reasons}")
    with torch.no_grad():
        for name in loaded:
            own[name].copy_(saved[name])
    return Fitted(tuple(loaded), skipped)
