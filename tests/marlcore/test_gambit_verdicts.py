"""The stored verdicts are what they say: exact equilibria, all of them, on the games that the issue asks for."""

import itertools
from fractions import Fraction

import flint
import numpy as np


def regrets(A, B, x, y):
    rows = [sum(int(a) * q for a, q in zip(row, y, strict=True)) for row in A]
    columns = [sum(int(b) * p for b, p in zip(column, x, strict=True)) for column in B.T]
    return (
        max(rows) - sum(p * v for p, v in zip(x, rows, strict=True)),
        max(columns) - sum(q * v for q, v in zip(y, columns, strict=True)),
    )


def test_every_verdict_is_an_exact_equilibrium_and_none_is_twice(gambit_verdicts, gambit_accessible):
    for A, B, equilibria in gambit_verdicts + gambit_accessible:
        assert equilibria
        assert len(set(equilibria)) == len(equilibria)
        for x, y in equilibria:
            assert min(*x, *y) >= 0
            assert (sum(x), sum(y)) == (1, 1)
            assert regrets(A, B, x, y) == (0, 0)


def test_the_set_of_games_is_wide_enough(gambit_verdicts):
    drawn = [(A, B) for A, B, _ in gambit_verdicts if min(A.min(), B.min()) >= 0 and max(A.max(), B.max()) <= 3]
    assert len(drawn) >= 600
    assert {A.shape for A, _ in drawn} == set(itertools.product(range(1, 6), repeat=2))
    assert any(not A.any() and not B.any() and A.shape == (5, 5) for A, B in drawn)
    assert any(abs(A).max() >= 10**6 for A, _, _ in gambit_verdicts)
    degenerate = [g for g in gambit_verdicts if len(g[2]) % 2 == 0]  # an even number only happens in degenerate games
    assert len(degenerate) > 100


def best_reply_vertices(payoffs):
    """Vertices (q, v) of {q ≥ 0, Σq = 1, payoffs·q ≤ v}: per vertex q and the labels that are tight there.

    Every choice of k tight inequalities is solved exactly: nothing but linear algebra, and no pivoting rule.
    """
    m, k = payoffs.shape
    tight = [[*map(int, row), -1] for row in payoffs] + [[int(i == j) for i in range(k)] + [0] for j in range(k)]
    found = {}
    for chosen in itertools.combinations(range(m + k), k):
        system = flint.fmpq_mat([[1] * k + [0], *(tight[c] for c in chosen)])
        if system.det() == 0:
            continue
        *q, v = (Fraction(int(e.p), int(e.q)) for e in system.solve(flint.fmpq_mat(k + 1, 1, [1] + [0] * k)).entries())
        values = [sum(int(a) * p for a, p in zip(row, q, strict=True)) for row in payoffs]
        if min(q) >= 0 and max(values) <= v:
            best = {i for i in range(m) if values[i] == v}
            found[tuple(q)] = best | {m + j for j in range(k) if q[j] == 0}
    return found


def test_the_verdicts_are_complete(gambit_verdicts):
    """The same sets again: pairs of vertices that are best replies to each other."""
    for A, B, equilibria in gambit_verdicts:
        m, k = A.shape
        columns = best_reply_vertices(A)
        # B's own labels count player 2's actions first: in the common count they come after the m of player 1
        rows = {x: {m + j if j < k else j - k for j in labels} for x, labels in best_reply_vertices(B.T).items()}
        everything = set(range(m + k))
        pairs = {(x, y) for x, xl in rows.items() for y, yl in columns.items() if xl | yl == everything}
        assert pairs == set(equilibria), (A, B)


def test_mckelvey_and_mclennan_have_nine_equilibria_two_of_them_totally_mixed(gambit_three_players):
    payoffs, equilibria = gambit_three_players[0]
    assert payoffs[:, 0, 0, 0].tolist() == [9, 8, 12]
    assert len(equilibria) == 9
    mixed = [e for e in equilibria if min(p for x in e for p in x) > 0]
    assert len(mixed) == 2
    assert any(np.allclose(np.concatenate(e), [0.4, 0.6, 0.5, 0.5, 1 / 3, 2 / 3], atol=1e-9) for e in mixed)


def test_three_player_verdicts_have_no_regret(gambit_three_players):
    for payoffs, equilibria in gambit_three_players:
        for x, y, z in equilibria:
            own = [
                np.einsum("abc,b,c->a", payoffs[0], y, z),
                np.einsum("abc,a,c->b", payoffs[1], x, z),
                np.einsum("abc,a,b->c", payoffs[2], x, y),
            ]
            assert max(v.max() - v @ p for v, p in zip(own, (x, y, z), strict=True)) < 1e-6
