"""An ε-equilibrium of n players: follow the logit branch σ_i ∝ exp(λ u_i(·, σ_{−i})) from λ = 0, then polish by Newton.

McKelvey & Palfrey (1995): the solutions of ℓ_i(a) − ℓ_i(b) = λ(u_i(a, σ_{−i}) − u_i(b, σ_{−i})), Σ_a e^{ℓ_i(a)} = 1,
contain for almost all games a branch that starts at the uniform profile and tends to a Nash equilibrium as λ → ∞; at λ
no player's regret is more than ln A_i/λ. It is followed by arc length, past its folds, in log-probabilities (Turocy
2005). On the way the actions that look played are guessed as supports, and Newton is run on the multilinear system

    u_i(a, σ_{−i}) = v_i for a in the support,   Σ_a σ_i(a) = 1,

whose solution ends the walk when its regrets are at most ``tolerance`` of each player's payoff range. It is an
equilibrium near the branch: mostly, but not always, the branch's own limit.

Guarantee: a profile is always returned, with every player's regret evaluated from it; where no polish succeeded it is
the best point seen, ``epsilon`` says how good that is, and ``steps`` is the limit. Payoffs are scaled to [0, 1] first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from marlcore import policies
from marlcore.games import MatrixGame
from tabular.static.equilibrium import Equilibrium, action_values, certified, check_matrix_game, check_single

LARGEST_PRECISION = 1e7
"""λ, over payoffs in [0, 1], where the branch is left: regrets are below 2·10⁻⁷·ln A there."""


def logit_equilibrium(game: MatrixGame, tolerance: float = 1e-10, max_steps: int = 5000) -> Equilibrium:
    """An equilibrium on or near the logit branch from the uniform profile, for any number of players."""
    game = check_single(check_matrix_game(game, "logit_equilibrium"), "logit_equilibrium")
    floats = game.convert("float")
    spread = np.array([np.ptp(own) for own in floats.payoffs])
    scaled = [(own - own.min()) / (s or 1.0) for own, s in zip(floats.payoffs, spread, strict=True)]
    best, least, steps = _uniform(game.action_counts), np.inf, 0
    attempt_at = 1.0
    for steps, (logs, precision) in enumerate(_branch(scaled, game.action_counts, max_steps), start=1):
        profile = tuple(np.exp(x) / np.exp(x).sum() for x in logs)
        candidates = [profile]
        if precision >= attempt_at or steps == max_steps:
            attempt_at = 2 * precision
            candidates += _polished(scaled, profile)
        for candidate in candidates:
            regret = max(_regrets(scaled, candidate))
            if regret < least:
                best, least = candidate, regret
        if least <= 0.1 * tolerance:
            break
    if game.kind == "rational":
        best = policies.convert(best, "rational")
    return certified(game, best, steps, "logit")


def _uniform(counts: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.full(a, 1 / a) for a in counts)


def _regrets(scaled: list[np.ndarray], profile: tuple[np.ndarray, ...]) -> list[float]:
    values = [action_values(own, profile, i) for i, own in enumerate(scaled)]
    return [float(v.max() - p @ v) for v, p in zip(values, profile, strict=True)]


def _branch(scaled: list[np.ndarray], counts: tuple[int, ...], max_steps: int) -> Any:
    """Points (log-probabilities, λ) along the branch: tangent steps, corrected by Newton across the tangent."""
    point = np.concatenate([np.log(np.full(a, 1 / a)) for a in counts] + [np.zeros(1)])
    tangent = np.zeros_like(point)
    tangent[-1] = 1.0
    stride = 0.1
    tangent = _tangent(_system(scaled, counts, point)[1], tangent)
    for _ in range(max_steps):
        moved, rounds = _correct(scaled, counts, point + stride * tangent, tangent)
        turned = None if moved is None else _tangent(_system(scaled, counts, moved)[1], tangent)
        if moved is None or turned is None or turned @ tangent < 0.8:
            stride *= 0.5
            if stride < 1e-10 * (1 + np.abs(point).max()):
                return
            continue
        point, tangent = moved, turned
        stride *= 1.6 if rounds <= 3 else 1.0
        yield np.split(point[:-1], np.cumsum(counts)[:-1]), point[-1]
        if point[-1] > LARGEST_PRECISION:
            return


def _system(scaled: list[np.ndarray], counts: tuple[int, ...], point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residual (N) and Jacobian (N, N+1) of the logit equations; each player's likeliest action is the reference."""
    logs, precision = np.split(point[:-1], np.cumsum(counts)[:-1]), point[-1]
    profile = tuple(np.exp(x) for x in logs)
    starts = np.concatenate([[0], np.cumsum(counts)])
    size = starts[-1]
    residual, jacobian = np.zeros(size), np.zeros((size, size + 1))
    for i, own in enumerate(scaled):
        rows, reference = slice(starts[i], starts[i + 1]), int(np.argmax(logs[i]))
        values = _contract(own, profile, (i,))
        residual[rows] = logs[i] - logs[i][reference] - precision * (values - values[reference])
        jacobian[rows, rows] = np.eye(counts[i])
        jacobian[rows, starts[i] + reference] -= 1.0
        jacobian[rows, -1] = values[reference] - values
        for j in range(len(counts)):
            if j != i:
                both = _contract(own, profile, (i, j))
                both = both if i < j else both.T
                jacobian[rows, starts[j] : starts[j + 1]] = -precision * (both - both[reference]) * profile[j]
        residual[starts[i] + reference] = profile[i].sum() - 1
        jacobian[starts[i] + reference] = 0.0
        jacobian[starts[i] + reference, rows] = profile[i]
    return residual, jacobian


