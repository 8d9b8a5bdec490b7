"""Policy hill climbing with one rate: WoLF-PHC without the two speeds.

    Q(s,a) ← Q(s,a) + α(r + γ max_a' Q(s',a') − Q(s,a))
    π(a|s) gives min(π(a|s), δ/(|A|−1)) to the greedy action, for every other a

Bowling & Veloso, "Multiagent learning using a variable learning rate", Artificial Intelligence 136, 2002, table 4. It
is rational; in self-play it goes round mixed equilibria instead of reaching them. The constants are ``wolf_phc``'s,
with the faster of its two rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.environment import arena
from tabular.learners.rows import climb, towards
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate
from tabular.learners.wolf_phc import ALPHA, DELTA_LOSE


def phc(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    alpha: Any = ALPHA,
    delta: Schedule = DELTA_LOSE,
    epsilon: Schedule = 0.05,
    **options: Unpack[Options],
) -> Trace:
    """Every agent that is not fixed climbs towards its greedy action."""
    check_rate("alpha", alpha, most=1.0)
    place = arena(game)
    memory = {"Q": np.zeros((place.n, place.S, place.A))}
    rule = Rule("phc", update, memory, rates={"alpha": alpha, "delta": delta}, epsilon=epsilon)
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """One step of every agent."""
    (Q,) = memory
    for i in range(play.counts.shape[0]):
        climb(play, i, s, towards(Q, play, i, s, s_next), play.rates[1])
