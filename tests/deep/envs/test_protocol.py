"""The environments' contract: names, actions, and a conformance suite that catches each way of breaking it."""

import dataclasses

import numpy as np
import pytest
import torch

from deep import envs
from deep.envs import protocol
from deep.envs.game import FAMILY, GameEnvironment
from deep.envs.naming import parse
from deep.envs.protocol import Box, Discrete, Family, Final, MultiDiscrete, Spec, check_actions, random_actions
from marlcore import conformance
from marlcore.conformance import ConformanceError
from marlcore.errors import InputError
from marlcore.games import TeamGame

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["game:climbing", "game:penalty?k=-30", "game:a.npz?limit=3&x=2"])
def test_a_name_is_its_parts(name):
    assert str(parse(name)) == name


@pytest.mark.parametrize(
    "name", ["climbing", ":climbing", "game:", "game:x?k", "game:x?k=1&k=2", "game:x?=1", "game:x?k="]
)
def test_a_name_that_does_not_parse_is_refused(name):
    with pytest.raises(InputError, match=r"is no environment|key=value|twice"):
        parse(name)


def test_unknown_families_tasks_devices_and_batches_are_refused_with_what_there_is():
    with pytest.raises(InputError, match="did you mean game"):
        envs.make("gmae:climbing")
    with pytest.raises(InputError, match="did you mean climbing"):
        envs.make("game:climbign")
    with pytest.raises(InputError, match="is no device"):
        envs.make("game:climbing", device="graphics")
    with pytest.raises(InputError, match="at least 1"):
        envs.make("game:climbing", batch=0)
    with pytest.raises(InputError, match="seed must be"):
        envs.make("game:climbing", seed=-1)
    with pytest.raises(InputError, match="has the discount"):
        envs.make("game:soccer?discount=0.5")
    with pytest.raises(InputError, match="must be a number"):
        envs.make("game:penalty?k=low")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(InputError, match="sees no CUDA device"):
        envs.make("game:climbing", device="cuda")


ELSEWHERE = {"smac": "smac", "smacv2": "smacv2", "smax": "jaxmarl", "vmas": "vmas"}
"""Families that need what may not be installed; their own tests use a stand-in or skip."""


@pytest.mark.parametrize("family", [name for name in envs.families() if name not in ELSEWHERE])
def test_every_family_keeps_the_contract(family):
    conformance.check("environments", family)


@pytest.mark.parametrize("name", ["game:climbing", "mpe:simple_spread", "dispersion:line", "skirmish:3m"])
@pytest.mark.parametrize("seed", [-1, 2**63, 2**70], ids=["negative", "just-too-large", "too-large"])
def test_a_seed_that_no_stream_takes_is_refused_at_a_reset_too(name, seed):
    env = envs.make(name)
    with pytest.raises(InputError, match=r"seed must be in \[0, 2⁶³\), not"):
        env.reset(seed)


class Spec1:
    """Specs of each action kind, padded."""

    discrete = Spec("t:d", (3, 2), 4, (Discrete(3), Discrete(2)))
    multi = Spec("t:m", (1, 1), 1, (MultiDiscrete((2, 3)), MultiDiscrete((4,))))
    box = Spec("t:b", (1, 1), 1, (Box((-1.0, 0.0), (1.0, 2.0)), Box((-2.0,), (2.0,))))


def test_sizes_of_padded_specs():
    assert (Spec1.discrete.obs_size, Spec1.discrete.n_actions, Spec1.discrete.action_size) == (3, 3, 1)
    assert (Spec1.multi.action_counts, Spec1.multi.n_actions, Spec1.multi.action_size) == ((4, 3), 7, 2)
    assert (Spec1.box.n_actions, Spec1.box.action_size, Spec1.box.action_kind) == (0, 2, "box")


def test_specs_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="2 observation sizes for 1"):
        Spec("t:x", (1, 1), 1, (Discrete(2),))
    with pytest.raises(InputError, match="several kinds"):
        Spec("t:x", (1, 1), 1, (Discrete(2), Box((0.0,), (1.0,))))


def test_bad_actions_are_named():
    mask = torch.tensor([[[True, False, True], [True, True, False]]]).expand(2, -1, -1)
    check_actions(Spec1.discrete, torch.tensor([[0, 1], [2, 0]]), mask)
    with pytest.raises(
        InputError, match=r"action 1 of agent 0 in environment 1 is not available; available are \[0, 2\]"
    ):
        check_actions(Spec1.discrete, torch.tensor([[0, 1], [1, 0]]), mask)
    with pytest.raises(InputError, match=r"action 3 of agent 1 in environment 0 is not in 0\.\.2"):
        check_actions(Spec1.discrete, torch.tensor([[0, 3], [0, 0]]), mask)
    with pytest.raises(InputError, match=r"action -1 of agent 0"):
        check_actions(Spec1.discrete, torch.tensor([[-1, 0], [0, 0]]), mask)
    with pytest.raises(InputError, match=r"torch\.float32 where torch\.int64"):
        check_actions(Spec1.discrete, torch.zeros(2, 2), mask)
    with pytest.raises(InputError, match=r"shape \(2,\) where \(2, 2\)"):
        check_actions(Spec1.discrete, torch.tensor([0, 1]), mask)


