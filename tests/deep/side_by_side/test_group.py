"""Runs side by side: each is the run that it would be alone, and notices no other."""

import dataclasses

import pytest
import torch
import toy

from deep.config import Config, Network, Optimiser, Rollout
from deep.rollout import Steps, assess
from deep.session import Session, TrainingError
from deep.side_by_side import Group
from deep.side_by_side import rollout as side
from deep.side_by_side.stack import Stack, StackedAdam
from marlcore import registry

# with a large ε of Adam a gradient that is almost 0 makes a small step, whatever its round-off
ADAM = Optimiser(lr=1e-3, critic_lr=1e-3, epsilon=1e-2)
SMALL = {"network": Network(hidden=(8, 8)), "rollout": Rollout(copies=5, length=9), "steps": 10**6, "optimiser": ADAM}
VARIED = {"algorithm": "ippo", "env": "navigation:mixed?continuous=true&reward=own", "sharing": "hyper"}
KINDS = {
    "happo-nops": Config("happo", "game:climbing", **SMALL),
    "happo-fups-masks": Config("happo", "toy:discrete", "fups", **SMALL),
    "haa2c-nops-ends": Config("haa2c", "game:soccer?limit=7&absorbing=stop", **SMALL),
    "mappo-nops-box": Config("mappo", "navigation:different?continuous=true", **SMALL),
    "mappo-fups_id-vectors": Config("mappo", "toy:multi", "fups_id", **SMALL),
    "maa2c-fups-box": Config("maa2c", "toy:box", "fups", **SMALL),
    "ippo-hyper-own-rewards": Config(**VARIED, **SMALL),
}


@pytest.fixture(autouse=True)
def _toys():
    registry.register("environments", "toy", toy.family())
    yield
    registry.unregister("environments", "toy")


def sessions(config, seeds):
    return [Session(dataclasses.replace(config, seed=seed)) for seed in seeds]


def numbers(session):
    learner = session.learner.save()
    return {f"{part}.{k}": v for part in ("actor", "critic", "normaliser") for k, v in learner[part].items()}


