"""A vector unit that counts its instructions, and two matrix products on it. NumPy only."""

from __future__ import annotations

import numpy as np

#: Accumulators that a kernel may hold at once: half of the 32 vector registers of AArch64.
ACCUMULATORS = 16


class VectorMachine:
    """A vector unit, one instruction a cycle, with a stream of weights that is partly near.

    A vector is the last axis of an array and has `lanes` elements. An instruction on an array of
    several vectors counts once for each. Numbers are exact: int64 for integers, else float64.

    Attributes:
        lanes: elements of a vector.
        near: numbers of a streamed operand, from its start, that are read without waiting.
        wait: cycles more for each vector's worth of numbers behind them.
        counts: instructions so far by kind ("load", "fma", "move", "store"), and cycles "waited".

    Raises:
        ValueError: less than one lane, or negative numbers.
    """

    def __init__(self, lanes: int = 4, near: int = 4096, wait: int = 2) -> None:
        if lanes < 1 or near < 0 or wait < 0:
            raise ValueError(
                "expected 1 lane or more, and numbers and cycles of 0 or more, "
                f"got {lanes}, {near} and {wait}"
            )
        self.lanes, self.near, self.wait = lanes, near, wait
        self.counts = dict.fromkeys(("load", "fma", "move", "store", "waited"), 0)
        self._position = 0

    @property
    def cycles(self) -> int:
        """Cycles so far: one an instruction, and those waited."""
        return sum(self.counts.values())

    def rewind(self) -> None:
        """Start the stream of weights anew."""
        self._position = 0

    def load(self, values: np.ndarray) -> np.ndarray:
        """A row of numbers (n,) from memory as vectors (ceil(n / lanes), lanes), zeros behind."""
        padded = np.zeros((-(-len(values) // self.lanes), self.lanes), values.dtype)
        padded.reshape(-1)[: len(values)] = values
        self.counts["load"] += len(padded)
        return padded

    def stream(self, values: np.ndarray) -> np.ndarray:
        """The next numbers (n,) of a streamed operand as a vector, n up to `lanes`, with an index.

        The index, which says where they belong, is one more load.
        """
        start, self._position = self._position, self._position + len(values)
        begun = -(-self._position // self.lanes) - -(-start // self.lanes)
        self.counts["waited"] += self.wait * begun * (start >= self.near)
        self.counts["load"] += 1
        return self.load(values)[0]

    def move(self, *shape: int, dtype: type = np.int64) -> np.ndarray:
        """Accumulators set to zero, (*shape, lanes)."""
        made = np.zeros((*shape, self.lanes), dtype)
        self.counts["move"] += made.size // self.lanes
        return made

    def fma(self, sums: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        """Adds a * b to accumulators in place; a and b broadcast, which the lanes do for free."""
        sums += a * b
        self.counts["fma"] += sums.size // self.lanes

    def store(self, sums: np.ndarray) -> np.ndarray:
        """Writes accumulators to memory."""
        self.counts["store"] += sums.size // self.lanes
        return sums


def tiles(count: int, size: int) -> list[int]:
    """Sizes of the tiles of a row of `count`: whole ones, and a smaller last one.

    Raises:
        ValueError: a negative count, or tiles of less than 1.
    """
    if count < 0 or size < 1:
        raise ValueError(f"expected a count of 0 or more and tiles of 1 or more: {count}, {size}")
    return [size] * (count // size) + [count % size] * bool(count % size)


def operands(W: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (M, K) and columns (K, P) as exact 64-bit numbers.

    Raises:
        ValueError: shapes that do not fit, or no integers or finite numbers.
    """
    W, X = np.asarray(W), np.asarray(X)
    if W.ndim != 2 or X.ndim != 2 or W.shape[1] != X.shape[0]:
        raise ValueError(f"expected W (M, K) and X (K, P), got {W.shape} and {X.shape}")
    whole = W.dtype.kind in "iu" and X.dtype.kind in "iu"
    W, X = (a.astype(np.int64 if whole else np.float64) for a in (W, X))
    if not whole and not (np.isfinite(W).all() and np.isfinite(X).all()):
        raise ValueError("expected finite numbers in W and X, got NaN or infinity")
    return W, X


def dense_product(machine: VectorMachine, W: np.ndarray, X: np.ndarray) -> np.ndarray:
    """W X by blocks of two vectors of filters and up to 8 pixels, no weight skipped.

    For each block of filters all pixels are visited, so its weights stay near.

    Args:
        machine: counts.
        W: (M, K) weights.
        X: (K, P), one output pixel a column.

    Returns:
        (M, P), int64 for integers, else float64.

    Raises:
        ValueError: as for `operands`.
    """
    W, X = operands(W, X)
    Y, filter_ = np.zeros((len(W), X.shape[1]), W.dtype), 0
    for m in tiles(len(W), 2 * machine.lanes):
        pixel = 0
        for p in tiles(X.shape[1], ACCUMULATORS // 2):
            sums = machine.move(p, -(-m // machine.lanes), dtype=W.dtype)
            for w, x in zip(W.T, X, strict=True):
                a = machine.load(w[filter_ : filter_ + m])
                b = machine.load(x[pixel : pixel + p]).reshape(-1)[:p]
                machine.fma(sums, a, b[:, None, None])
            block = machine.store(sums).reshape(p, -1)[:, :m]
            Y[filter_ : filter_ + m, pixel : pixel + p] = block.T
            pixel += p
        filter_ += m
    return Y


def dense_cycles(M: int, K: int, P: int, lanes: int = 4) -> int:
    """Cycles of `dense_product` for M filters of K taps on P pixels."""
    cycles = 0
    for m in tiles(M, 2 * lanes):
        v = -(-m // lanes)
        cycles += sum(
            K * (v + -(-p // lanes) + v * p) + 2 * v * p for p in tiles(P, ACCUMULATORS // 2)
        )
    return cycles


def scattered_product(machine: VectorMachine, W: np.ndarray, X: np.ndarray) -> np.ndarray:
    """W X for single weights that are not zero: the lanes hold neighbouring pixels.

    For each non-zero one value, its index, and the pixels of its tap are loaded; 16 vectors of
    pixels are summed at a time.

    Args:
        machine: counts.
        W: (M, K) weights; zeros are skipped.
        X: (K, P), one output pixel a column.

    Returns:
        (M, P), int64 for integers, else float64.

    Raises:
        ValueError: as for `operands`.
    """
    W, X = operands(W, X)
    Y, pixel = np.zeros((len(W), X.shape[1]), W.dtype), 0
    for p in tiles(X.shape[1], ACCUMULATORS * machine.lanes):
        machine.rewind()
        for y, w in zip(Y, W, strict=True):
            sums = machine.move(-(-p // machine.lanes), dtype=W.dtype)
            for k in np.flatnonzero(w):
                value = machine.stream(w[k : k + 1])[0]
                machine.fma(sums, value, machine.load(X[k, pixel : pixel + p]))
            y[pixel : pixel + p] = machine.store(sums).reshape(-1)[:p]
        pixel += p
    return Y


def scattered_cycles(
    n: np.ndarray, M: int, P: int, lanes: int = 4, near: int = 4096, wait: int = 2
) -> np.ndarray:
    """Cycles of `scattered_product` with n weights that are not zero, for one n or many."""
    n, vectors = np.asarray(n), [-(-p // lanes) for p in tiles(P, ACCUMULATORS * lanes)]
    far = wait * np.maximum(-(-n // lanes) - -(-near // lanes), 0)
    return sum((2 + 2 * v) * n + 2 * M * v + far for v in vectors) + 0 * n
