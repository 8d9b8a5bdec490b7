"""Multi-agent advantages: Defs 3 and 7, Lemma 6, Prop. 11 and their edge cases, against einsum and exactly."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import team_instance

from marlcore import advantages, numbers, policies
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.values import evaluate

seeds = st.integers(0, 2**32 - 1)


def free_table(rng, states=2, counts=(2, 3, 2)):
    """A free Q table (no Bellman equation behind it) and two policies."""
    pi, new = (tuple(rng.dirichlet([1] * a, states) for a in counts) for _ in range(2))
    return rng.normal(size=(states, *counts)), pi, new


def test_multi_agent_q_against_einsum():
    Q, (p, q, r), _ = free_table(np.random.default_rng(0))
    pi = (p, q, r)
    cases = {
        (): np.einsum("sabc,sa,sb,sc->s", Q, p, q, r),
        (1,): np.einsum("sabc,sa,sc->sb", Q, p, r),
        (2, 0): np.einsum("sabc,sb->sca", Q, q),
        (1, 2, 0): np.einsum("sabc->sbca", Q),
        (0, 1, 2): Q,
    }
    for agents, expected in cases.items():
        np.testing.assert_allclose(advantages.multi_agent_q(Q, pi, agents), expected, rtol=1e-13)


def test_multi_agent_advantage_against_einsum():
    Q, (p, q, r), _ = free_table(np.random.default_rng(1))
    ours = advantages.multi_agent_advantage(Q, (p, q, r), (2,), (0,))
    given_c = np.einsum("sabc,sa,sb->sc", Q, p, q)
    np.testing.assert_allclose(ours, np.einsum("sabc,sb->sca", Q, q) - given_c[..., None], rtol=1e-12, atol=1e-13)
    whole = advantages.multi_agent_advantage(Q, (p, q, r), (), (0, 1, 2))
    V = np.einsum("sabc,sa,sb,sc->s", Q, p, q, r)
    np.testing.assert_allclose(whole, Q - V[:, None, None, None], rtol=1e-12, atol=1e-13)


@given(seeds, st.permutations([0, 1, 2]), st.integers(1, 3))
def test_lemma_6_decomposition_for_any_table(seed, order, m):
    # A^{i_{1:m}}(a^{i_{1:m}}) = Σ_j A^{i_j}(a^{i_{1:j−1}}, a^{i_j})
    Q, pi, _ = free_table(np.random.default_rng(seed))
    left = advantages.multi_agent_advantage(Q, pi, (), tuple(order[:m]))
    right = 0.0
    for j in range(m):
        part = advantages.multi_agent_advantage(Q, pi, tuple(order[:j]), (order[j],))
        right = right + part.reshape(*part.shape, *(1,) * (m - j - 1))
    np.testing.assert_allclose(left, right, atol=1e-12)


def test_lemma_6_is_exact_in_rationals():
    x = team_instance(np.random.default_rng(2))
    for order in permutations(range(2)):
        first = advantages.multi_agent_advantage(x.Q, x.policy, (), order[:1])
        second = advantages.multi_agent_advantage(x.Q, x.policy, order[:1], order[1:])
        whole = advantages.multi_agent_advantage(x.Q, x.policy, (), order)
        assert ((first[..., None] + second - whole) == 0).all()


@given(seeds, st.permutations([0, 1, 2]))
def test_advantage_averages_to_zero_under_the_old_policy(seed, order):
    Q, pi, _ = free_table(np.random.default_rng(seed))
    *given_agents, last = order
    A = advantages.multi_agent_advantage(Q, pi, tuple(given_agents), (last,))
    np.testing.assert_allclose(advantages.average_out(A, pi[last], -1), 0, atol=1e-12)


@given(seeds, st.permutations([0, 1, 2]), st.integers(1, 3))
def test_surrogate_is_zero_at_the_old_policy_and_sums_to_the_joint_advantage(seed, order, m):
    rng = np.random.default_rng(seed)
    Q, pi, new = free_table(rng)
    rho = rng.uniform(0, 3, 2)
    prefix = tuple(order[:m])
    staying = tuple(pi[i] if i == prefix[-1] else new[i] for i in range(3))
    assert advantages.surrogate(Q, rho, pi, staying, prefix) == pytest.approx(0, abs=1e-12)  # Def. 7
    total = sum(advantages.surrogate(Q, rho, pi, new, tuple(order[: k + 1])) for k in range(3))
    A = advantages.multi_agent_advantage(Q, pi, (), (0, 1, 2))
    joint = np.einsum("sabc,sa,sb,sc->s", A, *new)
    assert total == pytest.approx(rho @ joint, abs=1e-11)


@given(seeds, st.permutations([0, 1, 2]), st.integers(1, 3))
def test_prop_11_ratio_surrogate_is_the_surrogate(seed, order, m):
    rng = np.random.default_rng(seed)
    Q, pi, new = free_table(rng)
    rho = rng.uniform(0, 3, 2)
    V = np.einsum("sabc,sa,sb,sc->s", Q, *pi)
    A = Q - V[:, None, None, None]
    prefix = tuple(order[:m])
    exact = advantages.surrogate(Q, rho, pi, new, prefix)
    assert advantages.ratio_surrogate(A, rho, pi, new, prefix) == pytest.approx(exact, abs=1e-10)


def test_prop_11_is_exact_in_rationals_with_zeros_in_the_policies():
    x = team_instance(np.random.default_rng(2), zeros=True)
    for order in ((0,), (1,), (0, 1), (1, 0)):
        difference = advantages.surrogate(x.Q, x.rho, x.policy, x.new, order) - advantages.ratio_surrogate(
            x.A, x.rho, x.policy, x.new, order
        )
        assert difference == 0


def test_ratio_refuses_an_action_that_enters():
    old, new = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    with pytest.raises(InputError, match="an action of probability 0 enters"):
        advantages.ratio(old, new)
    assert advantages.ratio(old, old).tolist() == [[1.0, 1.0]]
    import torch

    kept = torch.tensor([[1.0, 0.0]], requires_grad=True)
    moved = advantages.ratio(kept, torch.tensor([[1.0, 0.0]]))
    moved.sum().backward()
    assert kept.grad is not None
    assert kept.grad.isfinite().all()


def test_edge_cases_one_agent_one_action_one_state():
    rng = np.random.default_rng(0)
    for states, counts in ((1, (1,)), (1, (3,)), (2, (1, 2)), (1, (1, 1, 1))):
        game = TeamGame.random(states, counts, rng, discount=0.0)
        pi = policies.random(game, rng)
        e = evaluate(game, pi)
        np.testing.assert_allclose(advantages.multi_agent_q(e.Q, pi, ()), e.V, atol=1e-14)
        assert (advantages.multi_agent_q(e.Q, pi, tuple(range(len(counts)))) == e.Q).all()


def test_batches_are_side_by_side():
    rng = np.random.default_rng(0)
    game = TeamGame.random(2, (2, 3), rng, batch=4)
    pi, new = policies.random(game, rng), policies.random(game, rng)
    e = evaluate(game, pi)
    values = advantages.surrogate(e.Q, e.rho, pi, new, (1, 0))
    ratios = advantages.ratio_surrogate(e.A, e.rho, pi, new, (1, 0))
    for k in range(4):
        one = tuple(t[k] for t in pi), tuple(t[k] for t in new)
        assert values[k] == pytest.approx(advantages.surrogate(e.Q[k], e.rho[k], *one, (1, 0)))
        assert ratios[k] == pytest.approx(values[k])


@pytest.mark.parametrize(
    ("agents", "message"),
    [
        ((0, 3), r"agents\[1\] = 3 is not one of the 3 agents"),
        ((1, 1), r"agents\[1\] = 1 stands twice"),
        ((-1,), "= -1"),
    ],
)
def test_bad_agents_are_refused(agents, message):
    Q, pi, _ = free_table(np.random.default_rng(0))
    with pytest.raises(InputError, match=message):
        advantages.multi_agent_q(Q, pi, agents)


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(InputError, match="does not fit Q"):
        advantages.average_out(np.ones((2, 3)), np.ones((1, 2, 3)), -1)
    assert numbers.kind_of(advantages.contract(np.ones((2, 3)), (np.ones((2, 3)) / 3,), (0,))) == "float"
