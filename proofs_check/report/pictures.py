"""The figures that claims name, as SVG to stand in the page; drawn by whatever package registers them.

A figure is drawn once and shown at each claim that names it: ``<symbol id="figure-NAME">`` and ``<use>``. Ids get the
figure's name in front, so that two figures on a page do not meet. Nothing here imports a drawing library.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from marlcore import registry
from marlcore.errors import InputError
from marlcore.kit.progress import Progress


@dataclass(frozen=True)
class Picture:
    """The inside of an SVG, its viewBox, and what a reader who does not see it should know."""

    name: str
    inside: str
    box: str
    alt: str


def pictures(names: Iterable[str]) -> dict[str, Picture]:
    """The pictures of those names that a package offers."""
    offered = registry.entries("figures")
    wanted = [name for name in dict.fromkeys(names) if name in offered]
    made = {}
    with Progress("drawing", len(wanted)) as progress:
        for name in wanted:
            made[name] = drawn(name, offered[name].load())
            progress.advance()
    return made


def drawn(name: str, figure: Any) -> Picture:
    """One figure: what it returns when it is called saves itself as SVG (a matplotlib Figure does)."""
    buffer = io.BytesIO()
    figure().savefig(buffer, format="svg", metadata={"Date": None})
    return picture(name, buffer.getvalue().decode(), getattr(figure, "alt", ""))


def picture(name: str, svg: str, alt: str = "") -> Picture:
    """An SVG file as a picture of a page."""
    outer = re.search(r"<svg\b([^>]*)>(.*)</svg>", svg, re.DOTALL)
    box = outer and re.search(r'viewBox="([-\d. ]+)"', outer.group(1))
    if outer is None or box is None:
        raise InputError(f"figure {name}: what it saves is no SVG with a viewBox")
    inside = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<script\b.*?</script>", "", outer.group(2), flags=re.DOTALL)
    inside = re.sub(r'\bid="', f'id="{name}-', inside)
    inside = re.sub(r"url\(#", f"url(#{name}-", inside)
    inside = re.sub(r'href="#', f'href="#{name}-', inside)
    if re.search(r'href="(?!#)(?!data:)|url\((?!#)(?!data:)', inside):
        raise InputError(f"figure {name}: its SVG needs a network")
    # a rule for every element would reach the whole page: it becomes the figure's own
    rules = " ".join(re.findall(r"<style[^>]*>\s*\*\s*\{(.*?)\}\s*</style>", inside, re.DOTALL))
    inside = re.sub(r"<style\b.*?</style>", "", inside, flags=re.DOTALL)
    style = html.escape(" ".join(rules.split()))
    return Picture(name, f'<g style="{style}">{inside}</g>', box.group(1), alt or name)
