"""The static page's HTML of an `explore` figure: one still picture, and what brings it alive."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib import resources

from markupsafe import Markup
from matplotlib.figure import Figure

from repro.figures.frames import Frames, TooLarge, store
from repro.figures.kinds import kind
from repro.figures.raster import CSS_PIXELS_PER_INCH
from repro.figures.sliders import ExploreError, Position, Slider, all_positions
from repro.markup import render

MOST_BYTES = 150_000
_shown: Counter[str] = Counter()  # how often this process has shown a figure of the same content


def build(
    sliders: Sequence[Slider], alts: Sequence[str], figures: Sequence[Figure], start: Position
) -> str:
    """Lay out a figure with sliders.

    Args:
        sliders: the sliders.
        alts: the alternative text of each position.
        figures: the figure of each position.
        start: the position whose picture stands by itself.

    Returns:
        HTML, in the best quality that keeps it within `MOST_BYTES`.

    Raises:
        ExploreError: the pictures are too large in the lowest quality.
    """
    first = all_positions(sliders).index(start)
    stands = [f"{s.label} = {s.texts[k]}" for s, k in zip(sliders, start, strict=True)]
    width, height = (round(side * CSS_PIXELS_PER_INCH) for side in figures[0].get_size_inches())
    digest = _digest(sliders, alts)
    before = _shown[digest]

    def page(stored: Frames) -> str:
        return render(
            "explore",
            identifier=f"explore-{digest}" + (f"-{before + 1}" if before else ""),
            style=_asset("explore.css"),
            kind=kind(*figures),
            still=stored.still,
            alt=alts[first],
            width=width,
            height=height,
            position=", ".join(stands),
            count=len(figures),
            data=_data(sliders, alts, start, stored),
            script=_asset("explore.js"),
        )

    try:
        built = store(figures, first, page, MOST_BYTES)
    except TooLarge as error:
        raise ExploreError(
            f"explore: {len(figures)} pictures take {error.args[0] / 1000:.0f} kB in the strongest "
            f"compression, at most {MOST_BYTES / 1000:.0f} kB may be stored: use fewer positions, "
            "a smaller figure or less detail"
        ) from None
    _shown[digest] += 1
    return built


def _data(
    sliders: Sequence[Slider], alts: Sequence[str], start: Position, stored: Frames
) -> Markup:
    """What the script reads, as JSON."""
    data = {
        "sliders": [{"label": slider.label, "texts": slider.texts} for slider in sliders],
        "start": start,
        "alts": alts,
        **({"packed": stored.packed} if stored.packed else {"frames": stored.others}),
    }
    packed = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # "<" would let a text such as "</script>" end the element early.
    return Markup(packed.replace("<", "\\u003c"))


def _digest(sliders: Sequence[Slider], alts: Sequence[str]) -> str:
    """Eight characters that depend on the words and positions alone."""
    content = [alts, [(slider.label, slider.texts) for slider in sliders]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]


@cache
def _asset(name: str) -> Markup:
    """The text of a file in `repro/figures/assets`."""
    text = resources.files("repro.figures").joinpath("assets", name).read_text("utf-8")
    return Markup(text.strip())
