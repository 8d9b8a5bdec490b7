"""Where things that can be made again are kept: one root, under it a directory per key, old ones pruned.

    root = $MARLCORE_CACHE, else the platform's cache directory + "marlcore", else a private temporary directory

What lies here is loaded as code, so a directory that another user could have written to is never used.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
import tempfile
import time
import uuid
import warnings
from pathlib import Path

MARKER = "marlcore-cache"
"""The file in every keyed directory whose time says when it was last used; nothing without it is ever removed."""
UNUSED_DAYS = 30


def keyed_directory(area: str, key: str) -> Path:
    """The directory of ``key`` (hexadecimal), made when absent; making one prunes those unused for 30 days."""
    return _keyed_directory(cache_root(), area, key)


@functools.lru_cache(maxsize=1024)
def _keyed_directory(root: Path, area: str, key: str) -> Path:
    directory = root / area / key
    fresh = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).touch()
    if fresh:
        prune(root / area)
    return directory


def cache_root() -> Path:
    """The first of the candidates that this user owns and can write to."""
    return _cache_root(os.environ.get("MARLCORE_CACHE", ""))


@functools.lru_cache(maxsize=8)
def _cache_root(chosen: str) -> Path:
    for candidate in [Path(chosen).expanduser().absolute()] if chosen else [platform_cache()]:
        if _usable(candidate):
            return candidate
        if chosen:
            warnings.warn(f"MARLCORE_CACHE = {chosen} cannot be written to: using a temporary directory", stacklevel=2)
    shared = Path(tempfile.gettempdir()) / f"marlcore-{_user()}"
    return shared if _usable(shared) else Path(tempfile.mkdtemp(prefix="marlcore-"))


def platform_cache() -> Path:
    """Where this platform keeps a user's caches, + "marlcore"."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or "~\\AppData\\Local").expanduser() / "marlcore" / "Cache"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/marlcore").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "marlcore"


def prune(area: Path, days: float = UNUSED_DAYS) -> list[Path]:
    """Remove the keyed directories of ``area`` unused for ``days``: renamed first, so that none is ever seen half."""
    oldest = time.time() - days * 86400
    removed = []
    for directory in sorted(area.iterdir()):
        marker = directory / MARKER
        if directory.is_symlink() or not re.fullmatch(r"[0-9a-f]{8,64}(-gone-[0-9a-f]{32})?", directory.name):
            continue
        try:
            if marker.stat().st_mtime >= oldest:
                continue
            gone = area / f"{directory.name.partition('-')[0]}-gone-{uuid.uuid4().hex}"
            directory.rename(gone)
        except OSError:
            continue  # no marker: not ours; or another process was quicker
        shutil.rmtree(gone, ignore_errors=True)
        removed.append(directory)
    return removed


def _usable(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and (directory.stat().st_uid != os.getuid() or directory.stat().st_mode & 0o022):
            return False
        tempfile.TemporaryFile(dir=directory).close()
    except (OSError, RuntimeError):  # RuntimeError: expanduser without a home
        return False
    return True


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
