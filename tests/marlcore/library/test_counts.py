"""The recorded numbers of equilibria, by enumerations that share no code with the library, in exact numbers.

Two players: extreme equilibria are the completely labelled pairs of vertices of the best-response polyhedra
(Mangasarian 1964; von Stengel 2007). Three binary players: every support's equations solved symbolically.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import flint
import numpy as np
import pytest

from marlcore import library
from marlcore.games import MatrixGame
from marlcore.library.facts import EquilibriumSet

SETS = [
    (name, {})
    for name in library.names()
    for fact in library.describe(name).facts
    if isinstance(fact, EquilibriumSet) and name not in ("mckelvey_mclennan", "three_player_matching_pennies", "sgc")
]
SETS += [("von_stengel", {"b01": 3}), ("sgc", {"k": 1}), ("sgc", {"k": 2})]


def _vertices(payoffs: np.ndarray) -> list[tuple[tuple[Fraction, ...], frozenset[int]]]:
    """Vertices of {(x, v): x ∈ Δ, xᵀ payoffs ≤ v}; their labels: i where x_i = 0, m + j where column j is best."""
    m, n = payoffs.shape
    rows = [[int(i == k) for k in range(m)] + [0] for i in range(m)]
    rows += [[payoffs[i, j] for i in range(m)] + [-1] for j in range(n)]
    found = {}
    for tight in itertools.combinations(range(m + n), m):
        matrix = flint.fmpq_mat([rows[t] for t in tight] + [[1] * m + [0]])
        if matrix.det() == 0:
            continue
        solution = matrix.solve(flint.fmpq_mat([[0]] * m + [[1]])).entries()
        x, v = np.array(solution[:m], dtype=object), solution[m]
        best = x @ payoffs
        if (x < 0).any() or (best > v).any():
            continue
        labels = frozenset([i for i in range(m) if x[i] == 0] + [m + j for j in range(n) if best[j] == v])
        found[tuple(Fraction(int(e.p), int(e.q)) for e in x)] = labels
    return list(found.items())


def _extreme_equilibria(game: MatrixGame) -> set[tuple[tuple[Fraction, ...], tuple[Fraction, ...]]]:
    first, second = game.payoffs
    m, n = first.shape
    of_rows = _vertices(second)
    of_columns = [(y, frozenset([m + t if t < n else t - n for t in labels])) for y, labels in _vertices(first.T)]
    every = frozenset(range(m + n))
    return {(x, y) for x, own in of_rows for y, other in of_columns if own | other == every}


@pytest.mark.parametrize(("name", "params"), SETS, ids=str)
def test_the_enumeration_finds_exactly_the_recorded_equilibria(name: str, params: dict[str, int]) -> None:
    game = library.load(name, kind="rational", **params)
    found = _extreme_equilibria(game)
    facts = [result.fact for result in library.check(name, **params)]
    (known,) = [fact for fact in facts if isinstance(fact, EquilibriumSet)]
    recorded = {tuple(tuple(map(Fraction, strategy)) for strategy in profile) for profile in known.profiles}
    assert found == recorded
    assert len(found) == known.count
    if known.totally_mixed is not None:
        assert sum(all(p > 0 for s in profile for p in s) for profile in found) == known.totally_mixed


@pytest.mark.parametrize("name", ["mckelvey_mclennan", "three_player_matching_pennies"])
def test_all_equilibria_of_three_binary_players(name: str) -> None:
    import sympy

    game = library.load(name, kind="rational")
    p = sympy.symbols("p0:3")
    weights = [(x, 1 - x) for x in p]

    def gain(i: int) -> sympy.Expr:
        """Payoff of action 0 minus that of action 1."""
        total = sympy.Integer(0)
        for a in itertools.product((0, 1), repeat=3):
            others = [weights[j][a[j]] for j in range(3) if j != i]
            payoff = game.payoffs[(i, *a)]
            total += (1 - 2 * a[i]) * sympy.Rational(int(payoff.p), int(payoff.q)) * others[0] * others[1]
        return sympy.expand(total)

    gains = [gain(i) for i in range(3)]
    found = set()
    for support in itertools.product((1, 0, None), repeat=3):
        fixed = {p[i]: s for i, s in enumerate(support) if s is not None}
        free = [p[i] for i in range(3) if support[i] is None]
        equations = [g.subs(fixed) for g, s in zip(gains, support, strict=True) if s is None]
        for solution in sympy.solve(equations, free, dict=True) if free else [{}]:
            assert len(solution) == len(free), "a continuum: the game is degenerate"
            full = fixed | solution
            interior = all(0 < full[x] < 1 for x in free)
            if interior and all(
                s is None or (2 * s - 1) * g.subs(full) >= 0 for s, g in zip(support, gains, strict=True)
            ):
                found.add(tuple(Fraction(str(full[x])) for x in p))
    (known,) = [fact for fact in library.describe(name).facts if isinstance(fact, EquilibriumSet)]
    assert found == {tuple(Fraction(strategy[0]) for strategy in profile) for profile in known.profiles}
    assert len(found) == known.count
    assert sum(all(0 < x < 1 for x in profile) for profile in found) == known.totally_mixed


@pytest.mark.filterwarnings("ignore")
def test_public_solvers_miss_what_the_entries_say() -> None:
    import nashpy
    from quantecon.game_theory import NormalFormGame, Player, vertex_enumeration

    game = library.load("missed_by_support_enumeration")
    missed = list(nashpy.Game(*game.payoffs).support_enumeration())
    assert len(missed) < 3
    game = library.load("two_extreme_equilibria")
    assert len(list(nashpy.Game(*game.payoffs).support_enumeration())) < 2
    game = library.load("hidden_tie")
    assert not np.isfinite(np.concatenate(nashpy.Game(*game.payoffs).lemke_howson(0))).all()
    assert len(vertex_enumeration(NormalFormGame([Player(game.payoffs[0]), Player(game.payoffs[1].T.copy())]))) == 1


@pytest.mark.parametrize("k", [2, 4, 6])
def test_sgc_is_the_published_family(k: int) -> None:
    from quantecon.game_theory.game_generators import sgc_game

    assert np.array_equal(library.load("sgc", k=k).payoffs, np.moveaxis(sgc_game(k).payoff_profile_array, -1, 0))
