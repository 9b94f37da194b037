"""Trits as bits of machine words: inner products and convolutions by popcount. NumPy only.

A trit takes two bits, in two planes: is it not 0, and is it -1. Binary vectors are trits that are
never 0. Binary images with a border of zeros are trits that are 0 in the border only, so that the
plane "is it not 0" masks the border.
"""

from __future__ import annotations

import numpy as np

from repro.arithmetic.convolution import taps

WORD = 64


def same_words(caller: str, *planes: np.ndarray) -> None:
    """Refuse rows of different lengths: broadcasting would repeat a single word in silence.

    Args:
        caller: named in the message.
        *planes: (..., m), words on the last axis.

    Raises:
        ValueError: the planes differ in m.
    """
    if len({plane.shape[-1] for plane in planes}) > 1:
        raise ValueError(
            f"{caller}: expected rows of the same number of words, packed from as many trits, "
            f"got {' and '.join(str(plane.shape) for plane in planes)}"
        )


def pack(trits: np.ndarray) -> np.ndarray:
    """Pack trits into 64-bit words.

    Args:
        trits: -1, 0 and 1, (..., n), n 1 or more.

    Returns:
        uint64 (2, ..., ceil(n / 64)): the plane "is it not 0" and the plane "is it -1". Unused bits
        are 0 in both, so that they count as trits that are 0.

    Raises:
        ValueError: other values, or no trit.
    """
    trits = np.asarray(trits)
    if trits.ndim < 1 or trits.shape[-1] < 1 or not np.isin(trits, (-1, 0, 1)).all():
        raise ValueError(
            f"pack: expected trits -1, 0 and 1, (..., n) with n >= 1, got shape {trits.shape} "
            f"and values {np.unique(trits)[:5]}"
        )
    n = trits.shape[-1]
    padded = np.zeros((*trits.shape[:-1], -(-n // WORD) * WORD), np.int8)
    padded[..., :n] = trits
    return np.packbits(np.stack([padded != 0, padded < 0]), axis=-1).view(np.uint64)


def packed_dot(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Inner products of packed trits: popcount(a) - 2 popcount(a & (x- ^ w-)), a = both not 0.

    Args:
        x: planes (2, ..., m) as `pack` returns them.
        w: planes (2, ..., m); all axes but the first and the last are broadcast against `x`.

    Returns:
        int32 (...).

    Raises:
        ValueError: rows of different lengths.
    """
    same_words("packed_dot", x[0], x[1], w[0], w[1])
    both = x[0] & w[0]
    differ = both & (x[1] ^ w[1])
    agree = np.bitwise_count(both).sum(-1, dtype=np.int32)
    return agree - 2 * np.bitwise_count(differ).sum(-1, dtype=np.int32)


def packed_conv(x: np.ndarray, w: np.ndarray, *, stride: int = 1, padding: int = 0) -> np.ndarray:
    """Convolution of trits on packed words.

    Args:
        x: trits (N, C, H, W), nothing empty.
        w: trits (K, C, R, S), nothing empty; cross-correlation, as in every deep-learning library.
        stride: of both axes, 1 or more.
        padding: rows and columns of zeros on every side, 0 or more. They are masked, not counted.

    Returns:
        int32 (N, K, H', W'), equal to `repro.arithmetic.convolution.integer_conv2d`.

    Raises:
        ValueError: shapes that do not fit together, or other values than trits.
    """
    x, w = np.asarray(x), np.asarray(w)
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[1] or not x.size or not w.size:
        raise ValueError(
            "packed_conv: expected x (N, C, H, W) and w (K, C, R, S), neither empty, "
            f"got {x.shape} and {w.shape}"
        )
    windows = taps(x, w.shape[2:], stride=stride, padding=padding)  # (N, C, H', W', R, S)
    patches = windows.transpose(0, 2, 3, 1, 4, 5)
    patches = patches.reshape(*patches.shape[:3], 1, -1)
    return packed_dot(pack(patches), pack(w.reshape(len(w), -1))).transpose(0, 3, 1, 2)
