"""The one exception that means "the caller's input is wrong": it names the symbol, the index and the value.

The command line turns it into one line and exit status 2; every other exception is a bug and keeps its traceback.
"""


class InputError(ValueError):
    """Bad input, described by a sentence that says what and where."""


class ConvergenceError(RuntimeError):
    """An iteration stopped before its certificate was good enough; the message carries the best bound reached."""
