"""Policies: constructors, mixing, support, entropy, and the row that is no distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import markov_game

from marlcore import numbers, policies
from marlcore.errors import InputError
from marlcore.games import MarkovGame, MatrixGame


@pytest.fixture
def game():
    return MarkovGame.random(3, (2, 4), np.random.default_rng(0))


def test_uniform_and_deterministic(game):
    assert policies.uniform(game)[1].tolist() == [[0.25] * 4] * 3
    table = policies.deterministic(game, (1, [0, 3, 2]))
    assert table[0].tolist() == [[0, 1]] * 3
    assert table[1].argmax(-1).tolist() == [0, 3, 2]
    exact = policies.uniform(markov_game(np.random.default_rng(0)))
    assert exact[0][0, 0] * 2 == 1


@given(st.floats(1e-4, 100), st.integers(0, 2**32 - 1))
def test_random_rows_are_distributions_at_any_concentration(concentration, seed):
    game = MatrixGame.random((2, 5), np.random.default_rng(0))
    for table in policies.random(game, np.random.default_rng(seed), concentration):
        assert (table >= 0).all()
        assert abs(table.sum() - 1) < 1e-12


def test_random_rows_have_the_dirichlet_moments():
    game = MatrixGame.random((3,), np.random.default_rng(0), batch=200_000)
    (table,) = policies.random(game, np.random.default_rng(1), 0.5)
    # Dirichlet(α, α, α): mean 1/3, variance (1/3)(2/3)/(3α + 1)
    np.testing.assert_allclose(table.mean(0), 1 / 3, atol=3e-3)
    np.testing.assert_allclose(table.var(0), 2 / 9 / 2.5, rtol=1e-2)
    (flat,) = policies.random(game, np.random.default_rng(1))  # Dirichlet(1, 1, 1) unless asked
    np.testing.assert_allclose(flat.var(0), 2 / 9 / 4, rtol=1e-2)


def test_random_rows_of_an_exact_game_are_exact_distributions():
    game = markov_game(np.random.default_rng(0))
    for table in policies.random(game, np.random.default_rng(1)):
        assert numbers.kind_of(table) == "rational"
        assert (table.sum(-1) == 1).all()


def test_policies_of_a_torch_game_are_tensors_of_its_dtype():
    import torch

    game = MatrixGame(torch.zeros(2, 3, 2, dtype=torch.float32))
    pi = policies.uniform(game)
    assert [(t.dtype, t.tolist()) for t in pi[1:]] == [(torch.float32, [0.5, 0.5])]
    assert policies.deterministic(game, (2, 0))[0].tolist() == [0, 0, 1]
    checked = policies.check(game, pi)
    assert all(numbers.kind_of(t) == "torch" for t in checked)


def test_mix_support_and_entropy(game):
    stay, move = policies.deterministic(game, (0, 0)), policies.deterministic(game, (1, 0))
    half = policies.mix(stay, move, 0.25)
    assert half[0][0].tolist() == [0.75, 0.25]
    assert [s.sum() for s in policies.support(half)] == [6, 3]
    assert policies.entropy(half)[1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(policies.entropy(policies.uniform(game))[1], np.log(4), rtol=1e-15)


def test_joint_is_the_product(game):
    pi = policies.random(game, np.random.default_rng(0))
    np.testing.assert_allclose(policies.joint(pi), np.einsum("sa,sb->sab", *pi))


def test_joint_of_a_batch():
    game = MarkovGame.random(3, (2, 4, 2), np.random.default_rng(0), batch=(5,))
    pi = policies.random(game, np.random.default_rng(1))
    np.testing.assert_allclose(policies.joint(pi), np.einsum("ksa,ksb,ksc->ksabc", *pi))


def test_joint_actions_count_in_c_order(game):
    assert [policies.action_index(game, (a, b)) for a in range(2) for b in range(4)] == list(range(8))


def test_conversion_to_exact_kinds_sums_to_one(game):
    pi = policies.random(game, np.random.default_rng(0))
    for table in policies.convert(pi, "rational"):
        assert (table.sum(-1) == 1).all()
    for table, plain in zip(policies.convert(pi, "torch"), pi, strict=True):
        assert (numbers.convert(table, "float") == plain).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p[:1], "policy has 1 tables, the game 2 agents"),
        (lambda p: (p[0], p[1][:, :3]), r"policy\[1\] must have shape \(3, 4\), not \(3, 3\)"),
        (lambda p: (p[0], p[1] * 2), r"policy\[1\]\(·\|s=0\) is not a distribution: it sums to 2"),
        (lambda p: (p[0], p[1] - 1), r"policy\[1\]\(·\|s=0\) is not a distribution"),
        (lambda p: (p[0] * np.nan, p[1]), r"policy\[0\]\(·\|s=0\) is not a distribution"),
    ],
)
def test_check_names_agent_and_row(game, spoil, message):
    with pytest.raises(InputError, match=message):
        policies.check(game, spoil(policies.uniform(game)))


def test_check_names_the_game_of_a_batch():
    game = MarkovGame.random(2, (2, 2), np.random.default_rng(0), batch=3)
    pi = policies.uniform(game)
    pi[1][2, 1] = [0.5, 0.6]
    with pytest.raises(InputError, match=r"policy\[1\]\(·\|s=1\) of game \(2,\) is not a distribution: it sums to 1.1"):
        policies.check(game, pi)


def test_bad_actions_and_concentrations_are_refused(game):
    with pytest.raises(InputError, match="agent 1 has actions 0, …, 3, not 4"):
        policies.deterministic(game, (0, 4))
    with pytest.raises(InputError, match="agent 1 has actions 0, …, 3, not -1"):
        policies.deterministic(game, (0, [0, -1, 3]))
    with pytest.raises(InputError, match="agent 1 has actions 0, …, 3, not 7"):
        policies.deterministic(game, (1, [1, 7, -5]))
    with pytest.raises(InputError, match="an action for each of the 2 agents, not 1"):
        policies.deterministic(game, (0,))
    with pytest.raises(InputError, match="concentration must be positive, not 0"):
        policies.random(game, np.random.default_rng(0), 0)
