"""The pictures of all positions of an `explore` figure, as sharp as their bytes allow.

Light drawings are stored as SVG: sharp at every size, and dozens of positions compressed together
take less than ten as pixels. Pictures, and drawings of thousands of marks, are stored as WebP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from matplotlib.figure import Figure
from PIL import Image

from repro.figures.kinds import kind
from repro.figures.raster import SHARP_DPI, data_uri, draw_pixels, photographic, to_webp
from repro.figures.vector import pack, to_svg

Step = tuple[int, dict[str, int]]

# Dots per inch and compression, best first. Few colours without loss suit line art, lossy steps
# suit photographs.
STEPS: tuple[Step, ...] = (
    (SHARP_DPI, {"colours": 64}),
    (SHARP_DPI, {"quality": 80}),
    (SHARP_DPI, {"colours": 32}),
    (SHARP_DPI, {"quality": 60}),
    (144, {"quality": 75}),
    (144, {"colours": 32}),
    (144, {"quality": 50}),
    (100, {"quality": 60}),
    (100, {"colours": 32}),
    (100, {"quality": 45}),
    (100, {"quality": 30}),
    (75, {"quality": 45}),
)
# A step whose still picture, taken for all, exceeds the limit by this factor is not tried.
_HOPELESS = 1.25


@dataclass(frozen=True)
class Frames:
    """The stored pictures.

    Attributes:
        still: address of the picture that stands by itself.
        others: addresses of all pictures, in the order of the positions; the still one's is empty.
        packed: all pictures in one address instead, as `repro.figures.vector.pack` makes it.
    """

    still: str
    others: tuple[str, ...] = ()
    packed: str = ""


class TooLarge(Exception):
    """The pictures exceed what may be stored; holds their size in the last way that was tried."""


def store(figures: Sequence[Figure], start: int, page: Callable[[Frames], str], most: int) -> str:
    """Build a page in the best quality that keeps it within `most` bytes.

    Args:
        figures: one for each position.
        start: which of them stands by itself.
        page: builds the page from its pictures.
        most: bytes of the page.

    Returns:
        The page.

    Raises:
        TooLarge: no quality is low enough; the argument is the size in the lowest.
    """

    @cache
    def pixels(index: int, dpi: int) -> Image.Image:
        return draw_pixels(figures[index], dpi)

    def encoded(index: int, step: Step) -> str:
        dpi, compression = step
        return data_uri("webp", to_webp(pixels(index, dpi), **compression))

    if kind(*figures) == "drawing":
        packed = data_uri("svg+zlib", pack([to_svg(figure) for figure in figures]))
        still = encoded(start, STEPS[0])
        if len(packed) < len(still) * len(figures):
            built = page(Frames(still, packed=packed))
            if len(built.encode()) <= most:
                return built
    size = 0
    lossy_only = photographic(pixels(start, STEPS[0][0]))
    for step in STEPS:
        if lossy_only and "colours" in step[1]:
            continue
        still = encoded(start, step)
        size = len(still) * len(figures)
        if size > _HOPELESS * most:
            continue
        others = ["" if k == start else encoded(k, step) for k in range(len(figures))]
        built = page(Frames(still, tuple(others)))
        size = len(built.encode())
        if size <= most:
            return built
    raise TooLarge(size)
