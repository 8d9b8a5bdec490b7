"""The inner maximum for a drift about which nothing is known but its values: ascent that never decreases HAMO.

Mass moves between pairs of actions, q ← q + η(e_b − e_a), at every state side by side; a state accepts a move only if
HAMO grows there and the row stays in its ball, and each (state, pair) doubles its η after a success and halves it after
a failure. It stops when no η is worth trying.

Guarantee. HAMO at every state is at least its value at the old policy, which is all that Lemma 15 asks for. For a
smooth convex drift a point at which no pair improves is the maximum; otherwise nothing more is claimed. An expected KL
ball is replaced by KL balls of the same radius at every state, which lie inside it.
"""

from __future__ import annotations

import numpy as np

from marlcore.divergences import kl, tv
from marlcore.objectives import Drift, Step, hamo
from tabular.mirror.neighbourhoods import Everything, Neighbourhood, TotalVariation
from tabular.mirror.separable import InnerMaximum

SWEEPS = 400
SMALLEST_MOVE = 1e-12


def ascend(drift: Drift, at: Step, neighbourhood: Neighbourhood, beta: np.ndarray) -> InnerMaximum:
    """A table in the neighbourhood with HAMO at every state at least that of the old policy; β = 0 stays."""
    S, A = at.old.shape
    table = np.array(at.old, dtype=float)
    first = np.asarray(hamo(table, at.advantage, drift(table, at)))
    value = first.copy()
    moves = np.full((A, A, S), 0.5)
    moves[:, :, ~(beta > 0)] = 0.0
    for _ in range(SWEEPS):
        for a in range(A):
            for b in range(A):
                if a != b and (moves[a, b] > SMALLEST_MOVE).any():
                    value = _try_move(drift, at, neighbourhood, table, value, a, b, moves[a, b])
        if not (moves[~np.eye(A, dtype=bool)] > SMALLEST_MOVE).any():
            break
    return InnerMaximum(table, value - first, np.inf)


def _try_move(
    drift: Drift,
    at: Step,
    neighbourhood: Neighbourhood,
    table: np.ndarray,
    value: np.ndarray,
    a: int,
    b: int,
    moves: np.ndarray,
) -> np.ndarray:
    """Move η from a to b at each state where that is better; ``table`` and ``moves`` change, the value is returned."""
    amount = np.minimum(moves, table[:, a])
    candidate = table.copy()
    candidate[:, a] -= amount
    candidate[:, b] += amount
    with np.errstate(all="ignore"):
        reached = np.asarray(hamo(candidate, at.advantage, drift(candidate, at)))
        better = (amount > 0) & (reached > value) & _inside(neighbourhood, at.old, candidate)
    table[better] = candidate[better]
    moves[:] = np.where(better, np.minimum(2 * moves, 1.0), moves / 2)
    return np.where(better, reached, value)


def _inside(neighbourhood: Neighbourhood, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    if isinstance(neighbourhood, Everything):
        return np.ones(len(old), dtype=bool)
    distance = tv if isinstance(neighbourhood, TotalVariation) else kl
    return distance(old, new) <= neighbourhood.radius
