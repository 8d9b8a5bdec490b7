"""What is switched on matters: every scheme and algorithm of ours is alive, and planted dead mechanisms are named."""

import argparse
import dataclasses
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from deep import actor, algorithms, liveness, networks, sharing, train
from deep.algorithms import ascent, hatrpo, mappo
from deep.algorithms.value import Value
from deep.commands import audit as audit_command
from deep.commands import train as train_command
from deep.commands.options import with_options
from deep.config import Config, Network, Rollout
from deep.liveness import (
    DeadError,
    Finding,
    Mechanism,
    Report,
    Subject,
    check_code,
    check_flags,
    check_switches,
    examine,
    flags,
)
from deep.normalise import ValueNormaliser, masked_mean
from deep.session import Session
from deep.sharing import ObsHyper
from deep.sharing.fups import FuPSID
from deep.sharing.obs_hyper import scheme as obs_hyper
from marlcore.cli_config import parse
from marlcore.errors import InputError

SPREAD = "mpe:simple_spread"
OWN = "obs_hyper?conditioning=own&history=window&scaling=true&fusion=2&context=6"


def config(algorithm="happo", sharing="nops", env=SPREAD, **fields):
    return Config(algorithm, env, sharing=sharing, steps=16, rollout=Rollout(copies=2, length=8), **fields)


def report(*args, **fields):
    return liveness.liveness(config(*args, **fields))


def status(found):
    return {finding.name: finding.status for finding in found.findings}


# ---------------------------------------------------------------- ours are alive


@pytest.mark.parametrize("scheme", sharing.names())
def test_every_scheme_is_alive(scheme):
    found = report("mappo", scheme)
    assert not found.dead
    assert {part.name for part in Session(config("mappo", scheme)).learner.actor.scheme.parts()} <= status(found).keys()


@pytest.mark.parametrize("algorithm", algorithms.names())
def test_every_algorithm_is_alive(algorithm):
    found = status(report(algorithm))
    assert found["value normaliser"] == found["alive mask"] == "alive"
    assert set(found.values()) <= {"alive", "cannot apply"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"sharing": "obs_hyper?increment=full&types=0,0,1"}, id="full"),
        pytest.param({"sharing": "obs_hyper?accumulate=true&target_every=0&increment=low_rank"}, id="accumulate"),
        pytest.param({"sharing": OWN}, id="own"),
        pytest.param({"sharing": "fups_id", "network": Network(recurrent=8)}, id="gru"),
        pytest.param({"value": Value(sharing="obs_hyper?fused=gaussian", view="agent")}, id="critic"),
        pytest.param({"env": "game:climbing", "sharing": "hyper"}, id="one-state"),
        pytest.param({"env": "game:soccer", "sharing": "obs_hyper"}, id="one-observation-for-all"),
        pytest.param({"value": Value(clip=50.0, huber=1e4)}, id="wide-bounds"),
    ],
)
def test_variants_are_alive(fields):
    assert not report("mappo", **fields).dead


FAMILIES = ("game:soccer", SPREAD, "dispersion:line?n=3", "navigation:different?n=3", "skirmish:3m")
OURS = ("fups", "fups_id", "nops", "hyper", "hyper_linear", "obs_hyper")
ALGORITHMS = ("happo", "hatrpo", "haa2c", "haml", "mappo", "ippo", "maa2c")
GRID = [(env, scheme, algorithm) for env in FAMILIES for scheme in OURS for algorithm in ALGORITHMS]


def swept(env, scheme, algorithm):
    found = status(report(algorithm, scheme, env))
    assert set(found.values()) <= {"alive", "cannot apply"}
    assert found["gradient clip"] == "alive"
    assert found.get("sequential factor M") == ("alive" if algorithm in ALGORITHMS[:4] else None)


COMPACT = [
    (env, scheme, ALGORITHMS[(3 * e + s) % 7]) for e, env in enumerate(FAMILIES) for s, scheme in enumerate(OURS)
]
"""Every family with every scheme; each scheme with five algorithms, each family with six."""


@pytest.mark.parametrize(("env", "scheme", "algorithm"), COMPACT, ids=lambda x: x)
def test_every_family_with_every_scheme_is_alive(env, scheme, algorithm):
    swept(env, scheme, algorithm)


