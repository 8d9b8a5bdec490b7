"""max_x min_j (xᵀA)_j where the supports of a game nearby are known: try these first, then the simplex.

A learner that moves one entry of A solves a game that differs little from the last one. Where both players mixed at
most two actions there, rows i, i₂ and columns j, j₂ with payoffs (a, b; c, d), the strategies

    x = (d − c)/(a − b − c + d) on i,  y = (d − b)/(a − b − c + d) on j          x = y = 1 where i = i₂ and j = j₂

are compared with *every* row and column of A, and stand if max_i (Ay)_i − min_j (xᵀA)_j is round-off. Otherwise the
simplex starts afresh. So a wrong guess costs time and no accuracy, and the answer is a function of A and of the guess.
Where the optimum is not unique, what stands is kept. The pure case is computed as if it were mixed: a processor that
mispredicts which it is loses more than the whole comparison costs.
"""

import numpy as np

from marlcore.compiled import compiled
from tabular.static.zero_sum_kernel import EPSILON, solve_any_into

STANDS = 16 * EPSILON
"""A gap below this, of the payoffs on the supports, is round-off."""
NO_GUESS = -1


@compiled
def solve_from_into(payoffs, guess, row, column, tableau, scratch, labels):
    """Write optimal strategies of ``payoffs`` (m, k) into ``row`` and ``column``; return the value.

    ``guess`` is (i, i₂, j, j₂), or starts with NO_GUESS; it becomes the supports found, for the next call. Outside of
    them row and column must be 0, as the last call left them. The last three come from ``zero_sum_kernel.workspace``.
    """
    if guess[0] >= 0:
        stands, value = _two_by_two(payoffs, guess, row, column)
        if stands:
            return value
    value, _, _ = solve_any_into(payoffs, row, column, tableau, scratch, labels)
    i, i2, rows = _support(row)
    j, j2, columns = _support(column)
    guess[0], guess[1], guess[2], guess[3] = i, i2, j, j2
    if rows > 2 or rows != columns:
        guess[0] = NO_GUESS
    return value


@compiled(forceinline=True)
def _two_by_two(payoffs, guess, row, column):
    """Whether the strategies on the guessed supports stand, written if they do; and the value."""
    i, i2, j, j2 = guess[0], guess[1], guess[2], guess[3]
    a, b, c, d = payoffs[i, j], payoffs[i, j2], payoffs[i2, j], payoffs[i2, j2]
    pure = i == i2
    x = 1.0 if pure else (d - c) / ((a - b) + (d - c))
    y = 1.0 if pure else (d - b) / ((a - c) + (d - b))
    above, below = -np.inf, np.inf
    for r in range(payoffs.shape[0]):
        above = max(above, payoffs[r, j] * y + payoffs[r, j2] * (1.0 - y))
    for r in range(payoffs.shape[1]):
        below = min(below, payoffs[i, r] * x + payoffs[i2, r] * (1.0 - x))
    scale = max(max(abs(a), abs(b)), max(abs(c), abs(d)))
    stands = (above - below <= STANDS * scale) & (min(x, y) >= 0.0) & (max(x, y) <= 1.0)
    if stands:
        row[i2], column[j2] = 1.0 - x, 1.0 - y
        row[i], column[j] = x, y
    return stands, 0.5 * (above + below)


@compiled(forceinline=True)
def _support(weights):
    """The first and the last action that is played, and how many are."""
    first, last, count = 0, 0, 0
    for a in range(weights.shape[0]):
        if weights[a] > 0.0:
            first = a if count == 0 else first
            last = a
            count += 1
    return first, last, count
