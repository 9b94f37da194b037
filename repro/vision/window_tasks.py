"""Digits far apart and across borders: tasks for networks that attend within windows of 3x3."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from repro.data import digits
from repro.data.painting import enlarge

#: Side of a digit in pixels: three tokens of 4 pixels, as large as a window.
SIDE = 12
NOISE = 25


def written(seed: int, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Real handwritten digits, enlarged.

    Args:
        seed: of the split into training and test digits (`repro.data.digits`).
        part: `"train"` or `"test"`.

    Returns:
        Grey levels int (n, 12, 12) in 0..255, and labels int64 (n,) in 0..9; n is 1297 or 500.

    Raises:
        ValueError: another part.
    """
    if part not in ("train", "test"):
        raise ValueError(f'written: expected part "train" or "test", got {part!r}')
    split = digits(seed)
    x, y = (split.x_train, split.y_train) if part == "train" else (split.x_test, split.y_test)
    counts = np.rint(16 * x[:, 0]).astype(np.int64)
    return enlarge(counts, np.tile([0, 0, SIDE], (len(x), 1)), SIDE), y


def painted(
    rng: np.random.Generator, H: int, W: int, *placed: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Tensor:
    """Images of noise with digits added.

    Args:
        rng: draws the noise, -25 to 25 grey levels, each alike.
        H: rows of pixels.
        W: columns of pixels.
        *placed: digits (n, 12, 12), their first rows (n,) and first columns (n,); all inside.

    Returns:
        float32 (n, 1, H, W): grey levels in units of 64, less 1.
    """
    n, steps = len(placed[0][0]), np.arange(SIDE)
    x = rng.integers(-NOISE, NOISE + 1, (n, H, W))
    for digit, top, left in placed:
        r, c = top[:, None, None] + steps[:, None], left[:, None, None] + steps
        x[np.arange(n)[:, None, None], r, c] += digit
    return torch.from_numpy((x / 64 - 1).astype(np.float32))[:, None]


def distant(seed: int, part: str, n: int) -> tuple[Tensor, Tensor]:
    """Same or different? A 0 or a 1 in the first and in the last of four windows in a row.

    Args:
        seed: chooses the digits' split and everything random.
        part: `"train"` or `"test"`, from different handwritten digits.
        n: number of images.

    Returns:
        Images float32 (n, 1, 12, 48), and int64 (n,): 1 where the two digits are different.
    """
    rng = np.random.default_rng([seed, part == "test"])
    drawn, label = written(seed, part)
    bits = rng.integers(2, size=(2, n))
    zero, one = (np.flatnonzero(label == k) for k in (0, 1))
    first, last = (drawn[np.where(b, rng.choice(one, n), rng.choice(zero, n))] for b in bits)
    start = np.zeros(n, dtype=np.int64)
    x = painted(rng, SIDE, 4 * SIDE, (first, start, start), (last, start, start + 3 * SIDE))
    return x, torch.from_numpy((bits[0] != bits[1]).astype(np.int64))


def anywhere(seed: int, part: str, n: int) -> tuple[Tensor, Tensor, np.ndarray]:
    """Which digit? One as large as a window, at one of 16 places on four windows.

    Args:
        seed: chooses the digits' split and everything random.
        part: `"train"` or `"test"`, from different handwritten digits.
        n: number of images.

    Returns:
        Images float32 (n, 1, 24, 24), labels int64 (n,) in 0..9, and places int64 (n, 2): first
        row and column in tokens, 0 to 3. At 0 and 3 the digit lies within a window.
    """
    rng = np.random.default_rng([seed, part == "test"])
    drawn, label = written(seed, part)
    chosen, place = rng.integers(len(drawn), size=n), rng.integers(4, size=(n, 2))
    x = painted(rng, 2 * SIDE, 2 * SIDE, (drawn[chosen], *(SIDE // 3 * place.T)))
    return x, torch.from_numpy(label[chosen]), place
