"""Fictitious play: everybody answers the frequencies with which the others have played so far.

    πᵢ ← the first best response to π̄₋ᵢ            π̄ the mean of the policies played, the one at step 0 included

Brown, "Iterative solution of games by fictitious play", 1951. The averages converge in two-player zero-sum games
(Robinson 1951), 2×n games (Berger 2005) and potential games (Monderer & Shapley 1996); on Shapley's 3×3 they cycle for
ever from most starts (from some, simultaneous play reaches the equilibrium). The averages are ``average_policies``;
the policies are pure from step 1 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from marlcore.compiled import compiled
from marlcore.games import Game
from marlcore.trace import Trace
from tabular.learners.checks import one_shot_arena
from tabular.learners.rows import action_values, play_only
from tabular.learners.run import Options, Rule, learn


def fictitious_play(game: Game, steps: int, seeds: int | Sequence[int] = 1, **options: Unpack[Options]) -> Trace:
    """All players of a matrix game; the policies at step 0, random by default, are the first beliefs."""
    place = one_shot_arena("fictitious_play", game)
    rule = Rule("fictitious_play", update, scratch=(np.zeros(place.A),), initial="random")
    return learn(rule, game, steps, seeds, **options)


@compiled
def update(memory, scratch, play, s, s_next):
    """Everybody answers ``play.average``, which this step has already entered."""
    (values,) = scratch
    for i in range(play.counts.shape[0]):
        action_values(play, play.average, i, s, values)
        best = 0
        for a in range(1, play.counts[i]):
            if values[a] > values[best]:
                best = a
        play.values[i, s] = values[best]
        play_only(play, i, s, best)
