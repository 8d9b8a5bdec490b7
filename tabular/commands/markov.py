"""What ``marlcore solve`` reports about Markov games: each function gives one part of the answer as plain data.

The iterations show a bar past a second: how far the residual has come, in digits, from its first value to the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame
from marlcore.kit.progress import Progress


def zero_sum_value(game: MarkovGame, method: Any) -> dict[str, Any]:
    """Value and optimal policies of a zero-sum Markov game (``shapley``)."""
    from tabular.markov.shapley import shapley

    with residual_bar("zero-sum value") as show:
        solution = shapley(game, method, progress=show)
    row, column = solution.policies
    return {
        "value": float(game.start @ solution.V),
        "error": solution.error,
        "converged": solution.converged,
        "residual": solution.residual,
        "sweeps": solution.sweeps,
        "method": solution.method,
        "V": solution.V.tolist(),
        "row": row.tolist(),
        "column": column.tolist(),
    }


def team_optimum(game: TeamGame) -> dict[str, Any]:
    """The best joint policy of a team, and in how many states several joint actions are (or may be) optimal."""
    from tabular.markov.team import solve_team

    solution = solve_team(game)
    return {
        "J": float(solution.J),
        "actions": solution.actions.tolist(),
        "error": float(solution.error),
        "states_with_ties": int((~solution.unique).sum()),
    }


def equilibrium(game: MarkovGame, select: str) -> dict[str, Any]:
    """An equilibrium of a general-sum Markov game by value iteration over stage equilibria, if it is reached."""
    from tabular.markov.general_sum import nash_value_iteration

    with residual_bar("equilibrium") as show:
        solution = nash_value_iteration(game, select, progress=show)
    return {
        "J": (solution.V @ game.start).tolist(),
        "regrets": solution.regrets.tolist(),
        "converged": solution.converged,
        "period": solution.period,
        "residual": solution.residual,
        "sweeps": solution.sweeps,
        "select": select,
        "rule_met_in_states": int(np.sum(solution.met)),
        "V": solution.V.tolist(),
        "policy": [table.tolist() for table in solution.policy],
    }


def coalition_value(game: Game, friends: str, method: Any) -> dict[str, Any]:
    """What the friends can guarantee of the first one's reward against all others."""
    from tabular.markov.friend_or_foe import friend_or_foe_values

    markov = game.as_markov(0) if isinstance(game, MatrixGame) else game
    chosen = parse_friends(friends)
    with residual_bar("friends against foes") as show:
        solution = friend_or_foe_values(markov, chosen, method=method, progress=show)
    return {
        "agent": chosen[0],
        "friends": list(solution.friends),
        "foes": list(solution.foes),
        "value": float(markov.start @ solution.V),
        "error": solution.error,
        "converged": solution.converged,
        "V": solution.V.tolist(),
        "friends_strategy": solution.friends_strategy.tolist(),
        "foes_strategy": solution.foes_strategy.tolist(),
    }


def parse_friends(text: str) -> tuple[int, ...]:
    """The agents in "0,2"."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"friends are agents' numbers such as 0,2, not {text}") from None


@contextmanager
def residual_bar(label: str) -> Iterator[Callable[[int, float, float], None]]:
    """A function to call after each sweep with (sweeps, residual, target)."""
    first: list[float] = []
    with Progress(label, total=100) as bar:

        def show(sweeps: int, residual: float, target: float) -> None:
            first.append(residual)
            bar.say(f"{label}: sweep {sweeps}, residual {residual:.1e}")
            bar.advance(max(0.0, round(100 * _share(first[0], residual, target)) - bar.done))

        yield show


def _share(first: float, residual: float, target: float) -> float:
    """How much of the way from ``first`` down to ``target`` is done, in digits."""
    if residual <= target or first <= target:
        return 1.0
    whole = math.log(first) - math.log(max(target, 1e-300))
    return max(0.0, (math.log(first) - math.log(residual)) / whole)
