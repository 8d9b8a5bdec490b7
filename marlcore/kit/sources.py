"""Fingerprints of source code: what a compiled function's machine code depends on, as one hash.

    inside   a function of this distribution: the sources of all its packages, whatever the function calls
    outside  anybody else's: the above, its own top-level package (or file), and for every function that it names,
             compiled or plain, in whichever file, the same again; and the value of every constant that it names

A function is taken apart as it stands when it is decorated: what it names must be defined by then.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("marlcore", "tabular", "deep", "proofs_check", "figures")
_ROOT = Path(__file__).resolve().parents[2]
_SETTLED = {*sys.stdlib_module_names, "numpy", "numba", "builtins"} - {"__main__"}


@functools.cache
def build() -> str:
    """The hash of every source file of this distribution's packages, as installed beside this file."""
    return digest([_tree(_ROOT / package) for package in PACKAGES])


def inside(function: Any) -> bool:
    """Whether ``function`` is written in one of this distribution's packages, and closes over nothing."""
    path = source_file(function)
    return path is not None and not function.__closure__ and any(_ROOT / p in path.parents for p in PACKAGES)


def fingerprint(function: Any, bound: Mapping[str, Any] | None = None) -> str:
    """What the machine code of ``function`` depends on; ``bound`` names the globals that it will get instead."""
    if not bound and inside(function):
        return build()
    return digest([build(), *_parts(function, dict(bound or {}), set())])


def source_file(function: Any) -> Path | None:
    """The file that ``function`` is written in; None when there is none (a prompt, a notebook cell, a zip)."""
    path = Path(function.__code__.co_filename)
    return path.resolve() if path.is_file() else None


def code(function: Any) -> str:
    """The hash of the function's own bytecode and constants, which tells two lambdas of one line apart."""
    return digest(list(_code(function.__code__)))


def plain(value: Any) -> Any:
    """The Python function inside a compiled one; a plain function is itself; None otherwise."""
    function = getattr(value, "py_func", value)
    return function if isinstance(function, types.FunctionType) else None


def _parts(function: Any, bound: Mapping[str, Any], seen: set[Any]) -> Iterator[str]:
    """Everything that ``function`` depends on, in a fixed order."""
    yield f"{function.__module__}.{function.__qualname__}"
    yield code(function)
    yield _source(function)
    names = sorted(_names(function.__code__))
    values = {name: function.__globals__[name] for name in names if name in function.__globals__}
    values |= inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    for name, value in sorted((values | dict(bound)).items()):
        yield name
        if isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] not in _SETTLED:
            for attribute in names:
                yield from _describe(vars(value).get(attribute), seen)
        else:
            yield from _describe(value, seen)


def _describe(value: Any, seen: set[Any]) -> Iterator[str]:
    function = plain(value)
    if function is not None:
        if function not in seen and function.__module__.partition(".")[0] not in _SETTLED:
            seen.add(function)
            yield from _parts(function, {}, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
    elif isinstance(value, (bool, int, float, complex, str, np.generic, type(None))):
        yield f"{type(value).__name__} {value!r}"
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _describe(item, seen)
    else:
        yield getattr(value, "__qualname__", type(value).__qualname__)


def _names(body: types.CodeType) -> set[str]:
    return set(body.co_names).union(*(_names(c) for c in body.co_consts if isinstance(c, types.CodeType)))


def _code(body: types.CodeType) -> Iterator[str]:
    yield body.co_code.hex()
    for constant in body.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code(constant)
        else:
            yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)


def _source(function: Any) -> str:
    """The hash of the function's top-level package; of its file when it is in none; "" without a file."""
    path = source_file(function)
    if path is None or any(_ROOT / package in path.parents for package in PACKAGES):
        return ""  # code() stands for the one, build() for the other
    top = sys.modules.get(function.__module__.partition(".")[0])
    for folder in getattr(top, "__path__", ()):
        if Path(folder).resolve() in path.parents:
            return _tree(Path(folder).resolve())
    return _file(path)


def _tree(folder: Path) -> str:
    return digest([f"{path.relative_to(folder).as_posix()} {_file(path)}" for path in sorted(folder.rglob("*.py"))])


def _file(path: Path) -> str:
    status = path.stat()
    return _hash_file(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4096)
def _hash_file(path: Path, modified: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(parts: list[str]) -> str:
    """One hash of several strings."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
