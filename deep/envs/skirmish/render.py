"""Pictures of a battle: units with health and shield, shots, walls, reach, and the score, as frames and as a film.

    frame(view)                one picture, uint8 (height, width, 3)
    write(path, frames)        .gif, .mp4 (with ffmpeg), or a folder of PNG files

Allies are blue, enemies red; a circle is a unit's body, the letter its type, the bar above it its health and, over
that, its shield; a pale circle is how far its weapon reaches. A line is a shot of the last step (green: a heal), a ring
a burst. Drawn with Pillow, which matplotlib brings.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deep.envs.skirmish import fields, units
from deep.envs.skirmish.maps import SIZE, Scene
from deep.envs.skirmish.units import UNITS
from marlcore.errors import InputError

CELL = 20
"""Pixels of a map unit."""
HEAD = 26
"""Pixels of the line of text above the map."""
OPEN, ROCK, TEXT = (226, 221, 208), (92, 84, 74), (30, 30, 30)
ALLY, ENEMY = (38, 98, 190), (200, 55, 45)
ALLY_SHOT, ENEMY_SHOT, HEALING, BURST = (20, 70, 230), (225, 60, 20), (30, 160, 60), (110, 190, 30)
HEALTH, LOST, SHIELD = (60, 190, 75), (70, 70, 70), (90, 200, 240)
LETTERS = {
    "marine": "m",
    "marauder": "M",
    "medivac": "+",
    "stalker": "s",
    "zealot": "z",
    "colossus": "C",
    "zergling": "l",
    "baneling": "b",
    "hydralisk": "h",
    "spine_crawler": "S",
}


@dataclass(frozen=True)
class View:
    """What is drawn: one battle's units after a step, and before it (for those who fell and where shots came from)."""

    scene: Scene
    f: np.ndarray
    """(fields, N)"""
    k: np.ndarray
    """(keys, N)"""
    before: np.ndarray | None
    """(fields, N) when the step began; None after a reset"""
    text: str


def frame(view: View) -> np.ndarray:
    """One picture."""
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (SIZE * CELL, SIZE * CELL + HEAD), (250, 250, 250))
    draw = ImageDraw.Draw(sheet, "RGBA")
    _ground(draw, view.scene.ground)
    n = int(view.scene.sizes[0])
    for i in range(view.f.shape[1]):
        _reach(draw, view, i, ALLY if i < n else ENEMY)
    order = sorted(range(view.f.shape[1]), key=lambda i: UNITS[view.k[fields.TYPE, i]].layer)
    for i in order:
        _body(draw, view, i, ALLY if i < n else ENEMY)
    for i in order:
        _shot(draw, view, i, ALLY_SHOT if i < n else ENEMY_SHOT)
    for i in order:
        _bars(draw, view, i)
    draw.text((6, 6), view.text, fill=TEXT, font=_font(13))
    return np.asarray(sheet)


def write(path: Path, frames: Sequence[np.ndarray], per_second: float = 8.0) -> None:
    """A film, or with no suffix a folder of pictures; nothing that exists is overwritten."""
    from PIL import Image

    if path.exists():
        raise InputError(f"{path} exists and is not overwritten: give another name")
    if not frames:
        raise InputError("there are no frames to write")
    if path.suffix == ".gif":
        first, *rest = [Image.fromarray(each).quantize(64) for each in frames]
        first.save(path, save_all=True, append_images=rest, duration=round(1000 / per_second), loop=0)
    elif path.suffix == ".mp4":
        _film(path, frames, per_second)
    elif path.suffix == "":
        path.mkdir(parents=True)
        for k, each in enumerate(frames):
            Image.fromarray(each).save(path / f"{k:04d}.png")
    else:
        raise InputError(f"{path}: a battle is written as .gif, .mp4 or a folder of PNG files, not {path.suffix}")


