"""Saddle points of a bimatrix game (A, B), mixed ones too: equilibria at which nobody is hurt when the other deviates.

    (xᵀA)_b ≥ xᵀAy ≥ (Ay)_a    and    (By)_a ≥ xᵀBy ≥ (xᵀB)_b        for all actions a of the first, b of the second

Hu & Wellman, "Nash Q-learning for general-sum stochastic games", JMLR 4, 2003, definition 13. The first line says that
x is maximin in A and y minimax, and xᵀAy is the value v of A; the second that y is maximin for the second player in B
and x minimax, and xᵀBy is its value w. So the two conditions on x do not mention y, and those on y do not mention x:

    xᵀA ≥ v, xᵀB ≤ w            x is optimal in the zero-sum game [A − v, w − B], and that game's value is 0
    Ay ≤ v, By ≥ w              y is optimal for the player of the rows of [Bᵀ − w, v − Aᵀ], and its value is 0

There is a saddle point exactly where both values are 0, all of them are worth (v, w), and this finds one: four zero-sum
games. A search among the equilibria that are vertices can miss it: with A = matching pennies and B = 0 the only saddle
point is ((½, ½), (½, ½)), and the vertices are pure on one side. Each game is solved by Lemke & Howson's path for
(M, −M), which Nash-Q has compiled already.
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.lemke_howson_kernel import bimatrix_workspace, lemke_howson_into

ROUNDING = 1e-9
"""What the others can do to a saddle point, of the payoffs' range: that of round-off."""


def saddle_workspace(m, k):
    """What ``saddle_into`` needs for one m×k game: matrices, strategies and tableaux for each of its four games."""
    shapes = ((m, k), (k, m), (m, 2 * k), (k, 2 * m))
    return tuple(
        (np.zeros(shape), np.zeros(shape), *map(np.zeros, shape), *bimatrix_workspace(*shape)) for shape in shapes
    )


@compiled
def saddle_into(A, B, x, y, work):
    """Write a saddle point of (A, B), both (m, k), into ``x`` and ``y``; whether there is one."""
    m, k = A.shape
    first, second, of_row, of_column = work
    for a in range(m):
        for b in range(k):
            first[0][a, b] = A[a, b]
            second[0][b, a] = B[a, b]
    v, w = security(first), security(second)
    if not (v > -np.inf and w > -np.inf):
        return False
    one, two = _spread(A), _spread(B)
    for a in range(m):
        for b in range(k):
            of_row[0][a, b], of_row[0][a, k + b] = (A[a, b] - v) / one, (w - B[a, b]) / two
            of_column[0][b, a], of_column[0][b, m + a] = (B[a, b] - w) / two, (v - A[a, b]) / one
    if not (security(of_row) >= -ROUNDING and security(of_column) >= -ROUNDING):
        return False
    for a in range(m):
        x[a] = of_row[2][a]
    for b in range(k):
        y[b] = of_column[2][b]
    return True


@compiled
def security(game):
    """The most that the row player of ``game`` can be sure of, −∞ where no path ended; the strategy is game[2]."""
    payoffs, negative, row, column, p, q, scratch, labels = game
    for a in range(payoffs.shape[0]):
        for b in range(payoffs.shape[1]):
            negative[a, b] = -payoffs[a, b]
    if lemke_howson_into(payoffs, negative, np.int64(0), row, column, p, q, scratch, labels) < 0:
        return -np.inf
    least = np.inf
    for b in range(payoffs.shape[1]):
        total = 0.0
        for a in range(payoffs.shape[0]):
            total += row[a] * payoffs[a, b]
        least = min(least, total)
    return least


@compiled
def _spread(payoffs):
    """The payoffs' range, 1 where they are all the same."""
    low, high = payoffs[0, 0], payoffs[0, 0]
    for a in range(payoffs.shape[0]):
        for b in range(payoffs.shape[1]):
            low, high = min(low, payoffs[a, b]), max(high, payoffs[a, b])
    return high - low if high > low else 1.0
