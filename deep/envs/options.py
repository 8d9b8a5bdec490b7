"""The options of an environment's name, which arrive as text: read by kind, with what is wrong said by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from marlcore import registry
from marlcore.errors import InputError


def name(family: str, task: str, given: Mapping[str, str]) -> str:
    """``family:task?key=value&…``, as ``naming.parse`` reads it."""
    tail = "&".join(f"{key}={value}" for key, value in given.items())
    return f"{family}:{task}" + (f"?{tail}" if tail else "")


class Reader:
    """Reads options one by one; ``done`` refuses those that nobody asked for."""

    def __init__(self, name: str, given: Mapping[str, str]) -> None:
        self._name, self._left, self._known = name, dict(given), list[str]()

    def integer(self, key: str, default: int, least: int = 0) -> int:
        """A whole number ≥ ``least``."""
        text = self._take(key)
        if text is None:
            return default
        if not text.lstrip("+-").isdecimal() or int(text) < least:
            raise InputError(f"{self._name}: {key} must be a whole number ≥ {least}, not {text!r}")
        return int(text)

    def number(self, key: str, default: float, low: float, high: float = math.inf) -> float:
        """A number in [low, high]."""
        text = self._take(key)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high or math.isinf(value):
            raise InputError(f"{self._name}: {key} must be a number in [{low:g}, {high:g}], not {text!r}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """``true`` or ``false``."""
        return self.choice(key, ("false", "true")[::-1] if default else ("false", "true")) == "true"

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of a few words; the first is the default."""
        text = self._take(key)
        if text is None:
            return choices[0]
        if text.lower() not in choices:
            raise InputError(f"{self._name}: {key} must be {' or '.join(choices)}, not {text!r}")
        return text.lower()

    def rest(self) -> dict[str, str]:
        """What is left, for a reader of its own."""
        left, self._left = self._left, {}
        return left

    def done(self) -> None:
        """Refuse what is left."""
        for key in self._left:
            raise registry.unknown(f"option of {self._name.partition('?')[0]}", key, self._known)

    def _take(self, key: str) -> str | None:
        self._known.append(key)
        return self._left.pop(key, None)
