"""Recurrent MAPPO on 3m, end to end, beside JaxMARL's on SMAX: rollout, values, every epoch of actor and critic.

Like for like: 128 copies × 128 steps, dense 128 – GRU 128 – dense 128 for actor and critic, 4 epochs of 4 minibatches,
float32, the gradient through all 128 steps, states reset exactly where episodes start, and a critic row for each agent.
So an env step costs ``flops``: with m multiplications of one network's pass and R rows (agents), 2·R·m in the rollout
and, in each epoch, three times that (the first layer passes no gradient on): about 19 MFLOP, as JaxMARL's does.

Every case runs on one core, the same for all. The peer is ``peers/mappo_smax.py`` in the Python that
MARLCORE_PEER_PYTHON names, which needs jaxmarl, flax and optax; its compilation is said apart and not counted. The
product of two large matrices, by the same kernel as the networks', says what the core can do. On a busy machine
count CPU time (``--cpu``).

Faster, and another computation: one critic row for a whole battle. docs/skirmish.md has the figures.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numba
import torch

from deep.algorithms.mappo import Clipped
from deep.algorithms.value import Value
from deep.config import Config, Network, Rollout
from deep.learner import Optimiser
from deep.networks import Body, shapes
from deep.products import product
from deep.session import Session
from marlcore.kit import peer
from marlcore.kit.benchmark import Case

PEER = Path(__file__).parent / "peers" / "mappo_smax.py"
SIZE = 2048
"""Rows and columns of the product that says what the core can do."""


def cases() -> list[Case]:
    """Ours, the core's peak, and the peer."""
    like, square = config("agent"), torch.randn(SIZE, SIZE)
    steps, job = like.steps_per_update, peer.Peer(PEER, "updates", cores=1)
    return [
        case("MAPPO, a critic row an agent", like),
        case("MAPPO, a critic row a battle", config("state")),
        Case("a large product", lambda: product(square, square), unit="products", flops=2 * SIZE**3, group="peak"),
        Case("JaxMARL", job, steps, "env steps", peer=True, group="3m", absent=peer.missing("jaxmarl")),
    ]


def config(view: str, seed: int = 0, steps: int = 10**9) -> Config:
    """JaxMARL's sizes (``peers/mappo_smax.py`` names their source); ``view`` state has one critic row a battle."""
    return Config(
        algorithm="mappo",
        env="skirmish:3m",
        sharing="fups",
        seed=seed,
        steps=steps,
        rollout=Rollout(copies=128, length=128, discount=0.99, lam=0.95),
        network=Network(hidden=(128,), recurrent=128, head=(128,), norm=False),
        optimiser=Optimiser(lr=2e-3, critic_lr=2e-3, max_norm=0.25),
        value=Value(view=view, epochs=4, minibatches=4),
        options=Clipped(epochs=4, minibatches=4, entropy=0.0),
    )


def case(name: str, config: Config) -> Case:
    """A rollout and an update of a session that is kept from call to call."""

    @functools.cache
    def ready() -> Session:
        return Session(config)

    def job() -> None:
        with one_core():
            ready().update()

    steps = config.steps_per_update
    return Case(name, job, amount=steps, unit="env steps", flops=flops(config) * steps, group="3m")


def flops(config: Config) -> float:
    """What the products of an env step must compute, in rollout and update (gates, losses and the battle apart)."""
    with contextlib.closing(Session(config)) as session:
        actor, critic = session.learner.actor, session.learner.critic
    total = 0
    for rows, body, epochs in (
        (actor.spec.n_agents, actor.scheme.body, config.options.epochs),
        (critic.rows, critic.scheme.body, config.value.epochs),
    ):
        m, first = sizes(body)
        total += 2 * rows * (m + epochs * (3 * m - first))
    return total


def sizes(body: Body) -> tuple[int, int]:
    """The multiplications of one row's pass, and those of the first layer."""
    each = [math.prod(shape.size) for shape in shapes(body).values() if len(shape.size) == 2]
    return sum(each), each[0]


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process, and those that it starts meanwhile, on one core; as before afterwards."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    if not hasattr(os, "sched_setaffinity"):  # macOS and Windows: one thread has to do
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