@pytest.mark.slow
@pytest.mark.parametrize(("env", "scheme", "algorithm"), GRID, ids=lambda x: x)
def test_the_whole_grid_is_alive(env, scheme, algorithm):
    swept(env, scheme, algorithm)


def test_what_cannot_apply_is_said():
    found = {finding.name: finding for finding in report(value=Value(clip=50.0)).findings}
    assert found["available mask"].detail == "no action is unavailable at the first step"
    assert found["value clip"].status == "cannot apply"
    off = status(report(value=Value(normalise=False)))
    assert "value normaliser" not in off


def test_the_session_that_is_examined_stays_as_it_is():
    session = Session(config(sharing="obs_hyper"))
    before = {name: value.clone() for name, value in session.learner.actor.state_dict().items()}
    random = torch.get_rng_state()
    liveness.examine_session(session)
    after = session.learner.actor.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(random, torch.get_rng_state())
    assert session.updates == 0


# ---------------------------------------------------------------- planted: each way to be dead


def dead(*args, **fields):
    with pytest.raises(DeadError) as caught:
        report(*args, **fields)
    return str(caught.value)


def test_a_network_in_no_optimiser(monkeypatch):
    def theta_alone(self, group, lr):
        return [{"name": "theta", "params": self._own(), "lr": lr}]

    monkeypatch.setattr(ObsHyper, "optimiser_groups", theta_alone)
    message = dead("mappo", "obs_hyper")
    assert "actor.scheme.emitter.G is held by no optimiser" in message
    assert "actor.scheme.theta" not in message


def test_a_parameter_held_twice(monkeypatch):
    plain = actor.Actor.optimiser_groups
    monkeypatch.setattr(actor.Actor, "optimiser_groups", lambda self, group, lr: plain(self, 0, lr))
    message = dead("mappo", "nops")
    assert "is held by optimisers 3 times" in message
    assert "is held by no optimiser" in message


def test_outputs_unused_when_actions_are_evaluated_again(monkeypatch):
    plain = obs_hyper.add
    monkeypatch.setattr(
        obs_hyper, "add", lambda theta, parts: theta if torch.is_grad_enabled() else plain(theta, parts)
    )
    message = dead("mappo", "obs_hyper")
    assert "increments is switched on and changes nothing in: evaluating" in message
    assert "the policy that acts is not the policy that is evaluated and trained" in message


def test_outputs_unused_when_acting(monkeypatch):
    plain = FuPSID.weights

    def weights(self, agents=None):
        found = plain(self, agents)
        return found if torch.is_grad_enabled() else found | {self._bias: found[self._bias] - self.identity}

    monkeypatch.setattr(FuPSID, "weights", weights)
    assert "id is switched on and changes nothing in: acting" in dead("mappo", "fups_id")


def test_a_regulariser_that_never_reaches_the_loss(monkeypatch):
    monkeypatch.setattr(ascent, "terms_of", lambda *args: {})
    message = dead("mappo", "obs_hyper")
    for name in ("smoothness", "alignment", "target"):
        assert f"{name} is switched on and changes nothing in: update" in message


def test_a_regulariser_that_compares_a_thing_with_itself(monkeypatch):
    def terms_of(found, batch, dist, agents):
        return found.scheme.terms(masked_mean(dist.kl(dist), batch.weights))

    monkeypatch.setattr(ascent, "terms_of", terms_of)
    assert dead("mappo", "obs_hyper") == "alignment is switched on and changes nothing in: update"


def test_increments_compared_with_themselves(monkeypatch):
    def roughness(self, at, weights):
        moved = self._whole(self.emitter, at.flat)
        return (moved - moved).square().sum()

    monkeypatch.setattr(ObsHyper, "_roughness", roughness)
    message = dead("mappo", "obs_hyper")
    assert "smoothness is switched on and changes nothing in: update" in message
    assert "alignment" not in message


def test_a_target_network_that_is_nobody_s_target(monkeypatch):
    def target(self, at):
        return self._whole(self.emitter, at.flat).detach()

    monkeypatch.setattr(ObsHyper, "_target", target)
    assert dead("mappo", "obs_hyper") == "target is switched on and changes nothing in: update"


def test_a_normaliser_that_normalises_nothing(monkeypatch):
    monkeypatch.setattr(ValueNormaliser, "normalise", lambda self, x: x)
    assert "value normaliser is switched on and changes nothing" in dead("mappo")


