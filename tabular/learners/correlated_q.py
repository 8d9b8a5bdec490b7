"""Correlated-Q, utilitarian: Q-learning whose value of a state is that of its stage game's best correlated equilibrium.

    Qᵢ(s,a) ← (1 − α)Qᵢ(s,a) + α(rᵢ + γVᵢ(s'))            Vᵢ(s) = Σ_a σ(a) Qᵢ(s,a)
    σ a correlated equilibrium of Q(s, ·) with the largest Σᵢ Σ_a σ(a) Qᵢ(s,a)

Greenwald & Hall, "Correlated Q-learning", ICML 2003. In team games and two-player zero-sum games it converges to the
optimum and the minimax value; elsewhere nothing is proved. σ satisfies the incentives of every pair of actions (not
only those of playing one action whatever one is told, which define coarse correlated equilibria).

*Departures.* The paper's (1 − γ)r is r here, so values are Σ γᵗ r. Agents act on their own parts of σ and not together;
σ itself is in ``trace.state["memory.sigma"]`` (K, S, J), and the values are σ's. ``memory.failures`` counts programmes
that the simplex did not finish.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.environment import arena
from tabular.learners.rows import joint_action
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, Visits, check_rate
from tabular.static.correlated_kernel import correlated_into, correlated_workspace

ALPHA = Visits()


def correlated_q(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    alpha: Any = ALPHA,
    epsilon: Schedule = 0.5,
    **options: Unpack[Options],
) -> Trace:
    """All agents learn together."""
    check_rate("alpha", alpha, most=1.0, visits=True)
    place = arena(game)
    memory = {
        "Q": np.zeros((place.S, place.n, place.J)),
        "sigma": np.full((place.S, place.J), 1.0 / place.J),
        "failures": np.zeros(1, np.int64),
    }
    scratch = correlated_workspace(place.counts)
    rule = Rule("correlated_q", update, memory, scratch, {"alpha": alpha}, epsilon)
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Move everybody's Q(s,a), then solve the programme at s."""
    Q, sigma, failures = memory
    tableau, basis, scales = scratch
    joint = joint_action(play)
    for i in range(play.counts.shape[0]):
        target = play.rewards[i] + play.gamma * play.values[i, s_next]
        Q[s, i, joint] += play.rates[0] * (target - Q[s, i, joint])
    _, pivots = correlated_into(Q[s], play.counts, play.strides, sigma[s], tableau, basis, scales)
    if pivots < 0:
        failures[0] += 1
    for i in range(play.counts.shape[0]):
        play.values[i, s] = 0.0
        for a in range(play.counts[i]):
            play.policy[i, s, a] = 0.0
        for j in range(Q.shape[2]):
            play.values[i, s] += sigma[s, j] * Q[s, i, j]
            play.policy[i, s, j // play.strides[i] % play.counts[i]] += sigma[s, j]
