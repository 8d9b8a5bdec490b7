"""Soccer and the grid games: their rules move by move, their values by a second method."""

from __future__ import annotations

import numpy as np
import pytest

from marlcore import library
from marlcore.games import MarkovGame
from marlcore.library.grid_games import ACTIONS, mirrored, states
from marlcore.library.soccer import state_of

NORTH, SOUTH, EAST, WEST, STAND = range(5)


@pytest.fixture(scope="module")
def soccer() -> MarkovGame:
    return library.load("soccer")


def _after(game: MarkovGame, state: int, a: int, b: int) -> dict[int, float]:
    row = game.transitions[[(state * 5 + a) * 5 + b]]
    return {int(s): float(p) for s, p in zip(row.indices, row.data, strict=True)}


def test_soccer_has_every_placement_of_two_players_and_a_ball(soccer: MarkovGame) -> None:
    assert soccer.S == 20 * 19 * 2
    cells = [(r, c) for r in range(4) for c in range(5)]
    numbers = [state_of(a, b, ball) for a in cells for b in cells if a != b for ball in (0, 1)]
    assert sorted(numbers) == list(range(760))


def test_free_moves_do_not_depend_on_the_order(soccer: MarkovGame) -> None:
    at = state_of((0, 0), (3, 4), 1)
    assert _after(soccer, at, EAST, NORTH) == {state_of((0, 1), (2, 4), 1): 1}
    assert _after(soccer, at, NORTH, SOUTH) == {at: 1}, "off the grid is no move"
    assert _after(soccer, at, STAND, STAND) == {at: 1}


@pytest.mark.parametrize("ball", [0, 1])
def test_a_bump_gives_the_ball_to_the_one_who_stands(soccer: MarkovGame, ball: int) -> None:
    at = state_of((1, 2), (1, 3), ball)
    assert _after(soccer, at, EAST, STAND) == {state_of((1, 2), (1, 3), 1): 1}
    assert _after(soccer, at, STAND, WEST) == {state_of((1, 2), (1, 3), 0): 1}


def test_the_order_of_moves_decides_who_is_in_the_way(soccer: MarkovGame) -> None:
    # both want the cell between them: the first gets it, the second bumps into it and loses the ball if it has it
    at = state_of((1, 1), (1, 3), 0)
    assert _after(soccer, at, EAST, WEST) == {state_of((1, 2), (1, 3), 0): 0.5, state_of((1, 1), (1, 2), 1): 0.5}
    # A follows B: moving second it can, moving first it bumps and gives the ball away
    at = state_of((1, 1), (1, 2), 0)
    assert _after(soccer, at, EAST, NORTH) == {state_of((1, 2), (0, 2), 0): 0.5, state_of((1, 1), (0, 2), 1): 0.5}


def test_goals_are_the_two_middle_rows_of_the_far_side(soccer: MarkovGame) -> None:
    kick_off = {state_of((1, 1), (2, 3), 0): 0.5, state_of((1, 1), (2, 3), 1): 0.5}
    for row, scores in enumerate((False, True, True, False)):
        at = state_of((row, 4), (3 - row, 0), 0)
        assert soccer.rewards[:, at, EAST, STAND].tolist() == ([1, -1] if scores else [0, 0])
        assert _after(soccer, at, EAST, STAND) == (kick_off if scores else {at: 1})
        at = state_of((3 - row, 4), (row, 0), 1)
        assert soccer.rewards[:, at, STAND, WEST].tolist() == ([-1, 1] if scores else [0, 0])
        assert soccer.rewards[:, at, EAST, STAND].tolist() == [0, 0], "no goal without the ball"
    own = state_of((1, 0), (3, 3), 0)
    assert soccer.rewards[:, own, WEST, STAND].tolist() == [0, 0], "no own goals"


def test_the_game_is_the_same_from_either_side(soccer: MarkovGame) -> None:
    # turn the field by 180° and swap the players: rewards change sign
    cells = [(r, c) for r in range(4) for c in range(5)]
    turn = {(r, c): (3 - r, 4 - c) for r, c in cells}
    other = np.empty(760, dtype=int)
    for a in cells:
        for b in cells:
            if a != b:
                for ball in (0, 1):
                    other[state_of(a, b, ball)] = state_of(turn[b], turn[a], 1 - ball)
    swap = [SOUTH, NORTH, WEST, EAST, STAND]
    rewards = soccer.rewards[0]
    assert np.array_equal(rewards, -rewards[other][:, swap][:, :, swap].swapaxes(1, 2))
    P = soccer.transitions.toarray().reshape(760, 5, 5, 760)
    assert np.array_equal(P, P[other][:, swap][:, :, swap].swapaxes(1, 2)[..., other])


