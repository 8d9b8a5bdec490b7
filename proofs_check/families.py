"""Families of instances that several claims share: team games with two policies, matrix games, tables."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from proofs_check.claim import Family
from proofs_check.instances import Between, Choice, Instance, Layout, Reals, Rows, fixed_value
from proofs_check.instances import Fixed as Fixed

SMALL: tuple[dict[str, Any], ...] = (
    {"states": 3, "actions": (2, 2)},
    {"states": 1, "actions": (2, 3)},
    {"states": 2, "actions": (2, 2, 2)},
    {"states": 5, "actions": (3, 2)},
    {"states": 2, "actions": (1, 2)},
    {"states": 4, "actions": (2, 1, 2, 2)},
    {"states": 3, "actions": (4,)},
)
"""One state and five, one agent and four, one action and four."""


def team_pair(
    states: int,
    actions: Sequence[int],
    gamma: tuple[str, str] = ("0", "19/20"),
    interior: bool = True,
) -> Layout:
    """A team game, an old policy and a new one (close to it in half of the samples), an order of the agents."""
    tables = tuple((states, a) for a in actions)
    return {
        "transitions": Rows((states, *actions, states)),
        "rewards": Reals((states, *actions)),
        "discount": Between(*gamma),
        "start": Rows((states,)),
        "policy": tuple(Rows(shape, interior=interior) for shape in tables),
        "new": tuple(Rows(shape, near="policy", interior=interior) for shape in tables),
        "order": Choice(tuple(itertools.permutations(range(len(actions))))),
    }


TEAM_PAIRS = Family(team_pair, SMALL)


def team(x: Instance) -> TeamGame:
    """The team game of an instance with ``transitions``, ``rewards``, ``discount`` and ``start``."""
    return x.once("team", lambda x: TeamGame(x.transitions, x.rewards, x.discount, x.start, x.batch_shape))


def squares(x: Instance, *differences: Any) -> Any:
    """Σ of the squares of all entries, an entry an instance: 0 exactly where every difference is 0."""
    lead = len(x.batch_shape)
    total: Any = 0
    for difference in differences:
        if numbers.kind_of(difference) == "symbol":  # a square is expanded for nothing once its root is seen to be 0
            import sympy

            difference = np.frompyfunc(sympy.expand, 1, 1)(difference)
        flat = difference.reshape(*difference.shape[:lead], -1) if hasattr(difference, "reshape") else difference
        total = total + ((flat * flat).sum(-1) if hasattr(flat, "sum") else flat * flat)
    return total


def over_states(x: Instance, values: Any) -> Any:
    """The smallest value along the axes behind the batch."""
    lead = len(x.batch_shape)
    axes = tuple(range(lead, len(values.shape)))
    return numbers.amin(values, axes) if axes else values


def largest(x: Instance, values: Any) -> Any:
    """The largest value along the axes behind the batch."""
    lead = len(x.batch_shape)
    axes = tuple(range(lead, len(values.shape)))
    return numbers.amax(values, axes) if axes else values


def along(value: Any, trailing: int) -> Any:
    """A number an instance, with axes of length one behind it."""
    return value.reshape(*value.shape, *(1,) * trailing) if getattr(value, "shape", ()) else value


def constant(x: Instance, text: str | int) -> Any:
    """An exact constant in the kind of number of ``x``."""
    return numbers.number(text, x.kind)


def each(function: Callable[[Instance], Any]) -> Callable[[Instance], Any]:
    """A margin for single instances, applied to each of a batch."""

    @functools.wraps(function)
    def margin(x: Instance) -> Any:
        if not x.batch_shape:
            return function(x)
        return np.array([float(function(x.one(k))) for k in range(x.batch_shape[0])])

    return margin


def markov(x: Instance) -> MarkovGame:
    """The general-sum game of an instance; rewards (n, S, A1, …, An)."""
    return MarkovGame(x.transitions, x.rewards, x.discount, x.start, x.batch_shape)


def matrix_game(x: Instance) -> MatrixGame:
    """The matrix game of an instance with ``payoffs`` (n, A1, …, An)."""
    return MatrixGame(x.payoffs, x.batch_shape)


def exact_instance(layout: Layout, sizes: Any = None, **values: Any) -> Instance:
    """An instance in rationals, written down: nested lists of integers and strings such as "1/3"."""
    from proofs_check import instances

    def read(value: Any) -> Any:
        return fixed_value(Fixed(value), "rational")

    def make(label: str, spec: Any, value: Any) -> Any:
        if isinstance(spec, Choice):
            return value
        return fixed_value(spec, "rational") if isinstance(spec, Fixed) else read(value)

    filled = {name: values.get(name) for name in layout}
    return Instance(layout, instances.over(layout, make, filled), (), sizes or {})
