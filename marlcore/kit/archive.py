"""Arrays with a header in one file: a NumPy ``.npz`` archive whose member ``header`` is JSON. Data, never code.

The header says which format and version the file has and lists the arrays with their types and shapes, so that a
file which is damaged, foreign or from another version is refused with the name of the file and of the field.
"""

from __future__ import annotations

import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.kit import files

_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
_NUMPY = (ValueError, KeyError, AttributeError, SyntaxError, tokenize.TokenError, MemoryError)
_DAMAGE = (*_ZIP, *_NUMPY)
"""What zipfile and NumPy raise on a damaged archive: NumPy parses its headers as Python, takes a member without its
magic number for plain bytes, and makes room for the shape that a header names before it reads."""


def write(
    path: Path | str,
    form: str,
    version: int,
    fields: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
) -> None:
    """Write ``arrays`` under a header with ``fields``, atomically."""
    for name, array in arrays.items():
        if array.dtype.hasobject or name in ("file", "header", "allow_pickle"):
            raise InputError(f"array {name!r} of {array.dtype} cannot be written: objects and that name are not data")
    listed = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    header = files.dumps({"format": form, "version": version, "fields": fields, "arrays": listed})
    with files.atomic(path, overwrite=overwrite) as file:
        text = np.frombuffer(header.encode(), dtype=np.uint8)
        members: dict[str, Any] = {"header": text, **arrays}
        np.savez(file, **members)


def read(
    path: Path | str, form: str, version: int, fields: Mapping[str, type]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header's fields, each of its type, and the arrays of a file that ``write`` wrote."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise InputError(f"{path} is no {form} file, or is cut short: it is no .npz archive")
    name, arrays = "header", {}
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            if "header" not in archive.files:
                raise InputError(f"{path} is no {form} file: it has no header")
            header = json.loads(archive["header"].tobytes())
            _check_header(path, header, form, version, fields)
            for name, listed in header["arrays"].items():
                if name not in archive.files:
                    raise InputError(f"{path} is damaged: its array {name!r} is missing")
                arrays[name] = archive[name]
                found = [arrays[name].dtype.str, list(arrays[name].shape)]
                if found != listed:
                    raise InputError(f"{path} is damaged: array {name!r} must be {listed}, not {found}")
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{path} is damaged at {name!r}: {error}") from error
    return header["fields"], arrays


def _check_header(path: Path, header: Any, form: str, version: int, fields: Mapping[str, type]) -> None:
    if not isinstance(header, dict) or header.get("format") != form:
        found = header.get("format") if isinstance(header, dict) else None
        raise InputError(f"{path} is no {form} file: its header names the format {found!r}")
    if header.get("version") != version:
        raise InputError(f"{path} has version {header.get('version')} of the {form} format, not {version}")
    for place, expected in ((header, {"fields": dict, "arrays": dict}), (header.get("fields"), fields)):
        for name, kind in expected.items():
            if not isinstance(place, dict) or not isinstance(place.get(name), kind):
                raise InputError(f"{path}: the header's {name!r} must be a {kind.__name__}")
