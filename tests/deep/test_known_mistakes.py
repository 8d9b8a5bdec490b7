"""Mistakes that libraries of this field have made, each as a test by its name."""

import dataclasses
import json

import pytest
import torch
import toy

from deep import algorithms
from deep.actor import recorded
from deep.algorithms import Moment, value
from deep.algorithms.ascent import policy_of, ratios_of, sequential
from deep.algorithms.hatrpo import TrustRegion, natural_step
from deep.algorithms.mappo import Clipped
from deep.config import Config, Network, Rollout
from deep.envs.protocol import Family
from deep.learner import Optimiser
from deep.normalise import DECAY, ValueNormaliser, standardise
from deep.rollout import assess
from deep.session import Session
from marlcore import registry
from marlcore.objectives import clipped_objective


@pytest.fixture(autouse=True)
def toys():
    registry.register("environments", "toy", toy.family())
    yield
    registry.unregister("environments", "toy")


def session(env="toy:discrete", algorithm="happo", network=None, copies=4, length=12, **more):
    network = network or Network(hidden=(16,), gain=1.0)
    rollout = Rollout(copies=copies, length=length, **more.pop("rollout", {}))
    return Session(Config(algorithm, env, network=network, rollout=rollout, **more))


def updated(**options):
    s = session(**options)
    s.update()
    return s


def batch_of(s):
    s.update()
    assert s.batch is not None
    return s.batch


def perturb(actor, size=0.3):
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in actor.parameters():
            p += size * torch.randn(p.shape, generator=g)


# ---------------------------------------------------------------- ratios and the sequential factor


@pytest.mark.parametrize("task", ["multi", "box"])
def test_m_of_several_action_dimensions_is_the_ratio_and_not_its_kth_power(task):
    """M of the second agent is Â·exp(Σ_k log π̄_k − Σ_k log π_k), not that to the power of the dimensions."""
    s = session(f"toy:{task}")
    batch = batch_of(s)
    seen = []

    def step(i, own):
        seen.append((i, own.advantages))
        perturb(s.learner.actor.scheme.agents[i], 0.1)
        return []

    moment = Moment(0, 0)
    sequential(s.learner, batch, moment, step)
    (first, M_first), (second, M_second) = seen
    torch.testing.assert_close(M_first, batch.advantages[..., [first]])
    with torch.no_grad():
        new = policy_of(s.learner.actor, batch, range(2)).log_prob(batch.actions)[..., [first]]
    ratio = (new - batch.logp[..., [first]]).exp()
    torch.testing.assert_close(M_second, batch.advantages[..., [second]] * ratio, rtol=1e-4, atol=1e-5)
    assert float((ratio - 1).abs().max()) > 0.05


def test_the_ratio_is_clipped_on_the_joint_log_probability():
    """Two dimensions with ratios 1.15 each: the joint 1.3225 is beyond 1 + ε = 1.2, though neither dimension is."""
    s = session("toy:multi", algorithm="mappo")
    batch = batch_of(s)
    perturb(s.learner.actor, 0.15)
    dist = policy_of(s.learner.actor, batch, range(2))
    logp = dist.log_prob(batch.actions)
    parts = [x.log_softmax(-1) for x in recorded(dist).split((2, 3), -1)]
    each = [p.gather(-1, batch.actions[..., k, None])[..., 0] for k, p in enumerate(parts)]
    torch.testing.assert_close(logp, each[0] + each[1])
    old = [p.gather(-1, batch.actions[..., k, None])[..., 0] for k, p in enumerate(batch.old.split((2, 3), -1))]
    joint = clipped_objective((logp - batch.logp).exp(), batch.advantages, 0.2)
    apart = [clipped_objective((e - o).exp(), batch.advantages, 0.2) for e, o in zip(each, old, strict=True)]
    seen = []
    s.learner.step_actor = lambda loss, groups: seen.append(float(loss.detach())) or 0.0
    algorithms.load("mappo").update(s.learner, batch, Clipped(epochs=1, entropy=0.0), Moment(0, 0))
    w = batch.weights

    def total(f):
        return -float(((w * f.detach()).sum((0, 1)) / w.sum((0, 1))).sum())

    assert sum(seen) == pytest.approx(total(joint), rel=1e-5)
    assert abs(sum(seen) - total(apart[0] + apart[1]) / 2) > 1e-3


