"""Values on the scale of a network: running mean and variance of the returns, and advantages over living agents.

    m ← βm + (1−β)·mean(x)      q ← βq + (1−β)·mean(x²)      w ← βw + (1−β)
    μ = m/w      σ² = max(q/w − μ², ``LEAST``)      normalised(x) = (x − μ)/σ

w takes away the bias of starting at 0 (Kingma & Ba, 2015), so the first batch already counts in full. The critic's
targets are normalised, its outputs denormalised before they enter an advantage (van Hasselt et al., 2016, without the
rescaling of the last layer). The three numbers are a module's buffers: they are saved with the networks, on any device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

DECAY = 0.99999
"""β (Yu et al., *The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games*, their code's ValueNorm)."""
LEAST = 1e-2
"""The smallest variance: rewards that hardly vary are not blown up."""


class ValueNormaliser(nn.Module):
    """The running moments of returns; switched off it changes nothing."""

    moments: Tensor
    """m, q, w"""

    def __init__(self, on: bool = True) -> None:
        super().__init__()
        self.on = on
        self.register_buffer("moments", torch.zeros(3, dtype=torch.float64))

    def update(self, x: Tensor, weights: Tensor) -> None:
        """Take in returns, weighted (dead agents and padding with 0)."""
        total = weights.sum().double()
        if not self.on or not bool(total > 0):
            return
        y, w = x.double(), weights.double()
        batch = torch.stack([(w * y).sum() / total, (w * y * y).sum() / total, torch.ones_like(total)])
        self.moments.mul_(DECAY).add_((1 - DECAY) * batch)

    def fault(self) -> str:
        """What is wrong with the moments, if anything: they make every value after them wrong too."""
        if self.moments.shape != (3,):
            return f"the value normaliser has {tuple(self.moments.shape)} moments where it has (3,)"
        m, q, w = self.moments.tolist()
        if not all(math.isfinite(x) for x in (m, q, w)):
            return f"the value normaliser's moments are not finite: {m}, {q}, {w}"
        # up to round-off a mean square is no less than the square of the mean
        if not 0 <= w <= 1 + 1e-9 or q < 0 or m * m > q * w * (1 + 1e-9):
            return f"the value normaliser's moments {m}, {q}, {w} are those of no returns"
        return ""

    def normalise(self, x: Tensor) -> Tensor:
        """(x − μ)/σ."""
        mean, std = self._scale(x)
        return (x - mean) / std

    def denormalise(self, x: Tensor) -> Tensor:
        """μ + σx."""
        mean, std = self._scale(x)
        return mean + std * x

    def _scale(self, x: Tensor) -> tuple[Tensor, Tensor]:
        m, q, w = self.moments
        known = self.on & (w > 0)
        mean = torch.where(known, m / w.clamp(min=1e-300), 0.0)
        variance = torch.where(known, (q / w.clamp(min=1e-300) - mean * mean).clamp(min=LEAST), 1.0)
        return mean.to(x.dtype), variance.sqrt().to(x.dtype)


def masked_mean(x: Tensor, weights: Tensor) -> Tensor:
    """Σ w·x / Σ w; 0 where all weights are 0."""
    total = weights.sum()
    return (weights * x).sum() / torch.where(total > 0, total, 1.0)


def standardise(advantages: Tensor, weights: Tensor) -> Tensor:
    """(Â − mean)/(std + 10⁻⁵) over the entries of weight above 0, and 0 elsewhere."""
    mean = masked_mean(advantages, weights)
    std = masked_mean((advantages - mean) ** 2, weights).sqrt()
    return torch.where(weights > 0, (advantages - mean) / (std + 1e-5), 0.0)