def test_a_history_that_is_forgotten_at_every_step(monkeypatch):
    plain = networks.gru

    def forgetful(weights, x, hidden, starts):
        return plain(weights, x, hidden, torch.ones(x.shape[:2], dtype=torch.bool))

    monkeypatch.setattr(networks, "gru", forgetful)
    message = dead("mappo", "nops", network=Network(recurrent=8))
    assert "recurrent state is switched on and changes nothing in: acting, evaluating" in message
    assert "critic's recurrent state is switched on and changes nothing in: values" in message


def test_a_mask_that_is_ignored(monkeypatch):
    plain = actor.categorical
    monkeypatch.setattr(
        actor, "categorical", lambda out, available, *rest: plain(out, torch.ones_like(available), *rest)
    )
    message = dead("mappo", "nops", env="skirmish:3m")
    assert "available mask is switched on and changes nothing in: acting, evaluating, update" in message


def test_dead_agents_that_count(monkeypatch):
    plain = ascent.masked_mean
    monkeypatch.setattr(ascent, "masked_mean", lambda x, weights: plain(x, torch.ones_like(weights)))
    for module in (sys.modules["deep.algorithms.value"], sys.modules["deep.session"]):
        name = "masked_mean" if module.__name__.endswith("value") else "standardise"
        own = getattr(module, name)
        monkeypatch.setattr(module, name, lambda x, weights, own=own: own(x, torch.ones_like(weights)))
    monkeypatch.setattr(ValueNormaliser, "update", lambda self, x, weights: None)
    assert "alive mask is switched on and changes nothing in: update" in dead("mappo")


def test_a_clip_that_clips_nothing(monkeypatch):
    monkeypatch.setattr(mappo, "clipped_objective", lambda r, M, epsilon: r * M)
    assert dead("happo") == "ratio clip is switched on and changes nothing in: update"


@pytest.mark.parametrize("sharing", ["nops", "hyper"])
@pytest.mark.parametrize("name", ["happo", "hatrpo", "haa2c", "haml"])
def test_a_factor_that_no_step_learns_from(monkeypatch, name, sharing):
    """Each agent gets its advantages as they were, whoever has moved."""
    plain = ascent.sequential

    def ignoring(learner, batch, moment, step):
        return plain(learner, batch, moment, lambda i, own: step(i, batch.of([i])))

    monkeypatch.setattr(ascent, "sequential", ignoring)
    monkeypatch.setattr(hatrpo, "sequential", ignoring)
    assert dead(name, sharing) == "sequential factor M is switched on and changes nothing in: update"


def test_a_factor_that_is_always_one(monkeypatch):
    monkeypatch.setattr(ascent, "sequential_factor", lambda advantages, ratios: advantages)
    for name in ("happo", "hatrpo"):
        assert dead(name) == "sequential factor M is switched on and changes nothing in: update"


def test_a_gradient_clip_that_is_never_applied(monkeypatch):
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda group, bound: torch.zeros(()))
    for name in ("mappo", "hatrpo"):
        assert dead(name) == "gradient clip is switched on and changes nothing in: update"