def test_with_shared_parameters_m_counts_everybody_who_moved():
    s = session("toy:discrete", sharing="fups")
    batch = batch_of(s)
    seen = []

    def step(i, own):
        seen.append((i, own.advantages))
        perturb(s.learner.actor, 0.1)
        return []

    sequential(s.learner, batch, Moment(0, 0), step)
    (first, _), (second, M) = seen
    s2 = ratios_of(s.learner.actor, batch, [0, 1])
    assert len(s2) == 2
    assert M.shape == batch.advantages[..., [second]].shape
    assert float((M - batch.advantages[..., [second]]).abs().max()) > 1e-3
    assert {first, second} == {0, 1}


# ---------------------------------------------------------------- dead agents


class Blinding(toy.Toy):
    """Episodes that all terminate, and whoever is dead sees nothing."""

    def step(self, actions):
        t = super().step(actions)
        return dataclasses.replace(t, terminated=t.done, truncated=torch.zeros_like(t.done))

    def _seen(self):
        obs, state = super()._seen()
        return torch.where(self._alive()[..., None], obs, 0.0), state


def test_the_value_that_the_step_of_a_death_bootstraps_from_is_fitted():
    """With λ = 0 the values are TD's fixed point, in closed form: the death does not end the team's return.

    Three steps that pay 1.1, 1.6, 2.1; agent 1 dies after the first and sees zeros then, twice. With γ = ½ its value
    when dead is V_d = ½(1.6 + ½V_d) + ½·2.1, so 37/15, and its first 1.1 + ½V_d = 7/3.
    """
    registry.register("environments", "blinding", Family(lambda *a, **o: Blinding(*a), lambda: ["discrete"], ()))
    try:
        s = session("blinding:discrete", "ippo", Network(hidden=(32,), gain=0.0), copies=1, length=60,
                    optimiser=Optimiser(critic_lr=5e-3), rollout={"lam": 0.0, "discount": 0.5})  # fmt: skip
    finally:
        registry.unregister("environments", "blinding")
    for k in range(150):
        steps, _ = s.collector.collect()
        batch, _ = assess(steps, s.learner, None, s.gamma, 0.0, s.config.chunk)
        value.fit(s.learner, batch, s.config.value, Moment(0, k))
    alive = batch.weights[0, :, 1] > 0
    values = s.learner.normaliser.denormalise(batch.values[0, :, 1])
    assert float(values[~alive].mean()) == pytest.approx(37 / 15, rel=0.02)
    assert float(values[alive].mean()) == pytest.approx(7 / 3, rel=0.02)


def test_a_critic_s_rows_go_on_after_a_death_and_a_policy_s_do_not():
    for name in ("ippo", "mappo"):
        batch = batch_of(session("toy:discrete", algorithm=name))
        assert 0 < float((batch.weights == 0).float().mean()) < 1
        assert bool((batch.critic_weights == 1).all())


def test_dead_agents_do_not_enter_hatrpo_s_kl_nor_its_step():
    """What a dead agent would have seen and done changes nothing."""
    results = []
    for poison in (False, True):
        s = session("toy:discrete", algorithm="hatrpo")
        whole = batch_of(s)
        own = whole.of([1])
        if poison:
            dead = own.weights == 0
            assert 0 < float(dead.float().mean()) < 1
            own = dataclasses.replace(
                own,
                obs=torch.where(dead[..., None], 7.0, own.obs),
                advantages=torch.where(dead, 1e3, own.advantages),
            )
        figures = natural_step(s.learner, whole, own, whole.old, 1, TrustRegion())
        results.append([float(figures[name]) for name in ("surrogate", "kl", "entropy", "gradient_norm")])
    assert results[0][1] > 1e-4
    assert results[1] == pytest.approx(results[0], rel=1e-4)


