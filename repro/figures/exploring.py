"""Figures with sliders that work on the static page, and with a live kernel too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from repro.figures import live
from repro.figures.captions import number, one_line, publish_caption
from repro.figures.kinds import kind
from repro.figures.page import build
from repro.figures.sliders import (
    ExploreError,
    Position,
    Slider,
    all_positions,
    alternative,
    arguments,
    make_sliders,
    make_start,
)
from repro.notebook import publish


def explore(
    draw: Callable[..., Figure],
    /,
    *,
    alt: str,
    caption: str | None = None,
    start: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    fmt: Mapping[str, str] | None = None,
    **values: Iterable[Any],
) -> None:
    """Display a figure with sliders.

    Every combination of positions is drawn ahead, so that the sliders work on the page without a
    kernel and without a network. In a live kernel the same sliders call `draw` again. Line
    drawings are stored as SVG, of which 24 to 48 usually fit; pictures as WebP.

    Args:
        draw: called with one value per slider, by name; returns a matplotlib figure, always of
            the same size.
        alt: alternative text with a field for each slider, as in "Error at threshold {delta}";
            "{delta:.1f}" formats the value itself.
        caption: as in `show`; the same at all positions.
        start: the position at which a slider stands at first, by name; by default the middle one.
        labels: text beside a slider, in place of its name.
        fmt: how a slider's values read, as in {"delta": "{:.2f}"}; by default text as it is and
            numbers with up to six digits.
        **values: name=positions, at least two different ones each, at most 48 combinations.

    Raises:
        ExploreError: no slider, too few or too many positions, positions that read alike, a start
            that is no position, blank or wrong `alt`, labels, formats or starts for no slider,
            figures of different sizes, or more than 150 kB in the strongest compression.
        ValueError: `caption` is blank.
        TypeError: `draw` returned something that is not a matplotlib figure.
    """
    sliders = make_sliders(values, labels or {}, fmt or {})
    begin = make_start(sliders, start or {}, fmt or {})
    positions = all_positions(sliders)
    first = positions.index(begin)
    if caption is not None:
        caption = one_line(caption, "explore: caption")
    alts = [alternative(alt, sliders, position) for position in positions]
    figures = [_draw(draw, sliders, position) for position in positions]
    sizes = {tuple(figure.get_size_inches().tolist()) for figure in figures}
    if len(sizes) > 1:
        raise ExploreError(
            f"explore: draw returned figures of different sizes, in inches {sorted(sizes)}; "
            "give them all the same figsize"
        )
    told: dict[str, Any] = {
        "alt": alts[first],
        "explore": [slider.name for slider in sliders],
        "kind": kind(*figures),
    }
    if caption is not None:
        told["figure"] = number(caption)
    publish(
        {
            "text/html": build(sliders, alts, figures, begin),
            "text/plain": _plain(sliders, alts[first]),
            **live.view(
                partial(_draw, draw, sliders),
                partial(alternative, alt, sliders),
                sliders,
                begin,
                figures[first],
            ),
        },
        {"repro": told},
    )
    if caption is not None:
        publish_caption(caption)


def _draw(draw: Callable[..., Figure], sliders: list[Slider], position: Position) -> Figure:
    """Call `draw` at one position, and check and close what it returns."""
    values = arguments(sliders, position)
    try:
        figure = draw(**values)
    except Exception as error:
        error.add_note(f"explore: raised while drawing the position {values}")
        raise
    if not isinstance(figure, Figure):
        raise TypeError(
            f"explore: draw returned {type(figure).__name__} at {values}, "
            "expected a matplotlib Figure; end it with `return fig`"
        )
    plt.close(figure)  # only pyplot forgets it; it can still be drawn
    return figure


def _plain(sliders: list[Slider], alt: str) -> str:
    """The plain-text output: what is shown, then each slider and its positions."""
    lines = [f"{slider.label}: {', '.join(slider.texts)}" for slider in sliders]
    return "\n".join([f"explore: {alt}", *lines])
