"""The drifts of mirror learning that ship, each with what its exact maximisation needs (HARL, Def. 12).

    zero                 D = 0                                     HAA2C, HADDPG, HATRPO
    forward KL           D = c·KL(π^i ‖ π̂^i)                       at a vertex its slope is c
    reverse KL           D = c·KL(π̂^i ‖ π^i)                       infinite where an action enters
    squared L2           D = c·Σ_a (π̂^i − π^i)²
    clip                 D = E_{a~π}[ReLU((r − clip(r, 1±ε))·M)]   HAPPO, in the joint M
    marginal clip        the same with the mean over the others inside the ReLU, as HARL's App. F prints it

Any function (π̂ table, ``Step``) → (S,) is a drift; ``check_drift`` tests the defining conditions. The ones here are
sums over actions, D = Σ_a D_a(π̂(a)), so the inner maximum is found exactly (``separable``). The values themselves are
those of ``marlcore.objectives``.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from marlcore import objectives
from marlcore.errors import InputError
from marlcore.objectives import Step
from tabular.mirror import separable_kernel


class SeparableDrift(abc.ABC):
    """A convex drift that is a sum over actions, with what its exact maximisation needs."""

    kind: ClassVar[int]
    """Its demand function in ``separable_kernel``."""

    @abc.abstractmethod
    def __call__(self, hat: Any, at: Step) -> Any:
        """D^i_π(π̂^i | s, π̄) at every state."""

    @property
    def parameter(self) -> float:
        """c."""
        return 0.0

    def slopes(self, at: Step) -> tuple[np.ndarray, np.ndarray]:
        """The demand's ``up`` and ``down`` (S, A_i)."""
        return at.advantage, at.advantage


@dataclass(frozen=True)
class Zero(SeparableDrift):
    """D = 0."""

    kind = separable_kernel.ZERO

    def __call__(self, hat: Any, at: Step) -> Any:
        """0 at every state."""
        return objectives.zero_drift(hat, at)


ZERO = Zero()


@dataclass(frozen=True)
class _Scaled(SeparableDrift):
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < np.inf:
            raise InputError(f"the scale c of a drift must be a positive number, not {self.scale} (zero drift: Zero())")

    @property
    def parameter(self) -> float:
        """c."""
        return float(self.scale)


class ForwardKL(_Scaled):
    """D = c·KL(π ‖ π̂)."""

    kind = separable_kernel.FORWARD_KL

    def __call__(self, hat: Any, at: Step) -> Any:
        """c·KL(π ‖ π̂) at every state."""
        return objectives.forward_kl_drift(self.scale)(hat, at)


class ReverseKL(_Scaled):
    """D = c·KL(π̂ ‖ π)."""

    kind = separable_kernel.REVERSE_KL

    def __call__(self, hat: Any, at: Step) -> Any:
        """c·KL(π̂ ‖ π) at every state."""
        return objectives.reverse_kl_drift(self.scale)(hat, at)


class SquaredL2(_Scaled):
    """D = c·Σ(π̂ − π)²."""

    kind = separable_kernel.SQUARED_L2

    def __call__(self, hat: Any, at: Step) -> Any:
        """c·Σ(π̂ − π)² at every state."""
        return objectives.squared_l2_drift(self.scale)(hat, at)


@dataclass(frozen=True)
class _Clipped(SeparableDrift):
    kind = separable_kernel.CLIP
    epsilon: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < 1:
            raise InputError(f"the clip range ε must be between 0 and 1, not {self.epsilon}")

    @property
    def parameter(self) -> float:
        """ε."""
        return float(self.epsilon)


class Clip(_Clipped):
    """The drift in the joint M that makes E_{a~π}[min(rM, clip(r)M)] a HAMO (HAPPO; HARL, App. F)."""

    def __call__(self, hat: Any, at: Step) -> Any:
        """E_{a~π}[ReLU((r − clip r)M)] at every state."""
        return objectives.clip_drift(self.epsilon)(hat, at)

    def slopes(self, at: Step) -> tuple[np.ndarray, np.ndarray]:
        """E[M⁺] below the clip range and −E[M⁻] above it, over the others' actions."""
        weighted = at.M * at.others[..., None, :]
        return np.maximum(weighted, 0).sum(-1), np.minimum(weighted, 0).sum(-1)


class MarginalClip(_Clipped):
    """The same with the marginal advantage, as printed: never more than ``Clip``."""

    def __call__(self, hat: Any, at: Step) -> Any:
        """E_{a^i~π^i}[ReLU((r − clip r)A^i)] at every state."""
        return objectives.marginal_clip_drift(self.epsilon)(hat, at)

    def slopes(self, at: Step) -> tuple[np.ndarray, np.ndarray]:
        """A⁺ and −A⁻."""
        return np.maximum(at.advantage, 0), np.minimum(at.advantage, 0)


DRIFTS: dict[str, type[SeparableDrift]] = {
    "zero": Zero,
    "forward-kl": ForwardKL,
    "reverse-kl": ReverseKL,
    "squared-l2": SquaredL2,
    "clip": Clip,
    "marginal-clip": MarginalClip,
}

FORWARD_KL, REVERSE_KL, SQUARED_L2, CLIP, MARGINAL_CLIP = ForwardKL(), ReverseKL(), SquaredL2(), Clip(), MarginalClip()
