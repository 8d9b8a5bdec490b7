"""What is known about a game, as data that can be checked: error(game) ≤ tolerance(game).

    Equilibrium         max_i [max_{π^i} J^i(π^i, π^{-i}) − J^i(π)], and the error of what it pays
    PerfectEquilibrium  the same from every state of a Markov game, and its values at named states
    EquilibriumSet      the worst of its equilibria; the count is a statement for an independent enumeration
    Value               v − min_j (xᵀR)_j and max_i (Ry)_i − v, for the recorded x and y of a zero-sum game
    Optimum             the largest common payoff, and that it is attained exactly where recorded
    TeamOptimum         max_s |max_a [r(s,a) + γ Σ_s' P(s'|s,a) V(s')] − V(s)| for the recorded V
    SharedOptimum       the best common payoff when all players must use one strategy
    Gap                 the distance between a profile's Nash gap and the recorded one
    Measured            the distance between a number that a function measures on the game and the recorded one

The tolerance is 0 for exact data on an exact game, half a unit in the last digit for printed decimals (strings with a
point), and the recorded slack for strategies that are no rationals. Strategies are listed by player; numbers are
integers, fractions or strings.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import Game, MatrixGame, TeamGame, is_zero_sum
from marlcore.library.exact import exact, last_digit
from marlcore.responses import best_response, nash_gap
from marlcore.values import evaluate

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
class Fact(abc.ABC):
    """Something known about a game, with its source."""

    source: str

    @property
    def kind(self) -> str:
        """The name of the kind of fact."""
        return type(self).__name__

    @abc.abstractmethod
    def describe(self) -> str:
        """The fact in one line."""

    @abc.abstractmethod
    def error(self, game: Any) -> Any:
        """How far the game is from the fact, 0 where it holds exactly; in the game's kind of number."""

    def tolerance(self, game: Any) -> Fraction:
        """The largest error at which the fact still holds."""
        if game.kind == "rational":
            return Fraction(0)
        payoffs = game.payoffs if isinstance(game, MatrixGame) else game.rewards
        return ROUND_OFF * max(1, Fraction(float(numbers.convert(numbers.absolute(payoffs), "float").max())))

    def check(self, game: Any) -> FactResult:
        """Measure the fact on a game."""
        error, tolerance = np.asarray(self.error(game)), self.tolerance(game)
        holds = bool(error <= numbers.number(tolerance, numbers.kind_of(error)))
        return FactResult(self, float(numbers.convert(error, "float")), float(tolerance), holds)


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
        profile = read_profile(game, self.profile)
        gap = nash_gap(game, profile).max
        if self.payoffs is None:
            return gap
        # a matrix game is evaluated as one state
        paid = evaluate(game, profile).J
        return numbers.maximum(gap, distance(paid, exact(self.payoffs, game.kind)))

    def tolerance(self, game: Any) -> Fraction:
        """Round-off, the slack, or half the last printed digit of the payoffs."""
        return max(super().tolerance(game), Fraction(self.slack), last_digit(*(self.payoffs or ())))


@dataclass(frozen=True, kw_only=True)
class PerfectEquilibrium(Fact):
    """A Markov-perfect equilibrium: no player gains by leaving it at any state; and its values at named states."""

    profile: tuple[Strategy, ...] | str
    """The strategies, or the name of the data file that holds them (``player0``, ``player1``, …)."""
    values: tuple[tuple[int, tuple[Number, ...]], ...]
    """(state, every player's value there)."""
    label: str
    slack: Number = 0

    def describe(self) -> str:
        """The values at the named states."""
        at = ", ".join(f"V({state}) = {written(values)}" for state, values in self.values)
        return f"Markov-perfect equilibrium, {self.label}: {at}"

    def error(self, game: Any) -> Any:
        """The largest gain by leaving at any state, and the distance from the recorded values."""
        profile = read_profile(game, self.profile)
        V = evaluate(game, profile).V
        gains = [numbers.amax(best_response(game, profile, i).V - V[i], 0) for i in range(game.n)]
        wrong = [distance(V[:, state], exact(values, game.kind)) for state, values in self.values]
        return numbers.amax(np.array([*gains, *wrong]), 0)

    def tolerance(self, game: Any) -> Fraction:
        """Round-off, the slack, or half the last printed digit of the values."""
        printed = last_digit(*(v for _, values in self.values for v in values))
        return max(super().tolerance(game), Fraction(self.slack), printed)


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
        gaps = [nash_gap(game, read_profile(game, p)).max for p in self.profiles]
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
class TeamOptimum(Fact):
    """The optimal values of a team game and an optimal joint action at every state."""

    values: tuple[Number, ...]
    actions: tuple[tuple[int, ...], ...]
    """``actions[s]`` is the joint action at state s."""

    def describe(self) -> str:
        """The values and the actions."""
        return f"optimal values {written(self.values)}, by the joint actions {', '.join(map(str, self.actions))}"

    def error(self, game: TeamGame) -> Any:
        """Bellman's residual of the values, and how far the recorded actions fall short of them."""
        V = exact(self.values, game.kind)
        Q = (game.rewards + game.discount * (game.transitions @ V)).reshape(game.S, -1)
        chosen = [int(np.ravel_multi_index(a, game.action_counts)) for a in self.actions]
        played = Q[np.arange(game.S), chosen]
        return numbers.maximum(distance(numbers.amax(Q, 1), V), distance(played, V))


