"""How well a joint value that a mixer can represent fits a team's payoff table: the additive and the monotone fit.

    additive   min Σ (R(a,b) − f(a) − g(b))²                    what VDN can represent
    monotone   min Σ (R(a,b) − F(f(a), g(b)))², F non-decreasing in both      what QMIX can represent

The monotone fit is, for the best order of each agent's actions, an isotonic regression on the product of two chains,
and Robertson, Wright & Dykstra (1988, theorem 1.4.4) give it in closed form: F(x) = max over upper sets U ∋ x of
min over lower sets L ∋ x of the mean of R on U ∩ L.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np


def additive_fit(table: Any) -> Any:
    """The least-squares fit f(a) + g(b): row mean + column mean − mean, in any kind of number."""
    rows, columns = table.shape
    means = table.sum(1)[:, None] / columns + table.sum(0)[None] / rows
    return means - table.sum() / (rows * columns)


def monotone_fit(table: np.ndarray) -> tuple[Any, np.ndarray]:
    """The squared error and the table of the best monotone fit (uniform weights), over all orders of the actions.

    Floats, or rationals, whose result is exact; of several best fits the first order's.
    """
    rows, columns = table.shape
    best: tuple[Any, np.ndarray] | None = None
    closer = 0 if table.dtype == object else 1e-12
    for p in itertools.permutations(range(rows)):
        for q in itertools.permutations(range(columns)):
            fit = isotonic(table[np.ix_(p, q)])
            error = ((fit - table[np.ix_(p, q)]) ** 2).sum()
            if best is None or error < best[0] - closer:
                restored = np.empty_like(fit)
                restored[np.ix_(p, q)] = fit
                best = (error, restored)
    assert best is not None
    return best


def isotonic(table: np.ndarray) -> np.ndarray:
    """The least-squares fit that does not fall along rows or columns."""
    lower = _lower_sets(*table.shape)
    both, count = _intersections(*table.shape)
    mean = (both * table).sum((-2, -1)) / (count.astype(object) if table.dtype == object else count)
    fit = np.empty_like(table)
    for at in np.ndindex(*table.shape):
        of_lower = lower[:, at[0], at[1]] > 0
        fit[at] = mean[~of_lower][:, of_lower].min(1).max()
    return fit


@functools.cache
def _intersections(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """U ∩ L for every upper set U and lower set L, as 0/1 tables, and their sizes (1 for the empty ones)."""
    lower = _lower_sets(rows, columns)
    both = (1 - lower)[:, None] * lower[None]
    return both, np.maximum(both.sum((-2, -1)), 1)


@functools.cache
def _lower_sets(rows: int, columns: int) -> np.ndarray:
    """Every set of cells that holds with a cell all those before it, as 0/1 tables: staircases."""
    heights = itertools.combinations_with_replacement(range(columns, -1, -1), rows)
    return np.array([[[int(c < h) for c in range(columns)] for h in stairs] for stairs in heights])
