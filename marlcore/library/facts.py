"""What is known about a game, as data that can be checked: err(fact, game) ≤ tolerance.

    Equilibrium        max_i [max_{π^i} J^i(π^i, π^{-i}) − J^i(π)] and the payoffs' error
    EquilibriumSet     the worst of its equilibria; its count is a statement for an independent enumeration
    Value              v − min_j (xᵀR)_j and max_i (Ry)_i − v, for the recorded x and y of a zero-sum game
    Optimum            the largest common payoff, against the recorded one and where it is attained
    Gap                the distance between a profile's Nash gap and the recorded gap

The tolerance is 0 for exact data on an exact game, half a unit in the last digit for printed decimals, and what the
fact says for strategies that are no rationals. Strategies are indexed by player; numbers are integers, fractions or
strings. A fact of a theorem's own (a sharp constant, a fitted table) lives beside its game and subclasses ``Fact``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame, is_zero_sum
from marlcore.library.exact import exact, last_digit

Number = int | Fraction | str
Strategy = tuple[Any, ...]
"""A mixed strategy (numbers), or for a Markov game one action per state or one mixed strategy per state."""

ROUND_OFF = Fraction(1, 10**9)
"""The tolerance of exact data on a game that is made of floats, relative to its largest payoff."""


@dataclass(frozen=True)
class FactResult:
    """A fact measured on a game: it holds where ``error`` ≤ ``tolerance`` (compared before rounding to float)."""

    fact: Fact
    error: float
    tolerance: float
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something known about a game, with its source."""

    source: str

    @property
    def kind(self) -> str:
        """The name of the kind of fact."""
        return type(self).__name__

    def describe(self) -> str:
        """The fact in one line."""
        raise NotImplementedError

    def error(self, game: Any) -> Any:
        """How far the game is from the fact, 0 where it holds exactly; in the game's kind of number."""
        raise NotImplementedError

    def tolerance(self, game: Any) -> Fraction:
        """The largest error at which the fact still holds."""
        if game.kind == "rational":
            return Fraction(0)
        payoffs = game.payoffs if isinstance(game, MatrixGame) else game.rewards
        return ROUND_OFF * max(1, Fraction(float(np.abs(payoffs).max())))

    def check(self, game: Any) -> FactResult:
        """Measure the fact on a game."""
        error, tolerance = self.error(game), self.tolerance(game)
        holds = bool(error <= numbers.number(tolerance, game.kind))
        return FactResult(self, float(numbers.convert(np.asarray(error), "float")), float(tolerance), holds)


@dataclass(frozen=True, kw_only=True)
class Equilibrium(Fact):
    """A Nash equilibrium and, where known, what it pays; in a Markov game J from the game's start."""

    profile: tuple[Strategy, ...]
    payoffs: tuple[Number, ...] | None = None
    slack: Number = 0
    """How large a gap is allowed for strategies that are no rationals."""
    label: str = ""

    def describe(self) -> str:
        """The profile and its payoffs."""
        pays = f" pays {written(self.payoffs)}" if self.payoffs is not None else ""
        return f"equilibrium {self.label or written(self.profile)}{pays}"

    def error(self, game: Any) -> Any:
        """The larger of the Nash gap and the error of the payoffs."""
        gap, payoffs = nash_gap(game, read_profile(game, self.profile))
        if self.payoffs is None:
            return gap
        return numbers.maximum(gap, distance(payoffs, exact(self.payoffs, game.kind)))

    def tolerance(self, game: Any) -> Fraction:
        """Round-off, the slack, or half the last printed digit of the payoffs."""
        return max(super().tolerance(game), Fraction(self.slack), last_digit(*(self.payoffs or ())))


@dataclass(frozen=True, kw_only=True)
class EquilibriumSet(Fact):
    """Some or all equilibria of a game: ``count`` is how many it has in all (extreme ones, if ``extreme``)."""

    profiles: tuple[tuple[Strategy, ...], ...]
    count: int
    totally_mixed: int | None = None
    extreme: bool = False

    def describe(self) -> str:
        """The count, and the equilibria that are written out."""
        which = "extreme equilibria" if self.extreme else "equilibria"
        mixed = "" if self.totally_mixed is None else f", {self.totally_mixed} of them totally mixed"
        return f"{self.count} {which}{mixed}; known: {'; '.join(written(p) for p in self.profiles)}"

    def error(self, game: Any) -> Any:
        """The largest Nash gap; a repeated profile, or more than the count, is an error of the data."""
        distinct = {tuple(tuple(map(Fraction, s)) for s in p) for p in self.profiles}
        if len(distinct) != len(self.profiles) or len(distinct) > self.count:
            raise InputError(f"{len(self.profiles)} profiles, {len(distinct)} of them distinct, of {self.count} in all")
        gaps = [nash_gap(game, read_profile(game, p))[0] for p in self.profiles]
        return numbers.amax(np.array(gaps), 0)


