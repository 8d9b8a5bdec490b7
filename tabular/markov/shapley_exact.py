"""V(s) + ρ₋/(1−γ) ≤ v(s) ≤ V(s) + ρ₊/(1−γ) in exact arithmetic: a proof of a float solution of a zero-sum Markov game.

The value of a Markov game is algebraic, so no exact solver writes it down; two rationals around it can be. V, x and y
are taken as the dyadic numbers that they are, x and y brought to sum 1 exactly, and ρ₋, ρ₊ are the extremes of
min_b (xᵀQ_V)_b − V and max_a (Q_V y)_a − V (``shapley``), all in rationals. Nothing is rounded, whatever made V, x, y.

A float game's rows of probabilities may miss a sum of 1 by rounding: the defect goes to the row's largest entry, as in
``numbers.exact_distribution``, and γ is the decimal it prints as. A rational game is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers, policies
from marlcore.games import MarkovGame
from tabular.markov.shapley import ShapleySolution, check_zero_sum


@dataclass(frozen=True, eq=False)
class ExactBounds:
    """What row guarantees, ``lower`` (S,), and what column concedes at most, ``upper`` (S,): v is in between."""

    lower: np.ndarray
    upper: np.ndarray

    @property
    def gap(self) -> Any:
        """The largest upper − lower."""
        return max(self.upper - self.lower)


def exact_bounds(game: MarkovGame, solution: ShapleySolution) -> ExactBounds:
    """Rational bounds on the value at every state, from the policies of ``solution``."""
    game = check_zero_sum(game, "exact_bounds")
    x, y = policies.convert(policies.check(game, solution.policies), "rational")
    V = numbers.convert(solution.V, "rational")
    gamma = _rational_discount(game.discount)
    S, m, k = game.S, *game.action_counts
    Q = numbers.convert(game.rewards[0], "rational") + gamma * _expected(game, V).reshape(S, m, k)
    low = numbers.amin((x[:, :, None] * Q).sum(1), -1) - V
    high = numbers.amax((Q * y[:, None, :]).sum(2), -1) - V
    return ExactBounds(V + min(low) / (1 - gamma), V + max(high) / (1 - gamma))


def _expected(game: MarkovGame, V: np.ndarray) -> np.ndarray:
    """Σ_s' P(s'|s,a,b) V(s') for every row of P, in rationals."""
    if not game.sparse:
        P = game.transitions
        exact = P if game.kind == "rational" else numbers.exact_distribution(P)
        return exact.reshape(-1, game.S) @ V
    P = game.transitions
    means = np.empty(P.shape[0], dtype=object)
    for row in range(P.shape[0]):
        entries = slice(P.indptr[row], P.indptr[row + 1])
        means[row] = (numbers.exact_distribution(P.data[entries]) * V[P.indices[entries]]).sum()
    return means


def _rational_discount(discount: Any) -> Any:
    if numbers.kind_of(discount) == "rational":
        return discount
    return numbers.number(repr(discount), "rational")
