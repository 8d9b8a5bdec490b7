"""The registry behind ``names``, ``load``, ``describe`` and ``check``: one entry per named game.

A builder is a function with typed parameters that returns a game, in rationals wherever its data are rational. The
decorator ``game`` registers it; its annotations are the types that ``load`` checks: ``int``, ``Fraction`` (integers,
fractions, decimals, strings such as "1/3"; 0.1 means 1/10), ``float`` (the same, rounded) and ``Literal`` of strings.
A third party's game comes through the extension point "games" (``marlcore.registry``): a decorated builder, or a plain
function whose docstring names the source.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from marlcore import registry as extensions
from marlcore.errors import InputError
from marlcore.games import Game
from marlcore.library.facts import Fact, FactResult
from marlcore.numbers import Kind

_TYPE_NAMES: dict[Any, str] = {int: "integer", float: "number", Fraction: "number"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a named game: its type is ``int``, ``float``, ``Fraction`` or ``Literal`` of strings."""

    name: str
    type: Any
    default: Any

    @property
    def type_name(self) -> str:
        """How the type reads in a table."""
        choices = typing.get_args(self.type)
        return " | ".join(map(str, choices)) if choices else _TYPE_NAMES[self.type]

    def parse(self, value: Any, game_name: str) -> Any:
        """``value`` as the parameter's type, or an error that says what fits."""
        wrong = InputError(f"parameter {self.name} of {game_name} must be {self._wanted()}, not {value!r}")
        choices = typing.get_args(self.type)
        if choices:
            if value not in choices:
                raise wrong
            return value
        if isinstance(value, bool):
            raise wrong
        try:
            # a float means the decimal that it prints as
            exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
        except (ValueError, TypeError, ZeroDivisionError):
            raise wrong from None
        if self.type is int:
            if exact.denominator != 1:
                raise wrong
            return int(exact)
        return float(exact) if self.type is float else exact

    def _wanted(self) -> str:
        choices = typing.get_args(self.type)
        if choices:
            return "one of " + ", ".join(map(repr, choices))
        return "an integer" if self.type is int else "a number (an integer, a decimal or a fraction such as '1/3')"


@dataclass(frozen=True)
class Entry:
    """What the library knows about a named game; ``facts`` are those that hold at the default parameters."""

    name: str
    summary: str
    source: str
    family: str
    parameters: tuple[Parameter, ...]
    facts: tuple[Fact, ...]

    def _repr_html_(self) -> str:
        from marlcore.kit import html

        parameters = ", ".join(f"{p.name}: {p.type_name} = {p.default}" for p in self.parameters)
        facts = [[f.kind, f.describe(), f.source] for f in self.facts]
        return html.block(
            f"{self.name}({parameters})",
            html.paragraph(f"{self.summary} {self.source}"),
            html.grid(facts, columns=["fact", "statement", "source"]),
        )


@dataclass(frozen=True)
class _Named:
    name: str
    summary: str
    source: str
    build: Callable[..., Game]
    facts: Callable[..., Sequence[Fact]] | Sequence[Fact]
    parameters: tuple[Parameter, ...]

    def known(self, values: dict[str, Any]) -> tuple[Fact, ...]:
        """The facts that hold at the given parameters."""
        return tuple(self.facts(**values) if callable(self.facts) else self.facts)


_GAMES: dict[str, _Named] = {}
_JOINED: set[str] = set()
"""Names in ``_GAMES`` that came through the extension point."""

B = typing.TypeVar("B", bound=Callable[..., Game])


def game(
    name: str, summary: str, source: str, facts: Callable[..., Sequence[Fact]] | Sequence[Fact] = ()
) -> Callable[[B], B]:
    """Register a builder under ``name``; ``facts`` is a tuple, or a function of the builder's parameters."""

    def register(build: B) -> B:
        if name in _GAMES:
            raise InputError(f"two games are called {name!r}: {_GAMES[name].build.__module__} and {build.__module__}")
        _GAMES[name] = _Named(name, summary, source, build, facts, _parameters(build))
        return build

    return register


def names() -> list[str]:
    """The names of every game, installed third parties' included, in alphabetical order."""
    return sorted(_GAMES.keys() | extensions.entries("games").keys())


def load(name: str, *, kind: Kind = "float", **params: Any) -> Game:
    """The named game, its numbers of ``kind``; a parameter left out keeps its default.

    ``load("penalty", k=-30)``, ``load("biased_rock_paper_scissors", kind="rational")``. A random game's numbers are
    floats, which ``kind="rational"`` takes as the dyadic numbers that they are; sparse games are floats only.
    """
    named = _find(name)
    built = _build(named, _parse(named, params))
    return built if built.kind == kind else built.convert(kind)


def describe(name: str) -> Entry:
    """What is known about the named game."""
    named = _find(name)
    defaults = {p.name: p.default for p in named.parameters}
    family = named.build.__module__.rpartition(".")[2]
    return Entry(name, named.summary, named.source, family, named.parameters, named.known(defaults))


def check(name: str, **params: Any) -> list[FactResult]:
    """Measure every fact of the named game on the game, in exact numbers where the game is made of them."""
    named = _find(name)
    values = _parse(named, params)
    built = _build(named, values)
    return [fact.check(built) for fact in named.known(values)]


def _build(named: _Named, values: dict[str, Any]) -> Any:
    return dataclasses.replace(named.build(**values), name=named.name)


def _find(name: str) -> _Named:
    others = extensions.entries("games")
    if name in others and name not in _JOINED:
        build = extensions.load("games", name)
        if name not in _GAMES:  # a plain function: importing a decorated one has registered it
            line, _, rest = (inspect.getdoc(build) or "").partition("\n")
            game(name, others[name].summary or line, rest.strip() or line)(build)
        elif _GAMES[name].build is not build:
            raise InputError(f"the library has a game {name!r}, and so has {others[name].origin}: uninstall the latter")
        _JOINED.add(name)
    if name not in _GAMES:
        raise extensions.unknown("game", name, names())
    return _GAMES[name]


def _parse(named: _Named, params: dict[str, Any]) -> dict[str, Any]:
    known = {p.name: p for p in named.parameters}
    for given in params:
        if given not in known:
            raise extensions.unknown(f"parameter of {named.name}", given, list(known))
    return {p.name: p.parse(params.get(p.name, p.default), named.name) for p in named.parameters}


def _parameters(build: Callable[..., Game]) -> tuple[Parameter, ...]:
    types = typing.get_type_hints(build)
    parameters = inspect.signature(build).parameters.values()
    for p in parameters:
        fits = types.get(p.name) in _TYPE_NAMES or typing.get_args(types.get(p.name))
        if not fits or p.default is p.empty:
            wanted = "a default and one of the types int, float, Fraction, Literal"
            raise InputError(f"parameter {p.name} of {build.__qualname__} needs {wanted}")
    return tuple(Parameter(p.name, types[p.name], p.default) for p in parameters)
