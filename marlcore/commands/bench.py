"""``marlcore bench``: how fast it is here, on one thread unless more are asked for, beside its peers.

A benchmark is a function without parameters that returns the cases to time (``marlcore.kit.benchmark.Case``). There are
two places: the entry points of ``marlcore.benchmarks`` (installed packages), and the files ``benchmarks/*.py`` of the
current directory, or else of the checkout that this package lies in. A file's benchmark is its function ``cases``, its
name is the file's (``trust_region.py`` is ``trust-region``), its summary the first line of its docstring. The wheel
carries no benchmark files. Peers that need packages of their own run in the Python that MARLCORE_PEER_PYTHON names;
those that cannot be had are listed as absent.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from marlcore import registry
from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.kit import benchmark, files, peer
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore bench streams"
_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Config:
    """What ``marlcore bench`` takes."""

    name: Positional[Annotated[str, arg(metavar="NAME")]] = ""
    """A benchmark, or a family of them: solvers for solvers-static and solvers-markov (all of them unless given)."""
    list: bool = False
    """List the benchmarks instead of running them."""
    only: str = ""
    """Time only the cases whose name contains this."""
    repeats: int = benchmark.LEAST_REPEATS
    """How many repeats the median is taken of."""
    threads: int = 1
    """How many threads each library has, and how many cores a peer in another Python."""
    cpu: bool = False
    """Count CPU time (of all threads, and of peers in another Python) instead of wall time: for a busy machine."""
    out: str = ""
    """A file for the report as JSON."""
    json: bool = False
    """Print JSON instead of tables."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    config = parse(Config, argv, "marlcore bench", "Times, beside those of peers.", EXAMPLE)
    found = discover()
    wanted = [name for name in sorted(found) if _means(config.name, name)]
    if not wanted:
        raise registry.unknown("benchmark", config.name, sorted(found))
    if config.list:
        rows = [{"benchmark": name, "what": summary} for name, (summary, _) in sorted(found.items())]
        emit({"benchmarks": rows}, table(rows), as_json=config.json)
        return 0
    if config.out and Path(config.out).exists():
        raise InputError(f"{config.out} exists and is not overwritten: give another name")
    status = benchmark.on_threads(config.threads, ["bench", *argv])
    if status is not None:
        return status
    reports = {}
    for name in wanted:
        chosen = [case for case in found[name][1]() if config.only in case.name]
        if chosen:
            clock = peer.cpu_clock if config.cpu else time.perf_counter
            reports[name] = benchmark.measure(chosen, config.repeats, clock=clock, threads=config.threads)
    if not reports:
        raise InputError(f"no case to time: none has {config.only!r} in its name")
    data = {"benchmarks": {name: report.as_data() for name, report in reports.items()}}
    if config.out:
        files.write_json(config.out, data)
    emit(data, *(report.table(name) for name, report in reports.items()), as_json=config.json)
    return 0


def _means(asked: str, name: str) -> bool:
    """Whether ``asked`` names the benchmark, or the family it belongs to (solvers: solvers-static, solvers-markov)."""
    return asked in ("", name) or name.startswith(f"{asked}-")


def discover() -> dict[str, tuple[str, Callable[[], list[Any]]]]:
    """Every benchmark by name: its summary, and the function that makes its cases (which imports it)."""
    found = {}
    for name, entry in registry.entries("benchmarks").items():
        found[name] = (entry.summary, lambda entry=entry: entry.load()())
    folder = next((d for d in (Path.cwd(), _CHECKOUT) if (d / "benchmarks").is_dir()), None)
    for path in sorted((folder / "benchmarks").glob("*.py")) if folder else ():
        name = path.stem.replace("_", "-")
        if path.stem.startswith("_"):
            continue
        if name in found:
            raise InputError(f"there are two benchmarks {name!r}: {path} and one that is installed")
        found[name] = (_summary(path), lambda path=path: _load(path).cases())
    return found


def _summary(path: Path) -> str:
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except SyntaxError as error:
        raise InputError(f"{path} is no Python file: line {error.lineno}: {error.msg}") from error
    return (text or "").partition("\n")[0]


def _load(path: Path) -> Any:
    name = f"benchmarks.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "cases"):
        raise InputError(f"{path} has no function cases() that returns what to time")
    return module
