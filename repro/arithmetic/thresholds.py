"""Quantizers behind an accumulator as integer thresholds, found by search. NumPy only.

Between two integer convolutions stand a scale, a normalization and a quantizer. Whatever they are,
per channel they map an integer sum to one of n codes and never change direction: n - 1 integers to
compare with say the same. The thresholds are searched with the real computation, so that its
rounding is met bit for bit, which a formula for them would not do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Codes (C, P) of integer sums (C, P), each channel monotone.
Codes = Callable[[np.ndarray], np.ndarray]
#: Limit of the sums: a range up to here has a width that 64 bits hold.
WIDEST = 1 << 61


@dataclass(frozen=True)
class Thresholds:
    """Codes of integer sums by comparing: code = number of thresholds that are reached.

    Attributes:
        direction: (C,) int64, 1 where codes grow with the sum or are constant, -1 where they fall.
        steps: (C, n - 1) int64, not falling: code k or more from `direction * sum >= steps[k - 1]`.
    """

    direction: np.ndarray
    steps: np.ndarray

    @property
    def levels(self) -> int:
        """Number n of codes."""
        return self.steps.shape[1] + 1

    def __call__(self, sums: np.ndarray, axis: int = 1) -> np.ndarray:
        """The codes of sums.

        Args:
            sums: integers, with one index per channel along `axis`.
            axis: of the channels.

        Returns:
            int64 codes 0 to n - 1, in the shape of `sums`.

        Raises:
            TypeError: `sums` does not hold integers.
            ValueError: another number of channels.
        """
        sums = np.asarray(sums)
        if sums.dtype.kind not in "iu":
            raise TypeError(f"sums: expected integers, got {sums.dtype}; round them first")
        if not -sums.ndim <= axis < sums.ndim or sums.shape[axis] != len(self.direction):
            raise ValueError(
                f"sums: expected {len(self.direction)} channels along axis {axis}, "
                f"got shape {sums.shape}"
            )
        shape = [1] * sums.ndim
        shape[axis] = -1
        turned = sums.astype(np.int64) * self.direction.reshape(shape)
        reached = (turned >= step.reshape(shape) for step in self.steps.T)
        return sum(reached, np.zeros(sums.shape, np.int64))


def fold(codes: Codes, channels: int, levels: int, low: int, high: int) -> Thresholds:
    """Thresholds that give the same codes as a computation, for every sum of a range.

    The computation need only be monotone in each channel, rising or falling, which every chain of
    floating-point steps with one variable operand is: a rounded product, sum or quotient with a
    constant never turns round.

    Args:
        codes: maps int64 sums (C, P) to integer codes (C, P) from 0 to n - 1.
        channels: C, 1 or more.
        levels: n, 2 or more; 2 for a sign.
        low: smallest sum that can occur.
        high: largest sum, `low` or more, both within 2**61 of zero.

    Returns:
        The thresholds; those of codes that no sum of the range reaches are out of the range.

    Raises:
        ValueError: numbers outside the ranges above, or codes that are no integers from 0 to
            n - 1, or of another shape.
    """
    if channels < 1 or levels < 2 or not -WIDEST <= low <= high <= WIDEST:
        raise ValueError(
            "fold: expected 1 channel and 2 levels or more and -2**61 <= low <= high <= 2**61, "
            f"got {channels}, {levels}, {low} and {high}"
        )
    ends = _asked(codes, np.array([[low, high]] * channels, np.int64), levels)
    direction = np.where(ends[:, 1] >= ends[:, 0], 1, -1).astype(np.int64)
    turn, wanted = direction[:, None], np.arange(1, levels)
    first = np.where(turn > 0, low, -high) * np.ones_like(wanted)
    last = np.where(turn > 0, high, -low) + np.ones_like(wanted)  # one beyond: never reached
    while (searching := first < last).any():
        middle = first + (last - first) // 2
        # where the search has ended, the middle may lie one beyond the range
        reached = _asked(codes, np.clip(turn * middle, low, high), levels) >= wanted
        last = np.where(searching & reached, middle, last)
        first = np.where(searching & ~reached, middle + 1, first)
    return Thresholds(direction, first)


def _asked(codes: Codes, sums: np.ndarray, levels: int) -> np.ndarray:
    """What the computation answers, if it is codes."""
    found = np.asarray(codes(sums))
    if found.shape != sums.shape or found.dtype.kind not in "biu":
        raise ValueError(
            f"fold: expected integer codes of shape {sums.shape}, got {found.dtype} {found.shape}"
        )
    found = found.astype(np.int64)
    if found.min() < 0 or found.max() >= levels:
        raise ValueError(
            f"fold: expected codes from 0 to {levels - 1}, got {found.min()} to {found.max()}"
        )
    return found
