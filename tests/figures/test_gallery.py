"""Every figure of the registry keeps the contract: readable at every size and in every format, the same bytes."""

import itertools

import pytest

from figures import output
from figures.extents import faults
from figures.figure import load
from figures.style import SIZES, Style
from marlcore import conformance, registry

NAMES = registry.names("figures")
CASES = list(itertools.product(SIZES, (False, True), output.STILL))
MAGIC = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}


def covering():
    """One case a figure; together they hold every size, shade and format."""
    return [(name, *CASES[(5 * k) % len(CASES)]) for k, name in enumerate(NAMES)]


@pytest.mark.parametrize(("name", "size", "dark", "kind"), covering(), ids=lambda x: str(x))
def test_a_figure_can_be_read(name, size, dark, kind, data):
    figure, style = load(name), Style(size, dark)
    canvas = figure.render(data(name), style)
    assert faults(canvas) == ()
    assert output.still(canvas, style, kind).startswith(MAGIC[kind])


@pytest.mark.parametrize("name", NAMES)
def test_what_a_figure_says_of_itself(name):
    from figures.conformance import figure_parameters_have_defaults, figure_says_what_it_claims

    figure = load(name)
    figure_says_what_it_claims(figure)
    figure_parameters_have_defaults(figure)
    assert figure.name == name
    assert figure.shows == registry.summary("figures", name)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_figure_conforms(name):
    assert len(conformance.check("figures", name).checks) == 5


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_figure_is_written_in_every_format_and_size(name, dark, data):
    figure = load(name)
    for size in SIZES:
        style = Style(size, dark)
        canvas = figure.render(data(name), style)
        for kind in output.STILL:
            assert output.still(canvas, style, kind).startswith(MAGIC[kind])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if load(name).animate is not None])
def test_a_film_moves(name, data):
    figure, style = load(name), Style("column")
    film = figure.film(data(name), style)
    pictures = set()
    for k in range(film.frames):
        film.show(k)
        assert faults(film.canvas) == (), f"frame {k}"
        if k in (0, film.frames // 2, film.frames - 1):
            pictures.add(output.still(film.canvas, style, "png"))
    assert len(pictures) == 3


def test_the_committed_gallery_shows_every_figure():
    """After a change of a figure: marlcore figure --all --force."""
    from pathlib import Path

    from figures.commands.figure import gallery_page

    docs = Path(__file__).parents[2] / "docs"
    assert (docs / "gallery.md").read_text(encoding="utf-8") == gallery_page([load(name) for name in NAMES])
    shown = {path.stem for path in (docs / "gallery").glob("*.svg")}
    assert shown == {f"{name}{shade}" for name in NAMES for shade in ("", "-dark")}
