"""Best responses and the distance from equilibrium.

    BR_i(π^{-i}) ∈ argmax_{π^i} J_i(π^i, π^{-i})        gap_i = max_{π^i} J_i(π^i, π^{-i}) − J_i(π)

With the others fixed, agent i faces a Markov decision process, which policy iteration solves. π is a Nash equilibrium
(from the start distribution d) when every gap is 0; in a two-player zero-sum game the gaps' sum is the duality gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers, policies
from marlcore.advantages import average_out
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame, is_zero_sum
from marlcore.kit.html import Shown
from marlcore.mdp import solve_mdp
from marlcore.numbers import Kind, primitive
from marlcore.policies import Policy
from marlcore.validation import check_agent
from marlcore.values import evaluate, one_shot, scale, state_values

COMPARED: tuple[Kind, ...] = ("float", "torch", "rational", "ball")
"""The kinds in which a best action can be told: symbols have no order."""


@dataclass(frozen=True, eq=False)
class BestResponse(Shown):
    """A deterministic best response (…, S, A_i), its values V (…, S), Q (…, S, A_i) and J, and a bound on V's error."""

    table: Any
    V: Any
    Q: Any
    J: Any
    error: float


@dataclass(frozen=True, eq=False)
class NashGap(Shown):
    """What each agent could gain alone, (*B, n), the largest of them, (*B), and a bound on their error (floats)."""

    gaps: Any
    max: Any
    error: float


@primitive(*COMPARED)
def best_response(game: Game, policy: Policy, agent: int) -> BestResponse:
    """π̂^i ∈ argmax J_i(π̂^i, π^{-i}) for i = ``agent`` against the others in ``policy`` (its own table is ignored).

    Floats and rationals: policy iteration. Tensors: the actions are found in floats, the values carry gradients in
    everything but them (the envelope theorem). Balls: the same actions, and V encloses the optimal value, because
    V* ≤ V_π + max_s(max_a Q − V)/(1 − γ). A matrix game's table has one row.
    """
    game, policy = one_shot(game, policy)
    policy = policies.check(game, policy)
    check_agent(agent, game.n)
    if game.sparse:
        from marlcore import sparse

        P, r = sparse.agent_process(game, policy, agent)
    else:
        P, r = agent_process(game, policy, agent)
    kind = game.kind
    if kind in ("float", "rational"):
        solution = solve_mdp(P, r, game.discount)
        V, Q, actions, error = solution.V, solution.Q, solution.actions, solution.error
    else:
        plain = numbers.convert(P, "float"), numbers.convert(r, "float"), numbers.convert(game.discount, "float")
        actions = solve_mdp(*plain).actions
        V, Q = _values_of_actions(P, r, game.discount, actions)
        error = 0.0
        if kind == "ball":
            V = _enclose_optimum(V, Q, game.discount)
    table = numbers.convert((actions[..., None] == np.arange(r.shape[-1])).astype(int), kind, **_placement(r))
    return BestResponse(table, V, Q, (game.start * V).sum(-1), error)


def agent_process(game: MarkovGame | TeamGame, policy: Policy, agent: int) -> tuple[Any, Any]:
    """The decision process that ``agent`` faces: P (…, S, A_i, S) and r (…, S, A_i), the others averaged out."""
    P = game.transitions
    r = game.rewards if isinstance(game, TeamGame) else game.player(agent).rewards
    behind = 0
    for j in reversed(range(game.n)):
        if j == agent:
            behind = 1
            continue
        P = average_out(P, policy[j], -2 - behind)
        r = average_out(r, policy[j], -1 - behind)
    return P, r


@primitive(*COMPARED)
def nash_gap(game: Game, policy: Policy) -> NashGap:
    """gap_i = max_{π̂^i} J_i(π̂^i, π^{-i}) − J_i(π) for each agent, and the largest: 0 at equilibrium (Nash 1951)."""
    game, policy = one_shot(game, policy)
    policy = policies.check(game, policy)
    evaluation = evaluate(game, policy)
    lead = len(game.batch_shape)
    gaps, error = [], evaluation.error or 0.0
    for i in range(game.n):
        response = best_response(game, policy, i)
        own = evaluation.J if isinstance(game, TeamGame) else evaluation.J[(slice(None),) * lead + (i,)]
        gaps.append(response.J - own)
        error = max(error, response.error + (evaluation.error or 0.0))
    stacked = numbers.stack(gaps, axis=-1) if lead else _vector(gaps)
    return NashGap(stacked, numbers.amax(stacked, -1), error)


@primitive(*COMPARED)
def exploitability(game: MatrixGame | MarkovGame, policy: Policy) -> Any:
    """max_{π̂¹} J₁(π̂¹, π²) − min_{π̂²} J₁(π¹, π̂²) in a two-player zero-sum game: the duality gap, the sum of both gaps.

    Some texts report half of it (the mean over players).
    """
    if isinstance(game, TeamGame) or not is_zero_sum(game):
        raise InputError("exploitability is defined for two-player zero-sum games; use nash_gap for others")
    return nash_gap(game, policy).gaps.sum(-1)


def _values_of_actions(P: Any, r: Any, gamma: Any, actions: np.ndarray) -> tuple[Any, Any]:
    chosen = numbers.convert(
        (actions[..., None] == np.arange(r.shape[-1])).astype(int), numbers.kind_of(r), **_placement(r)
    )
    P_pi = (P * chosen[..., None]).sum(-2)
    V = state_values(P_pi, (r * chosen).sum(-1)[..., None], gamma)
    Q = r + scale(gamma, 2) * (P @ V[..., None, :, :])[..., 0]
    return V[..., 0], Q


def _enclose_optimum(V: Any, Q: Any, gamma: Any) -> Any:
    gain = numbers.maximum(numbers.amax(numbers.amax(Q, -1) - V, -1), 0)
    top = V + np.asarray(gain / (1 - gamma), dtype=object)[..., None]
    return np.frompyfunc(lambda low, high: low.union(high), 2, 1)(V, top)


def _placement(r: Any) -> dict[str, Any]:
    return {"dtype": r.dtype, "device": r.device} if numbers.kind_of(r) == "torch" else {}


def _vector(gaps: list[Any]) -> Any:
    return numbers.stack([g if hasattr(g, "shape") else np.asarray(g) for g in gaps])
