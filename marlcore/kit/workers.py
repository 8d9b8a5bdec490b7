"""Objects that live in processes of their own and answer calls; one that dies, hangs or fails says where it was.

    worker = Worker(make, 3)                    make(3) runs in a spawned process, and what it makes stays there
    worker.ask("step", 7)                       object.step(7) begins; ask several workers, then wait for each
    worker.answer(timeout=60)                   what it returned

An ``InputError`` in the object is raised here as it is. Every other failure is a ``LostWorkerError``, whose text has
the worker's traceback: of the exception, of all threads where it stood when its time was up, or where it crashed. The
process is then ended, and whoever owns the worker decides whether to make another. Processes have one thread for each
numerical library and end with their parent, however it ends (``marlcore.kit.executor``).

    block = Block({"x": ((3, 2), "float32")})   arrays that a worker to which the block is sent sees too

Shared memory has no name that could be left behind: the operating system takes it back when the last process that maps
it has ended, also after a crash.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import get_context, reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.kit.executor import spawn

LAST_WORDS = 1.0
"""Seconds that a hanging process gets to write down where it is."""
FAREWELL = 5.0
"""Seconds that a process gets to close what it holds."""


class LostWorkerError(RuntimeError):
    """A worker that died, hung or failed; the text says which, with its traceback."""


class Worker:
    """One object in one process."""

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        from numba import cloudpickle

        handle, name = tempfile.mkstemp(prefix="marlcore-worker-")
        self._crash, self._words = Path(name), os.fdopen(handle, errors="replace")
        self._named = True
        self._connection, theirs = get_context("spawn").Pipe()
        # by value only what no import finds, so the process loads no more than the object needs
        self.process = spawn(_serve, theirs, cloudpickle.dumps((make, arguments)), name)
        theirs.close()

    def ask(self, method: str, *arguments: Any) -> None:
        """Let the object's method begin. The first answer of a worker is that its object is made (None)."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answer says what happened
            self._connection.send((method, arguments))

    def answer(self, timeout: float) -> Any:
        """What the oldest unanswered call returned, waiting at most ``timeout`` seconds."""
        try:
            if not self._connection.poll(timeout):
                raise LostWorkerError(self._end(f"hung: no answer within {timeout:g} s", ask_where=True))
            kind, value = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join(FAREWELL)
            raise LostWorkerError(self._end(f"died ({_status(self.process.exitcode)})")) from None
        if kind == "input":
            raise InputError(value)
        if kind == "failed":
            raise LostWorkerError(self._end(f"failed\n{value.strip()}"))
        if self._named and sys.platform != "win32":
            # the worker has it open, so nothing is left behind if this process is killed
            self._crash.unlink(missing_ok=True)
            self._named = False
        return value

    def close(self) -> None:
        """Let the object close and the process end; a second call does nothing."""
        if not self._connection.closed:
            self._connection.close()
            self.process.join(FAREWELL)
        self._end("")

    def _end(self, reason: str, *, ask_where: bool = False) -> str:
        """Kill the process if it is still there; the reason with what it wrote about its end."""
        pid = self.process.pid
        if ask_where and pid is not None and hasattr(signal, "SIGUSR1"):
            os.kill(pid, signal.SIGUSR1)
            until = time.monotonic() + LAST_WORDS
            while time.monotonic() < until and not os.fstat(self._words.fileno()).st_size:
                time.sleep(0.02)
        self.process.kill()
        self.process.join()
        self._connection.close()
        words = "" if self._words.closed else self._words.read().strip()
        self._words.close()
        self._crash.unlink(missing_ok=True)
        return f"{reason}\n{words}" if words else reason


@contextlib.contextmanager
def undivided() -> Iterator[None]:
    """A block that Ctrl-C does not cut in two: it is noted, and raised behind the block, ``whole`` then being true.

    A call that is cut has an answer that nobody takes, which the next call would take for its own. A second Ctrl-C
    cuts. Only the main thread gets signals; elsewhere this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    caught: list[tuple[int, Any]] = []

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append((number, frame))

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught:
        try:
            before(*caught[0])
        except (KeyboardInterrupt, SystemExit) as stop:
            stop.whole = True  # pyright: ignore[reportAttributeAccessIssue]
            raise


class Block:
    """Named arrays in one piece of shared memory; workers to which it is sent see the same."""

    _handle: int | str
    """A file descriptor, or on Windows the name of a mapping."""

    def __init__(self, layout: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        self._layout = dict(layout)
        self._size = max(1, sum(_bytes(shape, dtype) for shape, dtype in self._layout.values()))
        if sys.platform == "win32":
            self._handle = f"marlcore-{os.getpid()}-{uuid.uuid4()}"
        else:
            handle, name = tempfile.mkstemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
            Path(name).unlink()
            os.ftruncate(handle, self._size)
            weakref.finalize(self, os.close, handle)
            self._handle = handle
        self._memory = _map(self._size, self._handle)

    def __reduce__(self) -> Any:
        handle = self._handle if isinstance(self._handle, str) else reduction.DupFd(self._handle)
        return _received, (self._layout, self._size, handle)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, zeros at first; they keep the memory alive."""
        start, found = 0, {}
        for name, (shape, dtype) in self._layout.items():
            count = int(np.prod(shape, dtype=np.int64))
            found[name] = np.frombuffer(self._memory, dtype, count, start if count else 0).reshape(shape)
            start += _bytes(shape, dtype)
        return found


def _received(layout: Mapping[str, tuple[tuple[int, ...], str]], size: int, handle: Any) -> Block:
    """In a worker: the block that was sent."""
    block = object.__new__(Block)
    block._layout, block._size = dict(layout), size
    block._handle = handle if isinstance(handle, str) else handle.detach()
    block._memory = _map(size, block._handle)
    if not isinstance(block._handle, str):
        weakref.finalize(block, os.close, block._handle)
    return block


def _map(size: int, handle: int | str) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=str(handle))
    return mmap.mmap(int(handle), size)


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    """The size of an array, up to a full cache line, so that no two arrays share one."""
    return -(-int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize // 64) * 64


def _status(code: int | None) -> str:
    if code is None:
        return "its connection closed"
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"


def _serve(connection: Connection, payload: bytes, crash: str) -> None:
    """In the worker: make the object, then answer calls until the other end closes."""
    with Path(crash).open("w") as words:
        faulthandler.enable(words)
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGUSR1, words)
        subject: Any = None
        try:
            make, arguments = pickle.loads(payload)
            subject = make(*arguments)
            connection.send(("done", None))
            while True:
                method, arguments = connection.recv()
                connection.send(("done", getattr(subject, method)(*arguments)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            if callable(close := getattr(subject, "close", None)):
                close()
        except InputError as error:
            connection.send(("input", str(error)))
        except Exception:
            connection.send(("failed", traceback.format_exc()))
        faulthandler.disable()
