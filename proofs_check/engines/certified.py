"""Certified: an instance in rationals, its margin in rational arithmetic, or in balls at rising precision, until the
sign is rigorous. Only this refutes.

A float instance is rounded to the coarsest denominator at which the violation survives, so that a person can read it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from marlcore import numbers
from marlcore.errors import InputError
from proofs_check import instances
from proofs_check.claim import Claim, margin_of, violated_hypotheses
from proofs_check.engines import Budget, Candidates
from proofs_check.engines.sampled import ROUND_OFF, generator, spell_sizes
from proofs_check.evidence import Evidence
from proofs_check.instances import DENOMINATORS, Instance

BITS = (64, 128, 256, 512, 1024)
Sign = Literal["negative", "zero", "positive", "undecided"]


@dataclass(frozen=True)
class Certificate:
    """The rigorous sign of a margin at an exact instance; ``value`` is a rational "p/q" or a ball "[m +/- r]"."""

    sign: Sign
    value: str
    arithmetic: str
    number: float

    def violates(self, claim: Claim) -> bool:
        """Whether this refutes the claim."""
        return self.sign == "negative" or (claim.is_identity and self.sign == "positive")


def certify(claim: Claim, x: Instance) -> Certificate:
    """The sign of ``claim``'s margin at ``x`` (floats are taken as the dyadic numbers that they are)."""
    if x.batch_shape:
        raise InputError("certify takes one instance, not a batch: choose one with x.one(k)")
    if x.kind in ("float", "torch"):
        x = instances.exact(x)
    if "rational" in claim.numbers:
        value = margin_of(claim, x)
        return Certificate(_sign(value), str(value), "rationals", float(Fraction(str(value))))
    if "ball" not in claim.numbers:
        raise InputError(f"{claim.id} has no certificate: its margin takes {', '.join(claim.numbers)} numbers only")
    value: Any = None
    bits = BITS[0]
    for bits in BITS:
        with numbers.precision(bits):
            value = margin_of(claim, x.convert("ball"))
            if _sign(value) != "undecided":
                break
    return Certificate(_sign(value), value.str(20), f"balls of {bits} bits", float(value.mid()))


def _sign(value: Any) -> Sign:
    return "negative" if value < 0 else "positive" if value > 0 else "zero" if value == 0 else "undecided"


def has_certificates(claim: Claim) -> bool:
    """Whether the margin takes rationals or balls."""
    return bool({"rational", "ball"} & set(claim.numbers))


def refutation(claim: Claim, x: Instance) -> tuple[Instance, Certificate] | None:
    """A rounding of the float instance ``x`` at which the violation is certain and every hypothesis holds."""
    for denominator in (*DENOMINATORS, None):
        try:
            rounded = instances.exact(x, denominator)
        except InputError:  # this denominator is too coarse for so many positive entries
            continue
        if violated_hypotheses(claim, rounded):
            continue
        certificate = certify(claim, rounded)
        if certificate.violates(claim):
            return rounded, certificate
    return None


def run(claim: Claim, budget: Budget, seed: int, run: int, candidates: Candidates) -> Evidence:
    """Certify what the searches found, then the claim's own witness, then exact random instances."""
    if not has_certificates(claim):
        return Evidence("certified", "not applicable", f"the margin takes {', '.join(claim.numbers)} numbers only")
    start = time.perf_counter()
    for value, engine, x in candidates.found:
        if value < -ROUND_OFF / 100 and (found := refutation(claim, x)) is not None:
            return _refuted(claim, *found, engine, start, seed, run)
    if claim.witness is not None:
        x = claim.witness()
        broken = violated_hypotheses(claim, x)
        if broken:
            raise InputError(f"{claim.id}: its witness violates the hypothesis {broken[0]!r}")
        certificate = certify(claim, x)
        if certificate.violates(claim):
            return _refuted(claim, x, certificate, "the claim's own witness", start, seed, run)
    return _random(claim, budget, seed, run, start)


def _refuted(
    claim: Claim, x: Instance, certificate: Certificate, by: str, start: float, seed: int, run: int
) -> Evidence:
    return Evidence(
        "certified",
        "refutes",
        f"one instance, in {certificate.arithmetic}",
        count=1,
        margin=certificate.number,
        seconds=time.perf_counter() - start,
        seed=(seed, run),
        run=run,
        instance=instances.as_data(x),
        sizes=x.sizes,
        certificate=certificate.value,
        detail=f"found by: {by}",
        extra={"found_by": by},
    )


def _random(claim: Claim, budget: Budget, seed: int, run: int, start: float) -> Evidence:
    """Random instances with denominators of 60: all margins rigorously ≥ 0 (identities: 0)."""
    sizes = claim.family.sizes[0]
    total = max(budget.certificates // claim.cost, 1)
    x = claim.family.sample(generator(claim, seed, run, 10_000), total, sizes)
    undecided, least, done = 0, float("inf"), 0
    begin = time.perf_counter()
    for k in range(total):
        one = instances.choose(instances.exact(x.one(k), 60), k)
        if violated_hypotheses(claim, one):
            continue
        certificate = certify(claim, one)
        done += 1
        if certificate.violates(claim):
            return _refuted(claim, one, certificate, "certified", start, seed, run)
        undecided += certificate.sign == "undecided"
        least = min(least, certificate.number)
    kind = "margins exactly 0" if claim.is_identity else "margins rigorously ≥ 0"
    if "rational" not in claim.numbers and claim.is_identity:
        kind = "margins enclose 0"
        undecided = 0
    scope = f"{done - undecided} exact instances, {spell_sizes(claim, 1)}: {kind}"
    return Evidence(
        "certified",
        "supports" if done > undecided else "silent",
        scope + (f"; {undecided} undecided" if undecided else ""),
        count=done - undecided,
        margin=least if done else None,
        seconds=time.perf_counter() - begin,
        seed=(seed, run),
        run=run,
        sizes=sizes,
    )
