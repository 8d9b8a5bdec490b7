"""The simplex of ``zero_sum_kernel`` in exact arithmetic: max 1ᵀz, B z ≤ 1, z ≥ 0 for rational payoffs.

Payoffs become integers (times their common denominator, minus the least, plus 1), and every tableau is integral: with
the last pivot d as common denominator, a pivot on (r, c) is fraction-free (Edmonds 1967, Bareiss 1968),

    t_ij ← (t_ij t_rc − t_ic t_rj)/d,      d ← t_rc,      the division exact,

so entries are minors of the integer matrix and their size stays bounded by Hadamard's inequality.
Dantzig's rule, and Bland's while the objective stands still: it ends after finitely many pivots, at the exact optimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def solve_exact(payoffs: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, int]:
    """Value, row strategy, column strategy and pivots of one game of ``fmpq`` (m, k) (integers are welcome)."""
    import flint

    m, k = payoffs.shape
    integers, denominator, low = integer_payoffs(payoffs)
    tableau = [[entry - low + 1 for entry in row] + [flint.fmpz(1)] for row in integers]
    tableau.append([flint.fmpz(-1)] * k + [flint.fmpz(0)])
    labels, last, pivots = _optimise(tableau)
    objective = tableau[m][k]
    row = _weights(m, [(labels[j] - k, tableau[m][j]) for j in range(k) if labels[j] >= k], objective)
    column = _weights(k, [(labels[k + i], tableau[i][k]) for i in range(m) if labels[k + i] < k], objective)
    # B has value d/objective; A = (B − 1 + low)/denominator
    return (flint.fmpq(last, objective) + low - 1) / denominator, row, column, pivots


def integer_payoffs(payoffs: np.ndarray) -> tuple[list[list[Any]], Any, Any]:
    """The payoffs times their common denominator, that denominator, and the least of the integers."""
    import flint

    exact = [[flint.fmpq(entry) for entry in row] for row in payoffs]
    denominator = flint.fmpz(1)
    for row in exact:
        for entry in row:
            denominator = denominator.lcm(entry.q)
    integers = [[(entry * denominator).p for entry in row] for row in exact]
    return integers, denominator, min(min(row) for row in integers)


def _optimise(tableau: list[list[Any]]) -> tuple[list[int], Any, int]:
    """Pivot to optimality; the labels of columns (first k) and rows, the common denominator, the number of pivots."""
    import flint

    m, k = len(tableau) - 1, len(tableau[0]) - 1
    labels = list(range(m + k))
    last, pivots, standing_still = flint.fmpz(1), 0, 0
    while True:
        bland = standing_still > m + k
        costs = tableau[m]
        negative = [j for j in range(k) if costs[j] < 0]
        if not negative:
            return labels, last, pivots
        column = min(negative, key=(labels if bland else costs).__getitem__)
        row = _leaving(tableau, labels, column)
        standing_still = 0 if tableau[row][k] > 0 else standing_still + 1
        last = pivot(tableau, row, column, last)
        labels[column], labels[k + row] = labels[k + row], labels[column]
        pivots += 1


def _leaving(tableau: list[list[Any]], labels: list[int], column: int) -> int:
    """The row of least ratio, by cross-multiplication; ties to the least label. B > 0 bounds z, so one exists."""
    k, leaving = len(tableau[0]) - 1, -1
    for i in range(len(tableau) - 1):
        if tableau[i][column] > 0:
            if leaving < 0:
                leaving = i
                continue
            mine = tableau[i][k] * tableau[leaving][column]
            best = tableau[leaving][k] * tableau[i][column]
            if mine < best or (mine == best and labels[k + i] < labels[k + leaving]):
                leaving = i
    return leaving


def pivot(tableau: list[list[Any]], row: int, column: int, last: Any) -> Any:
    """One fraction-free exchange of the integer tableau over the denominator ``last``; the denominator after it."""
    source = tableau[row]
    value = source[column]
    for i, target in enumerate(tableau):
        if i != row:
            factor = target[column]
            if factor:
                tableau[i] = [(t * value - factor * s) // last for t, s in zip(target, source, strict=True)]
            else:
                tableau[i] = [t * value // last for t in target]
            tableau[i][column] = -factor
    source[column] = last
    return value


def _weights(size: int, entries: list[tuple[int, Any]], total: Any) -> np.ndarray:
    import flint

    weights = np.array([flint.fmpq(0)] * size, dtype=object)
    for index, value in entries:
        weights[index] = flint.fmpq(value, total)
    return weights
