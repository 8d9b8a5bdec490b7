"""Games: what the constructors refuse, and that games convert, stack and mirror without changing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import markov_game
from scipy.sparse import csr_matrix

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame, TeamGame, as_team, is_team, is_zero_sum, stack, unstack


def dense(rng=None, states=2, counts=(2, 2)):
    return MarkovGame.random(states, counts, rng or np.random.default_rng(0))


def broken_row():
    P = dense().transitions.copy()
    P[0, 1, 0] *= 0.5
    return P


def negative_row():
    P = dense().transitions.copy()
    P[1, 0, 1] = [1.25, -0.25]
    return P


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda g: MarkovGame(broken_row(), g.rewards, 0.9), r"P\(·\|s=0, a=\(1, 0\)\) is not a distribution: it sums"),
        (lambda g: MarkovGame(negative_row(), g.rewards, 0.9), r"P\(·\|s=1, a=\(0, 1\)\).*negative entry -0.25"),
        (lambda g: MarkovGame(g.transitions, g.rewards, 1.0), r"discount must be in \[0, 1\), not 1.0"),
        (lambda g: MarkovGame(g.transitions, g.rewards, -0.1), r"discount must be in \[0, 1\), not -0.1"),
        (lambda g: MarkovGame(g.transitions, g.rewards, float("nan")), "discount must be in"),
        (lambda g: MarkovGame(g.transitions, g.rewards * np.nan, 0.9), r"rewards\[0, 0, 0, 0\] = nan"),
        (lambda g: MarkovGame(g.transitions, g.rewards + np.inf, 0.9), r"rewards\[0, 0, 0, 0\] = inf"),
        (lambda g: MarkovGame(g.transitions[..., :1], g.rewards, 0.9), r"transitions must have shape \(2, 2, 2, 2\)"),
        (lambda g: MarkovGame(g.transitions, g.rewards[:1], 0.9), r"rewards must have shape \(n, S, A1"),
        (lambda g: MarkovGame(g.transitions, g.rewards, 0.9, np.array([0.5, 0.6])), "start is not a distribution"),
        (lambda g: MarkovGame(g.transitions, g.rewards, 0.9, np.ones(3) / 3), r"start must have shape \(2,\)"),
        (lambda g: MatrixGame(np.ones((3, 2, 2))), r"payoffs must have shape \(n, A1, …, An\)"),
        (lambda g: MatrixGame(np.ones(4)), r"payoffs must have shape"),
        (lambda g: MatrixGame(np.ones((2, 0, 2))), "empty axis"),
        (lambda g: MatrixGame(np.ones((5, 2, 2, 2)), batch_shape=(4,)), r"do not start with the batch shape \(4,\)"),
        (lambda g: TeamGame(g.transitions, g.rewards[0, 0], 0.9), "transitions must have shape"),
        (lambda g: g.player(2), r"agent 2 is not one of the 2 agents"),
        (lambda g: MarkovGame.random(2, (2, 2, 2), np.random.default_rng(0), zero_sum=True), "two players, not 3"),
        (lambda g: MarkovGame.random(3, (2,), np.random.default_rng(0), successors=4), "successors must be between"),
        (lambda g: MarkovGame.random(0, (2,), np.random.default_rng(0)), "at least one state, not 0"),
        (lambda g: MatrixGame.random((2, 0), np.random.default_rng(0)), "positive integer"),
        (lambda g: stack([g, dense(states=3)]), r"games\[1\] is a MarkovGame.*do not stack"),
        (lambda g: stack([]), "at least one game"),
        (lambda g: unstack(g), "batch_shape is empty"),
    ],
)
def test_bad_input_is_refused_by_symbol_index_and_value(build, message):
    with pytest.raises(InputError, match=message):
        build(dense())


def sparse_parts(rng):
    return MarkovGame.random(3, (2, 2), rng, successors=2)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda P: P * 0.5, r"P\(·\|s=0, a=\(0, 0\)\) is not a distribution: it sums to 0.5"),
        (lambda P: spoil_entry(P, 9, -1.0), r"P\(\d\|s=1, a=\(0, 0\)\) = -1.0 is not a probability"),
        (lambda P: spoil_entry(P, 23, np.nan), r"P\(\d\|s=2, a=\(1, 1\)\) = nan"),
        (lambda P: P[:-1], r"must have shape \(S·A1·…·An, S\) = \(12, 3\), not \(11, 3\)"),
    ],
)
def test_sparse_transitions_are_checked_row_by_row(spoil, message):
    game = sparse_parts(np.random.default_rng(0))
    with pytest.raises(InputError, match=message):
        MarkovGame(spoil(game.transitions), game.rewards, 0.9)


def spoil_entry(P, entry, value):
    data = P.data.copy()
    data[entry] = value
    return csr_matrix((data, P.indices, P.indptr), P.shape)


def test_sparse_games_are_no_batch_and_no_rationals():
    game = sparse_parts(np.random.default_rng(0))
    with pytest.raises(InputError, match="cannot be a batch"):
        MarkovGame(game.transitions, game.rewards[None], 0.9, None, (1,))
    with pytest.raises(InputError, match="floats only"):
        game.convert("rational")
    with pytest.raises(InputError, match="do not stack"):
        stack([game, game])


@given(st.integers(1, 5), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_random_games_are_games_of_the_size_asked_for(states, counts, seed):
    game = MarkovGame.random(states, counts, np.random.default_rng(seed), scale=2.0)
    assert (game.n, game.S, game.action_counts) == (len(counts), states, tuple(counts))
    assert game.rewards.shape == (len(counts), states, *counts)
    assert np.abs(game.rewards).max() <= 2
    sparse = MarkovGame.random(states, counts, np.random.default_rng(seed), successors=states)
    assert sparse.sparse
    assert (np.diff(sparse.transitions.indptr) == states).all()
    assert sparse.transitions.has_canonical_format


def test_random_games_depend_on_the_generator_alone():
    a, b = (MarkovGame.random(3, (2, 3), np.random.default_rng(4)) for _ in range(2))
    assert (a.transitions == b.transitions).all()
    assert (a.rewards == b.rewards).all()


def test_sparse_successors_are_spread_over_all_states():
    game = TeamGame.random(50, (10, 10), np.random.default_rng(0), successors=3)
    counts = np.bincount(game.transitions.indices, minlength=50)
    assert counts.min() > 0.8 * counts.mean()


def test_conversion_round_trips_and_keeps_the_discount_as_written():
    game = markov_game(np.random.default_rng(1), 2, (2, 3))
    for kind in ("float", "ball", "symbol", "torch"):
        other = game.convert(kind)
        assert other.kind == kind
        back = numbers.convert(other.rewards, "float")
        np.testing.assert_allclose(back, numbers.convert(game.rewards, "float"))
    decimal = dense().convert("rational")
    assert decimal.discount == numbers.number("9/10", "rational")
    assert (decimal.transitions.sum(-1) == 1).all()


def test_stack_and_unstack_are_inverse_with_a_discount_each():
    rng = np.random.default_rng(0)
    games = [MarkovGame.random(2, (2, 2), rng, discount=g) for g in (0.5, 0.9)]
    batch = stack(games)
    assert batch.batch_shape == (2,)
    assert batch.discount.tolist() == [0.5, 0.9]
    for one, other in zip(games, unstack(batch), strict=True):
        assert (one.transitions == other.transitions).all()
        assert float(other.discount) == one.discount
    assert stack([batch, batch]).batch_shape == (2, 2)


def test_a_matrix_game_is_a_markov_game_of_one_state():
    game = MatrixGame.random((2, 3), np.random.default_rng(0), batch=4)
    markov = game.as_markov(0.5)
    assert markov.S == 1
    assert markov.batch_shape == (4,)
    assert (markov.rewards[:, :, 0] == game.payoffs).all()
    assert (markov.transitions == 1).all()


def test_a_team_game_as_a_general_game_gives_everybody_the_reward():
    game = TeamGame.random(2, (2, 3), np.random.default_rng(0), batch=3)
    general = game.as_markov()
    assert general.n == 2
    for i in range(2):
        assert (general.player(i).rewards == game.rewards).all()


def test_team_games_are_recognised_and_others_refused_at_the_entry_that_differs():
    team = TeamGame.random(2, (2, 3), np.random.default_rng(0))
    general = team.as_markov()
    assert is_team(team)
    assert is_team(general)
    assert (as_team(general).rewards == team.rewards).all()
    rewards = general.rewards.copy()
    rewards[1, 1, 0, 2] += 1e-9
    other = MarkovGame(general.transitions, rewards, 0.9)
    assert not is_team(other)
    with pytest.raises(InputError, match=r"agents 0 and 1 are paid .* at s=1, a=\(0, 2\): a general-sum game"):
        as_team(other)
    common = MatrixGame(np.stack([np.eye(2)] * 2))
    assert is_team(common)
    assert as_team(common).S == 1


def test_zero_sum_is_recognised_in_floats_and_exactly_in_rationals():
    rng = np.random.default_rng(0)
    game = MatrixGame.random((3, 2), rng, zero_sum=True)
    assert is_zero_sum(game)
    assert is_zero_sum(game.convert("rational"))
    assert not is_zero_sum(MatrixGame.random((3, 2), rng))
    assert not is_zero_sum(MatrixGame.random((2, 2, 2), rng))
    nearly = game.payoffs.copy()
    nearly[0, 0, 0] += 1e-3
    assert not is_zero_sum(MatrixGame(nearly))
    exactly_not = game.convert("rational").payoffs.copy()
    exactly_not[0, 0, 0] += numbers.number("1/1000000000000000000000", "rational")
    assert not is_zero_sum(MatrixGame(exactly_not))
    assert is_zero_sum(MarkovGame.random(3, (2, 2), rng, zero_sum=True))


def test_mixed_kinds_in_one_game_are_refused():
    game = dense()
    with pytest.raises(InputError, match="do not mix"):
        MarkovGame(game.transitions, numbers.convert(game.rewards, "rational"), 0.9)
    payoffs = np.array([[[1, 2.5]], [[1, numbers.number(1, "rational")]]], dtype=object)
    with pytest.raises(InputError, match=r"payoffs\[1, 0, 1\].*is no float number like the others"):
        MatrixGame(payoffs)


def test_symbolic_rows_must_not_sum_to_another_number():
    import sympy

    p = sympy.Symbol("p")
    rewards = np.array([[[sympy.Integer(1)]]])
    assert TeamGame(np.array([[[sympy.Integer(1)]]]), rewards[0], sympy.Symbol("gamma")).kind == "symbol"
    with pytest.raises(InputError, match="it sums to 2"):
        TeamGame(np.array([[[sympy.Integer(2)]]]), rewards[0], sympy.Rational(1, 2))
    two = np.array([[[p, 1 - p]], [[1 - p, p]]])
    assert TeamGame(two, np.array([[p], [p]]), sympy.Rational(1, 2)).S == 2