@pytest.mark.parametrize("name", ["mappo", "ippo", "maa2c", "happo", "haa2c", "haml"])
def test_dead_agents_do_not_enter_a_policy_s_loss(name):
    algorithm = algorithms.load(name)
    losses = []
    for poison in (False, True):
        s = session("toy:discrete", algorithm=name)
        batch = batch_of(s)
        if poison:
            dead = batch.weights == 0
            batch = dataclasses.replace(
                batch,
                obs=torch.where(dead[..., None], 7.0, batch.obs),
                advantages=torch.where(dead, 1e3, batch.advantages),
            )
        seen = []
        s.learner.step_actor = lambda loss, groups, seen=seen: seen.append(float(loss.detach())) or 0.0
        algorithm.update(s.learner, batch, algorithm.options(), Moment(0, 0))
        losses.append(seen)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_dead_agents_do_not_enter_m():
    """What a dead agent of a box draws is not played, so its ratio is 1, however far its policy has moved."""
    s = session("toy:box")
    batch = batch_of(s)
    perturb(s.learner.actor)
    ratio = ratios_of(s.learner.actor, batch, [1])[0]
    dead = batch.weights[..., [1]] == 0
    assert 0 < float(dead.float().mean()) < 1
    assert bool((ratio[dead] == 1).all())
    assert float((ratio[~dead] - 1).abs().max()) > 0.05


def test_advantages_are_not_normalised_over_padding():
    x = torch.tensor([1.0, 2.0, 3.0, 1e6])
    alive = torch.tensor([1.0, 1.0, 1.0, 0.0])
    found = standardise(x, alive)
    assert found.tolist() == pytest.approx([-1.2247, 0, 1.2247, 0], abs=1e-3)
    # scaling nobody: an advantage of a lone survivor does not blow up
    assert standardise(x, torch.zeros(4)).tolist() == [0, 0, 0, 0]


def test_agents_advantages_in_a_session_are_standardised_over_the_living():
    s = session("toy:discrete")
    seen = []
    s.update(lambda agents, own: seen.append(own))
    w = torch.cat([own.weights for own in seen], -1)
    A = standardise(s.batch.advantages, s.batch.weights)
    assert float((w * A[..., [0, 1]]).sum()) == pytest.approx(0, abs=1e-3)
    first = seen[0]
    assert bool((first.advantages[first.weights == 0] == 0).all())


# ---------------------------------------------------------------- ends of episodes


