"""What a network's outputs mean: distributions over actions, agent by agent, with masks.

    log π(a|s) = Σ_k log π_k(a_k|s)        KL(p ‖ q) = Σ_k Σ_x p_k(x) ln(p_k(x)/q_k(x))        H = Σ_k H(π_k)

k runs over the dimensions of an action. A log-probability is summed over them before anything is exponentiated, so a
ratio π̄/π is that of the whole action. The KL is the forward one, weighted by p: 0 only at p = q, never negative.

- **Categorical** (``Discrete``, ``MultiDiscrete``): the outputs are logits, dimension after dimension. Choices that are
  not available get the logit ``EXCLUDED`` before the softmax: probability exactly 0 and no gradient, and no 0·∞ later.
- **Gaussian** (``Box``): the outputs are means, the standard deviations do not depend on the state. Density, KL and
  entropy are those of the normal distribution itself; an action is clipped to the box only where it enters the
  environment (``to_environment``), so the policy gradient is that of what was drawn. Padded dimensions count as 0.

Draws are functions of given uniforms or normals (``marlcore.streams``), so randomness is explicit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from deep.envs.protocol import Box, Spec, bounds

EXCLUDED = -1e10
"""The logit of what is not available: its exponential is 0 in every float type, and it is finite."""
_BELOW_ONE = 1 - 2.0**-50
"""u·_BELOW_ONE·Σp < Σp even after rounding, for every u < 1."""


class Distribution(Protocol):
    """Over actions (…) or (…, d); the results are (…)."""

    def log_prob(self, actions: Tensor) -> Tensor:
        """log π(a|s), summed over the dimensions of the action."""
        ...

    def entropy(self) -> Tensor:
        """H(π(·|s))."""
        ...

    def kl(self, other: Distribution) -> Tensor:
        """KL(self ‖ other)."""
        ...

    def sample(self, draws: Tensor) -> Tensor:
        """An action from draws (…, d): uniforms for choices, normals for a box."""
        ...

    def mode(self) -> Tensor:
        """The most probable action."""
        ...


@dataclass(frozen=True, eq=False)
class Categorical:
    """Log-probabilities (…, A), the choices of all dimensions one after another."""

    logp: Tensor
    counts: tuple[int, ...]
    vector: bool = False
    """Whether actions have a last axis (``MultiDiscrete``)."""

    @property
    def probabilities(self) -> Tensor:
        """π (…, A), dimension after dimension."""
        return self.logp.exp()

    def log_prob(self, actions: Tensor) -> Tensor:
        """Σ_k log π_k(a_k|s)."""
        if not self.vector:
            return self.logp.gather(-1, actions[..., None])[..., 0]
        starts = torch.tensor(_starts(self.counts), device=actions.device)
        return self.logp.gather(-1, actions + starts).sum(-1)

    def entropy(self) -> Tensor:
        """−Σ π ln π over all choices of all dimensions."""
        return -(self.logp.exp() * self.logp).sum(-1)

    def kl(self, other: Distribution) -> Tensor:
        """Σ p (ln p − ln q), weighted by p."""
        assert isinstance(other, Categorical)
        return (self.logp.exp() * (self.logp - other.logp)).sum(-1)

    def sample(self, draws: Tensor) -> Tensor:
        """By the inverse distribution function: the first x with p(0) + … + p(x) > u·Σp, so never one of p = 0."""
        chosen = [
            (total <= u[..., None] * _BELOW_ONE * total[..., -1:]).sum(-1)
            for total, u in zip(
                (p.double().cumsum(-1) for p in self.logp.exp().split(self.counts, -1)), draws.unbind(-1), strict=True
            )
        ]
        return torch.stack(chosen, -1) if self.vector else chosen[0]

    def mode(self) -> Tensor:
        """The first of the most probable choices, dimension by dimension."""
        chosen = [part.argmax(-1) for part in self.logp.split(self.counts, -1)]
        return torch.stack(chosen, -1) if self.vector else chosen[0]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Independent normals: mean and log-standard-deviation (…, d), and which dimensions there are (…, d)."""

    mean: Tensor
    log_std: Tensor
    own: Tensor

    def log_prob(self, actions: Tensor) -> Tensor:
        """Σ_k log N(a_k; μ_k, σ_k)."""
        z = (actions - self.mean) * (-self.log_std).exp()
        return self._sum(-0.5 * z * z - self.log_std - 0.5 * math.log(2 * math.pi))

    def entropy(self) -> Tensor:
        """Σ_k ln σ_k + ½ ln 2πe."""
        return self._sum(self.log_std + 0.5 * math.log(2 * math.pi * math.e) + 0 * self.mean)

    def kl(self, other: Distribution) -> Tensor:
        """Σ_k ln(σ_q/σ_p) + (σ_p² + (μ_p − μ_q)²)/(2σ_q²) − ½."""
        assert isinstance(other, Gaussian)
        gap = self.mean - other.mean
        spread = (2 * (self.log_std - other.log_std)).exp() + gap * gap * (-2 * other.log_std).exp()
        return self._sum(other.log_std - self.log_std + 0.5 * spread - 0.5)

    def sample(self, draws: Tensor) -> Tensor:
        """μ + σ·z."""
        return self.mean + self.log_std.exp() * draws.to(self.mean.dtype)

    def mode(self) -> Tensor:
        """μ."""
        return self.mean

    def _sum(self, each: Tensor) -> Tensor:
        return torch.where(self.own, each, 0.0).sum(-1)


def output_size(spec: Spec) -> int:
    """How many numbers a policy network gives: the logits of all dimensions, or the means."""
    return spec.action_size if spec.action_kind == "box" else spec.n_actions


def categorical(outputs: Tensor, available: Tensor, counts: tuple[int, ...], vector: bool = False) -> Categorical:
    """The masked softmax of each dimension's logits."""
    logits = torch.where(available, outputs, EXCLUDED)
    if len(counts) == 1:
        return Categorical(torch.log_softmax(logits, -1), counts, vector)
    parts = [torch.log_softmax(part, -1) for part in logits.split(counts, -1)]
    return Categorical(torch.cat(parts, -1), counts, vector)


def to_environment(spec: Spec, actions: Tensor) -> Tensor:
    """Actions as the environment takes them: those of a box clipped to it, padded dimensions 0; others unchanged."""
    if spec.action_kind != "box":
        return actions
    low, high = bounds(spec, actions.device)
    padded = torch.isinf(low) & torch.isinf(high) & ~own_dimensions(spec, actions.device)
    return torch.where(padded, 0.0, torch.minimum(torch.maximum(actions, low), high)).float()


def own_dimensions(spec: Spec, device: torch.device | str = "cpu") -> Tensor:
    """(n, d): which dimensions of a box are the agent's own, and not padding."""
    sizes = torch.tensor([len(space.low) for space in spec.spaces if isinstance(space, Box)], device=device)
    return torch.arange(spec.action_size, device=device) < sizes[:, None]


def _starts(counts: tuple[int, ...]) -> list[int]:
    return [sum(counts[:k]) for k in range(len(counts))]
