"""What every figure must do, for a test of your own: ``marlcore.conformance.check("figures", my_figure)``."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

from figures.extents import faults
from figures.figure import Figure
from figures.output import still
from figures.style import SIZES, Style
from marlcore.kit import files

Check = Callable[[Figure], None]
WORDS = 5
"""A sentence that states something has at least so many."""


def figure_says_what_it_claims(figure: Figure) -> None:
    """It is a Figure with a sentence as title, what it shows, a text for those who do not see it, and known claims."""
    assert isinstance(figure, Figure), f"a {type(figure).__name__} is no figures.figure.Figure"
    assert len(figure.title.split()) >= WORDS, f"the title {figure.title!r} states nothing"
    assert not figure.title.endswith("."), "the title ends with a full stop"
    assert figure.shows, "it does not say what it shows"
    assert len(figure.alt.split()) >= 2 * WORDS, "its alternative text says too little"
    assert figure.claims, "it names no claim"
    from proofs_check import ledger

    for claim in figure.claims:
        ledger.load(claim)


def figure_parameters_have_defaults(figure: Figure) -> None:
    """Every parameter of its data has a default and a name that no option of the command has."""
    from figures.commands.figure import Config

    taken = {field.name for field in dataclasses.fields(Config)}
    for name, parameter in figure.parameters.items():
        assert parameter.default is not inspect.Parameter.empty, f"{name} has no default"
        assert name not in taken, f"--{name} is an option of marlcore figure"


def figure_data_are_a_function_of_parameters(figure: Figure) -> None:
    """Its data are a frozen dataclass, the same each time, and the same again when JSON has kept them."""
    data = _data(figure)
    assert isinstance(data, figure.data_type), f"the data are a {type(data).__name__}"
    assert type(data).__dataclass_params__.frozen, "the data are not frozen"
    kept = files.dumps(data)
    assert files.dumps(figure.compute()) == kept, "the same parameters give other data"
    assert files.dumps(figure.data_from(json.loads(kept), "data")) == kept, "JSON does not keep the data"


def figure_texts_are_readable(figure: Figure) -> None:
    """At every size, light and dark, no text lies on another or leaves the canvas, and none is too small."""
    for size in SIZES:
        for dark in (False, True):
            found = faults(figure.render(_data(figure), Style(size, dark)))
            assert not found, f"{size}, {'dark' if dark else 'light'}: {'; '.join(found)}"


def figure_has_the_same_bytes(figure: Figure) -> None:
    """Drawn twice, also from data that JSON kept, it is the same SVG and the same PDF to the byte."""
    data, style = _data(figure), Style()
    again = figure.data_from(json.loads(files.dumps(data)), "data")
    for kind in ("svg", "pdf"):
        first, second = (still(figure.render(d, style), style, kind) for d in (data, again))
        assert first == second, f"two {kind} files differ"


SUITE: Sequence[Check] = (
    figure_says_what_it_claims,
    figure_parameters_have_defaults,
    figure_data_are_a_function_of_parameters,
    figure_texts_are_readable,
    figure_has_the_same_bytes,
)


@functools.lru_cache(maxsize=1)
def _data(figure: Figure) -> Any:
    return figure.compute()
