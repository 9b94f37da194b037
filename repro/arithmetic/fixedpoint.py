"""Integer arithmetic as hardware does it: saturation, rounding shifts, requantization.

NumPy only. Every function states its rounding, because two chips that round differently are two
different networks.
"""

from __future__ import annotations

import math

import numpy as np

ROUNDINGS = ("floor", "half-up", "half-even")


def bounds(bits: int, signed: bool = True) -> tuple[int, int]:
    """Smallest and largest integer of a two's complement or unsigned word.

    Args:
        bits: width of the word, 1 to 32 (2 to 32 if signed).
        signed: whether one bit is the sign.

    Raises:
        ValueError: another width.
    """
    if not (1 + signed) <= bits <= 32:
        raise ValueError(f"bits: expected {1 + signed} to 32, got {bits}")
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def saturate(x: np.ndarray, bits: int = 8, signed: bool = True) -> np.ndarray:
    """Integers clipped to a word's range, in the smallest NumPy type that holds the word.

    Args:
        x: integers, any shape.
        bits: width of the word, 1 to 32 (2 to 32 if signed).
        signed: whether one bit is the sign.

    Returns:
        int8, int16 or int32 (uint8, uint16 or uint32 if unsigned), the shape of `x`.

    Raises:
        TypeError: `x` is not an integer array.
        ValueError: a width outside the range above.
    """
    x = _integers("saturate", x).astype(np.int64)  # so that both bounds fit the type of x
    low, high = bounds(bits, signed)
    width = next(w for w in (8, 16, 32) if bits <= w)
    return np.clip(x, low, high).astype(f"{'int' if signed else 'uint'}{width}")


def accumulate(*terms: np.ndarray | int, bits: int = 32) -> np.ndarray:
    """The sum of integers in an accumulator of so many bits, which must not overflow.

    NumPy's own sums wrap around in silence: 1 + (2**31 - 1) in int32 is negative.

    Args:
        *terms: integers, such as sums and a bias; arrays that broadcast together.
        bits: width of the accumulator, 2 to 63.

    Returns:
        int64, the broadcast shape.

    Raises:
        TypeError: something that is not integer.
        ValueError: no term, another width, or a sum that the accumulator cannot hold.
    """
    if not terms or not 2 <= bits <= 63:
        raise ValueError(
            f"accumulate: expected a term or more and 2 to 63 bits, got {len(terms)} and {bits}"
        )
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    total = np.int64(0)
    for term in terms:
        term = _integers("accumulate", term).astype(np.int64)
        _fits("accumulate", term, low, high)
        total = total + term  # both within 63 bits
        _fits("accumulate", total, low, high)
    return np.asarray(total)


def _fits(function: str, x: np.ndarray, low: int, high: int) -> None:
    """Refuse integers outside a range."""
    if x.size and not (low <= x.min() and x.max() <= high):
        raise ValueError(
            f"{function}: expected sums from {low} to {high}, got {x.min()} to {x.max()}; widen "
            "the accumulator (`bits`), or add fewer or narrower terms"
        )


def round_shift(x: np.ndarray, shift: np.ndarray | int, rounding: str = "half-even") -> np.ndarray:
    """Integers times 2**-shift, rounded, without leaving the integers.

    Args:
        x: integers, any shape, magnitudes below 2**62.
        shift: 0 to 62; an integer, or an array that broadcasts with `x`.
        rounding: `"floor"` (towards minus infinity), `"half-up"` (to nearest, ties towards
            plus infinity) or `"half-even"` (to nearest, ties to the even integer).

    Returns:
        int64, the broadcast shape.

    Raises:
        TypeError: `x` or `shift` is not integer.
        ValueError: a shift or a rounding that is not listed above, or a magnitude too large.
    """
    x, shift = (_integers("round_shift", a).astype(np.int64) for a in (x, shift))
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding: expected one of {', '.join(ROUNDINGS)}, got {rounding!r}")
    if ((shift < 0) | (shift > 62)).any():
        raise ValueError(f"shift: expected 0 to 62, got {shift.min()} to {shift.max()}")
    if x.size and max(-int(x.min()), int(x.max())) >= 1 << 62:
        raise ValueError(
            f"x: expected magnitudes below 2**62, got {x.min()} to {x.max()}; shift in two steps, "
            "or use narrower factors"
        )
    quotient = x >> shift  # an arithmetic shift is the floor
    if rounding == "floor":
        return quotient
    rest = x - (quotient << shift)
    half = (np.int64(1) << shift) >> 1
    up = rest > half
    tie = (rest == half) & (shift > 0)
    return quotient + (up | (tie & ((quotient & 1 == 1) | (rounding == "half-up"))))


