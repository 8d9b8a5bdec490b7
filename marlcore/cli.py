"""``marlcore COMMAND …``: finds the command, runs it, and turns what goes wrong into a line and an exit status.

    0    done                                  1    a claim, a fact or a target failed
    2    bad input, one line on stderr         130  stopped by Ctrl-C        141  the reader of stdout went away

Commands are entry points of ``marlcore.commands``, so that the packages above register their own; the list and its
summaries come from metadata, and a command is imported only to be run. An exception that is not about the input is a
bug and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from marlcore import registry
from marlcore.errors import InputError

PURPOSE = "Multi-agent RL theory that runs: games solved exactly, lemmas checked, and the same updates on networks."
EXAMPLE = "marlcore solve matching_pennies"

_ABOUT_THE_INPUT = (
    InputError,
    FileNotFoundError,
    FileExistsError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (``sys.argv`` unless given) and return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal without γ shows "?", and the command goes on
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except _ABOUT_THE_INPUT as error:
        print(f"{_program(arguments)}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{_program(arguments)}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # what is still buffered has no reader: let the interpreter flush it into nothing when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        from importlib.metadata import version

        print(f"marlcore {version('marlcore')}")
        return 0
    if name.startswith("-"):
        raise registry.unknown("option", name, ["--help", "--version"])
    try:
        return int(registry.load("commands", name)(rest) or 0)
    except SystemExit as stop:  # --help of a command leaves this way
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)
        return 1


def _help() -> str:
    commands = registry.entries("commands")
    width = max((len(name) for name in commands), default=0)
    rows = [f"  {name:<{width}}  {entry.summary}".rstrip() for name, entry in commands.items()]
    return "\n".join(
        [
            "usage: marlcore COMMAND [OPTIONS]",
            "",
            PURPOSE,
            "",
            "commands (each has its own --help):",
            *rows,
            "",
            "options:",
            "  --help     show this text",
            "  --version  show the version",
            "",
            "example:",
            f"  {EXAMPLE}",
        ]
    )


def _program(arguments: list[str]) -> str:
    known = arguments and not arguments[0].startswith("-") and arguments[0] in registry.names("commands")
    return f"marlcore {arguments[0]}" if known else "marlcore"


def _one_line(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    return " ".join(text.split())
