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

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MarkovGame
from marlcore.library.exact import exact
from marlcore.library.registry import game
import numpy as np

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

@game("grid_game_1","","")
def grid_game_1(gamma: Fraction = Fraction(99, 100)) -> MarkovGame:
    return _grid_game((8, 6), False, gamma)

@game("grid_game_2","","")
def grid_game_2(gamma: Fraction = Fraction(99, 100)) -> MarkovGame:
    return _grid_game((7, 7), True, gamma)
