"""Linear reward–penalty: automata that also leave what failed.

    p_c += η₁ r (1 − p_c) − η₂ (1 − r) p_c
    p_j += −η₁ r p_j + η₂ (1 − r)(1/(m − 1) − p_j) for j ≠ c            c the action played, r ∈ [0, 1]

Lakshmivarahan & Narendra, "Learning algorithms for two-person zero-sum stochastic games with incomplete information",
Mathematics of Operations Research 6, 1981. With 0 < η₂ < η₁ and η₁ + η₂ ≤ 1 the simplex is kept for every number m of
actions. It comes near mixed equilibria with a bias: with f_a = E[r | a] and failure F = Σ_c p_c (1 − f_c), the mean
step is η₁ p_a (f_a − Σ p f) + η₂ ((F − p_a (1 − f_a))/(m − 1) − p_a F). At an interior equilibrium all f are equal, and
the second part is η₂ (1 − f)((1 − p_a)/(m − 1) − p_a): 0 only where p_a = 1/m, or f = 1. The bias is of order η₂/η₁.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners import schedules
from tabular.learners.checks import one_shot_arena, rewards_within_unit
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate


def linear_reward_penalty(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta_reward: Schedule = 0.01,
    eta_penalty: Schedule = 0.001,
    **options: Unpack[Options],
) -> Trace:
    """Every agent of a matrix game with payoffs in [0, 1] is an automaton."""
    place = one_shot_arena("linear_reward_penalty", game)
    rewards_within_unit("linear_reward_penalty", place)
    if place.counts.min() < 2:
        raise InputError("linear_reward_penalty needs at least two actions for every agent")
    check_rate("eta_reward", eta_reward)
    check_rate("eta_penalty", eta_penalty)
    first, second = (schedules.block("eta", eta, 0)[0] for eta in (eta_reward, eta_penalty))
    if not (0 < second < first and first + second <= 1):
        raise InputError(f"0 < η₂ < η₁ and η₁ + η₂ ≤ 1 are needed, not η₁ = {first:g}, η₂ = {second:g} at step 0")
    rule = Rule("linear_reward_penalty", update, rates={"eta_reward": eta_reward, "eta_penalty": eta_penalty})
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """One step of every automaton."""
    for i in range(play.counts.shape[0]):
        up = play.rates[0] * play.rewards[i]
        down = play.rates[1] * (1.0 - play.rewards[i])
        share = down / (play.counts[i] - 1)
        for a in range(play.counts[i]):
            p = play.policy[i, s, a]
            play.policy[i, s, a] = p - (up + down) * p + (up if a == play.actions[i] else share)
