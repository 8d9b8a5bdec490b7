"""Runs of one config under several seeds, trained side by side, each in a directory of its own.

A directory is what a single run leaves: its rows, its checkpoints, its status; it is resumed, evaluated and extended as
one. ``steps_per_second`` counts this run's steps alone. SIGINT and SIGTERM finish the update and save all runs.

What goes wrong in one run (bad input, a number that is none, a full disk) stops all at their last checkpoints, as
interrupted ones: each can go on alone, and the one at fault then fails by itself with its own message. ``deep.sweep``
does just that.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from deep import algorithms, envs
from deep.config import Config
from deep.liveness import examine_session
from deep.session import Session, TrainingError
from deep.sharing.fups import FuPS, FuPSID
from deep.sharing.hyper import Hyper
from deep.sharing.nops import NoPS
from deep.side_by_side.group import Group
from deep.train import Going, create, keep_going, restore
from marlcore import registry
from marlcore.errors import InputError
from marlcore.kit import rundir

WORK = 2e7
"""Rows of a gradient step × parameters of a network, up to which side by side is faster on one core.

Measured with 8 seeds: 2.9 times as fast at 5·10⁴ (climbing, 20 copies × 10 steps, 32 units), 2.2 at 4·10⁶, 1.5 at 10⁷,
1.3 at 2·10⁷, 0.9 at 4·10⁷; ``benchmarks/train.py`` measures it again.
"""


def train(configs: Sequence[Config], paths: Sequence[Path]) -> None:
    """Start or resume the runs and train them to their ends, or to where one of them goes wrong."""
    with contextlib.suppress(_ApartError), contextlib.ExitStack() as stack:
        going: list[Going] = []
        try:
            for config, path in zip(configs, paths, strict=True):
                session = Session(config)
                stack.callback(session.close)
                going.append(_start(stack, session, path, going))
            for number in sorted({run.session.updates for run in going}):
                _train([run for run in going if run.session.updates == number])
        except (TrainingError, InputError, OSError) as error:
            raise _ApartError from error


def obstacle(config: Config) -> str:
    """Why runs of this config cannot be trained side by side; empty if they can."""
    algorithm = algorithms.load(config.algorithm)
    if algorithm.ascent is None:
        return f"{algorithm.name} is more than gradient steps on an objective that can be mapped over runs"
    if config.network.recurrent:
        return "its networks are recurrent"
    if registry.load("environments", envs.parse(config.env).family).apart:
        return "its environments run in processes of their own"
    with contextlib.closing(_small(config)) as session:
        actor, critic = session.learner.actor, session.learner.critic
        for scheme in (actor.scheme, critic.scheme):
            if type(scheme) not in (FuPS, FuPSID, NoPS, Hyper):
                return f"the sharing scheme {type(scheme).__name__} keeps more than parameters"
        if actor.coupled and algorithm.ascent[1] and type(actor.scheme) is not FuPS:
            return "its agents take turns at one network that knows whose it is"
        sizes = [[p.shape for p in group] for group in actor.groups()]
        if any(own != sizes[0] for own in sizes) or not (actor.coupled or len(set(session.spec.spaces)) == 1):
            return "its agents' networks differ in size"
    return ""


def worth(config: Config) -> bool:
    """Whether side by side is faster than one after another, as far as ``WORK`` knows."""
    if obstacle(config):
        return False
    with contextlib.closing(_small(config)) as session:
        actor = session.learner.actor
        parameters = sum(p.numel() for p in actor.groups()[0])
        rows = config.steps_per_update * (session.spec.n_agents if actor.coupled else 1) / config.options.minibatches
        return rows * parameters <= WORK


def _small(config: Config) -> Session:
    """A session of one copy, to look at."""
    one, whole = dataclasses.replace(config.rollout, copies=1), {"minibatches": 1}
    options, value = (dataclasses.replace(part, **whole) for part in (config.options, config.value))
    return Session(dataclasses.replace(config, rollout=one, options=options, value=value))


def _start(stack: contextlib.ExitStack, session: Session, path: Path, before: Sequence[Going]) -> Going:
    """One run's directory, made or resumed; what matters is the same for all seeds and looked at once."""
    if rundir.status(path) != "absent":
        directory = stack.enter_context(rundir.resume(path))
        return Going(session, directory, restore(session, path))
    report = next((run.report for run in before if run.report), None) or examine_session(session)
    return Going(session, stack.enter_context(create(session, path, report)), [], report)


def _train(going: list[Going]) -> None:
    group = Group([run.session for run in going])
    keep_going(going, group.update, settle=group.settle)


class _ApartError(SystemExit):
    """Leaves every run of a group as an interrupted one."""
