"""Friend-or-Foe-Q: each agent takes some of the others for friends, who help it, and the rest for foes, who hurt it.

    Qᵢ(s,a) ← (1 − α)Qᵢ(s,a) + α(rᵢ + γVᵢ(s'))
    Vᵢ(s) = max_x min_{a_foes} Σ_{a_friends} x(a_friends) Qᵢ(s, a_friends, a_foes)            x a joint mixed strategy

of agent i and its friends. Littman, "Friend-or-foe Q-learning in general-sum games", ICML 2001. Converges always (every
(s,a) visited for ever, Robbins–Monro rates): all friends to the value max_a, all foes to the minimax value. The values
are an equilibrium's when every stage game met has a global optimum (friends) or a saddle point (foes). *As printed in
notes*, x is a product of the friends' strategies, whose value is lower: with Q = 1 iff a₁ = a₂ ≠ o it is ¼ against ½.

*Departures.* Each agent acts on its own part of x, on its own account: friends who mix do not do it together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import lists_of_agents
from tabular.learners.environment import Arena, arena
from tabular.learners.rows import joint_action
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, Visits, check_rate
from tabular.static.zero_sum_kernel import solve_any_into, workspace

ALPHA = Visits()


def friend_or_foe_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    friends: Sequence[Sequence[int]] | None = None,
    alpha: Any = ALPHA,
    epsilon: Schedule = 0.5,
    **options: Unpack[Options],
) -> Trace:
    """``friends[i]`` are the agents that i takes for friends, the others are its foes; None: all are foes."""
    check_rate("alpha", alpha, most=1.0, visits=True)
    place = arena(game)
    sides = _sides(place, friends)
    memory = {"Q": np.zeros((place.n, place.S, place.J))}
    rule = Rule(
        "friend_or_foe_q",
        update,
        memory,
        _scratch(place, sides),
        {"alpha": alpha},
        epsilon,
        config={"friends": sides},
    )
    return learn(rule, game, steps, seeds, **options)


def _sides(place: Arena, friends: Sequence[Sequence[int]] | None) -> list[list[int]]:
    """Each agent with its friends, in order."""
    given = [[]] * place.n if friends is None else lists_of_agents("friends", friends, place.n)
    return [sorted({i, *own}) for i, own in enumerate(given)]


def _scratch(place: Arena, sides: list[list[int]]) -> tuple[np.ndarray, ...]:
    """sizes[i] = (m, k) of agent i's game, index[i, f·k + o] the joint action, own[i, f] its own part of f."""
    sizes, index, own = np.zeros((place.n, 2), np.int64), np.zeros((place.n, place.J), np.int64), []
    joint = np.arange(place.J).reshape(tuple(place.counts))
    for i, side in enumerate(sides):
        foes = [j for j in range(place.n) if j not in side]
        m = int(np.prod(place.counts[side]))
        sizes[i] = m, place.J // m
        index[i] = joint.transpose(*side, *foes).reshape(-1)
        own.append(np.indices(tuple(place.counts[side]))[side.index(i)].reshape(-1))
    actions = np.zeros((place.n, sizes[:, 0].max()), np.int64)
    for i, table in enumerate(own):
        actions[i, : len(table)] = table
    most = sizes.max(0)
    _, scratch, labels = workspace(int(most[0]), int(most[1]))
    buffers = [np.zeros(int(x)) for x in ((most[0] + 1) * (most[1] + 1), place.J, most[0], most[1])]
    return (sizes, index, actions, *buffers, scratch, labels)


@compiled
def update(memory, scratch, play, s, s_next):
    """Move every Qᵢ(s,a), then solve every agent's game of friends against foes."""
    (Q,) = memory
    sizes, index, own, tableau, matrix, row, column, line, labels = scratch
    joint = joint_action(play)
    for i in range(play.counts.shape[0]):
        target = play.rewards[i] + play.gamma * play.values[i, s_next]
        Q[i, s, joint] += play.rates[0] * (target - Q[i, s, joint])
        m, k = sizes[i, 0], sizes[i, 1]
        for place in range(m * k):
            matrix[place] = Q[i, s, index[i, place]]
        table = tableau[: (m + 1) * (k + 1)].reshape((m + 1, k + 1))
        value, _, _ = solve_any_into(matrix[: m * k].reshape((m, k)), row[:m], column[:k], table, line, labels)
        play.values[i, s] = value
        for a in range(play.counts[i]):
            play.policy[i, s, a] = 0.0
        for f in range(m):
            play.policy[i, s, own[i, f]] += row[f]
