"""What ``marlcore solve`` reports about matrix games: each function gives one part of the answer as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import MatrixGame

LARGEST_ENUMERATION = 12
"""Up to so many actions of either player all equilibria are listed (their number grows like 2.6ⁿ); above, one is."""
LARGEST_SHARED = 4096
"""Up to so many joint actions the best shared policy is searched for."""


def zero_sum_value(game: MatrixGame) -> dict[str, Any]:
    """The value of a zero-sum game and optimal strategies (``solve_zero_sum``)."""
    from tabular.static.zero_sum import solve_zero_sum

    solution = solve_zero_sum(game)
    return {
        "value": float(solution.value),
        "error": float(solution.error),
        "row": np.asarray(solution.row).tolist(),
        "column": np.asarray(solution.column).tolist(),
        "method": solution.method,
    }


def equilibria(game: MatrixGame) -> dict[str, Any]:
    """Every extreme equilibrium of a small two-player game; one equilibrium of any other."""
    if game.n == 2 and max(game.action_counts) <= LARGEST_ENUMERATION:
        from tabular.static.enumeration import nash_equilibria

        found = nash_equilibria(game)
        return {
            "extreme_equilibria": len(found),
            "components": len(found.components),
            "continuum": found.degenerate,
            "profiles": [[x.tolist(), y.tolist()] for x, y in found.profiles],
            "payoffs": np.asarray(found.payoffs).tolist(),
            "regret": float(np.max(found.regret)),
        }
    from tabular.static.nash import nash_equilibrium

    one = nash_equilibrium(game)
    return {
        "profile": [table.tolist() for table in one.profile],
        "payoffs": np.asarray(one.payoffs).tolist(),
        "regret": np.asarray(one.regret).tolist(),
        "method": one.method,
    }


def correlated(game: MatrixGame) -> dict[str, Any]:
    """The correlated equilibrium with the largest sum of payoffs."""
    from tabular.static.correlated import correlated_equilibrium

    found = correlated_equilibrium(game)
    return {
        "payoffs": found.payoffs.tolist(),
        "welfare": found.objective,
        "bound": found.bound,
        "violation": float(found.violation.max()),
        "distribution": found.distribution.tolist(),
    }


def shared(game: MatrixGame) -> dict[str, Any]:
    """The best policy that all agents share without knowing who they are (HARL, Prop. 4), where that makes sense."""
    from tabular.static.team import shared_optimum

    if len(set(game.action_counts)) > 1:
        raise InputError(f"agents with different numbers of actions {game.action_counts} cannot share a policy")
    found = shared_optimum(game)
    return {"value": found.value, "bound": found.bound, "policy": found.policy.tolist()}


def can_share(game: MatrixGame) -> bool:
    """Whether the agents have the same actions, and few enough joint ones."""
    return len(set(game.action_counts)) == 1 and int(np.prod(game.action_counts)) <= LARGEST_SHARED
