"""``marlcore report``: the ledger as one self-contained HTML page, from a store or from a quick run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from marlcore.cli_config import Positional, arg, parse
from marlcore.kit.tables import emit
from proofs_check import ledger
from proofs_check.evidence import Result
from proofs_check.store import Store
from proofs_check.verify import verify

EXAMPLE = "marlcore report ledger.html --store my_evidence"


@dataclass(frozen=True)
class Config:
    """What ``marlcore report`` takes."""

    page: Positional[Annotated[str, arg(metavar="PAGE")]] = "ledger.html"
    """The HTML file to write."""
    claims: tuple[str, ...] = ()
    """Claims, sources or files; the whole ledger unless given."""
    store: str = ""
    """The directory whose evidence is shown; without one a quick run makes it."""
    seed: int = 0
    """Seed of that quick run."""
    figures: bool = False
    """Draw the figures that claims name into the page, where a package offers them (about a minute)."""
    json: bool = False
    """Print JSON instead of text."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    from proofs_check.report.page import write

    config = parse(Config, argv, "marlcore report", "Write the ledger as one HTML page.", EXAMPLE)
    claims = ledger.discover(config.claims).claims
    if config.store:
        store = Store(config.store)
        results = [Result(claim, tuple(store.read(claim))) for claim in claims]
    else:
        results = verify(claims, "quick", seed=config.seed)
    write(Path(config.page), results, config.figures)
    emit({"page": config.page, "claims": len(results)}, f"{len(results)} claims: {config.page}", as_json=config.json)
    return 0
