"""StarCraft's adapter against a stand-in that speaks its Python interface, and what is said where it is missing."""

import importlib.machinery
import sys
import types

import numba
import numpy as np
import pytest
import torch

from deep import envs
from deep.envs import smac
from deep.envs.protocol import random_actions
from deep.envs.skirmish import maps
from deep.envs.skirmish.env import LIMIT, Skirmish
from marlcore import conformance
from marlcore.errors import InputError


@pytest.fixture(autouse=True)
def _one_thread():
    """A batch of one or two battles gains nothing from threads, and waits for them on a busy machine."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


class StandIn:
    """One battle of skirmish behind SMAC's own interface: lists, Python numbers, its info and its names."""

    def __init__(self, map_name="3m", seed=None, capability_config=None, **_):
        race = map_name.removeprefix("10gen_")
        if capability_config:
            map_name = f"{race}_{capability_config['n_units']}_vs_{capability_config['n_enemies']}"
        self.env, self.closed = Skirmish(map_name, 1, torch.device("cpu"), seed), False
        self.last = None

    def reset(self):
        self.last = None
        return self.get_obs(), self.get_state()

    def step(self, actions):
        t = self.env.step(torch.tensor([actions]))
        info = {"battle_won": bool(t.info["won"][0]), "dead_allies": int(t.info["dead_allies"][0])}
        info["dead_enemies"] = int(t.info["dead_enemies"][0])
        if t.done[0]:
            self.last = t.final.obs[0].numpy().copy(), t.final.state[0].numpy().copy()
        if int(self.env._outcome[0]) == LIMIT:
            info["episode_limit"] = True
        return float(t.reward[0, 0]), bool(t.done[0]), info

    def get_obs(self):
        return list(self.env.timestep.obs[0].numpy() if self.last is None else self.last[0])

    def get_state(self):
        return self.env.timestep.state[0].numpy() if self.last is None else self.last[1]

    def get_avail_actions(self):
        return self.env.timestep.available[0].int().tolist()

    def get_env_info(self):
        spec = self.env.spec
        return {
            "state_shape": spec.state_size,
            "obs_shape": spec.obs_size,
            "n_actions": spec.n_actions,
            "n_agents": spec.n_agents,
            "episode_limit": spec.episode_limit,
            "agent_features": ["health"],
        }

    def close(self):
        assert not self.closed
        self.closed = True


def install(monkeypatch, *names, **content):
    """Modules that look installed; the last holds ``content``."""
    for k, name in enumerate(names):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
        if k == len(names) - 1:
            module.__dict__.update(content)


def test_smac_keeps_the_contract(monkeypatch):
    install(monkeypatch, "smac", "smac.env", StarCraft2Env=StandIn)
    conformance.check("environments", smac.SMAC)


def test_smacv2_keeps_the_contract(monkeypatch):
    names = ("smacv2", "smacv2.env", "smacv2.env.starcraft2", "smacv2.env.starcraft2.wrapper")
    install(monkeypatch, *names, StarCraftCapabilityEnvWrapper=StandIn)
    conformance.check("environments", smac.SMACV2)
    env = envs.make("smacv2:sc2_gen_protoss?units=10&enemies=11")
    assert (env.spec.n_agents, env.spec.n_actions) == (10, 17)
    with pytest.raises(InputError, match="races are terran, protoss, zerg"):
        envs.make("smacv2:sc2_gen_human")
    with pytest.raises(InputError, match="smac:3m"):
        envs.make("smacv2:3m")


def test_the_adapter_shows_what_the_game_shows(monkeypatch):
    install(monkeypatch, "smac", "smac.env", StarCraft2Env=StandIn)
    env = envs.make("smac:2m_vs_1z", batch=2, seed=4)
    t, ended, limits = env.reset(), 0, 0
    for k in range(160):
        actions = random_actions(env.spec, t.available, 4, k) if k < 60 else (~t.available[..., 0]).long()
        t = env.step(actions)
        games = [game.env for game in env._games]
        assert np.allclose(t.obs[0], games[0].timestep.obs[0])
        assert torch.equal(t.alive, ~t.available[..., 0])
        if t.final is not None:
            row = int(t.done.nonzero()[0])
            assert torch.equal(t.final.obs[row], games[row].timestep.final.obs[0])
            assert (t.info["dead_allies"][row] == 2) or bool(t.truncated[row])
        ended += int(t.terminated.sum())
        limits += int(t.truncated.sum())
    assert ended > 0
    with pytest.raises(InputError, match="cannot be saved"):
        env.save()
    env.close()


def test_an_end_by_the_limit_is_a_truncation(monkeypatch):
    class Long(StandIn):
        def step(self, actions):
            reward, _, info = super().step(actions)
            return reward, True, {**info, "episode_limit": True}

    install(monkeypatch, "smac", "smac.env", StarCraft2Env=Long)
    t = envs.make("smac:3m").step(torch.ones(1, 3, dtype=torch.int64))
    assert (t.truncated.tolist(), t.terminated.tolist()) == ([True], [False])


def test_what_is_missing_is_said_in_one_line(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("smac") else found(name))
    with pytest.raises(InputError, match=r"oxwhirl/smac\.git.*SC2PATH.*skirmish:3m") as raised:
        envs.make("smac:3m")
    assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match=r"oxwhirl/smacv2\.git.*skirmish:zerg_5_vs_5"):
        envs.make("smacv2:zerg_5_vs_5")
    with pytest.raises(InputError, match="did you mean corridor"):
        envs.make("smac:coridor")


def test_the_other_project_named_smac_is_recognised(monkeypatch):
    install(monkeypatch, "smac", "smac.facade")
    with pytest.raises(InputError, match="hyperparameter optimiser"):
        envs.make("smac:3m")


def test_a_game_that_does_not_start_is_said(monkeypatch):
    class SC2LaunchError(Exception):
        pass

    class Missing(StandIn):
        def reset(self):
            raise SC2LaunchError("no Versions folder")

    install(monkeypatch, "smac", "smac.env", StarCraft2Env=Missing)
    with pytest.raises(InputError, match=r"StarCraft II 4\.10 and SMAC's maps under SC2PATH.*no Versions.*skirmish:3m"):
        envs.make("smac:3m")


def test_the_families_list_their_tasks():
    assert set(envs.tasks("smac")) == set(maps.MAPS)
    assert "terran_20_vs_23" in envs.tasks("smacv2")
