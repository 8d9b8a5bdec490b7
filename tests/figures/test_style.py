"""The hues are told apart with two kinds of colour blindness, and everything stands out from its background."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex

from figures.style import HUES, SIZES, Style
from marlcore.errors import InputError

# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
D65 = np.array([0.9505, 1.0, 1.089])


def linear(colour):
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x = TO_XYZ @ np.clip(rgb, 0, 1) / D65
    f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def lightness_of(rgba):
    return lab(linear(to_hex(rgba)))[0]


def contrast(a, b):
    """WCAG 2: ratio of luminances with a flare of 0.05."""
    low, high = sorted(float(TO_XYZ[1] @ linear(c)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def test_the_measures_on_known_values():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    np.testing.assert_allclose(lab(linear("#FFFFFF")), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab(linear("#FF0000")), [53.24, 80.09, 67.20], atol=0.05)  # sRGB red, CIE D65


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_no_two_hues_look_alike(dark, sight):
    style, eye = Style(dark=dark), np.asarray(SIGHT[sight])
    seen = {name: lab(eye @ linear(style[name])) for name in (*HUES, "ink")}
    distances = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in itertools.combinations(seen, 2)}
    assert min(distances.values()) > 15, min(distances, key=lambda pair: distances[pair])


def test_red_and_green_would_fail():
    eye = np.asarray(SIGHT["deuteranopia"])
    assert np.linalg.norm(lab(eye @ linear("#C23B22")) - lab(eye @ linear("#6B8E23"))) < 15


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everything_stands_out(dark):
    style = Style(dark=dark)
    assert all(contrast(style[name], style["paper"]) > 2.9 for name in HUES)
    assert contrast(style["ink"], style["paper"]) > 12
    assert contrast(style["grey"], style["paper"]) > 4.5


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_rising_map_rises_in_lightness(dark):
    style = Style(dark=dark)
    lightness = [lightness_of(style.rising(x)) for x in np.linspace(0, 1, 40)]
    steps = np.diff(lightness)
    assert (steps > 0).all() if dark else (steps < 0).all()


def test_the_signed_map_has_the_background_in_the_middle_and_is_balanced():
    style = Style()
    ends = [lightness_of(style.signed(x)) for x in (0.0, 0.5, 1.0)]
    assert ends[1] > 90
    assert abs(ends[0] - ends[2]) < 10


def test_sizes():
    assert SIZES["slide"][0] / SIZES["slide"][1] == pytest.approx(16 / 9)
    for size in SIZES:
        style = Style(size)
        assert style.title_type > style.type > style.small > style.note >= 5
    with pytest.raises(InputError, match="unknown size 'colum'; did you mean column"):
        Style("colum")
