"""Files that are there whole or not at all: a temporary file beside the target, flushed to disk, then renamed.

Nothing that exists is replaced unless the caller says so. JSON here takes NumPy numbers and arrays, paths and
dataclasses; a number that JSON cannot write becomes the string that ``float`` reads back: "nan", "inf", "-inf".
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np

from marlcore.errors import InputError


@contextlib.contextmanager
def atomic(path: Path | str, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A binary file that becomes ``path`` when the block ends well, and leaves no trace when it does not."""
    target = Path(path)
    if not overwrite and target.exists():
        raise InputError(f"{target} exists and is not overwritten: give another name or ask to overwrite")
    if not target.parent.is_dir():
        raise InputError(f"{target} cannot be written: there is no directory {target.parent}")
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, target, overwrite)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path | str) -> None:
    """Refuse a path at which ``atomic`` would fail for want of a directory or a right: before the work, not after."""
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"{target} cannot be written: there is no directory {target.parent}")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}") from error


def write_bytes(path: Path | str, data: bytes, *, overwrite: bool = False) -> None:
    """Write ``data`` atomically."""
    with atomic(path, overwrite=overwrite) as file:
        file.write(data)


def write_text(path: Path | str, text: str, *, overwrite: bool = False) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode(), overwrite=overwrite)


def write_json(path: Path | str, value: Any, *, overwrite: bool = False) -> None:
    """Write ``value`` as indented JSON, atomically."""
    write_text(path, dumps(value, indent=2) + "\n", overwrite=overwrite)


def read_json(path: Path | str) -> Any:
    """The value in a JSON file; what is no JSON is an error that names the file and the line."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON file: {error}") from error


def dumps(value: Any, indent: int | None = None) -> str:
    """``value`` as JSON text that any JSON reader takes."""
    return json.dumps(plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """``value`` made of dictionaries with string keys, lists, strings, finite numbers, booleans and None."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, PurePath):
        return value.as_posix()
    raise InputError(f"{value!r} of type {type(value).__name__} has no place in a JSON file")


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(target)
    else:
        _rename_to_nothing(temporary, target)
    if os.name == "posix":
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _rename_to_nothing(temporary: Path, target: Path) -> None:
    """Rename, unless another process made ``target`` meanwhile: a second link fails where a rename replaces."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise InputError(f"{target} exists and is not overwritten: another process made it meanwhile") from None
    except OSError:  # a file system without links
        if target.exists():
            raise InputError(f"{target} exists and is not overwritten") from None
        temporary.rename(target)
