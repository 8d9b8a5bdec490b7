"""Games whose transitions are CSR: the same values without ever making a dense transition table.

Two passes over the transition data and two linear solves. The first pass merges the rows of a state under π into P_π
(a sparse S × S matrix) and r_π; the second contracts P with V into Q. Joint probabilities are made per state from the
agents' tables and never stored. V = (I − γP_π)⁻¹ r_π and ρ = (I − γP_πᵀ)⁻¹ d by BiCGSTAB with a fall-back on the
contraction itself, and the error that is reported is computed from the solution: ‖V − V_π‖_∞ ≤ residual/(1 − γ).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix, eye_array
from scipy.sparse.linalg import LinearOperator, bicgstab, gmres, splu

from marlcore.compiled import compiled
from marlcore.errors import ConvergenceError
from marlcore.games import MarkovGame, TeamGame
from marlcore.mdp import MAX_ITERATIONS, ROUND_OFF, MDPSolution
from marlcore.policies import Policy
from marlcore.values import Evaluation


def evaluate(game: MarkovGame | TeamGame, policy: Policy) -> Evaluation:
    """V, Q, A, ρ and J of a sparse game, with certified errors of V and ρ."""
    team = isinstance(game, TeamGame)
    rewards = game.rewards[None] if team else game.rewards
    P, gamma = game.transitions, game.discount
    r_pi = np.empty((len(rewards), game.S))
    packed = _packed(policy)
    for k in range(len(rewards)):
        _average_rewards(rewards[k].ravel(), *packed, r_pi[k])
    P_pi = induced_operator(P, game.joint_actions, packed)
    V, error = np.empty_like(r_pi), 0.0
    Q, A = np.empty(rewards.shape), np.empty(rewards.shape)
    for k, r in enumerate(r_pi):
        V[k], residual = solve_discounted(P_pi.matvec, r, gamma, matrix=P_pi.factorable(False))
        error = max(error, float(np.abs(residual).max()) / (1 - gamma))
        tables = Q[k].reshape(-1), A[k].reshape(-1)
        _contract(*_parts(P), rewards[k].ravel(), V[k], gamma, game.joint_actions, *tables)
    rho, residual = solve_discounted(P_pi.rmatvec, game.start, gamma, matrix=P_pi.factorable(True))
    rho_error = float(np.abs(residual).sum()) / (1 - gamma)
    J = V @ game.start
    if team:
        return Evaluation(V[0], Q[0], A[0], rho, J[0], error, rho_error)
    return Evaluation(V, Q, A, rho, J, error, rho_error)


CSR = Any
"""A SciPy CSR matrix."""
DIRECT = 5000
"""Up to so many states a factorisation is affordable even if it fills in completely (200 MB)."""


class Induced(NamedTuple):
    """x ↦ P_π x and x ↦ P_πᵀ x."""

    matvec: Callable[[np.ndarray], np.ndarray]
    rmatvec: Callable[[np.ndarray], np.ndarray]
    matrix: CSR | None
    """P_π itself where it was merged."""

    def factorable(self, transposed: bool) -> Callable[[], CSR] | None:
        """How to get P_π (or P_πᵀ) for a factorisation, where S is small enough for any fill-in."""
        P = self.matrix
        if P is None or P.shape[0] > DIRECT:
            return None
        return lambda: P.T if transposed else P


def induced_operator(P: CSR, joint_actions: int, packed: tuple[Any, ...]) -> Induced:
    """P_π as an operator: merged to one S × S matrix where S is small or that halves the entries, else applied to P.

    Where successors hardly repeat within a state, P_π is as large as P and merging would only copy it.
    """
    S = P.shape[1]
    if S > DIRECT and _merged_share(P, joint_actions) > 0.5:

        def matvec(x: np.ndarray) -> np.ndarray:
            return _apply(*_parts(P), *packed, joint_actions, x, np.empty(S))

        def rmatvec(x: np.ndarray) -> np.ndarray:
            return _apply_transposed(*_parts(P), *packed, joint_actions, x, np.zeros(S))

        return Induced(matvec, rmatvec, None)
    parts = _merge_joint(*_parts(P), *packed, joint_actions, _room(P, joint_actions, 1))
    merged = _csr(parts, (S, S))
    return Induced(merged.dot, merged.T.dot, merged)


def agent_process(game: MarkovGame | TeamGame, policy: Policy, agent: int) -> tuple[CSR, np.ndarray]:
    """The decision process that ``agent`` faces: P as CSR (S·A_i, S) and r (S, A_i), the others averaged out."""
    rewards = game.rewards if isinstance(game, TeamGame) else game.rewards[agent]
    tables, offsets, counts = _packed(policy)
    own = game.action_counts[agent]
    P = game.transitions
    data, indices, indptr, r = _merge_agent(
        *_parts(P),
        rewards.ravel(),
        tables,
        offsets,
        counts,
        agent,
        game.S,
        _room(P, game.joint_actions, own),
    )
    return _csr((data, indices, indptr), (game.S * own, game.S)), r.reshape(game.S, own)


def solve_discounted(
    matvec: Callable[[np.ndarray], np.ndarray],
    b: np.ndarray,
    gamma: float,
    *,
    matrix: Callable[[], CSR] | None = None,
    residual_goal: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """x of x = b + γPx, with its residual b + γPx − x; P has row sums or column sums of at most 1 (a contraction).

    Methods in turn, each from what there is and while it gains digits fast: GMRES with a short memory, which needs the
    fewest products where P mixes well; BiCGSTAB; for chains that are periodic or nearly so, a sparse factorisation of
    ``matrix()`` where that is given (small S), else GMRES with a long memory. It stops when no residual exceeds
    ``residual_goal``, at round-off, 4 ulp of ‖b‖ + ‖x‖, or returns what it has: the residual says how good that is.
    """
    linear_operator: Any = LinearOperator  # its constructor picks a class by its arguments, which type checkers miss
    operator = linear_operator((len(b), len(b)), matvec=lambda x: x - gamma * matvec(x), dtype=float)
    last = (_long_gmres, 0.9) if matrix is None else (_factorised(matrix, gamma), 0.1)
    x, residual = b.copy(), gamma * matvec(b)
    for method, fast in ((_short_gmres, 1e-4), (_bicgstab, 0.5), last):
        shrunk = 0.0
        while shrunk < fast:
            size = float(np.abs(residual).max())
            goal = max(residual_goal, 4 * np.finfo(float).eps * float(np.abs(b).max() + np.abs(x).max()))
            if size <= goal:
                return x, residual
            candidate = x + method(operator, residual, max(1e-14, 0.2 * goal / size))
            left = b + gamma * matvec(candidate) - candidate
            shrunk = float(np.abs(left).max()) / size
            if not shrunk < 1:
                break
            x, residual = candidate, left
    return x, residual


def _factorised(matrix: Callable[[], CSR], gamma: float) -> Callable[..., np.ndarray]:
    factors: list[Any] = []

    def method(operator: Any, right: np.ndarray, rtol: float) -> np.ndarray:
        if not factors:
            factors.append(splu(csc_matrix(eye_array(len(right)) - gamma * matrix())))
        return factors[0].solve(right)

    return method


def _short_gmres(operator: Any, right: np.ndarray, rtol: float) -> np.ndarray:
    return gmres(operator, right, rtol=rtol, atol=0.0, restart=min(len(right), 25), maxiter=1)[0]


def _bicgstab(operator: Any, right: np.ndarray, rtol: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        return bicgstab(operator, right, rtol=rtol, atol=0.0, maxiter=1000)[0]


def _long_gmres(operator: Any, right: np.ndarray, rtol: float) -> np.ndarray:
    return gmres(operator, right, rtol=rtol, atol=0.0, restart=min(len(right), 100), maxiter=10)[0]


def solve_mdp(P: CSR, rewards: np.ndarray, gamma: float, actions: np.ndarray | None) -> MDPSolution:
    """Policy iteration on P (S·A, S) and r (S, A); see ``mdp.solve_mdp``."""
    S, count = rewards.shape
    greedy: Any = rewards.argmax(-1) if actions is None else actions
    rows = np.arange(S) * count
    for iteration in range(1, MAX_ITERATIONS + 1):
        P_pi = P[rows + greedy]
        direct = (lambda P_pi=P_pi: P_pi) if S <= DIRECT else None
        V, residual = solve_discounted(P_pi.dot, rewards[np.arange(S), greedy], gamma, matrix=direct)
        Q = rewards + gamma * (P @ V).reshape(S, count)
        best = Q.max(-1)
        own = Q[np.arange(S), greedy]
        better = best > own + ROUND_OFF * (1 + np.abs(V).max())
        if not better.any():
            error = float(np.abs(best - V).max() + np.abs(residual).max()) / (1 - gamma)
            return MDPSolution(V, Q, greedy, error, iteration)
        greedy = np.where(better, Q.argmax(-1), greedy)
    raise ConvergenceError(f"policy iteration did not end within {MAX_ITERATIONS} sweeps (γ = {gamma})")


def _packed(policy: Policy) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All tables in one flat array, where each starts, and the action counts: what a compiled loop can index."""
    counts = np.array([table.shape[-1] for table in policy], dtype=np.int64)
    sizes = np.array([table.size for table in policy], dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    return np.concatenate([np.ascontiguousarray(t, dtype=float).ravel() for t in policy]), offsets, counts


def _parts(P: CSR) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """indptr, indices, data; the indices unsigned, which spares compiled loops the test for Python's negative ones."""
    return P.indptr, P.indices.view(f"u{P.indices.itemsize}"), P.data


def _room(P: CSR, joint_actions: int, rows_per_state: int) -> int:
    """The most entries a merged matrix can have: per state what it has now, or every state in each row."""
    per_state = np.diff(P.indptr[::joint_actions]).astype(np.int64)
    return int(np.minimum(per_state, P.shape[1] * rows_per_state).sum())


def _merged_share(P: CSR, joint_actions: int) -> float:
    """Entries of P_π over entries of P, estimated from up to 256 states."""
    S = P.shape[1]
    sample = np.unique(np.linspace(0, S - 1, min(S, 256)).astype(int))
    starts, ends = P.indptr[sample * joint_actions], P.indptr[(sample + 1) * joint_actions]
    distinct = sum(len(np.unique(P.indices[a:b])) for a, b in zip(starts, ends, strict=True))
    return distinct / max(1, int((ends - starts).sum()))


def _csr(parts: tuple[np.ndarray, np.ndarray, np.ndarray], shape: tuple[int, int]) -> CSR:
    data, indices, indptr = parts
    matrix = csr_matrix(shape)
    matrix.data, matrix.indices, matrix.indptr = data, indices.view(f"i{indices.itemsize}"), indptr
    return matrix


@compiled
def _joint_row(tables, offsets, counts, s, skip, out):
    """π(a|s) over joint actions in C order; an agent ``skip`` counts as 1 for each of its actions."""
    filled = 1
    out[0] = 1.0
    for i in range(len(counts)):
        c = counts[i]
        start = offsets[i] + s * c
        for left in range(filled - 1, -1, -1):
            weight = out[left]
            if i == skip:
                for a in range(c - 1, -1, -1):
                    out[left * c + a] = weight
            else:
                for a in range(c - 1, -1, -1):
                    out[left * c + a] = weight * tables[start + a]
        filled *= c


@compiled
def _average_rewards(rewards, tables, offsets, counts, r_pi):
    """r_π(s) = Σ_a π(a|s) r(s, a)."""
    S = len(r_pi)
    joint_actions = len(rewards) // S
    weights = np.empty(joint_actions)
    for s in range(S):
        _joint_row(tables, offsets, counts, s, -1, weights)
        total = 0.0
        for a in range(joint_actions):
            total += weights[a] * rewards[s * joint_actions + a]
        r_pi[s] = total


@compiled
def _apply(indptr, indices, data, tables, offsets, counts, joint_actions, x, out):
    """(P_π x)(s) = Σ_a π(a|s) Σ_s' P(s'|s,a) x(s') without making P_π."""
    weights = np.empty(joint_actions)
    for s in range(len(out)):
        _joint_row(tables, offsets, counts, s, -1, weights)
        total = 0.0
        for a in range(joint_actions):
            row = s * joint_actions + a
            inner = 0.0
            for e in range(indptr[row], indptr[row + 1]):
                inner += data[e] * x[indices[e]]
            total += weights[a] * inner
        out[s] = total
    return out


@compiled
def _apply_transposed(indptr, indices, data, tables, offsets, counts, joint_actions, x, out):
    """(P_πᵀ x)(s') = Σ_s x(s) Σ_a π(a|s) P(s'|s,a); ``out`` starts at 0."""
    weights = np.empty(joint_actions)
    for s in range(len(x)):
        _joint_row(tables, offsets, counts, s, -1, weights)
        for a in range(joint_actions):
            row = s * joint_actions + a
            w = weights[a] * x[s]
            for e in range(indptr[row], indptr[row + 1]):
                out[indices[e]] += w * data[e]
    return out


@compiled
def _merge_joint(indptr, indices, data, tables, offsets, counts, joint_actions, bound):
    """P_π as CSR parts: the rows of each state added up with weights π(a|s), equal columns merged through a marker."""
    S = (len(indptr) - 1) // joint_actions
    out_ptr = np.zeros(S + 1, dtype=indptr.dtype)
    out_indices = np.empty(bound, dtype=indices.dtype)
    out_data = np.empty(bound)
    place = np.full(S, -1, dtype=np.int64)
    weights = np.empty(joint_actions)
    filled = 0
    for s in range(S):
        _joint_row(tables, offsets, counts, s, -1, weights)
        row_start = filled
        for a in range(joint_actions):
            row = s * joint_actions + a
            filled = _add_row(
                indptr[row], indptr[row + 1], indices, data, weights[a], place, row_start, filled, out_indices, out_data
            )
        out_ptr[s + 1] = filled
    return out_data[:filled], out_indices[:filled], out_ptr


@compiled
def _add_row(begin, end, indices, data, weight, place, row_start, filled, out_indices, out_data):
    """One weighted CSR row added to the row being built; ``place`` remembers where each column stands in it."""
    if weight == 0.0:
        return filled
    for e in range(begin, end):
        column = indices[e]
        at = place[column]
        if at >= row_start:
            out_data[at] += weight * data[e]
        else:
            place[column] = filled
            out_indices[filled] = column
            out_data[filled] = weight * data[e]
            filled += 1
    return filled


@compiled
def _merge_agent(indptr, indices, data, rewards, tables, offsets, counts, agent, S, bound):
    """The same for each own action of one agent: rows (s, a_i)."""
    joint_actions = (len(indptr) - 1) // S
    own = counts[agent]
    stride = 1
    for j in range(agent + 1, len(counts)):
        stride *= counts[j]
    out_ptr = np.zeros(S * own + 1, dtype=indptr.dtype)
    out_indices = np.empty(bound, dtype=indices.dtype)
    out_data = np.empty(bound)
    r = np.zeros(S * own)
    place = np.full(S, -1, dtype=np.int64)
    weights = np.empty(joint_actions)
    filled = 0
    for s in range(S):
        _joint_row(tables, offsets, counts, s, agent, weights)
        for b in range(own):
            row_start = filled
            for a in range(joint_actions):
                if (a // stride) % own != b:
                    continue
                row = s * joint_actions + a
                r[s * own + b] += weights[a] * rewards[row]
                filled = _add_row(
                    indptr[row],
                    indptr[row + 1],
                    indices,
                    data,
                    weights[a],
                    place,
                    row_start,
                    filled,
                    out_indices,
                    out_data,
                )
            out_ptr[s * own + b + 1] = filled
    return out_data[:filled], out_indices[:filled], out_ptr, r


@compiled
def _contract(indptr, indices, data, rewards, V, gamma, joint_actions, Q, A):
    """Q = r + γPV and A = Q − V in one pass."""
    for row in range(len(rewards)):
        total = 0.0
        for e in range(indptr[row], indptr[row + 1]):
            total += data[e] * V[indices[e]]
        Q[row] = rewards[row] + gamma * total
        A[row] = Q[row] - V[row // joint_actions]
