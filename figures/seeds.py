"""What many runs say at each step: the interquartile mean with its bootstrap band (``marlcore.kit.statistics``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.kit.statistics import Name, interval


@dataclass(frozen=True)
class Band:
    """An estimate and its 95 % interval at every step."""

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def band_of(values: Any, statistic: Name = "iqm", resamples: int = 500) -> Band:
    """The band of values (steps, seeds), or (steps, seeds, tasks), at each step."""
    found = [interval(row, statistic, resamples=resamples) for row in np.asarray(values, dtype=float)]
    return Band(*(np.array([getattr(f, name) for f in found]) for name in ("estimate", "low", "high")))