def _film(path: Path, frames: Sequence[np.ndarray], per_second: float) -> None:
    height, width = frames[0].shape[:2]
    command = ["ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", str(per_second), "-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
    command += ["-pix_fmt", "yuv420p", str(path)]
    try:
        subprocess.run(command, input=b"".join(each.tobytes() for each in frames), check=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: ffmpeg is not installed; write a .gif instead") from error


def _ground(draw: Any, ground: np.ndarray) -> None:
    for x in range(SIZE):
        for y in range(SIZE):
            left, top = x * CELL, _down(y + 1)
            draw.rectangle((left, top, left + CELL, top + CELL), fill=OPEN if ground[x, y] else ROCK)


def _reach(draw: Any, view: View, i: int, colour: tuple[int, int, int]) -> None:
    unit = UNITS[view.k[fields.TYPE, i]]
    if view.f[fields.HP, i] > 0 and unit.range > 1:
        _circle(draw, view.f[:, i], unit.range + unit.diameter / 2, outline=(*colour, 26))


def _body(draw: Any, view: View, i: int, colour: tuple[int, int, int]) -> None:
    unit = UNITS[view.k[fields.TYPE, i]]
    alive = view.f[fields.HP, i] > 0
    if not alive:
        if view.before is not None and view.before[fields.HP, i] > 0:
            _cross(draw, view.f[:, i], unit.diameter / 2, colour)
        return
    fill = (*colour, 150 if unit.layer == units.AIR else 235)
    _circle(draw, view.f[:, i], unit.diameter / 2, fill=fill, outline=(20, 20, 20, 255))
    x, y = _place(view.f[:, i])
    draw.text((x, y), LETTERS[unit.name], fill=(255, 255, 255), font=_font(12), anchor="mm")


def _bars(draw: Any, view: View, i: int) -> None:
    unit = UNITS[view.k[fields.TYPE, i]]
    if view.f[fields.HP, i] <= 0:
        return
    x, y = _place(view.f[:, i])
    half, top = max(CELL * unit.diameter / 2, 6), y - CELL * unit.diameter / 2 - 6
    part = float(view.f[fields.HP, i]) / unit.health
    draw.rectangle((x - half, top, x + half, top + 2), fill=LOST)
    draw.rectangle((x - half, top, x - half + 2 * half * part, top + 2), fill=HEALTH)
    if unit.shield:
        part = float(view.f[fields.SH, i]) / unit.shield
        draw.rectangle((x - half, top - 3, x - half + 2 * half * part, top - 2), fill=SHIELD)


def _shot(draw: Any, view: View, i: int, colour: tuple[int, int, int]) -> None:
    j = int(view.k[fields.SHOT, i])
    if j < 0 or view.before is None:
        return
    unit = UNITS[view.k[fields.TYPE, i]]
    if unit.weapon == units.EXPLOSION:
        _circle(draw, view.f[:, i], units.BANELING_RADIUS, fill=(*BURST, 40), outline=(*BURST, 220))
        return
    healing = unit.weapon == units.HEAL
    ends = (*_place(view.f[:, i]), *_place(view.f[:, j]))
    draw.line(ends, fill=(*(HEALING if healing else colour), 220), width=3 if unit.range < 1 or healing else 2)


def _cross(draw: Any, unit: np.ndarray, r: float, colour: tuple[int, int, int]) -> None:
    x, y = _place(unit)
    r *= CELL
    draw.line((x - r, y - r, x + r, y + r), fill=(*colour, 255), width=2)
    draw.line((x - r, y + r, x + r, y - r), fill=(*colour, 255), width=2)


def _circle(draw: Any, unit: np.ndarray, r: float, **style: Any) -> None:
    x, y = _place(unit)
    r *= CELL
    draw.ellipse((x - r, y - r, x + r, y + r), **style)


def _place(unit: np.ndarray) -> tuple[float, float]:
    return float(unit[fields.X]) * CELL, _down(float(unit[fields.Y]))


def _down(y: float) -> float:
    """North is up."""
    return HEAD + (SIZE - y) * CELL


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
