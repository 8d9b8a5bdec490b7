"""The ledger: every claim of ``proofs_check/claims/<source>/<result>.py``, found by looking; there is no list to edit.

A file's ``claim`` has the id ``source/result``; several claims in a file are told apart by their variable's name,
``source/result/variable``. A file from outside the package works in the same way; its id is its own name.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from marlcore import registry
from marlcore.errors import InputError
from proofs_check.claim import Claim

HOME = Path(__file__).parent / "claims"


@dataclass(frozen=True)
class Found:
    """The claims that were found, and a line for each file that is no claim file."""

    claims: tuple[Claim, ...]
    errors: tuple[str, ...]


def discover(names: Iterable[str] = ()) -> Found:
    """The claims whose id starts with one of ``names``, or that a named file holds; all of ours without names."""
    names = list(names)
    claims: list[Claim] = []
    errors: list[str] = []
    ours: list[Claim] | None = None
    for name in names or [""]:
        if name.endswith(".py"):
            found = _guarded(Path(name), Path(name).stem, errors)
            claims += found
            continue
        if ours is None:
            ours = [c for path in _files() for c in _guarded(path, _id_of(path), errors)]
            ours += [c for entry in registry.names("claims") for c in _installed(entry, errors)]
        chosen = [c for c in ours if c.id == name or c.id.startswith(f"{name}/") or not name]
        if not chosen:
            raise registry.unknown("claim", name, [c.id for c in ours])
        claims += chosen
    return Found(tuple({c.id: c for c in claims}.values()), tuple(errors))


def load(claim_id: str, origin: str = "") -> Claim:
    """The claim of that id; ``origin`` is its file, where it is not one of ours."""
    path = Path(origin) if origin else HOME / ("/".join(claim_id.split("/")[:2]) + ".py")
    found = Found(tuple(load_file(path, path.stem if origin else _id_of(path))), ()) if path.is_file() else discover()
    for claim in found.claims:
        if claim.id == claim_id:
            return claim
    raise registry.unknown("claim", claim_id, [c.id for c in found.claims])


def load_file(path: Path, name: str) -> list[Claim]:
    """The claims in a file, in the order in which it defines them."""
    module = _import(path, name)
    held = {key: value for key, value in vars(module).items() if isinstance(value, Claim) and not key.startswith("_")}
    if not held:
        raise InputError(f"{path}: it defines no Claim")
    origin = "" if path.is_relative_to(HOME) else str(path)
    return [
        dataclasses.replace(c, id=name if key == "claim" else f"{name}/{key}", origin=origin) for key, c in held.items()
    ]


def _guarded(path: Path, name: str, errors: list[str]) -> list[Claim]:
    """The claims of a file; a file that fails is one line, and the others still run."""
    try:
        return load_file(path, name)
    except InputError as error:
        text = str(error)
        errors.append(text if str(path) in text else f"{path}: {text}")
    except Exception as error:  # whatever a claim file raises while it is read, the other files still run
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(path)), None
        )
        where = f"{path}, line {line}" if line else str(path)
        errors.append(f"{where}: it does not import: {type(error).__name__}: {error}")
    return []


def _import(path: Path, name: str) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path}: there is no such claim file")
    if path.is_relative_to(HOME):
        return importlib.import_module("proofs_check.claims." + name.replace("/", "."))
    spec = importlib.util.spec_from_file_location(f"claim_file_{abs(hash(path.resolve()))}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _installed(entry: str, errors: list[str]) -> list[Claim]:
    """A claim that another package registers (entry-point group ``marlcore.claims``)."""
    claim = registry.load("claims", entry)
    if not isinstance(claim, Claim):
        errors.append(f"entry point {entry}: it is no Claim")
        return []
    return [dataclasses.replace(claim, id=entry)]


def _files() -> list[Path]:
    return [path for path in sorted(HOME.glob("*/*.py")) if not path.name.startswith("_")]


def _id_of(path: Path) -> str:
    return path.relative_to(HOME).with_suffix("").as_posix()
