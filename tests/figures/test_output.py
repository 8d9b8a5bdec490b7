"""Files: the same bytes each time, fonts inside, text that is text; films in both formats."""

import io
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from figures import output
from figures.figure import Film, load
from figures.parts import frame, panels
from figures.style import Style
from marlcore.errors import InputError

NAME = "homogeneity_trap"


def film(style, frames=4):
    with style.context():
        canvas, (ax,) = panels(style)
        ax.set(xlim=(0, 1), ylim=(0, 1))
        (line,) = ax.plot([], [])
        frame(canvas, style, "A line that grows from left to right", "")
    return Film(canvas, lambda k: line.set_data([0, (k + 1) / frames], [0.5, 0.5]), frames)


@pytest.mark.parametrize("kind", output.STILL)
def test_the_same_figure_is_the_same_bytes_in_another_process(kind, data, tmp_path):
    figure, style = load(NAME), Style()
    here = output.still(figure.render(data(NAME), style), style, kind)
    target = tmp_path / f"there.{kind}"
    command = [sys.executable, "-m", "marlcore", "figure", NAME, "--out", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    assert target.read_bytes() == here


def test_an_svg_has_text_that_is_text_and_its_fonts(data):
    style = Style()
    svg = output.still(load(NAME).render(data(NAME), style), style, "svg").decode()
    assert "n, the number of agents" in svg  # selectable: letters, not outlines
    assert "harl/propositions_4_and_5" in svg
    faces = re.findall(
        r"@font-face\{font-family:'DejaVu Sans';font-weight:(\w+);font-style:(\w+);src:url\(data:font/woff", svg
    )
    assert ("normal", "normal") in faces
    assert ("bold", "normal") in faces
    assert "<dc:date>" not in svg


def test_a_pdf_embeds_true_type_and_no_date(data):
    style = Style()
    pdf = output.still(load(NAME).render(data(NAME), style), style, "pdf")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


def test_a_gif_has_every_frame_and_plays_for_ever():
    style = Style("column")
    made = output.moving(film(style), style, "gif")
    assert made == output.moving(film(style), style, "gif")
    picture = Image.open(io.BytesIO(made))
    assert picture.n_frames == 4
    assert picture.info["loop"] == 0
    frames = []
    for k in range(4):
        picture.seek(k)
        frames.append(np.asarray(picture.convert("L")).sum())
    assert frames == sorted(frames, reverse=True)  # the line grows dark


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="mp4 needs ffmpeg")
def test_an_mp4_plays():
    style = Style("column")
    made = output.moving(film(style), style, "mp4")
    assert made[4:8] == b"ftyp"
    assert made == output.moving(film(style), style, "mp4")


def test_without_ffmpeg_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="gif needs nothing"):
        output.moving(film(Style("column")), Style("column"), "mp4")


def test_formats_are_named():
    style = Style()
    with pytest.raises(InputError, match="pdf, svg, png, not jpg"):
        output.still(film(style).canvas, style, "jpg")
    with pytest.raises(InputError, match="gif or mp4, not avi"):
        output.moving(film(style), style, "avi")


def test_clip_paths_are_not_named_after_memory(data):
    """Contours are clipped by a polygon, whose name in matplotlib is a hash of its address."""
    figure, style, found = load("zero_sum_lp"), Style(), data("zero_sum_lp")
    one, two = (figure.render(found, style) for _ in range(2))  # both are alive, so at two addresses
    first, second = (output.still(canvas, style, "svg").decode() for canvas in (one, two))
    assert first == second
    used = set(re.findall(r"clip-path=\"url\(#(\w+)\)\"", first))
    assert used
    assert used <= set(re.findall(r"<clipPath id=\"(\w+)\"", first))
    assert all(name.startswith("clip") for name in used)
