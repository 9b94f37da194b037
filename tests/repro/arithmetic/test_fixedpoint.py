"""Integer arithmetic against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.arithmetic.fixedpoint import (
    accumulate,
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


def test_ties_go_to_even_unless_another_rounding_is_asked_for():
    halves = np.array([-5, -3, -1, 1, 3, 5])
    assert requantize(halves, 1, 1).tolist() == [-2, -2, 0, 0, 2, 2]
    assert round_shift(halves, 1).tolist() == [-2, -2, 0, 0, 2, 2]
    assert requantize(halves, 1, 1, rounding="half-up").tolist() == [-2, -1, 0, 1, 2, 3]
    assert requantize(halves, 1, 1, rounding="floor").tolist() == [-3, -2, -1, 0, 1, 2]
    assert quantize(halves, 2.0).tolist() == [-2, -2, 0, 0, 2, 2]


@given(
    st.integers(2, 63).flatmap(
        lambda bits: st.tuples(
            st.just(bits),
            st.lists(
                st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
                | st.sampled_from([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 1, -1]),
                min_size=1,
                max_size=4,
            ),
        )
    )
)
def test_accumulators_hold_a_sum_or_say_that_they_overflow(case):
    bits, terms = case
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    partial = [sum(terms[: n + 1]) for n in range(len(terms))]
    if all(low <= total <= high for total in partial):
        result = accumulate(*[np.array([term]) for term in terms], bits=bits)
        assert result.dtype == np.int64 and result.tolist() == [partial[-1]]
    else:
        with pytest.raises(ValueError, match=f"expected sums from {low} to {high}, got"):
            accumulate(*terms, bits=bits)


def test_a_bias_at_the_edge_does_not_wrap_around():
    sums, bias = np.array([[1, -1]], np.int32), np.array([[2**31 - 1]], np.int32)
    with pytest.raises(ValueError, match=r"accumulate: expected sums .* to 2147483648"):
        accumulate(sums, bias)
    wide = accumulate(sums, bias, bits=33)
    assert wide.tolist() == [[2**31, 2**31 - 2]]
    assert accumulate(np.int8([127]), np.int8([[1], [2]])).tolist() == [[128], [129]]
    assert accumulate(np.zeros((0, 2), np.int32), 3).shape == (0, 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize("bits", [2, 8, 16, 31, 32])
def test_saturation_takes_every_type_at_every_width(dtype, bits):
    info = np.iinfo(dtype)
    x = np.array([info.min, 0, 1, info.max], dtype)
    for signed in (True, False):
        low, high = bounds(bits, signed)
        expected = [min(max(int(v), low), high) for v in x]
        assert saturate(x, bits, signed).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_of_any_magnitude_quantize_without_a_warning(dtype, recwarn):
    info = np.finfo(dtype)
    x = np.array([info.max, -info.max, info.tiny, 0], dtype)
    for bits in (2, 8, 32):
        low, high = bounds(bits)
        assert quantize(x, 1e-300, bits)[:2].tolist() == [high, low]
        assert quantize(x, 1e300, bits).tolist()[2:] == [0, 0]
    assert not recwarn.list


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
        (lambda: accumulate(), ValueError, "a term or more"),
        (lambda: accumulate(1, bits=64), ValueError, "2 to 63 bits"),
        (lambda: accumulate(1.0), TypeError, "accumulate: expected integers"),
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
