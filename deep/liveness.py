"""Everything that is switched on must matter: what changes nothing is an error that names it.

    liveness(config)          a report, or DeadError: "smoothness is switched on and changes nothing: …"

The failure that this is for: an added network trained to curves identical to those without it. Ways that happens, each
of which is noticed here:

    the network is in no optimiser                       every trainable parameter is held once, and moves
    its outputs are unused when actions are re-evaluated  acting and evaluating are looked at apart, and must agree
    a regulariser never reaches the loss                  one update with and without it must differ
    a regulariser compares a thing with itself            the same: the probe has π_old ≠ π, and Δ_t ≠ Δ_{t−1}
    the edited code is not the code that runs             all modules come from one tree, the one that one stands in
    "False" is read as true                               a flag's value must be a bool

``examine`` is the engine. It takes a way to make equal subjects and a list of mechanisms; it runs each subject once
as it is and once with each mechanism switched off, and compares the evidence that the subject gives. Equal means equal
up to ``ROUND_OFF`` in double precision. It knows nothing of training; ``deep.probe`` makes the subjects of a run, where
every mechanism can matter: parameters moved away from their start, a normaliser and a history that are not at theirs,
π_old ≠ π, and a target network that has been synchronised and fallen behind again. What cannot apply in this run (a
mask in an environment that masks nothing) is reported as such.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from marlcore.errors import InputError

if TYPE_CHECKING:
    from deep.config import Config

ROUND_OFF = 1e-9
"""Relative to the evidence's size. Double precision leaves 1e-16 and what an update makes of it, a mechanism more."""
PACKAGES = ("marlcore", "tabular", "deep")


class DeadError(InputError):
    """Something is switched on and does nothing."""


@dataclass(frozen=True)
class Mechanism:
    """Something that can be switched off, and the evidence that must then change."""

    name: str
    switch_off: Callable[[Any], object]
    """Changes a subject, in place; it gets one of its own."""
    reaches: tuple[str, ...]
    cannot_apply: str = ""
    """Why it makes no difference here, if that is so."""


@dataclass(frozen=True)
class Finding:
    """What was found of one mechanism."""

    name: str
    status: Literal["alive", "cannot apply", "dead"]
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """The findings on one subject."""

    findings: tuple[Finding, ...]

    @property
    def dead(self) -> tuple[Finding, ...]:
        """What is switched on and does nothing."""
        return tuple(finding for finding in self.findings if finding.status == "dead")

    def demand(self) -> Report:
        """Itself, or an error that names all that is dead."""
        if self.dead:
            raise DeadError("; ".join(f"{finding.name} {finding.detail}" for finding in self.dead))
        return self


