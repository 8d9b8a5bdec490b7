"""One equilibrium of an n-player game at the end of the logit path: x_i ∝ exp(λ uᵢ(·, x₋ᵢ)) for λ from 0 to ∞.

McKelvey & Palfrey 1995: for almost all games one path of solutions leads from the uniform profile at λ = 0 to an
equilibrium. It may turn back in λ, so it is followed in arc length (Turocy 2005): unknowns z = (ln x, λ), equations

    ln xᵢ(a) − ln xᵢ(0) − λ(uᵢ(a) − uᵢ(0)) = 0  (a > 0)            Σ_a xᵢ(a) − 1 = 0

A predictor step along the tangent, Newton's corrections across it, step size by how many of them it took. Payoffs are
scaled to a range of 1. The path is left when no player can gain more than ``TOLERANCE`` of the range, which is the
guarantee: it is measured on the strategies returned. Nothing is allocated.
"""

import numpy as np

from marlcore.compiled import compiled

TOLERANCE = 1e-6
_STEPS = 2000


def logit_workspace(counts):
    """What ``logit_equilibrium_into`` needs for agents with so many actions."""
    size = int(sum(int(c) for c in counts))
    width = int(max(counts))
    n = len(counts)
    return (
        np.zeros(size + 1),
        np.zeros(size + 1),
        np.zeros(size + 1),
        np.zeros((size + 1, size + 2)),
        np.zeros((n, width)),
        np.zeros((n, width, n, width)),
        np.zeros(n),
    )


@compiled
def logit_equilibrium_into(payoffs, counts, strides, sigma, work):
    """Write the end of the path into ``sigma`` (n, A); whether it is an equilibrium within the tolerance."""
    z, tangent, trial, system, values, slopes, scales = work
    size = z.shape[0] - 1
    _scale(payoffs, scales)
    position = 0
    for i in range(counts.shape[0]):
        for _ in range(counts[i]):
            z[position] = -np.log(counts[i])
            position += 1
    z[size] = 0.0
    tangent[:] = 0.0
    tangent[size] = 1.0
    step = 0.05
    for _ in range(_STEPS):
        _linearise(payoffs, counts, strides, z, sigma, values, slopes, scales, system)
        if _regret(counts, sigma, values) <= TOLERANCE:
            _normalise(counts, sigma)
            return True
        if not _turn(system, tangent, trial):
            return False
        for v in range(size + 1):
            trial[v] = z[v] + step * tangent[v]
        corrections = _correct(payoffs, counts, strides, trial, tangent, sigma, values, slopes, scales, system)
        if corrections < 0:
            step *= 0.25
            if step < 1e-9:
                return False
            continue
        for v in range(size + 1):
            z[v] = trial[v]
        if corrections <= 3:
            step *= 1.6
        elif corrections > 5:
            step *= 0.6
    return False


@compiled
def _scale(payoffs, scales):
    for i in range(payoffs.shape[0]):
        low, high = payoffs[i, 0], payoffs[i, 0]
        for joint in range(payoffs.shape[1]):
            low, high = min(low, payoffs[i, joint]), max(high, payoffs[i, joint])
        scales[i] = 1.0 / (high - low) if high > low else 0.0


@compiled
def _linearise(payoffs, counts, strides, z, sigma, values, slopes, scales, system):
    """The equations at z in the last column of ``system``, their Jacobian before it (its last row is left free)."""
    n, size = counts.shape[0], z.shape[0] - 1
    position = 0
    for i in range(n):
        for a in range(counts[i]):
            sigma[i, a] = np.exp(z[position])
            position += 1
    _payoffs_and_slopes(payoffs, counts, strides, sigma, values, slopes, scales)
    row, lam = 0, z[size]
    for i in range(n):
        start = row
        for a in range(counts[i]):
            for v in range(size + 2):
                system[row, v] = 0.0
            if a == 0:
                total = -1.0
                for b in range(counts[i]):
                    system[row, start + b] = sigma[i, b]
                    total += sigma[i, b]
                system[row, size + 1] = total
            else:
                system[row, start + a] += 1.0
                system[row, start] -= 1.0
                gain = values[i, a] - values[i, 0]
                system[row, size] = -gain
                system[row, size + 1] = z[start + a] - z[start] - lam * gain
                column = 0
                for j in range(n):
                    for b in range(counts[j]):
                        if j != i:
                            system[row, column] -= lam * (slopes[i, a, j, b] - slopes[i, 0, j, b]) * sigma[j, b]
                        column += 1
            row += 1


