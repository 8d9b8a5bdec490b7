"""Evidence: what one engine found about one claim, with its scope; and the verdict that evidence adds up to.

Only a certified violation refutes. Evidence that ran nothing is vacuous, and no verdict rests on it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from marlcore.errors import InputError
from proofs_check.claim import Claim

Outcome = Literal["supports", "refutes", "silent", "not applicable"]
Verdict = Literal["stands", "refuted", "open", "undecided", "pending"]


@dataclass(frozen=True)
class Evidence:
    """What an engine found. ``silent``: it ran and found nothing that counts (a search without a counterexample for a
    claim that ought to fall, a float violation that no certificate confirms)."""

    engine: str
    outcome: Outcome
    scope: str
    """What was looked at: "identity for shape 2×3×2", "10⁶ games up to S=5", "512 restarts × 2000 steps"."""
    count: int = 0
    margin: float | None = None
    """The smallest margin seen (the largest |margin| of an identity)."""
    tightness: float | None = None
    """The largest 1 − margin/scale seen: 1 is tight, above 1 a violation."""
    seconds: float = 0.0
    seed: tuple[int, ...] = ()
    run: int = 0
    instance: Mapping[str, Any] | None = None
    """Where the smallest margin was, rounded, as a witness spells it."""
    sizes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    certificate: str = ""
    detail: str = ""
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Instances a second."""
        return self.count / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Result:
    """A claim with all its evidence."""

    claim: Claim
    evidence: tuple[Evidence, ...] = ()
    error: str = ""

    def _repr_html_(self) -> str:
        from proofs_check import showing

        return showing.of_result(self)

    @property
    def verdict(self) -> Verdict:
        """What the evidence adds up to."""
        if self.claim.expected == "pending":
            return "pending"
        if any(e.outcome == "refutes" for e in self.evidence):
            return "refuted"
        if self.claim.expected == "open":
            return "open"
        supported = any(e.outcome == "supports" and e.count > 0 for e in self.evidence)
        return "stands" if supported and not self.vacuous else "undecided"

    @property
    def vacuous(self) -> list[str]:
        """Engines that say something without having looked at anything."""
        return [e.engine for e in self.evidence if e.outcome in ("supports", "refutes") and e.count < 1]

    @property
    def good(self) -> bool:
        """Whether the verdict is what the claim expects."""
        if self.error:
            return False
        if self.claim.expected in ("pending", "open"):
            return not self.vacuous
        return self.verdict == self.claim.expected and not self.vacuous

    @property
    def margin(self) -> float | None:
        """The smallest margin that any engine saw."""
        return min((e.margin for e in self.evidence if e.margin is not None), default=None)

    @property
    def tightness(self) -> float | None:
        """The tightest ratio that any engine saw."""
        return max((e.tightness for e in self.evidence if e.tightness is not None), default=None)


def as_data(evidence: Evidence) -> dict[str, Any]:
    """Evidence as JSON."""
    from marlcore.kit.files import plain

    return plain(evidence)


def from_data(data: Mapping[str, Any], origin: str) -> Evidence:
    """Evidence that a store holds."""
    names = {f.name for f in dataclasses.fields(Evidence)}
    unknown = sorted(set(data) - names)
    if unknown:
        raise InputError(f"{origin}: evidence has the unknown field {unknown[0]}")
    try:
        return Evidence(**{**data, "seed": tuple(data.get("seed", ()))})
    except TypeError as error:
        raise InputError(f"{origin}: {error}") from None


def merge(old: Sequence[Evidence], new: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """All evidence, a later run of the same engine after an earlier one."""
    return (*old, *new)