def test_a_truncated_episode_bootstraps_and_a_terminated_one_does_not():
    """λ = 0: Â = r + γV(s') − V(s), V(s') the value of the *last observation* at a truncation, 0 at a termination."""
    s = session("toy:discrete", rollout={"lam": 0.0, "discount": 0.9}, algorithm="ippo")
    steps, _ = s.collector.collect()
    from deep.rollout import assess

    batch, _ = assess(steps, s.learner, None, 0.9, 0.0, 12)
    critic, normaliser = s.learner.critic, s.learner.normaliser
    T, B = steps.reward.shape[:2]
    values = normaliser.denormalise(batch.values).reshape(T, B, 2)
    advantages = batch.advantages.reshape(T, B, 2)
    assert int(steps.terminated.sum()) > 2
    assert int(steps.truncated.sum()) > 2
    for k, cut, obs, _ in steps.finals:
        with torch.no_grad():
            last = normaliser.denormalise(critic(obs[None])[0][0])
        wanted = steps.reward[k][cut] + 0.9 * last - values[k][cut]
        torch.testing.assert_close(advantages[k][cut], wanted, rtol=1e-4, atol=1e-5)
        # the last observation, and not the first of the next episode
        if k + 1 < T:
            assert float((obs - steps.obs[k + 1][cut]).abs().max()) > 0.5
    for k, b in steps.terminated.nonzero().tolist():
        torch.testing.assert_close(advantages[k, b], steps.reward[k, b] - values[k, b], rtol=1e-4, atol=1e-5)
    going = ~(steps.terminated | steps.truncated)
    going[-1] = False
    for k, b in going.nonzero().tolist():
        wanted = steps.reward[k, b] + 0.9 * values[k + 1, b] - values[k, b]
        torch.testing.assert_close(advantages[k, b], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recurrent", [0, 8])
def test_the_critic_sees_the_same_with_and_without_recurrence(recurrent):
    """A recurrent critic's bootstrap at a truncation continues the episode that ended."""
    s = session(
        "toy:discrete", network=Network(hidden=(8,), recurrent=recurrent), rollout={"lam": 0.0}, algorithm="ippo"
    )
    from deep.rollout import assess

    steps, _ = s.collector.collect()
    batch, _ = assess(steps, s.learner, None, 0.9, 0.0, 12)
    k, cut, obs, _ = steps.finals[0]
    b = int(cut.nonzero()[0, 0])
    begin = int(steps.starts[: k + 1, b].nonzero()[-1, 0])
    episode = torch.cat([steps.obs[begin : k + 1, b : b + 1], obs[:1][None]])[..., :4]
    with torch.no_grad():
        hidden = s.learner.critic.scheme.initial_state(1)
        values, _ = s.learner.critic(episode, hidden, torch.zeros(len(episode), 1, dtype=torch.bool))
    advantages = batch.advantages.reshape(12, 4, 2) if not recurrent else batch.advantages
    wanted = steps.reward[k, b] + 0.9 * values[-1, 0] - values[-2, 0]
    torch.testing.assert_close(advantages[k, b], wanted, rtol=1e-4, atol=1e-5)


def test_recurrent_state_resets_at_the_end_of_an_episode_and_not_at_a_death():
    """Agent 1 dies after an episode's first step: its state goes on; at the next episode everybody's is 0 again."""
    s = session("toy:discrete", network=Network(hidden=(), recurrent=6, gain=1.0), length=9)
    actor = s.learner.actor
    seen = []
    forward = actor.outputs

    def watch(obs, hidden=None, starts=None, agents=None, weights=None, available=None):
        out, after = forward(obs, hidden, starts, agents, weights)
        alone, _ = forward(obs, torch.zeros_like(hidden), starts, agents, weights)
        seen.append((starts[0].clone(), (out - alone)[0].abs().amax(-1)))
        return out, after

    actor.outputs = watch
    steps, _ = s.collector.collect()
    for k, (starts, difference) in enumerate(seen):
        assert torch.equal(starts, steps.starts[k])
        # at a first step what came before does not matter; at any other it does, for the dead as well
        assert bool((difference[starts] == 0).all())
        assert bool((difference[~starts] > 0).all())
    dead_inside = (~steps.alive[..., 1]) & ~steps.starts
    assert int(dead_inside.sum()) > 5


def test_an_update_sees_the_log_probabilities_that_the_rollout_saw_whatever_the_chunks():
    for chunk in (0, 3):
        s = session(
            "toy:discrete", network=Network(hidden=(8,), recurrent=6, gain=1.0), rollout={"chunk": chunk}, length=12
        )
        s.update()
        steps, _ = s.collector.collect()
        from deep.rollout import assess

        batch, _ = assess(steps, s.learner, s.collector.critic_hidden, 0.9, 0.95, chunk or 12)
        assert batch.obs.shape[:2] == ((chunk or 12), 4 * 12 // (chunk or 12))
        with torch.no_grad():
            logp = policy_of(s.learner.actor, batch, range(2)).log_prob(batch.actions)
        torch.testing.assert_close(logp, batch.logp, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("algorithm", ["ippo", "mappo"])
def test_agents_with_rewards_of_their_own_have_values_of_their_own(algorithm):
    """In a zero-sum game both see the state: one value for both could only be 0."""
    s = session("game:matching_pennies?discount=0.5", algorithm=algorithm)
    assert not s.spec.team
    batch = batch_of(s)
    with torch.no_grad():
        value_of, _ = s.learner.critic(batch.critic_inputs, batch.critic_hidden, batch.starts)
    assert float((value_of[..., 0] - value_of[..., 1]).abs().min()) > 1e-6


# ---------------------------------------------------------------- the value normaliser


def test_the_value_normaliser_is_updated_denormalised_saved_and_restored():
    s = updated(env="toy:discrete", algorithm="hatrpo")
    moments = s.learner.normaliser.moments
    assert float(moments[2]) > 0
    values = s.learner.normaliser.denormalise(torch.zeros(1))
    assert float(values) > 0.5  # returns of this environment are above 1
    fresh = session("toy:discrete", algorithm="hatrpo")
    saved = json.loads(json.dumps({"moments": s.learner.save()["normaliser"]["moments"].tolist()}))
    fresh.learner.load(s.learner.save())
    assert fresh.learner.normaliser.moments.tolist() == saved["moments"]


def test_the_normaliser_s_moments_are_debiased():
    """After one batch they are that batch's; after two, their mean within 1 − β."""
    one = ValueNormaliser()
    x, w = torch.tensor([1.0, 5.0, 99.0]), torch.tensor([1.0, 1.0, 0.0])
    one.update(x, w)
    assert one.normalise(torch.tensor([3.0, 5.0])).tolist() == pytest.approx([0, 1], abs=1e-6)
    one.update(x + 2, w)
    assert float(one.denormalise(torch.zeros(()))) == pytest.approx((3 * DECAY + 5) / (1 + DECAY), rel=1e-6)
    x = torch.linspace(-3, 7, 11)
    torch.testing.assert_close(one.denormalise(one.normalise(x)), x)
    off = ValueNormaliser(on=False)
    off.update(x, torch.ones(11))
    assert torch.equal(off.normalise(x), x)


def test_the_clipped_value_loss_is_the_larger_of_two_huber_losses():
    v, old, y = torch.tensor([0.5, 3.0, -20.0]), torch.zeros(3), torch.tensor([1.0, 2.9, 0.0])
    # |e| ≤ 10: e²/2; 20: 10·(20 − 5). Clipped predictions: 0.2, 0.2, −0.2
    assert value.huber(torch.tensor([3.0, -20.0]), 10).tolist() == [4.5, 150.0]
    found = value.value_loss(v, old, y, 0.2, 10.0)
    assert found.tolist() == pytest.approx([0.8**2 / 2, 2.7**2 / 2, 150.0])


# ---------------------------------------------------------------- devices


def test_policy_tables_are_made_where_the_networks_are():
    from deep.actor import policy_tables

    actor = session("toy:discrete").learner.actor.to("meta")
    tables = policy_tables(actor, torch.zeros(5, 2, 4, device="meta"))
    assert [table.shape for table in tables] == [(5, 3), (5, 2)]
    assert {table.device.type for table in tables} == {"meta"}


def test_a_refused_step_of_hatrpo_reports_what_can_be_averaged_with_one_that_was_taken():
    """Numbers of the CPU and tensors of a device are not stacked."""
    s = session("toy:discrete", algorithm="hatrpo")
    whole = batch_of(s)
    own = whole.of([1])
    taken = natural_step(s.learner, whole, own, whole.old, 1, TrustRegion())
    refused = natural_step(s.learner, whole, own, whole.old, 1, TrustRegion(tries=0))
    assert (taken["accepted"], refused["accepted"]) == (1.0, 0.0)
    assert {name: type(x) for name, x in taken.items()} == {name: type(x) for name, x in refused.items()}
    assert float(refused["surrogate"]) == float(refused["kl"]) == 0


# ---------------------------------------------------------------- flags


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], True),
        (["--network.norm", "False"], False),
        (["--network.norm", "false"], False),
        (["--network.norm"], True),
    ],
)
def test_a_flag_that_is_given_false_is_false(words, wanted, tmp_path):
    from marlcore.cli import main

    out = tmp_path / "run"
    sizes = ["--rollout.copies", "2", "--rollout.length", "2", "--network.hidden", "4"]
    status = main(["train", "mappo", "--env", "game:climbing", "--steps", "4", "--out", str(out), *sizes, *words])
    assert status == 0
    assert json.loads((out / "config.json").read_text())["network"]["norm"] is wanted
