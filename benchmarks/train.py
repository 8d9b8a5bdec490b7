"""Training end to end: environment steps a second of rollout, update and critic's fit together.

HARL's default network ([128, 128], layer norms, relu), 5 epochs, one minibatch, 20 copies × 200 steps. To reach on 2
cores: HAPPO on ``mpe:simple_spread`` 7000 a second, through ``mpe2`` itself 2500. HARL and on-policy cannot be timed
here (they ask for other versions of the libraries); figures measured on one core of such a machine are 766 for HARL
and 738–928 for on-policy. Environments in workers use two processes besides this one.
"""

import functools

import torch

from deep.config import Config, Machine
from deep.session import Session
from marlcore.kit.benchmark import Case


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
    return made


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
