"""VMAS by the protocol, where it is installed; its adapter against a stand-in everywhere; what is said without it."""

import importlib.machinery
import importlib.util
import sys
import types
import warnings

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs import vmas
from deep.envs.protocol import Box, Discrete, Family, random_actions
from marlcore import conformance
from marlcore.errors import InputError

needs_vmas = pytest.mark.skipif(importlib.util.find_spec("vmas") is None, reason="vmas is not installed")
CPU = torch.device("cpu")


class StandIn:
    """Two agents on a line in VMAS's interface: lists of tensors, one generator for the whole batch, unequal sizes."""

    def __init__(self, scenario, num_envs, device, continuous_actions, seed, terminated_truncated, wide=1.0, **left):
        assert scenario == "line"
        assert terminated_truncated
        if left:
            warnings.warn(f"Scenario kwargs: {left} passed but not used by the scenario.", stacklevel=2)
        self.wide, self.continuous, self.count = wide, continuous_actions, num_envs
        self.agents = [types.SimpleNamespace(name=name) for name in ("left", "right")]
        self.place = torch.zeros(num_envs, 2, device=device)
        self.reset(seed)

    def seed(self, seed):
        torch.manual_seed(seed)
        return [seed]

    def reset(self, seed=None):
        if seed is not None:
            self.seed(seed)
        self.place = torch.rand(self.count, 2)
        return self.get_from_scenario()[0]

    def reset_at(self, index, return_observations=True):
        assert not return_observations
        self.place[index] = torch.rand(1, 2)[0]

    def get_from_scenario(self, **_):
        one, two = self.place.clone().unbind(1)
        return [[torch.stack([one, two, one - two], 1), {"own": two[:, None], "other": one[:, None]}]]

    def get_agent_action_space(self, agent):
        if not self.continuous:
            return types.SimpleNamespace(n=3)
        size = 2 if agent.name == "left" else 1
        return types.SimpleNamespace(low=np.full(size, -self.wide), high=np.full(size, self.wide))

    def step(self, actions):
        assert [a.shape for a in actions] == [(self.count, 2 if self.continuous else 1), (self.count, 1)]
        way = [a[:, 0] if self.continuous else a[:, 0] - 1 for a in actions]
        self.place = self.place + 0.5 * torch.stack(way, 1)
        one, two = self.place.unbind(1)
        return [*self.get_from_scenario(), [one, -two], one.abs() > 1.2, torch.zeros(self.count), [{}, {}]]


@pytest.fixture
def stand_in(monkeypatch):
    module = types.ModuleType("vmas")
    module.__spec__ = importlib.machinery.ModuleSpec("vmas", None)
    module.make_env = StandIn
    monkeypatch.setitem(sys.modules, "vmas", module)
    monkeypatch.setattr(vmas, "tasks", lambda: ["line"])
    yield
    torch.manual_seed(0)


EXAMPLES = ("line", "line?actions=discrete&limit=7&reward=mean", "line?reward=sum&wide=0.5")


def test_the_adapter_keeps_the_contract(stand_in):
    conformance.check("environments", Family(vmas.make, vmas.tasks, EXAMPLES))


def test_spaces_observations_and_the_state_are_those_of_the_agents(stand_in):
    env = envs.make("vmas:line?wide=2", batch=3, seed=4)
    t = env.reset()
    assert env.spec.obs_sizes == (3, 2)
    assert env.spec.spaces == (Box((-2.0, -2.0), (2.0, 2.0)), Box((-2.0,), (2.0,)))
    assert (env.spec.agent_names, env.spec.episode_limit, env.spec.saves) == (("left", "right"), 100, False)
    one, two = env._env.place.unbind(1)
    assert torch.equal(t.state, torch.stack([one, two, one - two, two, one], 1))
    assert torch.equal(t.obs[:, 1], torch.stack([two, one, torch.zeros(3)], 1))
    assert envs.make("vmas:line?actions=discrete", batch=1).spec.spaces == (Discrete(3), Discrete(3))


