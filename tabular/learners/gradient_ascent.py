"""Gradient ascent on one's own expected payoff, projected to the simplex.

    πᵢ ← Π(πᵢ + η uᵢ(·, π₋ᵢ))            uᵢ(a, π₋ᵢ) the expected payoff of action a, Π the nearest distribution

For two actions this is IGA: the probability of the first moves by η(u(0) − u(1))/2, half of the derivative, since a
step within the simplex shares itself between both coordinates. Singh, Kearns & Mansour, "Nash convergence of gradient
dynamics in general-sum games", UAI 2000; for more actions Zinkevich, "Online convex programming and generalized
infinitesimal gradient ascent", ICML 2003. As η → 0 in 2×2 games, strategies converge or the averages of the payoffs do;
in matching pennies they go round. With η_t ∝ 1/√t no regret is left on average, in any game. Agents know the game and
each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena
from tabular.learners.rows import action_values, project
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule


def gradient_ascent(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta: Schedule = 0.001,
    **options: Unpack[Options],
) -> Trace:
    """All players of a matrix game ascend at once; the strategies start at random unless ``initial`` says where."""
    place = one_shot_arena("gradient_ascent", game)
    scratch = (np.zeros((place.n, place.A)), np.zeros(place.A))
    rule = Rule("gradient_ascent", update, scratch=scratch, rates={"eta": eta}, initial="random")
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Everybody's gradient first, then everybody's step."""
    moved, ordered = scratch
    for i in range(play.counts.shape[0]):
        action_values(play, play.policy, i, s, moved[i])
    for i in range(play.counts.shape[0]):
        for a in range(play.counts[i]):
            moved[i, a] = play.policy[i, s, a] + play.rates[0] * moved[i, a]
        project(moved[i], play.counts[i], ordered)
        for a in range(play.counts[i]):
            play.policy[i, s, a] = moved[i, a]
