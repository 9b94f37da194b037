"""A memory that counts its traffic.

Data really move: a `Memory` hands out copies of what was written to it, so that a result
can only be right if every byte it needs was moved, and counted, before. NumPy only.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

Window = tuple[slice, ...]


class CapacityError(RuntimeError):
    """A memory was asked to hold more than fits."""


class Memory:
    """A memory that holds arrays by name, with a capacity and counted traffic.

    A name such as `"weights/conv1"` belongs to the kind `"weights"`; traffic is counted for
    each kind. `reserve` and `drop` move nothing; `preload` and `peek` are
    the host's, which looks in from outside and is not counted.

    Attributes:
        name: what error messages call it.
        capacity: bytes that fit, or None for no limit.
        held: bytes held now.
        peak: most bytes held at any time so far.
        traffic: bytes moved so far, by `(kind, "read" or "write")`.

    Raises:
        ValueError: a negative capacity.
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

        Args:
            key: its name.
            shape: of the array.
            dtype: of its elements.

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
            window: slices of the array that `key` names, of the shape and type of `data`.

        Raises:
            CapacityError: it does not fit.
            KeyError: a window of an array that is not there.
            ValueError: `data` has not the shape of the window or the type of the array.
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

        Args:
            key: its name.
            window: slices of the part; None: the whole array.

        Raises:
            KeyError: there is no such array.
        """
        array = self._array(key)
        part = (array if window is None else array[window]).copy()
        self._count(key, "read", part)
        return part

    def preload(self, key: str, data: np.ndarray) -> None:
        """Put a copy of an array there without counting; it takes room all the same.

        Args:
            key: its name.
            data: what it holds.

        Raises:
            CapacityError: it does not fit.
        """
        self.reserve(key, data.shape, data.dtype)
        self._arrays[key][...] = data

    def peek(self, key: str) -> np.ndarray:
        """A copy of an array, without counting.

        Args:
            key: its name.

        Raises:
            KeyError: there is no such array.
        """
        return self._array(key).copy()

    def drop(self, key: str) -> None:
        """Give the room of an array back.

        Args:
            key: its name.

        Raises:
            KeyError: there is no such array.
        """
        self.held -= self._array(key).nbytes
        del self._arrays[key]

    def moved(self, kind: str | None = None, direction: str | None = None) -> int:
        """Bytes moved so far.

        Args:
            kind: what comes before the first slash of the names counted; None: all.
            direction: `"read"` or `"write"`; None: both.
        """
        return sum(
            count
            for (this, way), count in self.traffic.items()
            if kind in (None, this) and direction in (None, way)
        )

    def _array(self, key: str) -> np.ndarray:
        """The array of that name itself, or a complaint."""
        if key not in self:
            held = ", ".join(sorted(self._arrays)) or "nothing"
            raise KeyError(f"{self.name} does not hold {key!r}; it holds {held}")
        return self._arrays[key]

    def _count(self, key: str, direction: str, data: np.ndarray) -> None:
        """Add the bytes of what moved to its kind."""
        self.traffic[key.split("/")[0], direction] += data.nbytes
