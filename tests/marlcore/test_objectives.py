"""Update objectives: clip, drifts, the sequential factor and advantage estimates, against closed forms and sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import team_instance

from marlcore import numbers, objectives, policies
from marlcore.advantages import multi_agent_advantage, ratio
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.values import evaluate

seeds = st.integers(0, 2**32 - 1)
real = st.floats(-10, 10)
DRIFTS = {
    "zero": objectives.zero_drift,
    "forward KL": objectives.forward_kl_drift(2.0),
    "reverse KL": objectives.reverse_kl_drift(2.0),
    "squared L2": objectives.squared_l2_drift(2.0),
    "clip": objectives.clip_drift(0.2),
    "marginal clip": objectives.marginal_clip_drift(0.2),
}


@given(st.floats(0, 5), real, st.floats(0.01, 0.9))
def test_clipped_objective_by_cases(r, M, epsilon):
    # Schulman et al. 2017, eq. 7: the pessimistic one of the two
    value = objectives.clipped_objective(np.array(r), np.array(M), epsilon)
    if M >= 0:
        assert value == pytest.approx(min(r, 1 + epsilon) * M)
    else:
        assert value == pytest.approx(max(r, 1 - epsilon) * M)
    penalty = objectives.clip_penalty(np.array(r), np.array(M), epsilon)
    assert penalty >= 0
    assert r * M - penalty == pytest.approx(value, abs=1e-12)


def three_agents(seed, order=(2, 0, 1)):
    rng = np.random.default_rng(seed)
    game = TeamGame.random(2, (2, 3, 2), rng)
    pi, new = policies.random(game, rng), policies.random(game, rng)
    A = evaluate(game, pi).A
    return A, pi, new, order


@given(seeds, st.permutations([0, 1, 2]), st.integers(1, 3))
def test_step_has_the_joint_factor_and_its_mean(seed, order, m):
    A, pi, new, _ = three_agents(seed)
    prefix = tuple(order[:m])
    step = objectives.step_of(A, pi, new, prefix)
    *before, i = prefix
    M = A.copy()
    for j in before:
        shape = [2, 1, 1, 1]
        shape[j + 1] = pi[j].shape[-1]
        M = M * (new[j] / pi[j]).reshape(shape)
    others = [j for j in range(3) if j != i]
    joint = np.einsum("sa,sb->sab", *(pi[j] for j in others)).reshape(2, -1)
    np.testing.assert_allclose(step.others, joint)
    np.testing.assert_allclose(step.M, np.moveaxis(M, i + 1, 1).reshape(2, pi[i].shape[-1], -1))
    np.testing.assert_allclose(step.advantage, (step.M * joint[:, None]).sum(-1), atol=1e-13)
    # E[M | a_i] = E_{predecessors~π̄, rest~π}[A(s, ·)]: Prop. 11 without the subtraction
    played = tuple(new[j] if j in before else pi[j] for j in range(3))
    weights = np.einsum("sa,sb->sab", *(played[j] for j in others)).reshape(2, 1, -1)
    plain = np.moveaxis(A, i + 1, 1).reshape(2, pi[i].shape[-1], -1)
    np.testing.assert_allclose(step.advantage, (plain * weights).sum(-1), atol=1e-12)


def test_hamo_of_a_zero_drift_is_the_advantage_of_def_7_plus_a_constant():
    A, pi, new, order = three_agents(0)
    step = objectives.step_of(A, pi, new, order)
    gain = objectives.hamo(new[1], step.advantage, 0) - objectives.hamo(pi[1], step.advantage, 0)
    own = multi_agent_advantage(A, pi, order[:2], order[2:])
    expected = np.einsum("scab,sc,sa,sb->s", own, new[2], new[0], new[1])
    np.testing.assert_allclose(gain, expected, atol=1e-12)


@pytest.mark.parametrize("name", sorted(DRIFTS))
@given(seeds)
def test_drifts_are_nonnegative_zero_at_home_and_flat_there(name, seed):
    import torch

    A, pi, new, order = three_agents(seed)
    drift = DRIFTS[name]
    step = objectives.step_of(A, pi, new, order)
    assert (drift(new[1], step) >= 0).all()
    np.testing.assert_allclose(drift(pi[1], step), 0, atol=1e-14)
    tensors = objectives.Step(*(torch.as_tensor(x) for x in (step.old, step.advantage, step.others, step.M)))
    hat = tensors.old.clone().requires_grad_()
    drift(hat, tensors).sum().backward()
    assert hat.grad is not None
    slope = hat.grad - hat.grad.mean(-1, keepdim=True)  # the part that a move inside the simplex can feel
    np.testing.assert_allclose(slope.numpy(), 0, atol=1e-12)


def test_drift_closed_forms():
    old, hat = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    step = objectives.Step(old, np.array([[1.0, -2.0]]), np.ones((1, 1)), np.array([[[1.0], [-2.0]]]))
    assert objectives.squared_l2_drift(3.0)(hat, step) == pytest.approx(3 * 2 / 16)
    assert objectives.forward_kl_drift(2.0)(hat, step) == pytest.approx(np.log(4 / 3), rel=1e-14)
    assert objectives.reverse_kl_drift()(hat, step) == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(1.5))
    # r = (½, 3/2), ε = 0.2: (r − clip)·M = (−0.3·1, 0.3·−2), both below 0: no drift; with the signs turned both count
    assert objectives.clip_drift(0.2)(hat, step) == 0
    turned = objectives.Step(old, -step.advantage, step.others, -step.M)
    assert objectives.clip_drift(0.2)(hat, turned) == pytest.approx(0.5 * 0.3 * 1 + 0.5 * 0.3 * 2)


@given(seeds, st.permutations([0, 1, 2]), st.integers(1, 3))
def test_joint_clip_drift_is_a13_and_never_below_the_printed_one(seed, order, m):
    A, pi, new, _ = three_agents(seed)
    prefix = tuple(order[:m])
    i = prefix[-1]
    step = objectives.step_of(A, pi, new, prefix)
    r = ratio(pi[i], new[i])
    weights = pi[i][..., None] * step.others[:, None, :]
    clipped = (weights * objectives.clipped_objective(r[..., None], step.M, 0.2)).sum((1, 2))
    plain = (weights * r[..., None] * step.M).sum((1, 2))
    joint, printed = objectives.clip_drift(0.2)(new[i], step), objectives.marginal_clip_drift(0.2)(new[i], step)
    np.testing.assert_allclose(plain - joint, clipped, atol=1e-12)
    assert (joint >= printed - 1e-13).all()


def test_the_printed_clip_drift_is_another_one_exactly():
    x = team_instance(np.random.default_rng(2))
    hat = x.new[1]
    step = objectives.step_of(x.A, x.policy, x.new, (1,))
    epsilon = numbers.number("1/5", "rational")
    joint, printed = objectives.clip_drift(epsilon)(hat, step), objectives.marginal_clip_drift(epsilon)(hat, step)
    assert (joint >= printed).all()
    assert (joint != printed).any()


def test_sequential_factor_multiplies_ratios_once():
    A, r1, r2 = np.array([2.0, -1.0]), np.array([1.5, 0.5]), np.array([2.0, 3.0])
    assert objectives.sequential_factor(A, []).tolist() == [2, -1]
    assert objectives.sequential_factor(A, [r1, r2]).tolist() == [6, -1.5]


def gae_by_definition(r, V, V_next, terminated, truncated, gamma, lam):
    """Σ_l (γλ)^l δ_{t+l} up to the end of the episode, term by term."""
    T = len(r)
    out = np.zeros(T)
    for t in range(T):
        weight = 1.0
        for k in range(t, T):
            out[t] += weight * (r[k] + gamma * (0 if terminated[k] else V_next[k]) - V[k])
            if terminated[k] or truncated[k]:
                break
            weight *= gamma * lam
    return out


@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_gae_is_its_definition_and_torch_agrees(seed, gamma, lam):
    import torch

    rng = np.random.default_rng(seed)
    T, B = 7, 3
    r, V, V_next = rng.normal(size=(3, T, B))
    terminated = rng.random((T, B)) < 0.2
    truncated = (rng.random((T, B)) < 0.2) & ~terminated
    ours = objectives.gae(r, V, V_next, terminated, truncated, gamma, lam)
    for b in range(B):
        expected = gae_by_definition(r[:, b], V[:, b], V_next[:, b], terminated[:, b], truncated[:, b], gamma, lam)
        np.testing.assert_allclose(ours[:, b], expected, atol=1e-11)
    tensors = [torch.as_tensor(x) for x in (r, V, V_next, terminated, truncated)]
    np.testing.assert_allclose(objectives.gae(*tensors, gamma, lam).numpy(), ours, atol=1e-13)


def test_gae_limits():
    rng = np.random.default_rng(0)
    r, V = rng.normal(size=(2, 5))
    V_next = np.append(V[1:], 0.7)
    no = np.zeros(5, dtype=bool)
    td = objectives.gae(r, V, V_next, no, no, 0.9, 0.0)
    np.testing.assert_allclose(td, r + 0.9 * V_next - V)
    mc = objectives.gae(r, V, V_next, no, no, 0.9, 1.0)
    returns = [sum(0.9**k * r[t + k] for k in range(5 - t)) + 0.9 ** (5 - t) * 0.7 for t in range(5)]
    np.testing.assert_allclose(mc, np.array(returns) - V)


def test_gae_of_a_single_step():
    x = np.ones((1, 2))
    assert objectives.gae(x, x * 3, x * 5, x < 0, x < 0, 0.5, 0.5).tolist() == [[0.5, 0.5]]


def test_gae_refuses_shapes_that_differ():
    x = np.zeros((3, 2))
    with pytest.raises(InputError, match=r"must have one shape \(T, …\)"):
        objectives.gae(x, x[:2], x, x > 0, x > 0, 0.9, 0.9)


def test_steps_drifts_and_hamo_of_a_batch_are_side_by_side():
    rng = np.random.default_rng(8)
    game = TeamGame.random(3, (2, 4, 2), rng, batch=(5,))
    pi, new = policies.random(game, rng), policies.random(game, rng)
    A = evaluate(game, pi).A
    for order in ((1,), (2, 0, 1), (0, 2)):
        i = order[-1]
        step = objectives.step_of(A, pi, new, order)
        for k in range(5):
            one = objectives.step_of(A[k], tuple(t[k] for t in pi), tuple(t[k] for t in new), order)
            for field in ("old", "advantage", "others", "M"):
                np.testing.assert_allclose(getattr(step, field)[k], getattr(one, field), rtol=1e-13)
            for drift in DRIFTS.values():
                batched = drift(new[i], step)
                assert batched.shape == (5, 3)
                np.testing.assert_allclose(batched[k], drift(new[i][k], one), rtol=1e-12, atol=1e-14)
            gain = objectives.hamo(new[i], step.advantage, DRIFTS["squared L2"](new[i], step))
            own = objectives.hamo(new[i][k], one.advantage, DRIFTS["squared L2"](new[i][k], one))
            np.testing.assert_allclose(gain[k], own, rtol=1e-12)


def test_hamo_takes_the_drift_away():
    # Σ_a π̂(a) A(a) − D = ¼·2 + ¾·(−1) − 5
    assert objectives.hamo(np.array([[0.25, 0.75]]), np.array([[2.0, -1.0]]), np.array([5.0])).tolist() == [-5.25]


def test_a_single_agent_has_nobody_beside_it():
    rng = np.random.default_rng(9)
    game = TeamGame.random(4, (3,), rng)
    pi, new = policies.random(game, rng), policies.random(game, rng)
    A = evaluate(game, pi).A
    step = objectives.step_of(A, pi, new, (0,))
    assert step.others.tolist() == [[1.0]] * 4
    assert step.M.shape == (4, 3, 1)
    np.testing.assert_allclose(step.advantage, A)
    # with one agent the mean over the others changes nothing
    joint, printed = objectives.clip_drift(0.1)(new[0], step), objectives.marginal_clip_drift(0.1)(new[0], step)
    np.testing.assert_allclose(joint, printed)


@pytest.mark.parametrize(
    "drift", [objectives.forward_kl_drift, objectives.reverse_kl_drift, objectives.squared_l2_drift]
)
def test_the_scale_of_a_drift_is_1_unless_given(drift):
    A, pi, new, order = three_agents(3)
    step = objectives.step_of(A, pi, new, order)
    once = drift()(new[1], step)
    assert (once > 0).all()
    np.testing.assert_allclose(drift(3)(new[1], step), 3 * once, rtol=1e-14)
    if drift is not objectives.squared_l2_drift:
        np.testing.assert_allclose(once, kl_between(pi[1], new[1], drift is objectives.forward_kl_drift), rtol=1e-12)
    else:
        np.testing.assert_allclose(once, ((pi[1] - new[1]) ** 2).sum(-1), rtol=1e-12)


def kl_between(old, hat, forward):
    p, q = (old, hat) if forward else (hat, old)
    return (p * np.log(p / q)).sum(-1)
