"""max_x min_j (xᵀA)_j for a matrix A (m, k) as a compiled simplex that allocates nothing, to stand inside other loops.

Shift and scale the payoffs to B = (A − min A)/(max A − min A) + 1 ∈ [1, 2]. The column player's programme

    max 1ᵀz  subject to  B z ≤ 1, z ≥ 0        (y = z/1ᵀz, value of B = 1/1ᵀz; x from the dual)

starts feasible at z = 0, so there is no phase 1 (Dantzig 1951). The tableau is condensed: (m+1)×(k+1), a basic variable
per row and a nonbasic one per column, and a pivot exchanges two of them.

Guarantee: the returned ``error`` bounds the saddle gap max_i (Ay)_i − min_j (xᵀA)_j of the strategies *as returned*,
rounding of its own evaluation included, so |value − v(A)| ≤ error whatever the pivots did. A pure saddle point is
found first, by comparisons alone, and then the error is exactly 0.
Pricing is Dantzig's. After m + k steps in a row that leave the objective where it was it is Bland's, which cannot
cycle, until the objective moves. Among rows that tie in the ratio test the largest pivot wins.
"""

import numpy as np

from marlcore.compiled import compiled

inlined = compiled(inline="always")
"""Helpers become part of their caller, so that sizes that it knows unroll their loops."""

EPSILON = 2.0**-52
REDUCED_COST = 1e-13
"""A reduced cost above −this counts as optimal (the tableau's entries are of order 1)."""
PIVOT = 1e-11
"""A smaller pivot is refused: it would multiply the rounding errors by more than its inverse."""
NOTHING = 1e-14
"""A right-hand side below this counts as 0: the step is degenerate."""
TIE = 1e-12
"""Ratios that differ by less, relatively, tie."""
WIDE = 32
"""From this many columns on, a pivot copies its row first: the inner loop then vectorises, 3 times as fast at 300."""


@compiled
def workspace(m, k):
    """What ``solve_into`` needs for one m×k game: a tableau, scratch, the variables' labels."""
    return np.empty((m + 1, k + 1)), np.empty(m + k + 1), np.empty(m + k, np.int64)


@compiled
def solve_into(payoffs, row, column, tableau, scratch, labels):
    """Write optimal strategies of ``payoffs`` (m, k) into ``row`` and ``column``; return (value, error, pivots).

    The last three come from ``workspace(m, k)``; their contents do not matter. ``pivots`` is −1 where the simplex
    stopped early (no safe pivot, or too many): value and error still hold for the strategies written.
    """
    m, k = payoffs.shape
    # sizes known to the compiler unroll every loop: twice as fast at 3×3
    if m == 3 and k == 3:
        return _solve(payoffs, row, column, tableau, scratch, labels, 3, 3)
    if m == 5 and k == 5:
        return _solve(payoffs, row, column, tableau, scratch, labels, 5, 5)
    if m == 10 and k == 10:
        return _solve(payoffs, row, column, tableau, scratch, labels, 10, 10)
    return _solve(payoffs, row, column, tableau, scratch, labels, m, k)


@compiled
def solve_any_into(payoffs, row, column, tableau, scratch, labels):
    """``solve_into`` without copies for some sizes: a quarter of the compilation, where it is called now and then."""
    return _solve(payoffs, row, column, tableau, scratch, labels, payoffs.shape[0], payoffs.shape[1])


@compiled
def solve_batch(payoffs, rows, columns, values, errors, pivots):
    """``solve_into`` for every game of ``payoffs`` (B, m, k)."""
    tableau, scratch, labels = workspace(payoffs.shape[1], payoffs.shape[2])
    for b in range(payoffs.shape[0]):
        values[b], errors[b], pivots[b] = solve_into(payoffs[b], rows[b], columns[b], tableau, scratch, labels)


@compiled
def certify(payoffs, row, column, low, high, scratch):
    """The value, and a bound on the saddle gap, of two strategies of a game with payoffs in [low, high].

    ``scratch`` has room for k numbers. The value is the middle of [min_j (xᵀA)_j, max_i (Ay)_i], as long as the gap.
    Sums run over A − low, so that rounding is relative to the payoffs' range: with u = 2⁻⁵³, (k + 2)u and (m + 2)u for
    the sums, as much again for weights that miss a sum of 1 by rounding, and u|value| because the value is rounded.
    """
    return _certify(payoffs, row, column, low, high, scratch, payoffs.shape[0], payoffs.shape[1])


@inlined
def _solve(payoffs, row, column, tableau, scratch, labels, m, k):
    low, high, best_row, best_column = _scan(payoffs, row, column, m, k)
    if row[best_row] == column[best_column]:
        value = row[best_row]
        row[:] = 0.0
        column[:] = 0.0
        row[best_row] = 1.0
        column[best_column] = 1.0
        return value, 0.0, 0
    _fill(payoffs, low, 1.0 / (high - low), tableau, labels, m, k)
    pivots = _optimise(tableau, scratch, labels, best_column, m, k)
    _read(tableau, scratch, labels, row, column, m, k)
    value, error = _certify(payoffs, row, column, low, high, scratch, m, k)
    return value, error, pivots


@inlined
def _certify(payoffs, row, column, low, high, scratch, m, k):
    above = 0.0
    for i in range(m):
        total = 0.0
        for j in range(k):
            total += (payoffs[i, j] - low) * column[j]
        above = max(above, total)
    for j in range(k):
        scratch[j] = 0.0
    for i in range(m):
        weight = row[i]
        if weight > 0.0:
            for j in range(k):
                scratch[j] += (payoffs[i, j] - low) * weight
    below = np.inf
    for j in range(k):
        below = min(below, scratch[j])
    value = low + 0.5 * (above + below)
    rounding = EPSILON * ((m + k + 5) * (high - low) + 0.5 * abs(value))
    return value, max(above - below, 0.0) + rounding