def _contract(own: np.ndarray, profile: tuple[np.ndarray, ...], keep: tuple[int, ...]) -> np.ndarray:
    """A player's payoffs averaged over everybody but ``keep``, whose axes stay in order."""
    for j in reversed(range(len(profile))):
        if j not in keep:
            own = np.tensordot(own, profile[j], axes=([j], [0]))
    return own


def _tangent(jacobian: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The unit vector of the kernel that goes on in the direction ``before``."""
    kernel = np.linalg.qr(jacobian.T, mode="complete")[0][:, -1]
    return kernel if kernel @ before >= 0 else -kernel


def _correct(
    scaled: list[np.ndarray], counts: tuple[int, ...], point: np.ndarray, tangent: np.ndarray
) -> tuple[np.ndarray | None, int]:
    """Newton in the hyperplane across the tangent; the point (None if it does not get there) and the rounds taken."""
    before = np.inf
    for rounds in range(1, 9):
        residual, jacobian = _system(scaled, counts, point)
        size = np.abs(residual).max()
        if size <= 1e-9 * (1 + np.abs(point).max()):
            return point, rounds
        if not np.isfinite(size) or size > 2 * before:
            return None, rounds
        before = size
        system = np.vstack([jacobian, tangent])
        try:
            point = point - np.linalg.solve(system, np.append(residual, 0.0))
        except np.linalg.LinAlgError:
            return None, rounds
        if point[:-1].max() > 1.0:  # far outside the simplex: exp would overflow
            return None, rounds
    return None, 8


def _polished(scaled: list[np.ndarray], profile: tuple[np.ndarray, ...]) -> list[tuple[np.ndarray, ...]]:
    """Newton's solutions for the supports that the profile suggests at several thresholds."""
    seen, found = set(), []
    for threshold in (0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-6):
        supports = tuple(tuple(int(a) for a in np.flatnonzero(p > min(threshold, p.max() / 2))) for p in profile)
        if supports not in seen:
            seen.add(supports)
            solution = _solve_supports(scaled, profile, supports)
            if solution is not None:
                found.append(solution)
    return found


def _solve_supports(
    scaled: list[np.ndarray], profile: tuple[np.ndarray, ...], supports: tuple[tuple[int, ...], ...]
) -> tuple[np.ndarray, ...] | None:
    """The profile on ``supports`` that makes each player indifferent on its own, by Newton from ``profile``."""
    n = len(profile)
    reduced = [own[np.ix_(*supports)] for own in scaled]
    sigma = tuple(p[list(s)] / p[list(s)].sum() for p, s in zip(profile, supports, strict=True))
    starts = np.concatenate([[0], np.cumsum([len(s) for s in supports])])
    size = starts[-1]
    for _ in range(30):
        residual, jacobian = np.zeros(size), np.zeros((size, size))
        for i, own in enumerate(reduced):
            rows = slice(starts[i], starts[i + 1])
            values = _contract(own, sigma, (i,))
            residual[rows] = values - values[0]
            for j in range(n):
                if j != i:
                    both = _contract(own, sigma, (i, j))
                    both = both if i < j else both.T
                    jacobian[rows, starts[j] : starts[j + 1]] = both - both[0]
            residual[starts[i]] = sigma[i].sum() - 1
            jacobian[starts[i], rows] = 1.0
        # least squares: in a continuum of equilibria the nearest one
        step = np.linalg.lstsq(jacobian, residual, rcond=1e-12)[0]
        sigma = tuple(np.split(np.concatenate(sigma) - step, starts[1:-1]))
        if not np.isfinite(step).all() or np.abs(step).max() > 10:
            return None
        if np.abs(step).max() < 1e-15:
            break
    if min(s.min() for s in sigma) < 0:
        return None
    full = [np.zeros(len(p)) for p in profile]
    for target, support, weights in zip(full, supports, sigma, strict=True):
        target[list(support)] = weights / weights.sum()
    return tuple(full)
