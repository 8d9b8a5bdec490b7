"""Games as frozen arrays: a matrix game, a Markov game, a team game; one of them or a batch.

    MatrixGame   payoffs (n, A1, …, An)
    MarkovGame   transitions P(s'|s,a) (S, A1, …, An, S), rewards (n, S, A1, …, An), discount γ in [0, 1), start d (S)
    TeamGame     the same with one reward (S, A1, …, An) that all agents share

Agents may have different numbers of actions. Transitions are dense, over any kind of number (``marlcore.numbers``), or
one SciPy CSR matrix (S·A1·…·An, S) whose rows run over (s, a1, …, an) in C order. A batch says that it is one by its
``batch_shape``, whose axes lead every array; it is never guessed from a number of axes.
Constructors refuse what is no game, naming symbol, index and value.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.numbers import Kind
from marlcore.validation import (
    check_agent,
    check_batch,
    check_dynamics,
    check_no_empty_axis,
    finite_numbers,
    integers_like,
    is_sparse,
)

G = TypeVar("G", "MatrixGame", "MarkovGame", "TeamGame")


@dataclass(frozen=True, eq=False)
class MatrixGame(numbers.OfOneKind):
    """An n-player game in strategic form: ``payoffs[i, a1, …, an]`` is what player i gets."""

    payoffs: Any
    batch_shape: tuple[int, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        _set(self, payoffs=finite_numbers("payoffs", self.payoffs), batch_shape=tuple(self.batch_shape))
        lead = len(self.batch_shape)
        shape = self.payoffs.shape
        check_batch("payoffs", shape, self.batch_shape)
        if len(shape) - lead < 2 or shape[lead] != len(shape) - lead - 1:
            raise InputError(
                f"payoffs must have shape (n, A1, …, An) after the batch axes {self.batch_shape}, not {shape}"
            )
        check_no_empty_axis("payoffs", shape)

    @property
    def n(self) -> int:
        """Number of players."""
        return self.payoffs.shape[len(self.batch_shape)]

    @property
    def action_counts(self) -> tuple[int, ...]:
        """How many actions each player has: (A1, …, An)."""
        return tuple(self.payoffs.shape[len(self.batch_shape) + 1 :])

    @property
    def kind(self) -> Kind:
        """The kind of number that the payoffs are."""
        return numbers.kind_of(self.payoffs)

    def _repr_html_(self) -> str:
        from marlcore import showing

        return showing.of_game(self)

    def as_markov(self, discount: Any = 0) -> MarkovGame:
        """The same game played for ever: one state that every joint action returns to, payoffs as rewards."""
        rewards = self.payoffs.reshape(*self.batch_shape, self.n, 1, *self.action_counts)
        ones = np.ones((*self.batch_shape, 1, *self.action_counts, 1), dtype=int)
        transitions, start = (
            integers_like(self.payoffs, x) for x in (ones, ones.reshape(*self.batch_shape, -1)[..., :1])
        )
        return MarkovGame(transitions, rewards, discount, start, self.batch_shape, self.name)

    def convert(self, kind: Kind, **options: Any) -> MatrixGame:
        """The same game in another kind of number."""
        return dataclasses.replace(self, payoffs=numbers.convert(self.payoffs, kind, **options))

    @staticmethod
    def random(
        action_counts: Sequence[int],
        rng: np.random.Generator,
        *,
        scale: float = 1.0,
        zero_sum: bool = False,
        batch: int | tuple[int, ...] = (),
    ) -> MatrixGame:
        """Payoffs independent and uniform on [−scale, scale]; ``zero_sum`` (two players) mirrors the first's."""
        counts, shape = _counts(action_counts), _batch(batch)
        payoffs = rng.uniform(-scale, scale, (*shape, len(counts), *counts))
        if zero_sum:
            if len(counts) != 2:
                raise InputError(f"a zero-sum matrix game has two players, not {len(counts)}")
            payoffs[..., 1, :, :] = -payoffs[..., 0, :, :]
        return MatrixGame(payoffs, shape)


