"""The contract: data in and out of JSON, parameters, films, and what the suite refuses."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from figures.figure import Figure, load
from figures.parts import panels
from figures.style import Style
from marlcore import conformance, registry
from marlcore.conformance import ConformanceError
from marlcore.errors import InputError


@dataclass(frozen=True)
class Inner:
    values: np.ndarray


@dataclass(frozen=True)
class Data:
    x: np.ndarray
    counts: np.ndarray
    level: float
    names: tuple[str, ...]
    runs: dict[str, Inner]
    sizes: tuple[int, float]


def data(k: int = 3) -> Data:
    x = np.linspace(0, 1, k)
    return Data(
        x, np.arange(k), 0.1, ("a", "b"), {"one": Inner(np.array([[1.5, np.inf], [np.nan, -np.inf]]))}, (k, 0.5)
    )


def draw(data, style):
    canvas, (ax,) = panels(style)
    ax.plot(data.x, data.x**2)
    ax.set(xlabel="x, the number", ylabel="x², its square")
    return canvas


SQUARES = Figure(
    name="squares",
    title="A square lies below its number between 0 and 1",
    claims=("harl/theorem_9/monotone",),
    shows="x and its square",
    alt="A parabola from the origin to the point one, one, below the diagonal between them.",
    data=data,
    draw=draw,
)


def test_a_figure_of_a_third_party_conforms():
    assert len(conformance.check("figures", SQUARES).checks) == 5


def test_data_survive_json(tmp_path):
    made = data(5)
    SQUARES.write_data(tmp_path / "d.json", made)
    read = SQUARES.read_data(tmp_path / "d.json")
    assert isinstance(read, Data)
    np.testing.assert_array_equal(read.x, made.x)
    assert read.counts.dtype.kind == "i"
    np.testing.assert_array_equal(read.runs["one"].values, made.runs["one"].values)
    assert (read.level, read.names, read.sizes) == (made.level, made.names, made.sizes)
    with pytest.raises(InputError, match="exists"):
        SQUARES.write_data(tmp_path / "d.json", made)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "holds no data of a figure"),
        (
            '{"format": "marlcore figure data", "figure": "circles", "data": {}}',
            "holds data of circles, not of squares",
        ),
        ('{"format": "marlcore figure data", "figure": "squares", "data": {}}', "must have the fields x, counts"),
        (
            '{"format": "marlcore figure data", "figure": "squares", "data": {"x": ["one"], "counts": [], "level": 0, '
            '"names": [], "runs": {}, "sizes": [1, 2]}}',
            "data.x is not what",
        ),
    ],
)
def test_a_file_that_is_no_data_is_refused(tmp_path, text, message):
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(InputError, match=message):
        SQUARES.read_data(tmp_path / "d.json")


def test_parameters_reach_the_data_and_wrong_ones_are_named():
    assert len(SQUARES(k=4).axes[0].lines[0].get_xdata()) == 4
    with pytest.raises(InputError, match=r"unknown parameter of squares 'q'; there are k"):
        SQUARES(q=1)
    with pytest.raises(InputError, match="squares does not move"):
        SQUARES.film(data(), Style())


def overlapping(data, style):
    canvas = draw(data, style)
    for _ in range(2):
        canvas.axes[0].text(0.5, 0.5, "twice")
    return canvas


COUNTER = iter(range(1000))


def changing(k: int = 3) -> Data:
    return replace(data(k), level=float(next(COUNTER)))


def needs(k: int) -> Data:
    return data(k)


def taken(dark: int = 3) -> Data:
    return data(dark)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"title": "Squares"}, "states nothing"),
        ({"title": SQUARES.title + "."}, "full stop"),
        ({"claims": ()}, "names no claim"),
        ({"claims": ("harl/lemma_0/none",)}, "unknown claim"),
        ({"alt": "a parabola"}, "says too little"),
        ({"draw": overlapping}, "'twice' lies on 'twice'"),
        ({"data": changing}, "give other data"),
        ({"data": needs}, "k has no default"),
        ({"data": taken}, "--dark is an option"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else None,
)
def test_the_suite_refuses(change, fault):
    with pytest.raises(ConformanceError, match=fault):
        conformance.check("figures", replace(SQUARES, **change))


def test_an_entry_that_is_no_figure_is_refused():
    registry.register("figures", "no figure", 3)
    try:
        with pytest.raises(InputError, match="is a int, not"):
            load("no figure")
    finally:
        registry.unregister("figures", "no figure")
