"""The small drawing that stands for a chapter in the gallery."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repro.figures.captions import one_line
from repro.figures.showing import publish_png

THUMBNAIL_INCHES = (3.2, 2.0)  # 320 x 200 CSS pixels, the picture's place on a card


def thumbnail(figure: Figure, *, alt: str) -> None:
    """Display the chapter's picture for the gallery, drawn for its size, and close it.

    Args:
        figure: 3.2 x 2 inches (`figsize=THUMBNAIL_INCHES`), without axes, labels, titles and
            legends: nobody reads them there.
        alt: what it shows, in words.

    Raises:
        TypeError: `figure` is not a matplotlib figure.
        ValueError: `alt` is blank, another size, or something to be read in the figure.
    """
    if isinstance(figure, Figure):
        size = tuple(round(float(side), 2) for side in figure.get_size_inches())
        if size != THUMBNAIL_INCHES:
            raise ValueError(
                f"thumbnail: expected a figure of {THUMBNAIL_INCHES} inches, got {size}; draw it "
                "for the gallery with figsize=THUMBNAIL_INCHES"
            )
        if found := list(_read(figure)):
            raise ValueError(
                f"thumbnail: expected nothing to be read, found {', '.join(found)}; turn axes off "
                'with ax.axis("off"), and leave titles and legends out'
            )
    publish_png(figure, one_line(alt, "thumbnail: alt"), {"thumbnail": True}, "thumbnail")


def _read(figure: Figure) -> Iterator[str]:
    """What a figure holds for reading: its own titles and legends, then those of its axes."""
    for text in (figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel()):
        if text:
            yield f"the figure's title or label {text!r}"
    if figure.legends:
        yield "the figure's legend"
    for axes in figure.axes:
        yield from _of_axes(axes)


def _of_axes(axes: Axes) -> Iterator[str]:
    """What axes hold for reading."""
    for place in ("left", "center", "right"):
        if title := axes.get_title(loc=place):
            yield f"the title {title!r}"
    if axes.get_legend() is not None:
        yield "a legend"
    # Matplotlib has no public name for whether axes in space are on.
    if not getattr(axes, "_axis3don", axes.axison):
        return
    for letter in "xyz":
        axis = getattr(axes, f"{letter}axis", None)
        if axis is None or not axis.get_visible():
            continue
        if axis.label.get_visible() and axis.get_label_text():
            yield f"the label {axis.get_label_text()!r}"
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        if any(tick.tick1line.get_visible() or tick.label1.get_visible() for tick in ticks):
            yield f"ticks on {letter}"
