"""Lemma 8, its constants, and what is false about the misprinted ones."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marlcore import bounds, numbers, policies
from marlcore.divergences import max_kl
from marlcore.errors import InputError
from marlcore.games import MarkovGame, TeamGame, unstack
from marlcore.values import evaluate

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("gamma", [1e-300, 1e-9, 0.1, 0.4, 0.5, 0.5000001, 0.7, 0.9, 0.99, 0.999, 0.9999, 0.99999])
def test_sharp_constant_to_full_double_precision(gamma):
    with mpmath.workdps(60):
        exact = 2 * mpmath.polylog(mpmath.mpf(-1) / 2, mpmath.mpf(gamma))
        error = abs(mpmath.mpf(bounds.sharp_constant(gamma)) / exact - 1)
    assert error < 1e-15


@given(st.floats(1e-6, 0.9999))
def test_sharp_constant_ball_contains_the_float_within_an_ulp(gamma):
    import flint

    with numbers.precision(128):
        ball = bounds.sharp_constant(flint.arb(gamma))
    assert abs(float(ball.mid()) / bounds.sharp_constant(gamma) - 1) < 1e-15


def test_sharp_constant_at_zero_and_as_an_array():
    with np.errstate(divide="raise", invalid="raise"):  # no logarithm of 0 on the way
        assert bounds.sharp_constant(0.0) == 0
    grid = np.array([[0.0, 0.3], [0.5, 0.99]])
    ours = bounds.sharp_constant(grid)
    assert ours.shape == (2, 2)
    assert [bounds.sharp_constant(g) for g in grid.flat] == ours.ravel().tolist()


def test_sharp_constant_gradient_is_the_next_polylogarithm():
    import torch

    gamma = torch.tensor([0.0, 1e-3, 0.3, 0.6, 0.99], dtype=torch.float64, requires_grad=True)
    with np.errstate(divide="raise", invalid="raise"):
        bounds.sharp_constant(gamma).sum().backward()
    assert gamma.grad is not None
    assert gamma.grad[0] == 2  # the series starts with 2γ
    for g, slope in zip(gamma[1:].tolist(), gamma.grad[1:].tolist(), strict=True):
        exact = 2 * mpmath.polylog(-1.5, g) / g
        assert slope == pytest.approx(float(exact), rel=1e-13)


def test_ratio_of_the_constants_is_what_the_docstring_says():
    ratios = [bounds.sharp_constant(g) / (4 * g / (1 - g) ** 2) for g in (0.9, 0.99, 0.999)]
    np.testing.assert_allclose(ratios, [0.143, 0.044, 0.014], atol=6e-4)
    for g in np.linspace(0.001, 0.9999, 50):
        assert bounds.sharp_constant(g) <= 2 * g / (1 - g) ** 2  # term by term: √t ≤ t


@given(st.integers(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=3), seeds, st.data())
def test_lemma_8_holds_with_both_constants_in_any_order(states, counts, seed, data):
    rng = np.random.default_rng(seed)
    gamma = data.draw(st.sampled_from([0.0, 0.5, 0.9, 0.99]))
    order = data.draw(st.permutations(range(len(counts))))
    game = TeamGame.random(states, counts, rng, discount=gamma)
    old = policies.random(game, rng)
    new = policies.mix(old, policies.random(game, rng), data.draw(st.sampled_from([1.0, 0.1, 0.01])))
    J = evaluate(game, new).J
    paper = bounds.lower_bound(game, old, new, order, "paper")
    sharp = bounds.lower_bound(game, old, new, order, "sharp")
    slack = 1e-12 / (1 - gamma)
    assert sharp.value - slack <= J
    assert sharp.value >= paper.value - slack


def test_the_parts_of_the_bound_add_up():
    rng = np.random.default_rng(0)
    game = TeamGame.random(3, (2, 3), rng)
    old, new = policies.random(game, rng), policies.random(game, rng)
    e = evaluate(game, old)
    bound = bounds.lower_bound(game, old, new, (1, 0), "paper")
    eps = np.abs(e.A).max()
    assert bound.constant == pytest.approx(4 * 0.9 * eps / 0.01)
    assert bound.divergences == (max_kl(old[1], new[1]), max_kl(old[0], new[0]))
    gain = sum((e.rho * (policies.joint(new) * e.A).sum((1, 2))).sum() for _ in range(1))
    assert sum(bound.surrogates) == pytest.approx(gain)
    assert bound.value == pytest.approx(e.J + gain - bound.constant * sum(bound.divergences))
    assert bounds.lower_bound(game, old, new, (1, 0), "sharp").constant == eps * bounds.sharp_constant(0.9)
    own = bounds.lower_bound(game, old, new, (1, 0), 2.5)
    assert own.value == pytest.approx(e.J + gain - 2.5 * sum(bound.divergences))
    assert bounds.lower_bound(game, old, new, (0, 1), 2.5).order == (0, 1)


def test_the_misprint_with_the_fraction_bar_lost_is_false():
    # C = 4γε(1−γ)²: about a fifth of random small games with γ = ½ … 0.99 break it
    rng = np.random.default_rng(0)
    game = TeamGame.random(3, (2, 2), rng, discount=0.9, batch=2000)
    old, new = policies.random(game, rng), policies.random(game, rng)
    e = evaluate(game, old)
    eps = bounds.largest_advantage(e.A, 2)
    misprint = bounds.lower_bound(game, old, new, None, 4 * 0.9 * eps * 0.1**2)
    assert 0.05 < (misprint.value > evaluate(game, new).J).mean() < 0.6
    correct = bounds.lower_bound(game, old, new, None, "sharp")
    assert (correct.value <= evaluate(game, new).J).all()


def test_batches_are_side_by_side():
    rng = np.random.default_rng(0)
    game = TeamGame.random(2, (2, 3), rng, batch=5)
    old, new = policies.random(game, rng), policies.random(game, rng)
    for penalty in ("paper", "sharp"):
        whole = bounds.lower_bound(game, old, new, (1, 0), penalty).value
        for k, one in enumerate(unstack(game)):
            pair = tuple(t[k] for t in old), tuple(t[k] for t in new)
            assert whole[k] == pytest.approx(bounds.lower_bound(one, *pair, (1, 0), penalty).value, rel=1e-12)


def test_a_discount_for_each_game_of_a_batch():
    rng = np.random.default_rng(0)
    game = TeamGame.random(2, (2, 2), rng, batch=3)
    game = TeamGame(game.transitions, game.rewards, np.array([0.0, 0.5, 0.99]), game.start, (3,))
    old, new = policies.random(game, rng), policies.random(game, rng)
    for penalty in ("paper", "sharp"):
        whole = bounds.lower_bound(game, old, new, None, penalty).value
        for k, one in enumerate(unstack(game)):
            single = bounds.lower_bound(one, *(tuple(t[k] for t in p) for p in (old, new)), None, penalty)
            assert whole[k] == pytest.approx(single.value, rel=1e-11)


def test_an_action_that_leaves_makes_the_bound_minus_infinity():
    game = TeamGame.random(2, (2,), np.random.default_rng(0))
    bound = bounds.lower_bound(game, policies.uniform(game), policies.deterministic(game, (0,)))
    assert bound.value == -np.inf


def test_bad_input_is_refused():
    rng = np.random.default_rng(0)
    game = TeamGame.random(2, (2, 2), rng)
    pi = policies.uniform(game)
    with pytest.raises(InputError, match='penalty must be "paper", "sharp" or a number, not "big"'):
        bounds.lower_bound(game, pi, pi, None, "big")
    with pytest.raises(InputError, match=r"order \(0,\) is no permutation of the 2 agents"):
        bounds.lower_bound(game, pi, pi, (0,))
    with pytest.raises(InputError, match="team games"):
        bounds.lower_bound(MarkovGame.random(2, (2, 2), rng), pi, pi)
    with pytest.raises(InputError, match=r"new\[1\]\(·\|s=0\) is not a distribution"):
        bounds.lower_bound(game, pi, (pi[0], pi[1] * 2))
