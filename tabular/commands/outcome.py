"""Where ``marlcore learn`` leaves its trace and its picture; asked before the run whether they can be written.

A picture is drawn where somebody registered how: under the learner's name in ``marlcore.drawings``, or under
``learner`` for all. Without one, or without what a drawing needs, a sentence says why there is none: the trace is what
the run was for, and it is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marlcore import registry
from marlcore.errors import InputError
from marlcore.kit import files
from marlcore.trace import Trace

ANY = "learner"
"""The drawing for learners that have none of their own."""


def place(out: Path | None, learner: str, game: str) -> Path:
    """The trace's file, after a check that it and the picture beside it are new and can be written."""
    path = out or Path(f"{learner}-{game or 'game'}.npz")
    for target in (path, picture_of(path)):
        if target.exists():
            raise InputError(f"{target} exists; choose another file with --out")
    files.check_writable(path)
    return path


def picture_of(path: Path) -> Path:
    """The picture's file beside the trace's."""
    return path.with_suffix(".png")


def keep(learner: str, trace: Trace, path: Path) -> tuple[dict[str, Any], list[str]]:
    """Write the trace and, if there is a drawing, its picture; what became of both, as data and as lines."""
    trace.save(path)
    picture, line = _draw(learner, trace, picture_of(path))
    return {"trace": str(path), "picture": picture}, [f"trace: {path}", line]


def _draw(learner: str, trace: Trace, path: Path) -> tuple[str | None, str]:
    known = registry.names("drawings")
    name = next((n for n in (learner, ANY) if n in known), None)
    if name is None:
        return None, f"no picture: no drawing is registered in marlcore.drawings under {learner} or {ANY}"
    try:
        draw = registry.load("drawings", name)
    except ModuleNotFoundError as error:
        return None, f"no picture: the drawing {name} needs {error.name}, which is not installed"
    draw(trace).savefig(path)
    return str(path), f"picture: {path}"
