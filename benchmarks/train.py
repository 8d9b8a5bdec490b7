"""Training end to end: environment steps a second of rollout, update and critic's fit together.

HARL's default network ([128, 128], layer norms, relu), 5 epochs, one minibatch, 20 copies × 200 steps. To reach on 2
cores: HAPPO on ``mpe:simple_spread`` 7000 a second, through ``mpe2`` itself 2500. HARL and on-policy cannot be timed
here (they ask for other versions of the libraries); figures measured on one core of such a machine are 766 for HARL
and 738–928 for on-policy. Environments in workers use two processes besides this one.

Eight seeds: side by side in one set of tensors, one after another, and whole runs of these on two processes, their
start included. Small networks on small batches gain, HARL's sizes lose: ``deep.side_by_side.WORK`` is where it turns.
"""

import dataclasses
import functools
import tempfile
from pathlib import Path

import torch

from deep import sweep
from deep.config import Config, Machine, Network, Rollout
from deep.session import Session
from deep.side_by_side import Group
from marlcore.kit.benchmark import Case

SEEDS = 8


def cases() -> list[Case]:
    """One update each, on one thread and on two."""
    made = [
        update("happo", "mpe:simple_spread", "nops", threads=1),
        update("happo", "mpe:simple_spread", "nops", threads=2),
    ]
    made += [update(name, "mpe:simple_spread", "nops") for name in ("hatrpo", "mappo", "ippo")]
    made += [update("happo", "mpe:simple_spread", sharing) for sharing in ("fups", "fups_id", "hyper")]
    made.append(update("happo", "pettingzoo:mpe2.simple_spread_v3?workers=2&reward=sum&state=joined", "nops"))
    made += [update("happo", "mamujoco:HalfCheetah-2x3?workers=2", "nops"), update("happo", "game:climbing", "nops")]
    return made + several_seeds()


def update(algorithm: str, env: str, sharing: str, threads: int = 1) -> Case:
    """A rollout and an update of a session that is kept from call to call."""

    @functools.cache
    def ready() -> Session:
        return Session(Config(algorithm, env, sharing=sharing, steps=10**9, machine=Machine(threads=threads)))

    def job() -> None:
        session = ready()
        torch.set_num_threads(threads)
        session.update()
        torch.set_num_threads(1)

    name = f"{algorithm} {sharing}, {env.partition('?')[0]}, {threads} thread{'s' if threads > 1 else ''}"
    return Case(name, job, amount=4000, unit="env steps", group=env.partition(":")[0])


def several_seeds() -> list[Case]:
    """Tasks from small to large, with ``SEEDS`` seeds each."""
    small, middle = Network(hidden=(32,)), Network(hidden=(64, 64))
    climbing = Config("happo", "game:climbing", rollout=Rollout(copies=20, length=10), network=small)
    battle = Config("mappo", "skirmish:3m", "fups", rollout=Rollout(copies=64, length=32), network=middle)
    made = []
    for name, config in (
        ("climbing, 20 × 10, 32", climbing),
        ("climbing, 20 × 50, 32", dataclasses.replace(climbing, rollout=Rollout(20, 50))),
        ("climbing, 20 × 10, 128, 128", dataclasses.replace(climbing, network=Network())),
        ("climbing, 20 × 200, 128, 128", Config("happo", "game:climbing")),
        ("3m, 16 × 32, 64, 64", dataclasses.replace(battle, rollout=Rollout(16, 32))),
        ("3m, 64 × 32, 64, 64", battle),
        ("simple_spread, 20 × 200, 128, 128", Config("happo", "mpe:simple_spread")),
    ):
        made += seeds_of(name, dataclasses.replace(config, steps=10**9))
    return [*made, *whole_runs(dataclasses.replace(climbing, steps=4_000))]


def seeds_of(name: str, config: Config) -> list[Case]:
    """An update of every seed, side by side and one after another."""

    def sessions() -> list[Session]:
        return [Session(dataclasses.replace(config, seed=seed)) for seed in range(SEEDS)]

    @functools.cache
    def beside() -> Group:
        return Group(sessions())

    @functools.cache
    def alone() -> list[Session]:
        return sessions()

    amount, unit, group = SEEDS * config.steps_per_update, "env steps", f"{SEEDS} seeds of {name}"
    return [
        Case(f"{group}: side by side", lambda: beside().update(), amount, unit, group=group),
        Case(f"{group}: one by one", lambda: [s.update() for s in alone()], amount, unit, peer=True, group=group),
    ]


def whole_runs(config: Config) -> list[Case]:
    """Whole runs with their directories: in one process either way, and on two processes that have to start."""
    group = f"{SEEDS} whole runs of climbing"

    def case(name: str, processes: int, together: bool) -> Case:
        def job() -> None:
            with tempfile.TemporaryDirectory() as folder:
                sweep.run(sweep.seeds_of(config, SEEDS, Path(folder) / "runs"), processes, together)

        return Case(f"{group}: {name}", job, SEEDS * config.steps, "env steps", peer=not together, group=group)

    return [
        case("side by side", 1, True),
        case("one after another", 1, False),
        case("one after another, two processes", 2, False),
        case("side by side, two processes", 2, True),
    ]
