"""Uniform quantizers: integer codes and scales, per tensor or per channel.

A quantized tensor is its codes, its scale and its zero point; ``(codes - zero) * scale`` is the
tensor it stands for. Codes round to the nearest integer, ties to even, as ``torch.round`` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from repro.arithmetic.fixedpoint import bounds

#: int32 holds the codes; a float32 value cannot be told apart in more bits than these.
MOST_BITS = 24


@dataclass(frozen=True)
class Quantized:
    """A tensor as integers.

    Attributes:
        codes: int32, shape of the tensor, each within :func:`code_range`.
        scale: distance of neighbouring values, above 0; broadcasts to the shape.
        zero: int32 code of the value 0, broadcasts to the shape; 0 for symmetric quantizers.
        bits: width of a code.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor
    bits: int

    def dequantize(self) -> Tensor:
        """The values that the codes stand for, in the scale's floating point type."""
        return (self.codes - self.zero).to(self.scale.dtype) * self.scale

    @property
    def size(self) -> int:
        """Bits that the codes take; scales and zero points come on top."""
        return self.codes.numel() * self.bits


def code_range(bits: int, *, signed: bool = True, narrow: bool = True) -> tuple[int, int]:
    """Lowest and highest code of a width.

    Args:
        bits: 2 to 24 for signed, 1 to 24 for unsigned codes.
        signed: two's complement; else codes start at 0.
        narrow: leave out the lowest signed code, so that codes are symmetric about 0.

    Raises:
        ValueError: `bits` outside its range.
    """
    least = 2 if signed else 1
    if isinstance(bits, bool) or bits != int(bits) or not least <= bits <= MOST_BITS:
        raise ValueError(f"bits: expected a whole number from {least} to {MOST_BITS}, got {bits!r}")
    low, high = bounds(int(bits), signed)
    return (-high if signed and narrow else low), high


def max_scale(x: Tensor, bits: int, *, axis: int | None = None) -> Tensor:
    """The smallest symmetric scale that clips nothing: max abs(x) over the highest code.

    Args:
        x: floating point, any shape, not empty, finite.
        bits: width of the codes, 2 to 24.
        axis: one scale per index of this axis; None: one for the tensor.

    Returns:
        Positive scales of x's type, with x's number of axes; 1 where all of x is zero.

    Raises:
        TypeError, ValueError: `x`, `bits` or `axis` outside these ranges.
    """
    _check(x, axis)
    largest = _reduce(x.abs(), "amax", axis)
    scale = largest / code_range(bits)[1]
    return _positive(scale)


def mse_scale(
    x: Tensor, bits: int, *, axis: int | None = None, points: int = 17, lowest: float = 0.2
) -> Tensor:
    """The symmetric scale with the least squared error among evenly spaced fractions.

    Candidates are ``points`` fractions of :func:`max_scale`, from ``lowest`` to 1; the first
    of equal ones wins. The result is never worse than :func:`max_scale`, which is one of them.

    Args:
        x: floating point, any shape, not empty, finite.
        bits: width of the codes, 2 to 24.
        axis: one scale per index of this axis; None: one for the tensor.
        points: number of candidates, 2 or more.
        lowest: smallest fraction, above 0 and below 1.

    Returns:
        Positive scales of x's type, with x's number of axes.

    Raises:
        TypeError, ValueError: an argument outside these ranges.
    """
    if points < 2 or not 0 < lowest < 1:
        raise ValueError(
            f"mse_scale: expected points >= 2 and 0 < lowest < 1, got {points}, {lowest}"
        )
    full = max_scale(x, bits, axis=axis)
    high = code_range(bits)[1]
    best, least = full, torch.full_like(full, math.inf)
    for fraction in torch.linspace(lowest, 1, points, dtype=torch.float64).tolist():
        scale = _positive(full * fraction)
        values = (x / scale).round_().clamp_(-high, high).mul_(scale)
        error = _reduce(values.sub_(x).square_(), "sum", axis)
        best = torch.where(error < least, scale, best)
        least = torch.minimum(error, least)
    return best


def quantize_symmetric(
    x: Tensor, bits: int, *, axis: int | None = None, scale: Tensor | None = None
) -> Quantized:
    """Symmetric uniform quantizer: codes from -(2**(bits-1) - 1) to 2**(bits-1) - 1, zero at 0.

    Args:
        x: floating point, any shape, not empty, finite.
        bits: width of the codes, 2 to 24.
        axis: one scale per index of this axis; None: one for the tensor.
        scale: positive, broadcasts to x; default :func:`mse_scale`.

    Raises:
        TypeError, ValueError: an argument outside these ranges.
    """
    _check(x, axis)
    low, high = code_range(bits)
    scale = mse_scale(x, bits, axis=axis) if scale is None else _usable(scale, x)
    codes = (x / scale).round().clamp(low, high).to(torch.int32)
    return Quantized(codes, scale, torch.zeros((), dtype=torch.int32), int(bits))


def quantize_asymmetric(x: Tensor, bits: int, *, axis: int | None = None) -> Quantized:
    """Asymmetric uniform quantizer: codes 0 to 2**bits - 1 from the least to the largest value.

    The range is widened to hold 0, which gets a code of its own (the zero point), so that
    padding and inactive units are exact.

    Args:
        x: floating point, any shape, not empty, finite.
        bits: width of the codes, 1 to 24.
        axis: one scale and zero point per index of this axis; None: one for the tensor.

    Raises:
        TypeError, ValueError: an argument outside these ranges.
    """
    _check(x, axis)
    low, high = code_range(bits, signed=False)
    least = _reduce(x, "amin", axis).clamp(max=0)
    most = _reduce(x, "amax", axis).clamp(min=0)
    scale = _positive((most - least) / high)
    zero = (-least / scale).round().clamp(low, high).to(torch.int32)
    codes = ((x / scale).round() + zero).clamp(low, high).to(torch.int32)
    return Quantized(codes, scale, zero, int(bits))


def _check(x: Tensor, axis: int | None) -> None:
    """Refuse what cannot be quantized."""
    if not x.is_floating_point():
        raise TypeError(f"quantize: expected a floating point tensor, got {x.dtype}")
    if x.numel() == 0 or not bool(x.isfinite().all()):
        raise ValueError(
            f"quantize: expected finite numbers, at least one; got shape {tuple(x.shape)}"
            + (" with NaN or infinity" if x.numel() else "")
        )
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis: expected None or an axis of shape {tuple(x.shape)}, got {axis}")


def _usable(scale: Tensor, x: Tensor) -> Tensor:
    """A given scale, or why it cannot be used."""
    scale = torch.as_tensor(scale, dtype=x.dtype)
    try:
        fits = torch.broadcast_shapes(scale.shape, x.shape) == x.shape
    except RuntimeError:
        fits = False
    if not fits or not bool((scale > 0).all()) or not bool(scale.isfinite().all()):
        raise ValueError(
            f"scale: expected positive, finite numbers that broadcast to {tuple(x.shape)}, "
            f"got shape {tuple(scale.shape)}"
        )
    return scale


def _reduce(x: Tensor, how: str, axis: int | None) -> Tensor:
    """Reduce all axes but one (all, if None), and keep the number of axes."""
    axes = tuple(i for i in range(x.ndim) if axis is None or i != axis % x.ndim)
    return getattr(x, how)(dim=axes, keepdim=True) if axes else x


def _positive(scale: Tensor) -> Tensor:
    """Scales with 1 in place of 0, for channels that are all zero."""
    return torch.where(scale > 0, scale, torch.ones_like(scale))
