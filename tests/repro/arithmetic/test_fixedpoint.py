"""Integer arithmetic against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.arithmetic.fixedpoint import (
    bounds,
    multiplier_of,
    quantize,
    requantize,
    round_shift,
    saturate,
)

WORDS = st.integers(-(2**31), 2**31 - 1)


def rounded(value: Fraction, rounding: str) -> int:
    """The definition of each rounding, on exact fractions."""
    if rounding == "floor":
        return value.__floor__()
    if rounding == "half-up":
        return (value + Fraction(1, 2)).__floor__()
    return round(value)


@given(st.integers(-(2**62) + 1, 2**62 - 1), st.integers(0, 62))
@pytest.mark.parametrize("rounding", ["floor", "half-up", "half-even"])
def test_a_rounding_shift_is_the_rounded_quotient(rounding, x, shift):
    expected = rounded(Fraction(x, 2**shift), rounding)
    assert round_shift(x, shift, rounding) == expected


def test_ties_are_where_the_roundings_differ():
    x = np.array([-6, -5, -3, -2, -1, 1, 2, 3, 5, 6])
    assert round_shift(x, 1, "floor").tolist() == [-3, -3, -2, -1, -1, 0, 1, 1, 2, 3]
    assert round_shift(x, 1, "half-up").tolist() == [-3, -2, -1, -1, 0, 1, 1, 2, 3, 3]
    assert round_shift(x, 1, "half-even").tolist() == [-3, -2, -2, -1, 0, 0, 1, 2, 2, 3]


@given(st.lists(st.integers(-(2**40), 2**40)), st.integers(2, 32), st.booleans())
def test_saturation_clips_and_keeps_what_fits(values, bits, signed):
    low, high = bounds(bits, signed)
    result = saturate(np.array(values, np.int64), bits, signed)
    assert result.tolist() == [min(max(v, low), high) for v in values]
    assert result.dtype.itemsize * 8 >= bits and (result.dtype.kind == "i") == signed


def test_bounds_of_small_words():
    assert bounds(8) == (-128, 127)
    assert bounds(8, signed=False) == (0, 255)
    assert bounds(1, signed=False) == (0, 1)
    assert saturate(np.array([300, -300])).tolist() == [127, -128]


@given(st.floats(1e-9, 1e4), st.integers(2, 31))
def test_a_multiplier_stands_for_its_scale(scale, bits):
    try:
        multiplier, shift = multiplier_of(scale, bits)
    except ValueError:
        assert Fraction(scale) >= 2**bits - 1 or Fraction(scale) < Fraction(2) ** (bits - 62)
        return
    assert 2 ** (bits - 1) <= multiplier < 2**bits
    assert abs(Fraction(multiplier, 2**shift) / Fraction(scale) - 1) <= Fraction(1, 2**bits)


def test_a_multiplier_that_rounds_up_to_a_power_of_two():
    multiplier, shift = multiplier_of(1 - 2**-40, bits=8)
    assert (multiplier, shift) == (128, 7)


@given(WORDS, st.integers(0, 2**31 - 1), st.integers(0, 62))
@pytest.mark.parametrize("rounding", ["floor", "half-up", "half-even"])
def test_requantization_is_exact(rounding, accumulator, multiplier, shift):
    exact = rounded(Fraction(accumulator * multiplier, 2**shift), rounding)
    result = requantize(accumulator, multiplier, shift, rounding=rounding)
    assert result == min(max(exact, -128), 127) and result.dtype == np.int8


def test_requantization_takes_one_scale_for_each_filter():
    sums = np.arange(-6, 6, dtype=np.int32).reshape(2, 3, 2)
    factors, shifts = np.array([3, 5])[:, None, None], np.array([1, 2])[:, None, None]
    result = requantize(sums, factors, shifts)
    for k in range(2):
        alone = requantize(sums[k], int(factors[k, 0, 0]), int(shifts[k, 0, 0]))
        assert np.array_equal(result[k], alone)


@given(st.lists(st.floats(-1e6, 1e6)), st.floats(1e-3, 1e3))
def test_quantized_numbers_are_the_nearest_steps(values, scale):
    result = quantize(np.array(values), scale)
    nearest = np.clip(np.array(values) / scale, -128, 127)
    assert (np.abs(result - nearest) <= 0.5 + 1e-9).all()


def test_empty_arrays_pass_through():
    empty = np.zeros((0, 3), np.int32)
    assert requantize(empty, 3, 1).shape == (0, 3)
    assert quantize(np.zeros(0), 1.0).dtype == np.int8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: saturate(np.zeros(2)), TypeError, "quantize them first"),
        (lambda: saturate(np.zeros(2, np.uint64)), TypeError, "uint64"),
        (lambda: bounds(1), ValueError, "2 to 32"),
        (lambda: bounds(33, signed=False), ValueError, "1 to 32"),
        (lambda: round_shift(1, 63), ValueError, "0 to 62"),
        (lambda: round_shift(1, -1), ValueError, "0 to 62"),
        (lambda: round_shift(1, 1.5), TypeError, "float64"),
        (lambda: round_shift(-(2**62), 1), ValueError, "below 2\\*\\*62"),
        (lambda: round_shift(1, 1, "nearest"), ValueError, "half-even"),
        (lambda: multiplier_of(0.0), ValueError, "above 0"),
        (lambda: multiplier_of(float("nan")), ValueError, "finite"),
        (lambda: multiplier_of(0.5, bits=1), ValueError, "2 to 31"),
        (lambda: multiplier_of(1e30), ValueError, "shift"),
        (lambda: requantize(np.array([2**31]), 1, 0), ValueError, "overflowed"),
        (lambda: requantize(np.array([1]), -1, 0), ValueError, "multiplier"),
        (lambda: quantize(np.array([np.nan]), 1.0), ValueError, "NaN"),
        (lambda: quantize(np.array([1.0]), 0.0), ValueError, "scale"),
    ],
)
def test_what_makes_no_sense_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
