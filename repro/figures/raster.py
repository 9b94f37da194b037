"""From a matplotlib figure to small, deterministic PNG and WebP bytes."""

from __future__ import annotations

import base64
import io

import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image

CSS_PIXELS_PER_INCH = 100  # so that a figure of 7 inches takes the page's 700 pixels
PALETTE_SIZE = 256  # the most colours a PNG palette holds
VISIBLE_ERROR = 24  # of 255, at the 99th percentile of pixels: above, a palette shows in flat areas
LARGE_PNG = 120_000  # bytes; above, a palette is the lesser evil
_ROUNDS = 10  # of Lloyd's algorithm; more change nothing that can be seen


def draw_pixels(figure: Figure, dpi: float) -> Image.Image:
    """Draw a figure as pixels.

    Args:
        figure: the figure; its background is kept as it is (transparent in the book's style).
        dpi: pixels per inch.

    Returns:
        RGBA image of width_in * dpi x height_in * dpi pixels, rounded down.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, pil_kwargs={"compress_level": 1})
    buffer.seek(0)
    return Image.open(buffer).convert("RGBA")


def reduce_colours(image: Image.Image, size: int = PALETTE_SIZE) -> tuple[Image.Image, float]:
    """Find the palette of colours and opacities that suits an image best, and apply it.

    Weighted k-means over the distinct colours, each multiplied by its opacity so that the colour
    of an invisible pixel does not matter. (Pillow's octree for RGBA is coarser at smooth edges.)

    Args:
        image: RGBA image.
        size: entries of the palette, 2..256.

    Returns:
        The image in mode P with `info["transparency"]`, and the error: the 99th percentile over
        visible pixels of the largest channel difference, in 0..255.
    """
    pixels = np.ascontiguousarray(np.asarray(image)).view(np.uint32).ravel()
    packed, index, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    colours = packed.view(np.uint8).reshape(-1, 4).astype(np.float64)
    visible = colours[:, 3] > 0
    colours[:, :3] *= colours[:, 3:] / 255
    centres, nearest = _cluster(colours, counts**0.75, size)
    error = np.abs(centres[nearest] - colours).max(axis=1)[index][visible[index]]
    opacity = np.rint(centres[:, 3])
    rgb = np.rint(centres[:, :3] * 255 / np.maximum(centres[:, 3:], 1)).clip(0, 255)
    reduced = Image.fromarray(nearest[index].astype(np.uint8).reshape(image.size[::-1]))
    reduced.putpalette(rgb.astype(np.uint8).tobytes())
    reduced.info["transparency"] = opacity.astype(np.uint8).tobytes()
    return reduced, float(np.quantile(error, 0.99)) if error.size else 0.0


def _cluster(colours: np.ndarray, weights: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """k-means from the most frequent colours: centres (<= size, 4) and nearest centre (n,)."""
    centres = colours[np.argsort(-weights, kind="stable")[:size]]
    nearest = _nearest(colours, centres)
    for _ in range(_ROUNDS if len(colours) > size else 0):
        mass = np.bincount(nearest, weights, len(centres))
        used = mass > 0
        for channel in range(4):
            total = np.bincount(nearest, weights * colours[:, channel], len(centres))
            centres[used, channel] = total[used] / mass[used]
        nearest = _nearest(colours, centres)
    return centres, nearest


def _nearest(colours: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the nearest centre for every colour, in blocks that stay small in memory."""
    lengths = (centres**2).sum(axis=1)
    blocks = np.array_split(colours, len(colours) // 4096 + 1)
    return np.concatenate([(lengths - 2 * block @ centres.T).argmin(axis=1) for block in blocks])


def to_png(image: Image.Image) -> bytes:
    """Compress an RGBA image as PNG: with a palette where that does not show, in full otherwise.

    Photographs whose full PNG exceeds `LARGE_PNG` bytes get a palette as well.
    """
    reduced, error = reduce_colours(image)
    if error > VISIBLE_ERROR and len(full := _save(image, "PNG", optimize=True)) <= LARGE_PNG:
        return full
    return _save(reduced, "PNG", optimize=True)


def to_webp(image: Image.Image, *, colours: int | None = None, quality: int = 80) -> bytes:
    """Compress an RGBA image as WebP.

    Args:
        image: the image.
        colours: reduce to that many colours and compress without loss (best for line art);
            None for lossy compression (best for photographs).
        quality: 1..100, of lossy compression.
    """
    if colours is None:
        return _save(image, "WEBP", quality=quality, alpha_quality=quality, method=4)
    reduced, _ = reduce_colours(image, colours)
    return _save(reduced.convert("RGBA"), "WEBP", lossless=True, quality=60, method=4)


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file, without metadata: a version or a date would change them."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def base64_text(content: bytes) -> str:
    """Bytes as one line of base64."""
    return base64.b64encode(content).decode("ascii")


def publish(bundle: dict[str, object], metadata: dict[str, object]) -> None:
    """Display one output with the given representations; outside IPython do nothing."""
    if get_ipython() is not None:
        display(bundle, metadata=metadata, raw=True)
