"""Team games played once: max_a r(a), and the best policy that all agents share, max_{π ∈ Δ} E_{a_i ~ π} r(a).

With n agents of A actions each, F(π) = Σ_a r(a) Π_i π(a_i) is a form of degree n, and in Bernstein's basis

    F(π) = Σ_{|α| = n} b_α (n!/α!) π^α,      b_α = the mean of r over the joint actions that play action c α_c times,

so F ≤ max_α b_α on the simplex, F = b_α at its corners, and the same holds on every sub-simplex after de Casteljau's
subdivision (Farouki 2012). ``shared_optimum`` halves simplices at their longest edge, drops those whose bound is no
better than the best policy found, and stops when none is left: a global maximum with a certificate.

Guarantee: value = F(policy) up to rounding, and no shared policy has more than ``bound``, whether the search ended
(gap ≤ tolerance × the range of r) or hit its limit on simplices. Prop. 4 (HARL): for n even, A = 2 and r = 1 just where
the first half plays c and the second 1 − c, the optimum is 2·2⁻ⁿ at π = (½, ½), while max r = 1.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame, TeamGame
from marlcore.kit.html import Shown
from marlcore.validation import check_no_empty_axis, finite_numbers

UNIT = 2.0**-53


@dataclass(frozen=True, eq=False)
class TeamOptimum(Shown):
    """The largest reward and every joint action that attains it."""

    value: Any
    actions: np.ndarray
    """(E, n), in lexicographic order; ties are exact."""


@dataclass(frozen=True, eq=False)
class SharedOptimum(Shown):
    """The best policy that all agents share, without knowing who they are."""

    policy: np.ndarray
    """π, (A,)."""
    value: float
    bound: float
    """No shared policy has a larger value."""
    simplices: int
    """How many were bounded."""

    @property
    def gap(self) -> float:
        """How far ``value`` can be from the best."""
        return self.bound - self.value


def team_optimum(game: Any) -> TeamOptimum:
    """max_a r(a): of a matrix game of equal payoffs, a one-state ``TeamGame`` (J is r/(1−γ)), or an array r."""
    reward, scale = _reward(game, "team_optimum")
    best = reward.max()
    return TeamOptimum(best * scale, np.argwhere((reward == best).astype(bool)))


def shared_optimum(game: Any, tolerance: float = 1e-9, max_simplices: int = 200_000) -> SharedOptimum:
    """The best policy shared by all agents of a team's matrix game, globally, with a bound (see ``team_optimum``)."""
    reward, scale = _reward(game, "shared_optimum")
    if len(set(reward.shape)) != 1:
        raise InputError(f"agents that share a policy need the same actions, not {reward.shape} of them")
    n, A = reward.ndim, reward.shape[0]
    reward, scale = numbers.convert(reward, "float"), float(numbers.convert(scale, "float"))
    low, spread = reward.min(), float(np.ptp(reward))
    exponents = _exponents(n, A)
    form = _bernstein((reward - low) / (spread or 1.0), exponents)
    policy, value, bound, count = _maximise(form, exponents, tolerance, max_simplices)
    # a chain of n + A additions and products evaluates F; halving adds a rounding per level and coefficient
    rounding = UNIT * (4 * n * A + 8 * n)
    return SharedOptimum(policy, (low + spread * value) * scale, (low + spread * (bound + rounding)) * scale, count)


def _reward(game: Any, function: str) -> tuple[np.ndarray, Any]:
    """r (A1, …, An) and the factor that makes it a return."""
    if isinstance(game, TeamGame):
        if game.batch_shape or game.S != 1:
            raise InputError(f"{function} takes one game of one state, not batch {game.batch_shape} and S = {game.S}")
        return game.rewards[0], 1 / (1 - game.discount)
    if isinstance(game, MatrixGame):
        if game.batch_shape:
            raise InputError(f"{function} takes one game, not a batch of shape {game.batch_shape}; unstack it")
        different = (game.payoffs != game.payoffs[:1]).astype(bool)
        if different.any():
            i, *a = (int(x) for x in np.argwhere(different)[0])
            raise InputError(
                f"the game is no team: payoffs[{i}] = {game.payoffs[(i, *a)]} but payoffs[0] = "
                f"{game.payoffs[(0, *a)]} at a={tuple(a)}"
            )
        return game.payoffs[0], 1
    reward = finite_numbers("reward", np.asarray(game))
    if reward.ndim == 0:
        raise InputError("reward must have an axis of actions for each agent, not be one number")
    check_no_empty_axis("reward", reward.shape)
    return reward, 1


def _exponents(n: int, A: int) -> np.ndarray:
    """All α ≥ 0 of A parts with |α| = n, in lexicographic order."""
    cuts = itertools.combinations(range(n + A - 1), A - 1)
    bars = np.array([(-1, *cut, n + A - 1) for cut in cuts])
    return np.diff(bars, axis=1) - 1


