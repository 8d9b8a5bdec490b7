"""verify, falsify, certify: the engines run on claims, and evidence becomes verdicts.

results = verify(ledger.discover().claims, budget="quick")
result = falsify(claim)                 deeper searches, and a witness file if it falls
certificate = certify(claim, instance)
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marlcore.errors import InputError
from marlcore.kit.executor import map_each
from proofs_check import instances, ledger, witness
from proofs_check.claim import Claim
from proofs_check.engines import NAMES, Budget, Candidates, budget_named
from proofs_check.engines.certified import certify as certify
from proofs_check.evidence import Evidence, Result
from proofs_check.store import Store

Report = Callable[[Claim, Evidence], None]


@dataclass(frozen=True)
class Job:
    """One claim's share of a run, small enough to travel to another process."""

    claim_id: str
    origin: str
    budget: str
    engines: tuple[str, ...]
    seed: int
    run: int
    store: str | None


def verify(
    claims: Iterable[Claim],
    budget: str = "quick",
    engines: Sequence[str] = NAMES,
    seed: int = 0,
    executor: Executor | int | None = None,
    store: Store | Path | str | None = None,
    report: Report | None = None,
) -> list[Result]:
    """Run ``engines`` on ``claims``; with a store the evidence of earlier runs counts too.

    ``executor`` spreads claims of the ledger over processes. Bad input in one claim is its result's ``error``.
    """
    claims = list(claims)
    engines = check_engines(engines)
    allowed = budget_named(budget)
    place = store if isinstance(store, Store) else Store(store)
    settings = {"claims": [c.id for c in claims], "budget": budget, "engines": engines, "seed": seed}
    run = place.begin(settings)
    if executor is None:
        results = [examine(claim, allowed, engines, seed, run, place, report) for claim in claims]
    else:
        results = _spread(claims, (budget, engines, seed, run), place, executor, report)
    place.end(run)
    return results


def _spread(
    claims: list[Claim],
    settings: tuple[str, tuple[str, ...], int, int],
    place: Store,
    executor: Executor | int,
    report: Report | None,
) -> list[Result]:
    """Every claim in some process, the dearest first, so that none is left with a long one at the end."""
    folder = None if place.path is None else str(place.path)
    order = sorted(range(len(claims)), key=lambda k: -claims[k].cost)
    jobs = [Job(claims[k].id, claims[k].origin, *settings, folder) for k in order]

    def seen(index: int, found: tuple[tuple[Evidence, ...], str]) -> None:
        for evidence in found[0]:
            if report is not None and evidence.run == settings[-1]:
                report(claims[order[index]], evidence)

    found = map_each(_examine_elsewhere, jobs, executor=executor, label="" if report else "verifying", seen=seen)
    results = {k: Result(claims[k], evidence, error) for k, (evidence, error) in zip(order, found, strict=True)}
    return [results[k] for k in range(len(claims))]


def check_engines(engines: Sequence[str]) -> tuple[str, ...]:
    """``engines`` in the order in which they run; an unknown one is refused."""
    for name in engines:
        if name not in NAMES:
            raise InputError(f"engines must be among {', '.join(NAMES)}, not {name!r}")
    if not engines:
        raise InputError("engines is empty: nothing would be looked at")
    return tuple(name for name in NAMES if name in engines)


def examine(
    claim: Claim,
    budget: Budget,
    engines: Sequence[str] = NAMES,
    seed: int = 0,
    run: int = 0,
    store: Store | None = None,
    report: Report | None = None,
) -> Result:
    """One claim through the engines in order; what an interrupted run has already stored is not done again."""
    store = store or Store()
    if claim.expected == "pending":
        return Result(claim)
    candidates = Candidates()
    try:
        evidence = store.read(claim)
        before = [e for e in evidence if e.run == run] if store.path is not None else []
        done = {e.engine for e in before}
        _again(claim, before, candidates)
        for name in engines:
            if name in done:
                continue
            engine = importlib.import_module(f"proofs_check.engines.{name}")
            found = engine.run(claim, budget, seed, run, candidates)
            evidence = [*evidence, found]
            store.write(claim, evidence)
            if found.outcome == "refutes" and (path := store.witness(claim)) is not None:
                witness.write(path, claim, found)
            if report is not None:
                report(claim, found)
    except InputError as error:
        return Result(claim, (), _located(claim, str(error)))
    except Exception as error:  # whatever a claim's scale, hypotheses or layout raise, the other claims still run
        at = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {' '.join(str(error).split())} ({at.filename}, line {at.lineno})"
        return Result(claim, (), _located(claim, f"{claim.id}: it fails: {text}"))
    return Result(claim, tuple(evidence))


def _again(claim: Claim, before: Sequence[Evidence], candidates: Candidates) -> None:
    """What the searches of an interrupted run had found, for the engine that certifies it."""
    for e in before:
        if e.outcome == "silent" and e.instance is not None and e.margin is not None:
            sizes = {key: tuple(v) if isinstance(v, list) else v for key, v in e.sizes.items()}
            x = instances.from_data(claim.family.layout(**sizes), sizes, e.instance, claim.id)
            candidates.add(e.margin, e.engine, x.convert("float"))


def falsify(claim: Claim, budget: str = "standard", seed: int = 0, path: Path | None = None) -> Result:
    """Search for a counterexample only, and write its witness to ``path``."""
    result = examine(claim, budget_named(budget), ("sampled", "adversary", "certified"), seed)
    for evidence in result.evidence:
        if evidence.outcome == "refutes" and path is not None:
            witness.write(path, claim, evidence)
    return result


def refutation(result: Result) -> Evidence | None:
    """The certified violation, if there is one."""
    return next((e for e in result.evidence if e.outcome == "refutes"), None)


def _located(claim: Claim, text: str) -> str:
    return f"{claim.origin}: {text}" if claim.origin and claim.origin not in text else text


def _examine_elsewhere(job: Job) -> tuple[tuple[Evidence, ...], str]:
    claim = ledger.load(job.claim_id, job.origin)
    budget: Any = budget_named(job.budget)
    result = examine(claim, budget, job.engines, job.seed, job.run, Store(job.store))
    return result.evidence, result.error
