"""V(s) = val[ r(s,·,·) + γ Σ_s' P(s'|s,·,·) V(s') ]: value and optimal policies of a zero-sum Markov game.

Shapley (1953): the right-hand side T is a γ-contraction, its fixed point v is the value of the game, and strategies
that are optimal in the stage games at v are optimal in the game. ``val`` is a matrix game's (``static.zero_sum``).

    value-iteration    V ← TV                                                         Shapley
    policy-iteration   V ← max_x V_{x,y}, y the column's strategy in the stages at V  Hoffman & Karp (1966)
    newton             V ← V_{x,y}, both strategies from the stages at V              Pollatschek & Avi-Itzhak (1969)

Certificate. With ρ₋ = min_s [min_b (xᵀQ_V)_b − V](s) and ρ₊ = max_s [max_a (Q_V y)_a − V](s), x guarantees V + ρ₋/(1−γ)
at every state and y concedes at most V + ρ₊/(1−γ): iterate the opponent's best-reply operator, which is monotone and
moves by γc when V moves by a constant c (MacQueen 1966). V is returned in the middle of the two, so
|V − v| ≤ error = (ρ₊ − ρ₋)/(2(1−γ)) + rounding ≤ ‖TV − V‖_∞/(1−γ) + rounding. It uses the policies as returned.

Why ``newton``, which is safeguarded, cannot cycle. The plain step can (van der Wal 1978). Let ρ(V) be half the span of
TV − V. A Newton step is kept only where ρ shrinks by γ or more. Elsewhere comes a value step, ρ(TV) ≤ γρ(V). If the
next Newton step is refused as well, steps of Hoffman & Karp are taken until ρ has shrunk by γ: from the first on,
v ≤ V_{k+1} ≤ TV_k ≤ V_k, so they converge to v from any start and ρ → 0. Where round-off stops them, a value step
follows. So after j of these ρ is at most γʲ times what it was. Near v, where the supports of the strategies no longer
change, Newton's step squares the error.

Departures: the linear systems of sparse games are solved only as well as the step deserves (inexact Newton), which the
test of ρ makes safe. γ = 1 and batches are not taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from marlcore import numbers, responses
from marlcore.errors import InputError
from marlcore.games import MarkovGame, is_zero_sum
from marlcore.kit.html import Shown
from marlcore.mdp import solve_mdp
from tabular.static.zero_sum import CERTIFICATE, LARGE, solve_zero_sum
from tabular.static.zero_sum_kernel import solve_batch

Method = Literal["newton", "value-iteration", "policy-iteration"]
Progress = Callable[[int, float, float], None]
"""Called after each sweep with the sweeps so far, the residual and the residual wanted."""
UNIT = 2.0**-53
"""Half the distance from 1 to the next float: the relative error of one rounded operation."""
FORCING = 0.1
"""A Newton system is solved to this share of the residual, and better in proportion as the residual has shrunk."""
ROUND_OFF = 1e-9
"""A value step that misses its factor γ by more, relatively, is lost in round-off."""
STANDSTILL = 1e-11
"""Hoffman & Karp's step is lost in the round-off of policy iteration (``mdp.ROUND_OFF``) below this, relatively."""


@dataclass(frozen=True, eq=False)
class ShapleySolution(Shown):
    """V (S,), ``policies`` = (row (S, A1), column (S, A2)), and what is certain about them."""

    V: np.ndarray
    policies: tuple[np.ndarray, np.ndarray]
    error: float
    """|V − v| ≤ error at every state; row guarantees V − error there, column concedes at most V + error."""
    residual: float
    """(ρ₊ − ρ₋)/2 of the V and policies returned, at most ‖TV − V‖_∞."""
    sweeps: int
    """How often all stage games were solved."""
    safeguards: int
    """How many Newton steps were refused."""
    converged: bool
    """Whether the residual is as small as was asked; if not, the rest of the result holds all the same."""
    method: str

    @property
    def gap(self) -> float:
        """What a player can gain at most by leaving its policy, at any state: twice the error."""
        return 2 * self.error


def shapley(
    game: MarkovGame,
    method: Method = "newton",
    tolerance: float = 1e-8,
    max_iterations: int = 100_000,
    progress: Progress | None = None,
) -> ShapleySolution:
    """Solve a zero-sum Markov game, dense or sparse, until the residual is ``tolerance`` times the largest |reward|.

    Rewards are the row player's, whom the column player opposes. Rational games are rounded to floats first.
    """
    game = check_zero_sum(game, "shapley")
    game = game if game.kind == "float" else game.convert("float")
    if method not in get_args(Method):
        raise InputError(f"method must be one of {', '.join(get_args(Method))}, not {method!r}")
    check_limits(tolerance, max_iterations)
    stages = Stages(game, max_iterations, progress, tolerance * float(np.abs(game.rewards[0]).max()))
    run = {"newton": _newton, "value-iteration": _value_iteration, "policy-iteration": _policy_iteration}[method]
    last, safeguards = run(stages, stages.sweep(np.zeros(game.S)))
    V, residual, error = certificate(stages, last)
    return ShapleySolution(
        V, (last.x, last.y), error, residual, stages.sweeps, safeguards, residual <= stages.target, method
    )