def test_training_starts_with_it_and_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(ascent, "terms_of", lambda *args: {})
    with pytest.raises(InputError, match="smoothness is switched on and changes nothing"):
        train.train(config("mappo", "obs_hyper"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_keeps_what_was_found(tmp_path):
    train.train(config(), tmp_path / "run")
    text = (tmp_path / "run" / "liveness.json").read_text(encoding="utf-8")
    assert '"ratio clip"' in text


# ---------------------------------------------------------------- the code that runs, and flags


def test_two_copies_of_the_package_are_noticed(tmp_path):
    check_code()
    other = SimpleNamespace(__file__=str(tmp_path / "deep" / "networks.py"))
    with pytest.raises(DeadError, match=r"deep.networks runs from .* two copies are mixed"):
        check_code(modules={"deep.networks": other, "numpy": SimpleNamespace(__file__="/elsewhere/numpy.py")})


def test_standing_in_another_copy_is_noticed(tmp_path):
    folder = tmp_path / "checkout" / "deep"
    folder.mkdir(parents=True)
    shutil.copy(liveness.__file__, folder / "liveness.py")
    inside = tmp_path / "checkout" / "runs"
    inside.mkdir()
    with pytest.raises(DeadError, match=r"not the copy in .*checkout that you stand in"):
        check_code(standing=inside)
    check_code(standing=tmp_path)
    check_code(standing=Path(liveness.__file__).parent)


@dataclasses.dataclass(frozen=True)
class Flags:
    fast: bool = True
    slow: bool = False


def test_a_flag_that_is_a_word_is_noticed():
    check_flags(config())
    with pytest.raises(DeadError, match=r"rollout.standardise is 'False', which counts as True"):
        check_flags(dataclasses.replace(config(), rollout=Rollout(standardise="False")))


def test_flags_that_cannot_be_switched_are_noticed():
    check_switches(lambda argv: parse(Flags, argv, "marlcore x", "A test.", example="marlcore x"), Flags)

    def typed(argv):
        parser = argparse.ArgumentParser()
        parser.add_argument("--fast", type=bool, default=True)
        parser.add_argument("--slow", type=bool, default=False)
        return parser.parse_args(argv)

    def stored(argv):
        parser = argparse.ArgumentParser()
        parser.add_argument("--fast", action="store_true", default=True)
        parser.add_argument("--slow", action="store_true")
        return parser.parse_known_args(argv)[0]

    for broken in (typed, stored):
        with pytest.raises(DeadError, match="--fast False gives True: the flag cannot be switched"):
            check_switches(broken, Flags)


# ---------------------------------------------------------------- the engine, on a subject of three numbers


class Toy(Subject):
    def __init__(self):
        self.p = torch.nn.Parameter(torch.tensor([2.0, 3.0], dtype=torch.float64))
        self.optimiser = torch.optim.SGD([self.p], lr=0.1)
        self.factor, self.weight = 2.0, 0.5

    def parameters(self):
        return {"p": self.p}

    def held(self):
        return self.optimiser.param_groups[0]["params"]

    def output(self):
        return self.factor * self.p

    def reached(self):
        return self.output().sum()

    def evidence(self, kinds):
        acting, evaluating = self.output().detach(), self.output().detach()
        (self.output().sum() + self.weight * self.p.square().sum()).backward()
        self.before = self.p.detach().clone()
        self.optimiser.step()
        return {"acting": acting, "evaluating": evaluating, "update": self.p.detach()}

    def unmoved(self):
        return [] if (self.p.detach() != self.before).all() else ["p"]


def off(name, value):
    return lambda toy: setattr(toy, name, value)


def test_the_engine_tells_alive_from_dead():
    mechanisms = [
        Mechanism("factor", off("factor", 1.0), ("acting", "evaluating", "update")),
        Mechanism("weight", off("weight", 0.0), ("update",)),
        Mechanism("round-off", off("weight", 0.5 + 1e-15), ("update",)),
        Mechanism("half", off("weight", 0.0), ("acting", "update")),
        Mechanism("absent", off("nothing", 0.0), ("update",), "there is none"),
    ]
    found = examine(Toy, mechanisms)
    assert status(found) == {
        "factor": "alive",
        "weight": "alive",
        "round-off": "dead",
        "half": "dead",
        "absent": "cannot apply",
    }
    with pytest.raises(
        DeadError, match=r"round-off .* changes nothing in: update; half .* changes nothing in: acting$"
    ):
        found.demand()
    assert Report((Finding("a", "alive"),)).demand().dead == ()


def test_the_engine_reads_reach_holding_and_moves():
    class Unheld(Toy):
        def held(self):
            return []

    class Unreached(Toy):
        def reached(self):
            return 0 * self.p.sum()

    class Still(Toy):
        def unmoved(self):
            return ["p"]

    class Two(Toy):
        def evidence(self, kinds):
            found = super().evidence(kinds)
            return found | {"evaluating": 2 * found["acting"]}

    details = [examine(kind, []).dead[0] for kind in (Unheld, Unreached, Still, Two)]
    assert [finding.detail for finding in details] == [
        "is held by no optimiser",
        "has no influence on any output",
        "is not moved by an update",
        "is not the policy that is evaluated and trained",
    ]


@pytest.mark.parametrize("command", [train_command, audit_command], ids=["train", "audit"])
def test_every_flag_of_the_commands_can_be_switched(command):
    kind = with_options(command.Command, "happo")
    assert {"json", "rollout.standardise", "network.norm", "value.normalise", "machine.tensorboard"} <= set(flags(kind))
    check_switches(lambda argv: parse(kind, argv, "marlcore x", "A test.", example="marlcore x"), kind)
