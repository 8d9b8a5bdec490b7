"""One update of K learners on K batches: the losses of ``deep.algorithms``, mapped over the runs.

    ∇ Σ_k loss(θ_k, batch_k) = (∇loss(θ_1, batch_1), …, ∇loss(θ_K, batch_K))

Runs share nothing, so one backward pass gives each its own gradient. What is written once for a single run (loss, means
over living agents, M, ratios) is called here as it is, by ``torch.func.vmap``: every tensor has an axis of runs in
front. Agents that take turns do so in each run's own order: in turn m the rows of the agents whose turn it is are
stepped together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from deep import seeds
from deep.actor import Actor
from deep.algorithms import Moment, value
from deep.algorithms.ascent import Ascent, Objective, loss_of, policy_of
from deep.algorithms.value import Value
from deep.critic import Critic
from deep.normalise import ValueNormaliser
from deep.rollout import PER_AGENT, Batch
from deep.side_by_side.stack import Named, StackedAdam
from marlcore.objectives import sequential_factor

Fields = dict[str, Tensor]
"""A ``Batch`` of every run: its fields, each with the axis of runs in front."""
Figures = list[dict[str, Tensor]]
"""What the steps report, each figure (K,)."""


class Call(nn.Module):
    """A module's parameters given by name: ``over(named, *x)`` is ``f(module, *x)`` of every run."""

    def __init__(self, module: nn.Module, f: Callable[..., Any]) -> None:
        super().__init__()
        self.module, self.f = module, f

    def forward(self, *x: Any) -> Any:
        """``f(module, *x)``."""
        return self.f(self.module, *x)

    def over(self, named: Named, *x: Any) -> Any:
        """Of every run; ``x`` are tensors (K, …), or dictionaries of such."""

        def one(own: Named, *rest: Any) -> Any:
            return functional_call(self, own, rest, tie_weights=False)

        return vmap(one)({f"module.{name}": tensor for name, tensor in named.items()}, *x)


def climb(
    actor: Actor,
    adam: StackedAdam,
    fields: Fields,
    options: Ascent,
    ascent: tuple[Callable[[Any], Objective], bool],
    moments: Sequence[Moment],
) -> Figures:
    """The algorithm's update of the K policies; ``actor`` is any one of them, for its form."""
    (make, in_turn), n, K = ascent, fields["obs"].shape[3], len(moments)
    steps = _Steps(actor, adam, options, make(options), moments)
    if not in_turn and actor.coupled:
        return steps.take(fields, [0] * K, [0] * K, list(range(n)))[0]
    orders = [moment.order(n) if in_turn else range(n) for moment in moments]
    ratios, figures = torch.ones_like(fields["logp"]), []
    before, after = adam.count, adam.count
    for m, turn in enumerate(zip(*orders, strict=True)):
        own = of(fields, turn)
        if in_turn:
            others = _put(ratios, turn, torch.ones_like(own["logp"]))
            own["advantages"] = sequential_factor(own["advantages"], list(others.split(1, -1)))
        # separate agents have equal networks, so the rows of whoever's turn it is can stand in agent 0's place; a
        # network that all share is stepped on the loss of whoever's turn it is
        adam.count = adam.count if actor.coupled else before
        found, named = steps.take(own, [0] * K if actor.coupled else turn, turn if in_turn else [0] * K, [0])
        figures, after = figures + found, adam.count
        if in_turn and m + 1 < n:
            ratios = steps.ratios(named, fields) if actor.coupled else _put(ratios, turn, steps.ratios(named, own))
    adam.count = after
    return figures


