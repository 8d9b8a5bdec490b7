"""V*(s) = max_a [ r(s,a) + γ Σ_s' P(s'|s,a) V*(s') ] over joint actions a: the optimum of a team.

A team game whose agents may agree beforehand is one Markov decision process with A1·…·An actions (Boutilier 1996), and
Howard's policy iteration (``marlcore.mdp``) solves it: in floats and rationals, dense and sparse.

Ties. Where several joint actions are optimal, agents that choose alone may each pick a part of another one and miss
them all, so the set of optimal joint actions is part of the answer: ``optimal`` (S, A1, …, An). In rationals it is
exact. In floats it is every joint action that the certificate cannot exclude: Q and Q* differ by at most γ·error, so
an action with Q < max Q − 2γ·error is not optimal. All others are kept, and the optimal ones are certainly among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers, policies
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.kit.html import Shown
from marlcore.mdp import solve_mdp
from marlcore.policies import Policy

UNIT = 2.0**-53


@dataclass(frozen=True, eq=False)
class TeamSolution(Shown):
    """V (S,), Q (S, A1, …, An), J from the start, one optimal joint action per state, and all of them."""

    V: Any
    Q: Any
    J: Any
    actions: np.ndarray
    """(S, n): each agent's part of an optimal joint action, the first in C order where the ties are exact."""
    policy: Policy
    """The same as deterministic tables."""
    optimal: np.ndarray
    """(S, A1, …, An): which joint actions are optimal (floats: may be; see the top of the page)."""
    error: float
    """|V − V*| at every state is at most this; 0 for rationals."""
    iterations: int

    @property
    def unique(self) -> np.ndarray:
        """(S,): whether only one joint action is optimal. Where true it is certain."""
        return self.optimal.reshape(len(self.optimal), -1).sum(-1) == 1


def solve_team(game: TeamGame) -> TeamSolution:
    """The best joint policy of a team, with every tie."""
    _check(game)
    S, joint = game.S, game.joint_actions
    P = game.transitions if game.sparse else game.transitions.reshape(S, joint, S)
    solution = solve_mdp(P, game.rewards.reshape(S, joint), game.discount)
    exact = game.kind == "rational"
    error = 0.0 if exact else solution.error + _rounding(game, solution.V) / (1 - game.discount)
    best = numbers.amax(solution.Q, -1)
    slack = 0 if exact else 2 * (game.discount * error + _rounding(game, solution.V))
    optimal = np.asarray((best - slack)[:, None] <= solution.Q, dtype=bool)
    greedy = optimal.argmax(-1) if exact else solution.actions
    actions = np.stack(np.unravel_index(greedy, game.action_counts), axis=-1)
    return TeamSolution(
        solution.V,
        solution.Q.reshape(game.rewards.shape),
        (game.start * solution.V).sum(),
        actions,
        policies.deterministic(game, tuple(actions.T)),
        optimal.reshape(game.rewards.shape),
        error,
        solution.iterations,
    )


def _rounding(game: TeamGame, V: np.ndarray) -> float:
    """A bound on the rounding of one entry of r + γPV: entries + 3 operations on numbers below max|r| + max|V|."""
    entries = int(np.diff(game.transitions.indptr).max()) if game.sparse else game.S
    return (entries + 3) * UNIT * (float(np.abs(game.rewards).max()) + float(np.abs(V).max()))


def _check(game: Any) -> None:
    if not isinstance(game, TeamGame):
        raise InputError(
            f"solve_team takes a TeamGame, one reward for everybody, not {type(game).__name__}; "
            "the team of all agents with agent i's rewards is game.player(i)"
        )
    if game.batch_shape:
        raise InputError(f"solve_team takes one game, not a batch of shape {game.batch_shape}: unstack it")
    if game.kind not in ("float", "rational"):
        raise InputError(f"solve_team takes float or rational games, not {game.kind}")
