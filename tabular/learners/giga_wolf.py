"""GIGA-WoLF: gradient ascent held back by a slower copy of itself; no regret, and convergent in 2×2 games.

    x̂ = Π(x + η u)            z' = Π(z + η u/3)            u = uᵢ(·, π₋ᵢ)
    x' = x̂ + min(1, ‖z' − z‖/‖z' − x̂‖)(z' − x̂)

Bowling, "Convergence and no-regret in multiagent learning", NIPS 2004. The copy z needs no equilibrium to compare with,
so it works for any number of actions. With η ∝ 1/√t the regret is at most 2√T·(1 + max‖u‖²); convergence of the
strategies is proved for 2×2 games and η → 0, and observed beyond. Agents know the game and each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena
from tabular.learners.rows import action_values, project, start_from_policies
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Power, Schedule

ETA = Power(0.1, 1.0, 0.5)


def giga_wolf(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta: Schedule = ETA,
    **options: Unpack[Options],
) -> Trace:
    """All players of a matrix game; strategies and their slow copies start together, at random by default."""
    place = one_shot_arena("giga_wolf", game)
    memory = {"slow": np.zeros((place.n, place.A)), "started": np.zeros(1)}
    scratch = (np.zeros((place.n, place.A)), np.zeros((place.n, place.A)), np.zeros(place.A))
    rule = Rule("giga_wolf", update, memory, scratch, {"eta": eta}, initial="random")
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Everybody's payoffs first, then everybody's step."""
    slow, started = memory
    fast, next_slow, ordered = scratch
    start_from_policies(slow, started, play, s)
    for i in range(play.counts.shape[0]):
        action_values(play, play.policy, i, s, fast[i])
    for i in range(play.counts.shape[0]):
        count = play.counts[i]
        for a in range(count):
            step = play.rates[0] * fast[i, a]
            fast[i, a] = play.policy[i, s, a] + step
            next_slow[i, a] = slow[i, a] + step / 3.0
        project(fast[i], count, ordered)
        project(next_slow[i], count, ordered)
        moved, apart = 0.0, 0.0
        for a in range(count):
            moved += (next_slow[i, a] - slow[i, a]) ** 2
            apart += (next_slow[i, a] - fast[i, a]) ** 2
        share = 1.0 if moved >= apart else np.sqrt(moved / apart)
        for a in range(count):
            slow[i, a] = next_slow[i, a]
            play.policy[i, s, a] = fast[i, a] + share * (next_slow[i, a] - fast[i, a])
