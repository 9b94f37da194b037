"""Figures with sliders that work on the static page, and with a live kernel too."""

from __future__ import annotations

import hashlib
import html
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

import matplotlib.pyplot as plt
from IPython import get_ipython
from matplotlib.figure import Figure

from repro.figures.raster import CSS_PIXELS_PER_INCH, base64_text, draw_pixels, publish, to_webp
from repro.figures.sliders import (
    ExploreError,
    Position,
    Slider,
    all_positions,
    alternative,
    arguments,
    make_sliders,
)

MOST_BYTES = 150_000

# Dots per inch and compression, best first; the first that keeps the whole output within
# MOST_BYTES is taken. Few colours without loss suit line art, lossy steps suit photographs.
STEPS: tuple[tuple[int, dict[str, int]], ...] = (
    (144, {"colours": 256}),
    (100, {"colours": 256}),
    (100, {"quality": 80}),
    (100, {"colours": 64}),
    (100, {"quality": 60}),
    (100, {"colours": 32}),
    (100, {"quality": 45}),
    (100, {"quality": 30}),
    (75, {"quality": 45}),
)
_shown: Counter[str] = Counter()  # how often this process has shown a figure of the same content


def explore(
    draw: Callable[..., Figure],
    /,
    *,
    alt: str,
    labels: Mapping[str, str] | None = None,
    fmt: Mapping[str, str] | None = None,
    **values: Iterable[Any],
) -> None:
    """Display a figure with sliders.

    Every combination of positions is drawn ahead, so that the sliders work on the page without a
    kernel and without a network. In a live kernel the same sliders call `draw` again.

    Args:
        draw: called with one value per slider, by name; returns a matplotlib figure, always of
            the same size.
        alt: alternative text with a field for each slider, as in "Error at threshold {delta}";
            "{delta:.1f}" formats the value itself.
        labels: text beside a slider, in place of its name.
        fmt: how a slider's values read, as in {"delta": "{:.2f}"}; by default text as it is and
            numbers with up to six digits.
        **values: name=positions, at least two different ones each, at most 48 combinations.

    Raises:
        ExploreError: no slider, too few or too many positions, positions that read alike, blank
            or wrong `alt`, labels or formats for no slider, figures of different sizes, or more
            than 150 kB in the strongest compression.
        TypeError: `draw` returned something that is not a matplotlib figure.
    """
    sliders = make_sliders(values, labels or {}, fmt or {})
    positions = all_positions(sliders)
    alts = [alternative(alt, sliders, position) for position in positions]
    figures = [_draw(draw, sliders, position) for position in positions]
    sizes = {tuple(figure.get_size_inches().tolist()) for figure in figures}
    if len(sizes) > 1:
        raise ExploreError(
            f"explore: draw returned figures of different sizes, in inches {sorted(sizes)}; "
            "give them all the same figsize"
        )
    bundle: dict[str, Any] = {
        "text/html": _page(sliders, alts, figures),
        "text/plain": _plain(sliders, alts[0]),
    }
    if (view := _live_view(draw, sliders, alt, figures[0])) is not None:
        bundle["application/vnd.jupyter.widget-view+json"] = view
    publish(bundle, {"repro": {"alt": alts[0], "explore": [slider.name for slider in sliders]}})


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


def _page(sliders: list[Slider], alts: list[str], figures: list[Figure]) -> str:
    """The HTML of the static page, in the best quality that keeps it within MOST_BYTES."""
    size = math.inf
    for step in STEPS:
        most = math.inf if step == STEPS[-1] else MOST_BYTES
        frames = _frames(figures, step, most)
        if frames is None:
            continue
        page = _html(sliders, alts, figures[0], frames)
        size = len(page.encode())
        if size <= MOST_BYTES:
            _shown[_digest(sliders, alts)] += 1
            return page
    raise ExploreError(
        f"explore: {len(figures)} pictures take {size / 1000:.0f} kB in the strongest compression, "
        f"at most {MOST_BYTES / 1000:.0f} kB may be stored: use fewer positions, a smaller figure "
        "or less detail"
    )


def _frames(
    figures: list[Figure], step: tuple[int, Mapping[str, int]], most: float
) -> list[str] | None:
    """All pictures as data URIs; None as soon as they exceed `most` bytes together."""
    frames: list[str] = []
    for figure in figures:
        frames.append(_frame(figure, step))
        most -= len(frames[-1])
        if most < 0:
            return None
    return frames


def _frame(figure: Figure, step: tuple[int, Mapping[str, int]]) -> str:
    """One picture as a data URI."""
    dpi, compression = step
    content = to_webp(draw_pixels(figure, dpi), **compression)
    return f"data:image/webp;base64,{base64_text(content)}"


def _html(sliders: list[Slider], alts: list[str], figure: Figure, frames: list[str]) -> str:
    """Markup: one picture that stands by itself, and the data and script that bring it alive."""
    width, height = (round(side * CSS_PIXELS_PER_INCH) for side in figure.get_size_inches())
    described = [{"label": slider.label, "texts": slider.texts} for slider in sliders]
    data = {"sliders": described, "alts": alts, "frames": frames[1:]}
    # "<" would let a text such as "</script>" end the element early.
    packed = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    still = ", ".join(f"{slider.label} = {slider.texts[0]}" for slider in sliders)
    digest = _digest(sliders, alts)
    before = _shown[digest]
    identifier = f"explore-{digest}" + (f"-{before + 1}" if before else "")
    return f"""<div class="repro-explore" id="{identifier}">
<style>{_asset("explore.css")}</style>
<img class="dark-light" src="{frames[0]}" alt="{html.escape(alts[0])}" \
width="{width}" height="{height}">
<p class="repro-explore-still">{html.escape(still)} (one of {len(frames)} pictures)</p>
<script type="application/json">{packed}</script>
<script>{_asset("explore.js")}</script>
</div>"""


def _digest(sliders: list[Slider], alts: list[str]) -> str:
    """Eight characters that depend on the words and positions alone."""
    content = [alts, [(slider.label, slider.texts) for slider in sliders]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


@cache
def _asset(name: str) -> str:
    """The text of a file in repro/assets."""
    return resources.files("repro.figures").joinpath("assets", name).read_text("utf-8").strip()


def _live_view(
    draw: Callable[..., Figure], sliders: list[Slider], alt: str, first: Figure
) -> dict[str, Any] | None:
    """The same sliders as widgets over `draw`; None without ipywidgets or without a kernel."""
    if getattr(get_ipython(), "kernel", None) is None:
        return None
    try:
        import ipywidgets
    except ImportError:
        return None
    selections = [
        ipywidgets.SelectionSlider(
            options=[(text, k) for k, text in enumerate(slider.texts)],
            description=slider.label,
            continuous_update=False,
            style={"description_width": "initial"},
            layout={"width": "100%"},
        )
        for slider in sliders
    ]
    picture = ipywidgets.HTML(_live_picture(first, alternative(alt, sliders, (0,) * len(sliders))))

    def redraw(_: Any) -> None:
        position = tuple(selection.value for selection in selections)
        figure = _draw(draw, sliders, position)
        picture.value = _live_picture(figure, alternative(alt, sliders, position))

    for selection in selections:
        selection.observe(redraw, names="value")
    box = ipywidgets.VBox([picture, *selections], layout={"max_width": "700px"})
    return box.get_view_spec()


def _live_picture(figure: Figure, alt: str) -> str:
    """The picture inside the widget."""
    return f'<img src="{_frame(figure, STEPS[0])}" alt="{html.escape(alt)}" style="width: 100%">'
