"""One function over many inputs: here, on any ``concurrent.futures.Executor``, or on fresh processes.

    map_each(function, items)                   one after the other
    map_each(function, items, executor=4)       four processes, one thread each
    map_each(function, items, executor=pool)    whatever ``pool.submit`` does

Results come in the order of the items, whichever is ready first; ``seen(index, result)`` is called in this process for
each as it becomes ready. Processes are spawned, never forked. Functions travel
by value when they are written in a notebook or in the script itself, and the script is not run again in the children:
no ``if __name__ == "__main__"`` is needed. An exception arrives with the worker's traceback; children end with
their parent, however it ends. Inside a worker, ``map_each`` runs one after the other.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar

from marlcore.errors import InputError
from marlcore.kit.progress import Progress

T = TypeVar("T")
R = TypeVar("R")
_LIBRARIES = ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMBA_NUM", "BLIS_NUM", "NUMEXPR_NUM", "VECLIB_MAXIMUM")
ONE_THREAD = {f"{library}_THREADS": "1" for library in _LIBRARIES}
"""Environment variables that give every numerical library one thread, if set before it is imported."""


def map_each(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    executor: Executor | int | None = None,
    label: str = "working",
    seen: Callable[[int, R], None] | None = None,
) -> list[R]:
    """``[function(item) for item in items]``, spread over ``executor``; the first failure in order is raised."""
    items = list(items)
    if isinstance(executor, bool) or (isinstance(executor, int) and executor < 1):
        raise InputError(f"executor must be a number of processes ≥ 1 or an Executor, not {executor!r}")
    with Progress(label, len(items)) as progress:
        if isinstance(executor, int) and executor > 1 and len(items) > 1 and not in_worker():
            return _spread(function, items, min(executor, len(items)), progress, seen)
        if isinstance(executor, Executor):
            return _collect([executor.submit(function, item) for item in items], progress, seen)
        results = []
        for index, item in enumerate(items):
            results.append(function(item))
            progress.advance()
            if seen is not None:
                seen(index, results[-1])
        return results


class WorkerError(Exception):
    """The traceback of a failure in another process; the cause of the exception that is raised here."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


def in_worker() -> bool:
    """Whether this process was started by ``map_each`` or ``spawn``."""
    return _WORKER


_WORKER = False


def _spread(
    function: Callable[[T], R],
    items: list[T],
    processes: int,
    progress: Progress,
    seen: Callable[[int, R], None] | None,
) -> list[R]:
    from numba import cloudpickle

    spawn = _Context()
    pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=_start_worker, initargs=(dict(ONE_THREAD),))
    try:
        jobs = [pool.submit(_work, cloudpickle.dumps((function, item))) for item in items]
        packed = None if seen is None else lambda index, data: seen(index, _unpack(data))
        return [_unpack(data) for data in _collect(jobs, progress, packed)]
    except BaseException:
        for process in spawn.started:
            if process.pid is not None:
                process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(jobs: list[Future[R]], progress: Progress, seen: Callable[[int, R], None] | None) -> list[R]:
    for job in jobs:
        job.add_done_callback(lambda _: progress.advance())
    try:
        for job in as_completed(jobs) if seen is not None else ():
            if seen is None or job.exception() is not None:
                break  # the first failure in order is raised below
            seen(jobs.index(job), job.result())
        return [job.result() for job in jobs]
    finally:
        for job in jobs:
            job.cancel()


def _work(payload: bytes) -> bytes:
    """In a worker: the pickled result, or the pickled exception with its traceback."""
    from numba import cloudpickle

    try:
        function, item = cloudpickle.loads(payload)
        return cloudpickle.dumps((True, function(item), ""))
    except Exception as error:
        text = traceback.format_exc()
        try:
            return cloudpickle.dumps((False, error, text))
        except Exception:  # an exception may hold anything, also what cannot travel
            return cloudpickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}"), text))


def _unpack(data: bytes) -> Any:
    from numba import cloudpickle

    good, value, text = cloudpickle.loads(data)
    if not good:
        raise value from WorkerError(text)
    return value


def _start_worker(environment: dict[str, str]) -> None:
    """In a worker, before any numerical library is imported."""
    global _WORKER
    _WORKER = True
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def spawn(target: Callable[..., None], *arguments: Any) -> SpawnProcess:
    """A process that runs an importable function: one thread, gone with its parent, not running the script again."""
    process = _Process(target=_run_in_worker, args=(dict(ONE_THREAD), target, arguments), daemon=True)
    process.start()
    return process


def _run_in_worker(environment: dict[str, str], target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    _start_worker(environment)
    target(*arguments)


class _Process(SpawnProcess):
    """A spawned process that does not run the parent's script again."""

    def start(self) -> None:
        with _no_main_file():
            super().start()


class _Context(SpawnContext):
    """What the pool makes its processes with; it remembers them, so that a failure can end them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[_Process] = []
        self.__dict__["Process"] = self._make

    def _make(self, *args: Any, **kwargs: Any) -> _Process:
        self.started.append(_Process(*args, **kwargs))
        return self.started[-1]


_STARTING = threading.Lock()


@contextlib.contextmanager
def _no_main_file() -> Iterator[None]:
    """While it lasts ``__main__`` looks as at a prompt, where spawn has no file to run again in the child."""
    main = sys.modules["__main__"]
    with _STARTING:
        hidden = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
        main.__spec__ = None
        try:
            yield
        finally:
            vars(main).update(hidden)
