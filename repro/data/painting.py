"""Handwritten digits as ink over photographs of textures, in integers.

Grey levels are 0..255 and every step is exact, so that pictures are the same, byte for byte, on
every machine: no sum depends on its order, no rounding on the instruction set.
"""

from __future__ import annotations

import numpy as np

from repro.data.packages import packaged, pixels

TEXTURES = ("brick", "grass", "gravel")
#: Columns of the 512x512 textures that training and test backgrounds are cut from.
COLUMNS = {"train": (0, 340), "test": (340, 512)}
WIDEST = min(stop - start for start, stop in COLUMNS.values())
#: Backgrounds have grey levels below this one.
BACKGROUND = 100


def backgrounds(
    rng: np.random.Generator, n: int, size: int, columns: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n, size, size) of 0..BACKGROUND - 1, and where they come from (n, 3)."""
    photos = np.stack([pixels(packaged("skimage", f"data/{name}.png")) for name in TEXTURES])
    which = rng.integers(len(TEXTURES), size=n)
    top = rng.integers(photos.shape[1] - size + 1, size=n)
    left = rng.integers(columns[0], columns[1] - size + 1, size=n)
    mirrored = rng.integers(2, size=(n, 1))
    steps = np.arange(size)
    r = top[:, None] + steps
    c = left[:, None] + np.where(mirrored, size - 1 - steps, steps)
    window = photos[which[:, None, None], r[:, :, None], c[:, None, :]].astype(np.int32)
    return window * BACKGROUND // 256, np.stack([which, top, left], axis=1)


def enlarge(counts: np.ndarray, box: np.ndarray, size: int) -> np.ndarray:
    """Coverage (n, size, size) in 0..255 of 8x8 digits drawn bilinearly into their boxes.

    Interpolation is a product with hat weights in 64ths along each axis: counts of 0..16 times
    64 times 64 give 0..65536, exact in int32.
    """
    rows, cols = (_hats(box[:, axis], box[:, 2], size) for axis in (0, 1))
    return rows @ counts.astype(np.int32) @ cols.transpose(0, 2, 1) * 255 // 65536


def _hats(start: np.ndarray, side: np.ndarray, size: int) -> np.ndarray:
    """Weights (n, size, 8) in 0..64 of source cells for pixels, for squares at `start`."""
    offset = np.arange(size) - start[:, None]
    centre = (2 * offset + 1) * 256 // side[:, None] - 32  # in 64ths of a source cell
    weights = np.maximum(0, 64 - np.abs(centre[:, :, None] - 64 * np.arange(8)))
    inside = (offset >= 0) & (offset < side[:, None])
    return (weights * inside[:, :, None]).astype(np.int32)


def blend(
    rng: np.random.Generator, image: np.ndarray, coverage: np.ndarray, levels: tuple[int, int]
) -> np.ndarray:
    """The image with ink of one random grey level a picture laid over it, rounded down."""
    ink = rng.integers(*levels, size=(len(image), 1, 1))
    return (image * (255 - coverage) + ink * coverage) // 255
