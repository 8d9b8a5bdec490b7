"""A witness file: a counterexample in exact rationals that people can read and ``marlcore certify`` re-checks.

    {"format": 1, "claim": "harl/lemma_8/misprint", "statement": …, "violation": "…", "margin": "-1/6", "sizes": {…},
     "instance": {"transitions": [[…]], "policy": [[["1/2", "1/2"]], …], …}}

Nothing in it is trusted: the instance is read against the claim's layout, every hypothesis is checked, and the margin
is computed afresh; it must violate the claim and agree with the margin that the file states.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marlcore.errors import InputError
from marlcore.kit import files
from proofs_check import instances
from proofs_check.claim import Claim, violated_hypotheses
from proofs_check.engines.certified import Certificate, certify
from proofs_check.evidence import Evidence
from proofs_check.instances import Instance

FORMAT = 1
FIELDS = {"format", "claim", "statement", "violation", "arithmetic", "margin", "sizes", "instance", "origin"}


@dataclass(frozen=True)
class Checked:
    """A witness that was re-checked: the claim, the instance and its certificate."""

    claim: Claim
    instance: Instance
    certificate: Certificate

    def _repr_html_(self) -> str:
        from proofs_check import showing

        return showing.of_witness(self)


def of_evidence(claim: Claim, evidence: Evidence) -> dict[str, Any]:
    """The witness that a refutation holds."""
    assert evidence.outcome == "refutes"
    wanted = "= 0" if claim.is_identity else "≥ 0"
    return {
        "format": FORMAT,
        "claim": claim.id,
        "origin": claim.origin,
        "statement": claim.plain,
        "violation": f"the margin must be {wanted}; here it is about {evidence.margin:.6g}",
        "arithmetic": evidence.scope.rpartition(" in ")[2],
        "margin": evidence.certificate,
        "sizes": dict(evidence.sizes),
        "instance": evidence.instance,
    }


def write(path: Path, claim: Claim, evidence: Evidence) -> None:
    """Write the witness of a refutation; one that is there is replaced."""
    files.write_json(path, of_evidence(claim, evidence), overwrite=True)


def read(path: Path | str, claim: Claim | None = None) -> Checked:
    """Re-check the witness in ``path``; whatever is wrong with it is an error of one line."""
    data = files.read_json(path)
    return check(data, str(path), claim)


def own(claim_id: str) -> Checked:
    """Re-check the witness that a claim of the ledger carries."""
    from proofs_check import ledger

    claim = ledger.load(claim_id)
    if claim.witness is None:
        raise InputError(f"{claim_id} carries no witness: make one with marlcore falsify {claim_id}")
    x = claim.witness()
    return Checked(claim, x, certify(claim, x))


def check(data: Any, origin: str, claim: Claim | None = None) -> Checked:
    """Re-check a witness from its data."""
    if not isinstance(data, dict) or set(data) != FIELDS:
        found = set(data) if isinstance(data, dict) else set()
        wrong = sorted(found ^ FIELDS)
        raise InputError(
            f"{origin}: a witness has the fields {', '.join(sorted(FIELDS))}; {wrong[0] if wrong else 'it'} is wrong"
        )
    if data["format"] != FORMAT:
        raise InputError(f"{origin}: format = {data['format']!r}, but this version reads {FORMAT}")
    if claim is None:
        from proofs_check import ledger

        if not isinstance(data["claim"], str) or not isinstance(data["origin"], str):
            raise InputError(f"{origin}: claim = {data['claim']!r} is no name of a claim")
        claim = ledger.load(data["claim"], data["origin"])
    x = _instance(claim, data, origin)
    broken = violated_hypotheses(claim, x)
    if broken:
        raise InputError(f"{origin}: the instance does not satisfy the hypothesis {broken[0]!r}")
    certificate = certify(claim, x)
    if not certificate.violates(claim):
        raise InputError(f"{origin}: instance: its margin is {certificate.value}, which does not violate {claim.id}")
    if certificate.value != data["margin"]:
        raise InputError(f"{origin}: margin = {data['margin']!r}, but the instance gives {certificate.value}")
    return Checked(claim, x, certificate)


def _instance(claim: Claim, data: dict[str, Any], origin: str) -> Instance:
    sizes = data["sizes"]
    if not isinstance(sizes, dict):
        raise InputError(f"{origin}: sizes = {sizes!r} must be an object")
    sizes = {key: tuple(v) if isinstance(v, list) else v for key, v in sizes.items()}
    known = [*claim.family.sizes, claim.family.seed_sizes]
    try:
        layout = claim.family.layout(**sizes)
    except (TypeError, ValueError) as error:
        raise InputError(f"{origin}: sizes = {sizes} are none of the family's (such as {known[0]}): {error}") from None
    return instances.from_data(layout, sizes, data["instance"], origin)
