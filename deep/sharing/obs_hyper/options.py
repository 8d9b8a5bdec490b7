"""Options of the observation-conditioned hypernetwork: choices, coefficients, and where their defaults come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from marlcore.errors import InputError

Conditioning = Literal["all", "own"]
History = Literal["gru", "lstm", "window", "attention", "none"]
Increment = Literal["full", "last", "low_rank"]
Fused = Literal["categorical", "gaussian"]


@dataclass(frozen=True)
class ObsHyperOptions:
    """One flat table, since a run's file and command line name its fields.

    α = 0.1, β = 0.05, K = 100 and the learning rate 10⁻⁴ are those of the notes on a hypernetwork for MAPPO that this
    scheme comes from; so is the order encoder, attention, history, increment. The notes leave the other sizes open.
    """

    conditioning: Conditioning = "all"
    """Whose observations make an agent's weights: everyone's (execution is then centralised) or its own."""
    history: History = "gru"
    """What carries the past: a GRU, an LSTM, the last ``window`` steps side by side or attended to, or nothing."""
    window: int = 3
    """Steps of ``window`` and ``attention``, the present one included (the notes' ablation: 3)."""
    increment: Increment = "last"
    """Which weights are generated: all, the last layer's, or all as products of ``rank`` columns."""
    rank: int = 4
    accumulate: bool = False
    """θ_t = θ_{t−1} + Δ_t within an episode, from θ at its start; otherwise θ_t = θ + Δ_t."""
    alpha: float = 0.1
    """α, of the smoothness term ‖θ_t − θ_{t−1}‖²."""
    beta: float = 0.05
    """β, of the alignment term E KL(π_old ‖ π_new)."""
    target_every: int = 100
    """K: optimiser steps between two synchronisations of the target hypernetwork; 0 for none."""
    lr: float | None = 1e-4
    """The hypernetwork's own learning rate; None for the algorithm's."""
    scale: float = 0.1
    """Size of the first increments, ‖Δ‖_F over ‖θ‖_F for each weight matrix."""
    scaling: bool = False
    """A trainable factor for each unit of the shared layers, where only the last is generated."""
    fusion: int = 0
    """How many of the last policies are fused with the present one; 0 for none."""
    fused: Fused = "categorical"
    """What outputs mean, for the KL that weighs fused policies: logits of ``heads``, or means of unit variance."""
    heads: tuple[int, ...] = ()
    """The lengths of the categorical distributions that the outputs hold; () for one."""
    types: tuple[int, ...] = ()
    """A number for each agent: agents of one number are identical and get one set of weights; () for each its own."""
    width: int = 64
    """Of encoder, attention and history."""
    attention: int = 4
    """Heads of the attention over agents, and over time."""
    context: int = 0
    """Inputs behind the body's, for the hypernetwork alone: previous action and reward."""

    def __post_init__(self) -> None:
        """Refuse what is no choice, and what is switched on where it can do nothing."""
        for name, kind in (
            ("conditioning", Conditioning),
            ("history", History),
            ("increment", Increment),
            ("fused", Fused),
        ):
            if getattr(self, name) not in get_args(kind):
                raise InputError(f"{name} must be one of {', '.join(get_args(kind))}, not {getattr(self, name)!r}")
        for name, least in (("window", 1), ("rank", 1), ("width", 1), ("attention", 1), ("target_every", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} must be at least {least}, not {getattr(self, name)}")
        for name in ("alpha", "beta", "fusion", "context"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative: {getattr(self, name)}")
        if self.width % self.attention:
            raise InputError(f"width must be a multiple of attention: {self.width} and {self.attention}")
        self._refuse_dead()

    def _refuse_dead(self) -> None:
        if self.target_every and (self.accumulate or not self.alpha):
            why = "with accumulate it is ‖Δ_t‖²" if self.accumulate else "alpha is 0"
            raise InputError(f"the target hypernetwork gives Δ_(t−1) to the smoothness term, but {why}: target_every=0")
        if self.scaling and self.increment != "last":
            raise InputError(f"scaling is of layers that are not generated; with increment={self.increment} all are")
        if self.types and self.conditioning == "own":
            raise InputError("types average what agents of one type see, which conditioning=own does not allow")
        if self.fusion and self.accumulate:
            raise InputError("fusion of policies whose weights accumulate is not defined: fusion=0 or accumulate=False")
