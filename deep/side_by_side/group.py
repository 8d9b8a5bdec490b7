"""K runs of one config under K seeds, updated together; each is the run that it would be alone, to round-off.

    group = Group(sessions)
    rows = group.update()        the K rows of figures
    group.settle()               the sessions are where they would be alone: save them, or let them go on

Networks, optimisers and collectors of the sessions look at the group's memory while it lasts. What goes wrong in one
run stops the group, and leaves every session unfit to go on: load them again from where they were saved.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from deep import algorithms
from deep.algorithms import Moment
from deep.session import Session, TrainingError, summary
from deep.side_by_side import rollout, update
from deep.side_by_side.stack import Stack, StackedAdam


class Group:
    """Sessions that stand at the same update."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self.sessions = list(sessions)
        first, learners = sessions[0], [session.learner for session in sessions]
        config = first.config
        assert len({session.updates for session in sessions}) == 1, "runs side by side stand at the same update"
        groups = [learner.groups for learner in learners]
        values = [[learner.critic_parameters] for learner in learners]
        self.actors = Stack([learner.actor for learner in learners], groups)
        self.critics = Stack([learner.critic for learner in learners], values)
        norm = config.optimiser.max_norm
        self.adam = StackedAdam(self.actors, groups, [learner.actor_optimisers for learner in learners], norm)
        optimisers = [[learner.critic_optimiser] for learner in learners]
        self.critic_adam = StackedAdam(self.critics, values, optimisers, norm)
        actor = rollout.JoinedActor([learner.actor for learner in learners], self.actors)
        self.collector = rollout.JoinedCollector([session.collector for session in sessions], actor)

    def update(self) -> list[dict[str, Any]]:
        """One rollout and one update of every run; the figures of each."""
        with contextlib.ExitStack() as stack:
            for session in self.sessions:
                stack.enter_context(session.under_way())
            return self._update()

    def _update(self) -> list[dict[str, Any]]:
        first, K = self.sessions[0], len(self.sessions)
        config, learner = first.config, first.learner
        first.pin_threads()
        steps, episodes = self.collector.collect()
        first.pin_threads()
        normalisers = [session.learner.normaliser for session in self.sessions]
        settings = first.gamma, config.rollout.lam, config.rollout.standardise
        fields = rollout.assess(steps, learner.critic, self.critics, normalisers, *settings)
        moments = [Moment(session.config.seed, session.updates) for session in self.sessions]
        ascent = algorithms.load(config.algorithm).ascent
        assert ascent is not None
        found = update.climb(learner.actor, self.adam, fields, config.options, ascent, moments)
        fitted = update.fit(learner.critic, normalisers, self.critic_adam, fields, config.value, moments)
        pairs = zip(update.means(found, K), update.means(fitted, K), strict=True)
        figures = [{**one, **other} for one, other in pairs]
        rows = []
        for session, own, ended in zip(self.sessions, figures, rollout.apart(episodes, K), strict=True):
            session.updates += 1
            for name, figure in own.items():
                if not math.isfinite(figure):
                    raise TrainingError(f"{name} is {figure} in update {session.updates} of seed {session.config.seed}")
            rows.append({"step": session.steps, "update": session.updates, **summary(ended), **own})
        return rows

    def settle(self) -> None:
        """Let every session stand where it would stand alone; the group may go on."""
        self.collector.settle()
        self.adam.settle()
        self.critic_adam.settle()
