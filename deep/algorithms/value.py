"""The critic's fit, the same for every algorithm.

    loss = max(h(y − v), h(y − v_old − clip(v − v_old, ±ε)))        h(e) = e²/2 for |e| ≤ d, d·(|e| − d/2) beyond

y is the return Â + V on the network's scale, h Huber's loss (1964), the maximum the clipped value loss of PPO's
reference code, which holds v near the value that the rollout saw. Means are over all rows until the episode's end,
those of dead agents too: their value is what the steps before bootstrap from (``deep.rollout``).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from deep.algorithms.contract import Moment, mean_of
from deep.critic import Critic
from deep.learner import Learner
from deep.normalise import masked_mean
from deep.rollout import Batch

KEY = 2**16
"""Minibatches of the critic are cut by draws of their own."""


@dataclass(frozen=True)
class Value:
    """How the critic is made and fitted; defaults as in HARL's published configurations."""

    view: str = ""
    """state, agent or own (deep.critic); the algorithm's own choice unless given."""
    sharing: str = ""
    """Who shares the critic: fups, or fups_id where agents have rewards of their own."""
    epochs: int = 5
    minibatches: int = 1
    clip: float = 0.2
    huber: float = 10.0
    normalise: bool = True
    """Whether targets are normalised (deep.normalise)."""


def fit(learner: Learner, batch: Batch, value: Value, moment: Moment) -> dict[str, float]:
    """Epochs of gradient steps of the critic on a batch."""
    learner.normaliser.update(batch.returns, batch.critic_weights)
    targets = learner.normaliser.normalise(batch.returns)
    figures = []
    for epoch in range(value.epochs):
        for rows in moment.minibatches(KEY + epoch, batch, value.minibatches):
            part, y = (batch, targets) if rows is None else (batch.take(rows), targets[:, rows])
            loss, found = loss_of(learner.critic, part, y, value)
            figures.append({**found, "value_gradient_norm": learner.step_critic(loss)})
    return mean_of(figures)


def loss_of(critic: Critic, part: Batch, targets: Tensor, value: Value) -> tuple[Tensor, dict[str, Tensor]]:
    """What one gradient step of the critic descends, and what it reports."""
    v, _ = critic(part.critic_inputs, part.critic_hidden, part.starts)
    loss = masked_mean(value_loss(v, part.values, targets, value.clip, value.huber), part.critic_weights)
    terms = {}
    if critic.scheme.regularised:
        # a value is the mean of a unit normal, whose KL is e²/2
        kl = masked_mean((v - part.values) ** 2 / 2, part.critic_weights)
        terms = critic.scheme.terms(kl, part.critic_weights)
    named = {f"value_{name}": term for name, term in terms.items()}
    return sum(terms.values(), loss), {"value_loss": loss.detach(), **named}


def value_loss(v: Tensor, old: Tensor, target: Tensor, clip: float, width: float) -> Tensor:
    """max(h(y − v), h(y − v_old − clip(v − v_old, ±ε))), elementwise."""
    near = old + (v - old).clamp(-clip, clip)
    return huber(target - v, width).maximum(huber(target - near, width))


def huber(error: Tensor, width: float) -> Tensor:
    """e²/2 within ``width``, linear beyond (Huber, 1964)."""
    size = error.abs()
    inner = size.clamp(max=width)
    return inner * (size - 0.5 * inner)
