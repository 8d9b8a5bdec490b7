"""Games in files: ``save(game, path)`` and ``load(path)``; a loaded game equals the saved one, to the last bit.

    .npz    every game: float arrays as they are, rationals spelled "p/q", CSR transitions as their three arrays
    .nfg    one matrix game, Gambit's strategic form (``marlcore.gambit``)

An ``.npz`` file holds ``header``, a JSON text, and one array a field:

    {"format": "marlcore game", "version": 1, "type": "MarkovGame", "numbers": "float", "transitions": "dense",
     "batch_shape": [], "name": "soccer"}

A file is data, never code (no pickle). It is written under another name and renamed, so that no half-written file has
the right name, and an existing one is replaced only when asked. What is loaded passes the same checks as a game made
by hand; a file that is truncated, damaged, of another program or inconsistent is an ``InputError`` that names it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from marlcore import gambit
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame
from marlcore.numbers import Kind

FORMAT = "marlcore game"
VERSION = 1
TYPES: dict[str, type[Game]] = {"MatrixGame": MatrixGame, "MarkovGame": MarkovGame, "TeamGame": TeamGame}


def save(game: Game, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write ``game`` to ``path``, whose ending (.npz or .nfg) names the format."""
    path = Path(path)
    if _suffix(path) == ".nfg":
        text = gambit.format(cast(MatrixGame, game)).encode()
        with _new_file(path, overwrite) as file:
            file.write(text)
        return
    header, arrays = _fields(game)
    # floats hardly compress; spelled rationals, padded to the longest, do
    write = np.savez if header["numbers"] == "float" else np.savez_compressed
    with _new_file(path, overwrite) as file:
        write(file, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)


