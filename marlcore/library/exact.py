"""Exact data for builders and facts: integers, fractions and strings such as "1/3" or "0.1" become rationals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.numbers import Kind


def exact(values: Any, kind: Kind = "rational") -> np.ndarray:
    """Nested sequences (or an array of integers) of exact data as an array of ``kind``."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "i":
        distinct, where = np.unique(values, return_inverse=True)
        return exact(distinct.tolist(), kind)[where.reshape(values.shape)]
    array = np.array(values, dtype=object)
    converted = np.frompyfunc(lambda x: numbers.number(x, kind), 1, 1)(array)
    return np.asarray(converted, dtype=float if kind == "float" else object)


def bimatrix(first: Any, second: Any) -> MatrixGame:
    """A two-player game from the two payoff tables, each indexed (player 1's action, player 2's)."""
    return MatrixGame(exact([first, second]))


def zero_sum(first: Any) -> MatrixGame:
    """The two-player game in which player 2 gets minus ``first``."""
    table = exact(first)
    return MatrixGame(np.stack([table, -table]))


def common(table: Any, n: int) -> MatrixGame:
    """The n-player game in which everybody gets ``table``."""
    return MatrixGame(np.stack([exact(table)] * n))


def markov(transitions: Any, rewards: Any, discount: Any, start: Any) -> MarkovGame:
    """A Markov game from exact data."""
    return MarkovGame(exact(transitions), exact(rewards), numbers.number(discount, "rational"), exact(start))


def team(transitions: Any, rewards: Any, discount: Any, start: Any) -> TeamGame:
    """A team game from exact data."""
    return TeamGame(exact(transitions), exact(rewards), numbers.number(discount, "rational"), exact(start))


def last_digit(*values: Any) -> Fraction:
    """Half a unit in the last printed digit of decimal strings, the coarsest of them; 0 for exact data."""
    places = [-int(Decimal(v).as_tuple().exponent) for v in values if isinstance(v, str) and "." in v]
    return Fraction(1, 2 * 10 ** min(places)) if places else Fraction(0)
