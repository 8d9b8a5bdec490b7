"""What the commands that take an algorithm share: its name comes first, its own options stand under ``--options``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import field

from deep import algorithms

DEFAULT = "happo"
"""Whose options are parsed when no algorithm is named: a run is resumed, or --help is asked for."""


def algorithm_of(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The first word, and the rest; an option in its place means the default."""
    if argv and not argv[0].startswith("-"):
        return argv[0], argv[1:]
    return DEFAULT, argv


def with_options(command: type, algorithm: str) -> type:
    """A command's record, and the options of that algorithm in it."""
    kind = algorithms.load(algorithm).options
    own = [("options", kind, field(default_factory=kind))]
    return dataclasses.make_dataclass("Options", own, bases=(command,), frozen=True)
