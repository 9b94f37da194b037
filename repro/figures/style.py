"""One style and one palette for every figure of the book."""

from __future__ import annotations

import matplotlib as mpl

from repro.figures import captions
from repro.figures.raster import CSS_PIXELS_PER_INCH

# Every colour may be used for text: its contrast is 4.5:1 or more on white, and on the dark page as
# the site turns it over there (`repro.figures.kinds`). In both, any two stay apart for readers with
# protanopia, deuteranopia or tritanopia. tests/repro/figures/test_style.py measures all of that.
PALETTE = {
    "blue": "#466adf",
    "orange": "#a26502",
    "green": "#1a834e",
    "purple": "#875fb1",
    "red": "#c34447",
    "grey": "#424144",
    "sky": "#00557d",
    "brown": "#613e00",
}
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"
INK = "#28323f"  # text and axes

PAGE_INCHES = 7.0


def use_style() -> None:
    """Draw everything that follows in the book's style, and number captions from 1.

    Dark ink on white, constrained layout, 7 inches wide. A chapter's set-up cell calls it.
    """
    captions.restart()
    mpl.rcdefaults()
    mpl.rcParams.update(_colours() | _layout())


def _colours() -> dict[str, object]:
    """Matplotlib settings for colours."""
    ink = dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "xtick.color",
         "ytick.color", "hatch.color", "patch.edgecolor", "boxplot.flierprops.color",
         "boxplot.boxprops.color", "boxplot.whiskerprops.color", "boxplot.capprops.color"),
        INK,
    )  # fmt: skip
    paper = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "white")
    return {
        **ink,
        **paper,
        "axes.prop_cycle": mpl.cycler(color=list(PALETTE.values())),
        "grid.color": INK,
        "grid.alpha": 0.18,
        "image.cmap": SEQUENTIAL,
        "legend.frameon": False,
    }


def _layout() -> dict[str, object]:
    """Matplotlib settings for sizes and placement."""
    return {
        "figure.constrained_layout.use": True,
        "figure.figsize": (PAGE_INCHES, 3.4),
        "figure.dpi": CSS_PIXELS_PER_INCH,
        "font.size": 10,
        "axes.titlesize": 10.5,
        "axes.labelsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.linewidth": 0.6,
        "axes.linewidth": 0.8,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
        "image.interpolation": "nearest",
    }
