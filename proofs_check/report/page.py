"""The ledger as one self-contained HTML page: MathML, evidence with scope, witnesses, proofs, filter and search.

No network, no fonts, no libraries: it opens from a disk, on a phone, in print and in the dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marlcore.kit import files
from marlcore.kit.provenance import provenance
from marlcore.kit.tables import cell
from proofs_check import readable
from proofs_check.evidence import Evidence, Result
from proofs_check.report.pictures import pictures

TEMPLATE = Path(__file__).with_name("ledger.html")


def write(path: Path, results: Sequence[Result], figures: bool = False) -> None:
    """Write the page of ``results``; one that is there is replaced."""
    files.write_text(path, render(results, figures), overwrite=True)


def render(results: Sequence[Result], figures: bool = False) -> str:
    """The page; with ``figures`` those that claims name are drawn, if a package offers them."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    entries = [entry(r) for r in results]
    counts: dict[str, int] = {}
    for r in results:
        counts[r.verdict] = counts.get(r.verdict, 0) + 1
    source = provenance()
    return template.render(
        entries=entries,
        pictures=pictures(e["figure"] for e in entries if e["figure"]) if figures else {},
        counts=counts,
        sources=sorted({e["folder"] for e in entries}),
        wrong=[e["id"] for e in entries if not e["good"]],
        version=source["version"],
        commit=source["commit"] or "",
    )


def entry(result: Result) -> dict[str, Any]:
    """What the page shows of one claim."""
    claim = result.claim
    return {
        "id": claim.id,
        "anchor": claim.id.replace("/", "--"),
        "folder": claim.id.split("/")[0],
        "mathml": mathml(claim.statement),
        "latex": claim.statement,
        "plain": claim.plain,
        "source": claim.source,
        "locator": claim.locator,
        "status": claim.status,
        "kind": claim.kind,
        "verdict": result.verdict,
        "expected": claim.expected,
        "good": result.good,
        "error": result.error,
        "margin": cell(result.margin),
        "tightness": None if result.tightness is None else f"{result.tightness:.4g}",
        "hypotheses": [(name, h.statement, _necessary(h.broken)) for name, h in claim.hypotheses.items()],
        "evidence": [_evidence(e) for e in result.evidence],
        "witness": _witness(result),
        "proof": [e.detail for e in result.evidence if e.engine == "symbolic" and e.detail][-1:],
        "prose": claim.proof,
        "note": claim.note,
        "assumes": [(a, a.replace("/", "--")) for a in claim.assumes],
        "figure": claim.figure,
    }


def mathml(latex: str) -> str:
    """A formula as MathML (made here from our own claims' LaTeX, so it is not escaped)."""
    import latex2mathml.converter

    return latex2mathml.converter.convert(latex, display="block")


def _necessary(broken: Any) -> str:
    return broken if isinstance(broken, str) else "necessary: without it an instance violates the claim"


def _evidence(e: Evidence) -> dict[str, str]:
    return {
        "engine": e.engine,
        "outcome": e.outcome,
        "scope": e.scope,
        "margin": cell(e.margin),
        "tightness": "" if e.tightness is None else f"{e.tightness:.4g}",
        "seconds": f"{e.seconds:.2g} s",
        "seed": ", ".join(map(str, e.seed)),
        "certificate": e.certificate,
    }


def _witness(result: Result) -> str:
    for e in reversed(result.evidence):
        if e.outcome == "refutes" and e.instance is not None:
            head = f"margin = {e.certificate}\n{e.scope}; {e.detail}\n"
            return head + "\n".join(readable.lines(e.instance))
    return ""