class _Dynamics(numbers.OfOneKind):
    """What Markov and team games share: everything but the rewards' player axis."""

    transitions: Any
    rewards: Any
    discount: Any
    start: Any
    batch_shape: tuple[int, ...]
    name: str

    @property
    def S(self) -> int:
        """Number of states."""
        return self.transitions.shape[-1]

    @property
    def sparse(self) -> bool:
        """Whether the transitions are a CSR matrix (S·A1·…·An, S)."""
        return is_sparse(self.transitions)

    @property
    def kind(self) -> Kind:
        """The kind of number that the game is made of."""
        return numbers.kind_of(self.rewards)

    @property
    def joint_actions(self) -> int:
        """A1·…·An."""
        return math.prod(self.action_counts)

    @property
    @abc.abstractmethod
    def action_counts(self) -> tuple[int, ...]:
        """How many actions each agent has: (A1, …, An)."""

    @property
    def n(self) -> int:
        """Number of agents."""
        return len(self.action_counts)

    def _repr_html_(self: Any) -> str:
        from marlcore import showing

        return showing.of_game(self)

    def convert(self: Any, kind: Kind, **options: Any) -> Any:
        """The same game in another kind of number; rows of probabilities then sum to 1 exactly.

        ``options`` go to ``numbers.convert`` (a torch device, a dtype). A float γ becomes the decimal it prints as.
        """
        if self.sparse:
            raise InputError("a sparse game is made of floats only: its transitions are a CSR matrix")
        exact = kind in ("rational", "ball") and self.kind in ("float", "torch")
        probabilities = numbers.exact_distribution if exact else numbers.convert
        plain = {} if exact else options
        return dataclasses.replace(
            self,
            transitions=probabilities(self.transitions, kind, **plain),
            rewards=numbers.convert(self.rewards, kind, **options),
            start=probabilities(self.start, kind, **plain),
            discount=_convert_discount(self.discount, kind, options),
        )


