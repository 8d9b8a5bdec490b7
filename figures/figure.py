"""A didactic figure: its data as a function of parameters, and the drawing on top of the data.

    FIGURE = Figure("drifts", "A drift is flat where …", claims=("harl/drifts/kl_gradient",), shows="…", alt="…",
                    data=data, draw=draw)
    FIGURE(penalty=2)                                 a matplotlib Figure, with parameters of ``data``
    FIGURE.render(FIGURE.data(), Style("slide"))      the same in two steps

``data`` returns a frozen dataclass of numbers, strings, arrays and tuples and dictionaries of them, so that it can be
written as JSON, read back, and tested against theory; ``draw(data, style)`` returns the canvas with its panels. The
title, which states the claim as a sentence, and the claims' ids are put around it here. ``animate(data, style)``, where
a figure moves, returns a ``Film``.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.parts import frame
from figures.style import Style
from marlcore import registry
from marlcore.errors import InputError
from marlcore.kit import files

FORMAT = "marlcore figure data"


@dataclass(frozen=True)
class Film:
    """A canvas, and how to make it show frame k of ``frames``."""

    canvas: Canvas
    show: Callable[[int], Any]
    frames: int
    rate: int = 12
    """Frames a second."""


@dataclass(frozen=True)
class Figure:
    """One figure of the gallery."""

    name: str
    title: str
    """The claim as a sentence that a student understands."""
    claims: tuple[str, ...]
    """The ids of the claims in the ledger that it shows."""
    shows: str
    """What is drawn, in a line: the summary of its entry point."""
    alt: str
    """What a reader who does not see it should know."""
    data: Callable[..., Any]
    draw: Callable[[Any, Style], Canvas]
    animate: Callable[[Any, Style], Film] | None = None

    def __call__(self, *, style: Style | None = None, **parameters: Any) -> Canvas:
        """The figure for these parameters of ``data``."""
        return self.render(self.compute(**parameters), style or Style())

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters of ``data``, each with its default."""
        return dict(inspect.signature(self.data).parameters)

    @property
    def note(self) -> str:
        """What stands below the drawing: the claims, those of one page of the ledger together."""
        pages: dict[str, list[str]] = {}
        for claim in self.claims:
            source, _, rest = claim.partition("/")
            page, _, variable = rest.partition("/")
            pages.setdefault(f"{source}/{page}", []).append(variable)
        listed = (f"{page}{'/' * any(found)}{', '.join(found)}" for page, found in pages.items())
        return f"In the ledger of claims: {'; '.join(listed)}"

    def compute(self, **parameters: Any) -> Any:
        """The data for these parameters; one that the figure does not have is an error that names those it has."""
        for name in parameters:
            if name not in self.parameters:
                raise registry.unknown(f"parameter of {self.name}", name, list(self.parameters))
        return self.data(**parameters)

    def render(self, data: Any, style: Style) -> Canvas:
        """The canvas with the drawing of ``data``, its title and its claims."""
        with style.context():
            return frame(self.draw(data, style), style, self.title, self.note)

    def film(self, data: Any, style: Style) -> Film:
        """The moving figure."""
        if self.animate is None:
            raise InputError(f"{self.name} does not move: choose pdf, svg or png")
        with style.context():
            film = self.animate(data, style)
            film.show(0)  # the layout is made for something
            frame(film.canvas, style, self.title, self.note)
        return film

    @property
    def data_type(self) -> type[Any]:
        """The dataclass that ``data`` returns, from its annotation."""
        kind = typing.get_type_hints(self.data).get("return")
        assert isinstance(kind, type), f"data of {self.name} must be annotated with the dataclass that it returns"
        assert dataclasses.is_dataclass(kind), f"data of {self.name} must return a dataclass, not {kind.__name__}"
        return kind

    def write_data(self, path: Path | str, data: Any, *, overwrite: bool = False) -> None:
        """Keep the data as JSON."""
        content = {"format": FORMAT, "figure": self.name, "data": data}
        files.write_json(path, content, overwrite=overwrite)

    def read_data(self, path: Path | str) -> Any:
        """The data in a file that ``write_data`` wrote, or an error that names the file and the field."""
        content = files.read_json(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"{path} holds no data of a figure: its format is not {FORMAT!r}")
        if content.get("figure") != self.name:
            raise InputError(f"{path} holds data of {content.get('figure')}, not of {self.name}")
        return self.data_from(content.get("data"), str(path))

    def data_from(self, plain: Any, origin: str) -> Any:
        """The dataclass from what JSON keeps of it."""
        return _structure(self.data_type, plain, f"{origin}: data")


def load(name: str) -> Figure:
    """The figure of that name; an unknown one is an error that offers the nearest."""
    found = registry.load("figures", name)
    if not isinstance(found, Figure):
        raise InputError(f"the entry {name!r} of marlcore.figures is a {type(found).__name__}, not a figures.Figure")
    return found


def _structure(kind: Any, plain: Any, where: str) -> Any:
    """The value of type ``kind`` that JSON keeps as ``plain``."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    try:
        if kind is Any:
            return plain
        if kind is np.ndarray or origin is np.ndarray:
            array = np.asarray(plain)
            return np.asarray(plain, dtype=float) if array.dtype.kind in "USO" else array
        if dataclasses.is_dataclass(kind):
            types = typing.get_type_hints(kind)
            if not isinstance(plain, dict) or set(plain) != set(types):
                raise InputError(f"{where} must have the fields {', '.join(types)}")
            return kind(**{name: _structure(types[name], plain[name], f"{where}.{name}") for name in types})  # pyright: ignore[reportCallIssue]
        if origin is tuple:
            kinds = [inner[0]] * len(plain) if len(inner) == 2 and inner[1] is ... else list(inner)
            parts = zip(kinds, plain, strict=True)
            return tuple(_structure(k, p, f"{where}[{i}]") for i, (k, p) in enumerate(parts))
        if origin in (dict, Mapping):
            return {key: _structure(inner[1], value, f"{where}[{key!r}]") for key, value in plain.items()}
        if kind in (float, int, str, bool):
            return kind(plain)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where} is not what the figure's data has there: {error}") from None
    raise TypeError(
        f"{where}: data of figures is made of arrays, numbers, strings, tuples and dictionaries, not {kind}"
    )
