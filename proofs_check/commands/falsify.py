"""``marlcore falsify CLAIM``: search for a counterexample; if one is certain, write it as a witness file.

Exit status: 0 if the search ended as the claim expects, 1 if not (a claim that should stand fell, or the reverse).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.kit.tables import cell, emit
from proofs_check import ledger, readable
from proofs_check.commands.verify import as_data
from proofs_check.evidence import Result
from proofs_check.verify import falsify, refutation

EXAMPLE = "marlcore falsify harl/lemma_8/misprint"


@dataclass(frozen=True)
class Config:
    """What ``marlcore falsify`` takes."""

    claim: Positional[Annotated[str, arg(metavar="CLAIM")]]
    """A claim's id, or a file with one claim."""
    budget: str = "standard"
    """quick, standard or deep."""
    seed: int = 0
    """Seed of every random choice."""
    out: str = ""
    """Where the witness goes; <claim>.witness.json in this directory unless given."""
    json: bool = False
    """Print JSON instead of text."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore falsify", "Search for a counterexample.", EXAMPLE)
    found = ledger.discover([config.claim])
    if found.errors:
        raise InputError(found.errors[0])
    results, data = [], []
    for claim in found.claims:
        name = f"{claim.id.replace('/', '--')}.witness.json"
        path = Path(config.out) if config.out else Path(name)
        result = falsify(claim, config.budget, config.seed, path)
        if result.error:
            raise InputError(result.error)
        results.append((result, path))
        data.append(as_data(result) | {"witness": str(path) if refutation(result) else None})
    lines = () if config.json else (line for result, path in results for line in _said(result, path))
    emit({"claims": data}, *lines, as_json=config.json)
    return 0 if all(r.verdict == r.claim.expected or r.claim.expected == "open" for r, _ in results) else 1


def _said(result: Result, path: Path) -> Iterator[Any]:
    claim = result.claim
    yield f"{claim.id}: {claim.plain}"
    for e in result.evidence:
        tight = "" if e.tightness is None else f", tightness {e.tightness:.4g}"
        yield f"  {e.engine}: {e.outcome} ({e.scope}; smallest margin {cell(e.margin)}{tight})"
    found = refutation(result)
    if found is None:
        yield "no counterexample was found"
        return
    yield f"REFUTED: margin = {found.certificate}, certified in {found.scope.rpartition(' in ')[2]}"
    yield from readable.lines(found.instance or {})
    yield f"witness: {path}"
