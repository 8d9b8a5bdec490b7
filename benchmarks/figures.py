"""Each figure at its default parameters, from nothing to the bytes of an SVG: under ten seconds each."""

from figures.figure import load
from figures.output import still
from figures.style import Style
from marlcore import registry
from marlcore.kit.benchmark import Case


def cases() -> list[Case]:
    """One case a figure."""

    def job(name: str):
        figure, style = load(name), Style()
        return lambda: still(figure.render(figure.compute(), style), style, "svg")

    return [Case(name, job(name), unit="figures", group=name) for name in registry.names("figures")]
