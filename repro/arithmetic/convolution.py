"""Convolution of integers, exact in 64 bits. NumPy only."""

from __future__ import annotations

import numpy as np


def integer_conv2d(
    x: np.ndarray, w: np.ndarray, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> np.ndarray:
    """Convolution of integers in NumPy, exact in 64 bits.

    Args:
        x: integers (N, C, H, W).
        w: integers (K, C / groups, R, S); cross-correlation, as in every deep-learning library.
        stride: of both axes, 1 or more.
        padding: rows and columns of zeros on every side.
        groups: C and K are multiples of it.

    Returns:
        int64 (N, K, H', W').

    Raises:
        TypeError: an argument is not an array of integers.
        ValueError: shapes that do not fit together.
    """
    for name, array in (("x", x), ("w", w)):
        if not np.issubdtype(np.asarray(array).dtype, np.integer) or np.ndim(array) != 4:
            raise TypeError(f"integer_conv2d: {name} must hold integers in four axes")
    K, c, R, S = w.shape
    if x.shape[1] != c * groups or K % groups:
        raise ValueError(
            f"integer_conv2d: x {x.shape} and w {w.shape} do not fit with groups={groups}"
        )
    padded = np.pad(x.astype(np.int64), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    if min(padded.shape[2] - R, padded.shape[3] - S) < 0:
        raise ValueError(f"integer_conv2d: the kernel {w.shape} is larger than the image {x.shape}")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (R, S), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    N, _, H, W = windows.shape[:4]
    columns = windows.reshape(N, groups, c, H, W, R, S)
    kernels = w.astype(np.int64).reshape(groups, K // groups, c, R, S)
    return np.einsum("ngchwrs,gkcrs->ngkhw", columns, kernels, optimize=True).reshape(N, K, H, W)
