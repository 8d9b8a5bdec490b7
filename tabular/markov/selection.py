"""Which equilibrium of a stage game: the rules for ``nash_value_iteration``, each a function of a batch of games.

    first             the end of Lemke & Howson's path that drops label 0; n ≥ 3: ``nash_equilibrium``
    welfare           of all extreme equilibria the one with the largest sum of payoffs; n ≥ 3: of all pure ones
    egalitarian       the same for the payoff of whoever gets least
    pure              of all pure equilibria the one with the largest sum of payoffs
    global-optimum    a joint action at which *every* player gets the most it can get at all
    saddle-point      two players: an equilibrium that no player's deviation makes worse for the *other* player

Hu & Wellman (2003) prove Nash-Q convergent where every stage game has a global optimum, or every one a saddle point,
and that one is chosen. A rule says for each game whether it found what it looks for (``met``); where it did not it
takes the ``first`` equilibrium. Among equals the first in the solver's order wins, payoffs being equal within ``TIE``
of the largest. A rule of one's own is any function from payoffs (S, n, A1, …, An) to ``Selected``.

The solvers of all equilibria decide ties exactly, and sums that should tie differ by rounding in a computed stage game.
So these rules see payoffs rounded to multiples of ``TIE`` of the largest (a power of two), where the ties are ties.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from marlcore.errors import InputError
from marlcore.games import MatrixGame

TIE = 2.0**-36
"""Payoffs closer than this share of the largest are equal (1.5e-11)."""

SADDLE = 1e-9
"""What the other can do to a saddle point, of the largest payoff: that of round-off."""


class Selected(NamedTuple):
    """A profile for each game, a table (S, A_i) per player, and whether it is what the rule looks for (S,)."""

    profile: tuple[np.ndarray, ...]
    met: np.ndarray


Rule = Callable[[np.ndarray], Selected]


def first(payoffs: np.ndarray) -> Selected:
    """The first equilibrium that the fastest solver finds."""
    return lemke_howson_from(0)(payoffs)


def lemke_howson_from(label: int) -> Rule:
    """The rule that drops ``label`` (row actions count 0, …, m−1, column actions m, …, m+k−1); two players."""

    def rule(payoffs: np.ndarray) -> Selected:
        games, n = len(payoffs), payoffs.shape[1]
        met = np.ones(games, dtype=bool)
        if n == 1:
            return Selected((_indicators(payoffs[:, 0].argmax(-1), payoffs.shape[2]),), met)
        if n == 2:
            from tabular.static.bimatrix import lemke_howson

            profile = lemke_howson(MatrixGame(payoffs, (games,)), label).profile
            return Selected((np.asarray(profile[0]), np.asarray(profile[1])), met)
        from tabular.static.nash import nash_equilibrium

        profiles = [nash_equilibrium(MatrixGame(game)).profile for game in payoffs]
        return Selected(tuple(np.stack(tables) for tables in zip(*profiles, strict=True)), met)

    return rule


def welfare(payoffs: np.ndarray) -> Selected:
    """The equilibrium with the largest sum of payoffs."""
    return _best_equilibrium(payoffs, lambda u: u.sum(-1))


def egalitarian(payoffs: np.ndarray) -> Selected:
    """The equilibrium at which whoever gets least gets most."""
    return _best_equilibrium(payoffs, lambda u: u.min(-1))


def pure(payoffs: np.ndarray) -> Selected:
    """The pure equilibrium with the largest sum of payoffs."""
    return _best_pure(payoffs, lambda u: u.sum(-1))


def global_optimum(payoffs: np.ndarray) -> Selected:
    """A joint action at which every player gets its largest payoff."""
    flat = rounded(payoffs).reshape(*payoffs.shape[:2], -1)
    everywhere = (flat == flat.max(-1, keepdims=True)).all(1)
    return _pure_or_first(payoffs, np.asarray(everywhere.any(-1)), everywhere.argmax(-1))


def saddle_point(payoffs: np.ndarray) -> Selected:
    """An equilibrium at which the other's deviations never hurt: u₁(x, b) ≥ u₁(x, y) and u₂(a, y) ≥ u₂(x, y).

    There x is maximin in u₁ and minimax in u₂, and y the reverse, so that x and y are found apart: x is optimal in
    the zero-sum game [u₁ − v, w − u₂] of the values v of u₁ and w of u₂, and its value is 0 where there is one
    (``static.saddle_kernel`` has the derivation).
    """
    if payoffs.shape[1] != 2:
        raise InputError(f"select: saddle-point is a rule for two players, not {payoffs.shape[1]}")
    from tabular.static.zero_sum import solve_zero_sum

    size = np.abs(payoffs).max((2, 3), keepdims=True)
    own, other = np.moveaxis(payoffs / np.where(size > 0, size, 1.0), 1, 0)
    other = other.swapaxes(1, 2)
    v, w = (solve_zero_sum(np.ascontiguousarray(u)).value[:, None, None] for u in (own, other))
    of_row = solve_zero_sum(np.concatenate([own - v, w - other.swapaxes(1, 2)], axis=2))
    of_column = solve_zero_sum(np.concatenate([other - w, v - own.swapaxes(1, 2)], axis=2))
    met = np.minimum(of_row.value, of_column.value) >= -SADDLE
    profile = (np.array(of_row.row), np.array(of_column.row))
    if not met.all():
        for table, fallback in zip(profile, first(payoffs[~met]).profile, strict=True):
            table[~met] = fallback
    return Selected(profile, met)


RULES: dict[str, Rule] = {
    "first": first,
    "welfare": welfare,
    "egalitarian": egalitarian,
    "pure": pure,
    "global-optimum": global_optimum,
    "saddle-point": saddle_point,
}


def rule_of(select: str | Rule) -> Rule:
    """The rule of that name, or the function itself."""
    if callable(select):
        return select
    if not isinstance(select, str) or select not in RULES:
        raise InputError(f"select must be a function or one of {', '.join(RULES)}, not {select!r}")
    return RULES[select]


def rounded(payoffs: np.ndarray) -> np.ndarray:
    """Each game's payoffs as multiples of the power of two next to ``TIE`` times its largest."""
    size = np.abs(payoffs).max(tuple(range(1, payoffs.ndim)), keepdims=True)
    step = 2.0 ** np.ceil(np.log2(TIE * np.where(size > 0, size, 1.0)))
    return np.round(payoffs / step) * step