def multiplier_of(scale: float, bits: int = 15) -> tuple[int, int]:
    """The multiplier and shift that stand for a real scale in integer hardware.

    Args:
        scale: above 0, such that the shift stays within 0 to 62.
        bits: width of the multiplier, 2 to 31.

    Returns:
        Integers `m` in [2**(bits-1), 2**bits) and `shift` with `m * 2**-shift` within a
        relative error of 2**-bits of `scale`.

    Raises:
        ValueError: a scale that is not finite and positive or needs another shift, or another
            width.

    Source:
        The dyadic scale of Jacob et al. (2018), section 2.2.
    """
    if not 2 <= bits <= 31:
        raise ValueError(f"bits: expected 2 to 31, got {bits}")
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: expected a finite number above 0, got {scale}")
    fraction, exponent = math.frexp(scale)  # scale = fraction 2**exponent, 1/2 <= fraction < 1
    multiplier, shift = round(fraction * (1 << bits)), bits - exponent
    if multiplier == 1 << bits:  # rounded up to the next power of two
        multiplier, shift = multiplier >> 1, shift - 1
    if not 0 <= shift <= 62:
        raise ValueError(f"scale: {scale} needs a shift of {shift}; expected 0 to 62")
    return multiplier, shift


def requantize(
    accumulator: np.ndarray,
    multiplier: np.ndarray | int,
    shift: np.ndarray | int,
    *,
    bits: int = 8,
    signed: bool = True,
    rounding: str = "half-even",
) -> np.ndarray:
    """Accumulators brought back to narrow words: times multiplier, shifted, rounded, saturated.

    Args:
        accumulator: int32 sums, any shape.
        multiplier: 0 to 2**31 - 1, an integer or an array that broadcasts with `accumulator`.
        shift: 0 to 62, likewise.
        bits: width of the result, 1 to 32 (2 to 32 if signed).
        signed: whether the result has a sign.
        rounding: as for `round_shift`.

    Returns:
        Saturated integers, in the type that `saturate` chooses.

    Raises:
        TypeError: something that is not integer.
        ValueError: accumulators beyond 32 bits, or numbers outside the ranges above.

    Source:
        Jacob et al. (2018), equation 5 and section 2.2.
    """
    accumulator = _integers("requantize", accumulator).astype(np.int64)
    factor = _integers("requantize", multiplier).astype(np.int64)
    low, high = bounds(32)
    if accumulator.size and not (low <= accumulator.min() and accumulator.max() <= high):
        raise ValueError(
            f"accumulator: expected 32-bit integers, got {accumulator.min()} to "
            f"{accumulator.max()}; the sum has overflowed"
        )
    if ((factor < 0) | (factor > high)).any():
        raise ValueError(f"multiplier: expected 0 to {high}, got {factor.min()} to {factor.max()}")
    # 2**31 * (2**31 - 1) is just below 2**62, so the product never overflows
    return saturate(round_shift(accumulator * factor, shift, rounding), bits, signed)


def quantize(x: np.ndarray, scale: float, bits: int = 8, signed: bool = True) -> np.ndarray:
    """Real numbers as saturated integers, `round(x / scale)` with ties to even.

    Args:
        x: finite real numbers, any shape.
        scale: value of one step, above 0.
        bits: width of the result, 1 to 32 (2 to 32 if signed).
        signed: whether the result has a sign.

    Raises:
        ValueError: NaN or infinity in `x`, or a scale that is not finite and positive.
    """
    x = np.asarray(x, np.float64)
    if not np.isfinite(x).all():
        raise ValueError("x: expected finite numbers, got NaN or infinity")
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: expected a finite number above 0, got {scale}")
    low, high = bounds(bits, signed)
    with np.errstate(over="ignore"):  # infinite quotients saturate like all large ones
        steps = np.rint(x / scale)
    return saturate(np.clip(steps, low, high).astype(np.int64), bits, signed)


def _integers(function: str, x: np.ndarray | int) -> np.ndarray:
    """`x` as an array, if it holds integers that int64 can take."""
    x = np.asarray(x)
    if x.dtype.kind not in "iu" or x.dtype == np.uint64:
        raise TypeError(
            f"{function}: expected integers that int64 can take, got {x.dtype}; quantize them first"
        )
    return x
