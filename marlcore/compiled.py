"""``@compiled``: numba's njit, cached between processes under a key of everything that the machine code depends on.

    @compiled                                   specialise(loop, update=my_update)
    def step(x, y): ...                         loop's machine code with my_update in it, also cached

numba's own cache looks at the file of a function alone: edit a function that it calls, in another file, and the stale
machine code runs. Here the cache's directory is named by a hash of all the sources concerned (``kit.sources``), so a
stale entry has another name. The directory is never the package's own, so a read-only installation works.

Decisions. ``error_model="numpy"``: a division by zero gives ±∞ or NaN as in NumPy, and costs no branch; kernels return
a status where a zero can occur. No ``fastmath``: results are the same on every machine with the same number format.
``nogil=True``: threads run side by side. Indices are not checked, unless MARLCORE_BOUNDSCHECK=1 (as the tests may ask).
A function from a prompt or a notebook cell has no file to stand for it: it is compiled in each process.
"""

from __future__ import annotations

import functools
import os
import pickle
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from marlcore.errors import InputError
from marlcore.kit import cachedir, sources
from marlcore.kit.locks import locked


@overload
def compiled(function: Callable[..., Any], /) -> Any: ...
@overload
def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]: ...
def compiled(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """``function`` compiled by numba without the interpreter; ``options`` go to ``numba.njit``."""
    if function is None:
        return functools.partial(_compile, options=options)
    return _compile(function, options)


def specialise(template: Callable[..., Any], /, **names: Any) -> Any:
    """``template`` compiled with its globals ``names`` bound to other functions or constants; cached between processes.

    A compiled function that is *passed* to another makes a type of its own in each process, and recompiles there;
    one that is *bound* does not. ``names`` are globals that the template itself uses; functions among them may be
    plain or compiled, and may live in any file. Asking again in the same process returns the same function.
    """
    function = sources.plain(template)
    if function is None:
        raise InputError(f"template must be a Python function, not {type(template).__name__}")
    for name in names:
        if name not in function.__code__.co_names:
            raise InputError(f"{function.__qualname__} uses no global named {name}, so there is nothing to bind")
    try:
        with _specialising:
            return _specialised(template, tuple((k, type(v), v) for k, v in sorted(names.items())))
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        raise InputError(f"specialise binds functions, numbers, strings and tuples of them: {error}") from error


_specialising = threading.RLock()


@functools.lru_cache(maxsize=256)
def _specialised(template: Callable[..., Any], names: tuple[tuple[str, type, Any], ...]) -> Any:
    values = {name: value for name, _, value in names}
    key = sources.fingerprint(sources.plain(template), values)
    bound = {k: v if sources.plain(v) is None else _rebound(v, key) for k, v in values.items()}
    return _rebound(template, key, bound)


def _rebound(function: Any, key: str, values: dict[str, Any] | None = None) -> Any:
    """A compiled copy of ``function``, with some globals replaced and a name of its own.

    The name must be unique: the linker takes two cached functions of one module, name and signature for the same.
    """
    options = {k: v for k, v in getattr(function, "targetoptions", {}).items() if k != "nopython"}
    return _compile(_renamed(sources.plain(function), key, values), options, key)


def _renamed(old: types.FunctionType, key: str, values: dict[str, Any] | None = None) -> types.FunctionType:
    scope = {**old.__globals__, **values} if values else old.__globals__
    new = types.FunctionType(old.__code__, scope, old.__name__, old.__defaults__, old.__closure__)
    new.__module__, new.__kwdefaults__, new.__doc__ = old.__module__, old.__kwdefaults__, old.__doc__
    new.__qualname__ = f"{old.__qualname__}_{key[:16]}"
    return new


def _compile(function: Any, options: dict[str, Any], key: str = "") -> Any:
    if options.get("fastmath"):
        raise InputError(f"{function.__qualname__}: fastmath is not allowed, it makes results differ between machines")
    options = {"error_model": "numpy", "nogil": True, **options}
    if os.environ.get("MARLCORE_BOUNDSCHECK", "") not in ("", "0"):
        options["boundscheck"] = True
    key = key or sources.fingerprint(function)
    if function.__closure__:
        function = _renamed(function, key)  # the closures that one function makes share its name
    dispatcher: Any = numba.njit(**options)(function)
    if dispatcher is not function and sources.source_file(function) is not None:  # NUMBA_DISABLE_JIT gives it back
        variant = sources.digest([key, numba.__version__, repr(sorted(options.items()))])
        dispatcher._cache = _Cache(function, cachedir.keyed_directory("numba", variant))
    return dispatcher


class _Cache(FunctionCache):
    """numba's cache of one function in a given directory, safe when several processes write to it.

    numba numbers the machine codes of a function's signatures in an index, and two processes that save at once can
    leave an index that names the other's code: so saving takes a lock.
    """

    def __init__(self, function: Any, directory: Path) -> None:
        self._impl_class = functools.partial(_Implementation, directory=directory)
        self._directory = directory
        super().__init__(function)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store the machine code of one signature."""
        self._impl.locator.ensure_cache_path()
        with locked(self._directory / "lock"):
            super().save_overload(sig, data)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The stored machine code of one signature; None when there is none or its file is cut short."""
        try:
            return super().load_overload(sig, target_context)
        except (EOFError, pickle.UnpicklingError):
            return None


class _Implementation(CompileResultCacheImpl):
    def __init__(self, function: Any, directory: Path) -> None:
        self._locator_classes = [_Locator(function, directory)]
        super().__init__(function)


class _Locator:
    """Answers numba's questions about where to cache: in a directory whose name says all about the sources."""

    def __init__(self, function: Any, directory: Path) -> None:
        self._py_file, self._line = function.__code__.co_filename, function.__code__.co_firstlineno
        self._directory, self._code = directory, sources.code(function)

    def from_function(self, py_func: Any, py_file: str) -> Any:
        return self

    def ensure_cache_path(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / cachedir.MARKER).touch()

    def get_cache_path(self) -> str:
        return str(self._directory)

    def get_source_stamp(self) -> str:
        return self._directory.name

    def get_disambiguator(self) -> str:
        return f"{self._line}-{sources.digest([self._py_file, self._code])[:12]}"