def _bernstein(reward: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """b_α, the mean of the reward over the joint actions with counts α."""
    n, A = reward.ndim, reward.shape[0]
    counts = np.zeros((reward.size, A), dtype=np.int64)
    actions = np.indices(reward.shape).reshape(n, -1)
    for i in range(n):
        counts[np.arange(reward.size), actions[i]] += 1
    index = _index(exponents)
    positions = np.array([index[tuple(c)] for c in counts.tolist()])
    sums = np.bincount(positions, reward.ravel(), minlength=len(exponents))
    return sums / np.bincount(positions, minlength=len(exponents))


def _index(exponents: np.ndarray) -> dict[tuple[int, ...], int]:
    return {tuple(alpha): i for i, alpha in enumerate(exponents.tolist())}


def _maximise(
    form: np.ndarray, exponents: np.ndarray, tolerance: float, limit: int
) -> tuple[np.ndarray, float, float, int]:
    """Branch and bound, one level of halvings at a time; (policy, value, bound, simplices bounded)."""
    n, A = int(exponents[0].sum()), exponents.shape[1]
    halves = {pair: _halving(exponents, *pair) for pair in itertools.permutations(range(A), 2)}
    multinomials = np.array([math.factorial(n) / math.prod(math.factorial(int(e)) for e in a) for a in exponents])
    powers = form * multinomials

    def evaluate(points: np.ndarray) -> np.ndarray:
        return np.prod(points[:, None, :] ** exponents, axis=-1) @ powers

    corners, coefficients = np.eye(A)[None], form[None]
    policy, value = np.eye(A)[0], -np.inf
    count, settled = 0, -np.inf
    while True:
        candidates = np.concatenate([corners.mean(axis=1), corners.reshape(-1, A)])
        values = evaluate(candidates)
        if values.max() > value + 1e-15:
            policy = _ascend(candidates[np.argmax(values)], exponents, powers)
            value = max(float(evaluate(policy[None])[0]), float(values.max()))
            if value > float(evaluate(policy[None])[0]):
                policy = candidates[np.argmax(values)]
        bounds = coefficients.max(axis=1)
        count += len(bounds)
        alive = bounds > value + tolerance
        settled = max(settled, float(bounds[~alive].max(initial=-np.inf)))
        corners, coefficients, bounds = corners[alive], coefficients[alive], bounds[alive]
        if len(corners) == 0 or A == 1 or count >= limit:
            return policy, value, max(settled, value, float(bounds.max(initial=-np.inf))), count
        corners, coefficients = _halve(corners, coefficients, halves)


def _halve(corners: np.ndarray, coefficients: np.ndarray, halves: dict[Any, np.ndarray]) -> tuple[Any, Any]:
    """Both halves of every simplex, cut at the middle of its longest edge."""
    A = corners.shape[1]
    pairs = list(itertools.combinations(range(A), 2))
    lengths = np.stack([((corners[:, p] - corners[:, q]) ** 2).sum(-1) for p, q in pairs])
    longest = lengths.argmax(axis=0)
    new_corners, new_coefficients = [], []
    for index, (p, q) in enumerate(pairs):
        chosen = longest == index
        for keep, move in ((p, q), (q, p)):
            child = corners[chosen].copy()
            child[:, move] = (child[:, keep] + child[:, move]) / 2
            new_corners.append(child)
            new_coefficients.append(coefficients[chosen] @ halves[keep, move])
    return np.concatenate(new_corners), np.concatenate(new_coefficients)


def _halving(exponents: np.ndarray, keep: int, move: int) -> np.ndarray:
    """de Casteljau's step as a matrix: corner ``move`` goes half-way to corner ``keep``.

    With p = α_move, the new b_α is Σ_k C(p, k) 2^{−p} b_β, β = α with k taken from ``move`` and given to ``keep``.
    """
    index = _index(exponents)
    matrix = np.zeros((len(exponents),) * 2)
    for target, alpha in enumerate(exponents.tolist()):
        power = alpha[move]
        for k in range(power + 1):
            source = list(alpha)
            source[move], source[keep] = power - k, alpha[keep] + k
            matrix[index[tuple(source)], target] = math.comb(power, k) * 2.0**-power
    return matrix


def _ascend(policy: np.ndarray, exponents: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Growth transforms π_c ∝ π_c ∂F/∂π_c: F never falls, since its coefficients are ≥ 0 (Baum & Eagon 1967)."""
    for _ in range(300):
        monomials = np.prod(policy**exponents, axis=-1) * powers
        weights = monomials @ exponents  # π_c ∂F/∂π_c
        if weights.sum() <= 0:
            return policy
        moved = weights / weights.sum()
        if np.abs(moved - policy).max() < 1e-16:
            break
        policy = moved
    return policy
