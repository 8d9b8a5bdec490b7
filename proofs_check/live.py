"""What people see of a run: a live table, with a bar for each engine, while it lasts; then a summary."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from marlcore.kit.tables import cell
from proofs_check.claim import Claim
from proofs_check.evidence import Evidence, Result

MARKS = {"supports": "✓", "refutes": "✗", "silent": "–", "not applicable": "·"}


@contextlib.contextmanager
def table(
    claims: Sequence[Claim], engines: Sequence[str], console: Any = None
) -> Iterator[Callable[[Claim, Evidence], None]]:
    """A row for each claim that has begun (the last ones, as many as fit) and a bar for each engine below them; the
    block gets the function that fills them."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    screen = console or Console()
    running = [claim for claim in claims if claim.expected != "pending"]
    bars = Progress(TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks = {name: bars.add_task(name, total=len(running)) for name in engines}
    begun: dict[str, tuple[Claim, list[Evidence]]] = {}

    def rows() -> Any:
        room = max(screen.height - len(engines) - 6, 3)
        return Group(_rows(list(begun.values())[-room:], engines), bars)

    with Live(get_renderable=rows, console=screen, refresh_per_second=4, transient=True):

        def report(claim: Claim, evidence: Evidence) -> None:
            begun.setdefault(claim.id, (claim, []))[1].append(evidence)
            bars.advance(tasks[evidence.engine])

        yield report


def _rows(begun: Sequence[tuple[Claim, list[Evidence]]], engines: Sequence[str]) -> Any:
    """A table of claims: what each engine found so far, the smallest margin, and the verdict when all have run."""
    from rich.table import Table

    made = Table(box=None)
    for name in ("claim", *engines, "smallest margin", "verdict"):
        made.add_column(name, no_wrap=True)
    for claim, evidence in begun:
        found = {e.engine: MARKS[e.outcome] for e in evidence}
        result = Result(claim, tuple(evidence))
        done = len(found) == len(engines)
        verdict = "…" if not done else result.verdict if result.good else f"{result.verdict}!"
        made.add_row(claim.id, *(found.get(name, "") for name in engines), cell(result.margin), verdict)
    return made


def shown(results: Sequence[Result], page: str = "") -> Iterator[Any]:
    """The summary: a row a claim, then the counts."""
    from rich.table import Table

    made = Table(title="claims")
    for name in ("claim", "kind", "literature", "verdict", "smallest margin", "tightness", "evidence"):
        made.add_column(name, justify="right" if name in ("smallest margin", "tightness") else "left", overflow="fold")
    for r in results:
        engines = " ".join(f"{e.engine[:4]} {MARKS[e.outcome]}" for e in last_runs(r))
        verdict = r.verdict if r.good else f"{r.verdict} — NOT AS EXPECTED ({r.claim.expected})"
        if r.error:
            verdict = "error"
        tight = None if r.tightness is None else round(r.tightness, 4)
        made.add_row(r.claim.id, r.claim.kind, r.claim.status, verdict, cell(r.margin), cell(tight), engines)
    yield made
    counts: dict[str, int] = {}
    for r in results:
        counts[r.verdict] = counts.get(r.verdict, 0) + 1
    wrong = [r.claim.id for r in results if not r.good]
    yield f"{len(results)} claims: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    yield "all as expected" if not wrong else f"not as expected: {', '.join(wrong)}"
    if page:
        yield f"report: {page}"


def last_runs(result: Result) -> list[Evidence]:
    """The latest evidence of each engine."""
    latest: dict[str, Evidence] = {}
    for e in result.evidence:
        if e.engine not in latest or latest[e.engine].outcome != "refutes":
            latest[e.engine] = e
    return list(latest.values())
