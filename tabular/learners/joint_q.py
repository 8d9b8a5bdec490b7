"""Joint-action Q-learning for teams: one table over joint actions, as if the team were one agent.

    Q(s,a) ← (1 − α)Q(s,a) + α(r + γ max_a' Q(s',a'))      πᵢ(·|s): agent i's part of the first greedy joint action

Claus & Boutilier, "The dynamics of reinforcement learning in cooperative multiagent systems", AAAI 1998. It is
Watkins's Q-learning on the joint decision process, so it converges to the team's optimum (every (s,a) visited for ever,
Robbins–Monro rates); the table has |S|·Π|Aᵢ| entries. Agents explore independently of one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.environment import arena
from tabular.learners.rows import joint_action, play_only
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate


def joint_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    alpha: Any = 0.1,
    epsilon: Schedule = 0.1,
    **options: Unpack[Options],
) -> Trace:
    """Learn a team game (or a game in which all agents get the same) as one agent would."""
    check_rate("alpha", alpha, most=1.0, visits=True)
    place = arena(game)
    if not (place.payoffs == place.payoffs[:, :, :1]).all():
        raise InputError("joint_q needs a team: all agents must get the same reward; try independent_q or nash_q")
    memory = {"Q": np.zeros((place.S, place.J))}
    rule = Rule("joint_q", update, memory, rates={"alpha": alpha}, epsilon=epsilon)
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Move Q(s,a); everybody takes part in the best joint action."""
    (Q,) = memory
    joint = joint_action(play)
    Q[s, joint] += play.rates[0] * (play.rewards[0] + play.gamma * play.values[0, s_next] - Q[s, joint])
    best = 0
    for j in range(1, Q.shape[1]):
        if Q[s, j] > Q[s, best]:
            best = j
    for i in range(play.counts.shape[0]):
        play.values[i, s] = Q[s, best]
        play_only(play, i, s, best // play.strides[i] % play.counts[i])
