"""Independent Q-learning: every agent learns as if it were alone.

    Qᵢ(s,aᵢ) ← (1 − α)Qᵢ(s,aᵢ) + α(rᵢ + γ max_a Qᵢ(s',a))            πᵢ greedy, the first of ties

Tan, "Multi-agent reinforcement learning: independent vs. cooperative agents", ICML 1993; Claus & Boutilier 1998.
Against others who stand still it is Q-learning and converges to a best response. While the others learn too, its
environment moves and nothing is guaranteed; and a greedy policy is pure, so it cannot settle on a mixed equilibrium.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.environment import arena
from tabular.learners.rows import play_only, towards
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate


def independent_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    alpha: Any = 0.1,
    epsilon: Schedule = 0.1,
    **options: Unpack[Options],
) -> Trace:
    """Every agent that is not fixed learns by Q-learning of its own."""
    check_rate("alpha", alpha, most=1.0)
    place = arena(game)
    memory = {"Q": np.zeros((place.n, place.S, place.A))}
    rule = Rule("independent_q", update, memory, rates={"alpha": alpha}, epsilon=epsilon)
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """One step of every agent."""
    (Q,) = memory
    for i in range(play.counts.shape[0]):
        play_only(play, i, s, towards(Q, play, i, s, s_next))
