"""All equilibria of a nondegenerate game of floats: walk one polytope's vertices, complete each by a linear system.

P = {x ≥ 0, Bᵀx ≤ 1} (payoffs scaled to [1, 2], the player with fewer actions in the place of x) is walked breadth
first over its edges, one condensed tableau a vertex, each pivoted once from its parent. A vertex with support I and
best responses J, |I| = |J|, is in an equilibrium exactly when A_IJ z = 1 has z > 0, A z ≤ 1 elsewhere; y = z/1ᵀz.

Guarantee: where ``True`` is returned, every vertex of P was simple and every system regular, all by a margin of
``DOUBT``, so each x meets exactly one y and none was missed. Where ``False`` is returned, something was nearly tied.
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.support_kernel import solve_square
from tabular.static.zero_sum_kernel import normalise

DOUBT = 1e-9
"""Numbers of order 1 that are this close may be equal: the game may be degenerate."""


@compiled
def enumerate_nondegenerate(payoffs):
    """(whether the answer is sure, rows (E, m), columns (E, k)) for the game ``payoffs`` (2, m, k), m + k ≤ 62."""
    swapped = payoffs.shape[1] > payoffs.shape[2]
    first, second = _scaled(payoffs[1 if swapped else 0], swapped), _scaled(payoffs[0 if swapped else 1], swapped)
    sure, rows, columns = _walk(first, second)
    return (sure, columns, rows) if swapped else (sure, rows, columns)


@compiled
def _scaled(payoffs, transposed):
    low, high = payoffs.min(), payoffs.max()
    scale = 1.0 / (high - low) if high > low else 0.0
    scaled = np.empty((payoffs.shape[1], payoffs.shape[0]) if transposed else payoffs.shape)
    for i in range(payoffs.shape[0]):
        for j in range(payoffs.shape[1]):
            entry = (payoffs[i, j] - low) * scale + 1.0
            if transposed:
                scaled[j, i] = entry
            else:
                scaled[i, j] = entry
    return scaled


@compiled
def _walk(first, second):
    m, k = first.shape
    rows, columns, found = np.empty((16, m)), np.empty((16, k)), 0
    level, level_variables = np.empty((1, k, m + 1)), np.empty((1, m + k), np.int64)
    level[0, :, :m] = second.T
    level[0, :, m] = 1.0
    level_variables[0] = np.arange(m + k)
    visited, count = np.zeros(1024, np.int64), 1
    mask = (np.int64(1) << m) - 1
    _insert(visited, mask)
    at_zero = True
    best, next_best, arg = np.empty(m), np.empty(m), np.empty(m, np.int64)
    size = min(m, k)
    system, weights, supports = np.empty((size, size + 1)), np.empty(size), np.empty((2, size), np.int64)
    while level.shape[0] > 0:
        new, new_variables, born = np.empty((64, k, m + 1)), np.empty((64, m + k), np.int64), 0
        for t in range(level.shape[0]):
            tableau, variables = level[t], level_variables[t]
            if not at_zero:
                if found == rows.shape[0]:
                    rows, columns = _doubled(rows), _doubled(columns)
                status = _complete(first, second, variables, rows[found], columns[found], system, weights, supports)
                if status < 0:
                    return False, rows[:0], columns[:0]
                found += status
            at_zero = False
            if not _ratio_tests(tableau, best, next_best, arg):
                return False, rows[:0], columns[:0]
            mask = np.int64(0)
            for j in range(m):
                mask |= np.int64(1) << variables[j]
            for j in range(m):
                row = arg[j]
                neighbour = mask ^ (np.int64(1) << variables[j]) ^ (np.int64(1) << variables[m + row])
                if not _insert(visited, neighbour):
                    continue
                count += 1
                if 2 * count > visited.shape[0]:
                    visited = _rehashed(visited)
                if born == new.shape[0]:
                    new, new_variables = _doubled(new), _doubled(new_variables)
                _child(tableau, row, j, new[born])
                new_variables[born] = variables
                new_variables[born, j], new_variables[born, m + row] = variables[m + row], variables[j]
                born += 1
        level, level_variables = new[:born], new_variables[:born]
    return True, rows[:found], columns[:found]


@compiled
def _ratio_tests(tableau, best, next_best, arg):
    """For each column the row of largest a_i/b_i; False where it or a neighbour is not simple by the margin."""
    k, m = tableau.shape[0], tableau.shape[1] - 1
    for j in range(m):
        best[j], next_best[j], arg[j] = 0.0, 0.0, 0
    for i in range(k):
        b = tableau[i, m]
        if b < DOUBT:
            return False
        inverse = 1.0 / b
        for j in range(m):
            q = tableau[i, j] * inverse
            next_best[j] = max(next_best[j], min(best[j], q))
            arg[j] = i if q > best[j] else arg[j]
            best[j] = max(best[j], q)
    simple = True
    for j in range(m):
        simple &= next_best[j] < best[j] * (1.0 - DOUBT)
    return simple


@compiled
def _child(tableau, row, column, child):
    """``child`` is ``tableau`` after exchanging the variables of ``row`` and ``column``."""
    rows, columns = tableau.shape
    inverse = 1.0 / tableau[row, column]
    for j in range(columns):
        child[row, j] = tableau[row, j] * inverse
    child[row, column] = inverse
    for i in range(rows):
        if i != row:
            factor = tableau[i, column]
            for j in range(columns):
                child[i, j] = tableau[i, j] - factor * child[row, j]
            child[i, column] = -factor * inverse


@compiled
def _complete(first, second, variables, row, column, system, weights, supports):
    """1 and the equilibrium in ``row`` and ``column`` if the vertex is in one, 0 if not, −1 if that is in doubt."""
    m, k = first.shape
    own, other = supports[0], supports[1]
    size, tight = 0, 0
    for p in range(m, m + k):
        if variables[p] < m:
            own[size] = variables[p]
            size += 1
    for p in range(m):
        if variables[p] >= m:
            other[tight] = variables[p] - m
            tight += 1
    for i in range(size):
        for j in range(size):
            system[i, j] = first[own[i], other[j]]
        system[i, size] = 1.0
    if not solve_square(system, size, weights):
        return -1
    margin = np.inf
    for j in range(size):
        margin = min(margin, weights[j])
    if margin < -DOUBT:
        return 0
    for i in range(m):
        inside = False
        for p in range(size):
            inside |= own[p] == i
        if not inside:
            total = 1.0
            for j in range(size):
                total -= first[i, other[j]] * weights[j]
            margin = min(margin, total)
    if margin < -DOUBT:
        return 0
    if margin < DOUBT:
        return -1
    column[:] = 0.0
    for j in range(size):
        column[other[j]] = weights[j]
    normalise(column)
    # the vertex itself, by a fresh solve: the walk's rounding errors do not enter the answer
    for i in range(size):
        for j in range(size):
            system[i, j] = second[own[j], other[i]]
        system[i, size] = 1.0
    if not solve_square(system, size, weights):
        return -1
    row[:] = 0.0
    for j in range(size):
        if weights[j] <= 0.0:
            return -1
        row[own[j]] = weights[j]
    normalise(row)
    return 1


@compiled
def _insert(table, key):
    """Add ``key`` > 0 to the open-addressing set ``table`` (length a power of 2, 0 is empty); whether it was absent."""
    slots = table.shape[0] - 1
    # Fibonacci hashing: the golden ratio's bits mix the labels into the high bits
    slot = ((key * np.int64(-7046029254386353131)) >> 20) & slots
    while table[slot] != 0:
        if table[slot] == key:
            return False
        slot = (slot + 1) & slots
    table[slot] = key
    return True


@compiled
def _rehashed(table):
    larger = np.zeros(4 * table.shape[0], np.int64)
    for key in table:
        if key != 0:
            _insert(larger, key)
    return larger


@compiled
def _doubled(array):
    larger = np.empty((2 * array.shape[0],) + array.shape[1:], array.dtype)  # noqa: RUF005
    larger[: array.shape[0]] = array
    return larger
