"""V(s) = max_{π ∈ Δ(ΠA_f)} min_{a_o} Σ_{a_f} π(a_f) [ r_i(s, a_f, a_o) + γ Σ_s' P(s'|s, a_f, a_o) V(s') ].

Littman (2001), Friend-or-Foe Q-learning: the friends f of agent i maximise i's value by a *joint* mixed strategy, that
is, they may correlate, and all others, the foes o, minimise it together. With every agent a friend this is the best
that a team can reach, with no friend but i itself it is what i can guarantee alone. It is a zero-sum Markov game
between two coalitions, so ``shapley`` solves it, with its certificate.

A product of the friends' strategies, as some texts print it, is worth less: where r = 1 if a₁ = a₂ ≠ a₃ and 0 otherwise
it gets ¼ and the joint strategy ½.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.games import MarkovGame, TeamGame
from marlcore.kit.html import Shown
from marlcore.validation import check_agent, is_sparse
from tabular.markov.shapley import Method, Progress, ShapleySolution, shapley


@dataclass(frozen=True, eq=False)
class FriendOrFoeSolution(Shown):
    """Agent i's V (S,), the friends' joint strategy (S, A_f, …), the foes' (S, A_o, …), axes in the agents' order."""

    V: np.ndarray
    friends: tuple[int, ...]
    foes: tuple[int, ...]
    friends_strategy: np.ndarray
    foes_strategy: np.ndarray
    """No axis after S where there are no foes."""
    error: float
    """|V − v| at every state; the friends guarantee V − error, the foes concede at most V + error."""
    coalitions: ShapleySolution
    """The solution of the two coalitions' zero-sum game, joint actions in C order."""

    @property
    def converged(self) -> bool:
        """Whether the residual is as small as was asked."""
        return self.coalitions.converged


def friend_or_foe_values(
    game: MarkovGame | TeamGame,
    friends: Sequence[int],
    agent: int | None = None,
    method: Method = "newton",
    tolerance: float = 1e-8,
    max_iterations: int = 100_000,
    progress: Progress | None = None,
) -> FriendOrFoeSolution:
    """What ``friends`` can guarantee of the reward of ``agent``, one of them (the first unless given)."""
    team, agent = _coalition(game, friends, agent)
    two = coalition_game(game, team, agent)
    solution = shapley(two, method, tolerance, max_iterations, progress)
    foes = tuple(i for i in range(game.n) if i not in team)
    counts = game.action_counts
    row, column = solution.policies
    return FriendOrFoeSolution(
        solution.V,
        team,
        foes,
        row.reshape(game.S, *(counts[i] for i in team)),
        column.reshape(game.S, *(counts[i] for i in foes)),
        solution.error,
        solution,
    )


def coalition_game(game: MarkovGame | TeamGame, friends: Sequence[int], agent: int) -> MarkovGame:
    """The zero-sum game in which the friends' joint actions are the rows, the others' the columns, at i's reward."""
    team, agent = _coalition(game, friends, agent)
    order = (*team, *(i for i in range(game.n) if i not in team))
    rows = int(np.prod([game.action_counts[i] for i in team]))
    S, columns = game.S, game.joint_actions // rows
    reward = game.rewards if isinstance(game, TeamGame) else game.rewards[agent]
    axes = (0, *(1 + i for i in order))
    r = reward.transpose(axes).reshape(S, rows, columns)
    if is_sparse(game.transitions):
        place = np.arange(S * game.joint_actions).reshape(S, *game.action_counts).transpose(axes).ravel()
        ordered = order == tuple(range(game.n))
        P = game.transitions if ordered else game.transitions[place]
    else:
        P = game.transitions.transpose(*axes, game.n + 1).reshape(S, rows, columns, S)
    return MarkovGame(P, np.stack([r, -r]), game.discount, game.start, name=game.name)


def _coalition(game: Any, friends: Any, agent: int | None) -> tuple[tuple[int, ...], int]:
    if not isinstance(game, (MarkovGame, TeamGame)):
        raise InputError(f"friend_or_foe_values takes a MarkovGame or a TeamGame, not {type(game).__name__}")
    if game.batch_shape:
        raise InputError(f"friend_or_foe_values takes one game, not a batch of shape {game.batch_shape}: unstack it")
    if game.kind not in ("float", "rational"):
        raise InputError(f"friend_or_foe_values takes float or rational games, not {game.kind}")
    try:
        given = [int(i) for i in friends if not isinstance(i, bool) and int(i) == i]
        strange = len(given) != len(list(friends))
    except (TypeError, ValueError):
        strange, given = True, []
    if strange or not given:
        raise InputError(f"friends must be a list of one or more agents such as (0, 1), not {friends!r}")
    for position, i in enumerate(given):
        if not 0 <= i < game.n:
            raise InputError(f"friends[{position}] = {i} is not one of the {game.n} agents 0, …, {game.n - 1}")
        if i in given[:position]:
            raise InputError(f"friends[{position}] = {i} is named twice")
    if agent is None:
        return tuple(sorted(given)), given[0]
    check_agent(agent, game.n)
    if agent not in given:
        raise InputError(f"agent {agent} is not among its own friends {tuple(given)}")
    return tuple(sorted(given)), int(agent)
