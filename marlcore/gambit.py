r"""Gambit's strategic form, the text format ``.nfg``, read and written exactly.

    NFG 1 R "title" { "Player 1" "Player 2" }
    { 2 2 }                                    how many strategies each has, or their names: { { "U" "D" } { "L" "R" } }
    "comment"                                  optional
    1 1  0 2/3  0.25 0  1 1                    payoff version: a payoff to each player, profile after profile
    { { "win" 1, -1 } { "loss" -1, 1 } } 1 0 2 1   outcome version: outcomes, then one index a profile; 0 pays nothing

Profiles are listed with player 1's strategy running fastest. Numbers are integers, decimals or fractions and are read
as the rationals that they spell: ``kind="rational"`` keeps them, ``"float"`` rounds each to the nearest float once.
A written float is the shortest decimal that reads back as the same float. In a text, ``\"`` is a quotation mark.
Source: the format's page in Gambit's manual (https://gambitproject.readthedocs.io, "Game representation formats"); the
order of profiles and the escapes are checked against files that Gambit wrote.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np

from marlcore import numbers
from marlcore.errors import InputError
from marlcore.games import MatrixGame
from marlcore.numbers import Kind


@dataclass(frozen=True, eq=False)
class StrategicForm:
    """A matrix game with the names that its file gives: of players, of their strategies, and a comment."""

    game: MatrixGame
    players: tuple[str, ...]
    strategies: tuple[tuple[str, ...], ...]
    comment: str = ""


def parse(text: str, kind: Kind = "float", source: str = "nfg") -> StrategicForm:
    """The game that ``text`` spells; errors name ``source``, the line, the column and what stands there."""
    reader = _Reader(text, source)
    reader.word("NFG")
    reader.word("1")
    reader.word("R", "D")
    title = reader.text("the title")
    players = reader.texts("a player's name")
    if not players:
        reader.refuse("the list of players is empty")
    strategies = _strategies(reader, players)
    comment = reader.text("the comment") if reader.kind == "text" else ""
    counts = tuple(len(names) for names in strategies)
    profiles = math.prod(counts)
    if reader.kind == "{":
        outcomes = _outcomes(reader, len(players))
        chosen = [reader.index("the number of an outcome", len(outcomes) - 1) for _ in range(profiles)]
        payoffs = [payoff for k in chosen for payoff in outcomes[k]]
    else:
        payoffs = [reader.number("a payoff") for _ in range(profiles * len(players))]
    if reader.kind != "end":
        reader.refuse(f"the game is complete ({profiles} profiles of {len(players)} players), but the text goes on")
    # player 1's strategy runs fastest and the player index faster still: C order with every axis turned round
    array = _array(payoffs, kind, source).reshape(*reversed(counts), len(players)).T
    return StrategicForm(MatrixGame(array, name=title), players, strategies, comment)


def format(
    game: MatrixGame,
    players: Sequence[str] | None = None,
    strategies: Sequence[Sequence[str]] | None = None,
    comment: str = "",
    outcomes: bool = False,
) -> str:
    """The text of ``game``, in the outcome version if asked; names default to "Player 1", … and "1", "2", …."""
    if not isinstance(game, MatrixGame) or game.batch_shape or game.kind not in ("float", "rational"):
        found = f"{type(game).__name__} with {game.kind} numbers and batch_shape {game.batch_shape}"
        raise InputError(f".nfg holds one MatrixGame of float or rational payoffs, not a {found}")
    players = _names("players", players, game.n, "Player {}")
    if strategies is not None and len(strategies) != game.n:
        raise InputError(f"strategies must name those of each of the {game.n} players, not of {len(strategies)}")
    labels = [
        _names(f"strategies[{i}]", strategies[i] if strategies is not None else None, count, "{}")
        for i, count in enumerate(game.action_counts)
    ]
    head = f"NFG 1 R {_quote(game.name)} {_braces(map(_quote, players))}\n\n"
    head += _braces(_braces(map(_quote, names)) for names in labels) + f"\n{_quote(comment)}\n\n"
    profiles = [tuple(map(_spell, row)) for row in np.asarray(game.payoffs).T.reshape(-1, game.n)]
    return head + (_outcome_body(profiles) if outcomes else "\n".join(map(" ".join, profiles)) + "\n")


def _strategies(reader: _Reader, players: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    reader.word("{")
    found = []
    for player in players:
        if reader.kind == "{":
            names = reader.texts(f"the name of a strategy of {player!r}")
        else:
            count = reader.index(f"how many strategies {player!r} has", reader.words)
            names = tuple(str(k + 1) for k in range(count))
        if not names:
            reader.refuse(f"player {player!r} has no strategy")
        found.append(names)
    reader.word("}")
    return tuple(found)


def _outcomes(reader: _Reader, n: int) -> list[list[Fraction]]:
    """The payoffs of outcome 0 (nothing), 1, 2, …."""
    found = [[Fraction(0)] * n]
    reader.word("{")
    while reader.kind == "{":
        reader.word("{")
        reader.text("the name of an outcome")
        payoffs = []
        for _ in range(n):
            payoffs.append(reader.number("a payoff"))
            if reader.kind == ",":
                reader.word(",")
        reader.word("}")
        found.append(payoffs)
    reader.word("}")
    return found


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<symbol>[{},])
    | "(?P<text>(?:[^"\\]|\\+[^\\])*)"
    | (?P<number>[+-]?(?:[0-9]+/[0-9]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))(?![^\s{},"])
    | (?P<word>[A-Za-z]+)
    """,
    re.VERBOSE,
)
_LARGEST_EXPONENT = 400
"""Beyond every float; a larger one is a mistake, and 10 to its power would fill the memory."""


