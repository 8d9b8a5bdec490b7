"""Large zero-sum games by a primal–dual interior point method on dense matrices, ended by the vertex it points to.

    max v : s = Aᵀx − v1 ≥ 0, 1ᵀx = 1, x ≥ 0            min w : t = w1 − Ay ≥ 0, 1ᵀy = 1, y ≥ 0

Both have interior points that are known (uniform x and y, v below and w above), so every iterate is feasible and its
duality gap is w − v = xᵀt + yᵀs. A step solves x∘t = y∘s = σμ1 to first order with the predictor and corrector of
Mehrotra (1992); eliminating dy leaves a positive definite system M dx = …, M = diag(t/x) + A diag(y/s) Aᵀ, m ≤ k.
The gap falls to 1e-8 in some 15 steps at any size, where the simplex takes tens of thousands of pivots.

Then I = {x_i > t_i} and J = {y_j > s_j} are the supports of the strictly complementary solution; when the equilibrium
is unique they are equal in number and A_IJ y = v1, xᵀA_IJ = v1ᵀ give it to rounding. Where they are not, or their
vertex is worse, the interior point itself is returned, and where that is not good, HiGHS's.
What is returned is certified by its caller; nothing here needs to be trusted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

GAP = 1e-9
"""Of the payoffs' range: where the iteration stops, and what is good enough without asking HiGHS."""
MOST_STEPS = 60


def solve_large(payoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Row strategy, column strategy and steps for one float game (m, k)."""
    low, high = payoffs.min(), payoffs.max()
    scaled = (payoffs - low) / ((high - low) or 1.0)
    if scaled.shape[0] > scaled.shape[1]:
        column, row, steps = _interior_point(np.ascontiguousarray(1.0 - scaled.T))
    else:
        row, column, steps = _interior_point(scaled)
    best = min(((row, column), *_vertex(scaled, row, column)), key=lambda pair: _gap(scaled, *pair))
    if not _gap(scaled, *best) <= GAP:
        best = min((best, _highs(scaled)), key=lambda pair: _gap(scaled, *pair))
    return *best, steps


def _gap(A: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    gap = float((A @ y).max() - (x @ A).min())
    return gap if np.isfinite(gap) else np.inf


def _interior_point(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    m, k = A.shape
    x, y = np.full(m, 1 / m), np.full(k, 1 / k)
    v, w = (x @ A).min() - 0.5, (A @ y).max() + 0.5
    s, t = x @ A - v, w - A @ y
    steps = 0
    while steps < MOST_STEPS:
        steps += 1
        mu = (x @ t + y @ s) / (m + k)
        if w - v <= GAP * 0.1:
            break
        try:
            solve = _newton(A, x, y, s, t)
        except np.linalg.LinAlgError:
            break
        dx, dy, dv, dw, ds, dt = solve(-x * t, -y * s)
        step = _longest(x, dx, y, dy, s, ds, t, dt)
        predicted = ((x + step * dx) @ (t + step * dt) + (y + step * dy) @ (s + step * ds)) / (m + k)
        target = mu * (predicted / mu) ** 3
        dx, dy, dv, dw, ds, dt = solve(target - x * t - dx * dt, target - y * s - dy * ds)
        step = min(1.0, max(0.9, 1 - mu) * _longest(x, dx, y, dy, s, ds, t, dt))
        if not step >= 1e-6:  # NaN included
            break
        x, y = x + step * dx, y + step * dy
        s, t = s + step * ds, t + step * dt  # not from x and y afresh, where rounding could turn their sign
        v, w = v + step * dv, w + step * dw
    return x / x.sum(), y / y.sum(), steps


def _newton(A: np.ndarray, x: np.ndarray, y: np.ndarray, s: np.ndarray, t: np.ndarray) -> Any:
    """A function from the right-hand sides of t∘dx + x∘dt = r and s∘dy + y∘ds = q to the Newton direction."""
    from scipy.linalg import cho_factor, cho_solve, get_blas_funcs

    d = y / s
    weighted = A * np.sqrt(d)
    (dsyrk,) = get_blas_funcs(("syrk",), (weighted,))
    matrix = dsyrk(1.0, weighted.T, trans=1, lower=0)
    matrix[np.diag_indices_from(matrix)] += t / x
    factor = cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)
    p = A @ d
    sides = cho_solve(factor, np.stack([p, np.ones(len(x))], axis=1), check_finite=False)
    # 1ᵀdx = 0 and 1ᵀdy = 0, two equations for dv and dw
    system = np.array([[sides[:, 0].sum(), -sides[:, 1].sum()], [p @ sides[:, 0] - d.sum(), -(p @ sides[:, 1])]])

    def direction(r: np.ndarray, q: np.ndarray) -> tuple[Any, ...]:
        base = cho_solve(factor, A @ (q / s) + r / x, check_finite=False)
        dv, dw = np.linalg.solve(system, [-base.sum(), (q / s).sum() - p @ base])
        dx = base + dv * sides[:, 0] - dw * sides[:, 1]
        ds = dx @ A - dv
        dy = (q - y * ds) / s
        return dx, dy, dv, dw, ds, dw - A @ dy

    return direction


def _longest(*pairs: np.ndarray) -> float:
    """The largest step ≤ 1 that keeps every value + step·change ≥ 0."""
    step = 1.0
    for value, change in zip(pairs[::2], pairs[1::2], strict=True):
        falling = change < 0
        if falling.any():
            step = min(step, float((-value[falling] / change[falling]).min()))
    return step


def _vertex(A: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The strategies that make the apparent supports indifferent, if there are as many rows as columns in them."""
    t, s = (A @ y).max() - A @ y, x @ A - (x @ A).min()
    rows, columns = np.flatnonzero(x > t), np.flatnonzero(y > s)
    if len(rows) != len(columns):
        return []
    square = A[np.ix_(rows, columns)] + 1.0  # in [1, 2]: the value is not 0
    ones = np.ones(len(rows))
    try:
        weights = np.linalg.solve(square.T, ones), np.linalg.solve(square, ones)
    except np.linalg.LinAlgError:
        return []
    full = np.zeros(len(x)), np.zeros(len(y))
    for target, support, w in zip(full, (rows, columns), weights, strict=True):
        if not w.min() > -1e-9 * abs(w).max():
            return []
        target[support] = np.maximum(w, 0) / np.maximum(w, 0).sum()
    return [full]


def _highs(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """HiGHS's optimum of min w : Ay ≤ w1, and the row strategy from its multipliers."""
    from scipy.optimize import linprog

    m, k = A.shape
    left = np.concatenate([A, -np.ones((m, 1))], axis=1)
    cost, equal = np.append(np.zeros(k), 1.0), np.append(np.ones(k), 0.0)[None]
    result = linprog(cost, left, np.zeros(m), equal, [1.0], bounds=(0, None), method="highs-ipm")
    if result.x is None:
        return np.full(m, 1 / m), np.full(k, 1 / k)
    column, row = np.maximum(result.x[:k], 0), np.maximum(-result.ineqlin.marginals, 0)
    return row / row.sum(), column / column.sum()
