"""What comparisons alone decide: pure equilibria, dominated actions, potentials. Exact for floats as for rationals.

pure equilibria     a with u_i(a) = max_b u_i(b, a_−i) for every i
strict dominance    a mixed x with Σ_b x_b u_i(b, a_−i) > u_i(a, a_−i) for every a_−i: the zero-sum game of the
                    differences has positive value. Removing such actions in turn never depends on the order.
exact potential     Φ with Φ(a) − Φ(b, a_−i) = u_i(a) − u_i(b, a_−i) for every i (Monderer & Shapley 1996)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.games import MatrixGame
from tabular.static.equilibrium import check_matrix_game, check_single
from tabular.static.zero_sum import solve_zero_sum


def pure_equilibria(game: MatrixGame) -> np.ndarray:
    """The joint actions (E, n) from which nobody gains by a deviation, in lexicographic order."""
    game = check_single(check_matrix_game(game, "pure_equilibria"), "pure_equilibria")
    stable = np.ones(game.action_counts, dtype=bool)
    for i, own in enumerate(game.payoffs):
        stable &= (own >= np.expand_dims(numbers.amax(own, i), i)).astype(bool)
    return np.argwhere(stable)


@dataclass(frozen=True)
class Elimination:
    """What iterated elimination leaves, and the order in which the rest went."""

    kept: tuple[tuple[int, ...], ...]
    """Each player's surviving actions, as numbered in the original game."""
    removed: tuple[tuple[int, int], ...]
    """(player, action), first to last."""

    def reduced(self, game: MatrixGame) -> MatrixGame:
        """The game on the surviving actions."""
        return MatrixGame(game.payoffs[np.ix_(range(game.n), *self.kept)], name=game.name)


def eliminate_dominated(game: MatrixGame, *, mixed: bool = True) -> Elimination:
    """Remove strictly dominated actions until none is left; ``mixed`` lets mixed strategies dominate."""
    game = check_single(check_matrix_game(game, "eliminate_dominated"), "eliminate_dominated")
    kept = [list(range(a)) for a in game.action_counts]
    removed: list[tuple[int, int]] = []
    found = True
    while found:
        found = False
        for i in range(game.n):
            own = np.moveaxis(game.payoffs[i][np.ix_(*kept)], i, 0).reshape(len(kept[i]), -1)
            for a in range(len(own)):
                if _dominated(own, a, mixed):
                    removed.append((i, kept[i].pop(a)))
                    found = True
                    break
    return Elimination(tuple(map(tuple, kept)), tuple(removed))


def _dominated(own: np.ndarray, a: int, mixed: bool) -> bool:
    others = np.delete(own, a, axis=0)
    if len(others) == 0:
        return False
    # comparisons of floats are exact, their differences are not
    if bool((others > own[a]).astype(bool).all(axis=1).any()):
        return True
    if not mixed:
        return False
    if own.dtype != object:
        solution = solve_zero_sum(others - own[a])
        slack = solution.error + 2.0**-51 * np.abs(own).max()
        if abs(solution.value) > slack:
            return bool(solution.value > 0)
        others, own = numbers.convert(others, "rational"), numbers.convert(own, "rational")
    return bool(solve_zero_sum(others - own[a]).value > 0)


@dataclass(frozen=True, eq=False)
class Potential:
    """The candidate potential of a game, 0 at the first joint action, and how far it is from being one."""

    potential: Any
    """Φ, (A1, …, An)."""
    defect: Any
    """max |Φ(a) − Φ(b, a_−i) − (u_i(a) − u_i(b, a_−i))|: exactly 0 for rational payoffs of a potential game."""
    is_potential: bool
    """Whether the defect is 0 (in floats: within rounding)."""


def potential(game: MatrixGame) -> Potential:
    """Φ by walking from joint action 0 to a, one player after the other; a potential game's Φ, if it is one."""
    game = check_single(check_matrix_game(game, "potential"), "potential")
    n = game.n
    total = game.payoffs[0] * 0
    for i, own in enumerate(game.payoffs):
        # players before i have moved to a, those after are still at action 0
        at = own[(slice(None),) * (i + 1) + (slice(0, 1),) * (n - i - 1)]
        total = total + (at - at[(slice(None),) * i + (slice(0, 1),)])
    defects = []
    for i, own in enumerate(game.payoffs):
        rest = total - own  # must not depend on player i's action
        defects.append((numbers.amax(rest, i) - numbers.amin(rest, i)).max())
    defect = max(defects)
    tolerance = 0 if game.kind == "rational" else 2.0**-50 * (n + 1) * np.abs(game.payoffs).max()
    return Potential(total, defect, bool(defect <= tolerance))
