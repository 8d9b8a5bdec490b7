"""Training: ``train(config, out)`` runs to the last step, ``resume(path)`` goes on where a run stopped.

A run's directory (``marlcore.kit.rundir``) holds config.json, provenance.json, status.json, and

    metrics.jsonl     one JSON object for each update
    checkpoint.pt     everything that going on needs (``deep.checkpoint``)
    liveness.json     what was found to matter before the first step (``deep.liveness``)
    tensorboard/      the same figures for TensorBoard, if asked for

Keys of a line of metrics: ``step`` (environment steps so far, of all copies), ``update``, ``episodes`` that ended in
this rollout, and where there were any ``return_mean``, ``return_min``, ``return_max`` (the undiscounted sum of an
episode's rewards, its mean over agents), ``length_mean``, and the means of what the environment says at an episode's
end (``won``); ``value_loss``, ``value_gradient_norm``; from the algorithm ``entropy``, ``kl``, ``gradient_norm`` and
``policy_loss``, ``ratio`` or ``surrogate``, ``accepted``, ``residual``; last ``steps_per_second``, the only key that
depends on the clock.

On one thread a run that is interrupted anywhere and resumed gives the same bits as one that is not, if its environment
can be saved; if not, the run says so and goes on with episodes of another seed. SIGINT and SIGTERM finish the update,
save and stop.
A loss that is not a number, a disk that is full and a worker that dies stop the run; the last good checkpoint stays.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep import checkpoint
from deep.config import Config, as_data, from_data
from deep.learner import Learner
from deep.liveness import Report, examine_session
from deep.session import Session, TrainingError
from marlcore.errors import InputError
from marlcore.kit import files, rundir
from marlcore.kit.progress import Progress
from marlcore.kit.workers import LostWorkerError

METRICS = "metrics.jsonl"


@dataclass(frozen=True, eq=False)
class Run:
    """What training leaves: where, how far, the figures of every update, and the networks."""

    config: Config
    path: Path | None
    steps: int
    metrics: tuple[dict[str, Any], ...]
    learner: Learner


Watch = Callable[[Session, dict[str, Any]], None]
"""Called after every update with the session and its figures."""


def train(config: Config, out: Path | str | None = None, watch: Watch | None = None) -> Run:
    """Train ``config`` from its start; a directory ``out`` that exists is refused. Without one nothing is written.

    Something that is switched on and does nothing is refused too, before anything is written.
    """
    session = Session(config)
    try:
        report = examine_session(session)
        if out is None:
            return _loop(session, None, watch, [])
        with create(session, out, report) as directory:
            return _loop(session, directory, watch, [])
    finally:
        session.close()


def resume(path: Path | str, watch: Watch | None = None) -> Run:
    """Go on with an interrupted run from its last checkpoint."""
    path = Path(path)
    with rundir.resume(path) as directory:
        session = Session(from_data(directory.config))
        try:
            return _loop(session, directory, watch, restore(session, path))
        finally:
            session.close()


def create(session: Session, out: Path | str, report: Report) -> rundir.RunDirectory:
    """The directory of a run that begins, with what was found of it."""
    directory = rundir.create(out, as_data(session.config), session.config.seed)
    files.write_json(directory.file("liveness.json"), dataclasses.asdict(report))
    return directory


def restore(session: Session, path: Path) -> list[dict[str, Any]]:
    """Put a session where its directory's last checkpoint is; its figures until then."""
    content = checkpoint.load(path / checkpoint.NAME, as_data(session.config))
    with _fitting(path):
        session.load(content["session"])
        size = int(content["metrics_size"])
    return _cut(path / METRICS, size)


def load(path: Path | str, device: str | None = None) -> Run:
    """A run as its last checkpoint has it, to evaluate or audit; nothing is written."""
    path = Path(path)
    if not (path / "config.json").is_file():
        raise InputError(f"{path} is no run: it has no config.json")
    config = from_data(files.read_json(path / "config.json"))
    saved_as = as_data(config)
    if device is not None:
        config = dataclasses.replace(config, machine=dataclasses.replace(config.machine, device=device))
    content = checkpoint.load(path / checkpoint.NAME, saved_as)
    session = Session(config)
    try:
        with _fitting(path):
            session.learner.load(content["session"]["learner"])
            size, updates = int(content["metrics_size"]), int(content["session"]["updates"])
    finally:
        session.close()
    lines = (path / METRICS).read_bytes()[:size].splitlines()
    steps = updates * config.steps_per_update
    return Run(config, path, steps, tuple(map(json.loads, lines)), session.learner)


def _loop(
    session: Session, directory: rundir.RunDirectory | None, watch: Watch | None, metrics: list[dict[str, Any]]
) -> Run:
    def update() -> list[dict[str, Any]]:
        return [_last_good(session, directory)]

    keep_going([Going(session, directory, metrics)], update, watch)
    path = None if directory is None else directory.path
    return Run(session.config, path, session.steps, tuple(metrics), session.learner)


@dataclass(frozen=True, eq=False)
class Going:
    """A run under way, its figures so far, and where they are kept."""

    session: Session
    directory: rundir.RunDirectory | None
    metrics: list[dict[str, Any]]
    report: Report | None = None
    """What was found of it, if it begins."""


