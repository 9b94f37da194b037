"""A small exact model of an accelerator: memories that count, processing elements that count.

Data really move: a :class:`Memory` hands out copies of what was written to it, so that a result
can only be right if every byte it needs was moved, and counted, before. NumPy only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from repro.fixedpoint import bounds

Window = tuple[slice, ...]


class CapacityError(RuntimeError):
    """A memory was asked to hold more than fits."""


class Memory:
    """A memory that holds arrays by name, with a capacity and counted traffic.

    A name such as ``"weights/conv1"`` belongs to the kind ``"weights"``; traffic is counted for
    each kind. :meth:`reserve` and :meth:`drop` move nothing; :meth:`preload` and :meth:`peek` are
    the host's, which looks in from outside and is not counted.

    Attributes:
        name: what error messages call it.
        capacity: bytes that fit, or None for no limit.
        held: bytes held now.
        peak: most bytes held at any time so far.
        traffic: bytes moved so far, by ``(kind, "read" or "write")``.
    """

    def __init__(self, name: str, capacity: int | None = None) -> None:
        if capacity is not None and capacity < 0:
            raise ValueError(f"{name}: capacity must be 0 bytes or more, got {capacity}")
        self.name, self.capacity = name, capacity
        self.held = self.peak = 0
        self.traffic: Counter[tuple[str, str]] = Counter()
        self._arrays: dict[str, np.ndarray] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._arrays

    def reserve(self, key: str, shape: tuple[int, ...], dtype: type | str = np.int8) -> None:
        """Make room for an array, filled with zeros; what had this name before is dropped.

        Raises:
            CapacityError: it does not fit.
        """
        array = np.zeros(shape, dtype)
        before = self._arrays[key].nbytes if key in self else 0
        held = self.held - before + array.nbytes
        if self.capacity is not None and held > self.capacity:
            raise CapacityError(
                f"{self.name}: {key!r} takes {array.nbytes} bytes, {self.held - before} of "
                f"{self.capacity} are in use; drop arrays, or use smaller tiles"
            )
        self._arrays[key] = array
        self.held, self.peak = held, max(self.peak, held)

    def write(self, key: str, data: np.ndarray, window: Window | None = None) -> None:
        """Write an array, or a part of one that is there, and count the bytes.

        Args:
            key: its name.
            data: what to write; without a window it replaces what was there.
            window: slices of the array that ``key`` names, of the shape and type of ``data``.

        Raises:
            CapacityError: it does not fit.
            KeyError: a window of an array that is not there.
            ValueError: ``data`` has not the shape of the window or the type of the array.
        """
        if window is None:
            self.preload(key, data)
        else:
            part = self._array(key)[window]
            if part.shape != data.shape or part.dtype != data.dtype:
                raise ValueError(
                    f"{self.name}: {key!r} takes {part.dtype} {part.shape} here, "
                    f"got {data.dtype} {data.shape}"
                )
            part[...] = data
        self._count(key, "write", data)

    def read(self, key: str, window: Window | None = None) -> np.ndarray:
        """A copy of an array, or of a part of it; counts the bytes.

        Raises:
            KeyError: there is no such array.
        """
        array = self._array(key)
        part = (array if window is None else array[window]).copy()
        self._count(key, "read", part)
        return part

    def preload(self, key: str, data: np.ndarray) -> None:
        """Put a copy of an array there without counting; it takes room all the same.

        Raises:
            CapacityError: it does not fit.
        """
        self.reserve(key, data.shape, data.dtype)
        self._arrays[key][...] = data

    def peek(self, key: str) -> np.ndarray:
        """A copy of an array, without counting.

        Raises:
            KeyError: there is no such array.
        """
        return self._array(key).copy()

    def drop(self, key: str) -> None:
        """Give the room of an array back.

        Raises:
            KeyError: there is no such array.
        """
        self.held -= self._array(key).nbytes
        del self._arrays[key]

    def moved(self, kind: str | None = None, direction: str | None = None) -> int:
        """Bytes moved so far: of one kind or all, read, written or both."""
        return sum(
            count
            for (this, way), count in self.traffic.items()
            if kind in (None, this) and direction in (None, way)
        )

    def _array(self, key: str) -> np.ndarray:
        if key not in self:
            held = ", ".join(sorted(self._arrays)) or "nothing"
            raise KeyError(f"{self.name} does not hold {key!r}; it holds {held}")
        return self._arrays[key]

    def _count(self, key: str, direction: str, data: np.ndarray) -> None:
        self.traffic[key.split("/")[0], direction] += data.nbytes


class ProcessingArray:
    """A grid of processing elements, one multiply-accumulate each and a cycle.

    Output-stationary: each element keeps one int32 sum until it is complete. Rows share an
    activation's column, columns share a weight's row, so a tile of up to ``rows`` filters and
    ``columns`` pixels takes as many cycles as a sum has terms. Filling and draining are left out.

    Attributes:
        rows: filters at a time.
        columns: output pixels at a time.
        cycles: cycles so far.
        macs: multiply-accumulates so far; idle elements do none.
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
            TypeError, ValueError: as for :meth:`matmul`; a map smaller than the kernel.
        """
        if x.ndim != 3 or weights.ndim != 4 or x.shape[0] != weights.shape[1]:
            raise ValueError(
                f"expected a map (C, H, W) and weights (K, C, R, S), got {x.shape}, {weights.shape}"
            )
        C, K, kernel = x.shape[0], len(weights), weights.shape[2:]
        if any(side < k for side, k in zip(x.shape[1:], kernel, strict=True)):
            raise ValueError(f"the map {x.shape} is smaller than the kernel {weights.shape}")
        taps = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))
        H, W = taps.shape[1:3]
        patches = taps.transpose(0, 3, 4, 1, 2).reshape(C * kernel[0] * kernel[1], H * W)
        return self.matmul(weights.reshape(K, -1), patches).reshape(K, H, W)


class Accelerator:
    """External memory, an on-chip buffer for maps, one for weights, and a processing array.

    Args:
        rows: of the array.
        columns: of the array.
        capacity: bytes of the buffer for maps, or None for no limit.
        resident: whether weights stay on the chip, or come from DRAM each time they are used.

    Attributes:
        dram: the external :class:`Memory`.
        maps: the buffer for maps.
        store: the buffer for weights.
        array: the :class:`ProcessingArray`.
        resident: as above.
    """

    def __init__(
        self, rows: int = 8, columns: int = 12, capacity: int | None = None, resident: bool = True
    ) -> None:
        self.dram, self.maps = Memory("DRAM"), Memory("map buffer", capacity)
        self.store, self.array = Memory("weight buffer"), ProcessingArray(rows, columns)
        self.resident = resident

    def weights(self, key: str) -> np.ndarray:
        """Weights that DRAM holds, through the weight buffer; counts what is fetched and read.

        Raises:
            KeyError: neither memory holds them.
        """
        if key not in self.store:
            self.store.write(key, self.dram.read(key))
        weights = self.store.read(key)
        if not self.resident:
            self.store.drop(key)
        return weights


def matmul_cycles(K: int, n: int, P: int, rows: int, columns: int) -> int:
    """Cycles of :meth:`ProcessingArray.matmul`: n for each tile, ceil(K/rows) ceil(P/columns)."""
    return -(-K // rows) * -(-P // columns) * n


def windows(shape: tuple[int, ...], tile: tuple[int, ...]) -> Iterator[Window]:
    """The tiles of an array, in row-major order; the last ones may be smaller.

    Args:
        shape: sides of the array, 0 or more.
        tile: sides of a tile, 1 or more, as many.

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
    types = {a.dtype for a in (weights, patches)}
    if not types <= {np.dtype(np.int8), np.dtype(np.uint8)}:
        raise TypeError(
            f"expected int8 or uint8 operands, got {weights.dtype} and {patches.dtype}; "
            "quantize or saturate them first"
        )
    if weights.ndim != 2 or patches.ndim != 2 or weights.shape[1] != patches.shape[0]:
        raise ValueError(f"expected (K, n) and (n, P), got {weights.shape} and {patches.shape}")
    largest = [max(-low, high) for low, high in (bounds(8, t.kind == "i") for t in types)]
    most = bounds(32)[1] // max(largest) ** 2
    if weights.shape[1] > most:
        raise ValueError(f"{weights.shape[1]} terms can overflow int32; at most {most}: split them")
