"""Zero-sum Markov games against closed forms, linear programmes, exact arithmetic and a cycle of the plain method."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from marlcore import numbers, policies, sparse
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame
from marlcore.responses import best_response
from tabular.markov.shapley import certificate, shapley, solve_stages
from tabular.markov.shapley_exact import exact_bounds

METHODS = ("newton", "value-iteration", "policy-iteration")


def zero_sum(P, r, gamma):
    r = np.asarray(r)
    return MarkovGame(np.asarray(P), np.stack([r, -r]), gamma)


def van_der_wal():
    """State 0: 3 and stay, 6 and stay with probability ⅓ / 2 and stay, 1 and stay; state 1 pays nothing; γ = ¾.

    van der Wal (1978), Discounted Markov games: generalized policy iteration method, JOTA 25: from V = 0 the plain
    method of Pollatschek & Avi-Itzhak alternates between 12 and 4 in state 0. The value is 8: at 8 the stage game
    [[9, 8], [8, 7]] has the saddle (0, 1), which is worth 6 + ¾·⅓·8 = 8.
    """
    P = np.zeros((2, 2, 2, 2))
    P[1, ..., 1] = 1
    P[0, ..., 0] = [[1, 1 / 3], [1, 1]]
    P[0, 0, 1, 1] = 2 / 3
    return zero_sum(P, [[[3.0, 6], [2, 1]], np.zeros((2, 2))], 0.75)


def plain_newton(game, steps):
    """Pollatschek & Avi-Itzhak's method without a safeguard: the values at state 0."""
    V, seen = np.zeros(game.S), []
    for _ in range(steps):
        Q = game.rewards[0] + game.discount * game.transitions @ V
        _, x, y = solve_stages(Q)
        weights = x[:, :, None] * y[:, None, :]
        P_pi = np.einsum("sab,sabt->st", weights, game.transitions)
        V = np.linalg.solve(np.eye(game.S) - game.discount * P_pi, (weights * game.rewards[0]).sum((1, 2)))
        seen.append(V[0])
    return seen


def linprog_values(game, sweeps):
    """Value iteration with a linear programme (SciPy) per state: nothing in common with what is tested."""
    V = np.zeros(game.S)
    P = game.transitions.toarray().reshape(*game.rewards.shape[1:], game.S) if game.sparse else game.transitions
    for _ in range(sweeps):
        Q = game.rewards[0] + game.discount * P @ V
        V = np.array([stage_value(q) for q in Q])
    return V


def stage_value(A):
    m, k = A.shape
    bounds = [(0, None)] * k + [(None, None)]
    A_ub, A_eq = np.c_[A, -np.ones(m)], np.r_[np.ones(k), 0][None]
    return linprog(np.r_[np.zeros(k), 1], A_ub, np.zeros(m), A_eq, [1], bounds).fun


@pytest.mark.parametrize("method", METHODS)
def test_plain_newton_cycles_and_every_method_here_does_not(method):
    game = van_der_wal()
    assert plain_newton(game, 6) == pytest.approx([12, 4, 12, 4, 12, 4])
    solution = shapley(game, method, tolerance=1e-12)
    np.testing.assert_allclose(solution.V, [8, 0], atol=1e-9)
    assert solution.converged
    assert solution.safeguards == (1 if method == "newton" else 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.95])
def test_one_state_closed_form(method, gamma):
    # the same 2×2 game for ever: its value (ad − bc)/(a + d − b − c) = 3/2 over 1 − γ, strategies (½, ½), (¼, ¾)
    game = MatrixGame(np.array([[[3.0, 1], [0, 2]], [[-3, -1], [0, -2]]])).as_markov(gamma)
    solution = shapley(game, method, tolerance=1e-13)
    assert solution.V[0] == pytest.approx(1.5 / (1 - gamma), rel=1e-11)
    np.testing.assert_allclose(solution.policies[0], [[0.5, 0.5]], atol=1e-9)
    np.testing.assert_allclose(solution.policies[1], [[0.25, 0.75]], atol=1e-9)


