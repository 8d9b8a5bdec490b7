"""Write marlcore/library/data/soccer.npz: optimal strategies of Littman's soccer, by Shapley's value iteration.

``python tools/soccer_strategies.py`` needs quantecon (the ``dev`` extra). The file is evidence, not an assumption:
``marlcore games soccer --check`` measures what each strategy concedes to a best response, state by state.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit
from quantecon.optimize.minmax import minmax

from marlcore import library
from marlcore.games import MarkovGame

FILE = Path(__file__).parent.parent / "marlcore" / "library" / "data" / "soccer.npz"


@njit
def solve(stages: np.ndarray, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Value and strategies of every stage game."""
    for s in range(len(stages)):
        values[s], rows[s], columns[s] = minmax(stages[s])


def main() -> None:
    """Iterate until the error of the value is below 1e-11 and write the last stage games' strategies."""
    game = library.load("soccer")
    assert isinstance(game, MarkovGame)
    V, change = np.zeros(game.S), 1.0
    rows, columns = np.zeros((2, game.S, 5))
    while change * game.discount / (1 - game.discount) > 1e-11:
        new = np.empty(game.S)
        solve(game.rewards[0] + game.discount * (game.transitions @ V).reshape(game.S, 5, 5), new, rows, columns)
        change, V = np.abs(new - V).max(), new
    players = [table / table.sum(1, keepdims=True) for table in (rows, columns)]
    np.savez_compressed(FILE, allow_pickle=False, player0=players[0], player1=players[1])


if __name__ == "__main__":
    main()