@dataclass(frozen=True, kw_only=True)
class Value(Fact):
    """The value of a zero-sum matrix game, with a strategy of each player that guarantees it."""

    value: Number
    row: Strategy
    column: Strategy

    def describe(self) -> str:
        """The value and who guarantees it."""
        return f"value {self.value}, guaranteed by row {written(self.row)} and column {written(self.column)}"

    def error(self, game: MatrixGame) -> Any:
        """How far the two strategies are from guaranteeing the value."""
        if not is_zero_sum(game):
            raise InputError(f"{game.name or 'the game'} is not zero-sum: only an equilibrium can be recorded for it")
        x, y = read_profile(game, (self.row, self.column))
        value = numbers.number(self.value, game.kind)
        first = game.payoffs[0]
        return numbers.maximum(value - numbers.amin(x @ first, 0), numbers.amax(first @ y, 0) - value)

    def tolerance(self, game: Any) -> Fraction:
        """Round-off, or half the last printed digit."""
        return max(super().tolerance(game), last_digit(self.value))


@dataclass(frozen=True, kw_only=True)
class Optimum(Fact):
    """The largest payoff that the players have in common, and every joint action that attains it."""

    value: Number
    actions: tuple[tuple[int, ...], ...]

    def describe(self) -> str:
        """The optimum and where it is."""
        return f"optimum {self.value} at exactly {', '.join(map(str, self.actions))}"

    def error(self, game: MatrixGame) -> Any:
        """The distance of every optimal joint action from the value, and of every other one from being below it."""
        table = game.payoffs[0]
        defect = numbers.amax(numbers.absolute(game.payoffs - table[None]), tuple(range(game.payoffs.ndim)))
        value = numbers.number(self.value, game.kind)
        here = np.zeros(table.shape, dtype=bool)
        here[tuple(np.array(self.actions).T)] = True
        attained = numbers.amax(numbers.absolute(table[here] - value), 0)
        if not here.all() and not bool(numbers.amax(table[~here], 0) < value):
            return numbers.amax(table[~here], 0) - value + 1
        return numbers.maximum(attained, defect)


@dataclass(frozen=True, kw_only=True)
class Gap(Fact):
    """A profile and how much the player who gains most could gain by leaving it: no equilibrium where it is positive."""

    profile: tuple[Strategy, ...]
    gap: Number
    label: str = ""

    def describe(self) -> str:
        """The profile and its gap."""
        return f"Nash gap {self.gap} at {self.label or written(self.profile)}"

    def error(self, game: Any) -> Any:
        """The distance between the gap and the recorded one."""
        gap, _ = nash_gap(game, read_profile(game, self.profile))
        return numbers.absolute(gap - numbers.number(self.gap, game.kind))

    def tolerance(self, game: Any) -> Fraction:
        """Round-off, or half the last printed digit."""
        return max(super().tolerance(game), last_digit(self.gap))


def read_profile(game: Game, profile: tuple[Strategy, ...]) -> tuple[Any, ...]:
    """The recorded strategies as tables in the game's kind of number; a flat row of a Markov game is pure actions."""
    if len(profile) != game.n:
        raise InputError(f"the recorded profile has {len(profile)} strategies, the game {game.n} players")
    tables = []
    for strategy, actions in zip(profile, game.action_counts, strict=True):
        if isinstance(game, MatrixGame) or np.ndim(strategy) == 2:
            tables.append(strategy if isinstance(strategy, np.ndarray) else exact(strategy, game.kind))
        else:
            tables.append(exact(np.eye(actions, dtype=int)[np.asarray(strategy)].tolist(), game.kind))
    return tuple(tables)


def written(values: Any) -> str:
    """Numbers and nested tuples as people write them: (1/2, 1/2) / (1, 0)."""
    if isinstance(values, (tuple, list)):
        nested = bool(values) and isinstance(values[0], (tuple, list))
        parts = [written(v) for v in values]
        return " / ".join(parts) if nested else f"({', '.join(parts)})"
    return str(values)


def distance(values: Any, recorded: Any) -> Any:
    """max |values − recorded|."""
    return numbers.amax(numbers.absolute(np.asarray(values) - recorded).reshape(-1), 0)


def nash_gap(game: Any, profile: tuple[Any, ...]) -> tuple[Any, Any]:
    """The largest gain of a player that leaves the profile, and every player's payoff."""
    gains, payoffs = [], []
    for i in range(game.n):
        table = game.payoffs[i]
        for j in reversed(range(game.n)):
            if j != i:
                table = numbers.moveaxis(table, j, -1) @ profile[j]
        payoffs.append(table @ profile[i])
        gains.append(numbers.amax(table, 0) - payoffs[-1])
    return numbers.amax(np.array(gains), 0), np.array(payoffs)