def pure_equilibria(payoffs: np.ndarray) -> np.ndarray:
    """Which joint actions (S, A1·…·An) are equilibria of (S, n, A1, …, An): nobody gains by another action."""
    games, n = payoffs.shape[:2]
    stable = np.ones((games, *payoffs.shape[2:]), dtype=bool)
    for i in range(n):
        stable &= payoffs[:, i] == payoffs[:, i].max(1 + i, keepdims=True)
    return stable.reshape(games, -1)


def _best_equilibrium(payoffs: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> Selected:
    if payoffs.shape[1] == 1:
        return first(payoffs)
    if payoffs.shape[1] != 2:
        return _best_pure(payoffs, score)
    from tabular.static.enumeration import nash_equilibria

    x, y = (np.empty((len(payoffs), count)) for count in payoffs.shape[2:])
    for s, game in enumerate(rounded(payoffs)):
        found = nash_equilibria(MatrixGame(game))
        x[s], y[s] = found.profiles[_first_of_best(score(found.payoffs), np.abs(game).max())]
    return Selected((x, y), np.ones(len(payoffs), dtype=bool))


def _best_pure(payoffs: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> Selected:
    exact = rounded(payoffs)
    stable = pure_equilibria(exact)
    scores = np.where(stable, score(np.moveaxis(exact, 1, -1)).reshape(len(payoffs), -1), -np.inf)
    sizes = np.abs(payoffs).max(tuple(range(1, payoffs.ndim)))
    best = np.array([_first_of_best(own, size) for own, size in zip(scores, sizes, strict=True)])
    return _pure_or_first(payoffs, np.asarray(stable.any(-1)), best)


def _first_of_best(scores: np.ndarray, size: float) -> int:
    return int(np.argmax(scores >= scores.max() - 4 * TIE * size))


def _pure_or_first(payoffs: np.ndarray, met: np.ndarray, joint: np.ndarray) -> Selected:
    """The joint action where the rule is met, the first equilibrium elsewhere."""
    counts = payoffs.shape[2:]
    actions = np.unravel_index(joint, counts)
    profile = tuple(_indicators(own, count) for own, count in zip(actions, counts, strict=True))
    if not met.all():
        for table, own in zip(profile, first(payoffs[~met]).profile, strict=True):
            table[~met] = own
    return Selected(profile, met)


def _indicators(actions: np.ndarray, count: int) -> np.ndarray:
    return (actions[:, None] == np.arange(count)).astype(float)
