"""One equilibrium of a two-player game: (x, y) with x ∈ argmax xᵀAy and y ∈ argmax xᵀBy.

    lemke_howson(game, label)     complementary pivoting with lexicographic ties from any label     ``lemke_howson_kernel``
    support_enumeration(game)     supports of equal size, small ones first                          ``support_kernel``

One game or a batch. Floats run compiled; a game whose certificate is not good enough (a regret above 1e-10 of a player's
payoff range) is solved again in rationals, as are rational payoffs, which get exact strategies and regrets of 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from tabular.static.equilibrium import Equilibrium, certified, check_two_players
from tabular.static.lemke_howson_kernel import lemke_howson_batch
from tabular.static.support_kernel import support_enumeration_batch
from tabular.static.zero_sum_exact import integer_payoffs, pivot

CERTIFICATE = 1e-10

ExactSolver = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, int]]


def lemke_howson(game: MatrixGame, label: int = 0) -> Equilibrium:
    """The equilibrium at the end of the path that drops ``label``: row actions count 0, …, m−1, column's m, …, m+k−1."""
    game = check_two_players(game, "lemke_howson")
    m, k = game.action_counts
    if not (isinstance(label, (int, np.integer)) and 0 <= label < m + k):
        raise InputError(f"label must be one of 0, …, m + k − 1 = {m + k - 1}, not {label}")

    def compiled_solver(payoffs: np.ndarray, rows: np.ndarray, columns: np.ndarray, steps: np.ndarray) -> None:
        lemke_howson_batch(payoffs, label, rows, columns, steps)

    return _solve(game, compiled_solver, lambda payoffs: lemke_howson_exact(payoffs, label), "lemke-howson")


def support_enumeration(game: MatrixGame) -> Equilibrium:
    """The equilibrium on the first supports, in order of size, that carry one."""
    game = check_two_players(game, "support_enumeration")
    return _solve(game, support_enumeration_batch, _support_enumeration_exact, "support-enumeration")


def _solve(game: MatrixGame, compiled_solver: Callable[..., Any], exact: ExactSolver, method: str) -> Equilibrium:
    batch, (m, k) = game.batch_shape, game.action_counts
    games = game.payoffs.reshape(-1, 2, m, k)
    count = len(games)
    steps = np.empty(count, np.int64)
    if game.kind == "rational":
        rows, columns = np.empty((count, m), dtype=object), np.empty((count, k), dtype=object)
        chosen = range(count)
    else:
        rows, columns = np.empty((count, m)), np.empty((count, k))
        compiled_solver(np.ascontiguousarray(games), rows, columns, steps)
        chosen = _doubtful(games, rows, columns, steps)
    for b in chosen:
        x, y, steps[b] = exact(numbers.convert(games[b], "rational"))
        rows[b], columns[b] = (numbers.convert(s, game.kind) for s in (x, y))
    profile = rows.reshape(*batch, m), columns.reshape(*batch, k)
    return certified(game, profile, steps.reshape(batch)[()], method)


