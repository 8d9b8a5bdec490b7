"""Complementary pivoting on  P: s + Bᵀx = 1,  Q: r + Ay = 1  (x, s, y, r ≥ 0; x_i r_i = 0 = y_j s_j): one equilibrium.

Lemke & Howson (1964), as told by von Stengel (2002): label i < m is carried by x_i and r_i, label m + j by y_j and s_j.
From (0, 0) drop one label; the variable that leaves names the label taken up, whose partner enters the other tableau;
stop when the dropped label is taken up again. Payoffs are scaled to [1, 2] first, so both polytopes are bounded.
Ties are broken lexicographically, b then the columns of the initial basis in order, as if the right-hand sides were
1 + (ε, ε², …): then no basis returns, and the path ends (in floats ties are those within ``TIE``).
The tableaux are condensed; a basic slack's column is a unit vector that is not stored.

Nothing is allocated. Guarantee: strategies are distributions and ``steps`` is −1 where the path did not end within its
limit or no safe pivot was left; regrets are for the caller to certify (``equilibrium.certified``).
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.zero_sum_kernel import NOTHING, PIVOT, TIE, exchange, normalise


@compiled
def bimatrix_workspace(m, k):
    """What ``lemke_howson_into`` needs for one m×k game."""
    size = m + k
    return (
        np.empty((k, m + 1)),
        np.empty((m, k + 1)),
        np.empty(size + 1),
        np.empty((4, size), np.int64),
    )


@compiled
def lemke_howson_into(row_payoffs, column_payoffs, label, row, column, first, second, scratch, labels):
    """Write an equilibrium of the game (A, B), both (m, k), into ``row`` and ``column``; return the pivots, −1 failed.

    ``label`` in 0, …, m+k−1 is the one dropped; the last four come from ``bimatrix_workspace(m, k)``.
    """
    m, k = row_payoffs.shape
    _fill(column_payoffs, True, first)
    _fill(row_payoffs, False, second)
    # rows of ``labels``: the variable in each place of P (columns, then rows), the place of each variable; same for Q
    for v in range(m + k):
        q = v + m if v < k else v - k
        labels[0, v], labels[1, v] = v, v
        labels[2, v], labels[3, q] = q, v
    variables_p, places_p, variables_q, places_q = labels[0], labels[1], labels[2], labels[3]
    entering, pivots, limit = label, 0, 1000 * (m + k)
    in_first = label < m
    while pivots < limit:
        if in_first:
            entering = _advance(first, scratch, variables_p, places_p, m, entering)
        else:
            entering = _advance(second, scratch, variables_q, places_q, 0, entering)
        pivots += 1
        if entering < 0:
            pivots = limit
        elif entering == label:
            break
        in_first = not in_first
    _read(first, labels[0], 0, row)
    _read(second, labels[2], m, column)
    return pivots if pivots < limit else -1


@compiled
def lemke_howson_batch(payoffs, label, rows, columns, pivots):
    """``lemke_howson_into`` for every game of ``payoffs`` (B, 2, m, k)."""
    first, second, scratch, labels = bimatrix_workspace(payoffs.shape[2], payoffs.shape[3])
    for b in range(payoffs.shape[0]):
        pivots[b] = lemke_howson_into(
            payoffs[b, 0], payoffs[b, 1], label, rows[b], columns[b], first, second, scratch, labels
        )


@compiled
def _fill(payoffs, transposed, tableau):
    m, k = payoffs.shape
    low, high = payoffs[0, 0], payoffs[0, 0]
    for i in range(m):
        for j in range(k):
            low = min(low, payoffs[i, j])
            high = max(high, payoffs[i, j])
    scale = 1.0 / (high - low) if high > low else 0.0
    if transposed:
        for i in range(m):
            for j in range(k):
                tableau[j, i] = (payoffs[i, j] - low) * scale + 1.0
    else:
        for i in range(m):
            for j in range(k):
                tableau[i, j] = (payoffs[i, j] - low) * scale + 1.0
    for i in range(tableau.shape[0]):
        tableau[i, tableau.shape[1] - 1] = 1.0


@compiled
def _advance(tableau, scratch, variables, places, first_slack, entering):
    """Bring a variable into the basis; the label of the one that leaves, −1 where no pivot is safe."""
    columns = tableau.shape[1] - 1
    column = places[entering]
    row = _leaving(tableau, scratch, variables, places, first_slack, column)
    if row < 0:
        return -1
    exchange(tableau, scratch, row, column)
    leaving = variables[columns + row]
    variables[column], variables[columns + row] = leaving, entering
    places[leaving], places[entering] = column, columns + row
    return leaving


@compiled
def _leaving(tableau, scratch, variables, places, first_slack, column):
    """The lexicographically least row among those of largest a_i/b_i, that is of least ratio."""
    rows, columns = tableau.shape[0], tableau.shape[1] - 1
    best = 0.0
    for i in range(rows):
        a = tableau[i, column]
        a = a if a > PIVOT else 0.0
        b = tableau[i, columns] if tableau[i, columns] > NOTHING else 0.0
        scratch[i] = a / b if a > 0.0 else 0.0
        best = max(best, scratch[i])
    if best <= 0.0:
        return -1
    best *= 1.0 - TIE
    leaving, ties = -1, 0
    for i in range(rows):
        tied = scratch[i] >= best
        scratch[i] = 1.0 if tied else 0.0
        if tied:
            ties += 1
            leaving = i
    slack = first_slack
    while ties > 1 and slack < first_slack + rows:
        place = places[slack]
        least = np.inf
        for i in range(rows):
            if scratch[i] > 0.0:
                entry = tableau[i, place] if place < columns else (1.0 if place == columns + i else 0.0)
                least = min(least, entry / tableau[i, column])
        ties = 0
        for i in range(rows):
            if scratch[i] > 0.0:
                entry = tableau[i, place] if place < columns else (1.0 if place == columns + i else 0.0)
                if entry / tableau[i, column] <= least + TIE * max(1.0, abs(least)):
                    ties += 1
                    leaving = i
                else:
                    scratch[i] = 0.0
        slack += 1
    return leaving


@compiled
def _read(tableau, variables, first, strategy):
    """The strategy that the basic variables first, …, first + len − 1 are proportional to."""
    rows, columns = tableau.shape[0], tableau.shape[1] - 1
    strategy[:] = 0.0
    for i in range(rows):
        own = variables[columns + i] - first
        if 0 <= own < strategy.shape[0]:
            strategy[own] = max(tableau[i, columns], 0.0)
    normalise(strategy)
