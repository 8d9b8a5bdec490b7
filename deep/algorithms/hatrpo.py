"""HATRPO: each agent in turn takes a natural gradient step inside a KL ball (Kuba et al., 2022; Zhong et al., 2024).

    θ ← θ + α^j √(2δ/(gᵀH⁻¹g))·H⁻¹g        j the first for which E[r·M] grows and E[KL(π_old ‖ π_θ)] ≤ δ
    g = ∇E[r·M]        H = ∇²E[KL(π_θ' ‖ π_θ)] at θ = θ', the Fisher matrix        M as in HAPPO

Source: *Heterogeneous-Agent Reinforcement Learning* (JMLR 2024), Algorithm HATRPO. The KL is the true one: a
categorical's is weighted by its probabilities, a Gaussian's closed; its mean is over living agents. Hx is a product of
second derivatives. H⁻¹g comes from conjugate gradients (Hestenes & Stiefel, 1952) that stop at a relative residual of
``tolerance`` or after ``iterations``; the residual that they reach is recorded. H is singular along whatever does not
change the policy, so ``damping`` times the identity is added. The means are those of the batch, without γᵗ.

Guarantee: each surrogate grows and each expected KL on the batch is at most δ, or the agent stays where it is. The
return may fall (HATRPO is no exact argmax). Departures: the ball is around the policy at which the agent's step
starts, which with shared parameters is not π_old; with shared parameters the step moves the other agents too, and
nothing bounds their KL; what a sharing scheme adds to a loss enters g alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deep.algorithms.ascent import policy_of, sequential, terms_of
from deep.algorithms.contract import Algorithm, Moment
from deep.distributions import Distribution
from deep.learner import Learner
from deep.normalise import masked_mean
from deep.rollout import Batch
from marlcore.errors import InputError


@dataclass(frozen=True)
class TrustRegion:
    """The step's radius and how it is found."""

    delta: float = 0.01
    """δ (Schulman et al., *Trust Region Policy Optimization*, 2015: the mean KL of all their experiments)."""
    alpha: float = 0.8
    """The backtracking coefficient."""
    tries: int = 10
    iterations: int = 10
    """Conjugate gradient steps."""
    tolerance: float = 1e-5
    """The relative residual at which they stop."""
    damping: float = 1e-2
    entropy: float = 0.0
    """The weight of the policy's entropy in what is ascended; 0 in the paper."""

    def __post_init__(self) -> None:
        """Refuse tries that do not come nearer to where the step starts."""
        if not 0 < self.alpha < 1:
            raise InputError(f"options.alpha must be in (0, 1), not {self.alpha}")


def update(learner: Learner, batch: Batch, options: TrustRegion, moment: Moment) -> dict[str, float]:
    """One step of each agent in turn."""

    def step(i: int, own: Batch) -> list[dict[str, Any]]:
        return [natural_step(learner, own, i, options)]

    return sequential(learner, batch, moment, step)


def natural_step(learner: Learner, own: Batch, i: int, options: TrustRegion) -> dict[str, Any]:
    """One agent's step; ``own`` is its batch with M for advantages."""
    actor, group = learner.actor, learner.groups[learner.group_of(i)]
    with torch.no_grad():
        before = policy_of(actor, own, [i])

    def surrogate(dist: Distribution) -> Tensor:
        gain = masked_mean((dist.log_prob(own.actions) - own.logp).exp() * own.advantages, own.weights)
        return gain + options.entropy * masked_mean(dist.entropy(), own.weights) if options.entropy else gain

    def divergence(dist: Distribution) -> Tensor:
        return masked_mean(before.kl(dist), own.weights)

    dist = policy_of(actor, own, [i])
    start = surrogate(dist)
    ascended = start - sum(terms_of(actor, own, dist, [i]).values(), torch.zeros_like(start))
    g = _flat(torch.autograd.grad(ascended, group, retain_graph=True, allow_unused=True), group)
    slope = torch.autograd.grad(divergence(dist), group, create_graph=True, allow_unused=True)

    def curvature(x: Tensor) -> Tensor:
        inner = sum(
            ((s * part).sum() for s, part in zip(slope, _parts(x, group), strict=True) if s is not None),
            torch.zeros_like(start),
        )
        return _flat(torch.autograd.grad(inner, group, retain_graph=True, allow_unused=True), group) + (
            options.damping * x
        )

    direction, residual = conjugate_gradients(curvature, g, options.iterations, options.tolerance)
    bend = _dot(direction, curvature(direction))
    # tensors, as the figures of a step that is taken are: means over agents are taken on one device
    figures: dict[str, Any] = {"surrogate": torch.zeros_like(start), "kl": torch.zeros_like(start)}
    figures |= {"accepted": 0.0, "residual": residual}
    figures |= {"entropy": masked_mean(dist.entropy().detach(), own.weights), "gradient_norm": g.norm()}
    if not bool(bend > 0):
        return figures
    full = (2 * options.delta / bend).sqrt() * direction
    at = _flat(group, group).clone()
    for j in range(options.tries):
        _place(at + options.alpha**j * full, group)
        with torch.no_grad():
            moved = policy_of(actor, own, [i])
            gain, kl = surrogate(moved) - start, divergence(moved)
        if bool(gain > 0) and bool(kl <= options.delta):
            actor.scheme.after_step()
            return figures | {"surrogate": gain, "kl": kl, "accepted": 1.0}
    _place(at, group)
    return figures


def conjugate_gradients(
    matvec: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tolerance: float
) -> tuple[Tensor, float]:
    """x with Hx ≈ b for a positive definite H, and ‖Hx − b‖/‖b‖ as the recursion has it."""
    x, r = torch.zeros_like(b), b.clone()
    search, square = r.clone(), _dot(r, r)
    size = square.clone()
    for _ in range(iterations):
        if not bool(square > tolerance**2 * size):
            break
        image = matvec(search)
        bend = _dot(search, image)
        if not bool(bend > 0):  # what is left is below round-off
            break
        length = square / bend
        x, r = x + length * search, r - length * image
        square, before = _dot(r, r), square
        search = r + (square / before) * search
    return x, float((square / size.clamp(min=1e-300)).sqrt()) if bool(size > 0) else 0.0


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Σ a·b in double precision: the steps of conjugate gradients amplify the round-off of a library's dot product."""
    return (a.double() * b.double()).sum().to(a.dtype)


def _flat(tensors: Any, group: list[nn.Parameter]) -> Tensor:
    """One vector; what a loss does not reach counts as 0."""
    return torch.cat(
        [(torch.zeros_like(p) if t is None else t).detach().reshape(-1) for t, p in zip(tensors, group, strict=True)]
    )


def _parts(x: Tensor, group: list[nn.Parameter]) -> list[Tensor]:
    return [part.view_as(p) for part, p in zip(x.split([p.numel() for p in group]), group, strict=True)]


def _place(x: Tensor, group: list[nn.Parameter]) -> None:
    with torch.no_grad():
        for parameter, part in zip(group, _parts(x, group), strict=True):
            parameter.copy_(part)


HATRPO = Algorithm("hatrpo", update, TrustRegion)
