"""Claims, their evidence and witnesses as a notebook shows them: statement, status, verdict, the instance in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marlcore.kit import html
from marlcore.kit.html import Markup
from proofs_check import instances, readable

if TYPE_CHECKING:
    from proofs_check.claim import Claim
    from proofs_check.evidence import Result
    from proofs_check.witness import Checked

SIGNS = {"stands": "✓ stands", "refuted": "✗ refuted", "supports": "✓ supports", "refutes": "✗ refutes"}


def of_claim(claim: Claim) -> Markup:
    """The statement, in words and as a formula, and where it stands in the literature."""
    return html.block(claim.id or "a claim", *_statement(claim), html.facts(_status(claim)))


def of_result(result: Result) -> Markup:
    """The claim, the verdict, and a line of evidence for each engine that ran."""
    verdict = {"verdict": SIGNS.get(result.verdict, result.verdict), "error": result.error or None}
    lines = [
        [SIGNS.get(e.outcome, e.outcome), e.margin, e.tightness, e.scope, e.certificate or None]
        for e in result.evidence
    ]
    columns = ["outcome", "smallest margin", "tightness", "what was looked at", "certificate"]
    table = html.grid(lines, rows=[e.engine for e in result.evidence], columns=columns)
    claim = result.claim
    parts = [html.facts(verdict | _status(claim))] + ([table] if lines else [])
    return html.block(claim.id or "a claim", *_statement(claim), *parts)


def of_witness(checked: Checked) -> Markup:
    """The claim that falls, the margin that proves it, and the instance as ``marlcore certify`` prints it."""
    claim, certificate = checked.claim, checked.certificate
    wanted = "= 0" if claim.is_identity else "≥ 0"
    facts = html.facts({f"margin, to be {wanted}": certificate.value, "arithmetic": certificate.arithmetic})
    lines = "\n".join(readable.lines(instances.as_data(checked.instance)))
    return html.block(f"a counterexample to {claim.id}", *_statement(claim), facts, html.preformatted(lines))


def _statement(claim: Claim) -> list[Markup]:
    return [html.paragraph(claim.plain), html.formula(claim.statement)]


def _status(claim: Claim) -> dict[str, str | None]:
    return {
        "literature": claim.status,
        "kind": claim.kind,
        "source": f"{claim.source}, {claim.locator}",
        "hypotheses": "; ".join(h.statement for h in claim.hypotheses.values()) or None,
        "note": claim.note or None,
    }
