"""Regret matching: actions in proportion to how much one regrets not having played them.

    Rᵢ(a) += uᵢ(a, ·) − uᵢ(·)            πᵢ(a) = Rᵢ(a)⁺/Σ_b Rᵢ(b)⁺, uniform where no regret is positive

Hart & Mas-Colell, "A simple adaptive procedure leading to correlated equilibrium", Econometrica 68, 2000 (its
unconditional form). Each player's average regret is at most range·√(|Aᵢ|/T); so in two-player zero-sum games the
average policies approach the equilibria, and in any game play approaches the coarse correlated equilibria. The regrets
are against the others' policies; with ``sampled`` they are against the actions that were played.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena, true_or_false
from tabular.learners.rows import action_values, expected, joint_action
from tabular.learners.run import Options, Rule, learn


def regret_matching(
    game: Game, steps: int, seeds: int | Sequence[int] = 1, *, sampled: bool = False, **options: Unpack[Options]
) -> Trace:
    """All players of a matrix game."""
    place = one_shot_arena("regret_matching", game)
    memory = {"regrets": np.zeros((place.n, place.A))}
    chosen = sampled_update if true_or_false("sampled", sampled) else update
    rule = Rule("regret_matching", chosen, memory, (np.zeros((place.n, place.A)),), config={"sampled": sampled})
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Regrets against the others' policies."""
    (regrets,) = memory
    (values,) = scratch
    for i in range(play.counts.shape[0]):
        action_values(play, play.policy, i, s, values[i])
    for i in range(play.counts.shape[0]):
        base = expected(play, i, s, values[i])
        for a in range(play.counts[i]):
            regrets[i, a] += values[i, a] - base
        _match(play, i, s, regrets)


@compiled
def sampled_update(memory, scratch, play, s, s_next):
    """Regrets against the actions that were played."""
    (regrets,) = memory
    joint = joint_action(play)
    for i in range(play.counts.shape[0]):
        others = joint - play.actions[i] * play.strides[i]
        for a in range(play.counts[i]):
            regrets[i, a] += play.payoffs[s, others + a * play.strides[i], i] - play.rewards[i]
        _match(play, i, s, regrets)


@compiled
def _match(play, i, s, regrets):
    total = 0.0
    for a in range(play.counts[i]):
        total += max(regrets[i, a], 0.0)
    for a in range(play.counts[i]):
        play.policy[i, s, a] = max(regrets[i, a], 0.0) / total if total > 0.0 else 1.0 / play.counts[i]
