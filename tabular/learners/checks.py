"""What learners ask of a game, refused with a sentence that says what is needed."""

from __future__ import annotations

import numpy as np

from marlcore.errors import InputError
from marlcore.games import Game
from tabular.learners.environment import Arena, arena


def one_shot_arena(learner: str, game: Game) -> Arena:
    """The arena of a matrix game (one state, γ = 0)."""
    place = arena(game)
    if place.S != 1 or place.gamma != 0.0:
        raise InputError(f"{learner} needs a matrix game, not {place.S} states with γ = {place.gamma:g}")
    return place


def two_by_two_arena(learner: str, game: Game) -> Arena:
    """The arena of a 2×2 matrix game."""
    place = one_shot_arena(learner, game)
    if tuple(place.counts) != (2, 2):
        shape = "×".join(map(str, place.counts))
        raise InputError(f"{learner} needs two players with two actions each, not {shape}; try giga_wolf or wolf_phc")
    return place


def rewards_within_unit(learner: str, place: Arena) -> None:
    """Automata take rewards for probabilities."""
    outside = np.argwhere((place.payoffs < 0) | (place.payoffs > 1))
    if len(outside):
        s, joint, i = (int(x) for x in outside[0])
        actions = tuple(int(a) for a in joint // place.strides % place.counts)
        value = place.payoffs[s, joint, i]
        raise InputError(
            f"{learner} needs rewards in [0, 1], but agent {i} gets {value:g} at {actions}; rescale the payoffs"
        )