def test_bad_actions_of_several_dimensions_are_named():
    mask = torch.ones(1, 2, 7, dtype=torch.bool)
    mask[0, 0, 4 + 2] = False
    check_actions(Spec1.multi, torch.tensor([[[3, 1], [0, 2]]]), mask)
    with pytest.raises(InputError, match="action 2 of agent 0 in environment 0, dimension 1 is not available"):
        check_actions(Spec1.multi, torch.tensor([[[3, 2], [0, 2]]]), mask)


def test_bad_actions_of_a_box_are_named():
    mask = torch.ones(1, 2, 0, dtype=torch.bool)
    check_actions(Spec1.box, torch.tensor([[[1.0, 2.0], [-2.0, 99.0]]]), mask)  # agent 1's second dimension is padding
    with pytest.raises(InputError, match=r"dimension 1 is not in \[0.0, 2.0\]"):
        check_actions(Spec1.box, torch.tensor([[[1.0, -0.1], [0.0, 0.0]]]), mask)
    with pytest.raises(InputError, match="action nan of agent 1"):
        check_actions(Spec1.box, torch.tensor([[[1.0, 1.0], [torch.nan, 0.0]]]), mask)


@pytest.mark.parametrize("kind", ["discrete", "multi", "box"])
def test_random_actions_are_available(kind):
    spec = getattr(Spec1, kind)
    mask = torch.ones(50, 2, spec.n_actions, dtype=torch.bool)
    mask[:, 1, :1] = False
    actions = random_actions(spec, mask, 3, 4)
    check_actions(spec, actions, mask)
    assert torch.equal(actions, random_actions(spec, mask, 3, 4))
    assert not torch.equal(actions, random_actions(spec, mask, 3, 5))
    assert torch.equal(actions[:20], random_actions(spec, mask[:20], 3, 4))


# ---------------------------------------------------------------- the suite has teeth


class _Broken(GameEnvironment):
    """A game environment whose next step breaks the contract in one way."""

    def __init__(self, how, batch, seed, first):
        self.how = how
        game = TeamGame.random(3, (2, 3), np.random.default_rng(0), discount=0.5)
        super().__init__(game, "broken:" + how, batch, CPU, seed, first)
        if how == "padding":
            self._available = torch.ones_like(self._available)

    def reset(self, seed=None):
        if self.how == "forgets-seed" and hasattr(self, "count"):
            self.count += 1
            self.state = self._draw_start()
            return self._fresh()
        return super().reset(seed)

    def step(self, actions):
        if self.how == "clamps":
            actions = actions[..., :2].expand(self.batch, 2).clamp(0, 1) if actions.shape[1] == 2 else actions
        t = super().step(actions)
        ended = t.truncated
        return {
            "dtype": lambda: dataclasses.replace(t, reward=t.reward.double()),
            "nan": lambda: dataclasses.replace(t, reward=t.reward / 0),
            "both": lambda: dataclasses.replace(t, terminated=ended),
            "no-final": lambda: dataclasses.replace(t, final=None),
            "always-final": lambda: dataclasses.replace(t, final=Final(t.obs, t.state)),
            "endless": lambda: dataclasses.replace(t, truncated=torch.zeros_like(ended), final=None),
            "neighbours": lambda: dataclasses.replace(t, reward=t.reward + t.reward.sum()),
        }.get(self.how, lambda: t)()

    def save(self):
        saved = super().save()
        if self.how == "forgets-age":
            saved["age"] = torch.zeros_like(saved["age"])
        if self.how == "pickles":
            saved["game"] = self.game
        return saved


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("dtype", "reward is torch.float64"),
        ("nan", "reward not finite"),
        ("padding", "may take a padded action"),
        ("both", "terminated and truncated"),
        ("no-final", "final is not there"),
        ("always-final", "final is not there"),
        ("endless", "longer than"),
        ("neighbours", "reward at step"),
        ("forgets-seed", "the episodes are others"),
        ("forgets-age", "at step"),
        ("pickles", "no plain data"),
        ("clamps", "that it should refuse"),
    ],
)
def test_the_suite_catches(how, message):
    family = Family(lambda task, batch, device, seed, first: _Broken(task, batch, seed, first), tuple, (how,))
    with pytest.raises(ConformanceError, match=message):
        conformance.check("environments", family)


def test_the_suite_refuses_a_family_without_examples():
    with pytest.raises(ConformanceError, match="without examples"):
        conformance.check("environments", dataclasses.replace(FAMILY, examples=()))


def test_the_suite_passes_what_only_looks_broken():
    family = Family(lambda task, batch, device, seed, first: _Broken(task, batch, seed, first), tuple, ("sound",))
    assert len(conformance.check("environments", family).checks) == 8


def test_an_environment_that_cannot_be_saved_says_so():
    env = protocol.Environment.__subclasses__()[0].__new__(GameEnvironment)
    env.spec = Spec1.discrete
    with pytest.raises(InputError, match="cannot be saved"):
        protocol.Environment.save(env)
