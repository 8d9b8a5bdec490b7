"""Exact values of a product policy: V, Q, A, ρ and J.

    V = (I − γ P_π)⁻¹ r_π        Q(s,a) = r(s,a) + γ Σ_s' P(s'|s,a) V(s')        A = Q − V
    ρ = (I − γ P_πᵀ)⁻¹ d         J = Σ_s d(s) V(s)

ρ is the improper discounted state measure of HARL, Σ_t γᵗ Pr(s_t = s): its mass is 1/(1−γ). A team game has one V (S)
and Q (S, A1, …, An); a general game has one per player, on an axis that stands before S. Dense games are solved
directly, in any kind of number; sparse games iteratively, never densified, with an error bound computed from what is
returned: ‖V − V_π‖_∞ ≤ ‖r_π + γP_π V − V‖_∞/(1−γ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

from marlcore import numbers, policies
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame
from marlcore.kit.html import Shown
from marlcore.numbers import ARITHMETIC, primitive
from marlcore.policies import Policy


@dataclass(frozen=True, eq=False)
class Evaluation(Shown):
    """V (*B, [n,] S), Q and A (*B, [n,] S, A1, …, An), rho (*B, S), J (*B [, n]); n only for general games."""

    V: Any
    Q: Any
    A: Any
    rho: Any
    J: Any
    error: float | None = None
    """Sparse games: a bound on |V − V_π| at every state, from the residual of the V returned. Dense: None."""
    rho_error: float | None = None
    """Sparse games: a bound on Σ_s |ρ − ρ_π|(s), from the residual of the ρ returned."""


@primitive(*ARITHMETIC)
def evaluate(game: Game, policy: Policy) -> Evaluation:
    """V = (I − γP_π)⁻¹ r_π, Q = r + γPV, A = Q − V, ρ = (I − γP_πᵀ)⁻¹ d and J = dᵀV of ``policy``.

    A matrix game is taken as one state with γ = 0, and a profile of vectors as its policy.
    """
    game, policy = one_shot(game, policy)
    policy = policies.check(game, policy)
    if game.sparse:
        from marlcore import sparse

        return sparse.evaluate(game, policy)
    return _evaluate_dense(game, policy)


def one_shot(game: Game, policy: Policy) -> tuple[MarkovGame | TeamGame, Policy]:
    """A matrix game and its profile as a Markov game of one state with γ = 0; others pass unchanged."""
    if not isinstance(game, MatrixGame):
        return game, policy
    return game.as_markov(0), tuple(p[..., None, :] if hasattr(p, "shape") else np.asarray(p)[None] for p in policy)


def _evaluate_dense(game: MarkovGame | TeamGame, policy: Policy) -> Evaluation:
    team = isinstance(game, TeamGame)
    lead = len(game.batch_shape)
    gamma = discount_factor(game, 0)
    pi = policies.joint(policy)
    P, R = flat_dynamics(game)
    pi = pi.reshape(*P.shape[:-1])
    P_pi = induced_transitions(P, pi)
    r_pi = (R * pi if team else R * pi[(slice(None),) * lead + (None,)]).sum(-1)
    columns = r_pi[..., None] if team else numbers.moveaxis(r_pi, lead, -1)
    V = state_values(P_pi, columns, gamma)
    rho = occupancy(P_pi, game.start, gamma)
    J = (game.start[..., None] * V).sum(-2)
    if team:
        V, J = V[..., 0], J[..., 0]
        Q = R + scale(gamma, 2) * (P @ V[..., None, :, None])[..., 0]
    else:
        V = numbers.moveaxis(V, -1, lead)
        future = numbers.moveaxis(P @ numbers.moveaxis(V, lead, -1)[..., None, :, :], -1, lead)
        Q = R + scale(gamma, 3) * future
    A = Q - V[..., None]
    shape = game.rewards.shape
    return Evaluation(V, Q.reshape(*shape), A.reshape(*shape), rho, J)


def flat_dynamics(game: MarkovGame | TeamGame) -> tuple[Any, Any]:
    """Transitions (*B, S, ΠA, S) and rewards (*B, [n,] S, ΠA) with the joint action on one axis."""
    P = game.transitions.reshape(*game.batch_shape, game.S, game.joint_actions, game.S)
    R = game.rewards.reshape(*game.rewards.shape[: -game.n], game.joint_actions)
    return P, R


def discount_factor(game: Any, trailing: int) -> Any:
    """γ with ``trailing`` axes of length one behind the batch axes, so that it multiplies the game's arrays."""
    return scale(game.discount, trailing)


def scale(gamma: Any, trailing: int) -> Any:
    """A scalar as it is; a γ per game with ``trailing`` axes of length one appended."""
    shape = getattr(gamma, "shape", ())
    return gamma.reshape(*shape, *(1,) * trailing) if len(shape) else gamma


@primitive(*ARITHMETIC)
def induced_transitions(transitions: Shaped[Any, "*B S K S"], joint: Shaped[Any, "*B S K"]) -> Shaped[Any, "*B S S"]:
    """P_π(s'|s) = Σ_a π(a|s) P(s'|s,a) from (…, S, A, S) and (…, S, A), A the joint actions: (…, S, S)."""
    return (joint[..., None, :] @ transitions)[..., 0, :]


@primitive(*ARITHMETIC)
def state_values(P_pi: Shaped[Any, "*B S S"], r_pi: Shaped[Any, "*B S k"], gamma: Any) -> Shaped[Any, "*B S k"]:
    """V = (I − γP_π)⁻¹ r_π for columns of rewards (…, S, k)  (Bellman's equation for a fixed policy)."""
    return numbers.solve(numbers.identity(P_pi.shape[-1], P_pi) - scale(gamma, 2) * P_pi, r_pi)


@primitive(*ARITHMETIC)
def occupancy(P_pi: Shaped[Any, "*B S S"], start: Shaped[Any, "*B S"], gamma: Any) -> Shaped[Any, "*B S"]:
    """ρ = (I − γP_πᵀ)⁻¹ d, (…, S), of mass 1/(1−γ)."""
    transposed = numbers.moveaxis(P_pi, -1, -2)
    matrix = numbers.identity(P_pi.shape[-1], P_pi) - scale(gamma, 2) * transposed
    return numbers.solve(matrix, start[..., None])[..., 0]


@primitive(*ARITHMETIC)
def bellman_residual(
    P_pi: Shaped[Any, "*B S S"], r_pi: Shaped[Any, "*B S k"], gamma: Any, V: Shaped[Any, "*B S k"]
) -> Any:
    """max_s |r_π + γP_π V − V|(s) for columns (…, S, k); over 1 − γ it bounds the error of V."""
    return numbers.amax(numbers.absolute(r_pi + scale(gamma, 2) * (P_pi @ V) - V), (-2, -1))
