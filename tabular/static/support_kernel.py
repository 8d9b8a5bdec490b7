"""One equilibrium by trying supports: for |I| = |J| = 1, 2, … solve A_IJ y = v1, x B_IJ = w1 and check the rest.

Some equilibrium is found so in every game: the one at the end of a lexicographic Lemke–Howson path solves such a pair
of non-singular systems, with weights that may be 0 (von Stengel 2002, §2.5). Payoffs are scaled to [1, 2], where v and w are
positive and the systems become A_IJ z = 1, y = z/1ᵀz.

Nothing is allocated. Weights and deviations may miss 0 by ``FEASIBLE``; regrets are for the caller to certify.
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.zero_sum_kernel import normalise

FEASIBLE = 1e-11
SINGULAR = 1e-12


@compiled
def support_workspace(m, k):
    """What ``support_enumeration_into`` needs for one m×k game."""
    size = min(m, k)
    return np.empty((2, m, k)), np.empty((size, size + 1)), np.empty(size), np.empty((2, size), np.int64)


@compiled
def support_enumeration_into(row_payoffs, column_payoffs, row, column, scaled, system, weights, supports):
    """Write an equilibrium of (A, B), both (m, k), into ``row`` and ``column``; return the supports tried, −1 failed.

    The last four come from ``support_workspace(m, k)``.
    """
    m, k = row_payoffs.shape
    _scale(row_payoffs, scaled[0])
    _scale(column_payoffs, scaled[1])
    first, second = scaled[0], scaled[1].T
    rows, columns = supports[0], supports[1]
    tried = 0
    for size in range(1, min(m, k) + 1):
        for i in range(size):
            rows[i] = i
        more_rows = True
        while more_rows:
            for j in range(size):
                columns[j] = j
            more_columns = True
            while more_columns:
                tried += 1
                if _indifferent(first, rows, columns, size, system, weights, column) and _indifferent(
                    second, columns, rows, size, system, weights, row
                ):
                    return tried
                more_columns = _next_subset(columns, size, k)
            more_rows = _next_subset(rows, size, m)
    row[:] = 1.0 / m
    column[:] = 1.0 / k
    return -1


@compiled
def support_enumeration_batch(payoffs, rows, columns, tried):
    """``support_enumeration_into`` for every game of ``payoffs`` (B, 2, m, k)."""
    scaled, system, weights, supports = support_workspace(payoffs.shape[2], payoffs.shape[3])
    for b in range(payoffs.shape[0]):
        tried[b] = support_enumeration_into(
            payoffs[b, 0], payoffs[b, 1], rows[b], columns[b], scaled, system, weights, supports
        )


@compiled
def _scale(payoffs, scaled):
    low, high = payoffs.min(), payoffs.max()
    scale = 1.0 / (high - low) if high > low else 0.0
    for i in range(payoffs.shape[0]):
        for j in range(payoffs.shape[1]):
            scaled[i, j] = (payoffs[i, j] - low) * scale + 1.0


@compiled
def _indifferent(payoffs, own, other, size, system, weights, strategy):
    """Write the strategy on ``other`` that makes the actions ``own`` equally good, if it is one and they are best."""
    for i in range(size):
        for j in range(size):
            system[i, j] = payoffs[own[i], other[j]]
        system[i, size] = 1.0
    if not solve_square(system, size, weights):
        return False
    for j in range(size):
        if weights[j] < -FEASIBLE:
            return False
    for i in range(payoffs.shape[0]):
        total = 0.0
        for j in range(size):
            total += payoffs[i, other[j]] * weights[j]
        if total > 1.0 + FEASIBLE:
            return False
    strategy[:] = 0.0
    for j in range(size):
        strategy[other[j]] = max(weights[j], 0.0)
    normalise(strategy)
    return True


@compiled
def solve_square(system, size, solution):
    """Gauss with partial pivoting on the first ``size`` rows of [M | b]; whether M is safely non-singular."""
    for c in range(size):
        best = c
        for i in range(c + 1, size):
            if abs(system[i, c]) > abs(system[best, c]):
                best = i
        if abs(system[best, c]) < SINGULAR:
            return False
        if best != c:
            for j in range(c, size + 1):
                system[c, j], system[best, j] = system[best, j], system[c, j]
        for i in range(c + 1, size):
            factor = system[i, c] / system[c, c]
            for j in range(c + 1, size + 1):
                system[i, j] -= factor * system[c, j]
    for c in range(size - 1, -1, -1):
        total = system[c, size]
        for j in range(c + 1, size):
            total -= system[c, j] * solution[j]
        solution[c] = total / system[c, c]
    return True


@compiled
def _next_subset(subset, size, total):
    """The next subset of 0, …, total − 1 in lexicographic order; False when there is none."""
    i = size - 1
    while i >= 0 and subset[i] == total - size + i:
        i -= 1
    if i < 0:
        return False
    subset[i] += 1
    for j in range(i + 1, size):
        subset[j] = subset[j - 1] + 1
    return True
