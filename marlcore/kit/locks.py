"""A lock between processes: an exclusive lock on a small file, released by the system when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file ``path`` (made when absent, never removed); yields whether the lock was got.

    ``wait=False`` yields False at once when another process (or another thread's open file) holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _acquire(descriptor, wait)
    finally:
        os.close(descriptor)  # closing releases the lock, on every platform


def _acquire(descriptor: int, wait: bool) -> bool:
    while not _try(descriptor):
        if not wait:
            return False
        time.sleep(0.01)
    return True


if sys.platform == "win32":
    import msvcrt

    def _try(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
