"""A progress bar for people: on the standard error when that is a terminal, after a second; otherwise silence.

with Progress("verifying", total=len(claims)) as progress:
    for claim in track(claims, progress): ...                   or progress.advance(k), progress.say("Lemma 8")
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

PATIENCE = 1.0
"""Seconds before a bar appears."""
T = TypeVar("T")


class Progress:
    """How much of ``total`` is done (None: unknown), shown while the ``with`` block lasts (not without a label)."""

    def __init__(self, label: str, total: float | None = None) -> None:
        self.label, self.total, self.done = label, total, 0.0
        self._start = time.monotonic()
        self._bar: Any = None
        self._task: Any = None
        self._wanted = False

    def __enter__(self) -> Progress:
        self._start = time.monotonic()
        self._wanted = bool(self.label) and sys.stderr is not None and sys.stderr.isatty()
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted = False
        if self._bar is not None:
            self._bar.stop()

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` as done."""
        self.done += amount
        self._show()

    def say(self, label: str) -> None:
        """Change the label."""
        self.label = label
        self._show()

    def _show(self) -> None:
        if not self._wanted:
            return
        if self._bar is None:
            if time.monotonic() - self._start < PATIENCE:
                return
            self._bar = self._open()
        self._bar.update(self._task, completed=self.done, description=self.label)

    def _open(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._task = bar.add_task(self.label, total=self.total)
        bar.start()
        return bar


def track(items: Iterable[T], progress: Progress) -> Iterator[T]:
    """``items``, each counted when it has been dealt with."""
    for item in items:
        yield item
        progress.advance()
