"""Adversary: a search for the instance with the smallest margin over its scale, over everything free in the layout.

    minimise  margin(x)/scale(x)      rows = softmax(logits), reals free, intervals by a sigmoid, choices listed

Smooth margins: Adam through torch, all restarts in one batch, on the CPU or a GPU. Others: a (1+1) evolution strategy
with a step size for each restart, in NumPy. Starts are random (generic and near-deterministic) or structured (the
family's ``seeds``, which may keep some fields as they are). Because the objective is normalised, larger rewards make no
progress. The instance found is a candidate: the certified engine decides.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from marlcore import numbers
from proofs_check import instances
from proofs_check.claim import Claim, margin_of, size_of
from proofs_check.engines import Budget, Candidates
from proofs_check.engines.sampled import ROUND_OFF, generator
from proofs_check.evidence import Evidence
from proofs_check.instances import Between, Choice, Field, Instance, Layout, Rows

LEARNING_RATE = 0.1
LARGEST_LOGIT = 30.0
SMALLEST_SCALE = 1e-8
STRUCTURED = 3
"""How many times more steps a structured start gets: it is larger, and promising."""


def run(claim: Claim, budget: Budget, seed: int, run: int, candidates: Candidates) -> Evidence:
    """Search from random starts at the smallest size and from the family's structured starts."""
    smooth = claim.smooth and "torch" in claim.numbers
    if not smooth and "float" not in claim.numbers:
        return Evidence("adversary", "not applicable", "the margin takes neither tensors nor floats")
    if claim.kind in ("limit", "statistical") and claim.numbers == ("float",):
        return Evidence("adversary", "not applicable", "a slow run refutes nothing about a limit")
    start = time.perf_counter()
    restarts = max(budget.restarts // claim.cost, 2)
    steps = max(budget.steps // claim.cost, 5) if not smooth else budget.steps
    best: tuple[float, Instance] | None = None
    begins: list[float] = []
    evaluations = 0
    for x, frozen, structured in _starts(claim, restarts, seed, run):
        search = by_gradient if smooth else by_evolution
        with one_thread(smooth):
            longer = STRUCTURED if structured else 1
            first, value, found, used = search(claim, x, frozen, steps * longer, generator(claim, seed, run, 20_000))
        begins.append(first)
        evaluations += used
        candidates.add(value, "adversary", found)
        if best is None or value < best[0]:
            best = value, found
    if best is None:
        return Evidence("adversary", "not applicable", "nothing in the family's layout is free")
    value, found = best
    outcome = "silent" if value < -ROUND_OFF else "supports"
    method = "Adam" if smooth else "evolution strategy"
    return Evidence(
        "adversary",
        outcome,
        f"{restarts} restarts × {steps} steps of {method}",
        count=evaluations,
        margin=float(np.asarray(margin_of(claim, _as_batch(found)))[0]) if "float" in claim.numbers else value,
        tightness=1 - value if claim.scale is not None else None,
        seconds=time.perf_counter() - start,
        seed=(seed, run),
        run=run,
        instance=instances.as_data(instances.exact(found, 10**6)),
        sizes=found.sizes,
        extra={"tightness_at_start": 1 - min(begins), "tightness_at_end": 1 - value},
    )


def _starts(claim: Claim, restarts: int, seed: int, run: int) -> list[tuple[Instance, tuple[str, ...], bool]]:
    family = claim.family
    made: list[tuple[Instance, tuple[str, ...], bool]] = []
    if family.seeds is not None:
        rng = generator(claim, seed, run, 30_000)
        made.append((*family.seeds(rng, max(restarts // 4, 4), **family.seed_sizes), True))
    sizes = family.sizes[0]
    layout = family.layout(**sizes)
    choices = max((len(spec.options) for spec in _fields(layout) if isinstance(spec, Choice)), default=1)
    choices = min(choices, 6)
    if any(instances.is_free(spec) for spec in _fields(layout)):
        for k in range(choices):
            rng = generator(claim, seed, run, 40_000 + k)
            made.append((choose(family.sample(rng, max(restarts // choices, 2), sizes), k), (), False))
    return made


def choose(x: Instance, k: int) -> Instance:
    """``x`` with the k-th option of every choice."""
    return x.map(lambda s, v: s.options[k % len(s.options)] if isinstance(s, Choice) else v, x.batch_shape)


def _fields(layout: Layout) -> list[Field]:
    return [part for spec in layout.values() for part in (spec if isinstance(spec, tuple) else (spec,))]


# ---------------------------------------------------------------- gradient search


def by_gradient(
    claim: Claim, x: Instance, frozen: tuple[str, ...], steps: int, rng: np.random.Generator, device: str = "cpu"
) -> tuple[float, float, Instance, int]:
    """Adam on every restart at once: the best value at the start, the best ever, its instance, and gradients taken."""
    import torch

    pulled, free = _pull(x, frozen)
    values = {label: torch.tensor(p, device=device, requires_grad=label in free) for label, p in pulled.items()}
    optimiser = torch.optim.Adam([values[label] for label in free], lr=LEARNING_RATE)
    batch = x.batch_shape[0]
    best = torch.full((batch,), torch.inf, dtype=torch.float64, device=device)
    kept = {label: value.detach().clone() for label, value in values.items()}
    first = np.inf
    for step in range(steps + 1):
        objective = objective_of(claim, _push(x, values, free, torch))
        usable = torch.isfinite(objective)
        better = usable & (objective.detach() < best)
        best = torch.where(better, objective.detach(), best)
        for label in free:
            kept[label][better] = values[label].detach()[better]
        if step == 0:
            first = float(best.min())
        if step < steps:
            # ever smaller steps: maxima over states have kinks, which steps of one size jump across for ever
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, 1.5 * (1 - step / steps) + 0.01)
            _descend(optimiser, torch.where(usable, objective, torch.zeros_like(objective)).sum())
    k = int(best.argmin())
    found = _push(x, kept, free, torch).one(k).map(_plain, ())
    return first, float(best[k]), found, batch * (steps + 1)


def _descend(optimiser: Any, total: Any) -> None:
    optimiser.zero_grad()
    total.backward()
    for group in optimiser.param_groups:
        for value in group["params"]:
            if value.grad is not None:
                value.grad.nan_to_num_(0.0, 0.0, 0.0)
    optimiser.step()
    for group in optimiser.param_groups:
        for value in group["params"]:
            value.data.clamp_(-LARGEST_LOGIT, LARGEST_LOGIT)


def objective_of(claim: Claim, x: Instance) -> Any:
    """margin/scale; −|margin|/scale for identities."""
    margin = margin_of(claim, x)
    scale = size_of(claim, x)
    if claim.is_identity:
        margin = -numbers.absolute(margin)
    if isinstance(scale, (int, float)):
        return margin / scale
    # below SMALLEST_SCALE the ratio would be one of round-off errors: no instance is better than these
    positive = scale > SMALLEST_SCALE
    return numbers.where(positive, margin / numbers.where(positive, scale, scale * 0 + 1), margin * 0 + 1)


def _plain(spec: Field, value: Any) -> Any:
    return value if isinstance(spec, Choice) else np.asarray(numbers.convert(value, "float"))[()]


def _pull(x: Instance, frozen: tuple[str, ...]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Unconstrained parameters of every numerical field (values, of those that stay), and the labels that may move."""
    leaves = [(label, spec, np.asarray(value)) for label, spec, value in x.leaves() if not instances.is_shared(spec)]
    free = [name for name, s, _ in leaves if instances.is_free(s) and name.split("[")[0] not in frozen]
    made = {label: _parameter(spec, value) if label in free else value for label, spec, value in leaves}
    # a step is searched for relative to where it starts: small steps are then a scale of their own
    relative = {label: _base(label, spec) for label, spec, _ in leaves if label in free and _base(label, spec) in free}
    return made | {label: made[label] - made[base] for label, base in relative.items()}, tuple(free)


def _base(label: str, spec: Field) -> str:
    return instances.partner(spec.near, label) if isinstance(spec, Rows) and spec.near else ""


def _parameter(spec: Field, value: np.ndarray) -> np.ndarray:
    if isinstance(spec, Rows):
        logs = np.log(np.maximum(value, 1e-12))
        return logs - logs.mean(-1, keepdims=True)
    if isinstance(spec, Between):
        low, high = float(Fraction(spec.low)), float(Fraction(spec.high))
        share = np.clip((value - low) / (high - low), 1e-6, 1 - 1e-6) if high > low else value * 0 + 0.5
        return np.log(share / (1 - share))
    return value.astype(float)


def _push(x: Instance, values: Mapping[str, Any], free: tuple[str, ...], xp: Any) -> Instance:
    """The instance of parameters, in the numbers that the parameters are."""

    def build(label: str, spec: Field, shared: Any) -> Any:
        if instances.is_shared(spec):
            return shared
        value = values[label]
        if label not in free:
            return value
        if isinstance(spec, Rows):
            base = _base(label, spec)
            return _softmax(value + values[base] if base in free else value, xp)
        if isinstance(spec, Between):
            low, high = float(Fraction(spec.low)), float(Fraction(spec.high))
            return low + (high - low) / (1 + xp.exp(-value))
        return value

    return Instance(x.layout, instances.over(x.layout, build, x.values), x.batch_shape, x.sizes)


def _softmax(logits: Any, xp: Any) -> Any:
    if xp is not np:
        return xp.softmax(logits, -1)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


# ---------------------------------------------------------------- search without gradients


def by_evolution(
    claim: Claim, x: Instance, frozen: tuple[str, ...], steps: int, rng: np.random.Generator
) -> tuple[float, float, Instance, int]:
    """A (1+1) evolution strategy for every restart: accept what is not worse, step sizes by the 1/5 rule."""
    values, free = _pull(x, frozen)
    batch = x.batch_shape[0]
    sigma = np.full(batch, 0.5)
    score = _score(claim, _push(x, values, free, np))
    first = float(score.min())
    for _ in range(steps):
        trial = values | {label: _mutate(values[label], sigma, rng) for label in free}
        new = _score(claim, _push(x, trial, free, np))
        accepted = new <= score
        score = np.where(accepted, new, score)
        values |= {label: np.where(_along(accepted, values[label]), trial[label], values[label]) for label in free}
        sigma = np.clip(sigma * np.where(accepted, 1.5, 0.9), 1e-6, 5.0)
    k = int(np.argmin(score))
    return first, float(score[k]), _push(x, values, free, np).one(k), batch * (steps + 1)


def _mutate(value: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(value.shape) * (rng.random(value.shape) < 0.5)
    return np.clip(value + _along(sigma, value) * noise, -LARGEST_LOGIT, LARGEST_LOGIT)


def _along(restarts: np.ndarray, value: np.ndarray) -> np.ndarray:
    return restarts.reshape(-1, *(1,) * (value.ndim - 1))


def _score(claim: Claim, x: Instance) -> np.ndarray:
    value = np.asarray(objective_of(claim, x), dtype=float)
    return np.where(np.isfinite(value), value, np.inf)


def _as_batch(x: Instance) -> Instance:
    return x.map(lambda s, v: v if instances.is_shared(s) else np.asarray(v)[None], (1,))


@contextlib.contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """Small batched solves lose more by torch's threads than they gain."""
    if not wanted:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
