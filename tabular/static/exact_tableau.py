"""Condensed tableaux of integers: with the last pivot d as common denominator, a pivot on (r, c) is fraction-free,

    t_ij ← (t_ij t_rc − t_ic t_rj)/d,      d ← t_rc,      the division exact      (Edmonds 1967, Bareiss 1968),

so entries are minors of the integer matrix and their size stays bounded by Hadamard's inequality. Shared by the exact
simplex, Lemke–Howson and vertex enumeration; a tableau is a list of rows of ``fmpz``, right-hand sides last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


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


def lexicographic_row(
    tableau: list[list[Any]], variables: list[int], slacks: Sequence[int], denominator: Any, column: int
) -> int:
    """The row that leaves when ``column`` enters, −1 if none can, with right-hand sides 1 + (ε, ε², …).

    ``variables`` names what stands in each place, columns then rows; ``slacks`` are the initial basis, in order.
    """
    columns = len(tableau[0]) - 1
    tied = [i for i, row in enumerate(tableau) if row[column] > 0]
    if not tied:
        return -1
    tied = _least_ratios(tied, tableau, column, [row[columns] for row in tableau])
    for slack in slacks:
        if len(tied) == 1:
            break
        place = variables.index(slack)
        if place < columns:
            entries = [row[place] for row in tableau]
        else:
            entries = [denominator if place == columns + i else 0 for i in range(len(tableau))]
        tied = _least_ratios(tied, tableau, column, entries)
    return tied[0]


def _least_ratios(candidates: list[int], tableau: list[list[Any]], column: int, entries: list[Any]) -> list[int]:
    """Those among the rows whose entry/a is least, by cross-multiplication (a > 0)."""
    best = [candidates[0]]
    for i in candidates[1:]:
        mine = entries[i] * tableau[best[0]][column]
        theirs = entries[best[0]] * tableau[i][column]
        if mine < theirs:
            best = [i]
        elif mine == theirs:
            best.append(i)
    return best
