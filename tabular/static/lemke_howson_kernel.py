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
from tabular.static.zero_sum_kernel import EPSILON, NOTHING, PIVOT, TIE, exchange, inlined, normalise


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
    _read(first, scratch, variables_p, 0, row)
    _read(second, scratch, variables_q, m, column)
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
def certify_batch(payoffs, rows, columns, values, regrets, spreads):
    """``equilibrium.certified`` for games (B, 2, m, k): payoffs, regrets (rounding included) and payoff ranges."""
    m, k = payoffs.shape[2], payoffs.shape[3]
    best = np.empty(max(m, k))
    for b in range(payoffs.shape[0]):
        for player in range(2):
            own = payoffs[b, player]
            low, high = own[0, 0], own[0, 0]
            for i in range(m):
                for j in range(k):
                    low = min(low, own[i, j])
                    high = max(high, own[i, j])
            size = m if player == 0 else k
            for a in range(size):
                best[a] = 0.0
            for i in range(m):
                for j in range(k):
                    if player == 0:
                        best[i] += (own[i, j] - low) * columns[b, j]
                    else:
                        best[j] += (own[i, j] - low) * rows[b, i]
            payoff, most = 0.0, 0.0
            for a in range(size):
                payoff += best[a] * (rows[b, a] if player == 0 else columns[b, a])
                most = max(most, best[a])
            values[b, player] = payoff + low
            rounding = (2 * (m + k) + 6) * EPSILON * (high - low)
            regrets[b, player] = max(most - payoff, 0.0) + rounding
            spreads[b, player] = high - low


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


@inlined
def _advance(tableau, scratch, variables, places, first_slack, entering):
    """Bring a variable into the basis; the label of the one that leaves, −1 where no pivot is safe."""
    columns = tableau.shape[1] - 1
    column = places[entering]
    row = _leaving(tableau, scratch, places, first_slack, column)
    if row < 0:
        return -1
    exchange(tableau, scratch, row, column, tableau.shape[0], tableau.shape[1])
    leaving = variables[columns + row]
    variables[column], variables[columns + row] = leaving, entering
    places[leaving], places[entering] = column, columns + row
    return leaving


@inlined
def _leaving(tableau, scratch, places, first_slack, column):
    """The row of largest a_i/b_i, that is of least ratio; ties are rare and go to ``_lexicographic``."""
    rows, columns = tableau.shape[0], tableau.shape[1] - 1
    best, next_best, leaving = 0.0, 0.0, -1
    for i in range(rows):
        a = tableau[i, column]
        a = a if a > PIVOT else 0.0
        b = tableau[i, columns] if tableau[i, columns] > NOTHING else 1e-250
        ratio = min(a / b, 1e200)  # degenerate rows tie, and no branch
        scratch[i] = ratio
        next_best = max(next_best, min(best, ratio))
        leaving = i if ratio > best else leaving
        best = max(best, ratio)
    best *= 1.0 - TIE
    if next_best < best or leaving < 0:
        return leaving
    return _lexicographic(tableau, scratch, places, first_slack, column, best)


@compiled
def _lexicographic(tableau, scratch, places, first_slack, column, best):
    """Among the rows whose ratio in ``scratch`` reaches ``best``, the least by the columns of the initial basis."""
    rows, columns = tableau.shape[0], tableau.shape[1] - 1
    leaving = -1
    ties = 0
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


@inlined
def _read(tableau, scratch, variables, first, strategy):
    """The strategy that the variables first, …, first + len − 1 are proportional to (no branches)."""
    rows, columns = tableau.shape[0], tableau.shape[1] - 1
    for i in range(rows):
        scratch[variables[columns + i]] = max(tableau[i, columns], 0.0)
    for j in range(columns):
        scratch[variables[j]] = 0.0
    for i in range(strategy.shape[0]):
        strategy[i] = scratch[first + i]
    normalise(strategy, strategy.shape[0])
