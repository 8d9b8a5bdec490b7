"""Correlated equilibria: distributions p over joint actions that nobody gains by disobeying, the best one for an aim.

    correlated (Aumann 1974)            Σ_{a_−i} p(a, a_−i)(u_i(a, a_−i) − u_i(b, a_−i)) ≥ 0   for every i, a and b
    coarse (Moulin & Vial 1978)         Σ_a p(a)(u_i(a) − u_i(b, a_−i)) ≥ 0                    for every i and b

The first is conditional on the recommendation a, the second judges a deviation made before it: every correlated
equilibrium is a coarse one, not conversely. Either set is a polytope, and a linear aim, or the least of several, is
maximised over it by HiGHS.

Guarantee: ``violation`` is the most that any (obedience) constraint of the distribution *returned* is short of 0, and
``bound`` − ``objective`` is how far from the best it can be: for any weights μ ≥ 0 on the constraints g and w ≥ 0,
Σ w = 1, on the aims c, weak duality gives  max min_k c_k·p ≤ max_a [Σ_k w_k c_k(a) + Σ_g μ_g g(a)].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from marlcore.errors import ConvergenceError, InputError
from marlcore.games import MatrixGame
from marlcore.kit.html import Shown
from marlcore.validation import finite_numbers
from tabular.static.equilibrium import check_matrix_game, check_single

Aim = Literal["welfare", "egalitarian"]


@dataclass(frozen=True, eq=False)
class CorrelatedEquilibrium(Shown):
    """A distribution over joint actions (A1, …, An) and what certifies it."""

    distribution: np.ndarray
    payoffs: np.ndarray
    """u_i(p), (n,)."""
    objective: float
    """The aim's value at ``distribution``."""
    bound: float
    """No equilibrium of the kind has a larger one."""
    violation: np.ndarray
    """What each player gains at most by a deviation, (n,): per recommendation (its probability included), or coarse."""
    coarse: bool


def correlated_equilibrium(
    game: MatrixGame, objective: Aim | Any = "welfare", *, coarse: bool = False
) -> CorrelatedEquilibrium:
    """The correlated (or ``coarse``) equilibrium that maximises ``objective``.

    That is ``"welfare"`` (the sum of the payoffs), ``"egalitarian"`` (the least payoff), or an array (A1, …, An) of
    weights on joint actions, such as ``game.payoffs[0]``.
    """
    game = check_single(check_matrix_game(game, "correlated_equilibrium"), "correlated_equilibrium")
    if game.kind == "rational":
        raise InputError("correlated_equilibrium takes float payoffs, not rational; convert the game first")
    aims = _aims(game, objective)
    constraints, player = _constraints(game, coarse)
    scale = np.array([np.ptp(own) or 1.0 for own in game.payoffs])[player] if len(player) else np.ones(0)
    p, weights, multipliers = _maximise(aims, constraints / scale[:, None])
    values = aims @ p
    bound = (weights @ aims + (multipliers / scale) @ constraints).max()
    slack = constraints @ p
    violation = np.array([max(0.0, *(-slack[player == i])) if (player == i).any() else 0.0 for i in range(game.n)])
    payoffs = game.payoffs.reshape(game.n, -1) @ p
    return CorrelatedEquilibrium(
        p.reshape(game.action_counts), payoffs, float(values.min()), float(bound), violation, coarse
    )


def incentives(game: MatrixGame, distribution: np.ndarray, *, coarse: bool = False) -> np.ndarray:
    """What each player gains at most by a deviation from a distribution over joint actions, (n,)."""
    constraints, player = _constraints(game, coarse)
    gains = -(constraints @ np.asarray(distribution, dtype=float).ravel())
    return np.array([max(0.0, *gains[player == i]) if (player == i).any() else 0.0 for i in range(game.n)])


def _aims(game: MatrixGame, objective: Any) -> np.ndarray:
    flat = game.payoffs.reshape(game.n, -1)
    if isinstance(objective, str):
        if objective == "welfare":
            return flat.sum(0, keepdims=True)
        if objective == "egalitarian":
            return flat
        raise InputError(f"objective must be 'welfare', 'egalitarian' or an array, not {objective!r}")
    weights = finite_numbers("objective", np.asarray(objective, dtype=float))
    if weights.shape != game.action_counts:
        raise InputError(f"objective must have shape {game.action_counts}, not {weights.shape}")
    return weights.reshape(1, -1)


def _constraints(game: MatrixGame, coarse: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows g with g·p ≥ 0 for p to be an equilibrium, and the player of each."""
    rows, player = [], []
    for i, own in enumerate(game.payoffs):
        by_action = np.moveaxis(own, i, 0)
        for b in range(len(by_action)):
            gains = by_action - by_action[b]  # of obeying, over playing b whatever was recommended
            if coarse:
                rows.append(np.moveaxis(gains, 0, i).ravel())
                player.append(i)
                continue
            for a in range(len(by_action)):
                if a != b:
                    only = np.zeros_like(gains)
                    only[a] = gains[a]
                    rows.append(np.moveaxis(only, 0, i).ravel())
                    player.append(i)
    size = int(np.prod(game.action_counts))
    return np.array(rows).reshape(len(rows), size), np.array(player, dtype=int)


def _maximise(aims: np.ndarray, constraints: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distribution of the best least aim, and dual weights (on the aims, on the constraints)."""
    from scipy.optimize import linprog

    count, size = aims.shape
    low, spread = aims.min(), float(np.ptp(aims)) or 1.0
    scaled = (aims - low) / spread
    # variables (p, t): max t with t ≤ c_k·p
    upper = np.block([[-scaled, np.ones((count, 1))], [-constraints, np.zeros((len(constraints), 1))]])
    result = linprog(
        np.append(np.zeros(size), -1.0),
        upper,
        np.zeros(len(upper)),
        np.append(np.ones(size), 0.0)[None],
        [1.0],
        bounds=(0, None),
        method="highs",
    )
    if result.x is None:
        raise ConvergenceError(f"HiGHS found no correlated equilibrium, which always exists: {result.message}")
    p = np.maximum(result.x[:size], 0)
    dual = np.maximum(-result.ineqlin.marginals, 0)
    weights = dual[:count] / dual[:count].sum()
    return p / p.sum(), weights, dual[count:] * spread
