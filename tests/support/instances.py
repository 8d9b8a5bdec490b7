"""Instances over exact numbers that the tests of formulas share: made in rationals, then read in any kind of number."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers, policies
from marlcore.games import MarkovGame, TeamGame
from marlcore.objectives import step_of
from marlcore.values import evaluate, flat_dynamics


@dataclass
class Instance:
    """A game, an old and a new policy, and what the old one's evaluation gives, all in one kind."""

    game: Any
    policy: Any
    new: Any

    def __post_init__(self):
        self.kind = self.game.kind
        self.evaluation = evaluate(self.game, self.policy)
        self.Q, self.A, self.rho = self.evaluation.Q, self.evaluation.A, self.evaluation.rho
        self.n = self.game.n
        self.P, self.R = flat_dynamics(self.game)
        self.joint = policies.joint(self.policy).reshape(*self.R.shape)
        self.step = step_of(self.A, self.policy, self.new, (1, 0))

    def number(self, text):
        return numbers.number(text, self.kind)

    def read_in(self, kind):
        return Instance(self.game.convert(kind), policies.convert(self.policy, kind), policies.convert(self.new, kind))


def rational_rows(rng, shape, zeros=False):
    """Rows of small fractions that sum to 1; with ``zeros`` the first entry of every row is 0 (unless it is alone)."""
    weights = rng.integers(1, 8, shape)
    if zeros and shape[-1] > 1:
        weights[..., 0] = 0
    totals = weights.sum(-1, keepdims=True) * np.ones_like(weights)
    return to_rational(np.frompyfunc(Fraction, 2, 1)(weights, totals))


def to_rational(fractions):
    return np.frompyfunc(lambda f: numbers.number(f, "rational"), 1, 1)(fractions)


def rational_rewards(rng, shape, tied=False):
    values = rng.integers(-1, 2, shape) if tied else rng.integers(-9, 10, shape)
    return to_rational(np.frompyfunc(lambda v: Fraction(int(v), 3), 1, 1)(values))


def team_instance(rng, states=2, counts=(2, 3), zeros=False, tied=False):
    """A team game with γ = 4/5 and two policies, over rationals; zeros stand at the same actions in both."""
    game = TeamGame(
        rational_rows(rng, (states, *counts, states)),
        rational_rewards(rng, (states, *counts), tied),
        numbers.number("4/5", "rational"),
        rational_rows(rng, (states,)),
    )
    old, new = (tuple(rational_rows(rng, (states, a), zeros) for a in counts) for _ in range(2))
    return Instance(game, old, new)


def markov_game(rng, states=2, counts=(2, 2)):
    """A general-sum game over rationals with γ = 4/5."""
    return MarkovGame(
        rational_rows(rng, (states, *counts, states)),
        rational_rewards(rng, (len(counts), states, *counts)),
        numbers.number("4/5", "rational"),
        rational_rows(rng, (states,)),
    )
