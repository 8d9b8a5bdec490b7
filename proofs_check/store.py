"""Where evidence accumulates: a directory with one JSON file a claim, outside the repository unless asked otherwise.

Runs are numbered, and the number is part of every seed, so no two runs draw the same instances. A run notes its
settings before it starts and that it ended after; one that was interrupted goes on with what is missing.
"""

from __future__ import annotations

import hashlib
import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from marlcore.errors import InputError
from marlcore.kit import files
from marlcore.kit.provenance import provenance
from proofs_check import evidence as records
from proofs_check.claim import Claim
from proofs_check.evidence import Evidence

STATE = "runs.json"


class Store:
    """The evidence in a directory; without one, evidence of this process only."""

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = None if path is None else Path(path)
        if self.path is not None:
            if self.path.exists() and not self.path.is_dir():
                raise InputError(f"{self.path} is no directory: a store is one")
            self.path.mkdir(parents=True, exist_ok=True)

    def begin(self, settings: Mapping[str, Any]) -> int:
        """The number of the run with these settings: a new one, or that of an interrupted run with the same ones."""
        if self.path is None:
            return 0
        runs = self._runs()
        settings = files.plain(settings)
        for run in runs:
            if not run["finished"] and run["settings"] == settings:
                return int(run["run"])
        number = len(runs)
        runs.append({"run": number, "settings": settings, "finished": False, "provenance": provenance(settings)})
        files.write_json(self.path / STATE, runs, overwrite=True)
        return number

    def end(self, number: int) -> None:
        """Note that a run is complete."""
        if self.path is None:
            return
        runs = self._runs()
        runs[number]["finished"] = True
        files.write_json(self.path / STATE, runs, overwrite=True)

    def read(self, claim: Claim) -> list[Evidence]:
        """The evidence on ``claim`` as it is stated today; evidence on an earlier wording does not count."""
        if self.path is None or not (file := self._file(claim)).exists():
            return []
        data = files.read_json(file)
        if not isinstance(data, dict) or not isinstance(data.get("evidence"), list):
            raise InputError(f"{file}: it holds no list of evidence")
        if data.get("digest") != digest(claim):
            return []
        return [records.from_data(item, str(file)) for item in data["evidence"]]

    def write(self, claim: Claim, evidence: Sequence[Evidence]) -> None:
        """Replace the evidence on ``claim``."""
        if self.path is not None:
            content = {"claim": claim.id, "digest": digest(claim), "evidence": [records.as_data(e) for e in evidence]}
            files.write_json(self._file(claim), content, overwrite=True)

    def witness(self, claim: Claim) -> Path | None:
        """Where the claim's witness goes."""
        return None if self.path is None else self.path / f"{_name(claim)}.witness.json"

    def _file(self, claim: Claim) -> Path:
        assert self.path is not None
        return self.path / f"{_name(claim)}.json"

    def _runs(self) -> list[dict[str, Any]]:
        assert self.path is not None
        return files.read_json(self.path / STATE) if (self.path / STATE).exists() else []


def _name(claim: Claim) -> str:
    return claim.id.replace("/", "--")


def digest(claim: Claim) -> str:
    """What a change of the claim's wording, kind, hypotheses, layout or margin changes."""
    functions = [claim.margin, claim.family.layout, *(h.holds for h in claim.hypotheses.values())]
    parts = [claim.id, claim.statement, claim.kind, repr(sorted(claim.hypotheses)), repr(claim.family.sizes)]
    seen: set[Any] = set()
    return hashlib.sha256("\0".join([*parts, *(t for f in functions for t in _text(f, seen))]).encode()).hexdigest()[
        :16
    ]


def _text(value: Any, seen: set[Any]) -> Iterator[str]:
    """The source of a function and of what it names in its own file; of others the names, of constants the values."""
    function = getattr(value, "__wrapped__", value)
    if not isinstance(function, types.FunctionType):
        if isinstance(value, (bool, int, float, str, tuple, list, dict)):
            yield repr(value)
        return
    if function in seen:
        return
    seen.add(function)
    try:
        yield inspect.getsource(function)
    except OSError:  # typed at a prompt
        return
    named = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    for name in sorted(_names(function.__code__) & named.keys()):
        found = named[name]
        if getattr(found, "__module__", None) in (None, function.__module__) and not isinstance(
            found, types.ModuleType
        ):
            yield from _text(found, seen)
        else:
            yield f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', name)}"


def _names(code: types.CodeType) -> set[str]:
    """The globals and closed-over names that a function's code reads."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return {*code.co_names, *code.co_freevars}.union(*(_names(c) for c in inner))