@inlined
def _scan(payoffs, row_minima, column_maxima, m, k):
    """The range of the payoffs, the maximin row and the minimax column."""
    for j in range(k):
        column_maxima[j] = payoffs[0, j]
    low, best_row = payoffs[0, 0], 0
    for i in range(m):
        smallest = payoffs[i, 0]
        for j in range(k):
            a = payoffs[i, j]
            smallest = min(smallest, a)
            column_maxima[j] = max(column_maxima[j], a)
        row_minima[i] = smallest
        low = min(low, smallest)
        if smallest > row_minima[best_row]:
            best_row = i
    high, best_column = column_maxima[0], 0
    for j in range(k):
        high = max(high, column_maxima[j])
        if column_maxima[j] < column_maxima[best_column]:
            best_column = j
    return low, high, best_row, best_column


@inlined
def _fill(payoffs, low, scale, tableau, labels, m, k):
    for i in range(m):
        for j in range(k):
            tableau[i, j] = (payoffs[i, j] - low) * scale + 1.0
        tableau[i, k] = 1.0
        labels[k + i] = k + i
    for j in range(k):
        tableau[m, j] = -1.0
        labels[j] = j
    tableau[m, k] = 0.0


@inlined
def _optimise(tableau, scratch, labels, column, m, k):
    """Pivot until no reduced cost is negative, entering ``column`` first; the number of pivots, −1 where it gave up."""
    standing_still = 0
    for pivots in range(50 * (m + k) + 100):
        bland = standing_still > m + k
        if pivots > 0:
            column = _entering(tableau, labels, bland, m, k)
            if column < 0:
                return pivots
        row = _leaving(tableau, scratch, labels, column, bland, m, k)
        if row < 0:
            return -1
        standing_still = 0 if tableau[row, k] > NOTHING else standing_still + 1
        exchange(tableau, scratch, row, column, m + 1, k + 1)
        labels[column], labels[k + row] = labels[k + row], labels[column]
    return -1


@inlined
def _entering(tableau, labels, bland, m, k):
    """The column with the most negative reduced cost (under Bland's rule the negative one of least label) or −1."""
    best, entering = -REDUCED_COST, -1
    for j in range(k):
        if tableau[m, j] < best:
            best, entering = tableau[m, j], j
    if bland and entering >= 0:
        for j in range(k):
            if tableau[m, j] < -REDUCED_COST and labels[j] < labels[entering]:
                entering = j
    return entering


@inlined
def _leaving(tableau, scratch, labels, column, bland, m, k):
    """The row of largest a_i/b_i over safe a_i > 0; ties go to the largest a_i, under Bland's rule to the least label.

    One pass without branches, and a second only where something ties: half the time of a branching ratio test.
    """
    best, next_best, leaving = 0.0, 0.0, -1
    for i in range(m):
        a = tableau[i, column]
        a = a if a > PIVOT else 0.0
        b = tableau[i, k] if tableau[i, k] > NOTHING else 1e-250
        ratio = min(a / b, 1e200)  # degenerate rows tie, and no branch
        scratch[i] = ratio
        next_best = max(next_best, min(best, ratio))
        leaving = i if ratio > best else leaving
        best = max(best, ratio)
    best *= 1.0 - TIE
    if next_best >= best and leaving >= 0:
        for i in range(m):
            if scratch[i] >= best:
                larger = tableau[i, column] > tableau[leaving, column]
                better = labels[k + i] < labels[k + leaving] if bland else larger
                leaving = i if better else leaving
    return leaving


@inlined
def exchange(tableau, scratch, row, column, rows, columns):
    """Exchange the variables of a row and a column: Gauss–Jordan on a condensed tableau (rows, columns)."""
    inverse = 1.0 / tableau[row, column]
    for j in range(columns):
        tableau[row, j] *= inverse
    tableau[row, column] = inverse
    if columns < WIDE:
        for i in range(rows):
            if i != row:
                factor = tableau[i, column]
                tableau[i, column] = 0.0
                for j in range(columns):
                    tableau[i, j] -= factor * tableau[row, j]
        return
    for j in range(columns):
        scratch[j] = tableau[row, j]
    for i in range(rows):
        factor = tableau[i, column]
        if i != row and factor != 0.0:
            tableau[i, column] = 0.0
            for j in range(columns):
                tableau[i, j] -= factor * scratch[j]


@inlined
def _read(tableau, scratch, labels, row, column, m, k):
    """Strategies from the final tableau: y from the right-hand sides, x from the reduced costs (no branches)."""
    for i in range(m):
        scratch[labels[k + i]] = max(tableau[i, k], 0.0)
    for j in range(k):
        scratch[labels[j]] = 0.0
    for j in range(k):
        column[j] = scratch[j]
    for i in range(m):
        scratch[labels[k + i]] = 0.0
    for j in range(k):
        scratch[labels[j]] = max(tableau[m, j], 0.0)
    for i in range(m):
        row[i] = scratch[k + i]
    normalise(row, m)
    normalise(column, k)


@inlined
def normalise(weights, size):
    """Divide the first ``size`` weights by their sum, in place."""
    total = 0.0
    for i in range(size):
        total += weights[i]
    inverse = 1.0 / total
    for i in range(size):
        weights[i] *= inverse
