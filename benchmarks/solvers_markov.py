"""Zero-sum Markov games, 5×5 actions, 5 successors: Newton, value iteration, and peers that solve state by state.

Rates are states solved a second, so that peers, which would take minutes at S = 10⁴ and hours at 10⁵, can be timed on
few states. All stop at a residual of 1e-8. Bytes count every pass over the game's transitions and over P_π and the
stage games, once each as they are read or written; flops the products and the pivots. The last group says how many
passes over the transitions a solution costs: the least that any method could need is one.
"""

import functools

import numba
import numpy as np
from quantecon.optimize.minmax import minmax
from scipy.optimize import linprog

from marlcore import sparse
from marlcore.games import MarkovGame, TeamGame
from marlcore.kit.benchmark import Case
from tabular.markov.shapley import Stages, shapley
from tabular.markov.team import solve_team
from tabular.static.zero_sum_kernel import solve_batch

ACTIONS, SUCCESSORS, RESIDUAL = 5, 5, 1e-8


def cases() -> list[Case]:
    """One group a discount, then the passes over the data, then a team."""
    at = {"unit": "states", "group": "γ = 0.9"}
    return [
        newton(10**4, 0.9, "γ = 0.9"),
        newton(10**5, 0.9, "γ = 0.9"),
        Case("value iteration, S=10⁴", lambda: shapley(game(10**4, 0.9), "value-iteration"), amount=10**4, **at),
        Case("policy iteration, S=10⁴", lambda: shapley(game(10**4, 0.9), "policy-iteration"), amount=10**4, **at),
        Case("quantecon per state, S=10³", lambda: by_quantecon(game(10**3, 0.9)), amount=10**3, **at, peer=True),
        Case("linprog per state, S=5", lambda: by_linprog(game(5, 0.9)), amount=5, **at, peer=True),
        newton(10**4, 0.999, "γ = 0.999"),
        Case("Newton once more, S=10⁵", lambda: shapley(game(10**5, 0.9)), unit="solutions", group="passes"),
        Case(
            "one pass over P, S=10⁵", lambda: game(10**5, 0.9).transitions @ np.ones(10**5), group="passes", peer=True
        ),
        Case("team, S=10⁴", lambda: solve_team(team()), amount=10**4, unit="states", group="team"),
    ]


@functools.cache
def game(S, gamma):
    """The game that is solved; made at the first call, which is not timed."""
    rng = np.random.default_rng(0)
    return MarkovGame.random(S, (ACTIONS, ACTIONS), rng, discount=gamma, successors=min(S, SUCCESSORS), zero_sum=True)


@functools.cache
def team():
    """A team of two with as many joint actions."""
    return TeamGame.random(10**4, (ACTIONS, ACTIONS), np.random.default_rng(0), successors=SUCCESSORS)


def newton(S, gamma, group):
    """The default method at one size, with what it moves and computes."""
    moved, computed = traffic(S, gamma)
    name = f"Newton, S=10{'⁴' if S == 10**4 else '⁵'}, γ={gamma}"
    return Case(name, lambda: shapley(game(S, gamma)), S, "states", moved, computed, group=group)


def traffic(S, gamma):
    """(bytes, flops) of one solution, counted while it is made."""
    products, entries = [], game(S, gamma).transitions.nnz
    solve = sparse.solve_discounted

    def counting(matvec, b, *rest, **options):
        return solve(lambda x: products.append(matvec.__self__.nnz) or matvec(x), b, *rest, **options)

    sparse.solve_discounted = counting
    try:
        solution = shapley(game(S, gamma))
    finally:
        sparse.solve_discounted = solve
    stage = S * ACTIONS**2
    moved = solution.sweeps * (12 * entries + 4 * 8 * stage) + sum(12 * n + 16 * S for n in products)
    pivots = pivots_of(solution, game(S, gamma))
    computed = solution.sweeps * (2 * entries + 2 * stage + pivots) + sum(2 * n for n in products)
    return moved, computed


def pivots_of(solution, markov_game):
    """Flops of all stage games at the solution: pivots of a 6×6 tableau, and the certificate."""
    Q = Stages(markov_game, 1, None, 0.0).sweep(solution.V).Q
    counts = np.empty(len(Q), np.int64)
    solve_batch(Q, *(np.empty((len(Q), ACTIONS)) for _ in range(2)), np.empty(len(Q)), np.empty(len(Q)), counts)
    return int(counts.sum()) * 2 * (ACTIONS + 1) ** 2 + len(Q) * 4 * ACTIONS**2


def by_quantecon(markov_game):
    """Value iteration, each stage game by ``minmax`` from a compiled loop."""
    P, V = markov_game.transitions, np.zeros(markov_game.S)
    return values(P.indptr, P.indices, P.data, markov_game.rewards[0].reshape(-1), markov_game.discount, V, RESIDUAL)


@numba.njit
def values(indptr, indices, data, rewards, gamma, V, tolerance):
    """The fixed point of Shapley's operator, sweep by sweep."""
    stage = np.empty((ACTIONS, ACTIONS))
    while True:
        new = np.empty_like(V)
        for s in range(len(V)):
            for a in range(ACTIONS):
                for b in range(ACTIONS):
                    row = (s * ACTIONS + a) * ACTIONS + b
                    total = 0.0
                    for e in range(indptr[row], indptr[row + 1]):
                        total += data[e] * V[indices[e]]
                    stage[a, b] = rewards[row] + gamma * total
            new[s] = minmax(stage)[0]
        moved = np.abs(new - V).max()
        V = new
        if moved <= tolerance:
            return V


def by_linprog(markov_game):
    """Value iteration, each stage game by SciPy's HiGHS."""
    V = np.zeros(markov_game.S)
    shape = (markov_game.S, ACTIONS, ACTIONS)
    while True:
        Q = markov_game.rewards[0] + markov_game.discount * (markov_game.transitions @ V).reshape(shape)
        new = np.array([programme(stage) for stage in Q])
        if np.abs(new - V).max() <= RESIDUAL:
            return new
        V = new


def programme(stage):
    """min v with every row of the stage game at most v under the column's strategy."""
    rows, columns = stage.shape
    sums, bounds = np.r_[np.ones(columns), 0][None], [(0, None)] * columns + [(None, None)]
    cost = np.r_[np.zeros(columns), 1]
    return linprog(cost, np.c_[stage, -np.ones(rows)], np.zeros(rows), sums, [1], bounds).fun
