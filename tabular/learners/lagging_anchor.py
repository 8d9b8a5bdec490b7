"""The lagging anchor: gradient ascent pulled towards a slow average of where it has been.

    v ← Π(v + η u + ηη_d(v̄ − v)),  v̄ ← v̄ + ηη_d(v − v̄)            u = uᵢ(·, π₋ᵢ), R₁Y for player 1 and R₂ᵀX for player 2

Dahl, "The lagging anchor algorithm: reinforcement learning in two-player zero-sum games with imperfect information",
Machine Learning 49, 2002: in a zero-sum game with a fully mixed equilibrium it spirals in where the plain step circles.
The printed factor I − 11ᵀ/m before u is not needed: the projection Π does not see constants. *As printed in notes*,
player 2 uses R₂X without the transpose, which is this rule on the game (R₁, R₂ᵀ): on rock-paper-scissors it diverges.

``lagging_anchor_sampled`` is the automaton that knows neither the game nor the others (Lu & Schwartz, "Decentralized
learning in two-player zero-sum games: a L_R-I lagging anchor algorithm", ACC 2011), rewards in [0, 1]:

    p ← p + η r (e_c − p) + η (p̄ − p),  p̄ ← p̄ + η (p − p̄)            c the action played
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena, rewards_within_unit
from tabular.learners.rows import action_values, project, start_from_policies
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule, check_rate


def lagging_anchor(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta: Schedule = 0.01,
    eta_d: Schedule = 1.0,
    **options: Unpack[Options],
) -> Trace:
    """All players of a matrix game; the strategies start at random unless ``initial`` says where, anchors with them."""
    place = one_shot_arena("lagging_anchor", game)
    memory = {"anchor": np.zeros((place.n, place.A)), "started": np.zeros(1)}
    scratch = (np.zeros((place.n, place.A)), np.zeros(place.A))
    rule = Rule("lagging_anchor", update, memory, scratch, {"eta": eta, "eta_d": eta_d}, initial="random")
    return learn(rule, game, steps, seeds, **options)


def lagging_anchor_sampled(
    game: Game,
    steps: int,
    seeds: int | Sequence[int] = 1,
    *,
    eta: Schedule = 0.001,
    **options: Unpack[Options],
) -> Trace:
    """Every agent of a matrix game with payoffs in [0, 1] is an automaton with an anchor."""
    place = one_shot_arena("lagging_anchor_sampled", game)
    rewards_within_unit("lagging_anchor_sampled", place)
    check_rate("eta", eta, most=0.5)
    memory = {"anchor": np.zeros((place.n, place.A)), "started": np.zeros(1)}
    rule = Rule("lagging_anchor_sampled", sampled_update, memory, rates={"eta": eta}, initial="random")
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Everybody's payoffs first, then everybody's step."""
    anchor, started = memory
    moved, ordered = scratch
    start_from_policies(anchor, started, play, s)
    for i in range(play.counts.shape[0]):
        action_values(play, play.policy, i, s, moved[i])
    pull = play.rates[0] * play.rates[1]
    for i in range(play.counts.shape[0]):
        for a in range(play.counts[i]):
            away = anchor[i, a] - play.policy[i, s, a]
            moved[i, a] = play.policy[i, s, a] + play.rates[0] * moved[i, a] + pull * away
            anchor[i, a] -= pull * away
        project(moved[i], play.counts[i], ordered)
        for a in range(play.counts[i]):
            play.policy[i, s, a] = moved[i, a]


@compiled
def sampled_update(memory, scratch, play, s, s_next):
    """One step of every automaton."""
    anchor, started = memory
    start_from_policies(anchor, started, play, s)
    for i in range(play.counts.shape[0]):
        eta, reward = play.rates[0], play.rewards[i]
        for a in range(play.counts[i]):
            p = play.policy[i, s, a]
            away = anchor[i, a] - p
            chosen = 1.0 if a == play.actions[i] else 0.0
            play.policy[i, s, a] = p + eta * reward * (chosen - p) + eta * away
            anchor[i, a] -= eta * away
