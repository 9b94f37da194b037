"""The sliders of an `explore` figure as widgets that draw anew, for a live kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from repro.figures.frames import STEPS
from repro.figures.raster import data_uri, draw_pixels, to_webp
from repro.figures.sliders import Position, Slider
from repro.markup import render
from repro.notebook import in_kernel

MIME = "application/vnd.jupyter.widget-view+json"


def view(
    draw: Callable[[Position], Figure],
    describe: Callable[[Position], str],
    sliders: list[Slider],
    start: Position,
    first: Figure,
) -> dict[str, Any]:
    """Widgets over a drawing function.

    Args:
        draw: draws the figure at a position.
        describe: the alternative text at a position.
        sliders: the sliders.
        start: where they stand at first.
        first: the figure there.

    Returns:
        The output's entry for Jupyter; empty without a kernel or without ipywidgets.
    """
    if not in_kernel():
        return {}
    try:
        import ipywidgets
    except ImportError:
        return {}
    selections = [
        ipywidgets.SelectionSlider(
            options=[(text, k) for k, text in enumerate(slider.texts)],
            value=k,
            description=slider.label,
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "100%"},
        )
        for slider, k in zip(sliders, start, strict=True)
    ]
    picture = ipywidgets.HTML(_picture(first, describe(start)))

    def redraw(_: object) -> None:
        position = tuple(selection.value for selection in selections)
        picture.value = _picture(draw(position), describe(position))

    for selection in selections:
        selection.observe(redraw, names="value")
    box = ipywidgets.VBox([picture, *selections], layout={"max_width": "700px"})
    return {MIME: box.get_view_spec()}


def _picture(figure: Figure, alt: str) -> str:
    """The picture inside the widget."""
    dpi, compression = STEPS[0]
    source = data_uri("webp", to_webp(draw_pixels(figure, dpi), **compression))
    return render("live", source=source, alt=alt)
