"""Replicator dynamics of n populations, by the classical Runge–Kutta step.

    ẋᵢ(a) = xᵢ(a)(uᵢ(a, x₋ᵢ) − Σ_b xᵢ(b) uᵢ(b, x₋ᵢ))            one step is η of time

Taylor & Jonker 1978; several populations: Hofbauer & Sigmund, "Evolutionary games and population dynamics", 1998.
Strict equilibria are the asymptotically stable points. In a zero-sum game with interior equilibrium x*, Σᵢ KL(xᵢ* ‖ xᵢ)
is conserved, so paths go round; one step breaks that by O(η⁵).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena
from tabular.learners.rows import action_values
from tabular.learners.run import Options, Rule, learn
from tabular.learners.schedules import Schedule


def replicator(
    game: Game, steps: int, seeds: int | Sequence[int] = 1, *, eta: Schedule = 0.01, **options: Unpack[Options]
) -> Trace:
    """The populations of a matrix game; they start at random unless ``initial`` says where."""
    place = one_shot_arena("replicator", game)
    shape = (place.n, 1, place.A)
    scratch = (np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(place.A))
    rule = Rule("replicator", update, scratch=scratch, rates={"eta": eta}, initial="random")
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """x ← x + η(k₁ + 2k₂ + 2k₃ + k₄)/6; what rounding leaves outside the simplex is put back."""
    point, slope, total, values = scratch
    for i in range(play.counts.shape[0]):
        for a in range(play.counts[i]):
            point[i, s, a], total[i, s, a] = play.policy[i, s, a], 0.0
    for stage in range(4):
        for i in range(play.counts.shape[0]):
            _velocity(play, point, i, s, values, slope)
        weight, ahead = 1.0 if stage in (0, 3) else 2.0, 1.0 if stage == 2 else 0.5
        for i in range(play.counts.shape[0]):
            for a in range(play.counts[i]):
                total[i, s, a] += weight * slope[i, s, a]
                point[i, s, a] = play.policy[i, s, a] + play.rates[0] * ahead * slope[i, s, a]
    for i in range(play.counts.shape[0]):
        mass = 0.0
        for a in range(play.counts[i]):
            moved = play.policy[i, s, a] + play.rates[0] / 6.0 * total[i, s, a]
            play.policy[i, s, a] = max(moved, 0.0)
            mass += play.policy[i, s, a]
        for a in range(play.counts[i]):
            play.policy[i, s, a] /= mass


@compiled
def _velocity(play, point, i, s, values, slope):
    action_values(play, point, i, s, values)
    mean = 0.0
    for a in range(play.counts[i]):
        mean += point[i, s, a] * values[a]
    for a in range(play.counts[i]):
        slope[i, s, a] = point[i, s, a] * (values[a] - mean)