@dataclass(frozen=True, kw_only=True)
class SharedOptimum(Fact):
    """The best common payoff when every player must use the same strategy (two actions).

    J(p) = Σ_k C(n,k) p^k (1−p)^{n−k} c_k, c_k the mean payoff where k use action 0, is written on each side of
    the recorded p in Bernstein's basis, whose coefficients bound it: where none of v − J's is negative, p is best.
    """

    value: Number
    first: Number
    """The probability of action 0."""

    def describe(self) -> str:
        """The value and the strategy."""
        return f"best shared strategy ({self.first} on action 0) pays {self.value}"

    def error(self, game: MatrixGame) -> Any:
        """The distance of J(p) from the value, and by how much any other p could exceed it."""
        n, table = game.n, game.payoffs[0]
        zeros = n - np.indices(table.shape).sum(0)
        coefficients = np.array([table[zeros == k].sum() / int((zeros == k).sum()) for k in range(n + 1)])
        value, first = numbers.number(self.value, game.kind), numbers.number(self.first, game.kind)
        left, right = _split(coefficients, first)
        return numbers.maximum(numbers.absolute(left[-1] - value), _excess(left, value) + _excess(right, value))


@dataclass(frozen=True, kw_only=True)
class Measured(Fact):
    """A number that ``measure`` takes from the game, or several, and what it is known to be."""

    what: str
    value: Number | tuple[Number, ...]
    measure: Callable[[Any], Any]
    exact: bool = True
    """Whether the measure is exact on an exact game; False where it computes in floats."""

    def describe(self) -> str:
        """What is measured and its value."""
        return f"{self.what} = {written(self.value)}"

    def error(self, game: Any) -> Any:
        """The distance between the measured and the recorded numbers."""
        measured = np.asarray(self.measure(game))
        return distance(measured, exact(self.value, numbers.kind_of(measured)))

    def tolerance(self, game: Any) -> Fraction:
        """Round-off (most measures are floats), or half the last printed digit."""
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return max(super().tolerance(game), last_digit(*values), Fraction(0) if self.exact else ROUND_OFF)


@dataclass(frozen=True, kw_only=True)
class Gap(Fact):
    """A profile and the most that a player could gain by leaving it: where it is positive, no equilibrium."""

    profile: tuple[Strategy, ...]
    gap: Number
    label: str = ""

    def describe(self) -> str:
        """The profile and its gap."""
        return f"Nash gap {self.gap} at {self.label or written(self.profile)}"

    def error(self, game: Any) -> Any:
        """The distance between the gap and the recorded one."""
        gap = nash_gap(game, read_profile(game, self.profile)).max
        return numbers.absolute(gap - numbers.number(self.gap, game.kind))

    def tolerance(self, game: Any) -> Fraction:
        """Round-off, or half the last printed digit."""
        return max(super().tolerance(game), last_digit(self.gap))


def read_profile(game: Game, profile: tuple[Strategy, ...] | str) -> tuple[Any, ...]:
    """The recorded strategies as tables in the game's kind of number; a flat row of a Markov game is pure actions."""
    if isinstance(profile, str):
        with np.load(Path(__file__).parent / "data" / profile, allow_pickle=False) as file:
            return tuple(file[f"player{i}"] for i in range(game.n))
    if len(profile) != game.n:
        raise InputError(f"the recorded profile has {len(profile)} strategies, the game {game.n} players")
    tables = []
    for strategy, actions in zip(profile, game.action_counts, strict=True):
        if isinstance(game, MatrixGame) or np.ndim(strategy) == 2:
            tables.append(exact(strategy, game.kind))
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
    return numbers.amax(np.asarray(numbers.absolute(np.asarray(values) - recorded)).reshape(-1), 0)


def _split(coefficients: np.ndarray, at: Any) -> tuple[np.ndarray, np.ndarray]:
    """De Casteljau: a polynomial's Bernstein coefficients on [0, at] and on [at, 1]."""
    row, left, right = coefficients, [coefficients[0]], [coefficients[-1]]
    while len(row) > 1:
        row = row[:-1] + at * (row[1:] - row[:-1])
        left.append(row[0])
        right.append(row[-1])
    return np.array(left), np.array(right[::-1])


def _excess(coefficients: np.ndarray, value: Any, depth: int = 12) -> Any:
    """A bound on max(J − value, 0) on the interval, refined by halving where it is positive."""
    excess = numbers.maximum(numbers.amax(coefficients, 0) - value, 0)
    if depth == 0 or bool(excess <= 0):
        return excess
    low, high = _split(coefficients, numbers.number("1/2", numbers.kind_of(coefficients)))
    return numbers.maximum(_excess(low, value, depth - 1), _excess(high, value, depth - 1))