@pytest.mark.parametrize("reward", ["own", "sum", "mean"])
def test_rewards_are_each_agents_own_or_the_teams(stand_in, reward):
    env = envs.make(f"vmas:line?actions=discrete&reward={reward}", batch=4, seed=1)
    t = env.step(torch.ones(4, 2, dtype=torch.int64))
    own = env._env.place * torch.tensor([1.0, -1.0])
    want = {"own": own, "sum": own.sum(1, keepdim=True), "mean": own.mean(1, keepdim=True)}[reward]
    assert torch.equal(t.reward, want.expand(4, 2))
    assert env.spec.team is (reward != "own")


def test_the_scenario_terminates_and_the_limit_truncates(stand_in):
    env = envs.make("vmas:line?actions=discrete&limit=5", batch=3, seed=2)
    env._env.place[:] = torch.tensor([[0.9, 0.0], [0.0, 0.0], [0.0, 0.0]])
    still = torch.ones(3, 2, dtype=torch.int64)
    go = still.clone()
    go[0, 0] = 2
    t = env.step(go)
    assert t.terminated.tolist() == [True, False, False]
    assert not t.truncated.any()
    assert t.final.obs[0, 0, 0] == pytest.approx(1.4)
    assert 0 <= t.obs[0, 0, 0] < 1
    assert torch.equal(t.obs[1:], t.final.obs[1:])
    ends = [env.step(still).truncated.tolist() for _ in range(5)]
    assert ends == [[False] * 3] * 3 + [[False, True, True], [True, False, False]]


def test_an_episode_is_a_function_of_seed_copy_and_number(stand_in):
    def starts(seed, first, batch):
        env = envs.make("vmas:line?actions=discrete&limit=1", batch=batch, seed=seed, first=first)
        still = torch.ones(batch, 2, dtype=torch.int64)
        return torch.stack([env.reset().obs, *(env.step(still).obs for _ in range(3))])

    whole = starts(7, 0, 4)
    assert torch.equal(whole[:, 2:], starts(7, 2, 2))
    assert len(whole[:, :, 0].unique()) > 40  # 16 starts of three numbers: none comes twice
    assert not torch.equal(whole, starts(8, 0, 4))


def test_what_cannot_be_is_refused(stand_in):
    with pytest.raises(InputError, match="unknown scenario of VMAS 'lines'; did you mean line"):
        envs.make("vmas:lines")
    with pytest.raises(InputError, match=r"vmas:line\?broad=2: VMAS says: Scenario kwargs: .*'broad': 2"):
        envs.make("vmas:line?broad=2")
    with pytest.raises(InputError, match="actions must be continuous or discrete"):
        envs.make("vmas:line?actions=both")
    with pytest.raises(InputError, match="limit must be a whole number ≥ 1"):
        envs.make("vmas:line?limit=0")
    with pytest.raises(InputError, match="has no ends"):
        envs.make("vmas:line?wide=1e999")
    with pytest.raises(InputError, match="cannot be saved"):
        envs.make("vmas:line").save()


def test_without_vmas_the_extra_is_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "vmas" else found(name))
    with pytest.raises(InputError, match=r"vmas:balance needs VMAS: pip install marlcore\[vmas\]"):
        envs.make("vmas:balance")


@needs_vmas
def test_vmas_keeps_the_contract():
    conformance.check("environments", "vmas")


@needs_vmas
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_a_step_is_vmas_own(actions):
    """From one start, VMAS's own environment takes the same steps: balance draws nothing but its starts."""
    from vmas import make_env

    env = vmas.make("balance", 2, CPU, 3, actions=actions)
    theirs = make_env("balance", num_envs=2, device="cpu", continuous_actions=actions == "continuous", seed=0)
    for b in range(2):
        theirs.seed(env._word(b, 0, vmas.START))
        theirs.reset_at(b)
    t = env.reset()
    for k in range(5):
        given = random_actions(env.spec, t.available, 3, k)
        t = env.step(given)
        obs, rewards, _, _ = theirs.step(env._split(given))
        assert torch.equal(t.state, torch.cat(obs, -1))
        assert torch.equal(t.reward, torch.stack(rewards, 1))
