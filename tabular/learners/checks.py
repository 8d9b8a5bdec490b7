"""What learners ask of a game, refused with a sentence that says what is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def lists_of_agents(name: str, given: Any, n: int) -> list[list[int]]:
    """``given`` as one list of agents for each of the n agents."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != n:
        raise InputError(f"{name} must be a list for each of the {n} agents, as in {_EXAMPLE}, not {given!r}")
    for i, own in enumerate(given):
        if not isinstance(own, Sequence) or isinstance(own, str):
            raise InputError(f"{name}[{i}] must be a list of agents, as in {_EXAMPLE}, not {own!r}")
        wrong = [j for j in own if isinstance(j, bool) or not isinstance(j, (int, np.integer)) or not 0 <= j < n]
        if wrong:
            raise InputError(f"{name}[{i}] names agent {wrong[0]!r}; the agents are 0, …, {n - 1}")
    return [list(own) for own in given]


_EXAMPLE = "[[1], [0]]"


def true_or_false(name: str, given: Any) -> bool:
    """A word such as "no" would count as true."""
    if not isinstance(given, (bool, np.bool_)):
        raise InputError(f"{name} must be true or false, not {given!r}")
    return bool(given)


def number(name: str, given: Any) -> float:
    """A finite number, and no word."""
    if isinstance(given, bool) or not isinstance(given, (int, float, np.number)) or not np.isfinite(given):
        raise InputError(f"{name} must be a finite number, not {given!r}")
    return float(given)
