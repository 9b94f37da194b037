"""Convolution of integers, exact in 64 bits. NumPy only."""

from __future__ import annotations

import numpy as np


def taps(
    x: np.ndarray, kernel: tuple[int, int], *, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """What a kernel meets at each of its positions.

    Args:
        x: maps (..., H, W).
        kernel: height R and width S of the kernel, 1 or more.
        stride: step of the kernel along both axes, 1 or more.
        padding: rows and columns of zeros on every side, 0 or more.

    Returns:
        (..., H', W', R, S), H' = (H + 2 padding - R) // stride + 1 and W' likewise; a read-only
        view if nothing is padded.

    Raises:
        ValueError: a map smaller than the kernel, or numbers outside the ranges above.
    """
    if x.ndim < 2 or min(kernel) < 1 or stride < 1 or padding < 0:
        raise ValueError(
            "expected maps (..., H, W), a kernel and a stride of 1 or more, and a padding of 0 or "
            f"more, got maps {x.shape}, kernel {kernel}, stride {stride}, padding {padding}"
        )
    if padding:
        x = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(padding, padding)] * 2)
    if any(side < k for side, k in zip(x.shape[-2:], kernel, strict=True)):
        raise ValueError(f"the kernel {kernel} is larger than the map {x.shape}, padding included")
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(-2, -1))
    return windows[..., ::stride, ::stride, :, :]


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
        ValueError: shapes that do not fit together, or sums that 64 bits might not hold.
    """
    for name, array in (("x", x), ("w", w)):
        kind = getattr(array, "dtype", type(array).__name__)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu" or array.ndim != 4:
            raise TypeError(
                f"integer_conv2d: {name} must be an array that holds integers in four axes, "
                f"got {kind} {np.shape(array)}"
            )
    K, c, R, S = w.shape
    if groups < 1 or x.shape[1] != c * groups or K % groups:
        raise ValueError(
            f"integer_conv2d: x {x.shape} and w {w.shape} do not fit with groups={groups}"
        )
    largest = _largest(x) * _largest(w) * c * R * S
    if largest >= 1 << 63:
        raise ValueError(
            f"integer_conv2d: sums of {c * R * S} products of {x.dtype} and {w.dtype} may reach "
            f"{largest}, beyond 64 bits; narrow the operands first"
        )
    N = len(x)
    windows = taps(x.astype(np.int64), (R, S), stride=stride, padding=padding)
    H, W = windows.shape[2:4]
    columns = windows.reshape(N, groups, c, H, W, R, S)
    kernels = w.astype(np.int64).reshape(groups, K // groups, c, R, S)
    return np.einsum("ngchwrs,gkcrs->ngkhw", columns, kernels, optimize=True).reshape(N, K, H, W)


def _largest(x: np.ndarray) -> int:
    """The largest magnitude; 0 of nothing."""
    return max(-int(x.min()), int(x.max())) if x.size else 0
