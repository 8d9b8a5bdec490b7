"""A command's options are a frozen dataclass: ``parse`` fills it from the command line, typed, and refuses the rest.

Every field is written ``--field value``. A boolean is true by its name alone (``--json``) and takes a value as well:
``--json False`` means false. A field annotated with ``Positional[...]`` is written without its name. An unknown option,
a missing value or a value of the wrong type is an ``InputError`` of one line, with the nearest option offered.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import typing
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import tyro
from tyro.conf import Positional, arg

from marlcore import registry
from marlcore.errors import InputError

__all__ = ["Positional", "arg", "parse"]

C = TypeVar("C")


def parse(
    config: type[C], argv: Sequence[str], prog: str, description: str, example: str, default: C | None = None
) -> C:
    """An instance of ``config`` from ``argv``; ``--help`` prints description, options and the example, and exits 0.

    Options that are not given are those of ``default``, or the class's own.
    """
    words = _spell_booleans(config, argv)
    known = ["--help", *(option for option, _ in _options(config))]
    for option in (word.partition("=")[0] for word in words if word.startswith("--")):
        if option.replace("_", "-") not in known:
            raise registry.unknown("option", option, known)
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            conf: dict[str, Any] = {} if default is None else {"default": default}
            return tyro.cli(
                config, args=words, prog=prog, description=description, config=(tyro.conf.FlagConversionOff,), **conf
            )
    except SystemExit as stop:
        if not stop.code:  # --help
            print(f"\nexample:\n  {example}")
            raise
        raise InputError(_unboxed(messages.getvalue()) or f"{' '.join(argv)} does not parse") from None


def _unboxed(box: str) -> str:
    """The first paragraph of an error box, without its title, frame and colours, on one line.

    A terminal that draws lines gets a frame of them, any other a title with a rule of hyphens below it.
    """
    words: list[str] = []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:]:
        body = line.strip("│ ")
        rule = set(body) <= set("─-╰╯")
        if rule and words:
            break
        words += [] if rule else body.split()
    return " ".join(words)


def _spell_booleans(config: Any, argv: Sequence[str]) -> list[str]:
    """Write a value after every boolean option: the one that is there, or True."""
    booleans = {option for option, kind in _options(config) if kind is bool}
    spelled: list[str] = []
    for word in argv:
        option, equals, value = word.partition("=")
        option = option.replace("_", "-")
        if option in booleans:
            spelled += [option, value.capitalize() if equals else "True"]
        elif word.lower() in ("true", "false") and len(spelled) > 1 and spelled[-2] in booleans:
            spelled[-1] = word.capitalize()
        else:
            spelled.append(word)
    return spelled


def _options(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The options of a config, those of configs inside it as --outer.inner, with their types."""
    types = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        name, kind = prefix + field.name.replace("_", "-"), types[field.name]
        if dataclasses.is_dataclass(kind):
            yield from _options(kind, f"{name}.")
        else:
            yield f"--{name}", kind
