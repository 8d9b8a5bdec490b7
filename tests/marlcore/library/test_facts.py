"""Every recorded fact holds, and none holds by default: a perturbed game, or a perturbed fact, is refused."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from marlcore import library, numbers
from marlcore.games import MatrixGame, TeamGame
from marlcore.library import facts
from marlcore.library.exact import common, exact, last_digit, zero_sum

VARIATIONS = [
    ("weighted_rock_paper_scissors", {"rock": 3, "paper": "1/2", "scissors": 0.25}),
    ("constant", {"value": "7/3"}),
    *[("penalty", {"k": k}) for k in (-100, -10, -8, "-15/2", -4, 0, 1)],
    ("von_stengel", {"b01": 3}),
    *[("trap_of_homogeneity", {"n": n}) for n in (2, 6, 8)],
    *[("dispersion", {"n": n}) for n in (2, 4)],
    *[("sgc", {"k": k}) for k in (1, 2, 4)],
    ("colonel_blotto", {"hills": 2, "troops": 3, "rho": -1, "seed": 5}),
    ("ranking", {"n": 7, "steps": 3, "seed": 2}),
    ("tournament", {"n": 7, "k": 3, "seed": 1}),
    ("unit_vector", {"n": 3, "seed": 4}),
    ("random_covariant", {"n": 3, "actions": 3, "rho": "-1/2"}),
    ("random_covariant", {"n": 4, "actions": 2, "rho": 1}),
    ("grid_game_1", {"gamma": "9/10"}),
    ("random_walk_chain", {"states": 20, "gamma": "1/2", "alpha": "1/10"}),
]


@pytest.mark.parametrize("name", library.names())
def test_every_game_has_facts_and_they_hold(name: str) -> None:
    results = library.check(name)
    assert results
    for result in results:
        assert result.holds, f"{result.fact.describe()}: error {result.error}, tolerance {result.tolerance}"
        assert result.fact.source


@pytest.mark.parametrize("name", [name for name in library.names() if name != "soccer"])
def test_facts_hold_in_floats_too(name: str) -> None:
    game = library.load(name)
    for fact in library.describe(name).facts:
        assert fact.check(game).holds, fact.describe()


@pytest.mark.parametrize(("name", "params"), VARIATIONS, ids=str)
def test_facts_hold_at_other_parameters(name: str, params: dict[str, object]) -> None:
    results = library.check(name, **params)
    assert results
    assert all(result.holds for result in results), [r.fact.describe() for r in results if not r.holds]


@pytest.mark.parametrize("name", library.names())
def test_a_perturbed_game_breaks_its_facts(name: str) -> None:
    entry = library.describe(name)
    field = "payoffs" if isinstance(library.load(name), MatrixGame) else "rewards"
    exactly = name != "soccer"
    game = library.load(name, kind="rational" if exactly else "float")
    payoffs = getattr(game, field)
    shift = np.random.default_rng(0).integers(1, 9, payoffs.shape)
    moved = payoffs + (exact(shift) if exactly else shift)
    broken = dataclasses.replace(game, **{field: moved})

    def fails(fact: facts.Fact) -> bool:
        try:
            return not fact.check(broken).holds
        except (ValueError, AssertionError, IndexError):  # no longer zero-sum, no longer a saddle point
            return True

    assert any(fails(fact) for fact in entry.facts)


def _wrong(fact: facts.Fact) -> list[facts.Fact]:
    """Copies of a fact with one number moved."""
    wrong: list[facts.Fact] = []
    replace = dataclasses.replace
    if isinstance(fact, facts.Equilibrium) and fact.payoffs is not None:
        wrong.append(replace(fact, payoffs=(Fraction(fact.payoffs[0]) + Fraction(1, 50), *fact.payoffs[1:])))
    elif isinstance(fact, (facts.Value, facts.SharedOptimum, facts.Optimum)):
        wrong += [replace(fact, value=Fraction(fact.value) + d) for d in (Fraction(1, 10**6), -Fraction(1, 10**6))]
    elif isinstance(fact, facts.Gap):
        wrong.append(replace(fact, gap=Fraction(fact.gap) + Fraction(1, 100)))
    elif isinstance(fact, facts.TeamOptimum):
        wrong.append(replace(fact, values=(Fraction(fact.values[0]) + 1, *fact.values[1:])))
    elif isinstance(fact, facts.PerfectEquilibrium):
        (state, values), *rest = fact.values
        moved = tuple(str(Fraction(v) + Fraction(1, 10**6)) for v in values)
        wrong.append(replace(fact, values=((state, moved), *rest)))
    elif isinstance(fact, facts.Measured):
        values = fact.value if isinstance(fact.value, tuple) else (fact.value,)
        moved = tuple(Fraction(v) + Fraction(3, 100) for v in values)
        wrong.append(replace(fact, value=moved if isinstance(fact.value, tuple) else moved[0]))
    return wrong


@pytest.mark.parametrize("name", library.names())
def test_a_perturbed_fact_fails(name: str) -> None:
    entry = library.describe(name)
    game = library.load(name, kind="float" if name == "soccer" else "rational")
    for fact in entry.facts:
        for wrong in _wrong(fact):
            assert not wrong.check(game).holds, wrong.describe()


def test_an_equilibrium_set_refuses_repeated_profiles() -> None:
    twice = (((1, 0), (1, 0)),) * 2
    fact = facts.EquilibriumSet(profiles=twice, count=2, source="none")
    with pytest.raises(ValueError, match="2 profiles, 1 of them distinct"):
        fact.check(common([[1, 0], [0, 1]], 2))


def test_an_optimum_must_be_attained_everywhere_it_is() -> None:
    game = common([[1, 0], [0, 1]], 2)
    assert facts.Optimum(value=1, actions=((0, 0), (1, 1)), source="none").check(game).holds
    assert not facts.Optimum(value=1, actions=((0, 0),), source="none").check(game).holds
    assert not facts.Optimum(value=0, actions=((0, 1),), source="none").check(game).holds


def test_a_value_needs_a_zero_sum_game_and_both_strategies() -> None:
    value = facts.Value(value=0, row=("1/2", "1/2"), column=("1/2", "1/2"), source="none")
    assert value.check(zero_sum([[1, -1], [-1, 1]])).holds
    assert not dataclasses.replace(value, row=(1, 0)).check(zero_sum([[1, -1], [-1, 1]])).holds
    assert not dataclasses.replace(value, column=(1, 0)).check(zero_sum([[1, -1], [-1, 1]])).holds
    with pytest.raises(ValueError, match="not zero-sum"):
        value.check(common([[1, 0], [0, 1]], 2))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_shared_optimum_is_the_best_on_a_fine_grid(n: int) -> None:
    rng = np.random.default_rng(n)
    table = rng.integers(-3, 4, (2,) * n)
    game = common(table.tolist(), n)
    p = np.linspace(0, 1, 20001)
    weights = np.stack([p, 1 - p])
    J = sum(table[a] * np.prod([weights[i] for i in a], axis=0) for a in np.ndindex(*table.shape))
    best = int(np.argmax(J))
    fact = facts.SharedOptimum(value=Fraction(float(J[best])), first=Fraction(float(p[best])), source="none")
    assert float(numbers.convert(np.asarray(fact.error(game)), "float")) < 1e-6
    worse = facts.SharedOptimum(value=Fraction(float(J[0])), first=0, source="none")
    if J[best] > J[0] + 0.01:
        assert float(numbers.convert(np.asarray(worse.error(game)), "float")) > 0.005


def test_a_team_optimum_names_actions_that_attain_it() -> None:
    game = library.load("stop_or_go", kind="rational")
    assert isinstance(game, TeamGame)
    (fact,) = [f for f in library.describe("stop_or_go").facts if isinstance(f, facts.TeamOptimum)]
    assert not dataclasses.replace(fact, actions=((0,), (1,), (0,))).check(game).holds


def test_printed_digits_set_the_tolerance() -> None:
    assert last_digit("0.2184844404") == Fraction(5, 10**11)
    assert last_digit("997.42", "1.5") == Fraction(1, 20)
    assert last_digit(3, Fraction(1, 3), "1/3") == 0
