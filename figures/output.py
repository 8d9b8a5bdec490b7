"""Figures as files: PDF with embedded fonts, SVG whose text can be selected, PNG; films as GIF and, by ffmpeg, MP4.

The same figure gives the same bytes: there is no date in any file, and SVG ids are drawn from a fixed salt. An SVG
carries the glyphs it uses as a web font, so that it looks the same where DejaVu is not installed, and its text is text.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from figures.figure import Film
from figures.style import Style
from marlcore.errors import InputError
from marlcore.kit import files

STILL = ("pdf", "svg", "png")
MOVING = ("gif", "mp4")
_METADATA = {
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": "marlcore", "Creator": "marlcore"},
    "svg": {"Date": None, "Creator": "marlcore"},
    "png": {"Software": "marlcore"},
}


def still(canvas: Canvas, style: Style, kind: str) -> bytes:
    """The canvas as a file of that kind."""
    if kind not in STILL:
        raise InputError(f"a still figure is written as {', '.join(STILL)}, not {kind}")
    buffer = io.BytesIO()
    with style.context():
        canvas.savefig(buffer, format=kind, dpi=style.dpi, metadata=_METADATA[kind])
    return _renumbered(_with_fonts(buffer.getvalue().decode())).encode() if kind == "svg" else buffer.getvalue()


def moving(film: Film, style: Style, kind: str) -> bytes:
    """The film as a file of that kind."""
    if kind == "mp4" and shutil.which("ffmpeg") is None:
        raise InputError("mp4 is made by ffmpeg, which is not on this machine; gif needs nothing")
    if kind not in MOVING:
        raise InputError(f"a moving figure is written as {' or '.join(MOVING)}, not {kind}")
    dpi = {"slide": 96, "page": 120, "column": 160}[style.size]
    pictures = []
    with style.context():
        film.canvas.set_dpi(dpi)
        canvas = FigureCanvasAgg(film.canvas)
        for k in range(film.frames):
            film.show(k)
            canvas.draw()
            pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        film.canvas.set_dpi(style.dpi)
    return _gif(pictures, film.rate) if kind == "gif" else _mp4(pictures, film.rate)


def save(path: Path | str, data: bytes, *, overwrite: bool = False) -> None:
    """Write the file, whole or not at all."""
    files.write_bytes(path, data, overwrite=overwrite)


def _gif(pictures: list[np.ndarray], rate: int) -> bytes:
    from PIL import Image

    # one palette for all frames, from the last one beside the first: colours do not flicker
    both = Image.fromarray(np.concatenate([pictures[0], pictures[-1]]))
    palette = both.quantize(256, dither=Image.Dither.NONE)
    images = [Image.fromarray(p).quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    buffer = io.BytesIO()
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=round(1000 / rate), loop=0, optimize=False
    )
    return buffer.getvalue()


def _mp4(pictures: list[np.ndarray], rate: int) -> bytes:
    height, width = (size - size % 2 for size in pictures[0].shape[:2])  # H.264 takes even sizes
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "film.mp4"
        command = ["ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        command += ["-r", str(rate), "-i", "-", "-an", "-c:v", "libx264", "-threads", "1", "-pix_fmt", "yuv420p"]
        command += [
            "-crf",
            "20",
            "-movflags",
            "+faststart",
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
            str(target),
        ]
        frames = b"".join(np.ascontiguousarray(p[:height, :width]).tobytes() for p in pictures)
        done = subprocess.run(command, input=frames, capture_output=True)
        if done.returncode:
            raise InputError(f"ffmpeg failed: {done.stderr.decode(errors='replace').strip().splitlines()[-1:]}")
        return target.read_bytes()


def _renumbered(svg: str) -> str:
    """Clip paths named clip0, clip1, … in the order of their use: matplotlib names them after memory addresses."""
    names: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return found[1] + names.setdefault(found[2], f"clip{len(names)}") + found[3]

    used = re.sub(r"(clip-path=\"url\(#)(\w+)(\)\")", name, svg)
    return re.sub(r"(<clipPath id=\")(\w+)(\")", name, used)


def _with_fonts(svg: str) -> str:
    """The SVG with the glyphs of its texts as web fonts."""
    characters: dict[tuple[Weight, Slant], set[str]] = {}
    for element in ElementTree.fromstring(svg).iter(f"{_SVG}text"):
        _collect(element, ("normal", "normal"), characters)
    rules = []
    for weight, slant in sorted(characters):
        source = _subset(weight, slant, "".join(sorted(characters[weight, slant])))
        rules.append(
            f"@font-face{{font-family:'DejaVu Sans';font-weight:{weight};font-style:{slant};"
            f"src:url(data:font/woff;base64,{source})}}"
        )
    return svg.replace("</style>", "".join(rules) + "</style>", 1)


Weight = Literal["normal", "bold"]
Slant = Literal["normal", "oblique"]
_SVG = "{http://www.w3.org/2000/svg}"


def _collect(element: Any, face: tuple[Weight, Slant], characters: dict[tuple[Weight, Slant], set[str]]) -> None:
    """The characters of an element and its parts, by the face they are set in."""
    looks = element.get("style", "")
    weight: Weight = "bold" if re.search(r"\b(700|bold)\b", looks) else face[0]
    slant: Slant = "oblique" if re.search(r"\b(italic|oblique)\b", looks) else face[1]
    characters.setdefault((weight, slant), set()).update(element.text or "")
    for part in element:
        _collect(part, (weight, slant), characters)
        characters[weight, slant].update(part.tail or "")


@cache
def _subset(weight: Weight, slant: Slant, characters: str) -> str:
    """A font with these characters alone, as base64."""
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=["kern"], notdef_outline=True, recalc_timestamp=False)
    options.drop_tables += ["FFTM"]  # FontForge's timestamps
    path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", style=slant, weight=weight))
    font = subset.load_font(path, options)
    chosen = subset.Subsetter(options)
    chosen.populate(text=characters)
    chosen.subset(font)
    buffer = io.BytesIO()
    subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode()
