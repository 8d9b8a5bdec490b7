"""``marlcore figure NAME --out FILE``: draw a figure, for a slide, a page or a column, light or dark.

The parameters of a figure's data are options of their own, which ``marlcore figure NAME --help`` lists. ``--keep``
writes the data as JSON, ``--data`` draws from such a file. ``--all`` draws the gallery: every figure light and dark as
SVG into ``FOLDER/gallery/``, and the page ``FOLDER/gallery.md``, FOLDER being ``--out`` (docs unless given).
"""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from marlcore import registry
from marlcore.cli_config import Positional, arg, parse
from marlcore.errors import InputError
from marlcore.kit.executor import map_each
from marlcore.kit.tables import emit, table

EXAMPLE = "marlcore figure homogeneity_trap --out trap.svg --size slide --dark"


@dataclass(frozen=True)
class Config:
    """What ``marlcore figure`` takes."""

    name: Positional[Annotated[str, arg(metavar="NAME")]] = ""
    """A figure (--list names them); its own parameters are options too."""
    out: Path | None = None
    """The file; its ending says the format unless --format does. NAME.svg unless given."""
    format: str = ""
    """pdf, svg or png; gif or mp4 of a figure that moves."""
    size: str = "page"
    """slide, page or column."""
    dark: bool = False
    """Light lines on a dark background."""
    data: Path | None = None
    """Draw the data in this file, which --keep wrote, instead of computing them."""
    keep: Path | None = None
    """Write the data to this file as JSON."""
    list: bool = False
    """List the figures: name, claim, and what it shows."""
    all: bool = False
    """Draw the gallery: every figure, and the page docs/gallery.md."""
    workers: int = 0
    """Processes that share the gallery; one a processor unless given."""
    force: bool = False
    """Replace files that are there."""
    json: bool = False
    """Print JSON instead of tables."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    kind = _config(argv)
    config = parse(kind, argv, "marlcore figure", "Draw a figure of the theory.", EXAMPLE)
    if config.list:
        return _list(config)
    if config.all:
        return _all(config)
    if not config.name:
        raise InputError("which figure? marlcore figure --list names them")
    return _one(config)


def _config(argv: Sequence[str]) -> Any:
    """The options, and those of the figure that is asked for, with its defaults."""
    known = set(registry.names("figures"))
    switches = {f"--{field.name}" for field in dataclasses.fields(Config) if field.type == "bool"}
    after = zip(argv, ("", *argv), strict=False)
    words = [word for word, last in after if not last.startswith("--") or last in switches]
    name = next((word for word in words if word in known), None)
    if name is None:
        return Config
    from figures.figure import load

    figure = load(name)
    types = typing.get_type_hints(figure.data)
    own = [
        (p.name, Annotated[types[p.name], arg(help=f"A parameter of {name}.")], dataclasses.field(default=p.default))
        for p in figure.parameters.values()
    ]
    kind = dataclasses.make_dataclass("Config", own, bases=(Config,), frozen=True)
    options = {"help", *(field.name for field in dataclasses.fields(kind))}
    for word in argv:
        option = word.partition("=")[0].removeprefix("--").replace("-", "_")
        if word.startswith("--") and option not in options:
            listed = ", ".join(f"--{parameter}" for parameter in figure.parameters) or "none"
            near = registry.unknown("option", f"--{option}", [f"--{known}" for known in sorted(options - {"name"})])
            raise InputError(f"{near}; the parameters of {name}: {listed}")
    return kind


def _one(config: Any) -> int:
    from figures import output
    from figures.figure import load
    from figures.style import Style

    figure = load(config.name)
    style = Style(config.size, config.dark)
    kind = config.format or (config.out.suffix.removeprefix(".") if config.out else "") or "svg"
    if kind not in (*output.STILL, *output.MOVING):
        raise registry.unknown("format", kind, [*output.STILL, *output.MOVING])
    if kind in output.MOVING and figure.animate is None:
        raise InputError(f"{figure.name} does not move: choose {', '.join(output.STILL)}")
    path = config.out or Path(f"{figure.name}.{kind}")
    for target in (path, config.keep):
        if target is not None and target.exists() and not config.force:
            raise InputError(f"{target} exists; choose another file, or --force to replace it")
    parameters = {name: getattr(config, name) for name in figure.parameters}
    if config.data is not None:
        changed = [name for name, p in figure.parameters.items() if parameters[name] != p.default]
        if changed:
            raise InputError(f"--{changed[0]} has no effect on data that are there: leave out --data or --{changed[0]}")
    data = figure.read_data(config.data) if config.data else figure.compute(**parameters)
    if config.keep:
        figure.write_data(config.keep, data, overwrite=config.force)
    if kind in output.MOVING:
        content = output.moving(figure.film(data, style), style, kind)
    else:
        content = output.still(figure.render(data, style), style, kind)
    output.save(path, content, overwrite=config.force)
    answer = {
        "figure": figure.name,
        "title": figure.title,
        "claims": figure.claims,
        "file": path,
        "bytes": len(content),
    }
    emit(answer, f"{path}: {figure.title}", as_json=config.json)
    return 0


def _list(config: Config) -> int:
    from figures.figure import load

    figures = [load(name) for name in registry.names("figures")]
    rows = [
        {
            "name": f.name,
            "claims": f.claims,
            "shows": f.shows,
            "title": f.title,
            "moves": f.animate is not None,
            "parameters": {p.name: p.default for p in f.parameters.values()},
        }
        for f in figures
    ]
    shown = [{"figure": r["name"], "claim": "\n".join(r["claims"]), "what it shows": r["shows"]} for r in rows]
    emit({"figures": rows}, table(shown, f"{len(rows)} figures"), as_json=config.json)
    return 0


# ---------------------------------------------------------------- the gallery


def _all(config: Config) -> int:
    from figures.figure import load

    if config.name:
        raise InputError(f"--all draws every figure: leave out {config.name}")
    folder = config.out or Path("docs")
    page, pictures = folder / "gallery.md", folder / "gallery"
    names = registry.names("figures")
    targets = [page, *(pictures / f"{name}{shade}.svg" for name in names for shade in ("", "-dark"))]
    there = [path for path in targets if path.exists()]
    if there and not config.force:
        raise InputError(f"{there[0]} exists; choose another folder with --out, or --force to replace it")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    pictures.mkdir(exist_ok=True)
    jobs = [(name, str(pictures), config.size) for name in names]
    sizes = map_each(draw_pair, jobs, executor=config.workers or os.cpu_count() or 1, label="drawing the gallery")
    from marlcore.kit import files

    figures = [load(name) for name in names]
    files.write_text(page, gallery_page(figures), overwrite=True)
    rows = [{"figure": f.name, "kilobytes": round(size / 1000, 1)} for f, size in zip(figures, sizes, strict=True)]
    emit({"page": page, "figures": rows}, table(rows, f"{len(rows)} figures: {page}"), as_json=config.json)
    return 0


def draw_pair(job: tuple[str, str, str]) -> int:
    """One figure, light and dark, into a folder; the bytes written."""
    from figures import output
    from figures.figure import load
    from figures.style import Style

    name, folder, size = job
    figure = load(name)
    data, total = figure.compute(), 0
    for shade in ("", "-dark"):
        style = Style(size, bool(shade))
        content = output.still(figure.render(data, style), style, "svg")
        output.save(Path(folder) / f"{name}{shade}.svg", content, overwrite=True)
        total += len(content)
    return total


def gallery_page(figures: Sequence[Any]) -> str:
    """The page that shows every figure, in the light or the dark form that suits the reader."""
    lines = ["# Gallery", "", "Generated by `marlcore figure --all --force`.", ""]
    for f in figures:
        ids = ", ".join(f"[`{claim}`](claims.md#{_anchor(claim)})" for claim in f.claims)
        lines += [f"## {f.name.replace('_', ' ').capitalize()}", "", f"{f.title}.", ""]
        lines += [
            f"![{f.alt}](gallery/{f.name}{shade}.svg#only-{only})" for shade, only in (("", "light"), ("-dark", "dark"))
        ]
        command = f"marlcore figure {f.name} --out {f.name}.svg"
        lines += ["", f"`{command}` · claims: {ids}", ""]
    return "\n".join(lines)


def _anchor(claim: str) -> str:
    """What the claims page's heading of that id becomes."""
    return claim.replace("/", "")
