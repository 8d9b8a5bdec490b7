"""v = max_x min_j (xᵀA)_j = min_y max_i (Ay)_i: the value and optimal strategies of zero-sum matrix games.

von Neumann (1928): the two sides are equal, so a pair (x, y) proves its own optimality by its saddle gap
max_i (Ay)_i − min_j (xᵀA)_j, which is the ``error`` of the answer whatever found it:

    simplex          small games, compiled, one game or a batch        ``zero_sum_kernel``
    interior point   large games                                       ``zero_sum_large``
    rational         exact payoffs; and float games (dyadic rationals, all of them) whose certificate is not good
                     enough: more than 1e-10 of the payoffs' range      ``zero_sum_exact``

Guarantee: |value − v| ≤ error, and no deviation from ``row`` or ``column`` gains more than error. Exact payoffs get an
exact value and strategies with error 0. The value is unique, the strategies need not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame, is_zero_sum
from marlcore.kit.html import Shown
from marlcore.validation import check_no_empty_axis, finite_numbers
from tabular.static.zero_sum_exact import solve_exact
from tabular.static.zero_sum_kernel import EPSILON, certify, solve_batch
from tabular.static.zero_sum_large import solve_large

CERTIFICATE = 1e-10
"""A float answer whose saddle gap is more than this times the payoffs' range is solved again in rationals."""
LARGE = 350
"""Above this on both sides interior points are faster: 21 against 13 ms at 300, 41 against 50 at 400, one core."""


@dataclass(frozen=True, eq=False)
class ZeroSumSolution(Shown):
    """Value, optimal strategies and their saddle gap; the arrays lead with the batch axes, if any."""

    value: Any
    row: Any
    column: Any
    error: Any
    pivots: Any
    """Exchanges of the simplex (0 for a pure saddle point); iterations of the interior point method."""
    method: str
    """``simplex``, ``interior point`` or ``rational``."""
    rescued: int = 0
    """How many games were solved again in rationals because their float certificate was not good enough."""


def solve_zero_sum(payoffs: Any) -> ZeroSumSolution:
    """Solve the row player's ``payoffs`` (…, m, k), floats or rationals, or a zero-sum ``MatrixGame``.

    The row player maximises, the column player minimises; axes before the last two are a batch.
    """
    array = _row_payoffs(payoffs)
    *batch, m, k = array.shape
    games = array.reshape(-1, m, k)
    if array.dtype == object:
        parts, method, rescued = _solve_rationals(games), "rational", 0
    elif min(m, k) > LARGE:
        parts, method, rescued = _solve_each(games), "interior point", 0
    else:
        parts, method, rescued = _solve_floats(games)
    value, row, column, error, pivots = (p.reshape((*batch, *p.shape[1:]))[()] for p in parts)
    return ZeroSumSolution(value, row, column, error, pivots, method, rescued)


def _row_payoffs(payoffs: Any) -> np.ndarray:
    if isinstance(payoffs, MatrixGame):
        return _row_of_zero_sum(payoffs)
    kind = numbers.kind_of(payoffs)
    if kind not in ("float", "rational"):
        raise InputError(f"solve_zero_sum takes float or rational payoffs, not {kind}")
    try:
        array = finite_numbers("payoffs", payoffs)
    except (TypeError, ValueError) as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"payoffs are no array of numbers (…, m, k): {problem}") from None
    if array.ndim < 2:
        raise InputError(f"payoffs must have shape (…, m, k), a matrix or a batch of them, not {array.shape}")
    check_no_empty_axis("payoffs", array.shape)
    return array if kind == "rational" else np.ascontiguousarray(array)


def _row_of_zero_sum(game: MatrixGame) -> np.ndarray:
    if game.n != 2:
        raise InputError(f"a zero-sum solver takes two players, not {game.n}")
    first, second = np.moveaxis(game.payoffs, len(game.batch_shape), 0)
    if not is_zero_sum(game):
        total = first + second
        index = np.unravel_index(int(np.argmax(abs(total))), total.shape)
        a = tuple(int(x) for x in index)
        raise InputError(
            f"the game is not zero-sum: payoffs[0] + payoffs[1] = {total[index]} at a={a}; "
            "solve it with nash_equilibria or nash_equilibrium"
        )
    return _row_payoffs(first)


def _solve_floats(games: np.ndarray) -> tuple[tuple[np.ndarray, ...], str, int]:
    count, m, k = games.shape
    rows, columns = np.empty((count, m)), np.empty((count, k))
    values, errors, pivots = np.empty(count), np.empty(count), np.empty(count, np.int64)
    solve_batch(games, rows, columns, values, errors, pivots)
    # the payoffs' range may overflow: an infinite or undefined error is rescued like any other
    with np.errstate(over="ignore", invalid="ignore"):
        spread = games.max(axis=(1, 2)) - games.min(axis=(1, 2))
        good = np.isfinite(errors) & (errors <= CERTIFICATE * spread + EPSILON * np.abs(values))
    doubtful = np.flatnonzero(~good)
    for b in doubtful:
        values[b], rows[b], columns[b], errors[b], pivots[b] = _rescue(games[b])
    return (values, rows, columns, errors, pivots), "simplex", len(doubtful)


def _rescue(game: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, float, int]:
    """The exact solution of a float game, rounded; the error is that of the rounded strategies."""
    value, row, column, pivots = solve_exact(numbers.convert(game, "rational"))
    x, y = numbers.convert(row, "float"), numbers.convert(column, "float")
    x_exact, y_exact = numbers.convert(x, "rational"), numbers.convert(y, "rational")
    exact = numbers.convert(game, "rational")
    gap = max((exact @ y_exact) / y_exact.sum()) - min((x_exact @ exact) / x_exact.sum())
    rounded = int(value.p) / int(value.q)
    error = _round_up(gap) if gap > 0 else 0.0
    if numbers.convert(np.array([rounded]), "rational")[0] != value:
        error += EPSILON * abs(rounded)
    return rounded, x, y, error, pivots


def _round_up(gap: Any) -> float:
    return float(np.nextafter(int(gap.p) / int(gap.q), np.inf))


def _solve_rationals(games: np.ndarray) -> tuple[np.ndarray, ...]:
    parts = []
    for game in games:
        value, row, column, pivots = solve_exact(game)
        parts.append((value, row, column, max(game @ column) - min(row @ game), pivots))
    values, rows, columns, errors, pivots = zip(*parts, strict=True)
    objects = (np.array(p, dtype=object) for p in (values, rows, columns, errors))
    return (*objects, np.array(pivots))


def _solve_each(games: np.ndarray) -> tuple[np.ndarray, ...]:
    parts = []
    for game in games:
        row, column, steps = solve_large(game)
        low, high = game.min(), game.max()
        value, error = certify(game, row, column, low, high, np.empty(game.shape[1]))
        parts.append((value, row, column, error, steps))
    return tuple(np.array(p) for p in zip(*parts, strict=True))