def test_value_that_is_no_rational():
    # one live state, [[1 → stay, 0 → end], [0 → end, 1 → end]], γ = ½: with e = ½v its stage game is
    # [[1 + e, 0], [0, 1]], so v = (1 + e)/(2 + e), v²/2 + (3/2)v − 1 = 0 and v = (√17 − 3)/2
    P = np.zeros((2, 2, 2, 2))
    P[..., 1] = 1
    P[0, 0, 0] = [1, 0]
    game = zero_sum(P, [np.eye(2), np.zeros((2, 2))], 0.5)
    solution = shapley(game, tolerance=1e-15)
    assert solution.V[0] == pytest.approx((17**0.5 - 3) / 2, abs=1e-15)


def random_game(seed, gamma):
    rng = np.random.default_rng(seed)
    S, counts = int(rng.integers(1, 9)), tuple(int(a) for a in rng.integers(1, 6, 2))
    successors = int(rng.integers(1, S + 1)) if rng.random() < 0.5 else None
    game = MarkovGame.random(S, counts, rng, discount=gamma, successors=successors, zero_sum=True)
    if rng.random() < 0.3:  # ties and degenerate stage games
        r = np.round(2 * game.rewards[0])
        game = dataclasses.replace(game, rewards=np.stack([r, -r]))
    return game


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.sampled_from(METHODS))
def test_error_holds_for_what_the_policies_guarantee(seed, gamma, method):
    game = random_game(seed, gamma)
    solution = shapley(game, method)
    assert solution.converged
    assert solution.residual <= 1e-8 * np.abs(game.rewards).max()
    assert solution.error <= solution.residual / (1 - gamma) + 1e-11 / (1 - gamma) ** 2
    row, column = solution.policies
    concedes = best_response(game, (row, column), 0)
    guarantees = best_response(game, (row, column), 1)
    slack = max(concedes.error, guarantees.error) + 1e-13 / (1 - gamma)
    assert (solution.V - solution.error - slack <= -guarantees.V).all()
    assert (solution.V + solution.error + slack >= concedes.V).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.sampled_from(METHODS))
def test_error_contains_exact_bounds(seed, gamma, method):
    game = random_game(seed, gamma)
    solution = shapley(game, method, tolerance=1e-6)
    bounds = exact_bounds(game, solution)
    V = numbers.convert(solution.V, "rational")
    error = numbers.convert(solution.error, "rational")[()]
    assert min(bounds.upper - bounds.lower) >= 0
    assert max(bounds.upper - V) <= error
    assert max(V - bounds.lower) <= error


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_exact_bounds_are_what_the_exact_opponents_get_or_wider(seed):
    game = random_game(seed, 0.5)
    solution = shapley(game, "value-iteration", tolerance=1e-2)
    bounds = exact_bounds(game, solution)
    if game.sparse:
        P = game.transitions.toarray().reshape(*game.rewards.shape[1:], game.S)
        game = dataclasses.replace(game, transitions=P)
    exact, pair = game.convert("rational"), policies.convert(solution.policies, "rational")
    assert min(best_response(exact, pair, 0).V - bounds.lower) >= 0
    assert min(bounds.upper - best_response(exact, pair, 0).V) >= 0
    assert min(-best_response(exact, pair, 1).V - bounds.lower) >= 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(METHODS))
def test_against_value_iteration_by_linear_programmes(seed, method):
    game = random_game(seed, 0.5)
    expected = linprog_values(game, 34)  # 2⁻³⁴ of the start's error: 1e-10 of values up to 6
    np.testing.assert_allclose(shapley(game, method, tolerance=1e-11).V, expected, atol=1e-8)


def test_five_hundred_adversarial_games():
    # few states, huge differences between rewards, transitions near 0 or 1: where Newton's plain step overshoots
    rng = np.random.default_rng(20)
    refused = 0
    for _ in range(500):
        S, counts = int(rng.integers(1, 3)), (int(rng.integers(2, 4)), int(rng.integers(2, 4)))
        P = np.zeros((S + 1, *counts, S + 1))
        ends = rng.beta(0.3, 0.3, (S, *counts))  # one more state, where all ends
        P[:S, ..., :S] = ends[..., None] * rng.dirichlet(np.ones(S), (S, *counts))
        P[:S, ..., S] = 1 - ends
        P[S, ..., S] = 1
        r = np.zeros((S + 1, *counts))
        r[:S] = rng.normal(size=(S, *counts)) * 10 ** rng.uniform(-2, 2, (S, *counts))
        game = zero_sum(P, r, 0.99)
        solution = shapley(game)
        refused += solution.safeguards > 0
        assert solution.converged
        assert solution.sweeps <= 60
        bounds = exact_bounds(game, solution)
        assert float(numbers.convert(bounds.gap, "float")) <= solution.gap
    assert refused >= 10  # the safeguard is exercised


