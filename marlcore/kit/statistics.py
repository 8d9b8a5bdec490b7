"""What many seeds say: a point estimate with a bootstrap interval (Efron, 1979), stratified by task.

    interval(values, "iqm")   values (runs,) or (runs, tasks)

The interquartile mean is the mean of the middle half; over tasks it takes all runs of all tasks together, and the
bootstrap resamples runs within each task (Agarwal et al., "Deep RL at the edge of the statistical precipice", 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from marlcore.errors import InputError
from marlcore.validation import finite_numbers

Name = Literal["mean", "median", "iqm"]


@dataclass(frozen=True)
class Interval:
    """An estimate and the percentile interval around it that covers the truth with probability about ``level``."""

    estimate: float
    low: float
    high: float
    level: float


def interval(
    values: Any, statistic: Name = "iqm", *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """The statistic of ``values`` with its percentile bootstrap interval; a function of its arguments alone."""
    table = finite_numbers("values", values)
    if table.ndim not in (1, 2) or table.size == 0:
        raise InputError(f"values must have shape (runs,) or (runs, tasks), not {table.shape}")
    if statistic not in _STATISTICS:
        raise InputError(f"statistic must be one of {', '.join(_STATISTICS)}, not {statistic!r}")
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1, not {level}")
    if resamples < 1:
        raise InputError(f"resamples must be at least 1, not {resamples}")
    table = table.reshape(len(table), -1)
    runs, tasks = table.shape
    rng, measure = np.random.default_rng(seed), _STATISTICS[statistic]
    estimates = np.empty(resamples)
    block = max(1, 2**20 // table.size)
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        rows = rng.integers(0, runs, (count, runs, tasks))
        estimates[start : start + count] = measure(table[rows, np.arange(tasks)].reshape(count, -1))
    low, high = np.quantile(estimates, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(measure(table.reshape(-1))), float(low), float(high), level)


def interquartile_mean(values: Any) -> Any:
    """The mean over the last axis of what is left without the ⌊n/4⌋ smallest and the ⌊n/4⌋ largest."""
    values = np.asarray(values, dtype=float)
    cut = values.shape[-1] // 4
    return np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(-1)


_STATISTICS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda values: values.mean(-1),
    "median": lambda values: np.median(values, axis=-1),
    "iqm": interquartile_mean,
}