def load(path: str | os.PathLike[str], kind: Kind | None = None) -> Game:
    """The game in ``path``, in the numbers that it was saved in or in ``kind``.

    An .nfg file spells exact numbers: ``kind="rational"`` keeps them so, the default rounds them to floats.
    """
    path = Path(path)
    suffix = _suffix(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if suffix == ".nfg":
        return gambit.parse(_text(path), kind or "float", str(path)).game
    try:
        game = _game(*_members(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return game if kind is None or kind == game.kind else game.convert(kind)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".nfg"):
        raise InputError(f"{path}: a game's file ends in .npz (every game) or .nfg (a matrix game), not in {suffix!r}")
    return suffix


@contextlib.contextmanager
def _new_file(path: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file that appears under ``path`` when the block ends well, and otherwise not at all."""
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: choose another name, or pass overwrite=True to replace it")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8 text; an .nfg file is a text file") from None


def _fields(game: Game) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays that say all about ``game``."""
    if type(game).__name__ not in TYPES:
        raise InputError(f"save takes {', '.join(TYPES)}, not {type(game).__name__}")
    if game.kind not in ("float", "rational"):
        raise InputError(f"files hold float and rational games, not {game.kind} ones: game.convert first")
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "type": type(game).__name__,
        "numbers": game.kind,
        "batch_shape": list(game.batch_shape),
        "name": game.name,
    }
    if isinstance(game, MatrixGame):
        return header, {"payoffs": _to_file(game.payoffs, game.kind)}
    header["transitions"] = "csr" if game.sparse else "dense"
    dynamics = {name: getattr(game, name) for name in ("rewards", "start", "discount")}
    arrays = {name: _to_file(value, game.kind) for name, value in dynamics.items()}
    if not game.sparse:
        return header, {**arrays, "transitions": _to_file(game.transitions, game.kind)}
    parts = {f"transitions.{part}": getattr(game.transitions, part) for part in ("data", "indices", "indptr")}
    return header, {**arrays, **parts}


def _to_file(values: Any, kind: Kind) -> np.ndarray:
    if kind == "float":
        return np.asarray(values, dtype=float)
    spelled = np.frompyfunc(str, 1, 1)(np.asarray(values, dtype=object))
    return np.asarray(spelled, dtype=str)


def _members(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header and the arrays of an .npz file, each as long as it says it is."""
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as file:
                    arrays[info.filename.removesuffix(".npy")] = _read_array(file, info)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"the file is damaged or no .npz file ({error}); save or fetch it again") from None
    if "header" not in arrays:
        raise InputError("the file has no 'header': marlcore.io.save did not write it")
    return _header(arrays.pop("header")), arrays


def _read_array(file: IO[bytes], info: zipfile.ZipInfo) -> np.ndarray:
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("its version is not the one that NumPy writes for plain arrays")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.hasobject:
            raise ValueError("it holds Python objects, which are not loaded")
        size = math.prod(shape) * dtype.itemsize
        if size != info.file_size - file.tell():
            raise ValueError(f"it should be {size} bytes long and is {info.file_size - file.tell()}")
        content = np.frombuffer(file.read(size), dtype=dtype)
        return content.reshape(shape, order="F" if fortran else "C").copy()
    except (ValueError, SyntaxError, tokenize.TokenError) as error:  # the last two: NumPy parses its headers
        raise InputError(f"{info.filename!r} is not an array ({error}); save or fetch the file again") from None


def _header(array: np.ndarray) -> dict[str, Any]:
    try:
        header = json.loads(str(array.item()))
    except (ValueError, RecursionError) as error:
        raise InputError(f"header is not one JSON text: {error}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f"header does not say {FORMAT!r}: this is another program's file")
    if header.get("version") != VERSION:
        found = header.get("version")
        raise InputError(f"header: version is {found!r}, this marlcore reads {VERSION}; install the one that wrote it")
    options = {"type": tuple(TYPES), "numbers": ("float", "rational"), "transitions": ("dense", "csr", None)}
    for field, allowed in options.items():
        if header.get(field) not in allowed:
            raise InputError(f"header: {field} is {header.get(field)!r}, not one of {allowed}")
    batch = header.get("batch_shape")
    if not isinstance(batch, list) or not all(type(size) is int and size > 0 for size in batch):
        raise InputError(f"header: batch_shape is {batch!r}, not a list of positive integers")
    if not isinstance(header.get("name"), str):
        raise InputError(f"header: name is {header.get('name')!r}, not a text")
    return header


def _game(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Game:
    sparse = header.get("transitions") == "csr"
    parts = [f"transitions.{part}" for part in ("data", "indices", "indptr")] if sparse else ["transitions"]
    expected = ["payoffs"] if header["type"] == "MatrixGame" else ["rewards", "start", "discount", *parts]
    if sorted(arrays) != sorted(expected):
        raise InputError(f"a {header['type']} holds the arrays {sorted(expected)}, the file {sorted(arrays)}")
    integers = parts[1:]
    fields = {
        name: array if name in integers else _from_file(name, array, header["numbers"])
        for name, array in arrays.items()
    }
    if "discount" in fields and fields["discount"].shape == ():
        fields["discount"] = fields["discount"].item()
    if sparse:
        data, indices, indptr = (fields.pop(name) for name in parts)
        fields["transitions"] = _csr(data, indices, indptr, fields["start"].shape)
    return TYPES[header["type"]](**fields, batch_shape=tuple(header["batch_shape"]), name=header["name"])


def _from_file(name: str, array: np.ndarray, kind: Kind) -> np.ndarray:
    wanted, words = ("f", "floats") if kind == "float" else ("U", 'spelled rationals "p/q"')
    if array.dtype.kind != wanted:
        raise InputError(f"{name} should hold {words} (the header says numbers are {kind}), not {array.dtype}")
    if kind == "float":
        return array.astype(float)
    exact = np.empty(array.shape, dtype=object)
    for index in np.ndindex(*array.shape):
        exact[index] = _rational(f"{name}{list(index)}", str(array[index]))
    return exact


def _rational(label: str, spelled: str) -> Any:
    import flint

    if not re.fullmatch("-?[0-9]+(/0*[1-9][0-9]*)?", spelled, re.ASCII):
        raise InputError(f"{label} = {spelled[:40]!r} is not a rational number p/q")
    above, _, below = spelled.partition("/")
    return flint.fmpq(flint.fmpz(above), flint.fmpz(below or "1"))


def _csr(data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, states: tuple[int, ...]) -> Any:
    from scipy.sparse import csr_matrix

    integers = indices.dtype.kind == "i" and indptr.dtype.kind == "i"
    if not integers or not data.ndim == indices.ndim == indptr.ndim == len(states) == 1:
        raise InputError("transitions.data, .indices and .indptr should be one axis of floats and two of integers")
    try:
        matrix = csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, *states))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"transitions are no CSR matrix of {states[0]} columns: {error}") from None
    return matrix