@compiled
def _payoffs_and_slopes(payoffs, counts, strides, sigma, values, slopes, scales):
    """uᵢ(a, x₋ᵢ) and its derivatives by x_j(b), of payoffs scaled to a range of 1."""
    n = counts.shape[0]
    values[:] = 0.0
    slopes[:] = 0.0
    for joint in range(payoffs.shape[1]):
        for i in range(n):
            u = payoffs[i, joint] * scales[i]
            a = joint // strides[i] % counts[i]
            weight = 1.0
            for j in range(n):
                if j != i:
                    weight *= sigma[j, joint // strides[j] % counts[j]]
            values[i, a] += u * weight
            for j in range(n):
                if j != i:
                    rest = 1.0
                    for k in range(n):
                        if k not in (i, j):
                            rest *= sigma[k, joint // strides[k] % counts[k]]
                    slopes[i, a, j, joint // strides[j] % counts[j]] += u * rest


@compiled
def _regret(counts, sigma, values):
    worst = 0.0
    for i in range(counts.shape[0]):
        best, mean, mass = values[i, 0], 0.0, 0.0
        for a in range(counts[i]):
            best = max(best, values[i, a])
            mean += sigma[i, a] * values[i, a]
            mass += sigma[i, a]
        worst = max(worst, best - mean / mass)
    return worst


@compiled
def _normalise(counts, sigma):
    for i in range(counts.shape[0]):
        mass = 0.0
        for a in range(counts[i]):
            mass += sigma[i, a]
        for a in range(counts[i]):
            sigma[i, a] /= mass


@compiled
def _turn(system, tangent, solution):
    """The unit tangent of the path, on the side of the last one; False where the equations are singular."""
    size = tangent.shape[0] - 1
    for v in range(size + 1):
        system[size, v] = tangent[v]
    for row in range(size):
        system[row, size + 1] = 0.0
    system[size, size + 1] = 1.0
    if not _solve(system, solution):
        return False
    norm = 0.0
    for v in range(size + 1):
        norm += solution[v] * solution[v]
    norm = 1.0 / np.sqrt(norm)
    for v in range(size + 1):
        tangent[v] = solution[v] * norm
    return True


@compiled
def _correct(payoffs, counts, strides, z, tangent, sigma, values, slopes, scales, system):
    """Newton's method across the tangent; how many steps it took, −1 where it did not get there."""
    size = z.shape[0] - 1
    for corrections in range(1, 9):
        for v in range(size):
            if not z[v] < 1.0:
                return -1
        _linearise(payoffs, counts, strides, z, sigma, values, slopes, scales, system)
        for v in range(size + 1):
            system[size, v] = tangent[v]
        system[size, size + 1] = 0.0
        if not _solve(system, system[:, size + 1]):
            return -1
        largest = 0.0
        for v in range(size + 1):
            z[v] -= system[v, size + 1]
            largest = max(largest, abs(system[v, size + 1]) / (1.0 + abs(z[v])))
        if largest < 1e-10:
            return corrections
    return -1


@compiled
def _solve(system, solution):
    """Gauss with partial pivoting on [M | b]; False where M is singular."""
    size = system.shape[0]
    for c in range(size):
        best = c
        for i in range(c + 1, size):
            if abs(system[i, c]) > abs(system[best, c]):
                best = i
        if not abs(system[best, c]) > 1e-300:
            return False
        if best != c:
            for j in range(c, size + 1):
                system[c, j], system[best, j] = system[best, j], system[c, j]
        for i in range(c + 1, size):
            factor = system[i, c] / system[c, c]
            if factor != 0.0:
                for j in range(c + 1, size + 1):
                    system[i, j] -= factor * system[c, j]
    for c in range(size - 1, -1, -1):
        total = system[c, size]
        for j in range(c + 1, size):
            total -= system[c, j] * solution[j]
        solution[c] = total / system[c, c]
    return True
