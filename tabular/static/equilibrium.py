"""regret_i = max_{a_i} u_i(a_i, σ_{−i}) − u_i(σ): what a profile is certified by, whatever method found it.

A profile is a Nash equilibrium when every regret is 0, an ε-equilibrium when none exceeds ε. Rationals give the regret
exactly. Floats add a bound on the rounding of its own evaluation, so that the regret of the strategies as returned
(scaled to sum 1 exactly) is at most the number given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from marlcore.kit.html import Shown
from marlcore.numbers import Kind, primitive

UNIT = 2.0**-53


@dataclass(frozen=True, eq=False)
class Equilibrium(Shown):
    """One profile of a game (or of each game of a batch, whose axes then lead) and its certificate."""

    profile: tuple[Any, ...]
    """A mixed strategy per player, (…, A_i) each."""
    payoffs: Any
    """u_i(σ), (…, n)."""
    regret: Any
    """What each player could gain by deviating, at most; (…, n)."""
    steps: Any
    """Pivots, supports tried or homotopy steps."""
    method: str

    @property
    def epsilon(self) -> Any:
        """The largest regret: the profile is an ε-equilibrium."""
        return numbers.amax(np.asarray(self.regret), -1)


@primitive("float", "rational")
def action_values(payoffs: Any, profile: tuple[Any, ...], player: int) -> Any:
    """u_i(a_i, σ_{−i}) for every action of ``player`` (…, A_i), from its payoffs (…, A1, …, An)."""
    n, values = len(profile), payoffs
    for j in reversed(range(n)):
        if j != player:
            # the axes after j are gone, except the player's own, which then is the last
            axes_behind = 1 if player > j else 0
            weights = profile[j].reshape(*profile[j].shape, *(1,) * axes_behind)
            before = values.ndim - profile[j].ndim - axes_behind
            lead = profile[j].shape[:-1]
            weights = weights.reshape(*lead, *(1,) * before, profile[j].shape[-1], *(1,) * axes_behind)
            values = (values * weights).sum(axis=-1 - axes_behind)
    return values


def certified(game: MatrixGame, profile: tuple[Any, ...], steps: Any, method: str) -> Equilibrium:
    """The profile with each player's payoff and regret, on payoffs less their least: rounding is small then."""
    lead = len(game.batch_shape)
    payoffs, regrets = [], []
    for i in range(game.n):
        own = game.payoffs[(slice(None),) * lead + (i,)]
        low = numbers.amin(own, tuple(range(lead, own.ndim)))
        shifted = own - np.asarray(low).reshape(*np.shape(low), *(1,) * game.n)
        values = action_values(shifted, profile, i)
        payoff = (profile[i] * values).sum(-1)
        regret = numbers.maximum(numbers.amax(values, -1) - payoff, payoff * 0)
        payoffs.append(payoff + low)
        regrets.append(regret + rounding(shifted, game.kind, lead))
    return Equilibrium(profile, np.stack(payoffs, -1), np.stack(regrets, -1), steps, method)


def rounding(shifted: np.ndarray, kind: Kind, lead: int = 0) -> Any:
    """A bound on the rounding error of a regret over payoffs ≥ 0: γ_N·max u for N operations in a chain, twice.

    (Higham 2002, §3.1.) Σ A_j + 3n operations reach any result, and weights miss a sum of 1 by at most A_j units each.
    """
    if kind == "rational":
        return 0
    counts = shifted.shape[lead:]
    operations = 2 * sum(counts) + 3 * len(counts)
    return 2 * operations * UNIT * shifted.max(axis=tuple(range(lead, shifted.ndim)))


def check_two_players(game: Any, function: str) -> MatrixGame:
    """``game`` if it is a two-player matrix game of floats or rationals, or an error that says what it is."""
    game = check_matrix_game(game, function)
    if game.n != 2:
        raise InputError(f"{function} takes two players, not {game.n}")
    return game


def check_matrix_game(game: Any, function: str) -> MatrixGame:
    """``game`` if it is a matrix game of floats or rationals, or an error that says what it is."""
    if not isinstance(game, MatrixGame):
        raise InputError(f"{function} takes a MatrixGame, not {type(game).__name__}")
    if game.kind not in ("float", "rational"):
        raise InputError(f"{function} takes float or rational payoffs, not {game.kind}; convert the game first")
    if game.payoffs.dtype.kind in "iub":
        return game.convert("float")
    return game


def check_single(game: MatrixGame, function: str) -> MatrixGame:
    """``game`` if it is one game, not a batch."""
    if game.batch_shape:
        raise InputError(f"{function} takes one game, not a batch of shape {game.batch_shape}; unstack it")
    return game
