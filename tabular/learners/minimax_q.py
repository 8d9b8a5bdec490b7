"""Minimax-Q: Q-learning whose value of a state is the value of its zero-sum game.

    Q(s,a,o) ← (1 − α)Q(s,a,o) + α(r + γV(s'))            V(s) = max_{π(·|s)} min_o Σ_a π(a|s)Q(s,a,o)

Littman, "Markov games as a framework for multi-agent reinforcement learning", ICML 1994. With every (s,a,o) visited for
ever and Robbins–Monro rates, Q converges to the fixed point of Shapley's operator (Littman & Szepesvári 1996). It is
not *rational* in Bowling & Veloso's sense: against a weak opponent that stands still it keeps to its equilibrium
policy.

*Departures.* Both players would keep the same table with opposite signs, so one table is kept and one linear programme
gives both policies. Q starts at 0, since Littman's 1 for each player does not fit one table; while the payoffs of a
state are all the same its policies are uniform. The rates are Littman's, α_t = 0.01^(t/10⁶) and ε = 0.2: they end
learning after about 10⁶ steps, so take a schedule with Σα = ∞ (``Visits(1, 10, 0.8)``) for longer runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame, TeamGame, is_zero_sum
from marlcore.trace import Trace
from tabular.learners.checks import number
from tabular.learners.environment import arena
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Geometric, Schedule, check_rate
from tabular.static.zero_sum_kernel import workspace
from tabular.static.zero_sum_warm_kernel import NO_GUESS, solve_from_into

ALPHA = Geometric(1.0, 0.01**1e-6)
EPSILON = 0.2


def minimax_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    alpha: Any = ALPHA,
    epsilon: Schedule = EPSILON,
    Q_0: float = 0.0,
    **options: Unpack[Options],
) -> Trace:
    """Learn a two-player zero-sum game; agents in ``fixed`` play their own tables, and Q is learned all the same."""
    check_rate("alpha", alpha, most=1.0, visits=True)
    place = arena(game)
    if isinstance(game, TeamGame) or not is_zero_sum(place.game if isinstance(game, MatrixGame) else game):
        raise InputError("minimax_q needs a two-player zero-sum game: the payoffs must add up to 0; try nash_q")
    m, k = (int(c) for c in place.counts)
    memory = {"Q": np.full((place.S, m, k), number("Q_0", Q_0)), "supports": np.full((place.S, 4), NO_GUESS, np.int64)}
    rule = Rule("minimax_q", update, memory, workspace(m, k), {"alpha": alpha}, epsilon, config={"Q_0": Q_0})
    return learn(rule, game, steps, seeds, **options)


@compiled(forceinline=True)
def update(memory, scratch, play, s, s_next):
    """Move Q(s,a,o), solve the game at s."""
    Q, supports = memory
    tableau, line, labels = scratch
    a, o = play.actions[0], play.actions[1]
    target = play.rewards[0] + play.gamma * play.values[0, s_next]
    Q[s, a, o] += play.rates[0] * (target - Q[s, a, o])
    row, column = play.policy[0, s, : play.counts[0]], play.policy[1, s, : play.counts[1]]
    if constant(Q[s]):
        row[:] = 1.0 / row.shape[0]
        column[:] = 1.0 / column.shape[0]
        supports[s, 0], value = NO_GUESS, Q[s, 0, 0]
    else:
        value = solve_from_into(Q[s], supports[s], row, column, tableau, line, labels)
    play.values[0, s] = value
    play.values[1, s] = -value


@compiled(forceinline=True)
def constant(matrix):
    """Whether nothing tells the actions apart: every strategy is then optimal, and the uniform one explores."""
    for a in range(matrix.shape[0]):
        for o in range(matrix.shape[1]):
            if matrix[a, o] != matrix[0, 0]:
                return False
    return True