@dataclass(frozen=True, eq=False)
class Sweep:
    """The stage games at V, Q (S, A1, A2), solved: values TV, strategies x, y, and ρ = half the span of TV − V."""

    V: np.ndarray
    Q: np.ndarray
    TV: np.ndarray
    x: np.ndarray
    y: np.ndarray
    rho: float


class Stages:
    """The game as the methods see it: it solves all stage games at a V, counts how often, and knows when to stop."""

    def __init__(self, game: MarkovGame, limit: int, progress: Progress | None, target: float) -> None:
        self.game, self.limit, self.progress, self.target = game, limit, progress, target
        self.gamma = float(game.discount)
        self.rewards = np.ascontiguousarray(game.rewards[0]).reshape(-1)
        self.P = game.transitions if game.sparse else game.transitions.reshape(-1, game.S)
        self.sweeps = 0

    def sweep(self, V: np.ndarray) -> Sweep:
        """Solve the stage games at V."""
        S, m, k = self.game.S, *self.game.action_counts
        Q = self.P @ V
        Q *= self.gamma
        Q += self.rewards
        Q = Q.reshape(S, m, k)
        TV, x, y = solve_stages(Q)
        self.sweeps += 1
        rho = float(np.ptp(TV - V)) / 2
        if self.progress is not None:
            self.progress(self.sweeps, rho, self.target)
        return Sweep(V, Q, TV, x, y, rho)

    def done(self, last: Sweep) -> bool:
        """Whether ρ is small enough or the limit reached."""
        return last.rho <= self.target or self.sweeps >= self.limit


