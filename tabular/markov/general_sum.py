"""V_i(s) ← u_i(σ_s), σ_s the chosen Nash equilibrium of the stage game Q_j(s,a) = r_j(s,a) + γ Σ_s' P(s'|s,a) V_j(s').

Hu & Wellman (2003), Nash-Q with a known model; n players, general sum. A fixed point is a stationary Nash equilibrium
from every state: nobody gains by one deviation, so nobody gains at all. Unlike Shapley's operator this one need not
contract, because the chosen equilibrium jumps where payoffs move, and then V may cycle for ever (Zinkevich, Greenwald
& Littman 2005: no choice of stage equilibria avoids it in all games). Where every stage game has a global optimum, or
every one a saddle point, and that one is chosen, it converges.

So the rule is stated (``selection``), cycles are found and reported with their period, and what counts is the
certificate: each player's largest gain by deviating from the *returned* policy at any state, from the decision process
that it faces (``responses.best_response``). In a cycle the policy of smallest gain among the cycle's is returned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import MarkovGame, TeamGame
from marlcore.kit.html import Shown
from marlcore.policies import Policy
from marlcore.responses import best_response
from marlcore.values import evaluate
from tabular.markov.selection import Rule, rule_of
from tabular.markov.shapley import check_limits

WINDOW = 64
"""Cycles of up to this many sweeps are recognised."""


@dataclass(frozen=True, eq=False)
class NashValueSolution(Shown):
    """``policy`` with its exact values V (n, S), each player's possible gain, and how the iteration ended."""

    V: np.ndarray
    policy: Policy
    regrets: np.ndarray
    """(n,): the most that player i gains at any state by leaving its table; the error of its evaluation included."""
    gaps: np.ndarray
    """(n,): the same from the start distribution, as ``responses.nash_gap`` has it."""
    residual: float
    """How much V moved in the last sweep."""
    sweeps: int
    converged: bool
    period: int
    """1 at a fixed point, the length of the cycle if there is one, 0 if neither was reached."""
    met: np.ndarray
    """(S,): where the rule found the kind of equilibrium that it looks for, in the stage games of ``policy``."""

    @property
    def epsilon(self) -> float:
        """The largest regret: the policy is an ε-equilibrium from every state."""
        return float(self.regrets.max())


def nash_value_iteration(
    game: MarkovGame | TeamGame,
    select: str | Rule = "first",
    tolerance: float = 1e-8,
    max_iterations: int = 20_000,
    progress: Callable[[int, float, float], None] | None = None,
) -> NashValueSolution:
    """Iterate until no value moves by more than ``tolerance`` times the largest |reward|, or a cycle is found.

    ``select`` is a rule's name (``selection.RULES``) or a function. Rational games are rounded to floats first.
    """
    game = _float_game(game)
    check_limits(tolerance, max_iterations)
    stages = _StageGames(game, rule_of(select))
    target = tolerance * float(np.abs(game.rewards).max())
    V = np.zeros((game.n, game.S))
    history = _History(V, float(game.discount), target)
    residual, sweeps, period = np.inf, 0, 0
    while sweeps < max_iterations and not period:
        V = stages.sweep(V)
        sweeps += 1
        residual, period = history.add(V)
        if progress is not None:
            progress(sweeps, residual, target)
    best = _certified(game, stages)
    for _ in range(period - 1 if residual > target else 0):
        V = stages.sweep(V)
        other = _certified(game, stages)
        best = other if other[2].max() < best[2].max() else best
    policy, values, regrets, gaps, met = best
    return NashValueSolution(values, policy, regrets, gaps, residual, sweeps, residual <= target, period, met)


