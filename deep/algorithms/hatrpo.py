"""HATRPO: each agent in turn takes a natural gradient step inside a KL ball (Kuba et al., 2022; Zhong et al., 2024).

    θ ← θ + α^j √(2δ/(gᵀH⁻¹g))·H⁻¹g        j the first for which E[r·M] grows and every E[KL(π_old ‖ π_θ)] ≤ δ
    g = ∇E[r·M]        H = ∇²ΣE[KL(π_θ' ‖ π_θ)] at θ = θ', the Fisher matrix        M as in HAPPO

Source: *Heterogeneous-Agent Reinforcement Learning* (JMLR 2024), Algorithm HATRPO. The KL is the true one: a
categorical's is weighted by its probabilities, a Gaussian's closed; its mean is over living agents. Hx is a product of
second derivatives. H⁻¹g comes from conjugate gradients (Hestenes & Stiefel, 1952) that stop at a relative residual of
``tolerance`` or after ``iterations``; the residual that they reach is recorded. H is singular along whatever does not
change the policy, so ``damping`` times the identity is added. The means are those of the batch, without γᵗ.

Every KL and the sum in H are over the agents that the step moves: with parameters of its own, the agent alone.

Shared parameters move everybody, and what the paper asks has to be asked of everybody. Its Lemma 8, on which the step
stands, reads with π̄ the joint policy at the update's end

    J(π̄) ≥ J(π_old) + E_{s~ρ, a~π_old}[Π_j r_j·Â] − C·Σ_j max_s KL(π_old^j ‖ π̄^j)        j over all agents

(Σ_m L_m telescopes to the middle term.) So it takes the KL of *every* agent, from the policy that collected the batch
and not from where one step began, and a surrogate in which every moved agent's ratio counts. Hence with shared
parameters (i) a step is taken only if each agent is within δ of π_old after it, as n separate steps would leave them;
(ii) only if E[Π_j r_j·Â] grows, which is E[r·M] where nobody else moves; (iii) H is the Fisher matrix of the joint
policy, whose KL is Σ_j KL_j, so that H⁻¹g improves agent i while it moves the others little. A ball around each step's
start, of the stepping agent alone, bounds none of this: steps of δ = 0.01 moved other agents by more than 1.

Guarantee: after an update each agent's expected KL from π_old on the batch is at most δ, and each step that was taken
made the surrogate grow; a step that could not stays where it is. The return may fall (HATRPO is no exact argmax, and δ
stands for the penalty). Departures: (i)–(iii), of which the paper, where nothing is shared, has no need; what a
sharing scheme adds to a loss enters g alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deep.actor import Actor, recorded
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
    with torch.no_grad():
        old = recorded(policy_of(learner.actor, batch, range(learner.n)))

    def step(i: int, own: Batch) -> list[dict[str, Any]]:
        return [natural_step(learner, batch, own, old, i, options)]

    return sequential(learner, batch, moment, step)


def natural_step(
    learner: Learner, batch: Batch, own: Batch, old: Tensor, i: int, options: TrustRegion
) -> dict[str, Any]:
    """One agent's step inside the ball around ``old``, the policies as the update found them, recorded.

    ``batch`` is everybody's, ``own`` the agent's part of it with M for advantages.
    """
    actor, group = learner.actor, learner.groups[learner.group_of(i)]
    step = _Step(actor, batch, own, old, i)
    dist = step.policies()
    fixed = actor.recalled(recorded(dist).detach(), step.moved)
    slope = torch.autograd.grad(step.divergences(fixed, dist).sum(), group, create_graph=True, allow_unused=True)
    mine = policy_of(actor, own, [i]) if actor.coupled else dist
    start = masked_mean((mine.log_prob(own.actions) - own.logp).exp() * own.advantages, own.weights)
    entropy = masked_mean(mine.entropy(), own.weights)
    added = sum(terms_of(actor, own, mine, [i]).values(), torch.zeros_like(start))
    ascended = start + options.entropy * entropy - added
    g = _flat(torch.autograd.grad(ascended, group, retain_graph=True, allow_unused=True), group)

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
    figures |= {"accepted": 0.0, "residual": residual, "entropy": entropy.detach(), "gradient_norm": g.norm()}
    if not bool(bend > 0):
        return figures
    full = (2 * options.delta / bend).sqrt() * direction
    at = _flat(group, group).clone()
    before = step.surrogate(dist, options.entropy).detach()
    for j in range(options.tries):
        _place(at + options.alpha**j * full, group)
        with torch.no_grad():
            new = step.policies()
            gain, kl = step.surrogate(new, options.entropy) - before, step.divergences(step.old, new).max()
        if bool(gain > 0) and bool(kl <= options.delta):
            actor.scheme.after_step()
            return figures | {"surrogate": gain, "kl": kl, "accepted": 1.0}
    _place(at, group)
    return figures


class _Step:
    """The policies that one agent's step moves, and what they are held to."""

    def __init__(self, actor: Actor, batch: Batch, own: Batch, old: Tensor, i: int) -> None:
        self.actor, self.weights = actor, own.weights
        self.moved = list(range(batch.n)) if actor.coupled else [i]
        self.batch = batch if actor.coupled else own
        self.place = self.moved.index(i)
        self.old = actor.recalled(old[:, :, self.moved], self.moved)

    def policies(self) -> Distribution:
        """π_θ of all agents that the step moves."""
        return policy_of(self.actor, self.batch, self.moved)

    def divergences(self, old: Distribution, new: Distribution) -> Tensor:
        """E[KL(old ‖ new)] of each of them, over its living entries."""
        kl, weights = old.kl(new), self.batch.weights
        return torch.stack([masked_mean(kl[..., k], weights[..., k]) for k in range(len(self.moved))])

    def surrogate(self, new: Distribution, entropy: float) -> Tensor:
        """E[Π_j r_j·M] + c·H(π^i), j over the agents that the step moves: r·M where it moves the agent alone."""
        batch, own = self.batch, [self.place]
        # the dead did nothing that a ratio could weigh
        change = torch.where(batch.weights > 0, new.log_prob(batch.actions) - batch.logp, 0.0)
        gain = masked_mean(change.sum(-1, keepdim=True).exp() * batch.advantages[..., own], self.weights)
        return gain + entropy * masked_mean(new.entropy()[..., own], self.weights)


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


HATRPO = Algorithm("hatrpo", update, TrustRegion, sequential=True)
