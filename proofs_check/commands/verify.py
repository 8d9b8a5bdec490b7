"""``marlcore verify``: claims through the engines; exit 1 if one is not as expected.

CLAIM is an id (``harl/lemma_8/sharp``), the start of one (``harl``), or a file with claims of your own
(``my_claim.py``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.kit.progress import Progress
from marlcore.kit.tables import emit
from proofs_check import ledger, live
from proofs_check.claim import Claim
from proofs_check.engines import NAMES
from proofs_check.evidence import Evidence, Result
from proofs_check.store import Store
from proofs_check.verify import verify

A_FEW = 12
"""Claims that one process has dealt with before another one has started."""
EXAMPLE = "marlcore verify harl/lemma_8 --budget quick"


@dataclass(frozen=True)
class Config:
    """What ``marlcore verify`` takes."""

    claims: Positional[Annotated[tuple[str, ...], arg(metavar="CLAIM")]] = ()
    """Claims, sources or files; the whole ledger unless given."""
    budget: str = "quick"
    """quick (under a minute), standard (under ten) or deep."""
    engines: str = ",".join(NAMES)
    """Which engines run, with commas between."""
    seed: int = 0
    """Seed of every random choice."""
    store: str = ""
    """A directory in which evidence accumulates; an interrupted run goes on there."""
    report: str = ""
    """An HTML page to write at the end."""
    workers: int = 0
    """Processes that share the claims; 0: two for more than a few claims, where there are two processors."""
    json: bool = False
    """Print JSON instead of tables."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore verify", "Sample, attack, certify and derive the claims.", EXAMPLE)
    found = ledger.discover(config.claims)
    engines = tuple(name for name in config.engines.split(",") if name)
    store = Store(config.store or None)
    claims = found.claims
    workers = processes(config.workers, len(claims))
    executor = None if workers == 1 else workers
    if executor is not None and (config.json or not sys.stdout.isatty()):  # the executor shows its own progress
        results = verify(claims, config.budget, engines, config.seed, executor, store)
    elif config.json or not sys.stdout.isatty():
        with Progress("verifying", len(claims) * len(engines)) as progress:
            results = verify(claims, config.budget, engines, config.seed, None, store, _advance(progress))
    else:
        with live.table(claims, engines) as watch:
            results = verify(claims, config.budget, engines, config.seed, executor, store, watch)
    if config.report:
        from proofs_check.report.page import write

        write(Path(config.report), results)
    errors = [*found.errors, *(r.error for r in results if r.error)]
    emit(summary(results, errors), *live.shown(results, config.report), as_json=config.json)
    for line in errors:
        print(f"error: {line}", file=sys.stderr)
    return 2 if errors else 0 if all(r.good for r in results) else 1


def processes(workers: int, claims: int) -> int:
    """How many processes ``workers`` asks for."""
    if workers < 0:
        raise InputError(f"workers must be a number of processes, or 0, not {workers}")
    return workers or (min(2, os.cpu_count() or 1) if claims > A_FEW else 1)


def _advance(progress: Progress) -> Any:
    def report(claim: Claim, evidence: Evidence) -> None:
        progress.say(f"{claim.id} {evidence.engine}")
        progress.advance()

    return report


def summary(results: Sequence[Result], errors: Sequence[str]) -> dict[str, Any]:
    """The results for programs."""
    return {"claims": [as_data(r) for r in results], "errors": list(errors)}


def as_data(result: Result) -> dict[str, Any]:
    """One claim's id, literature status, verdict, smallest margin and evidence."""
    claim = result.claim
    return {
        "id": claim.id,
        "status": claim.status,
        "kind": claim.kind,
        "expected": claim.expected,
        "verdict": result.verdict,
        "as_expected": result.good,
        "margin": result.margin,
        "tightness": result.tightness,
        "plain": claim.plain,
        "source": claim.source,
        "evidence": [
            {
                "engine": e.engine,
                "outcome": e.outcome,
                "scope": e.scope,
                "count": e.count,
                "margin": e.margin,
                "seconds": e.seconds,
                "seed": list(e.seed),
                "certificate": e.certificate,
                "detail": e.detail,
            }
            for e in result.evidence
        ],
    }
