"""Littman's soccer: two players on a grid, one ball, moves carried out in random order.

    states    (A's cell, B's cell, who has the ball), cells distinct: 20·19·2 = 760 on the 4×5 grid
    actions   north, south, east, west, stand
    rewards   +1 to the player whose goal is scored, −1 to the other; γ = 0.9

The rules of Littman (1994): both choose at once, and a coin decides whose move is carried out first. A move into the
other player's cell does not take place and gives the ball to the player who stands there. A move off the grid does not
take place, except that the ball's owner scores by moving east (A) or west (B) out of one of the goal rows, the two in
the middle; A's goal is in the east. After a goal the players are back at the kick-off and a coin decides who has the
ball. The mover who comes second sees what the first one did; after a goal it does not move.

*What the paper leaves open.* Its drawing gives one kick-off, its text a random ball, and nobody can score an own goal.
Whether play goes on after a goal does not change a value: the kick-off with a random ball is worth 0 by symmetry.
Swapping cells is a collision here, as the order of the moves makes it.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from marlcore.errors import InputError
from marlcore.games import MarkovGame
from marlcore.library.facts import Fact, PerfectEquilibrium
from marlcore.library.registry import game

ACTIONS = ("north", "south", "east", "west", "stand")
Cell = tuple[int, int]
_MOVES = ((-1, 0), (1, 0), (0, 1), (0, -1), (0, 0))


_LITTMAN = "Littman, Markov games as a framework for multi-agent reinforcement learning, ICML 1994, section 5.1"


def _facts(rows: int, columns: int, gamma: Fraction) -> list[Fact]:
    if (rows, columns, gamma) != (4, 5, Fraction(9, 10)):
        return []
    with_ball, without = _kick_off(rows, columns)
    plus, minus = "0.2184844404", "-0.2184844404"
    return [
        PerfectEquilibrium(
            profile="soccer.npz",
            values=((with_ball, (plus, minus)), (without, (minus, plus))),
            slack="1/1000000000",
            label="at the kick-off with the ball and without",
            source="derived: Shapley's value iteration; independent programs agree",
        )
    ]


@game(
    "soccer",
    "Littman's soccer on the 4×5 grid: zero-sum, optimal play must be random, or the opponent blocks it.",
    _LITTMAN,
    _facts,
)
def soccer(rows: int = 4, columns: int = 5, gamma: Fraction = Fraction(9, 10)) -> MarkovGame:
    """The game as a sparse Markov game; ``state_of`` numbers its states, its start is the kick-off."""
    from scipy.sparse import csr_matrix

    if rows < 2 or columns < 4:
        raise InputError(f"soccer needs at least 2 rows and 4 columns, not {rows} × {columns}")
    states = 2 * rows * columns * (rows * columns - 1)
    kick_off = _kick_off(rows, columns)
    rewards = np.zeros((2, states, 5, 5))
    entries: list[tuple[float, int, int]] = []
    for s, (cells, ball) in enumerate(_states(rows, columns)):
        for a in range(5):
            for b in range(5):
                row = (s * 5 + a) * 5 + b
                for first in (0, 1):
                    scorer, target = _play(cells, ball, (a, b), first, (rows, columns))
                    if scorer is None:
                        entries.append((0.5, row, target))
                    else:
                        rewards[scorer, s, a, b] += 0.5
                        rewards[1 - scorer, s, a, b] -= 0.5
                        entries += [(0.25, row, k) for k in kick_off]
    weights, at, to = zip(*entries, strict=True)
    transitions = csr_matrix((weights, (at, to)), shape=(states * 25, states))
    start = np.zeros(states)
    start[list(kick_off)] = 0.5
    return MarkovGame(transitions, rewards, float(gamma), start)


def state_of(a: tuple[int, int], b: tuple[int, int], ball: int, rows: int = 4, columns: int = 5) -> int:
    """The state with A at (row, column) ``a``, B at ``b`` and the ball with player ``ball``; row 0 is the north."""
    cell_a, cell_b = a[0] * columns + a[1], b[0] * columns + b[1]
    others = rows * columns - 1
    return (cell_a * others + cell_b - (cell_b > cell_a)) * 2 + ball


def _kick_off(rows: int, columns: int) -> tuple[int, int]:
    # Littman's drawing: the goal rows, each player one column from the edge on its own half
    a, b = ((rows - 1) // 2, 1), (rows // 2, columns - 2)
    return state_of(a, b, 0, rows, columns), state_of(a, b, 1, rows, columns)


def _states(rows: int, columns: int) -> list[tuple[tuple[Cell, Cell], int]]:
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    return [((a, b), ball) for a in cells for b in cells if a != b for ball in (0, 1)]


def _play(
    cells: tuple[Cell, Cell], ball: int, actions: tuple[int, int], first: int, size: tuple[int, int]
) -> tuple[int | None, int]:
    """Who scores (None: nobody) and otherwise the next state, when player ``first`` moves first."""
    rows, columns = size
    at = list(cells)
    goal_rows = ((rows - 1) // 2, rows // 2)
    for mover in (first, 1 - first):
        down, right = _MOVES[actions[mover]]
        to = (at[mover][0] + down, at[mover][1] + right)
        if to == at[1 - mover]:
            ball = 1 - mover
        elif 0 <= to[0] < rows and 0 <= to[1] < columns:
            at[mover] = to
        elif ball == mover and to[0] in goal_rows and to[1] == (columns, -1)[mover]:
            return mover, 0
    return None, state_of(at[0], at[1], ball, rows, columns)
