"""The book's figures: one style, one palette, and pictures that carry their description."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

from repro.figures.explore import explore
from repro.figures.raster import CSS_PIXELS_PER_INCH, base64_text, draw_pixels, publish, to_png

__all__ = ["DIVERGING", "INK", "PALETTE", "SEQUENTIAL", "explore", "show", "use_style"]

# Every colour has a contrast of at least 3:1 on white and on the dark page (#121821), and any two
# stay apart for readers with protanopia, deuteranopia or tritanopia (tests/test_figures.py).
PALETTE = {
    "blue": "#235fdc",
    "orange": "#d77d0f",
    "green": "#0a7823",
    "purple": "#a0418c",
    "red": "#dc282d",
    "grey": "#5f6964",
    "sky": "#00a0c3",
    "brown": "#b48c64",
}
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"
INK = "#767d86"  # text and axes: the best contrast that both backgrounds allow at once, 4.2:1

PAGE_INCHES = 7.0
DPI = 144


def use_style() -> None:
    """Draw everything that follows in the book's style.

    Transparent background, ink that is legible on a light and on a dark page, constrained layout,
    7 inches wide.
    """
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
    clear = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none")
    return {
        **ink,
        **clear,
        "axes.prop_cycle": cycler(color=list(PALETTE.values())),
        "grid.color": INK,
        "grid.alpha": 0.25,
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


def show(figure: Figure, *, alt: str, name: str | None = None) -> None:
    """Display a figure with alternative text, as a compressed PNG, and close it.

    Args:
        figure: the figure; a width of 7 inches fills the page (700 pixels, drawn at 144 dpi).
        alt: what the picture shows, in words, for readers who do not see it. It stands in the
            plain-text output too, so it must not contain measured numbers.
        name: short name stored beside the picture, for tools that look for it.

    Raises:
        TypeError: `figure` is not a matplotlib figure.
        ValueError: `alt` is blank.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"show: expected a matplotlib Figure, got {type(figure).__name__}")
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("show: alt is blank; say in a sentence what the figure shows")
    alt = " ".join(alt.split())
    content = base64_text(to_png(draw_pixels(figure, DPI)))
    width = round(figure.get_figwidth() * CSS_PIXELS_PER_INCH)
    plt.close(figure)
    stored = {"alt": alt} if name is None else {"alt": alt, "name": name}
    publish(
        {"image/png": content, "text/plain": f"figure: {alt}"},
        {"repro": stored, "image/png": {"alt": alt, "width": width}},
    )
