"""Hu & Wellman's two grid games: two agents on a 3×3 grid, each on its way to its goal.

    cells     6 7 8        A starts in 0, B in 2; both move at once, off the grid means to stay
              3 4 5        γ = 0.99, +100 on reaching one's goal, −1 each at a collision
              0 1 2        the game is over as soon as an agent is at its goal

Grid game 1: A's goal is 8, B's is 6. Grid game 2: the goal of both is 7, and a move up out of a start cell meets a
barrier, which it passes with probability ½. Agents that would enter the same cell, unless it is a goal, collide: both
bounce back to where they were. An agent that stays where it is (at a wall, at the barrier) also takes its cell.

*What the paper leaves open.* Two agents that swap cells pass each other. A step costs nothing.
State 0 … are the pairs of distinct cells with nobody at its goal, the last state is the end, which pays nothing.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.games import MarkovGame
from marlcore.library.exact import exact
from marlcore.library.facts import Equilibrium, Fact, Measured, Number, PerfectEquilibrium, read_profile
from marlcore.library.registry import game
from marlcore.values import evaluate

ACTIONS = ("left", "right", "up", "down")


def states(goals: tuple[int, int]) -> list[tuple[int, int]]:
    """The pairs (A's cell, B's cell) of the states before the end."""
    pairs = itertools.product(range(9), range(9))
    return [(a, b) for a, b in pairs if a != b and a != goals[0] and b != goals[1]]


def _grid_game(goals: tuple[int, int], barriers: bool, gamma: Fraction) -> MarkovGame:
    pairs = states(goals)
    index = {pair: s for s, pair in enumerate(pairs)}
    end = len(pairs)
    transitions = np.zeros((end + 1, 4, 4, end + 1), dtype=object) * Fraction(0)
    rewards = np.zeros((2, end + 1, 4, 4), dtype=object) * Fraction(0)
    transitions[end, :, :, end] = 1
    for s, (a, b) in enumerate(pairs):
        for i, j in itertools.product(range(4), range(4)):
            outcomes = itertools.product(_moves(a, i, barriers and a == 0), _moves(b, j, barriers and b == 2))
            for (to_a, p), (to_b, q) in outcomes:
                collide = to_a == to_b and to_a not in goals
                home = (to_a == goals[0], to_b == goals[1])
                pay = (-1, -1) if collide else tuple(100 * h for h in home)
                after = index[a, b] if collide else end if any(home) else index[to_a, to_b]
                transitions[s, i, j, after] += p * q
                for player in (0, 1):
                    rewards[player, s, i, j] += p * q * pay[player]
    start = [int(pair == (0, 2)) for pair in [*pairs, None]]
    return MarkovGame(exact(transitions), exact(rewards), numbers.number(gamma, "rational"), exact(start))


def _moves(cell: int, action: int, barrier: bool) -> list[tuple[int, Fraction]]:
    row, column = divmod(cell, 3)
    down, right = ((0, -1), (0, 1), (1, 0), (-1, 0))[action]
    inside = 0 <= row + down < 3 and 0 <= column + right < 3
    to = cell + 3 * down + right if inside else cell
    if barrier and action == 2:
        return [(to, Fraction(1, 2)), (cell, Fraction(1, 2))]
    return [(to, Fraction(1))]


_HU = "Hu & Wellman, Nash Q-learning for general-sum stochastic games, JMLR 4, 2003"
_DERIVED = "derived; values rounded in " + _HU + ", section 5"
_PERFECT = "found by value iteration over the stage games' pure equilibria, checked in exact numbers"

# one letter a state, in the order of ``states``, the end last
_GAME_1 = (
    "LRLLLLLLRLLRLLUULUULURRRLRLLRRRLRLRUUUUUUURRRLRRLLRRRRRRRL",
    "UUULLLLULULLLLULULLLLULLUULLULLULLLLLLULLLULLULLLLLLLULLLL",
)
_GAME_2 = (
    "LRLLLLLUUULULLLLLLLLLRURLRLLUUUUUUULULLLLLRRRRRRRLLLLLLLL",
    "UURULRLLLUUURLUURULRLLULUURLLLLLLRLLULUURLLLLLULLLLLLULRL",
)


def _pure(letters: tuple[str, str]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple("LRUD".index(letter) for letter in row) for row in letters)


def mirrored(profile: tuple[tuple[int, ...], ...], goals: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    """The profile seen in a mirror: left is right, A is B."""
    pairs = states(goals)
    flip = [cell + 2 - 2 * (cell % 3) for cell in range(9)]
    other = [pairs.index((flip[b], flip[a])) for a, b in pairs] + [len(pairs)]
    swap = (1, 0, 2, 3)
    return tuple(tuple(swap[profile[1 - player][s]] for s in other) for player in (0, 1))


def _mixed() -> tuple[tuple[tuple[Number, ...], ...], ...]:
    # at the start A goes right and B left with probability p: p(0.99v − 1) + (1−p)·98.01 = v and
    # 49.005p + (1−p)(49.005 + 0.2475v) = v; elsewhere both play the first equilibrium
    p = Fraction("0.970206424062458735751344023252")
    tables: list[list[tuple[Number, ...]]] = [
        [tuple(int(k == a) for k in range(4)) for a in row] for row in _pure(_GAME_2)
    ]
    at = states((7, 7)).index((0, 2))
    tables[0][at], tables[1][at] = (0, p, 1 - p, 0), (p, 0, 1 - p, 0)
    return tuple(map(tuple, tables))


def stage_game(game: MarkovGame, profile: tuple[tuple[int, ...], ...], goals: tuple[int, int]) -> Any:
    """Q of both players at the start, A's right and up by B's left and up."""
    at = states(goals).index((0, 2))
    Q = evaluate(game, read_profile(game, profile)).Q
    return Q[:, at][:, [1, 2]][:, :, [0, 2]].reshape(-1)


def _facts_1(gamma: Fraction) -> list[Fact]:
    start = states((8, 6)).index((0, 2))
    value = 100 * gamma**3
    facts: list[Fact] = [
        Equilibrium(
            profile=_pure(_GAME_1), payoffs=(value, value), label="both go straight", source="derived: four moves each"
        )
    ]
    if gamma == Fraction(99, 100):
        collide = gamma * value - 1
        facts += [
            PerfectEquilibrium(
                profile=_pure(_GAME_1), values=((start, (value, value)),), label="pure", source=_PERFECT
            ),
            Measured(
                what="stage game at the start, A's then B's payoffs, right and up by left and up",
                value=(collide, value, value, value) * 2,
                measure=lambda game: stage_game(game, _pure(_GAME_1), (8, 6)),
                source=_DERIVED,
            ),
        ]
    return facts


@game(
    "grid_game_1",
    "Two agents cross a 3×3 grid to opposite corners: many equilibria; going straight is worth 0.99³·100 to both.",
    _HU,
    _facts_1,
)
def grid_game_1(gamma: Fraction = Fraction(99, 100)) -> MarkovGame:
    """Goals 8 (A) and 6 (B), no barriers."""
    return _grid_game((8, 6), False, gamma)


def _facts_2(gamma: Fraction) -> list[Fact]:
    if gamma != Fraction(99, 100):
        return []
    start = states((7, 7)).index((0, 2))
    first, number = _pure(_GAME_2), Fraction
    high, low = number("98.01"), number("49.005")
    mixed = ("49.3690428812", "49.3690428812")
    return [
        PerfectEquilibrium(
            profile=first, values=((start, (high, low)),), label="A takes the middle, B the barrier", source=_PERFECT
        ),
        PerfectEquilibrium(
            profile=mirrored(first, (7, 7)), values=((start, (low, high)),), label="the mirror image", source=_PERFECT
        ),
        PerfectEquilibrium(
            profile=_mixed(),
            values=((start, mixed),),
            slack="1/1000000000",
            label="both take the middle with probability 0.970206 (symmetric)",
            source="derived: the root of a quadratic at the start, the first equilibrium elsewhere",
        ),
        Measured(
            what="stage game of the first at the start, A's then B's payoffs, right and up by left and up",
            value=tuple(
                map(number, ("96.0299", "98.01", "49.005", "73.262475", "47.51495", "49.005", "98.01", "61.1337375"))
            ),
            measure=lambda game: stage_game(game, first, (7, 7)),
            source=_DERIVED,
        ),
    ]


@game(
    "grid_game_2",
    "One goal, two barriers: whoever takes the free middle way wins surely, the other with probability ½.",
    _HU,
    _facts_2,
)
def grid_game_2(gamma: Fraction = Fraction(99, 100)) -> MarkovGame:
    """Goal 7 for both, a barrier above each start."""
    return _grid_game((7, 7), True, gamma)