def solve_stages(Q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (S,) and strategies (S, m), (S, k) of the games Q (S, m, k); where the simplex fails, exactly."""
    S, m, k = Q.shape
    if min(m, k) > LARGE:
        solution = solve_zero_sum(Q)
        return solution.value, solution.row, solution.column
    values, errors, pivots = np.empty(S), np.empty(S), np.empty(S, np.int64)
    x, y = np.empty((S, m)), np.empty((S, k))
    solve_batch(Q, x, y, values, errors, pivots)
    doubtful = np.flatnonzero(~(errors <= CERTIFICATE * max(float(Q.max()), -float(Q.min()))))
    if len(doubtful):
        solution = solve_zero_sum(Q[doubtful])
        values[doubtful], x[doubtful], y[doubtful] = solution.value, solution.row, solution.column
    return values, x, y


def _newton(stages: Stages, last: Sweep) -> tuple[Sweep, int]:
    safeguards, first, accepted = 0, last.rho, True
    while not stages.done(last):
        goal = max(min(FORCING, FORCING * last.rho / first) * last.rho, 0.1 * stages.target)
        trial = stages.sweep(last.V + _correction(stages, last, goal))
        if trial.rho <= stages.gamma * last.rho:
            last, accepted = trial, True
            continue
        safeguards += 1
        best = stages.sweep(last.TV) if accepted else _safe_steps(stages, last)
        if best.rho > stages.gamma * last.rho * (1 + ROUND_OFF) and not stages.done(best):
            return _better(last, best), safeguards  # not even a value step gains: this is round-off
        last, accepted = _better(last, best), False
    return last, safeguards


def _correction(stages: Stages, last: Sweep, goal: float) -> np.ndarray:
    """z of (I − γP_π) z = T_π V − V, so that V + z = V_π; up to ``goal`` in the largest residual for sparse games."""
    game, gamma = stages.game, stages.gamma
    if not game.sparse:
        weights = last.x[:, :, None] * last.y[:, None, :]
        P_pi = (weights.reshape(game.S, 1, -1) @ stages.P.reshape(game.S, -1, game.S))[:, 0]
        d = (weights * last.Q).sum((1, 2)) - last.V
        return np.linalg.solve(np.eye(game.S) - gamma * P_pi, d)
    from scipy.sparse import csr_matrix

    from marlcore.sparse import solve_discounted
    from tabular.markov.shapley_kernel import induce

    P = stages.P
    data, indices, indptr, r = induce(P.indptr, P.indices, P.data, stages.rewards, last.x, last.y)
    P_pi = csr_matrix((data, indices, indptr), shape=(game.S, game.S), copy=False)
    return solve_discounted(P_pi.dot, r + gamma * (P_pi @ last.V) - last.V, gamma, residual_goal=goal)[0]


def _safe_steps(stages: Stages, start: Sweep) -> Sweep:
    """Hoffman & Karp's steps until ρ has shrunk by γ; where round-off stops them, a value step from the best."""
    wanted = stages.gamma * start.rho
    best = last = start
    while best.rho > wanted and stages.sweeps < stages.limit:
        step = _hoffman_karp(stages, last)
        if last is not start and _standstill(last, step):
            return _better(best, stages.sweep(best.TV))
        last, best = step, _better(best, step)
    return best


def _hoffman_karp(stages: Stages, last: Sweep) -> Sweep:
    """The sweep at max_x V_{x,y}: the row player's decision process against y, solved."""
    game, pair = stages.game, (last.x, last.y)
    if game.sparse:
        from marlcore import sparse

        P, r = sparse.agent_process(game, pair, 0)
    else:
        P, r = responses.agent_process(game, pair, 0)
    return stages.sweep(solve_mdp(P, r, stages.gamma, last.x.argmax(-1)).V)


def _standstill(last: Sweep, step: Sweep) -> bool:
    return float(np.abs(step.V - last.V).max()) <= STANDSTILL * (1 + float(np.abs(step.V).max()))


def _better(a: Sweep, b: Sweep) -> Sweep:
    return b if b.rho < a.rho else a


def _policy_iteration(stages: Stages, last: Sweep) -> tuple[Sweep, int]:
    best = last
    while not stages.done(best):
        step = _hoffman_karp(stages, last)
        best = _better(best, step)
        if _standstill(last, step):
            break
        last = step
    return best, 0


def _value_iteration(stages: Stages, last: Sweep) -> tuple[Sweep, int]:
    while not stages.done(last):
        last = stages.sweep(last.TV)
    return last, 0


def certificate(stages: Stages, last: Sweep) -> tuple[np.ndarray, float, float]:
    """The centred V, its residual and its error, from Q and the strategies alone (see the top of the page).

    Rounding: an entry of Q is a sum of at most e + 2 terms below M = max|r| + γ max|V|, and xᵀQ, Qy add m + k more;
    weights miss a sum of 1 by as much again. Rows of P that miss 1 by δ make V + c move by γ(1 ± δ)c.
    """
    Q, V, gamma = last.Q, last.V, stages.gamma
    low = float(((last.x[:, None, :] @ Q)[:, 0].min(-1) - V).min())
    high = float(((Q @ last.y[:, :, None])[:, :, 0].max(-1) - V).max())
    entries = int(np.diff(stages.P.indptr).max()) if stages.game.sparse else stages.game.S
    operations = entries + 2 * sum(stages.game.action_counts) + 8
    rounding = operations * UNIT * (float(np.abs(stages.rewards).max()) + 2 * float(np.abs(V).max()))
    defect = float(np.abs(stages.P @ np.ones(len(V)) - 1).max())
    shift = (low + high) / 2 / (1 - gamma)
    residual = (high - low) / 2
    slack = 1 - gamma * (1 + defect)
    uncertain = residual + rounding + abs(shift) * (gamma * defect + 2 * UNIT)
    return V + shift, residual, uncertain / slack if slack > 0 else np.inf


def check_limits(tolerance: float, max_iterations: int) -> None:
    """Refuse a tolerance or a limit that no iteration can meet."""
    if not 0 <= tolerance < np.inf:
        raise InputError(f"tolerance must be a number ≥ 0, not {tolerance}")
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, (int, np.integer)) or max_iterations < 1:
        raise InputError(f"max_iterations must be a whole number ≥ 1, not {max_iterations!r}")


def check_zero_sum(game: Any, function: str) -> MarkovGame:
    """``game`` if it is one zero-sum Markov game, in floats or rationals, or an error that says what it is."""
    if not isinstance(game, MarkovGame):
        other = {"TeamGame": "; a team is solved by solve_team", "MatrixGame": "; a matrix game by solve_zero_sum"}
        name = type(game).__name__
        raise InputError(f"{function} takes a zero-sum MarkovGame, not {name}{other.get(name, '')}")
    if game.batch_shape:
        raise InputError(
            f"{function} takes one game, not a batch of shape {game.batch_shape}: unstack it and solve each"
        )
    if game.kind not in ("float", "rational"):
        raise InputError(f"{function} takes float or rational games, not {game.kind}")
    if game.n != 2:
        raise InputError(f"a zero-sum solver takes two players, not {game.n}: see nash_value_iteration")
    if not is_zero_sum(game):
        total = numbers.convert(game.rewards[0] + game.rewards[1], "float")
        s, *a = (int(i) for i in np.unravel_index(int(np.abs(total).argmax()), total.shape))
        raise InputError(
            f"the game is not zero-sum: r¹ + r² = {total[s, *a]:.6g} at s={s}, a={tuple(a)}; use nash_value_iteration"
        )
    return game