@pytest.mark.parametrize("gamma", [0.9, 0.999])
def test_newton_takes_few_sweeps(gamma):
    game = MarkovGame.random(2000, (5, 5), np.random.default_rng(0), discount=gamma, successors=5, zero_sum=True)
    solution = shapley(game)
    assert solution.converged
    assert solution.sweeps <= 8
    assert solution.error <= 1e-8 / (1 - gamma) + 1e-8


def test_newtons_systems_are_solved_no_better_than_they_deserve(monkeypatch):
    products, solve = [], sparse.solve_discounted

    def counting(matvec, *arguments, **options):
        return solve(lambda x: products.append(1) or matvec(x), *arguments, **options)

    monkeypatch.setattr(sparse, "solve_discounted", counting)
    game = MarkovGame.random(2000, (5, 5), np.random.default_rng(0), discount=0.9, successors=5, zero_sum=True)
    inexact = shapley(game)
    # to round-off each of the systems takes some 20 products or more, and no sweep is saved by it
    assert inexact.converged
    assert len(products) <= 10 * inexact.sweeps


@pytest.mark.parametrize("gamma", [0.5, 0.9])
def test_value_iteration_contracts_at_its_rate(gamma):
    # [[1 → stay, 0 → end], …] constant: span of the residual shrinks by γ exactly in a chain that never mixes
    P = np.zeros((2, 1, 1, 2))
    P[0, 0, 0, 0] = P[1, 0, 0, 1] = 1
    game = zero_sum(P, [[[1.0]], [[0.0]]], gamma)
    residuals = []
    shapley(game, "value-iteration", 1e-6, progress=lambda sweeps, residual, target: residuals.append(residual))
    np.testing.assert_allclose(np.array(residuals[1:]) / residuals[:-1], gamma, rtol=1e-6)
    assert len(residuals) == 1 + int(np.ceil(np.log(1e-6 / 0.5) / np.log(gamma)))


def test_dense_and_sparse_agree():
    csr = MarkovGame.random(40, (3, 4), np.random.default_rng(5), discount=0.95, successors=3, zero_sum=True)
    dense = dataclasses.replace(csr, transitions=csr.transitions.toarray().reshape(40, 3, 4, 40))
    for method in METHODS:
        a, b = shapley(csr, method, 1e-10), shapley(dense, method, 1e-10)
        assert np.abs(a.V - b.V).max() <= a.error + b.error


def test_players_swapped():
    game = MarkovGame.random(6, (3, 4), np.random.default_rng(6), discount=0.9, zero_sum=True)
    swapped = MarkovGame(game.transitions.swapaxes(1, 2), game.rewards[::-1].swapaxes(2, 3), 0.9)
    a, b = shapley(game, tolerance=1e-12), shapley(swapped, tolerance=1e-12)
    np.testing.assert_allclose(a.V, -b.V, atol=1e-10)


@pytest.mark.parametrize("factor", [1e-8, 1e12])
def test_scale_of_the_rewards(factor):
    game = MarkovGame.random(6, (3, 4), np.random.default_rng(6), discount=0.9, zero_sum=True)
    scaled = dataclasses.replace(game, rewards=factor * game.rewards)
    a, b = shapley(game), shapley(scaled)
    assert b.converged
    assert np.abs(b.V - factor * a.V).max() <= b.error + factor * a.error


