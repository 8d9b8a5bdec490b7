"""WoLF-PHC: climb slowly when winning, fast when losing.

    Q(s,a) ← Q(s,a) + α(r + γ max_a' Q(s',a') − Q(s,a))
    δ = δ_w if Σ_a π(a|s)Q(s,a) > Σ_a π̄(a|s)Q(s,a), else δ_l                 π̄ the mean of the policies played at s
    π(a|s) gives min(π(a|s), δ/(|A|−1)) to the greedy action, for every other a

Bowling & Veloso, "Multiagent learning using a variable learning rate", Artificial Intelligence 136, 2002, table 6. Each
agent keeps |S|·|A| numbers and sees only its own actions and rewards. It is rational: against others who stand still it
converges to a best response (Q-learning's conditions). Convergence in self-play is proved for the two-action gradient
version (``wolf_iga``); for this one it is observed on many games, and fails on Shapley's 3×3.

*Departures.* Rates of the shape 1/(a + t/b), as in the paper's experiments, with constants of our own:
α = 1/(10 + t/10⁴), δ_w = 1/(20 000 + t/10), δ_l = 2δ_w, ε = 0.05.
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
from tabular.learners.schedules import Power, Schedule, check_rate

ALPHA = Power(0.1, 1e5)
DELTA_WIN = Power(5e-5, 2e5)
DELTA_LOSE = Power(1e-4, 2e5)


def wolf_phc(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    alpha: Any = ALPHA,
    delta_win: Schedule = DELTA_WIN,
    delta_lose: Schedule = DELTA_LOSE,
    epsilon: Schedule = 0.05,
    **options: Unpack[Options],
) -> Trace:
    """Every agent that is not fixed learns by WoLF-PHC."""
    check_rate("alpha", alpha, most=1.0)
    place = arena(game)
    memory = {"Q": np.zeros((place.n, place.S, place.A))}
    rates = {"alpha": alpha, "delta_win": delta_win, "delta_lose": delta_lose}
    return learn(Rule("wolf_phc", update, memory, rates=rates, epsilon=epsilon), game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """One step of every agent."""
    (Q,) = memory
    for i in range(play.counts.shape[0]):
        best = towards(Q, play, i, s, s_next)
        here, average = 0.0, 0.0
        for a in range(play.counts[i]):
            here += play.policy[i, s, a] * Q[i, s, a]
            average += play.average[i, s, a] * Q[i, s, a]
        climb(play, i, s, best, play.rates[1] if here > average else play.rates[2])