class _Reader:
    """The words of the text, one at a time: ``kind`` of the next one ("text", "number", …, "end") and its ``value``."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self._text = text
        self._tokens = self._split()
        self.words = len(text)
        self._advance()

    def _split(self) -> Iterator[tuple[str, str, int]]:
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                self.at = at
                found = self._text[at : at + 40].split()[0]
                unclosed = "a text without its closing quotation mark"
                self.refuse(unclosed if found[0] == '"' else f"{found!r} has no meaning here")
            kind = str(match.lastgroup)
            if kind != "space":
                yield (match[0] if kind == "symbol" else kind), match[kind], at
            at = match.end()
        yield "end", "", at

    def _advance(self) -> None:
        self.kind, self.value, self.at = next(self._tokens)

    def refuse(self, what: str) -> NoReturn:
        before = self._text[: self.at]
        line, column = before.count("\n") + 1, self.at - before.rfind("\n")
        raise InputError(f"{self.source}, line {line}, column {column}: {what}")

    def _expect(self, kind: str, what: str) -> str:
        if self.kind != kind:
            found = "the text ends" if self.kind == "end" else f"{self.value!r} stands"
            self.refuse(f"{found} where {what} should be")
        value = self.value
        self._advance()
        return value

    def word(self, *accepted: str) -> None:
        if self.value not in accepted or self.kind == "text":
            self._expect("nothing", " or ".join(accepted))
        self._advance()

    def text(self, what: str) -> str:
        return self._expect("text", f"{what} (in quotation marks)").replace('\\"', '"')

    def texts(self, what: str) -> tuple[str, ...]:
        self.word("{")
        found = []
        while self.kind != "}":
            found.append(self.text(what))
        self.word("}")
        return tuple(found)

    def number(self, what: str) -> Fraction:
        at, spelled = self.at, self._expect("number", what)
        try:
            _, _, exponent = spelled.lower().partition("e")
            if abs(int(exponent or "0")) > _LARGEST_EXPONENT:
                raise ValueError(f"its exponent is beyond ±{_LARGEST_EXPONENT}")
            return Fraction(spelled)
        except (ValueError, ZeroDivisionError) as error:
            self.at = at
            self.refuse(f"{spelled[:40]!r} is not a number: {error}")

    def index(self, what: str, largest: int) -> int:
        at, value = self.at, self.number(what)
        if value.denominator != 1 or not 0 <= value <= largest:
            self.at = at
            self.refuse(f"{value} where {what} should be: an integer from 0 to {largest}")
        return int(value)


def _array(payoffs: list[Fraction], kind: Kind, source: str) -> Any:
    exact = np.empty(len(payoffs), dtype=object)
    exact[:] = [numbers.number(value, "rational") for value in payoffs]
    try:
        return numbers.convert(exact, kind)
    except OverflowError:
        largest = max(abs(payoff) for payoff in payoffs)
        power = largest.numerator.bit_length() - largest.denominator.bit_length()
        raise InputError(
            f"{source}: a payoff of about ±2^{power} is too large for a float; load it as rational"
        ) from None


def _names(what: str, given: Sequence[str] | None, count: int, pattern: str) -> list[str]:
    names = [pattern.format(k + 1) for k in range(count)] if given is None else list(given)
    if len(names) != count:
        raise InputError(f"{what} must be {count} names, not {len(names)}")
    return names


def _quote(text: str) -> str:
    if re.search(r'\\("|$)', text):
        raise InputError(
            f"the text {text!r} cannot be written: .nfg has no backslash before a quotation mark or the end"
        )
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def _braces(items: Any) -> str:
    return "{ " + " ".join(items) + " }"


def _spell(value: Any) -> str:
    """Exactly: a fraction, an integer, or the shortest decimal of a float."""
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value)).replace("e+", "e")
    return str(value)


def _outcome_body(profiles: list[tuple[str, ...]]) -> str:
    outcomes = {payoffs: k + 1 for k, payoffs in enumerate(dict.fromkeys(profiles))}
    lines = [f'{{ "Outcome {k}" {", ".join(payoffs)} }}' for payoffs, k in outcomes.items()]
    return "{\n" + "\n".join(lines) + "\n}\n" + " ".join(str(outcomes[payoffs]) for payoffs in profiles) + "\n"
