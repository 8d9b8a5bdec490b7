"""Times that can be compared: medians of interleaved repeats, one thread by default, peers in the same run, ratios.

    report = measure([Case("ours", job, amount=1e5, unit="games", bytes=…, flops=…), Case("linprog", …, peer=True)])

Each case is warmed up once (compilation, caches) and called as often per repeat as fills ``MINIMUM`` seconds. Repeats
go round all cases in turn, so a machine that slows down slows all of them. ``bytes`` and ``flops`` are what one call
must move and compute; with the time they give GB/s and GFLOP/s. A peer's ratio is how many times faster each own case
of its group is, per unit of work. A peer that cannot be had says why in ``absent``: it is listed and not timed. Peers
that need packages of their own run in another Python (``marlcore.kit.peer``).
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from marlcore.errors import InputError
from marlcore.kit.executor import ONE_THREAD
from marlcore.kit.progress import Progress
from marlcore.kit.provenance import provenance

MINIMUM = 0.05
"""Seconds that a repeat takes at least, so that the clock's step does not matter."""
LEAST_REPEATS = 5


@dataclass(frozen=True)
class Case:
    """One job to time: a call of ``job`` does ``amount`` ``unit``s of work."""

    name: str
    job: Callable[[], Any]
    amount: float = 1
    unit: str = "calls"
    bytes: float | None = None
    flops: float | None = None
    peer: bool = False
    group: str = ""
    absent: str = ""


@dataclass(frozen=True)
class Timing:
    """What a case took: the median, the fastest and the slowest repeat, in seconds per call."""

    case: Case
    median: float
    fastest: float
    slowest: float

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.case.amount / self.median


@dataclass(frozen=True)
class Report:
    """All timings of a run, with where they come from."""

    timings: tuple[Timing, ...]
    repeats: int
    provenance: dict[str, Any]
    absent: tuple[Case, ...] = ()

    def ratios(self, timing: Timing) -> dict[str, float]:
        """How many times faster this case is than each peer of its group (nothing for a peer)."""
        peers = [t for t in self.timings if t.case.peer and t.case.group == timing.case.group]
        return {} if timing.case.peer else {peer.case.name: timing.rate / peer.rate for peer in peers}

    def rows(self) -> list[dict[str, Any]]:
        """One flat record a case."""
        return [self._row(timing) for timing in self.timings]

    def as_data(self) -> dict[str, Any]:
        """The report for programs."""
        rows = [{**row, "ratios": self.ratios(t)} for row, t in zip(self.rows(), self.timings, strict=True)]
        absent = [{"name": case.name, "group": case.group, "why": case.absent} for case in self.absent]
        return {"cases": rows, "absent": absent, "repeats": self.repeats, "provenance": self.provenance}

    def table(self, title: str = "") -> Any:
        """The report for people."""
        from marlcore.kit.tables import table

        rows = []
        for row, timing in zip(self.rows(), self.timings, strict=True):
            ratios = ", ".join(f"{ratio:.3g}× {name}" for name, ratio in self.ratios(timing).items())
            rows.append(
                {
                    "case": row["name"] + (" (peer)" if row["peer"] else ""),
                    "median": seconds(timing.median),
                    "spread": f"{seconds(timing.fastest)} – {seconds(timing.slowest)}",
                    "rate": f"{timing.rate:.3g} {timing.case.unit}/s",
                    "GB/s": row["gigabytes_per_second"],
                    "GFLOP/s": row["gigaflops_per_second"],
                    "speed": ratios,
                }
            )
        rows += [{"case": f"{case.name} (peer)", "speed": f"absent: {case.absent}"} for case in self.absent]
        return table(rows, title)

    def _row(self, timing: Timing) -> dict[str, Any]:
        case = timing.case
        per_second = {"bytes": case.bytes, "flops": case.flops}
        giga = {name: None if x is None else x / timing.median / 1e9 for name, x in per_second.items()}
        return {
            "name": case.name,
            "group": case.group,
            "peer": case.peer,
            "seconds": timing.median,
            "fastest": timing.fastest,
            "slowest": timing.slowest,
            "amount": case.amount,
            "unit": case.unit,
            "rate": timing.rate,
            "bytes": case.bytes,
            "flops": case.flops,
            "gigabytes_per_second": giga["bytes"],
            "gigaflops_per_second": giga["flops"],
        }


def measure(
    cases: Sequence[Case],
    repeats: int = LEAST_REPEATS,
    *,
    clock: Callable[[], float] = time.perf_counter,
    threads: int = 1,
) -> Report:
    """Time every case; ``repeats`` is at least 5."""
    if repeats < LEAST_REPEATS:
        raise InputError(f"repeats must be at least {LEAST_REPEATS} for a median to mean something, not {repeats}")
    if len({case.name for case in cases}) != len(cases) or not cases:
        raise InputError(f"the cases to time need names of their own, not {[case.name for case in cases]}")
    absent = tuple(case for case in cases if case.absent)
    cases = [case for case in cases if not case.absent]
    if not cases:
        raise InputError(f"no case to time: {absent[0].name} is absent: {absent[0].absent}")
    _use_threads(threads)
    with Progress("timing", len(cases) * (repeats + 1)) as progress:
        calls = []
        for case in cases:
            progress.say(case.name)
            calls.append(_calls(case, clock))
            progress.advance()
        times: list[list[float]] = [[] for _ in cases]
        for _ in range(repeats):
            for case, count, taken in zip(cases, calls, times, strict=True):
                progress.say(case.name)
                taken.append(_time(case, count, clock) / count)
                progress.advance()
    timings = (Timing(c, statistics.median(t), min(t), max(t)) for c, t in zip(cases, times, strict=True))
    return Report(tuple(timings), repeats, provenance({"minimum": MINIMUM}), absent)


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def on_threads(count: int, arguments: Sequence[str]) -> int | None:
    """Run ``python -m marlcore`` with ``arguments`` in a process whose libraries have ``count`` threads each.

    Threads are counted when a library is loaded, so this process may be too late; None says that it is not.
    """
    if count < 1:
        raise InputError(f"threads must be at least 1, not {count}")
    wanted = dict.fromkeys(ONE_THREAD, str(count))
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return None
    command = [sys.executable, "-m", "marlcore", *arguments]
    return subprocess.run(command, env={**os.environ, **wanted}, check=False).returncode


def _calls(case: Case, clock: Callable[[], float]) -> int:
    """How many calls fill ``MINIMUM``; the first one, not counted, is the warm-up."""
    _time(case, 1, clock)
    count = 1
    while (taken := _time(case, count, clock)) < MINIMUM:
        wanted = MINIMUM / max(taken, 1e-9) * 1.2
        count = max(count + 1, min(10 * count, math.ceil(count * wanted)))
    return count


def _time(case: Case, count: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(count):
        case.job()
    return clock() - start


def _use_threads(count: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    if "numba" in sys.modules:
        sys.modules["numba"].set_num_threads(count)
