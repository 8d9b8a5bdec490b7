"""A run's directory: made once, never overwritten, written by one process at a time, continued when interrupted.

    config.json   what was asked for        status.json   {"status": "running" | "finished" | "interrupted" | "failed"}
    provenance.json                         lock          held while a process writes here

A run that says "running" while nobody holds its lock was killed: it is resumed like an interrupted one.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from pathlib import Path
from typing import Any

from marlcore.errors import InputError
from marlcore.kit import files
from marlcore.kit.locks import locked
from marlcore.kit.provenance import provenance


class RunDirectory:
    """A directory that this process writes to until the ``with`` block ends; ``status`` then tells how it ended."""

    def __init__(self, path: Path, config: Any, resumed: bool) -> None:
        self.path, self.config, self.resumed = path, config, resumed
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> RunDirectory:
        if not self._exit.enter_context(locked(self.path / "lock", wait=False)):
            self._exit.close()
            raise InputError(f"{self.path} is being written by another process")
        self._say("running")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: Any) -> None:
        with self._exit:
            if kind is None:
                self._say("finished")
            elif issubclass(kind, (KeyboardInterrupt, SystemExit)):
                self._say("interrupted")
            else:
                self._say("failed", error=f"{kind.__name__}: {error}")

    def file(self, name: str) -> Path:
        """The path of a file of this run; its folder is made."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, value: Any, *, overwrite: bool = False) -> None:
        """Write a result as JSON, whole or not at all."""
        files.write_json(self.file(name), value, overwrite=overwrite)

    def _say(self, status: str, **more: Any) -> None:
        files.write_json(self.path / "status.json", {"status": status, **more}, overwrite=True)


def create(path: Path | str, config: Any, seed: Any = None) -> RunDirectory:
    """A new run; a path that exists is refused. The directory appears whole, with config and provenance in it."""
    target = Path(path)
    if target.exists() or target.is_symlink():
        hint = "resume it or give another name" if status(target) != "absent" else "give another name"
        raise InputError(f"{target} exists and is not overwritten: {hint}")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.part")
    draft.mkdir()
    try:
        files.write_json(draft / "config.json", config)
        files.write_json(draft / "provenance.json", provenance(config, seed))
        files.write_json(draft / "status.json", {"status": "interrupted"})
        try:
            draft.rename(target)
        except OSError as error:
            raise InputError(f"{target} cannot be made: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return RunDirectory(target, files.plain(config), resumed=False)


def resume(path: Path | str, config: Any = None) -> RunDirectory:
    """A run that was interrupted, failed or killed; its config must be ``config`` when that is given."""
    target = Path(path)
    found = status(target)
    if found == "absent":
        raise InputError(f"{target} cannot be resumed: there is no run")
    if found == "finished":
        raise InputError(f"{target} cannot be resumed: it is finished")
    recorded = files.read_json(target / "config.json")
    if config is not None and files.plain(config) != recorded:
        raise InputError(f"{target} was started with {_difference(recorded, files.plain(config))}")
    return RunDirectory(target, recorded, resumed=True)


def status(path: Path | str) -> str:
    """ "absent", "running", "interrupted", "failed" or "finished"; a killed run counts as interrupted."""
    path = Path(path)
    if not (path / "status.json").is_file():
        return "absent"
    said = files.read_json(path / "status.json")["status"]
    if said != "running":
        return said
    with locked(path / "lock", wait=False) as free:
        return "interrupted" if free else "running"


def _difference(recorded: Any, asked: Any) -> str:
    if not (isinstance(recorded, dict) and isinstance(asked, dict)):
        return f"the config {recorded!r}, not {asked!r}"
    keys = [k for k in {**recorded, **asked} if recorded.get(k, ...) != asked.get(k, ...)]
    return ", ".join(f"{k} = {recorded.get(k)!r}, not {asked.get(k)!r}" for k in keys)