def _doubtful(games: np.ndarray, rows: np.ndarray, columns: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The games whose float strategies are not certified well enough, overflows included."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = certified(MatrixGame(games, (len(games),)), (rows, columns), steps, "")
        spread = games.max(axis=(2, 3)) - games.min(axis=(2, 3))
        good = np.isfinite(found.regret) & (found.regret <= CERTIFICATE * spread)
    return np.flatnonzero(~(good.all(-1) & (steps >= 0)))


def lemke_howson_exact(payoffs: np.ndarray, label: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The path of ``lemke_howson_kernel`` in integers: fraction-free pivots, ties decided exactly."""
    m, k = payoffs.shape[1:]
    first = _Dictionary(integer_payoffs(payoffs[1])[0], m, True)
    second = _Dictionary(integer_payoffs(payoffs[0])[0], m, False)
    tableau, other = (first, second) if label < m else (second, first)
    entering, pivots = label, 0
    while True:
        entering = tableau.enter(entering)
        pivots += 1
        if entering == label:
            return first.strategy(range(m)), second.strategy(range(m, m + k)), pivots
        tableau, other = other, tableau


class _Dictionary:
    """One of the two integer tableaux: rows, the variable in each place, the slacks in lexicographic order."""

    def __init__(self, payoffs: list[list[Any]], m: int, transposed: bool) -> None:
        import flint

        rows = [list(r) for r in zip(*payoffs, strict=True)] if transposed else [list(r) for r in payoffs]
        low, high = min(min(r) for r in rows), max(max(r) for r in rows)
        # (A − low)/(high − low) + 1 up to a factor, as in floats: the lexicographic path then is the same
        shift = (high - low or 1) - low
        self.rows = [[entry + shift for entry in r] + [flint.fmpz(1)] for r in rows]
        own, slack = len(rows[0]), len(rows)
        self.slacks = list(range(m, m + slack)) if transposed else list(range(m))
        decisions = list(range(m)) if transposed else list(range(m, m + own))
        self.variables = decisions + self.slacks
        self.denominator = flint.fmpz(1)

    def enter(self, variable: int) -> int:
        """Bring a variable into the basis; the label of the one that leaves."""
        columns = len(self.rows[0]) - 1
        column = self.variables.index(variable)
        row = self._leaving(column)
        self.denominator = pivot(self.rows, row, column, self.denominator)
        leaving = self.variables[columns + row]
        self.variables[column], self.variables[columns + row] = leaving, variable
        return leaving

    def _leaving(self, column: int) -> int:
        columns = len(self.rows[0]) - 1
        tied = [i for i, row in enumerate(self.rows) if row[column] > 0]
        tied = self._least(tied, column, [row[columns] for row in self.rows])
        for slack in self.slacks:
            if len(tied) == 1:
                break
            place = self.variables.index(slack)
            if place < columns:
                entries = [row[place] for row in self.rows]
            else:
                entries = [self.denominator if place == columns + i else 0 for i in range(len(self.rows))]
            tied = self._least(tied, column, entries)
        return tied[0]

    def _least(self, candidates: list[int], column: int, entries: list[Any]) -> list[int]:
        """Those among the rows whose entry/a is least."""
        import flint

        ratios = {i: flint.fmpq(entries[i], self.rows[i][column]) for i in candidates}
        least = min(ratios.values())
        return [i for i in candidates if ratios[i] == least]

    def strategy(self, own: range) -> np.ndarray:
        """The distribution over the variables ``own`` that their values are proportional to."""
        import flint

        columns = len(self.rows[0]) - 1
        values = {self.variables[columns + i]: row[columns] for i, row in enumerate(self.rows)}
        weights = [values.get(v, flint.fmpz(0)) for v in own]
        total = sum(weights, flint.fmpz(0))
        return np.array([flint.fmpq(w, total) for w in weights], dtype=object)


def _support_enumeration_exact(payoffs: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    import flint

    m, k = payoffs.shape[1:]
    first, second = (payoffs[i] - payoffs[i].min() + flint.fmpq(1) for i in range(2))
    tried = 0
    for size in range(1, min(m, k) + 1):
        for rows, columns in itertools.product(
            itertools.combinations(range(m), size), itertools.combinations(range(k), size)
        ):
            tried += 1
            y = _indifferent(first, rows, columns)
            x = None if y is None else _indifferent(second.T, columns, rows)
            if x is not None and y is not None:
                return x, y, tried
    raise AssertionError("every game has an equilibrium on supports of equal size")


def _indifferent(payoffs: np.ndarray, own: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray | None:
    """The strategy on ``other`` that makes the actions ``own`` equally good, if it is one and they are best."""
    import flint

    matrix = flint.fmpq_mat(payoffs[np.ix_(own, other)].tolist())
    if matrix.det() == 0:
        return None
    weights = matrix.solve(flint.fmpq_mat([[1]] * len(own))).entries()
    if min(weights) < 0:
        return None
    strategy = np.array([flint.fmpq(0)] * payoffs.shape[1], dtype=object)
    strategy[list(other)] = weights
    return strategy / strategy.sum() if max(payoffs @ strategy) <= 1 else None
