"""The extension points: what a third party can add, under which name, and what its addition must do.

An installed package adds an entry by an entry point of the group ``marlcore.<point>``, whose key is the name, or the
name and one line about it:

    [project.entry-points."marlcore.commands"]
    "solve - values and gaps of a game" = "tabular.commands.solve:main"

Names and summaries are therefore read from metadata; only ``load`` imports what an entry points to. A script or a
notebook adds to its own process by ``register``. Two entries of one name are refused, never ranked.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from marlcore.errors import InputError

SEPARATOR = " - "
"""What stands between the name and the summary in the key of an entry point."""


@dataclass(frozen=True)
class ExtensionPoint:
    """A kind of thing that can be added: its name, its contract in a line, and the suite that checks the contract."""

    name: str
    contract: str
    suite: str

    @property
    def group(self) -> str:
        """The entry-point group."""
        return f"marlcore.{self.name}"


_CONTRACTS = {
    "commands": "main(argv) -> exit status; --help shows what it is for and one example that runs",
    "games": "a function of parameters that all have defaults, which returns a game; its docstring names the source",
    "learners": "learn(game, steps, seed, …) -> Trace, which can continue where it stopped",
    "drifts": "drift(hat, step) of a table (…, S, A_i) -> (…, S): ≥ 0, and 0 with zero gradient at the old policy",
    "claims": "a Claim: statement, hypotheses, generator of instances, margin that is ≥ 0 where the claim holds",
    "environments": "a Family: make(task, batch, device, seed, first, **options) -> environment; tasks; examples",
    "sharing": "a scheme that maps the agents of a spec to policies: parameters and who shares them",
    "algorithms": "an update of policies from a rollout, with its config",
    "figures": "a figures.figure.Figure: data(parameters), draw(data, style) -> matplotlib Figure, title, claims",
    "drawings": "draw(trace or witness) -> matplotlib Figure",
    "benchmarks": "a function without parameters that returns the cases to time (marlcore.kit.benchmark.Case)",
    "conformance": "the checks of one extension point, each a function of the object under test that raises",
}

EXTENSION_POINTS: dict[str, ExtensionPoint] = {
    name: ExtensionPoint(name, contract, f'marlcore.conformance.check("{name}", …)')
    for name, contract in _CONTRACTS.items()
}


@dataclass(frozen=True)
class Entry:
    """One addition to an extension point: its name, its line, and where it comes from."""

    point: str
    name: str
    summary: str
    origin: str
    target: Any
    """An entry point that is not loaded yet, or the registered object itself."""
    rivals: tuple[str, ...] = ()
    """Where other entries of the same name come from: such a name is listed, and refused when it is asked for."""

    def load(self) -> Any:
        """The object (imported at this moment if it comes from an entry point)."""
        if self.rivals:
            sources = ", ".join((self.origin, *self.rivals))
            raise InputError(f"{self.point} has {self.name!r} more than once: {sources}; uninstall all but one")
        return self.target.load() if isinstance(self.target, metadata.EntryPoint) else self.target


_REGISTERED: dict[str, dict[str, Entry]] = {name: {} for name in EXTENSION_POINTS}


def entries(point: str) -> dict[str, Entry]:
    """Every entry of an extension point by name, sorted; nothing is imported."""
    point = _known(point)
    return dict(sorted((_installed(point) | _REGISTERED[point]).items()))


def names(point: str) -> list[str]:
    """The names at an extension point, sorted."""
    return list(entries(point))


def summary(point: str, name: str) -> str:
    """The one line about an entry, "" if it gave none; nothing is imported."""
    return _entry(point, name).summary


def load(point: str, name: str) -> Any:
    """The object of that name; an unknown name is an error that offers the nearest ones."""
    return _entry(point, name).load()


def register(point: str, name: str, target: Any, summary: str = "") -> None:
    """Add an object for the rest of this process; a name that is taken is refused."""
    taken = entries(point)
    if name in taken:
        raise InputError(f"{point} already has {name!r}, from {taken[name].origin}: choose another name")
    if not name or SEPARATOR in name or name != name.strip():
        raise InputError(f"{name!r} cannot be a name in {point}: it must be a word or several without {SEPARATOR!r}")
    _REGISTERED[_known(point)][name] = Entry(_known(point), name, summary, "this process", target)


def unregister(point: str, name: str) -> None:
    """Take back what ``register`` added."""
    if _REGISTERED[_known(point)].pop(name, None) is None:
        raise InputError(f"{name!r} was not registered in {point} by this process")


def unknown(what: str, name: str, known: list[str]) -> InputError:
    """The error for a name that is not there: it offers the nearest names, or all of a few."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    offered = near or (known if len(known) <= 12 else [])
    hint = f"; did you mean {' or '.join(offered)}?" if near else f"; there are {', '.join(offered)}" if offered else ""
    return InputError(f"unknown {what} {name!r}{hint}")


def _entry(point: str, name: str) -> Entry:
    found = entries(point)
    if name not in found:
        singular = {"sharing": "sharing scheme", "conformance": "suite"}.get(_known(point), _known(point).rstrip("s"))
        raise unknown(singular, name, list(found))
    return found[name]


def _known(point: str) -> str:
    name = point.removeprefix("marlcore.")
    if name not in EXTENSION_POINTS:
        raise unknown("extension point", point, list(EXTENSION_POINTS))
    return name


@functools.cache
def _all_entry_points() -> Any:
    return metadata.entry_points()


@functools.cache
def _name_of(distribution: metadata.Distribution) -> str:
    """Its name, which is read from a file once: training asks for an algorithm at every update."""
    return distribution.name


def _installed(point: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry_point in _all_entry_points().select(group=EXTENSION_POINTS[point].group):
        name, _, line = (part.strip() for part in entry_point.name.partition(SEPARATOR))
        origin = f"{_name_of(entry_point.dist)} ({entry_point.value})" if entry_point.dist else entry_point.value
        if name in found:
            found[name] = dataclasses.replace(found[name], rivals=(*found[name].rivals, origin))
        else:
            found[name] = Entry(point, name, line, origin, entry_point)
    return found