class Subject(ABC):
    """What is examined. Two that ``make`` gives are equal, and share nothing that is changed."""

    @abstractmethod
    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Every trainable parameter by name."""

    @abstractmethod
    def held(self) -> Iterable[nn.Parameter]:
        """Every parameter that an optimiser holds, as often as it is held."""

    @abstractmethod
    def reached(self) -> Tensor:
        """A scalar of generic dependence on all outputs: what it does not reach, no loss does."""

    @abstractmethod
    def evidence(self, kinds: Iterable[str]) -> dict[str, Tensor]:
        """What it computes, by kind; ``update``, the last, is what one update makes of it. It is called once."""

    @abstractmethod
    def unmoved(self) -> Iterable[str]:
        """After ``evidence``: the parameters that the update left where they were, where it should not have."""


def liveness(config: Config) -> Report:
    """Examine a run of ``config`` before its first step, together with its flags and the code that runs it."""
    from deep.session import Session

    session = Session(config)
    try:
        return examine_session(session)
    finally:
        session.close()


def examine_session(session: Any) -> Report:
    """The same for a session that is there already; it is left as it is."""
    from deep.probe import mechanisms, subjects

    check_flags(session.config)
    check_code()
    make = subjects(session)
    return examine(make, mechanisms(session, make())).demand()


def examine(make: Callable[[], Subject], mechanisms: Sequence[Mechanism]) -> Report:
    """What is alive, dead, or cannot apply."""
    subject = make()
    findings = [*_held(subject), *_reached(make())]
    kinds = {"acting", "evaluating", "update"}.union(*(mechanism.reaches for mechanism in mechanisms))
    before = {kind: found.detach() for kind, found in subject.evidence(kinds).items()}
    findings += [Finding(name, "dead", "is not moved by an update") for name in subject.unmoved()]
    if not _same(before["acting"], before["evaluating"]):
        findings.append(Finding("the policy that acts", "dead", "is not the policy that is evaluated and trained"))
    for mechanism in mechanisms:
        other = make()
        mechanism.switch_off(other)
        after = other.evidence(mechanism.reaches)
        still = [kind for kind in mechanism.reaches if _same(before[kind], after[kind].detach())]
        findings.append(_finding(mechanism, still))
    return Report(tuple(findings))


def check_flags(config: Any, where: str = "") -> None:
    """Every field of a config that is annotated ``bool`` is one: "False" in a flag would count as true."""
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if hints[field.name] is bool and not isinstance(value, bool):
            raise DeadError(f"{where}{field.name} is {value!r}, which counts as {bool(value)}: a flag is True or False")
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            check_flags(value, f"{where}{field.name}.")


def check_switches(parse: Callable[[list[str]], Any], config: type) -> None:
    """Every flag of a command line can be switched on and off: ``--flag True`` and ``--flag False`` mean what they say.

    ``parse`` makes a ``config`` of arguments; flags of the records in it count, by their path. This belongs to the
    tests of a command: whether a flag can be switched is a property of the parser and not of a run, which has parsed
    its flags by the time it starts and has their values looked at then (``check_flags``); and parsing a command line
    of ``marlcore train`` twice for each of its flags takes longer than the whole probe.
    """
    for path in flags(config):
        for value in (True, False):
            got: Any = parse([f"--{path}", str(value)])
            for name in path.split("."):
                got = getattr(got, name)
            if got is not value:
                raise DeadError(f"--{path} {value} gives {got!r}: the flag cannot be switched")


def flags(config: type, where: str = "") -> list[str]:
    """The paths of all fields that are annotated ``bool``, in a record and in the records in it."""
    hints, found = typing.get_type_hints(config), []
    for field in dataclasses.fields(config):
        kind = hints[field.name]
        if kind is bool:
            found.append(f"{where}{field.name}")
        elif dataclasses.is_dataclass(kind):
            found += flags(typing.cast(type, kind), f"{where}{field.name}.")
    return found


def check_code(standing: Path | None = None, modules: Mapping[str, Any] | None = None) -> None:
    """All of our modules come from one tree; and where one stands in such a tree, it is that one.

    Otherwise what is edited is not what runs: another copy is installed, or found first.
    """
    root = Path(__file__).resolve().parents[1]
    for name, module in (sys.modules if modules is None else modules).items():
        path = getattr(module, "__file__", None)
        if name.partition(".")[0] in PACKAGES and path and root not in Path(path).resolve().parents:
            raise DeadError(f"{name} runs from {path}, and deep.liveness from {root}: two copies are mixed")
    here = Path.cwd() if standing is None else standing
    for folder in (here, *here.parents):
        own = folder / "deep" / "liveness.py"
        if own.is_file():
            if not own.samefile(__file__):
                raise DeadError(f"the code that runs is in {root}, and not the copy in {folder} that you stand in")
            return


def _held(subject: Subject) -> list[Finding]:
    count: dict[int, int] = {}
    for parameter in subject.held():
        count[id(parameter)] = count.get(id(parameter), 0) + 1
    findings = []
    for name, parameter in subject.parameters().items():
        times = count.get(id(parameter), 0)
        if times != 1:
            detail = "is held by no optimiser" if not times else f"is held by optimisers {times} times"
            findings.append(Finding(name, "dead", detail))
    return findings


def _reached(subject: Subject) -> list[Finding]:
    named = subject.parameters()
    gradients = torch.autograd.grad(subject.reached(), list(named.values()), allow_unused=True)
    sizes = {name: 0.0 if g is None else float(g.abs().max()) for name, g in zip(named, gradients, strict=True)}
    least = ROUND_OFF * max(sizes.values(), default=0.0)
    return [Finding(name, "dead", "has no influence on any output") for name, size in sizes.items() if size <= least]


def _finding(mechanism: Mechanism, still: list[str]) -> Finding:
    if mechanism.cannot_apply:
        return Finding(mechanism.name, "cannot apply", mechanism.cannot_apply)
    if still:
        detail = f"is switched on and changes nothing in: {', '.join(still)}"
        return Finding(mechanism.name, "dead", detail)
    return Finding(mechanism.name, "alive")


def _same(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape:
        return False
    scale = max(float(a.abs().max()), float(b.abs().max())) if a.numel() else 0.0
    return not a.numel() or float((a - b).abs().max()) <= ROUND_OFF * scale
