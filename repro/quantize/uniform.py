"""Symmetric uniform quantizers: integer codes and scales, per tensor or per channel.

A quantized tensor is its codes and its scale; codes times scale is the tensor it stands for. Codes
round to the nearest integer, ties to even, as `torch.round` does.

Everything is computed in float32, or in float64 for float64 tensors: float16 and bfloat16 can hold
neither their own codes nor the squares of their errors. What is a tensor like the input, such as
the dequantized one, comes back in the input's type; scales stay wide.
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
        codes: int32, shape of the tensor, each within `code_range`.
        scale: float32 or float64, distance of neighbouring values, above 0; broadcasts to the
            shape.
        bits: width of a code.
        dtype: floating point type of the tensor.
    """

    codes: Tensor
    scale: Tensor
    bits: int
    dtype: torch.dtype

    def dequantize(self) -> Tensor:
        """The values that the codes stand for; those beyond the type's range saturate."""
        largest = torch.finfo(self.dtype).max
        values = self.codes.to(self.scale.dtype) * self.scale
        return values.clamp(-largest, largest).to(self.dtype)

    @property
    def size(self) -> int:
        """Bits that the codes take; scales come on top."""
        return self.codes.numel() * self.bits


def code_range(bits: int) -> tuple[int, int]:
    """Lowest and highest code of a width, symmetric about 0: two's complement without its lowest.

    Args:
        bits: 2 to 24.

    Raises:
        ValueError: another width.
    """
    if isinstance(bits, bool) or bits != int(bits) or not 2 <= bits <= MOST_BITS:
        raise ValueError(f"bits: expected a whole number from 2 to {MOST_BITS}, got {bits!r}")
    high = bounds(int(bits))[1]
    return -high, high


def max_scale(x: Tensor, bits: int, *, axis: int | None = None) -> Tensor:
    """The smallest symmetric scale that clips nothing: max abs(x) over the highest code.

    Args:
        x: floating point, any shape, not empty, finite.
        bits: width of the codes, 2 to 24.
        axis: one scale per index of this axis; None: one for the tensor.

    Returns:
        Positive scales, float32 or float64, with x's number of axes; 1 where all of x is zero.

    Raises:
        TypeError: `x` is not floating point.
        ValueError: `x`, `bits` or `axis` outside these ranges.
    """
    x, high = _checked(x, axis), code_range(bits)[1]
    largest = _reduce(x.abs(), "amax", axis)
    info = torch.finfo(x.dtype)
    # Below the normal numbers a quotient loses digits: there, the next scale that clips nothing.
    scale = (largest / high).clamp(min=info.smallest_normal * info.eps)
    scale = torch.where(largest / scale < high + 0.5, scale, _next(scale, math.inf))
    # At the other end the largest value must not become infinite.
    scale = torch.where((scale * high).isfinite(), scale, _next(scale, 0.0))
    return torch.where(largest > 0, scale, torch.ones_like(scale))


def mse_scale(
    x: Tensor, bits: int, *, axis: int | None = None, points: int = 17, lowest: float = 0.2
) -> Tensor:
    """The symmetric scale with the least squared error among evenly spaced fractions.

    Candidates are `points` fractions of `max_scale`, from `lowest` to 1; the first of equal ones
    wins. The result is never worse than `max_scale`, which is one of them.

    Args:
        x: floating point, any shape, not empty, finite.
        bits: width of the codes, 2 to 24.
        axis: one scale per index of this axis; None: one for the tensor.
        points: number of candidates, 2 or more.
        lowest: smallest fraction, above 0 and below 1.

    Returns:
        Positive scales, float32 or float64, with x's number of axes.

    Raises:
        TypeError: `x` is not floating point.
        ValueError: an argument outside these ranges.
    """
    if points < 2 or not 0 < lowest < 1:
        raise ValueError(
            f"mse_scale: expected points >= 2 and 0 < lowest < 1, got {points}, {lowest}"
        )
    x, high = _checked(x, axis), code_range(bits)[1]
    full = max_scale(x, bits, axis=axis)
    # Errors are compared in units of the power of two below the scale: an exact change of units
    # in which no square overflows or vanishes.
    unit = full / (2 * full.frexp().mantissa)
    target = x / unit
    best, least = full, torch.full_like(full, math.inf)
    for fraction in torch.linspace(lowest, 1, points, dtype=torch.float64).tolist():
        scale = full * fraction
        scale = torch.where(scale > 0, scale, full)
        codes = (x / scale).round_().clamp_(-high, high)
        error = _reduce(codes.mul_(scale / unit).sub_(target).square_(), "sum", axis)
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
        scale: positive, broadcasts to x; default `mse_scale`.

    Raises:
        TypeError: `x` is not floating point.
        ValueError: an argument outside these ranges.
    """
    wide, (low, high) = _checked(x, axis), code_range(bits)
    scale = mse_scale(wide, bits, axis=axis) if scale is None else _usable(scale, wide)
    codes = (wide / scale).round().clamp(low, high).to(torch.int32)
    return Quantized(codes, scale, int(bits), x.dtype)


def _checked(x: Tensor, axis: int | None) -> Tensor:
    """The tensor in the type that is computed in, or why it cannot be quantized."""
    if not x.is_floating_point():
        raise TypeError(f"quantize: expected a floating point tensor, got {x.dtype}")
    if x.numel() == 0 or not bool(x.isfinite().all()):
        raise ValueError(
            f"quantize: expected finite numbers, at least one; got shape {tuple(x.shape)}"
            + (" with NaN or infinity" if x.numel() else "")
        )
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis: expected None or an axis of shape {tuple(x.shape)}, got {axis}")
    return x.to(torch.promote_types(x.dtype, torch.float32))


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


def _next(scale: Tensor, towards: float) -> Tensor:
    """The next number in a direction."""
    return torch.nextafter(scale, torch.full_like(scale, towards))
