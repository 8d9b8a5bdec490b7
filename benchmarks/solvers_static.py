"""Exact solvers of static games beside QuantEcon and HiGHS: zero-sum, one equilibrium, all equilibria.

A group is one job on one set of games, drawn from a fixed seed; peers solve the same games in the same run. QuantEcon's
``minmax`` runs from a compiled loop, its Lemke–Howson and vertex enumeration from Python as they are offered.

bytes: payoffs read and strategies written once, what cannot be avoided. flops: 2·(m+1)·(k+1) a pivot, times the pivots
of this run (zero-sum) or the vertices walked (all equilibria); peers do other work and are given none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import quantecon.game_theory as gt
from numba import njit
from quantecon.optimize.minmax import minmax
from scipy.optimize import linprog

from marlcore.games import MatrixGame
from marlcore.kit.benchmark import Case
from tabular.static.bimatrix import lemke_howson
from tabular.static.enumeration import nash_equilibria
from tabular.static.lemke_howson_kernel import lemke_howson_batch
from tabular.static.zero_sum import solve_zero_sum
from tabular.static.zero_sum_kernel import solve_batch


def cases() -> list[Case]:
    """Every job of this file."""
    return [
        *(case for size in (3, 5, 10) for case in _zero_sum_batch(size)),
        *(case for size in (300, 1000) for case in _zero_sum_large(size)),
        *(case for size in (3, 10) for case in _one_equilibrium(size)),
        *(case for size in (5, 10) for case in _all_equilibria(size)),
    ]


@njit
def _minmax_loop(games: np.ndarray, values: np.ndarray) -> None:
    for b in range(games.shape[0]):
        values[b], _, _ = minmax(games[b])


def _zero_sum_batch(size: int, count: int = 1000) -> list[Case]:
    games = np.random.default_rng(size).uniform(-1, 1, (count, size, size))
    rows, columns = np.empty((2, count, size))
    values, errors, pivots = np.empty(count), np.empty(count), np.empty(count, np.int64)
    solve_batch(games, rows, columns, values, errors, pivots)
    flops = 2.0 * (size + 1) ** 2 * pivots.sum()
    moved = games.nbytes + rows.nbytes + columns.nbytes
    group, few = f"zero-sum {size}×{size}", games[:20]

    def one(name: str, job: Callable[[], Any], amount: int = count, **more: Any) -> Case:
        return Case(f"{group}, {name}", job, amount, "games", group=group, **more)

    return [
        one("kernel", lambda: solve_batch(games, rows, columns, values, errors, pivots), bytes=moved, flops=flops),
        one("solve_zero_sum", lambda: solve_zero_sum(games), bytes=moved, flops=flops),
        one("quantecon minmax", lambda: _minmax_loop(games, values), peer=True),
        one("scipy linprog", lambda: [_linprog(game, "highs") for game in few], len(few), peer=True),
    ]


def _zero_sum_large(size: int) -> list[Case]:
    game = np.random.default_rng(size).uniform(-1, 1, (size, size))
    group = f"zero-sum {size}×{size}"

    def one(name: str, job: Callable[[], Any], **more: Any) -> Case:
        return Case(f"{group}, {name}", job, 1, "games", group=group, **more)

    return [
        one("solve_zero_sum", lambda: solve_zero_sum(game), bytes=game.nbytes),
        one("quantecon minmax", lambda: minmax(game), peer=True),
        one("HiGHS interior point", lambda: _linprog(game, "highs-ipm"), peer=True),
    ]


def _linprog(game: np.ndarray, method: str) -> Any:
    m, k = game.shape
    left = np.concatenate([game, -np.ones((m, 1))], axis=1)
    bounds = [(0, None)] * k + [(None, None)]
    cost, equal = np.append(np.zeros(k), 1.0), np.append(np.ones(k), 0.0)[None]
    return linprog(cost, left, np.zeros(m), equal, [1.0], bounds, method=method)


def _quantecon_games(games: np.ndarray) -> list[Any]:
    return [gt.NormalFormGame((gt.Player(A), gt.Player(np.ascontiguousarray(B.T)))) for A, B in games]


def _one_equilibrium(size: int, count: int = 1000) -> list[Case]:
    game = MatrixGame.random((size, size), np.random.default_rng(size), batch=count)
    rows, columns = np.empty((2, count, size))
    steps = np.empty(count, np.int64)
    lemke_howson_batch(game.payoffs, 0, rows, columns, steps)
    flops = 2.0 * size * (size + 1) * steps.sum()
    moved = game.payoffs.nbytes + rows.nbytes + columns.nbytes
    group, theirs = f"one equilibrium {size}×{size}", _quantecon_games(game.payoffs)

    def one(name: str, job: Callable[[], Any], **more: Any) -> Case:
        return Case(f"{group}, {name}", job, count, "games", group=group, **more)

    return [
        one("kernel", lambda: lemke_howson_batch(game.payoffs, 0, rows, columns, steps), bytes=moved, flops=flops),
        one("lemke_howson, certified", lambda: lemke_howson(game), bytes=moved, flops=flops),
        one("quantecon Lemke–Howson", lambda: [gt.lemke_howson(g) for g in theirs], peer=True),
    ]


def _all_equilibria(size: int, count: int = 20) -> list[Case]:
    rng = np.random.default_rng(size)
    games = [MatrixGame.random((size, size), rng) for _ in range(count)]
    group, theirs = f"all equilibria {size}×{size}", _quantecon_games(np.array([g.payoffs for g in games]))

    def one(name: str, job: Callable[[], Any], **more: Any) -> Case:
        return Case(f"{group}, {name}", job, count, "games", group=group, **more)

    return [
        one("nash_equilibria", lambda: [nash_equilibria(g) for g in games]),
        one("quantecon vertex enumeration", lambda: [gt.vertex_enumeration(g) for g in theirs], peer=True),
    ]