def keep_going(
    runs: Sequence[Going],
    update: Callable[[], list[dict[str, Any]]],
    watch: Watch | None = None,
    settle: Callable[[], None] = lambda: None,
) -> None:
    """Update runs that stand at the same update until they end: rows, checkpoints, signals.

    ``update`` gives each run's row, ``settle`` is called before they are saved.
    """
    first, config = runs[0].session, runs[0].session.config
    label = f"{config.algorithm} on {config.env}" + (f", {len(runs)} seeds" if len(runs) > 1 else "")
    with contextlib.ExitStack() as stack:
        stopped = stack.enter_context(_interruptible())
        records = [stack.enter_context(_record(run.directory, run.session.config, run.session)) for run in runs]
        bar = stack.enter_context(Progress(label, total=config.updates * config.steps_per_update))
        bar.advance(first.steps)
        for run in runs:
            _begin(run)
        while first.updates < config.updates:
            begun = time.perf_counter()
            rows = update()
            speed = config.steps_per_update / (time.perf_counter() - begun)
            for run, record, row in zip(runs, records, rows, strict=True):
                row["steps_per_second"] = speed
                run.metrics.append(row)
                record(row)
                if watch is not None:
                    watch(run.session, row)
            bar.say(_shown(label, rows[0]))
            bar.advance(config.steps_per_update)
            last = first.updates >= config.updates
            if last or stopped or first.updates % config.machine.checkpoint_every == 0:
                settle()
                for run in runs:
                    if run.directory is not None:
                        _save(run.session, run.directory)
            if stopped and not last:
                raise KeyboardInterrupt if stopped[0] == signal.SIGINT else SystemExit(128 + stopped[0])


def _begin(run: Going) -> None:
    """The first checkpoint: a run that is stopped in its first update can go on as well."""
    session, directory = run.session, run.directory
    if directory is None:
        return
    if not session.spec.saves:
        files.write_text(
            directory.file("note.txt"),
            f"{session.spec.name} cannot be saved: a resumed run goes on with episodes of another seed.\n",
            overwrite=True,
        )
    if not directory.resumed:
        _save(session, directory)


def _last_good(session: Session, directory: rundir.RunDirectory | None) -> dict[str, Any]:
    """An update, whose failure says where the last good checkpoint is."""
    try:
        return session.update()
    except (TrainingError, LostWorkerError) as error:
        raise TrainingError(f"{error}{_kept(directory)}") from error


def _kept(directory: rundir.RunDirectory | None) -> str:
    if directory is None:
        return ""
    path = directory.path / checkpoint.NAME
    return f"; the last good checkpoint is {path}" if path.exists() else "; there is no checkpoint yet"


def _save(session: Session, directory: rundir.RunDirectory) -> None:
    for name in ("actor", "critic"):
        if not all(bool(p.isfinite().all()) for p in getattr(session.learner, name).parameters()):
            message = f"a parameter of the {name} is not finite in update {session.updates}"
            raise TrainingError(f"{message}{_kept(directory)}")
    if fault := session.learner.normaliser.fault():
        raise TrainingError(f"{fault}, in update {session.updates}{_kept(directory)}")
    path = directory.path / METRICS
    size = path.stat().st_size if path.exists() else 0
    try:
        content = {"metrics_size": size, "session": session.save()}
    except LostWorkerError as error:
        raise TrainingError(f"{error}{_kept(directory)}") from error
    checkpoint.save(directory.path / checkpoint.NAME, as_data(session.config), content)


@contextlib.contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Say of a checkpoint whose parts are missing or of other sizes that it is the file that is wrong."""
    try:
        yield
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise InputError(f"{path / checkpoint.NAME} does not fit its own config: {reason}") from None


def _cut(path: Path, size: int) -> list[dict[str, Any]]:
    """The lines that the checkpoint knows; what was written after it is taken away."""
    with path.open("r+b") as file:
        if os.fstat(file.fileno()).st_size < size:
            raise InputError(f"{path} is shorter than its checkpoint says ({size} bytes): lines are missing")
        file.truncate(size)
        return [json.loads(line) for line in file.read().splitlines()]


@contextlib.contextmanager
def _record(
    directory: rundir.RunDirectory | None, config: Config, session: Session
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Where a line of figures goes."""
    if directory is None:
        yield lambda row: None
        return
    with contextlib.ExitStack() as stack:
        file = stack.enter_context((directory.path / METRICS).open("a", encoding="utf-8"))
        board = _tensorboard(directory, session) if config.machine.tensorboard else None
        if board is not None:
            stack.callback(board.close)

        def record(row: dict[str, Any]) -> None:
            file.write(files.dumps(row) + "\n")
            file.flush()
            if board is not None:
                for name, value in row.items():
                    if name not in ("step", "update"):
                        board.add_scalar(name, value, row["step"])

        yield record


def _tensorboard(directory: rundir.RunDirectory, session: Session) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError("machine.tensorboard needs tensorboard: pip install 'marlcore[deep]'") from error
    return SummaryWriter(str(directory.path / "tensorboard"), purge_step=session.steps)


@contextlib.contextmanager
def _interruptible() -> Iterator[list[int]]:
    """A list that the first SIGINT or SIGTERM is put in; a second one stops at once. Only in the main thread."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: Any) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    for number in before:
        signal.signal(number, note)
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _shown(label: str, row: dict[str, Any]) -> str:
    parts = [label]
    if "return_mean" in row:
        parts.append(f"return {row['return_mean']:.4g}")
    if "won" in row:
        parts.append(f"won {row['won']:.0%}")
    return ", ".join([*parts, f"{row['steps_per_second']:.0f} steps/s"])