def test_value_iteration_by_another_solver_gives_the_printed_value(soccer: MarkovGame) -> None:
    from numba import njit
    from quantecon.optimize.minmax import minmax

    @njit
    def values(games: np.ndarray, out: np.ndarray) -> None:
        for s in range(len(games)):
            out[s] = minmax(games[s])[0]

    V, sweeps = np.zeros(760), 0
    while True:
        new = np.empty(760)
        values(soccer.rewards[0] + 0.9 * (soccer.transitions @ V).reshape(760, 5, 5), new)
        change, V, sweeps = np.abs(new - V).max(), new, sweeps + 1
        if change * 9 < 1e-11:  # γ/(1−γ) times the last change bounds the error
            break
    assert sweeps > 50
    assert V[state_of((1, 1), (2, 3), 0)] == pytest.approx(0.2184844404, abs=5e-11)
    assert V[state_of((1, 1), (2, 3), 1)] == pytest.approx(-0.2184844404, abs=5e-11)


def _moves(name: str, cells: tuple[int, int], a: str, b: str) -> tuple[dict[object, float], list[float]]:
    goals = (8, 6) if name == "grid_game_1" else (7, 7)
    pairs: list[object] = [*states(goals), "end"]
    game = library.load(name)
    at = (pairs.index(cells), ACTIONS.index(a), ACTIONS.index(b))
    row = game.transitions[at]
    return {pairs[s]: float(row[s]) for s in np.flatnonzero(row)}, game.rewards[(slice(None), *at)].tolist()


@pytest.mark.parametrize(
    ("name", "cells", "a", "b", "after", "pay"),
    [
        ("grid_game_1", (0, 2), "up", "up", {(3, 5): 1}, [0, 0]),
        ("grid_game_1", (0, 2), "right", "left", {(0, 2): 1}, [-1, -1]),
        ("grid_game_1", (0, 2), "left", "down", {(0, 2): 1}, [0, 0]),
        ("grid_game_1", (4, 5), "right", "left", {(5, 4): 1}, [0, 0]),  # they pass each other
        ("grid_game_1", (4, 2), "right", "up", {(4, 2): 1}, [-1, -1]),
        ("grid_game_1", (3, 2), "down", "left", {(0, 1): 1}, [0, 0]),
        ("grid_game_1", (1, 2), "right", "down", {(1, 2): 1}, [-1, -1]),  # B stays at the wall in its cell
        ("grid_game_1", (5, 7), "up", "left", {"end": 1}, [100, 100]),
        ("grid_game_1", (5, 4), "up", "left", {"end": 1}, [100, 0]),
        ("grid_game_1", (5, 7), "up", "right", {"end": 1}, [100, 0]),  # a goal is no place to collide
        ("grid_game_2", (4, 8), "up", "left", {"end": 1}, [100, 100]),
        ("grid_game_2", (0, 2), "right", "up", {(1, 5): 0.5, (1, 2): 0.5}, [0, 0]),
        ("grid_game_2", (0, 2), "up", "up", {(3, 5): 0.25, (3, 2): 0.25, (0, 5): 0.25, (0, 2): 0.25}, [0, 0]),
        ("grid_game_2", (2, 0), "up", "up", {(5, 3): 1}, [0, 0]),  # each barrier stops the one who started there
    ],
)
def test_grid_moves(
    name: str, cells: tuple[int, int], a: str, b: str, after: dict[object, float], pay: list[float]
) -> None:
    assert _moves(name, cells, a, b) == (after, pay)


def test_the_end_pays_nothing_and_stays() -> None:
    for name in ("grid_game_1", "grid_game_2"):
        game = library.load(name)
        assert (game.transitions[-1, ..., -1] == 1).all()
        assert (game.rewards[:, -1] == 0).all()


def test_grid_game_2_is_its_own_mirror_image() -> None:
    pure = tuple(tuple(range(4)) * 14 + (0,) for _ in range(2))
    assert mirrored(mirrored(pure, (7, 7)), (7, 7)) == pure
