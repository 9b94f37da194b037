"""A grid of processing elements that counts its cycles. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from repro.arithmetic.convolution import taps
from repro.arithmetic.fixedpoint import bounds
from repro.hardware.memory import Window


class ProcessingArray:
    """A grid of processing elements, one multiply-accumulate each and a cycle.

    Output-stationary: each element keeps one int32 sum until it is complete. The elements of a
    row share a weight, those of a column an activation, so a tile of up to `rows` filters and
    `columns` pixels takes as many cycles as a sum has terms. Filling and draining are left out.

    Attributes:
        rows: filters at a time.
        columns: output pixels at a time.
        cycles: cycles so far.
        macs: multiply-accumulates so far; idle elements do none.

    Raises:
        ValueError: less than one row or column.
    """

    def __init__(self, rows: int, columns: int) -> None:
        if rows < 1 or columns < 1:
            raise ValueError(f"a processing array has 1 row and column or more: {rows}, {columns}")
        self.rows, self.columns = rows, columns
        self.cycles = self.macs = 0

    @property
    def utilization(self) -> float:
        """Share of elements and cycles that did work, in [0, 1]; 0 before the first cycle."""
        return self.macs / max(1, self.rows * self.columns * self.cycles)

    def matmul(self, weights: np.ndarray, patches: np.ndarray) -> np.ndarray:
        """Exact sums of products, tile by tile.

        Args:
            weights: int8 or uint8 (K, n), one filter a row.
            patches: int8 or uint8 (n, P), one output pixel a column.

        Returns:
            int32 (K, P).

        Raises:
            TypeError: operands that are not 8-bit integers.
            ValueError: shapes that do not fit, or so many terms that int32 could overflow.
        """
        _check_operands(weights, patches)
        (K, n), P = weights.shape, patches.shape[1]
        # Sums below 2**53 are exact in float64, in any order, and many times faster than in int32.
        w, x = weights.astype(np.float64), patches.astype(np.float64)
        sums = np.empty((K, P), np.int32)
        for tile in windows((K, P), (self.rows, self.columns)):
            sums[tile] = w[tile[0]] @ x[:, tile[1]]
            self.cycles += n
            self.macs += n * sums[tile].size
        return sums

    def convolve(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Convolution of a padded map, as in deep learning (no flip), stride 1.

        Args:
            x: int8 or uint8 (C, H, W), padded already.
            weights: int8 or uint8 (K, C, R, S).

        Returns:
            int32 (K, H - R + 1, W - S + 1).

        Raises:
            TypeError: operands that are not 8-bit integers.
            ValueError: as for `matmul`, or a map smaller than the kernel.
        """
        if x.ndim != 3 or weights.ndim != 4 or x.shape[0] != weights.shape[1]:
            raise ValueError(
                f"expected a map (C, H, W) and weights (K, C, R, S), got {x.shape}, {weights.shape}"
            )
        K, C, R, S = weights.shape
        windows = taps(x, (R, S))  # (C, H', W', R, S)
        H, W = windows.shape[1:3]
        patches = windows.transpose(0, 3, 4, 1, 2).reshape(C * R * S, H * W)
        return self.matmul(weights.reshape(K, C * R * S), patches).reshape(K, H, W)


def matmul_cycles(K: int, n: int, P: int, rows: int, columns: int) -> int:
    """Cycles of `ProcessingArray.matmul`: n for each of ceil(K / rows) ceil(P / columns) tiles.

    Args:
        K: filters.
        n: terms of a sum.
        P: output pixels.
        rows: of the array, 1 or more.
        columns: of the array, 1 or more.
    """
    return -(-K // rows) * -(-P // columns) * n


def windows(shape: tuple[int, ...], tile: tuple[int, ...]) -> Iterator[Window]:
    """The tiles of an array, in row-major order; the last ones may be smaller.

    Args:
        shape: sides of the array, 0 or more.
        tile: sides of a tile, 1 or more, as many.

    Yields:
        One slice for each side.

    Raises:
        ValueError: different numbers of sides, or sides outside these ranges.
    """
    if len(shape) != len(tile) or min(tile, default=1) < 1 or min(shape, default=0) < 0:
        raise ValueError(f"expected as many tile sides of 1 or more, got {tile} for {shape}")
    counts = [-(-side // step) for side, step in zip(shape, tile, strict=True)]
    for index in np.ndindex(*counts):
        yield tuple(
            slice(i * step, min((i + 1) * step, side))
            for i, step, side in zip(index, tile, shape, strict=True)
        )


def _check_operands(weights: np.ndarray, patches: np.ndarray) -> None:
    """Refuse operands whose products or sums the array cannot hold."""
    types = [a.dtype for a in (weights, patches)]
    if not set(types) <= {np.dtype(np.int8), np.dtype(np.uint8)}:
        raise TypeError(
            f"expected int8 or uint8 operands, got {weights.dtype} and {patches.dtype}; "
            "quantize or saturate them first"
        )
    if weights.ndim != 2 or patches.ndim != 2 or weights.shape[1] != patches.shape[0]:
        raise ValueError(f"expected (K, n) and (n, P), got {weights.shape} and {patches.shape}")
    largest = [max(-low, high) for low, high in (bounds(8, t.kind == "i") for t in types)]
    most = bounds(32)[1] // math.prod(largest)
    if weights.shape[1] > most:
        raise ValueError(f"{weights.shape[1]} terms can overflow int32; at most {most}: split them")
