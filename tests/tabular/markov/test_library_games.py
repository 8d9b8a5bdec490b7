"""The library's Markov games: the solvers reach the values that their facts state, which nobody here computed."""

from fractions import Fraction

import numpy as np
import pytest

from marlcore import library
from marlcore.games import MatrixGame, TeamGame, is_zero_sum
from marlcore.responses import nash_gap
from tabular.markov import selection
from tabular.markov.general_sum import nash_value_iteration
from tabular.markov.selection import Selected
from tabular.markov.shapley import shapley
from tabular.markov.shapley_exact import exact_bounds
from tabular.markov.team import solve_team
from tabular.static.enumeration import nash_equilibria


def markov_games():
    return [name for name in library.names() if not isinstance(library.load(name), MatrixGame)]


def stated_values(name):
    """{state: the values that some stated Markov-perfect equilibrium has there}, player by player."""
    facts = [f for f in library.describe(name).facts if type(f).__name__ == "PerfectEquilibrium"]
    return [{state: [float(Fraction(v)) for v in values] for state, values in fact.values} for fact in facts]


@pytest.mark.parametrize("method", ["newton", "value-iteration", "policy-iteration"])
@pytest.mark.parametrize("name", ["soccer", "van_der_wal"])
def test_zero_sum_values(name, method):
    game = library.load(name)
    solution = shapley(game, method, tolerance=1e-11)
    assert solution.converged
    stated = [facts for facts in stated_values(name) if facts]
    assert stated
    for values in stated:
        for state, (first, second) in values.items():
            assert solution.V[state] == pytest.approx(first, abs=1e-9)
            assert -solution.V[state] == pytest.approx(second, abs=1e-9)


def test_soccer_is_proved_in_rationals():
    # independent programs agree on 0.2184844404 at the kick-off with the ball; the rationals around it leave 1e-9
    game = library.load("soccer")
    bounds = exact_bounds(game, shapley(game, tolerance=1e-12))
    with_ball = np.flatnonzero(game.start)[0]
    assert Fraction("0.21848444") < Fraction(str(bounds.lower[with_ball]))
    assert Fraction(str(bounds.upper[with_ball])) < Fraction("0.21848445")
    assert Fraction(str(bounds.gap)) < Fraction(1, 10**9)


@pytest.mark.parametrize("select", list(selection.RULES))
@pytest.mark.parametrize("name", ["grid_game_1", "grid_game_2"])
def test_grid_games(name, select):
    game = library.load(name)
    solution = nash_value_iteration(game, select)
    assert solution.converged
    assert solution.epsilon < 1e-9
    at_start = solution.V @ game.start
    start = int(np.flatnonzero(game.start)[0])
    known = [values[start] for values in stated_values(name) if start in values]
    assert min(np.abs(at_start - v).max() for v in known) < 1e-7


def test_a_rule_that_cycles_on_grid_game_2_still_finds_an_equilibrium():
    # always the most mixed stage equilibrium: V goes round, and in one of the cycle's policies both go up at the start,
    # for fear of mixed play in the middle: v = ¼·98.01 (both pass) + ¼·98.01 (only I) + ¼·0.99·v (nobody)
    def most_mixed(payoffs):
        x, y = (np.empty((len(payoffs), count)) for count in payoffs.shape[2:])
        for s, game in enumerate(selection.rounded(payoffs)):
            profiles = nash_equilibria(MatrixGame(game)).profiles
            x[s], y[s] = max(profiles, key=lambda p: -(p[0] ** 2).sum() - (p[1] ** 2).sum())
        return Selected((x, y), np.ones(len(payoffs), dtype=bool))

    game = library.load("grid_game_2")
    solution = nash_value_iteration(game, most_mixed)
    assert not solution.converged
    assert solution.period == 5
    np.testing.assert_allclose(solution.V @ game.start, [49.005 / 0.7525] * 2)
    assert float(nash_gap(game, solution.policy).max) <= solution.epsilon < 1e-9


def test_teams():
    names = [name for name in markov_games() if isinstance(library.load(name), TeamGame)]
    checked = 0
    for name in names:
        facts = [f for f in library.describe(name).facts if type(f).__name__ == "TeamOptimum"]
        solution = solve_team(library.load(name, kind="rational"))
        for fact in facts:
            checked += 1
            assert [Fraction(str(v)) for v in solution.V] == [Fraction(str(v)) for v in fact.values]
    assert checked >= 3


def test_every_markov_game_is_solved_by_what_fits_it():
    for name in markov_games():
        game = library.load(name)
        if isinstance(game, TeamGame):
            assert solve_team(game).error < 1e-9
        elif is_zero_sum(game):
            assert shapley(game).converged
        else:
            assert nash_value_iteration(game).epsilon < 1e-6
