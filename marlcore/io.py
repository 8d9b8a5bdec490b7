"""Games in files: ``save(game, path)`` and ``load(path)``; a loaded game equals the saved one, to the last bit.

    .npz    every game: float arrays as they are, rationals spelled "p/q", CSR transitions as their three arrays
    .nfg    one matrix game, Gambit's strategic form (``marlcore.gambit``)

An ``.npz`` file has the header of ``marlcore.kit.archive`` with the fields ``type`` ("MatrixGame", …), ``numbers``
("float", "rational"), ``transitions`` ("dense", "csr", "none"), ``batch_shape`` and ``name``, and one array a field.
A file is data, never code (no pickle). It is written under another name and renamed, so that no half-written file has
the right name, and an existing one is replaced only when asked. What is loaded passes the same checks as a game made
by hand; a file that is truncated, damaged, of another program or inconsistent is an ``InputError`` that names it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, cast

import numpy as np

from marlcore import gambit
from marlcore.errors import InputError
from marlcore.games import Game, MarkovGame, MatrixGame, TeamGame
from marlcore.kit import archive, files
from marlcore.numbers import Kind

FORMAT = "marlcore game"
VERSION = 1
FIELDS: dict[str, type] = {"type": str, "numbers": str, "transitions": str, "batch_shape": list, "name": str}
TYPES: dict[str, type[Game]] = {"MatrixGame": MatrixGame, "MarkovGame": MarkovGame, "TeamGame": TeamGame}
CSR = ("transitions.data", "transitions.indices", "transitions.indptr")


def save(game: Game, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write ``game`` to ``path``, whose ending (.npz or .nfg) names the format."""
    path = Path(path)
    if _suffix(path) == ".nfg":
        files.write_text(path, gambit.format(cast(MatrixGame, game)), overwrite=overwrite)
        return
    fields, arrays = _fields(game)
    archive.write(path, FORMAT, VERSION, fields, arrays, overwrite=overwrite)


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
    fields, arrays = archive.read(path, FORMAT, VERSION, FIELDS)
    try:
        game = _game(fields, arrays)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return game if kind is None or kind == game.kind else game.convert(kind)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".nfg"):
        raise InputError(f"{path}: a game's file ends in .npz (every game) or .nfg (a matrix game), not in {suffix!r}")
    return suffix


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8 text; an .nfg file is a text file") from None


def _fields(game: Game) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header's fields and the arrays that say all about ``game``."""
    if type(game).__name__ not in TYPES:
        raise InputError(f"save takes {', '.join(TYPES)}, not {type(game).__name__}")
    if game.kind not in ("float", "rational"):
        raise InputError(f"files hold float and rational games, not {game.kind} ones: game.convert first")
    fields = {"type": type(game).__name__, "numbers": game.kind, "transitions": "none"}
    fields |= {"batch_shape": list(game.batch_shape), "name": game.name}
    if isinstance(game, MatrixGame):
        return fields, {"payoffs": _to_file(game.payoffs, game.kind)}
    arrays = {name: _to_file(getattr(game, name), game.kind) for name in ("rewards", "start", "discount")}
    if game.sparse:
        fields["transitions"] = "csr"
        return fields, arrays | {name: getattr(game.transitions, name.split(".")[1]) for name in CSR}
    fields["transitions"] = "dense"
    return fields, arrays | {"transitions": _to_file(game.transitions, game.kind)}


def _to_file(values: Any, kind: Kind) -> np.ndarray:
    if kind == "float":
        return np.asarray(values, dtype=float)
    spelled = np.frompyfunc(lambda x: str(x).encode(), 1, 1)(np.asarray(values, dtype=object))
    return np.asarray(spelled, dtype=bytes)


def _game(fields: dict[str, Any], arrays: dict[str, np.ndarray]) -> Game:
    options = {"type": tuple(TYPES), "numbers": ("float", "rational"), "transitions": ("dense", "csr", "none")}
    for field, allowed in options.items():
        if fields[field] not in allowed:
            raise InputError(f"the header's {field!r} is {fields[field]!r}, not one of {allowed}")
    batch = fields["batch_shape"]
    if not all(type(size) is int and size > 0 for size in batch):
        raise InputError(f"the header's 'batch_shape' is {batch!r}, not a list of positive integers")
    matrix, sparse = fields["type"] == "MatrixGame", fields["transitions"] == "csr"
    expected = ["payoffs"] if matrix else ["rewards", "start", "discount", *(CSR if sparse else ["transitions"])]
    if sorted(arrays) != sorted(expected):
        raise InputError(f"a {fields['type']} holds the arrays {sorted(expected)}, the file {sorted(arrays)}")
    integers = CSR[1:] if sparse else ()
    values: dict[str, Any] = {
        name: array if name in integers else _from_file(name, array, fields["numbers"])
        for name, array in arrays.items()
    }
    if not matrix and values["discount"].shape == ():
        values["discount"] = values["discount"].item()
    if sparse:
        data, indices, indptr = (values.pop(name) for name in CSR)
        values["transitions"] = _csr(data, indices, indptr, values["start"].shape)
    return TYPES[fields["type"]](**values, batch_shape=tuple(batch), name=fields["name"])


def _from_file(name: str, array: np.ndarray, kind: Kind) -> np.ndarray:
    wanted, words = ("f", "floats") if kind == "float" else ("S", 'spelled rationals "p/q"')
    if array.dtype.kind != wanted:
        raise InputError(f"{name} should hold {words} (the header says numbers are {kind}), not {array.dtype}")
    if kind == "float":
        return array.astype(float)
    exact = np.empty(array.shape, dtype=object)
    for index in np.ndindex(*array.shape):
        exact[index] = _rational(f"{name}{list(index)}", bytes(array[index]).decode("ascii", "replace"))
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
