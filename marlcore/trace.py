"""A run's record: what a learner, HATRL or mirror learning leaves behind, on a step axis (R) and a seed axis (K).

    steps (R,)            policies[i] (R, K, S, A_i)            payoffs (R, K, n): J_i of the recorded policies
    values (R, K, n, S)   average_policies as policies          extras: named arrays (R, K, …)

The last record is the end of the run, and ``state`` (named arrays) is all that continuing needs. ``config`` holds the
algorithm's parameters and seeds but not how long it ran, so that a run and its continuation agree on it. A matrix game
has S = 1. Arrays are read-only. A trace file is a NumPy ``.npz`` archive with a JSON header; it holds no code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from marlcore.errors import InputError
from marlcore.kit import archive, files
from marlcore.validation import check_distributions, finite_numbers

FORMAT = "marlcore trace"
FORMAT_VERSION = 1
_FIELDS = {"algorithm": str, "game": str, "config": dict, "provenance": dict}


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """One run of ``algorithm`` on ``game``, recorded at ``steps`` for K seeds."""

    algorithm: str
    game: str
    steps: Any
    policies: tuple[Any, ...]
    payoffs: Any
    average_policies: tuple[Any, ...] | None = None
    values: Any = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_steps(self.steps)
        policies = _check_policies("policies", self.policies, len(np.asarray(self.steps)))
        (records, seeds, states, _), n = policies[0].shape, len(policies)
        average, values = self.average_policies, self.values
        if average is not None:
            average = _check_policies("average_policies", average, records)
            _expect("average_policies", [a.shape for a in average], [p.shape for p in policies])
        if values is not None:
            values = finite_numbers("values", values)
            _expect("values", values.shape, (records, seeds, n, states))
        payoffs = finite_numbers("payoffs", self.payoffs)
        _expect("payoffs", payoffs.shape, (records, seeds, n))
        extras, state = _named("extras", self.extras), _named("state", self.state)
        for name, array in extras.items():
            _expect(f"the leading axes of extras[{name!r}]", array.shape[:2], (records, seeds))
        _set(self, steps=_frozen(np.asarray(self.steps, dtype=np.int64)), policies=tuple(map(_frozen, policies)))
        _set(self, average_policies=None if average is None else tuple(map(_frozen, average)))
        _set(self, values=None if values is None else _frozen(values), payoffs=_frozen(payoffs))
        _set(self, extras=extras, state=state)
        _set(self, config=files.plain(dict(self.config)), provenance=files.plain(dict(self.provenance)))

    @property
    def n(self) -> int:
        """Number of agents."""
        return len(self.policies)

    @property
    def seeds(self) -> int:
        """K, the number of seeds that ran side by side."""
        return self.payoffs.shape[1]

    @property
    def policy(self) -> tuple[Any, ...]:
        """The last record: one table (K, S, A_i) per agent."""
        return tuple(table[-1] for table in self.policies)

    @property
    def returns(self) -> Any:
        """J of the recorded policies, (R, K), where all agents get the same."""
        if not (self.payoffs == self.payoffs[..., :1]).all():
            r, k, i = (int(x) for x in np.argwhere(self.payoffs != self.payoffs[..., :1])[0])
            raise InputError(
                f"returns belong to a team, but payoffs[{r}, {k}] differ between agents 0 and {i}; read payoffs"
            )
        return self.payoffs[..., 0]

    @property
    def bounds(self) -> Any:
        """The lower bounds on J that the steps promised, as recorded."""
        return self._extra("bounds")

    @property
    def nash_gaps(self) -> Any:
        """How much the best deviation would gain at the recorded policies, as recorded."""
        return self._extra("nash_gaps")

    def append(self, other: Trace) -> Trace:
        """This run continued by ``other``, whose state it then has.

        A first record of ``other`` at the last step here is the same record and is kept once.
        """
        for name in ("algorithm", "game", "config"):
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                raise InputError(f"{name} of the continuation is {its!r}, not {mine!r} as before")
        mine, its = dict(self._recorded()), dict(other._recorded())
        if mine.keys() != its.keys():
            raise InputError(f"only one of run and continuation records {', '.join(sorted(mine.keys() ^ its.keys()))}")
        for name in mine:
            expected = (mine[name].dtype, mine[name].shape[1:])
            _expect(
                f"type and shape of a record of {name} in the continuation",
                (its[name].dtype, its[name].shape[1:]),
                expected,
            )
        skip = int(other.steps[0] == self.steps[-1])
        for name in mine if skip else ():
            if not _identical(mine[name][-1], its[name][0]):
                raise InputError(f"{name} at step {self.steps[-1]} is not the same in the run and its continuation")
        if len(other.steps) > skip and other.steps[skip] <= self.steps[-1]:
            raise InputError(f"the continuation starts at step {other.steps[0]}, before the end {self.steps[-1]}")
        joined = {name: np.concatenate([mine[name], its[name][skip:]]) for name in mine}
        provenance = {**other.provenance, "continues": self.provenance}
        state = {f"state.{name}": array for name, array in other.state.items()}
        return _assemble(joined | state, **{name: getattr(self, name) for name in _FIELDS} | {"provenance": provenance})

    def identical(self, other: Trace) -> bool:
        """Whether everything but the provenance is the same, bit for bit."""
        mine, its = self._arrays(), other._arrays()
        same = (self.algorithm, self.game, self.config) == (other.algorithm, other.game, other.config)
        return same and mine.keys() == its.keys() and all(_identical(mine[name], its[name]) for name in mine)

    def save(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the trace to ``path`` (.npz), whole or not at all; an existing file is kept unless told otherwise."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        archive.write(path, FORMAT, FORMAT_VERSION, fields, self._arrays(), overwrite=overwrite)

    @staticmethod
    def load(path: Path | str) -> Trace:
        """The trace in a file that ``save`` wrote; anything else is an error that names the file and the field."""
        fields, arrays = archive.read(path, FORMAT, FORMAT_VERSION, _FIELDS)
        try:
            return _assemble(arrays, **fields)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def __repr__(self) -> str:
        rows = ", ".join(f"{name} {value}" for name, value in self._summary())
        return f"<Trace {rows}>"

    def _repr_html_(self) -> str:
        from marlcore.kit import html

        return html.block(f"Trace of {self.algorithm}", html.facts(dict(self._summary())))

    def _summary(self) -> Iterator[tuple[str, str]]:
        yield "algorithm", self.algorithm
        yield "game", self.game or "(unnamed)"
        yield "records", f"{len(self.steps)} (steps {self.steps[0]} to {self.steps[-1]})"
        yield "seeds", str(self.seeds)
        yield "agents", f"{self.n} with {', '.join(str(p.shape[-1]) for p in self.policies)} actions"
        yield "states", str(self.policies[0].shape[2])
        yield "last payoffs", ", ".join(f"{x:.6g}" for x in self.payoffs[-1].mean(0)) + " (mean over seeds)"
        if self.extras:
            yield "extras", ", ".join(sorted(self.extras))

    def _extra(self, name: str) -> Any:
        if name not in self.extras:
            recorded = ", ".join(sorted(self.extras)) or "nothing"
            raise InputError(f"{self.algorithm} recorded no {name}; its extras are: {recorded}")
        return self.extras[name]

    def _recorded(self) -> Iterator[tuple[str, Any]]:
        """Every array with a record axis, by its name in a file."""
        yield "steps", self.steps
        for name in ("policies", "average_policies"):
            for i, table in enumerate(getattr(self, name) or ()):
                yield f"{name}.{i}", table
        if self.values is not None:
            yield "values", self.values
        yield "payoffs", self.payoffs
        for name, array in self.extras.items():
            yield f"extras.{name}", array

    def _arrays(self) -> dict[str, Any]:
        return dict(self._recorded()) | {f"state.{name}": array for name, array in self.state.items()}


def _assemble(arrays: Mapping[str, Any], **fields: Any) -> Trace:
    """The trace whose arrays have these names, as ``_arrays`` gives them."""

    def group(prefix: str) -> dict[str, Any]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    def tables(prefix: str) -> tuple[Any, ...]:
        found = group(prefix)
        _expect(f"the numbers of the {prefix[:-1]}", sorted(found), sorted(map(str, range(len(found)))))
        return tuple(found[str(i)] for i in range(len(found)))

    for name in ("steps", "payoffs"):
        if name not in arrays:
            raise InputError(f"there is no array {name!r}")
    return Trace(
        steps=arrays["steps"],
        policies=tables("policies."),
        payoffs=arrays["payoffs"],
        average_policies=tables("average_policies.") or None,
        values=arrays.get("values"),
        extras=group("extras."),
        state=group("state."),
        **fields,
    )


def _check_steps(steps: Any) -> None:
    steps = np.asarray(steps)
    if steps.ndim != 1 or len(steps) == 0 or steps.dtype.kind not in "iu":
        raise InputError(f"steps must be integers (R,) with R ≥ 1, not {steps.dtype} of shape {steps.shape}")
    if steps[0] < 0:
        raise InputError(f"steps[0] = {steps[0]} is negative")
    fall = np.flatnonzero(steps[1:] <= steps[:-1])
    if len(fall):
        r = int(fall[0]) + 1
        raise InputError(f"steps must increase, but steps[{r}] = {steps[r]} follows {steps[r - 1]}")


def _check_policies(name: str, policies: Any, records: int) -> list[Any]:
    if not isinstance(policies, (tuple, list)) or not policies:
        raise InputError(f"{name} must be a tuple with a table (R, K, S, A_i) for every agent")
    tables = [np.asarray(finite_numbers(f"{name}[{i}]", table), dtype=float) for i, table in enumerate(policies)]
    for i, table in enumerate(tables):
        if table.ndim != 4 or 0 in table.shape:
            raise InputError(f"{name}[{i}] must have shape (R, K, S, A_{i}), not {table.shape}")
        _expect(f"(R, K, S) of {name}[{i}]", table.shape[:3], (records, *tables[0].shape[1:3]))
        check_distributions(f"{name}[{i}][r, k, s = {{0}}]", table)
    return tables


def _named(what: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    named = {}
    for name, value in arrays.items():
        if not re.fullmatch(r"\w[\w.\-]*", name):
            raise InputError(f"{what} has the name {name!r}: letters, digits, and _ . - between them are allowed")
        array = np.asarray(value)
        if array.dtype.kind not in "biufcU":
            raise InputError(f"{what}[{name!r}] must be an array of numbers or strings, not of {array.dtype}")
        named[name] = _frozen(array)
    return named


def _expect(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise InputError(f"{what} must be {expected}, not {found}")


def _identical(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _frozen(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view


def _set(trace: Trace, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(trace, name, value)
