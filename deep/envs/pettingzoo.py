"""Any PettingZoo parallel environment, in worker processes: ``pettingzoo:mpe2.simple_spread_v3?N=3&workers=2``.

The task is the dotted path of a module that has ``parallel_env``, or ``module:function``. How agents, ends, masks and
spaces are read is said in ``deep.worker.pettingzoo``; how workers are watched in ``deep.envs.workers``.

Options: ``workers`` (default: one a core), ``timeout`` in seconds, ``limit`` (truncate after so many steps),
``reward`` (``own``: each agent its own; ``sum`` or ``mean``: the team's, to all), ``state`` (``own``: what ``state()``
says, if there is one; ``joined``: the observations one after another). Every other option goes to ``parallel_env``,
read as a Python literal (``N=3``, ``continuous_actions=True``) or else as text.
"""

from __future__ import annotations

import ast
from typing import Any

import torch

from deep.envs import options
from deep.envs.protocol import Family
from deep.envs.workers import WorkerEnvironment, worker_options
from deep.worker import pettingzoo as single

TASKS = ("mpe2.simple_spread_v3", "mpe2.simple_reference_v3", "mpe2.simple_speaker_listener_v4")


def make(task: str, batch: int, device: torch.device, seed: int, first: int = 0, **given: str) -> WorkerEnvironment:
    """The environment of that path."""
    name = options.name("pettingzoo", task, given)
    read = options.Reader(name, given)
    own, reward = worker_options(read), read.choice("reward", ("own", "sum", "mean"))
    joined = read.choice("state", ("own", "joined")) == "joined"
    theirs = {key: literal(text) for key, text in read.rest().items()}
    return WorkerEnvironment(
        name, single.make, (name, task, theirs, joined), batch, device, seed, first, reward=reward, **own
    )


def literal(text: str) -> Any:
    """A Python literal, ``true`` and ``false``, or the text itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


FAMILY = Family(
    make,
    lambda: TASKS,
    ("mpe2.simple_speaker_listener_v4?workers=2&limit=9",),
    apart=True,
)
