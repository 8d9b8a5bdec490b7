"""The utilitarian correlated equilibrium of a stage game as a compiled simplex that allocates nothing.

    max Σ_a σ(a) Σᵢ uᵢ(a)   subject to   Σ_{a₋ᵢ} σ(a)(uᵢ(b, a₋ᵢ) − uᵢ(a)) ≤ 0 for all i, aᵢ ≠ b,   Σσ ≤ 1, σ ≥ 0

Aumann 1974. The sum of payoffs is shifted to be positive, so that an optimum has mass 1; σ = 0 is feasible, so there is
no phase 1. All rows but the last have right-hand side 0, which makes every vertex but the last degenerate: ties are
broken as if the right-hand sides were ε, ε², … (lexicographic: no basis returns). Payoffs are scaled to a range of 1.

Guarantee: ``correlated_into`` returns the largest incentive of the σ that it writes, max Σσ(uᵢ(b, ·) − uᵢ(aᵢ, ·)), in
the units of the payoffs, and −1 pivots where it stopped early; σ is then a point mass on a pure equilibrium, if there
is one, or what the last vertex was.
"""

import numpy as np

from marlcore.compiled import compiled

REDUCED_COST, PIVOT, TIE = 1e-11, 1e-9, 1e-10


def correlated_workspace(counts):
    """What ``correlated_into`` needs for agents with so many actions."""
    joint = int(np.prod([int(c) for c in counts]))
    rows = int(sum(int(c) * (int(c) - 1) for c in counts)) + 1
    # the inverse of the basis is read off the slacks' columns, so that they are kept: (rows + 1) × (J + rows + 1)
    return np.zeros((rows + 1, joint + rows + 1)), np.zeros(rows, np.int64), np.zeros(len(counts))


@compiled
def correlated_into(payoffs, counts, strides, sigma, tableau, basis, scales):
    """Write the equilibrium of payoffs (n, J) into ``sigma`` (J,); return (largest incentive, pivots)."""
    _fill(payoffs, counts, strides, tableau, basis, scales)
    pivots = _optimise(tableau, basis)
    joint, last = sigma.shape[0], tableau.shape[1] - 1
    sigma[:] = 0.0
    total = 0.0
    for row in range(basis.shape[0]):
        if basis[row] < joint:
            sigma[basis[row]] = max(tableau[row, last], 0.0)
            total += sigma[basis[row]]
    if total <= 0.0:
        sigma[0], total = 1.0, 1.0
    for a in range(joint):
        sigma[a] /= total
    return incentive(payoffs, counts, strides, sigma), pivots


@compiled
def incentive(payoffs, counts, strides, sigma):
    """The most that a player who is told an action, and plays another instead, gains by it on average."""
    worst = 0.0
    for i in range(counts.shape[0]):
        for a in range(counts[i]):
            for b in range(counts[i]):
                gain = 0.0
                for joint in range(sigma.shape[0]):
                    if joint // strides[i] % counts[i] == a:
                        gain += sigma[joint] * (payoffs[i, joint + (b - a) * strides[i]] - payoffs[i, joint])
                worst = max(worst, gain)
    return worst


@compiled
def _fill(payoffs, counts, strides, tableau, basis, scales):
    n, joint = payoffs.shape
    rows, last = basis.shape[0], tableau.shape[1] - 1
    tableau[:] = 0.0
    for i in range(n):
        low, high = payoffs[i, 0], payoffs[i, 0]
        for a in range(joint):
            low, high = min(low, payoffs[i, a]), max(high, payoffs[i, a])
        scales[i] = 1.0 / (high - low) if high > low else 0.0
    row = 0
    for i in range(n):
        for a in range(counts[i]):
            for b in range(counts[i]):
                if a != b:
                    for j in range(joint):
                        if j // strides[i] % counts[i] == a:
                            tableau[row, j] = (payoffs[i, j + (b - a) * strides[i]] - payoffs[i, j]) * scales[i]
                    row += 1
    low, high = np.inf, -np.inf
    for j in range(joint):
        tableau[rows - 1, j] = 1.0
        total = 0.0
        for i in range(n):
            total += payoffs[i, j]
        tableau[rows, j] = -total
        low, high = min(low, total), max(high, total)
    scale = 1.0 / (high - low) if high > low else 0.0
    for j in range(joint):
        tableau[rows, j] = (tableau[rows, j] + low) * scale - 1.0
    tableau[rows - 1, last] = 1.0
    for r in range(rows):
        tableau[r, joint + r] = 1.0
        basis[r] = joint + r


@compiled
def _optimise(tableau, basis):
    """Dantzig's pricing with lexicographic ratios until no reduced cost is negative; the pivots, −1: gave up."""
    rows, last = basis.shape[0], tableau.shape[1] - 1
    for pivots in range(200 * rows + 100):
        best, column = -REDUCED_COST, -1
        for j in range(last):
            if tableau[rows, j] < best:
                best, column = tableau[rows, j], j
        if column < 0:
            return pivots
        row = _leaving(tableau, basis, column)
        if row < 0:
            return -1
        _pivot(tableau, row, column)
        basis[row] = column
    return -1


@compiled
def _leaving(tableau, basis, column):
    """The row whose (right-hand side, slacks' columns)/pivot is lexicographically least over safe pivots."""
    rows, last = basis.shape[0], tableau.shape[1] - 1
    leaving = -1
    for row in range(rows):
        if tableau[row, column] > PIVOT and (leaving < 0 or _less(tableau, row, leaving, column, last - rows, last)):
            leaving = row
    return leaving


@compiled
def _less(tableau, row, other, column, first_slack, last):
    """Whether ``row`` comes before ``other``: the first difference decides, right-hand sides before slacks."""
    p, q = 1.0 / tableau[row, column], 1.0 / tableau[other, column]
    x, y = tableau[row, last] * p, tableau[other, last] * q
    if abs(x - y) > TIE:
        return x < y
    for j in range(first_slack, last):
        x, y = tableau[row, j] * p, tableau[other, j] * q
        if abs(x - y) > TIE * max(1.0, abs(x)):
            return x < y
    return False


@compiled
def _pivot(tableau, row, column):
    inverse = 1.0 / tableau[row, column]
    for j in range(tableau.shape[1]):
        tableau[row, j] *= inverse
    for i in range(tableau.shape[0]):
        factor = tableau[i, column]
        if i != row and factor != 0.0:
            for j in range(tableau.shape[1]):
                tableau[i, j] -= factor * tableau[row, j]
            tableau[i, column] = 0.0