class _StageGames:
    """The stage games at a V and the equilibria chosen in them; one that did not change is not solved again."""

    def __init__(self, game: MarkovGame, rule: Rule) -> None:
        self.game, self.rule = game, rule
        self.payoffs = np.full((game.S, game.n, *game.action_counts), np.nan)
        self.policy = tuple(np.empty((game.S, count)) for count in game.action_counts)
        self.met = np.zeros(game.S, dtype=bool)

    def sweep(self, V: np.ndarray) -> np.ndarray:
        """The values (n, S) of the equilibria chosen in the stage games at V (n, S)."""
        game = self.game
        P = game.transitions if game.sparse else game.transitions.reshape(-1, game.S)
        future = (P @ V.T).reshape(game.S, *game.action_counts, game.n)
        payoffs = game.rewards.swapaxes(0, 1) + game.discount * np.moveaxis(future, -1, 1)
        changed = (payoffs != self.payoffs).reshape(game.S, -1).any(-1)
        if changed.any():
            profile, met = self.rule(payoffs[changed])
            self._check(profile, int(changed.sum()))
            self.met[changed] = met
            for table, own in zip(self.policy, profile, strict=True):
                table[changed] = own
        self.payoffs = payoffs
        return np.stack([self._average(payoffs[:, i]) for i in range(game.n)])

    def _average(self, u: np.ndarray) -> np.ndarray:
        for table in reversed(self.policy):
            u = (u * table.reshape(len(u), *(1,) * (u.ndim - 2), -1)).sum(-1)
        return u

    def _check(self, profile: Any, games: int) -> None:
        shapes = [(games, count) for count in self.game.action_counts]
        if [np.shape(table) for table in profile] != shapes:
            raise InputError(f"select must give tables {shapes}, not {[np.shape(table) for table in profile]}")


class _History:
    """The last values, to tell a fixed point and a cycle from a sequence that is still on its way.

    A cycle of period p: V is where it was p sweeps ago (within the target and 1 % of a sweep's movement), and a period
    moves it as far as one ``WINDOW`` sweeps or more before. A convergent oscillation would have shrunk by γ a sweep.
    """

    def __init__(self, V: np.ndarray, gamma: float, target: float) -> None:
        self.gamma, self.target = gamma, target
        self.values: deque[np.ndarray] = deque([V], WINDOW + 1)
        self.moves: deque[float] = deque(maxlen=2 * WINDOW)

    def add(self, V: np.ndarray) -> tuple[float, int]:
        """How far V is from the last, and the period (0: unknown)."""
        move = float(np.abs(V - self.values[-1]).max())
        self.values.append(V)
        self.moves.append(move)
        if move <= self.target:
            return move, 1
        if len(self.moves) == 2 * WINDOW:
            near = min(self.target, 0.01 * move)
            for period in range(2, WINDOW + 1):
                if np.abs(V - self.values[-1 - period]).max() <= near and self._keeps_moving(period):
                    return move, period
        return move, 0

    def _keeps_moving(self, period: int) -> bool:
        moves = list(self.moves)
        late, early = max(moves[-period:]), max(moves[:period])
        return late >= early * (1 + self.gamma ** (len(moves) - period)) / 2


def _certified(game: MarkovGame, stages: _StageGames) -> tuple[Policy, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The current policy, its values, what each player gains by deviating at the worst state and from the start."""
    policy = tuple(table / table.sum(-1, keepdims=True) for table in stages.policy)
    evaluation = evaluate(game, policy)
    regrets, gaps = np.empty(game.n), np.empty(game.n)
    for i in range(game.n):
        response = best_response(game, policy, i)
        gain = response.V - evaluation.V[i]
        regrets[i] = max(float(gain.max()), 0.0) + response.error + (evaluation.error or 0.0)
        gaps[i] = float((game.start * gain).sum())
    return policy, evaluation.V, regrets, gaps, stages.met.copy()


def _float_game(game: Any) -> MarkovGame:
    if isinstance(game, TeamGame):
        game = game.as_markov()
    if not isinstance(game, MarkovGame):
        raise InputError(f"nash_value_iteration takes a MarkovGame or a TeamGame, not {type(game).__name__}")
    if game.batch_shape:
        raise InputError(f"nash_value_iteration takes one game, not a batch of shape {game.batch_shape}: unstack it")
    if game.kind not in ("float", "rational"):
        raise InputError(f"nash_value_iteration takes float or rational games, not {game.kind}")
    return game if game.kind == "float" else game.convert("float")
