"""n players: known games, certificates on random and degenerate ones."""

import numpy as np
import pytest

import tabular
from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from tabular.static import many_players
from tabular.static.equilibrium import action_values
from tabular.static.many_players import logit_equilibrium


def mckelvey_mclennan():
    # McKelvey & McLennan (1996): 9 equilibria of a 2×2×2 game, 2 of them totally mixed
    payoffs = np.zeros((3, 2, 2, 2))
    payoffs[:, 0, 0, 0], payoffs[:, 1, 1, 0] = (9, 8, 12), (9, 8, 2)
    payoffs[:, 0, 1, 1] = payoffs[:, 1, 0, 1] = (3, 4, 6)
    return MatrixGame(payoffs)


def test_mckelvey_mclennan():
    found = logit_equilibrium(mckelvey_mclennan())
    np.testing.assert_allclose(np.concatenate(found.profile), [0.4, 0.6, 0.5, 0.5, 1 / 3, 2 / 3], atol=1e-12)
    assert found.epsilon < 1e-12


def test_three_player_matching_pennies():
    # player i wants to match the next, the last to differ from the first: only (½, ½) for everybody
    payoffs = np.zeros((3, 2, 2, 2))
    for a, b, c in np.ndindex(2, 2, 2):
        payoffs[:, a, b, c] = [2 * (a == b) - 1, 2 * (b == c) - 1, 2 * (c != a) - 1]
    found = logit_equilibrium(MatrixGame(payoffs))
    np.testing.assert_allclose(np.concatenate(found.profile), 0.5)
    assert found.epsilon < 1e-13


@pytest.mark.parametrize("counts", [(2, 2, 2), (2, 3, 4), (3, 3, 3), (2, 2, 2, 2), (4, 3), (5,), (1, 2, 1)])
@pytest.mark.parametrize("integer", [False, True])
def test_random_games_get_certified_equilibria(counts, integer):
    rng = np.random.default_rng(sum(counts))
    for _ in range(4):
        game = MatrixGame.random(counts, rng)
        if integer:
            game = MatrixGame(np.round(game.payoffs * 1.5))
        found = tabular.nash_equilibrium(game, "logit")
        assert found.regret.shape == (game.n,)
        assert found.epsilon <= 1e-9
        for i, own in enumerate(game.payoffs):
            # by brute force over joint actions, not by the contraction that the solver uses
            utility, values = 0.0, np.zeros(counts[i])
            for a in np.ndindex(*counts):
                others = np.prod([found.profile[j][a[j]] for j in range(game.n) if j != i])
                values[a[i]] += others * own[a]
                utility += others * found.profile[i][a[i]] * own[a]
            assert values.max() - utility <= found.regret[i]
            np.testing.assert_allclose(found.payoffs[i], utility, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-8, 1e12])
def test_scale_does_not_matter(scale):
    game = MatrixGame.random((2, 3, 2), np.random.default_rng(5))
    small = logit_equilibrium(MatrixGame(game.payoffs * scale))
    assert (small.regret <= 1e-10 * scale).all()


def test_constant_games():
    found = logit_equilibrium(MatrixGame(np.full((3, 2, 2, 2), 7.0)))
    assert found.epsilon == 0
    np.testing.assert_array_equal(found.payoffs, 7)


def test_action_values_against_einsum():
    rng = np.random.default_rng(0)
    own = rng.normal(size=(5, 2, 3, 4))
    x, y, z = (rng.dirichlet(np.ones(a), 5) for a in (2, 3, 4))
    profile = (x, y, z)
    np.testing.assert_allclose(action_values(own, profile, 0), np.einsum("bijk,bj,bk->bi", own, y, z))
    np.testing.assert_allclose(action_values(own, profile, 1), np.einsum("bijk,bi,bk->bj", own, x, z))
    np.testing.assert_allclose(action_values(own, profile, 2), np.einsum("bijk,bi,bj->bk", own, x, y))


def test_without_polishing_the_answer_still_says_how_good_it_is(monkeypatch):
    monkeypatch.setattr(many_players, "_polished", lambda scaled, profile: [])
    found = logit_equilibrium(mckelvey_mclennan(), max_steps=15)
    assert found.steps == 15
    assert 1e-9 < found.epsilon < 5


def test_rational_payoffs_get_exact_regrets():
    game = MatrixGame(np.round(3 * MatrixGame.random((2, 2, 2), np.random.default_rng(1)).payoffs)).convert("rational")
    found = tabular.nash_equilibrium(game)
    assert all(p.sum() == 1 for p in found.profile)
    assert numbers.convert(found.epsilon, "float") <= 1e-9
    assert found.regret.dtype == object


def test_bad_input():
    with pytest.raises(InputError, match="one game, not a batch"):
        logit_equilibrium(MatrixGame(np.zeros((2, 3, 2, 2, 2)), (2,)))