class _Steps:
    """Gradient steps of K policies on one objective."""

    def __init__(
        self, actor: Actor, adam: StackedAdam, options: Ascent, objective: Objective, moments: Sequence[Moment]
    ) -> None:
        self.actor, self.adam, self.options, self.objective, self.moments = actor, adam, options, objective, moments

    def take(
        self, own: Fields, rows: Sequence[int], keys: Sequence[int], agents: Sequence[int]
    ) -> tuple[Figures, Named]:
        """``ascend`` of group ``rows[k]`` of run k on ``own``; the parameters that it led to."""

        def loss(actor: Actor, part: Fields) -> tuple[Tensor, dict[str, Tensor]]:
            return loss_of(actor, Batch(**part), agents, self.options, self.objective)

        call, figures = Call(self.actor, loss), []
        with self.adam.moving(rows) as moving:
            for epoch in range(self.options.epochs):
                all_keys = [key * self.options.epochs + epoch for key in keys]
                for part in minibatches(own, self.moments, all_keys, self.options.minibatches):
                    figures.append(moving.step(lambda named, part=part: call.over(named, part), "gradient_norm"))
        return figures, moving.named

    def ratios(self, named: Named, fields: Fields) -> Tensor:
        """π̄/π (K, L, N, n') of the agents in ``fields``; 1 where they are dead."""

        def logp(actor: Actor, part: Fields) -> Tensor:
            batch = Batch(**part)
            agents = range(actor.spec.n_agents) if batch.n == actor.spec.n_agents else [0]
            return policy_of(actor, batch, agents).log_prob(batch.actions)

        with torch.no_grad():
            found = Call(self.actor, logp).over(named, fields)
            return (torch.where(fields["weights"] > 0, found, fields["logp"]) - fields["logp"]).exp()


def fit(
    critic: Critic,
    normalisers: Sequence[ValueNormaliser],
    adam: StackedAdam,
    fields: Fields,
    options: Value,
    moments: Sequence[Moment],
) -> Figures:
    """The fit of the K critics (``deep.algorithms.value``)."""
    for k, normaliser in enumerate(normalisers):
        normaliser.update(fields["returns"][k], fields["critic_weights"][k])
    targets = [one.normalise(own) for one, own in zip(normalisers, fields["returns"], strict=True)]
    fields, figures = {**fields, "targets": torch.stack(targets)}, []

    def loss(critic: Critic, part: Fields) -> tuple[Tensor, dict[str, Tensor]]:
        rest = {name: x for name, x in part.items() if name != "targets"}
        return value.loss_of(critic, Batch(**rest), part["targets"], options)

    call = Call(critic, loss)
    with adam.moving([0] * len(moments)) as moving:
        for epoch in range(options.epochs):
            for part in minibatches(fields, moments, [value.KEY + epoch] * len(moments), options.minibatches):
                figures.append(moving.step(lambda named, part=part: call.over(named, part), "value_gradient_norm"))
    return figures


def of(fields: Fields, agents: Sequence[int]) -> Fields:
    """What belongs to agent ``agents[k]`` in run k."""
    at = torch.arange(len(agents)), torch.as_tensor(agents)
    return {name: x.movedim(3, 1)[at].unsqueeze(3) if name in ("obs", *PER_AGENT) else x for name, x in fields.items()}


def minibatches(fields: Fields, moments: Sequence[Moment], keys: Sequence[int], parts: int) -> list[Fields]:
    """Each run's sequences cut at random by its own draws."""
    if parts == 1:
        return [fields]
    size, device = fields["obs"].shape[2], fields["obs"].device
    cuts = [
        seeds.minibatches(moment.seed, moment.update, key, size, parts, device)
        for moment, key in zip(moments, keys, strict=True)
    ]
    runs = torch.arange(len(moments), device=device)[:, None]
    found = []
    for cut in zip(*cuts, strict=True):
        rows = torch.stack([row for row in cut if row is not None])
        found.append({name: x.transpose(1, 2)[runs, rows].transpose(1, 2) for name, x in fields.items()})
    return found


def means(figures: Figures, K: int) -> list[dict[str, float]]:
    """Each run's mean of each figure over the steps that reported it (``contract.mean_of``)."""
    names = dict.fromkeys(name for one in figures for name in one)
    values = {
        name: torch.stack([one[name].double() for one in figures if name in one]).mean(0).tolist() for name in names
    }
    return [{name: column[k] for name, column in values.items()} for k in range(K)]


def _put(x: Tensor, agents: Sequence[int], y: Tensor) -> Tensor:
    """x (K, L, N, n) with y (K, L, N, 1) in the place of agent ``agents[k]`` of run k."""
    found = x.movedim(3, 1).clone()
    found[torch.arange(len(agents)), torch.as_tensor(agents)] = y[..., 0]
    return found.movedim(1, 3)
