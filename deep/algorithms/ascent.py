"""The two skeletons that the algorithms share: everybody at once, and one agent after the other.

    simultaneous    Σ_i E[f(r_i, Â_i)]                                    IPPO, MAPPO, MAA2C
    sequential      i_1, …, i_n:  E[f(r_{i_m}, M_{i_m})]                  HAPPO, HAA2C, HAML; HATRPO
    M_{i_m} = Â · Π_{j ≠ i_m, j has moved} π̄^j(a^j|s)/π^j(a^j|s)         r_i = π_θ^i(a^i|s)/π^i(a^i|s)

M is ``marlcore.objectives.sequential_factor`` (HARL, Prop. 11). With parameters of their own the agents that have moved
are the predecessors; where parameters are shared a step on one agent's loss moves everybody, so from the second agent
on all others count, and r_{i_m} itself need not start at 1. π is always the policy that collected the batch.

Means are over living agents (``Batch.weights``). Agents with parameters of their own each get their own mean, so that
no agent's step depends on how many others there are; shared parameters get the mean over all agents and samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deep.actor import Actor
from deep.algorithms.contract import Algorithm, Moment, mean_of
from deep.distributions import Distribution
from deep.learner import Learner
from deep.normalise import masked_mean
from deep.rollout import Batch
from marlcore.objectives import sequential_factor


@dataclass(frozen=True)
class Ascent:
    """Gradient steps on one batch; defaults as in HARL's published configurations."""

    epochs: int = 5
    minibatches: int = 1
    entropy: float = 0.01
    """The weight of the policy's entropy."""


Objective = Callable[[Tensor, Batch, Distribution], Tensor]
"""f of the ratios r (L, N, n'), the batch (whose ``advantages`` are M) and the distributions: (L, N, n')."""


def ascending(
    name: str, objective: Callable[[Any], Objective], options: type, *, in_turn: bool, maps: bool = True, **more: Any
) -> Algorithm:
    """The algorithm that ascends ``objective(options)``, its agents in turn or all at once.

    ``maps`` says that the objective looks at no number, so that it can be mapped over runs.
    """

    def update(learner: Learner, batch: Batch, asked: Any, moment: Moment) -> dict[str, float]:
        f = objective(asked)
        if not in_turn:
            return simultaneous(learner, batch, asked, f, moment)

        def step(i: int, own: Batch) -> list[dict[str, Any]]:
            return ascend(learner, own, [i], asked, f, moment, key=i)

        return sequential(learner, batch, moment, step)

    mapped = (objective, in_turn) if maps else None
    return Algorithm(name, update, options, sequential=in_turn, ascent=mapped, **more)


def simultaneous(
    learner: Learner, batch: Batch, ascent: Ascent, objective: Objective, moment: Moment
) -> dict[str, float]:
    """All agents ascend f(r_i, Â_i) from π_old; those with parameters of their own one by one, which is the same."""
    agents = list(range(learner.n))
    if moment.note is not None:
        moment.note(tuple(agents), batch)
    if learner.actor.coupled:
        return mean_of(ascend(learner, batch, agents, ascent, objective, moment, key=0))
    figures = []
    for i in agents:
        own = batch.of([i], learner.actor.scheme.centralised)
        figures += ascend(learner, own, [i], ascent, objective, moment, key=0)
    return mean_of(figures)


def sequential(
    learner: Learner, batch: Batch, moment: Moment, step: Callable[[int, Batch], list[dict[str, Any]]]
) -> dict[str, float]:
    """``step(i, batch of agent i with M for advantages)`` for the agents in random order."""
    n, figures = learner.n, []
    ratios: dict[int, Tensor] = {}
    for m, i in enumerate(moment.order(n)):
        others = [ratios[j] for j in sorted(ratios) if j != i and moment.factor]
        own = batch.of([i], learner.actor.scheme.centralised)
        own = dataclasses.replace(own, advantages=sequential_factor(own.advantages, others))
        if moment.note is not None:
            moment.note((i,), own)
        figures += step(i, own)
        if m + 1 < n:
            moved = list(range(n)) if learner.actor.coupled else [i]
            ratios |= dict(zip(moved, ratios_of(learner.actor, batch, moved), strict=True))
    return mean_of(figures)


def ascend(
    learner: Learner,
    batch: Batch,
    agents: Sequence[int],
    ascent: Ascent,
    objective: Objective,
    moment: Moment,
    key: int,
) -> list[dict[str, Any]]:
    """Epochs of gradient steps of those agents; ``batch`` is theirs. What each step reports."""
    groups = sorted({learner.group_of(i) for i in agents})
    figures = []
    for epoch in range(ascent.epochs):
        for rows in moment.minibatches(key * ascent.epochs + epoch, batch, ascent.minibatches):
            part = batch if rows is None else batch.take(rows)
            loss, found = loss_of(learner.actor, part, agents, ascent, objective)
            figures.append({**found, "gradient_norm": learner.step_actor(loss, groups)})
    return figures


def loss_of(
    actor: Actor, part: Batch, agents: Sequence[int], ascent: Ascent, objective: Objective
) -> tuple[Tensor, dict[str, Tensor]]:
    """What one gradient step of those agents descends, and what it reports."""
    dist = policy_of(actor, part, agents)
    logp = dist.log_prob(part.actions)
    r = (logp - part.logp).exp()
    f = objective(r, part, dist)
    gain, entropy = (masked_mean(x, part.weights) for x in (f, dist.entropy()))
    terms = terms_of(actor, part, dist, agents)
    loss = sum(terms.values(), -(gain + ascent.entropy * entropy))
    return loss, {
        "policy_loss": loss.detach(),
        "entropy": entropy.detach(),
        "ratio": masked_mean(r.detach(), part.weights),
        "kl": masked_mean(r.detach() - 1 - (logp - part.logp).detach(), part.weights),
        **terms,
    }


def policy_of(actor: Actor, batch: Batch, agents: Sequence[int]) -> Distribution:
    """π_θ(·|o) of those agents at every step; ``batch`` is theirs."""
    everyone = len(agents) == actor.spec.n_agents
    chosen = None if everyone else agents
    out, _ = actor.outputs(batch.obs, batch.hidden, batch.starts, chosen, available=batch.available)
    return actor.distribution(out, batch.available, chosen)


def terms_of(actor: Actor, batch: Batch, dist: Distribution, agents: Sequence[int]) -> dict[str, Tensor]:
    """What the sharing scheme adds to the loss of the pass that gave ``dist``, by name."""
    if not actor.scheme.regularised:
        return {}
    everyone = len(agents) == actor.spec.n_agents
    old = actor.recalled(batch.old, None if everyone else agents)
    return actor.scheme.terms(masked_mean(old.kl(dist), batch.weights), batch.weights)


def ratios_of(actor: Actor, batch: Batch, agents: Sequence[int]) -> list[Tensor]:
    """π̄(a|s)/π(a|s) (L, N, 1) of each of those agents, π̄ the policy as it stands."""
    own = batch.of(agents, actor.scheme.centralised)
    with torch.no_grad():
        logp = policy_of(actor, own, agents).log_prob(own.actions)
        logp = torch.where(own.weights > 0, logp, own.logp)  # the dead did nothing that a ratio could weigh
    return list((logp - own.logp).exp().split(1, -1))