def same(one, other):
    a, b = numbers(one), numbers(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def assert_close(one, other, tolerance):
    a, b = numbers(one), numbers(other)
    assert a.keys() == b.keys()
    for name in a:
        assert torch.allclose(a[name], b[name], rtol=tolerance, atol=tolerance), name


def assert_rows_close(alone, beside, tolerance=2e-4):
    assert alone.keys() == beside.keys()
    for name, figure in alone.items():
        assert beside[name] == pytest.approx(figure, rel=tolerance, abs=tolerance / 10), name


@pytest.mark.parametrize("minibatches", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_each_run_is_the_run_that_it_would_be_alone(kind, minibatches):
    config = KINDS[kind]
    config = dataclasses.replace(
        config,
        options=dataclasses.replace(config.options, minibatches=minibatches),
        value=dataclasses.replace(config.value, minibatches=minibatches),
    )
    alone, beside = sessions(config, (3, 0, 7)), sessions(config, (3, 0, 7))
    group = Group(beside)
    for update in range(2):
        rows = group.update()
        for session, row in zip(alone, rows, strict=True):
            expected = session.update()
            assert_rows_close(expected, row)
            if update == 0:  # nothing is rounded before the first update: the same actions, the same episodes
                for name in ("episodes", "return_mean", "return_min", "return_max", "length_mean", "won"):
                    assert row.get(name) == expected.get(name)
    for one, other in zip(alone, beside, strict=True):
        assert one.updates == other.updates == 2
        assert_close(one, other, 2e-5)


def test_joined_environments_show_what_each_shows_and_which_run_it_is():
    def parts():
        return [toy.Toy("discrete", batch, torch.device("cpu"), 0, first) for batch, first in ((2, 0), (2, 1), (2, 4))]

    whole, alone, ended = side.Joined(parts()), parts(), set()
    for t in (whole.reset(), *(whole.step(torch.zeros(6, 2, dtype=torch.int64)) for _ in range(12))):
        own = [part.reset() if not ended else part.step(torch.zeros(2, 2, dtype=torch.int64)) for part in alone]
        for name in ("obs", "state", "available", "alive", "reward", "terminated", "truncated"):
            assert torch.equal(getattr(t, name), torch.cat([getattr(one, name) for one in own]))
        ended.add(tuple(one.final is not None for one in own))
        assert (t.final is not None) == any(one.final is not None for one in own)
        for k, one in enumerate(own):
            rows = slice(2 * k, 2 * k + 2)
            assert t.info[side.RUN][rows].tolist() == [k, k]
            if one.final is not None:
                assert t.final is not None
                assert torch.equal(t.final.obs[rows], one.final.obs)
                assert torch.equal(t.final.state[rows], one.final.state)
    assert len(ended) >= 3  # none, some and others of them ended in a step


def test_values_and_advantages_are_those_of_each_run_wherever_its_episodes_are_cut():
    group = Group(sessions(KINDS["mappo-nops-box"], (0, 1, 2)))
    group.update()  # so that the normalisers are not at their start
    steps, _ = group.collector.collect()
    generator, size = torch.Generator().manual_seed(0), group.collector.env.own
    u = torch.rand(steps.truncated.shape, generator=generator)
    steps.terminated, steps.truncated = u < 0.1, u > 0.7
    steps.truncated[:, :size] &= u[:, :size] > 0.9  # runs differ in how often they are cut
    for k, cut in enumerate(steps.truncated):
        obs, state = (torch.randn(int(cut.sum()), *x.shape[2:], generator=generator) for x in (steps.obs, steps.state))
        steps.finals.append((k, cut, obs, state))
    first = group.sessions[0]
    normalisers = [session.learner.normaliser for session in group.sessions]
    found = side.assess(steps, first.learner.critic, group.critics, normalisers, 0.9, 0.8, False)
    for k, session in enumerate(group.sessions):
        rows = slice(k * size, (k + 1) * size)
        arrays = {name: x[:, rows] for name, x in vars(steps).items() if torch.is_tensor(x) and x.ndim > 1}
        own = Steps(**{name: x for name, x in arrays.items() if not name.startswith("next")})
        own.next_obs, own.next_state = steps.next_obs[rows], steps.next_state[rows]
        for when, cut, obs, state in steps.finals:
            ours = cut.nonzero()[:, 0] // size == k
            own.finals.append((when, cut[rows], obs[ours], state[ours]))
        batch, _ = assess(own, session.learner, None, 0.9, 0.8, len(steps.obs))
        for name, x in found.items():
            assert torch.allclose(x[k], getattr(batch, name), rtol=1e-5, atol=1e-5), name


def test_gradients_are_clipped_run_by_run():
    config = dataclasses.replace(KINDS["happo-nops"], optimiser=Optimiser(max_norm=1e-3, epsilon=1e-3))
    alone, beside = sessions(config, (0, 1)), sessions(config, (0, 1))
    rows = Group(beside).update()
    for one, other, row in zip(alone, beside, rows, strict=True):
        assert_rows_close(one.update(), row)
        assert row["gradient_norm"] > 1e-3  # so that there is something to clip
        assert_close(one, other, 1e-6)


def test_no_run_notices_another():
    config = KINDS["happo-nops"]
    ours, theirs = sessions(config, (1, 2, 3)), sessions(config, (1, 9, 3))
    groups = Group(ours), Group(theirs)
    for _ in range(2):
        rows = [group.update() for group in groups]
        assert [rows[0][k] for k in (0, 2)] == [rows[1][k] for k in (0, 2)]
    assert same(ours[0], theirs[0])
    assert same(ours[2], theirs[2])
    assert not same(ours[1], theirs[1])


@pytest.mark.parametrize("kind", ["happo-nops", "happo-fups-masks", "mappo-nops-box"])
def test_a_run_that_is_settled_goes_on_alone_and_so_does_the_group(kind):
    config = KINDS[kind]
    beside = sessions(config, (4, 5))
    group = Group(beside)
    for _ in range(2):
        group.update()
    group.settle()
    alone = sessions(config, (4, 5))
    for one, other in zip(alone, beside, strict=True):
        one.load(other.save())
        assert same(one, other)
    for one, row in zip(alone, group.update(), strict=True):
        expected = one.update()
        assert_rows_close(expected, row)
        for name in ("episodes", "return_mean", "length_mean"):  # the same weights, so the same actions
            assert row.get(name) == expected.get(name)
    for one, other in zip(alone, beside, strict=True):
        assert_close(one, other, 1e-5)


def test_runs_that_have_begun_alone_go_on_side_by_side():
    config = KINDS["mappo-nops-box"]
    alone, beside = sessions(config, (4, 5)), sessions(config, (4, 5))
    for session in (*alone, *beside):
        session.update()
    group = Group(beside)
    for one, row in zip(alone, group.update(), strict=True):
        assert_rows_close(one.update(), row)


def test_a_figure_that_is_no_number_names_its_seed():
    registry.register("environments", "sick", toy.family(poison=11))
    try:
        config = Config("mappo", "toy:discrete", "fups", **SMALL)
        group = Group(sessions(config, (0, 1)))
        with torch.no_grad():
            group.sessions[1].learner.critic_parameters[0].fill_(torch.nan)
        with pytest.raises(TrainingError, match="of seed 1"):
            group.update()
    finally:
        registry.unregister("environments", "sick")


def test_stacked_adam_is_torch_s_adam_and_moves_nobody_else():
    torch.manual_seed(0)
    modules = [torch.nn.Linear(3, 2) for _ in range(4)]
    copies = [torch.nn.Linear(3, 2) for _ in range(4)]
    for module, other in zip(modules, copies, strict=True):
        other.load_state_dict(module.state_dict())
    adams = [[torch.optim.Adam(m.parameters(), lr=0.1, eps=1e-5)] for m in modules]
    theirs = [torch.optim.Adam(m.parameters(), lr=0.1, eps=1e-5) for m in copies]
    # modules 0 and 1 are the two agents of run 0, modules 2 and 3 those of run 1
    groups = [[list(modules[0].parameters()), list(modules[1].parameters())]]
    groups += [[list(modules[2].parameters()), list(modules[3].parameters())]]
    pairs = [torch.nn.ModuleList(modules[:2]), torch.nn.ModuleList(modules[2:])]
    stack = Stack(pairs, groups)
    adam = StackedAdam(stack, groups, [[adams[0][0], adams[1][0]], [adams[2][0], adams[3][0]]], max_norm=0.5)
    x = torch.randn(5, 3)
    with adam.moving([0, 1]) as moving:  # agent 0 of run 0, agent 1 of run 1: modules 0 and 3
        for _ in range(3):

            def loss(named):
                out = torch.einsum("ni,koi->kno", x, named["0.weight"]) + named["0.bias"][:, None]
                losses = out.square().sum((1, 2))
                return losses, {"loss": losses.detach()}

            moving.step(loss, "norm")
    for k in (0, 3):
        for _ in range(3):
            theirs[k].zero_grad()
            copies[k](x).square().sum().backward()
            torch.nn.utils.clip_grad_norm_(copies[k].parameters(), 0.5)
            theirs[k].step()
    for k in range(4):
        for ours, expected in zip(modules[k].parameters(), copies[k].parameters(), strict=True):
            assert torch.allclose(ours, expected, rtol=0, atol=1e-6)
    adam.settle()
    state = adams[0][0].state_dict()["state"][0]
    expected = theirs[0].state_dict()["state"][0]
    assert float(state["step"]) == float(expected["step"]) == 3
    for name in ("exp_avg", "exp_avg_sq"):
        assert torch.allclose(state[name], expected[name], rtol=0, atol=1e-6)
