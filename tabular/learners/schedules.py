"""Step sizes and exploration rates as functions of time: α_t, ε_t, δ_t, η_t.

    a number c            c for ever
    Geometric(c, d)       c·dᵗ                                                Littman 1994: c = 1, d = 0.01^(1/10⁶)
    Power(c, τ, p)        c/(1 + t/τ)ᵖ                                        Σα = ∞, Σα² < ∞ for ½ < p ≤ 1
    Visits(c, τ, p)       the same, t counts earlier visits of (s, a)         Hu & Wellman 2003: 1/visits(s, a)
                          for the α of tables over joint actions: an agent that sees only its own action would weigh
                          the others' actions alike, however often they come
    a function            of an int64 array of times, giving as many floats

A run asks for whole aligned blocks of ``BLOCK`` times, so that what it is given does not depend on where it was cut:
vector instructions may round the same time differently at different places of an array.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.kit import sources

BLOCK = 1 << 16


@dataclass(frozen=True)
class Geometric:
    """c·dᵗ with 0 < d ≤ 1."""

    c: float
    d: float

    def __post_init__(self) -> None:
        _positive(self, "c")
        if not 0 < self.d <= 1:
            raise InputError(f"Geometric needs 0 < d ≤ 1, not d = {self.d}")

    def __call__(self, t: np.ndarray) -> np.ndarray:
        """The rates at times ``t``."""
        return self.c * np.exp(t * np.log(self.d))


@dataclass(frozen=True)
class Power:
    """c/(1 + t/τ)ᵖ; with p = 1 it is 1/(1/c + t/(cτ)), the form 1/(a + t/b) of many papers."""

    c: float
    tau: float = 1.0
    p: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "c", "tau", "p")

    def __call__(self, t: np.ndarray) -> np.ndarray:
        """The rates at times ``t``."""
        return self.c / (1 + t / self.tau) ** self.p


@dataclass(frozen=True)
class Visits:
    """c/(1 + m/τ)ᵖ where m counts how often this state and joint action were updated before; for α only."""

    c: float = 1.0
    tau: float = 1.0
    p: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "c", "tau", "p")


Schedule = float | Geometric | Power | Callable[[np.ndarray], Any]


def check_rate(name: str, schedule: Any, *, most: float = np.inf, visits: bool = False) -> None:
    """Refuse a constant or a first rate that is negative, not finite or above ``most``; Visits unless ``visits``."""
    if isinstance(schedule, Visits):
        if not visits:
            raise InputError(f"{name} cannot count visits of joint actions here; use Power, or a function of time")
        if schedule.c > most:
            raise InputError(f"{name} starts at {schedule.c}; it must be at most {most}")
        return
    if not callable(schedule) and (isinstance(schedule, bool) or not isinstance(schedule, (int, float, np.number))):
        raise InputError(f"{name} must be a number, a schedule or a function of time, not {schedule!r}")
    first = block(name, schedule, 0)[0]
    if first > most:
        raise InputError(f"{name} starts at {first:g}; it must be at most {most:g}")


def block(name: str, schedule: Any, index: int) -> np.ndarray:
    """The rates at times index·BLOCK, …, (index + 1)·BLOCK − 1."""
    if not callable(schedule):
        rates = np.full(BLOCK, schedule, dtype=float)
    else:
        times = np.arange(index * BLOCK, (index + 1) * BLOCK)
        rates = np.asarray(schedule(times), dtype=float)
        if rates.shape != (BLOCK,):
            raise InputError(f"{name} must give as many rates as times ({BLOCK}), not an array of shape {rates.shape}")
    bad = ~np.isfinite(rates) | (rates < 0)
    if bad.any():
        t = int(np.argmax(bad))
        raise InputError(f"{name} is {rates[t]:g} at step {index * BLOCK + t}: a rate must be finite and not negative")
    return rates


def describe(schedule: Any) -> Any:
    """The schedule as plain data, which tells two runs apart: a function by its name and the hash of its code."""
    if dataclasses.is_dataclass(schedule) and not isinstance(schedule, type):
        return {"schedule": type(schedule).__name__, **dataclasses.asdict(schedule)}
    if callable(schedule):
        function = sources.plain(schedule)
        name = getattr(schedule, "__qualname__", type(schedule).__qualname__)
        return {"schedule": name, "code": "" if function is None else sources.code(function)}
    return float(schedule)


def _positive(schedule: Any, *names: str) -> None:
    for name in names:
        value = getattr(schedule, name)
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{type(schedule).__name__} needs {name} > 0, not {value}")
