"""The looks that all figures share: sizes and type for a slide, a page and a paper column, light and dark colours.

    Style("slide")              16:9, large type            Style("page", dark=True)      text width of an A4 page
    Style("column")             one column of a paper

Five hues and the ink are told apart by people with deuteranopia and protanopia as well: no two are closer than 15 in
CIELAB under Machado, Oliveira & Fernandes's (2009) simulation, and all stand out 2.9:1 or more from the background (the
tests measure both). Surfaces use maps of one rising lightness. Type is DejaVu Sans, which matplotlib carries, so that a
figure looks the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap

from marlcore import registry

SIZES = {"slide": (10.0, 5.625), "page": (6.5, 4.2), "column": (3.4, 3.2)}
"""Width and height in inches; a figure may ask for another height on a page or in a column, never on a slide."""
_TYPE = {"slide": (13.5, 19.0), "page": (8.5, 11.5), "column": (7.0, 8.5)}
"""Points of labels and of the title."""
_LINE = {"slide": 2.6, "page": 1.6, "column": 1.2}
_DPI = {"slide": 144, "page": 200, "column": 300}

LIGHT = {
    "blue": "#0068B8",
    "orange": "#B84000",
    "green": "#0FA57F",
    "purple": "#762A83",
    "gold": "#B08C00",
    "ink": "#1B1E24",
    "grey": "#6B7078",
    "faint": "#D9DCE1",
    "paper": "#FFFFFF",
}
DARK = {
    "blue": "#3D9BE9",
    "orange": "#F0703A",
    "green": "#2CC79A",
    "purple": "#E0A6E0",
    "gold": "#FFE066",
    "ink": "#ECEEF2",
    "grey": "#9DA3AE",
    "faint": "#363B44",
    "paper": "#14171C",
}
HUES = ("blue", "orange", "green", "purple", "gold")
"""The order in which lines take their colours."""


@dataclass(frozen=True)
class Style:
    """Where a figure will be looked at: "slide", "page" or "column", on a light or a dark background."""

    size: str = "page"
    dark: bool = False

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise registry.unknown("size", self.size, list(SIZES))

    @property
    def colours(self) -> dict[str, str]:
        """The hues of ``HUES``, and ink (text), grey (what stands back), faint (grids), paper (the background)."""
        return DARK if self.dark else LIGHT

    def __getitem__(self, name: str) -> str:
        """A colour by name."""
        return self.colours[name]

    def hue(self, k: int) -> str:
        """The k-th line's colour; after the last hue comes the ink."""
        return self[(*HUES, "ink")[k % (len(HUES) + 1)]]

    @property
    def type(self) -> float:
        """Points of labels."""
        return _TYPE[self.size][0]

    @property
    def small(self) -> float:
        """Points of tick labels, legends and notes in a panel."""
        return round(0.86 * self.type, 2)

    @property
    def note(self) -> float:
        """Points of the line of claims at the foot: the smallest type in a figure."""
        return round(0.75 * self.type, 2)

    @property
    def title_type(self) -> float:
        """Points of the title."""
        return _TYPE[self.size][1]

    @property
    def line(self) -> float:
        """Points of a line's width."""
        return _LINE[self.size]

    @property
    def marker(self) -> float:
        """Points of a marker's size."""
        return 3.2 * self.line

    @property
    def dpi(self) -> int:
        """Pixels an inch of a bitmap."""
        return _DPI[self.size]

    @property
    def wide(self) -> bool:
        """Whether panels stand side by side; in a column they stand one under the other."""
        return self.size != "column"

    @property
    def rising(self) -> LinearSegmentedColormap:
        """A map of one rising lightness, from what stands back to the brightest (on paper: the darkest)."""
        light = ("#F4F7FA", "#A9C7E3", "#4E93C8", "#0068B8", "#0B2F57")
        dark = ("#1A1F27", "#163B5E", "#1F6AA8", "#5BB0F0", "#D8EEFF")
        return LinearSegmentedColormap.from_list("rising", dark if self.dark else light)

    @property
    def signed(self) -> LinearSegmentedColormap:
        """A map from orange (less) over the background's side to blue (more)."""
        light = ("#8A2F00", "#D0703A", "#F2C7AE", "#F7F7F7", "#B4D3EC", "#3F8CC8", "#004A86")
        dark = ("#FF9A66", "#C2521E", "#5E2E18", "#20242B", "#17405F", "#2478BD", "#7FC4FA")
        return LinearSegmentedColormap.from_list("signed", dark if self.dark else light)

    def context(self) -> Any:
        """matplotlib's settings while a figure is made or saved."""
        return mpl.rc_context(self.settings())

    def settings(self) -> Any:
        """What ``context`` sets."""
        ink, grey, paper = self["ink"], self["grey"], self["paper"]
        return mpl.rcParamsDefault.copy() | {
            "figure.facecolor": paper,
            "figure.edgecolor": paper,
            "savefig.facecolor": paper,
            "figure.dpi": self.dpi,
            "axes.facecolor": paper,
            "axes.edgecolor": grey,
            "axes.labelcolor": ink,
            "axes.titlecolor": ink,
            "text.color": ink,
            "xtick.color": grey,
            "ytick.color": grey,
            "xtick.labelcolor": ink,
            "ytick.labelcolor": ink,
            "grid.color": self["faint"],
            "grid.linewidth": 0.35 * self.line,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.xmargin": 0.02,
            "axes.linewidth": 0.4 * self.line,
            "xtick.major.width": 0.4 * self.line,
            "ytick.major.width": 0.4 * self.line,
            "xtick.minor.size": 0,
            "ytick.minor.size": 0,
            "lines.linewidth": self.line,
            "lines.markersize": self.marker,
            "lines.solid_capstyle": "round",
            "patch.linewidth": 0.5 * self.line,
            "hatch.linewidth": 0.4 * self.line,
            "axes.prop_cycle": cycler(color=[self[hue] for hue in HUES]),
            "font.family": ["DejaVu Sans"],
            "mathtext.fontset": "dejavusans",
            "font.size": self.type,
            "axes.labelsize": self.type,
            "axes.titlesize": self.type,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "xtick.labelsize": self.small,
            "ytick.labelsize": self.small,
            "legend.fontsize": self.small,
            "legend.frameon": False,
            "axes.formatter.useoffset": False,
            "axes.formatter.limits": (-4, 5),
            "svg.fonttype": "none",
            "svg.hashsalt": "marlcore",
            "pdf.fonttype": 42,
            "pdf.compression": 9,
        }
