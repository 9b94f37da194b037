"""From a matplotlib figure to small PNG and WebP bytes, the same on every run."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

CSS_PIXELS_PER_INCH = 100  # so that a figure of 7 inches takes the page's 700 pixels
SHARP_DPI = 200  # two device pixels per CSS pixel
PALETTE_SIZES = (64, 256)  # colours; no PNG palette holds more than 256
VISIBLE_ERROR = 24  # of 255, at the 99th percentile of pixels: above, flat areas show bands
LARGE_PNG = 80_000  # bytes; above, fewer colours and then fewer pixels are the lesser evil
_MANY_COLOURS = 20_000
_SETTLED = 500  # a palette is final when its last refinement moved no more pixels than that


def draw_pixels(figure: Figure, dpi: float) -> Image.Image:
    """Draw a figure as pixels.

    Args:
        figure: the figure; what is transparent in it becomes white.
        dpi: pixels per inch.

    Returns:
        RGB image of width_in * dpi x height_in * dpi pixels, rounded down.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, pil_kwargs={"compress_level": 1})
    buffer.seek(0)
    drawn = Image.open(buffer).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")


def reduce_colours(image: Image.Image, size: int) -> tuple[Image.Image, float]:
    """Find the palette that suits an image, and apply it.

    Args:
        image: RGB image.
        size: entries of the palette, 2..256.

    Returns:
        The image in mode P, and the error: the 99th percentile over the pixels that are not white
        of the largest channel difference, in 0..255.
    """
    reduced = image.quantize(
        size, method=Image.Quantize.MAXCOVERAGE, kmeans=_SETTLED, dither=Image.Dither.NONE
    )
    before = np.asarray(image).astype(np.int16)
    after = np.asarray(reduced.convert("RGB"))
    error = np.abs(before - after).max(axis=-1)[(before < 255).any(axis=-1)]
    return reduced, float(np.quantile(error, 0.99)) if error.size else 0.0


def photographic(image: Image.Image) -> bool:
    """Whether an image has more colours than drawings and colour maps with soft edges have."""
    return image.getcolors(_MANY_COLOURS) is None


def to_png(figure: Figure) -> bytes:
    """Draw a figure as PNG, two device pixels per CSS pixel where the size allows it.

    Line art gets a palette. Photographs and smooth colour maps, where a palette shows, keep all
    their colours, then get a palette, then fewer pixels, whatever first stays within `LARGE_PNG`.

    Args:
        figure: the figure.

    Returns:
        The bytes of the file; the smallest of all where none stays within `LARGE_PNG`.
    """
    contents: list[bytes] = []
    for dpi in (SHARP_DPI, 0.72 * SHARP_DPI):
        for candidate in _candidates(draw_pixels(figure, dpi)):
            contents.append(_save(candidate, "PNG", optimize=True))
            if len(contents[-1]) <= LARGE_PNG:
                return contents[-1]
    return min(contents, key=len)


def _candidates(image: Image.Image) -> Iterator[Image.Image]:
    """Ways to store an image, the best first: few colours where that does not show."""
    for size in PALETTE_SIZES[-1:] if photographic(image) else PALETTE_SIZES:
        reduced, error = reduce_colours(image, size)
        if error <= VISIBLE_ERROR:
            break
    else:
        yield image
    yield reduced


def to_webp(image: Image.Image, *, colours: int | None = None, quality: int = 80) -> bytes:
    """Compress an RGB image as WebP.

    Args:
        image: the image.
        colours: reduce to that many colours and compress without loss (best for line art);
            None for lossy compression (best for photographs).
        quality: 1..100, of lossy compression.

    Returns:
        The bytes of the file.
    """
    if colours is None:
        return _save(image, "WEBP", quality=quality, method=4)
    reduced, _ = reduce_colours(image, colours)
    return _save(reduced.convert("RGB"), "WEBP", lossless=True, quality=60, method=4)


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file, without metadata: a version or a date would change them."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as an address that holds them; nbval's sanitizer masks what begins `data:image/`."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
