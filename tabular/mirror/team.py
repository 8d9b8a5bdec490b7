"""What HATRL and mirror learning run on: a team game in floats, an order of the agents, and what a step weighs.

    w(s, a^i) = E_{a^{i_{1:m−1}}~π̄, rest~π}[A_π(s, a)] − its mean under π^i

is the advantage A^{i_m} of the updating agent given its predecessors' new policies (HARL, Def. 3): the mean taken
off is the predecessors' own advantage, which the agent cannot change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from marlcore import games, policies
from marlcore.advantages import check_agents
from marlcore.compiled import compiled
from marlcore.errors import InputError
from marlcore.games import Game, TeamGame
from marlcore.policies import Policy

Order = str | Sequence[int] | Callable[[int, np.random.Generator], Sequence[int]]
"""How an iteration orders the agents: "random", "fixed" (0, 1, …), a permutation, or f(iteration, rng)."""


def as_team(game: Game) -> TeamGame:
    """``game`` as a team game of floats; a game in which all players are paid the same counts as one.

    A matrix game becomes one state with γ = 0. General-sum games are refused: the theory is about one common reward.
    """
    if game.batch_shape:
        raise InputError(f"this takes one game, not a batch of shape {game.batch_shape}: unstack it and run each")
    team = games.as_team(game)
    return team if team.kind == "float" else team.convert("float")


def start_policy(game: TeamGame, policy: Policy) -> Policy:
    """The checked policy as float tables that a compiled loop can read; rows (A_i,) of a matrix game become tables."""
    tables = tuple(np.asarray(t) for t in policy)
    if game.S == 1:
        tables = tuple(t[None] if t.ndim == 1 else t for t in tables)
    tables = policies.check(game, policies.convert(tables, "float"))
    return tuple(np.ascontiguousarray(t, dtype=float) for t in tables)


def agents_in_order(order: Order, n: int, iteration: int, rng: np.random.Generator) -> tuple[int, ...]:
    """The permutation of an iteration."""
    if isinstance(order, str):
        if order == "random":
            return tuple(int(i) for i in rng.permutation(n))
        if order == "fixed":
            return tuple(range(n))
        raise InputError(f'order must be "random", "fixed", a permutation or a callable, not "{order}"')
    chosen = check_agents(tuple(int(i) for i in (order(iteration, rng) if callable(order) else order)), n)
    if len(chosen) != n:
        raise InputError(f"order {chosen} is no permutation of the {n} agents")
    return chosen


def order_name(order: Order) -> Any:
    """What a run's record calls its order."""
    if isinstance(order, str):
        return order
    return getattr(order, "__name__", "callable") if callable(order) else [int(i) for i in order]


def step_weights(A: np.ndarray, policy: Policy, new: Policy, order: Sequence[int]) -> np.ndarray:
    """w (S, A_i) of the last agent of ``order`` whose predecessors there have moved to their tables in ``new``."""
    w = conditional_advantage(A, policy, new, order)
    return w - (policy[order[-1]] * w).sum(-1, keepdims=True)


def conditional_advantage(A: np.ndarray, policy: Policy, new: Policy, order: Sequence[int]) -> np.ndarray:
    """E_{a^{i_{1:m−1}}~π̄, rest~π}[A_π(s, ·, a^{i_m})] (S, A_i): w and the predecessors' own advantage, a constant."""
    *predecessors, agent = order
    tables = [new[j] if j in predecessors else policy[j] for j in range(len(policy))]
    counts = np.array([t.shape[1] for t in tables])
    offsets = np.concatenate(([0], np.cumsum([t.size for t in tables])[:-1]))
    packed = np.concatenate([t.ravel() for t in tables])
    S = len(tables[0])
    w = np.empty((S, counts[agent]))
    _average_others(A.reshape(S, -1), packed, offsets, counts, agent, w)
    return w


@compiled
def _average_others(A, tables, offsets, counts, agent, w):
    """Contract the joint action one agent at a time, the last first."""
    buffer = np.empty(A.shape[1])
    for s in range(A.shape[0]):
        size, right = A.shape[1], 1
        buffer[:] = A[s]
        for j in range(len(counts) - 1, -1, -1):
            count = counts[j]
            if j == agent:
                right = count
                continue
            size //= count
            start = offsets[j] + s * count
            for left in range(size // right):
                for r in range(right):
                    total = 0.0
                    for a in range(count):
                        total += tables[start + a] * buffer[(left * count + a) * right + r]
                    buffer[left * right + r] = total
        for a in range(counts[agent]):
            w[s, a] = buffer[a]
