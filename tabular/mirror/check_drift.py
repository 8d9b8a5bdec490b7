"""Is a function a drift?  Its defining conditions, tested (HARL, Def. 12).

    D^i_π(π̂ | s, π̄) ≥ 0        D^i_π(π^i | s, π̄) = 0        d/dh D^i_π(π^i + hv | s, π̄) = 0 at h = 0, for every v

at fully mixed policies of random games, at random steps of their sequential updates; one that breaks a condition is
rejected with the instance that shows it. Passing is evidence, not proof.

At the boundary of the simplex the gradient condition fails for drifts that ship (forward KL has slope c there, reverse
KL is infinite), and then Theorem 16 does not apply to a run that starts or ends there. So the boundary is tested too,
and reported, not rejected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marlcore import policies
from marlcore.errors import InputError
from marlcore.games import TeamGame
from marlcore.objectives import Drift, Step
from marlcore.values import evaluate
from tabular.mirror.haml import step_at

ROUND_OFF = 1e-11
SLOPE = 1e-5
"""A slope above this counts: it is read off D/h at h = 1e-4 and h/16, extrapolated to h = 0, so curvature cancels."""
H = 1e-4


@dataclass(frozen=True)
class DriftReport:
    """How many (instance, candidate) pairs passed inside the simplex, and what was seen at its boundary."""

    name: str
    passed: int
    boundary: str
    """"zero gradient", "slope x" (the largest seen towards an action of probability 0), "infinite", or "undefined"."""

    @property
    def vanishes_at_boundary(self) -> bool:
        """Whether the gradient condition was seen to hold at the boundary as well."""
        return self.boundary == "zero gradient"


def check_drift(drift: Drift, rng: np.random.Generator | int = 0, instances: int = 30) -> DriftReport:
    """Test the conditions on ``instances`` random steps; an InputError shows the first that fails."""
    rng = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
    name = getattr(drift, "__name__", type(drift).__name__)
    passed = 0
    for at in _steps(rng, instances, mixed=True):
        at_old = _value(drift, at.old, at, name)
        _refuse(np.abs(at_old) > ROUND_OFF, f"{name} is no drift: it is not 0 at the old policy", at, at.old, at_old)
        for hat in _candidates(at, rng):
            value = _value(drift, hat, at, name)
            _refuse(~(value >= -ROUND_OFF), f"{name} is no drift: it is not ≥ 0", at, hat, value)
            passed += 1
        for v in _directions(at.old):
            slope = _slope(drift, at, v, name)
            _refuse(
                np.abs(slope) > SLOPE, f"{name} is no drift: its gradient at the old policy is not 0", at, at.old, slope
            )
            passed += 1
    return DriftReport(name, passed, _at_boundary(drift, rng))


def _steps(rng: np.random.Generator, count: int, mixed: bool) -> Iterator[Step]:
    """Steps of random team games: 1 to 3 agents, 2 to 4 actions, any place in the order, predecessors anywhere."""
    for _ in range(count):
        counts = tuple(int(c) for c in rng.integers(2, 5, size=rng.integers(1, 4)))
        game = TeamGame.random(3, counts, rng, scale=3.0)
        old, new = policies.random(game, rng, 2.0), policies.random(game, rng, 2.0)
        old = policies.mix(old, policies.uniform(game), 0.5)
        order = tuple(int(i) for i in rng.permutation(len(counts)))[: rng.integers(1, len(counts) + 1)]
        if not mixed:
            old = tuple(_without_an_action(t, rng) if i == order[-1] else t for i, t in enumerate(old))
        yield step_at(evaluate(game, old).A, old, new, order)


def _without_an_action(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cut = table.copy()
    cut[:, rng.integers(table.shape[1])] = 0
    return cut / cut.sum(-1, keepdims=True)


def _candidates(at: Step, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for concentration in (0.1, 1.0, 10.0):
        rows = rng.gamma(concentration, size=at.old.shape) + 1e-12
        hat = rows / rows.sum(-1, keepdims=True)
        yield hat
        yield at.old + 0.01 * (hat - at.old)


def _directions(old: np.ndarray) -> Iterator[np.ndarray]:
    """From the old policy towards every action, and away from it."""
    for a in range(old.shape[1]):
        toward = np.eye(old.shape[1])[a] - old
        yield toward
        yield -toward * old.min(-1, keepdims=True)


def _slope(drift: Drift, at: Step, v: np.ndarray, name: str) -> np.ndarray:
    """D(π + hv)/h extrapolated to h = 0 from h = H and H/16."""
    coarse, fine = (_value(drift, at.old + h * v, at, name) / h for h in (H, H / 16))
    return (16 * fine - coarse) / 15


def _value(drift: Drift, hat: np.ndarray, at: Step, name: str) -> np.ndarray:
    value = np.asarray(drift(hat, at), dtype=float)
    if value.shape != hat.shape[:-1]:
        raise InputError(f"{name} must give one number for each state, shape {hat.shape[:-1]}, not {value.shape}")
    return value


def _refuse(bad: np.ndarray, what: str, at: Step, hat: np.ndarray, value: np.ndarray) -> None:
    if bad.any():
        s = int(np.flatnonzero(bad)[0])
        rows = [np.array2string(x, precision=6, separator=", ") for x in (at.old[s], hat[s], at.advantage[s])]
        raise InputError(f"{what}, but {value[s]:.6g}: π^i = {rows[0]}, π̂^i = {rows[1]}, E[A|a^i] = {rows[2]}")


def _at_boundary(drift: Drift, rng: np.random.Generator) -> str:
    """What the drift does along the way towards an action that the old policy does not play."""
    largest = 0.0
    for at in _steps(rng, 10, mixed=False):
        absent = (at.old == 0).argmax(-1)
        toward = np.eye(at.old.shape[1])[absent] - at.old
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(drift(at.old + H * toward, at), dtype=float)
                slope = _slope(drift, at, toward, "drift")
        except InputError:
            return "undefined"
        if not np.isfinite(value).all():
            return "infinite"
        largest = max(largest, float(np.abs(slope).max()))
    return "zero gradient" if largest <= SLOPE else f"slope {largest:.3g}"
