"""Large zero-sum games by HiGHS."""

from __future__ import annotations

import numpy as np


def solve_large(payoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Row strategy, column strategy and iterations of one float game (m, k)."""
    from scipy.optimize import linprog

    m, k = payoffs.shape
    low, high = payoffs.min(), payoffs.max()
    scaled = (payoffs - low) / ((high - low) or 1.0)
    # min v over (y, v): A y − v ≤ 0
    left = np.concatenate([scaled, -np.ones((m, 1))], axis=1)
    cost = np.concatenate([np.zeros(k), [1.0]])
    equal = np.concatenate([np.ones(k), [0.0]])[None]
    result = linprog(cost, left, np.zeros(m), equal, [1.0], bounds=(0, None), method="highs-ipm")
    column = np.maximum(result.x[:k], 0)
    row = np.maximum(-result.ineqlin.marginals, 0)
    return row / row.sum(), column / column.sum(), int(result.nit)
