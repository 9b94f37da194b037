"""Pictures that carry their description, and captions under them."""

from __future__ import annotations

import base64

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from repro.figures.captions import number, one_line, publish_caption
from repro.figures.kinds import kind
from repro.figures.raster import CSS_PIXELS_PER_INCH, to_png
from repro.notebook import publish


def show(figure: Figure, *, alt: str, caption: str | None = None, name: str | None = None) -> None:
    """Display a figure as a compressed PNG with alternative text, and close it.

    Args:
        figure: the figure; a width of 7 inches fills the page (700 pixels, drawn at two device
            pixels each where the size allows it).
        alt: what the picture shows, in words, for readers who do not see it. It stands in the
            plain-text output too, so it must not contain measured numbers.
        caption: one or two sentences under the figure, which gets a number; it may hold
            $mathematics$ and no measured numbers. None: no caption and no number.
        name: short name stored beside the picture, for tools that look for it.

    Raises:
        TypeError: `figure` is not a matplotlib figure.
        ValueError: `alt` or `caption` is blank.
    """
    told: dict[str, object] = {} if name is None else {"name": name}
    if caption is not None:
        caption = one_line(caption, "show: caption")
        told["figure"] = number(caption)
    publish_png(figure, one_line(alt, "show: alt"), told, "show")
    if caption is not None:
        publish_caption(caption)


def publish_png(figure: Figure, alt: str, told: dict[str, object], caller: str) -> None:
    """Display a figure as PNG, and close it.

    Args:
        figure: the figure.
        alt: alternative text, on one line.
        told: what is stored under `repro` beside `alt` and `kind`.
        caller: who shows it, for the message.

    Raises:
        TypeError: `figure` is not a matplotlib figure.
    """
    if not isinstance(figure, Figure):
        raise TypeError(f"{caller}: expected a matplotlib Figure, got {type(figure).__name__}")
    content = base64.b64encode(to_png(figure)).decode("ascii")
    width = round(figure.get_figwidth() * CSS_PIXELS_PER_INCH)
    plt.close(figure)
    publish(
        {"image/png": content, "text/plain": f"figure: {alt}"},
        {"repro": {"alt": alt, "kind": kind(figure)} | told,
         "image/png": {"alt": alt, "width": width}},
    )  # fmt: skip