@dataclass(frozen=True, eq=False)
class MarkovGame(_Dynamics):
    """A general-sum Markov game; ``start`` is uniform unless given (Theorem 10 needs d(s) > 0 everywhere)."""

    transitions: Any
    rewards: Any
    discount: Any
    start: Any = None
    batch_shape: tuple[int, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        _set(self, rewards=finite_numbers("rewards", self.rewards), batch_shape=tuple(self.batch_shape))
        lead = len(self.batch_shape)
        shape = self.rewards.shape
        check_batch("rewards", shape, self.batch_shape)
        if len(shape) - lead < 3 or shape[lead] != len(shape) - lead - 2:
            raise InputError(
                f"rewards must have shape (n, S, A1, …, An) after the batch axes {self.batch_shape}, not {shape}"
            )
        _set(self, **check_dynamics(self, states=shape[lead + 1]))

    @property
    def action_counts(self) -> tuple[int, ...]:
        """How many actions each agent has: (A1, …, An)."""
        return tuple(self.rewards.shape[len(self.batch_shape) + 2 :])

    def player(self, i: int) -> TeamGame:
        """The game as agent i sees it: its own reward alone, with the same dynamics."""
        check_agent(i, self.n)
        rewards = self.rewards[(slice(None),) * len(self.batch_shape) + (i,)]
        return TeamGame(self.transitions, rewards, self.discount, self.start, self.batch_shape, self.name)

    @staticmethod
    def random(
        states: int,
        action_counts: Sequence[int],
        rng: np.random.Generator,
        *,
        discount: float = 0.9,
        scale: float = 1.0,
        successors: int | None = None,
        zero_sum: bool = False,
        batch: int | tuple[int, ...] = (),
    ) -> MarkovGame:
        """Uniform rewards in [−scale, scale], Dirichlet(1) transitions; ``successors`` k makes them CSR, k a row."""
        counts, shape = _counts(action_counts), _batch(batch)
        rewards = rng.uniform(-scale, scale, (*shape, len(counts), states, *counts))
        if zero_sum:
            if len(counts) != 2:
                raise InputError(f"a zero-sum Markov game has two players, not {len(counts)}")
            players = np.moveaxis(rewards, len(shape), 0)
            players[1] = -players[0]
        return MarkovGame(_random_transitions(states, counts, rng, successors, shape), rewards, discount, None, shape)


@dataclass(frozen=True, eq=False)
class TeamGame(_Dynamics):
    """A cooperative Markov game (HARL, Def. 1): one reward r(s, a) for everybody."""

    transitions: Any
    rewards: Any
    discount: Any
    start: Any = None
    batch_shape: tuple[int, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        _set(self, rewards=finite_numbers("rewards", self.rewards), batch_shape=tuple(self.batch_shape))
        lead = len(self.batch_shape)
        shape = self.rewards.shape
        check_batch("rewards", shape, self.batch_shape)
        if len(shape) - lead < 2:
            raise InputError(
                f"rewards must have shape (S, A1, …, An) after the batch axes {self.batch_shape}, not {shape}"
            )
        _set(self, **check_dynamics(self, states=shape[lead]))

    @property
    def action_counts(self) -> tuple[int, ...]:
        """How many actions each agent has: (A1, …, An)."""
        return tuple(self.rewards.shape[len(self.batch_shape) + 1 :])

    def as_markov(self) -> MarkovGame:
        """The same game with the reward written out once for each agent."""
        rewards = numbers.stack([self.rewards] * self.n, axis=len(self.batch_shape))
        return MarkovGame(self.transitions, rewards, self.discount, self.start, self.batch_shape, self.name)

    @staticmethod
    def random(
        states: int,
        action_counts: Sequence[int],
        rng: np.random.Generator,
        *,
        discount: float = 0.9,
        scale: float = 1.0,
        successors: int | None = None,
        batch: int | tuple[int, ...] = (),
    ) -> TeamGame:
        """Uniform rewards in [−scale, scale], Dirichlet(1) transitions; ``successors`` k makes them CSR, k a row."""
        counts, shape = _counts(action_counts), _batch(batch)
        rewards = rng.uniform(-scale, scale, (*shape, states, *counts))
        return TeamGame(_random_transitions(states, counts, rng, successors, shape), rewards, discount, None, shape)


Game = MatrixGame | MarkovGame | TeamGame


def stack(games: Sequence[G]) -> G:
    """A batch of games of one type and shape; its first batch axis runs over ``games``."""
    if not games:
        raise InputError("stack needs at least one game")
    first = games[0]
    for k, game in enumerate(games):
        same = type(game) is type(first) and _shape_of(game) == _shape_of(first)
        if not same:
            raise InputError(f"games[{k}] is a {_describe(game)}, games[0] a {_describe(first)}: they do not stack")
        if isinstance(game, _Dynamics) and game.sparse:
            raise InputError("sparse games do not stack: a batch is dense")
    fields = [f.name for f in dataclasses.fields(first) if f.name not in ("batch_shape", "name")]
    arrays = {name: _stack_field([getattr(game, name) for game in games]) for name in fields}
    return dataclasses.replace(first, **arrays, batch_shape=(len(games), *first.batch_shape), name="")


def unstack(game: G) -> list[G]:
    """The games along the first batch axis."""
    if not game.batch_shape:
        raise InputError("unstack needs a batch of games (batch_shape is empty)")
    fields = [f.name for f in dataclasses.fields(game) if f.name not in ("batch_shape", "name")]
    return [
        dataclasses.replace(
            game,
            **{name: _index_field(getattr(game, name), k) for name in fields},
            batch_shape=game.batch_shape[1:],
        )
        for k in range(game.batch_shape[0])
    ]


def is_team(game: Game) -> bool:
    """Whether all players are paid the same, to the last bit."""
    if isinstance(game, TeamGame):
        return True
    payoffs = game.payoffs if isinstance(game, MatrixGame) else game.rewards
    player = (slice(None),) * len(game.batch_shape)
    return all(bool((payoffs[(*player, i)] == payoffs[(*player, 0)]).all()) for i in range(1, game.n))


def as_team(game: Game) -> TeamGame:
    """A game in which all players are paid the same as a team game; a matrix game becomes one state with γ = 0."""
    markov = game.as_markov(0) if isinstance(game, MatrixGame) else game
    if isinstance(markov, TeamGame):
        return markov
    differs = np.argwhere(np.asarray(markov.rewards != markov.rewards[:1], dtype=bool))
    if len(differs):
        i, s, *a = (int(x) for x in differs[0])
        here = (s, *a)
        raise InputError(
            f"this takes team games, but agents 0 and {i} are paid {markov.rewards[(0, *here)]} and "
            f"{markov.rewards[(i, *here)]} at s={s}, a={tuple(a)}: a general-sum game"
        )
    return markov.player(0)


def is_zero_sum(game: MatrixGame | MarkovGame, tolerance: float = 1e-12) -> bool:
    """Whether two players' payoffs add up to 0, within ``tolerance`` of the largest (exactly for rationals)."""
    payoffs = game.payoffs if isinstance(game, MatrixGame) else game.rewards
    if game.n != 2:
        return False
    first, second = (payoffs[(slice(None),) * len(game.batch_shape) + (i,)] for i in (0, 1))
    if game.kind in ("rational", "symbol"):
        return bool(((first + second) == 0).all())
    first, second = numbers.convert(first, "float"), numbers.convert(second, "float")
    return bool(np.abs(first + second).max() <= tolerance * max(np.abs(first).max(), np.abs(second).max(), 1e-300))


def _counts(action_counts: Sequence[int]) -> tuple[int, ...]:
    counts = tuple(int(a) for a in action_counts)
    if not counts or min(counts) < 1:
        raise InputError(f"action_counts must be at least one positive integer, not {tuple(action_counts)}")
    return counts


def _batch(batch: int | tuple[int, ...]) -> tuple[int, ...]:
    return (batch,) if isinstance(batch, int) else tuple(batch)


def _random_transitions(
    states: int,
    counts: tuple[int, ...],
    rng: np.random.Generator,
    successors: int | None,
    batch: tuple[int, ...],
) -> Any:
    if states < 1:
        raise InputError(f"a game needs at least one state, not {states}")
    if successors is None:
        weights = rng.standard_exponential((*batch, states, *counts, states))
        return weights / weights.sum(-1, keepdims=True)
    if batch:
        raise InputError("sparse games cannot be a batch")
    if not 1 <= successors <= states:
        raise InputError(f"successors must be between 1 and the number of states {states}, not {successors}")
    return _random_csr(states, states * math.prod(counts), rng, successors)


def _random_csr(states: int, rows: int, rng: np.random.Generator, successors: int) -> Any:
    from scipy.sparse import csr_matrix

    # distinct successors: one in each of k strata of the states, then a random rotation of the ring
    edges = np.linspace(0, states, successors + 1).astype(np.int32)
    width = np.diff(edges)
    columns = (edges[:-1] + (rng.random((rows, successors), dtype=np.float32) * width).astype(np.int32)) % states
    columns = np.minimum(columns, edges[1:] - 1)
    columns = (columns + rng.integers(0, states, (rows, 1), dtype=np.int32)) % states
    columns.sort(axis=1)
    weights = rng.standard_exponential((rows, successors))
    weights /= weights.sum(1, keepdims=True)
    indptr = np.arange(
        0, rows * successors + 1, successors, dtype=np.int64 if rows * successors > 2**31 - 1 else np.int32
    )
    return csr_matrix((weights.ravel(), columns.ravel().astype(np.int32), indptr), shape=(rows, states))


def _convert_discount(discount: Any, kind: Kind, options: dict[str, Any]) -> Any:
    source = numbers.kind_of(discount)
    if source == kind or (kind == "torch" and isinstance(discount, float)):
        return discount
    if hasattr(discount, "shape") and discount.shape:
        return numbers.convert(discount, kind, **options)
    if isinstance(discount, (float, np.floating)):
        return numbers.number(repr(float(discount)), kind)
    return numbers.convert(np.array([discount], dtype=object), kind)[0]


def _set(instance: Any, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(instance, name, value)


def _stack_field(values: list[Any]) -> Any:
    if hasattr(values[0], "shape"):
        return numbers.stack(values)
    return values[0] if all(v is values[0] or v == values[0] for v in values) else np.array(values)


def _index_field(value: Any, k: int) -> Any:
    return value[k] if getattr(value, "shape", ()) else value


def _shape_of(game: Game) -> tuple[Any, ...]:
    states = game.S if isinstance(game, _Dynamics) else 0
    return (game.batch_shape, game.n, states, game.action_counts, game.kind)


def _describe(game: Any) -> str:
    return f"{type(game).__name__} with (batch, n, S, actions, numbers) = {_shape_of(game)}"
