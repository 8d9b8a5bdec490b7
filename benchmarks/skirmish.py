"""Skirmish with random play: env steps a second with full observations, states, masks and all eight game loops.

The actions are drawn by ``policies.act`` (uniform among the available ones) inside the time that is measured, and every
step checks them, resets finished battles and fills all tensors. The peer is SMAX (jaxmarl 0.2), jitted and vmapped, at
the batch that suits it; it runs in the Python that MARLCORE_PEER_PYTHON names, for jaxmarl moves other packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from deep.envs.skirmish import policies
from deep.envs.skirmish.env import Skirmish
from marlcore.kit import peer
from marlcore.kit.benchmark import Case

MAPS = {"3m": 512, "2s3z": 512, "5m_vs_6m": 512, "corridor": 128, "27m_vs_30m": 128}
"""Maps and the batch that suits the cache of one core."""
SMAX_BATCH = 16
"""The batch at which SMAX is fastest on one core."""
STEPS = 20


def random_play(name: str, batch: int) -> Any:
    """A job of ``STEPS`` steps of random play."""
    env = Skirmish(name, batch, torch.device("cpu"), 1)
    actions = torch.zeros(batch, env.spec.n_agents, dtype=torch.int64)
    clock = 0

    def job() -> None:
        nonlocal clock
        for _ in range(STEPS):
            env.step(policies.act(env, "random", 1, clock, actions))
            clock += 1

    return job


def cases() -> list[Case]:
    """Every map; SMAX on the three that it has."""
    found = [
        Case(f"skirmish {name}", random_play(name, batch), amount=batch * STEPS, unit="env steps", group=name)
        for name, batch in MAPS.items()
    ]
    absent = peer.missing("jaxmarl")
    for name in ("3m", "2s3z", "5m_vs_6m"):
        job = peer.Peer(Path(__file__).parent / "peers" / "smax_random.py", "random_play", name, SMAX_BATCH, STEPS)
        case = Case(f"SMAX {name}", job, SMAX_BATCH * STEPS, "env steps", peer=True, group=name, absent=absent)
        found.append(case)
    return found
