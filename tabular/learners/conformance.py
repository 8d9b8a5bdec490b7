"""The suite of the extension point ``learners``: what every learner must do, checked on a game that it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame
from marlcore.trace import Trace


def makes_a_trace_of_both_ends(learner: Any) -> None:
    """A run of 40 steps records step 0 and step 40, and a policy for every agent."""
    game = _game(learner)
    trace = learner(game, 40, 2)
    assert isinstance(trace, Trace), "no Trace"
    assert trace.steps[0] == 0, "no record of step 0"
    assert trace.steps[-1] == 40, "no record of the end"
    assert trace.n == game.n, "not a table for every agent"


def is_a_function_of_the_seed(learner: Any) -> None:
    """The same seeds give the same bits, and a seed alone what it gives in company."""
    game = _game(learner)
    trace = learner(game, 40, 3)
    assert learner(game, 40, 3).identical(trace), "the same call gives another trace"
    np.testing.assert_array_equal(learner(game, 40, [2]).payoffs[:, 0], trace.payoffs[:, 2])


def continues_where_it_stopped(learner: Any) -> None:
    """25 steps and 15 more are 40 steps, bit for bit."""
    game = _game(learner)
    whole = learner(game, 40, 2)
    every = whole.config.get("record_every")
    options = {} if every is None else {"record_every": every}
    part = learner(game, 25, 2, **options)
    assert learner(game, 15, 2, after=part).identical(whole), "the continued run is not the longer one"


def refuses_zero_steps(learner: Any) -> None:
    """Zero steps are refused with an InputError."""
    game = _game(learner)
    try:
        learner(game, 0, 1)
    except InputError:
        return
    raise AssertionError("zero steps were taken")


CHECKS: tuple[Callable[[Any], None], ...] = (
    makes_a_trace_of_both_ends,
    is_a_function_of_the_seed,
    continues_where_it_stopped,
    refuses_zero_steps,
)
"""The checks of a learner."""


def _game(learner: Any) -> Game:
    """The first of a few games that the learner takes."""
    rng = np.random.default_rng(0)
    pennies = np.array([[1.0, 0.0], [0.0, 1.0]])
    games: list[Game] = [
        MarkovGame.random(3, (2, 2), rng, zero_sum=True),
        MatrixGame(np.stack([pennies, 1 - pennies])),
        TeamGame.random(3, (2, 2), rng),
    ]
    refusals = []
    for game in games:
        try:
            learner(game, 1, 1)
        except InputError as error:
            refusals.append(str(error))
        else:
            return game
    raise AssertionError(f"no game was accepted: {refusals}")
