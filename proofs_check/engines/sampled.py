"""Sampled: batches of random instances through NumPy; the smallest margin, where it is, and instances a second.

What float64 calls a violation is only a candidate: the certified engine decides. Hypothesis strategies over the same
layouts (``strategy``) shrink a counterexample to small numbers.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from marlcore.errors import InputError
from proofs_check import instances
from proofs_check.claim import Claim, margin_of, size_of, violated_hypotheses
from proofs_check.engines import Budget, Candidates
from proofs_check.evidence import Evidence
from proofs_check.instances import Instance

CHUNK = 2_000
"""Instances a batch: what stays in a processor's cache for small games."""
SMALLEST_SCALE = 1e-8
"""Below it a ratio would be one of round-off errors: there the margin itself counts."""
COMBINATIONS = 64
"""How many combinations of options are gone through in turn; of more, as many are drawn."""
ROUND_OFF = 1e-8
"""Margins below −ROUND_OFF·scale are candidates for a certificate."""


def run(claim: Claim, budget: Budget, seed: int, run: int, candidates: Candidates) -> Evidence:
    """Draw ``budget.samples`` instances, over all sizes in turn."""
    if "float" not in claim.numbers:
        return Evidence("sampled", "not applicable", "the margin takes no floats")
    total = max(budget.samples // claim.cost, 4)
    each = max(total // len(claim.family.sizes), 2)
    start, count, worst, tight, margin = time.perf_counter(), 0, np.inf, -np.inf, np.inf
    where: Instance | None = None
    seconds = 0.0
    for index, sizes in enumerate(claim.family.sizes):
        rng = generator(claim, seed, run, index)
        for x in _batches(claim, rng, each, sizes):
            check_hypotheses(claim, x)
            begin = time.perf_counter()
            margins = np.asarray(margin_of(claim, x), dtype=float)
            seconds += time.perf_counter() - begin
            relative, tightness = against_scale(claim, x, margins)
            k = int(np.argmin(relative))
            count += len(margins)
            tight = max(tight, tightness)
            candidates.add(float(relative[k]), "sampled", x.one(k))
            if relative[k] < worst:
                worst, where = float(relative[k]), x.one(k)
                margin = -abs(float(margins[k])) if claim.is_identity else float(margins[k])
    assert where is not None
    outcome = "silent" if worst < -ROUND_OFF else "supports"
    return Evidence(
        "sampled",
        outcome,
        f"{count} instances, {spell_sizes(claim)}",
        count=count,
        margin=margin,
        tightness=tight if np.isfinite(tight) and claim.scale is not None else None,
        seconds=time.perf_counter() - start,
        seed=(seed, run),
        run=run,
        instance=instances.as_data(instances.exact(where)) if outcome == "silent" else None,
        sizes=where.sizes,
        extra={"margins_per_second": count / max(seconds, 1e-9)},
    )


def _batches(claim: Claim, rng: np.random.Generator, count: int, sizes: Mapping[str, Any]) -> Iterator[Instance]:
    """Batches of ``count`` instances in all, each with its own combination of options."""
    known = instances.combinations(claim.family.layout(**sizes))
    parts = max(min(known, COMBINATIONS, count), math.ceil(count / CHUNK))
    first = int(rng.integers(known))
    for k in range(parts):
        size = (k + 1) * count // parts - k * count // parts
        x = claim.family.sample(rng, size, sizes)
        yield instances.choose(x, first + k) if 1 < known <= COMBINATIONS else x


def generator(claim: Claim, seed: int, run: int, index: int) -> np.random.Generator:
    """Randomness that no other claim, run or size has."""
    return np.random.default_rng([seed, run, zlib.crc32(claim.id.encode()), index])


def check_hypotheses(claim: Claim, x: Instance) -> None:
    """Instances satisfy the hypotheses by construction; a family that does not is an error in the claim."""
    broken = violated_hypotheses(claim, x)
    if broken:
        raise InputError(f"{claim.id}: its family draws instances that violate the hypothesis {broken[0]!r}")


def against_scale(claim: Claim, x: Instance, margins: np.ndarray) -> tuple[np.ndarray, float]:
    """Margins over their scale (−|margin| for identities), and the tightest ratio among them."""
    scale = np.broadcast_to(np.asarray(size_of(claim, x), dtype=float), margins.shape)
    signed = -np.abs(margins) if claim.is_identity else margins
    usable = np.isfinite(scale) & (scale > SMALLEST_SCALE)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(usable, signed / np.where(usable, scale, 1), signed)
    finite = relative[np.isfinite(relative) & usable]
    return np.where(np.isnan(relative), np.inf, relative), float(1 - finite.min()) if finite.size else -np.inf


def spell_sizes(claim: Claim, first: int | None = None) -> str:
    """The sizes of a family (or the ``first`` few) in words."""
    shown = ["; ".join(f"{key}={value}" for key, value in sizes.items()) for sizes in claim.family.sizes[:first]]
    return "sizes " + " | ".join(shown) if any(shown) else "one size"


def strategy(layout: instances.Layout, denominator: int = 12) -> Any:
    """A Hypothesis strategy for one exact instance of ``layout``; it shrinks to uniform rows and zero reals."""
    from hypothesis import strategies as st

    def leaf(_: str, spec: instances.Field, __: Any) -> Any:
        if isinstance(spec, instances.Choice):
            return st.sampled_from(spec.options)
        if isinstance(spec, instances.Fixed):
            return st.just(instances.fixed_value(spec, "float"))
        size = int(np.prod(spec.shape))
        low, high = (1 if isinstance(spec, instances.Rows) else -denominator), denominator
        if isinstance(spec, instances.Between):
            low, high = 0, denominator
        values = st.lists(st.integers(low, high), min_size=size, max_size=size)
        return values.map(lambda v, s=spec: _leaf_value(s, np.array(v, dtype=float).reshape(s.shape), denominator))

    made = instances.over(layout, leaf)
    parts = {name: st.tuples(*part) if isinstance(part, tuple) else part for name, part in made.items()}
    return st.fixed_dictionaries(parts).map(lambda values: instances.exact(Instance(layout, values), None))


def _leaf_value(spec: instances.Field, whole: np.ndarray, denominator: int) -> Any:
    if isinstance(spec, instances.Rows):
        return whole / whole.sum(-1, keepdims=True)
    if isinstance(spec, instances.Between):
        from fractions import Fraction

        low, high = float(Fraction(spec.low)), float(Fraction(spec.high))
        return low + (high - low) * whole / denominator
    return whole / denominator
