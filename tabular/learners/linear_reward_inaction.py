"""Linear reward–inaction: learning automata that follow success and ignore failure.

    p_c += η r (1 − p_c),   p_j −= η r p_j for j ≠ c            c the action played, r ∈ [0, 1]

Sastry, Phansalkar & Thathachar, "Decentralized learning of Nash equilibria in multi-person stochastic games with
incomplete information", IEEE SMC 24, 1994. Strict pure equilibria are locally stable, mixed ones are not, and for fixed
η every run is absorbed at a vertex. *As stated in notes* ("converges where the only equilibria are strict pure ones")
more is needed: a cycle of better replies can keep every run away from the only strict equilibrium (the library's
``shapley_with_a_strict_equilibrium``). As η → 0 the mean path is the replicator dynamics, which is where the cycle
comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena, rewards_within_unit
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate


def linear_reward_inaction(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta: Schedule = 0.01,
    **options: Unpack[Options],
) -> Trace:
    """Every agent of a matrix game with payoffs in [0, 1] is an automaton."""
    rewards_within_unit("linear_reward_inaction", one_shot_arena("linear_reward_inaction", game))
    check_rate("eta", eta, most=1.0)
    rule = Rule("linear_reward_inaction", update, rates={"eta": eta})
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """One step of every automaton."""
    for i in range(play.counts.shape[0]):
        step = play.rates[0] * play.rewards[i]
        for a in range(play.counts[i]):
            play.policy[i, s, a] -= step * play.policy[i, s, a]
        play.policy[i, s, play.actions[i]] += step