def test_all_rewards_zero():
    game = zero_sum(np.full((3, 2, 2, 3), 1 / 3), np.zeros((3, 2, 2)), 0.9)
    for method in METHODS:
        solution = shapley(game, method)
        assert solution.converged
        assert solution.error == 0
        assert (solution.V == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_not_converging_is_a_result_that_says_so(method):
    game = MarkovGame.random(6, (3, 4), np.random.default_rng(6), discount=0.99, zero_sum=True)
    exact = shapley(game, tolerance=1e-12)
    solution = shapley(game, method, tolerance=1e-12, max_iterations=1)
    assert not solution.converged
    assert solution.sweeps == 1
    assert np.abs(solution.V - exact.V).max() <= solution.error + exact.error
    assert np.isfinite(solution.error)


def test_a_tolerance_below_round_off_ends_and_says_so():
    game = MarkovGame.random(6, (3, 4), np.random.default_rng(6), discount=0.999, zero_sum=True)
    for method in ("newton", "policy-iteration"):
        solution = shapley(game, method, tolerance=0.0, max_iterations=500)
        assert solution.error < 1e-7
        assert solution.converged == (solution.residual == 0)


def test_rows_that_miss_a_sum_of_one_widen_the_error():
    # one state that pays 1 and is left nowhere with probability δ: v = 1/(1 − γ(1 − δ)), not the centred 1/(1 − γ)
    delta = 9e-10
    game = zero_sum([[[[1 - delta]]]], [[[1.0]]], 0.9)
    solution = shapley(game, "value-iteration")
    assert solution.residual == 0
    assert 7e-8 < abs(solution.V[0] - 1 / (1 - 0.9 * (1 - delta))) <= solution.error < 1e-7


def test_a_rational_game_is_rounded():
    game = MarkovGame.random(3, (2, 2), np.random.default_rng(1), zero_sum=True)
    np.testing.assert_allclose(shapley(game.convert("rational")).V, shapley(game).V, atol=1e-12)


BAD = {
    "general-sum": (lambda: shapley(MarkovGame.random(2, (2, 2), np.random.default_rng(0))), r"not zero-sum: r¹ \+ r²"),
    "three players": (lambda: shapley(MarkovGame.random(2, (2, 2, 2), np.random.default_rng(0))), "two players, not 3"),
    "team": (lambda: shapley(TeamGame.random(2, (2, 2), np.random.default_rng(0))), "TeamGame; a team is solved by"),
    "matrix": (lambda: shapley(MatrixGame.random((2, 2), np.random.default_rng(0))), "solve_zero_sum"),
    "array": (lambda: shapley(np.eye(3)), "MarkovGame, not ndarray"),
    "batch": (
        lambda: shapley(MarkovGame.random(2, (2, 2), np.random.default_rng(0), zero_sum=True, batch=3)),
        r"batch of shape \(3,\)",
    ),
    "bounds": (
        lambda: exact_bounds(TeamGame.random(2, (2, 2), np.random.default_rng(0)), shapley(van_der_wal())),
        "exact_bounds takes a zero-sum MarkovGame, not TeamGame",
    ),
    "bounds of another game": (
        lambda: exact_bounds(
            MarkovGame.random(3, (2, 2), np.random.default_rng(0), zero_sum=True), shapley(van_der_wal())
        ),
        r"policy\[0\] must have shape \(3, 2\), not \(2, 2\)",
    ),
    "method": (lambda: shapley(van_der_wal(), "simplex"), "newton, value-iteration, policy-iteration, not 'simplex'"),
    "tolerance": (lambda: shapley(van_der_wal(), tolerance=float("nan")), "tolerance must be a number ≥ 0, not nan"),
    "limit": (lambda: shapley(van_der_wal(), max_iterations=0), "max_iterations must be a whole number ≥ 1, not 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, message = BAD[name]
    with pytest.raises(InputError, match=message):
        call()


def test_certificate_is_of_the_policies_not_of_the_sweep():
    from tabular.markov.shapley import Stages

    game = MarkovGame.random(4, (3, 3), np.random.default_rng(3), discount=0.9, zero_sum=True)
    stages = Stages(game, 10, None, 0.0)
    last = stages.sweep(shapley(game, tolerance=1e-12).V)
    honest = certificate(stages, last)[2]
    spoiled = dataclasses.replace(last, x=np.full_like(last.x, 1 / 3))
    assert honest < 1e-10 < 1e-3 < certificate(stages, spoiled)[2]
