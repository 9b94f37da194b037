"""Quantizers against exhaustive search and loops, in every type, width and magnitude."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.quantize.uniform import code_range, max_scale, mse_scale, quantize_symmetric

TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bits", range(2, 25))
def test_codes_are_symmetric_about_zero(bits):
    assert code_range(bits) == (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)


@pytest.mark.parametrize("bits", [1, 0, -3, 25, 2.5, True])
def test_widths_that_mean_nothing_are_refused(bits):
    with pytest.raises(ValueError, match=r"bits: expected a whole number from 2 to 24, got"):
        code_range(bits)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 12), st.integers(0, 999), st.sampled_from([None, 0, 1, -1]))
def test_symmetric_codes_are_the_nearest_ones(bits, seed, axis):
    x = numbers(4, 5, seed=seed).double()
    quantized = quantize_symmetric(x, bits, axis=axis)
    low, high = code_range(bits)
    assert quantized.codes.dtype == torch.int32 and quantized.codes.shape == x.shape
    assert low <= int(quantized.codes.min()) and int(quantized.codes.max()) <= high
    every = torch.arange(low, high + 1) * quantized.scale.unsqueeze(-1)  # all values there are
    nearest = (every - x.unsqueeze(-1)).abs().min(dim=-1).values
    assert torch.allclose((quantized.dequantize() - x).abs(), nearest, atol=1e-12)


def test_zero_is_exact_and_the_sign_is_symmetric():
    x = numbers(6, 9)
    x[0, 0] = 0
    assert quantize_symmetric(x, 3).dequantize()[0, 0] == 0
    there, back = quantize_symmetric(x, 3, axis=0), quantize_symmetric(-x, 3, axis=0)
    assert torch.equal(there.codes, -back.codes) and torch.equal(there.scale, back.scale)


def test_ties_round_to_even():
    codes = quantize_symmetric(torch.tensor([0.5, 1.5, 2.5, -0.5]), 4, scale=torch.ones(())).codes
    assert codes.tolist() == [0, 2, 2, 0]


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_the_largest_scale_clips_nothing(axis):
    x = numbers(3, 7)
    scale = max_scale(x, 4, axis=axis)
    shape = {None: (1, 1), 0: (3, 1), 1: (1, 7)}[axis]
    assert scale.shape == shape
    assert ((x.abs() / scale) <= 7 * (1 + 1e-6)).all()
    assert torch.allclose((x.abs() / scale).amax(), torch.tensor(7.0))


@pytest.mark.parametrize("axis", [None, 0])
def test_the_searched_scale_is_the_best_candidate(axis):
    x = numbers(3, 50).double()
    full, found = max_scale(x, 3, axis=axis), mse_scale(x, 3, axis=axis)
    rows = x if axis == 0 else x.reshape(1, -1)
    for row, most, scale in zip(rows, full.flatten(), found.flatten(), strict=True):
        candidates = [most * f for f in np.linspace(0.2, 1, 17)]
        errors = [((row / s).round().clamp(-3, 3) * s - row).square().sum() for s in candidates]
        assert torch.isclose(scale, candidates[int(np.argmin(errors))])
        assert min(errors) < errors[-1]  # clipping a normal tail pays


def test_channels_of_zeros_stay_zero():
    x = torch.tensor([[0.0, 0.0], [1.0, -2.0]])
    assert max_scale(x, 4, axis=0)[0] == 1
    assert torch.equal(quantize_symmetric(x, 4, axis=0).dequantize()[0], x[0])


def test_a_vector_may_have_a_scale_per_element():
    x = torch.tensor([1.0, -2.0, 4.0])
    assert torch.allclose(quantize_symmetric(x, 2, axis=0).dequantize(), x)


def test_powers_of_two_pass_through():
    x = numbers(5, 8)
    a = 2.0 ** torch.arange(-2, 3)[:, None]
    codes, scaled = quantize_symmetric(x, 3, axis=0), quantize_symmetric(a * x, 3, axis=0)
    assert torch.equal(codes.codes, scaled.codes) and torch.equal(a * codes.scale, scaled.scale)


def test_sizes_count_bits():
    assert quantize_symmetric(numbers(4, 5), 3).size == 60


@pytest.mark.parametrize("function", [max_scale, mse_scale, quantize_symmetric])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.arange(4), TypeError, "floating point tensor, got torch.int64"),
        (torch.empty(0, 3), ValueError, r"at least one; got shape \(0, 3\)"),
        (torch.tensor([1.0, float("nan")]), ValueError, "NaN or infinity"),
        (torch.tensor([1.0, float("inf")]), ValueError, "NaN or infinity"),
    ],
)
def test_what_cannot_be_quantized_is_refused(function, x, error, message):
    with pytest.raises(error, match=message):
        function(x, 4)


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_is_not_there_is_refused(axis):
    with pytest.raises(ValueError, match=r"an axis of shape \(2, 3\), got"):
        max_scale(numbers(2, 3), 4, axis=axis)


@pytest.mark.parametrize(
    "scale", [torch.zeros(()), torch.tensor(-1.0), torch.ones(5), torch.tensor(float("inf"))]
)
def test_scales_that_cannot_be_used_are_refused(scale):
    with pytest.raises(ValueError, match=r"scale: expected positive, finite .* to \(2, 3\)"):
        quantize_symmetric(numbers(2, 3), 4, scale=scale)


def test_a_scale_that_would_enlarge_the_tensor_is_refused():
    with pytest.raises(ValueError, match="scale"):
        quantize_symmetric(numbers(3), 4, scale=torch.ones(2, 1))


@pytest.mark.parametrize("options", [{"points": 1}, {"lowest": 0.0}, {"lowest": 1.0}])
def test_searches_without_candidates_are_refused(options):
    with pytest.raises(ValueError, match="points >= 2 and 0 < lowest < 1"):
        mse_scale(numbers(3), 4, **options)


@st.composite
def tensors(draw):
    """Numbers of every type and size, subnormal ones and the largest included."""
    dtype = draw(st.sampled_from(TYPES))
    info = torch.finfo(dtype)
    least = info.smallest_normal * info.eps  # the smallest subnormal number
    most = draw(st.sampled_from([3 * least, 500 * least, 1e-30, 1e-3, 1.0, 1e30, info.max]))
    share = st.floats(-1, 1) | st.sampled_from([1.0, -1.0, 0.0, 1e-9])
    rows = draw(st.lists(st.lists(share, min_size=3, max_size=3), min_size=1, max_size=4))
    x = torch.tensor(rows, dtype=torch.float64) * min(most, info.max)
    return x.to(dtype)


def squared_errors(x, quantized):
    """In units of the largest value, in float64; x to be compared with, one for each row."""
    x, most = x.double(), max(float(x.double().abs().max()), 1e-300)
    values = quantized.codes.double() * (quantized.scale.double() / most)
    return (values - x / most).square().sum(dim=1)


@settings(max_examples=300)
@given(tensors(), st.integers(2, 24), st.sampled_from([None, 0]))
def test_every_type_width_and_magnitude(x, bits, axis):
    low, high = code_range(bits)
    plain_scale = max_scale(x, bits, axis=axis)
    plain = quantize_symmetric(x, bits, axis=axis, scale=plain_scale)
    best = quantize_symmetric(x, bits, axis=axis)
    for quantized in (plain, best):
        codes, values = quantized.codes, quantized.dequantize()
        assert low <= int(codes.min()) and int(codes.max()) <= high
        assert quantized.scale.isfinite().all() and (quantized.scale > 0).all()
        assert quantized.scale.dtype == (
            torch.float64 if x.dtype == torch.float64 else torch.float32
        )
        assert values.dtype == x.dtype and values.isfinite().all()
    # The plain scale clips nothing: half a step, and the rounding of the quotient, at most.
    eps = torch.finfo(plain.scale.dtype).eps
    steps = (x.double() / plain.scale.double() - plain.codes).abs()
    assert (steps <= 0.5 + 2 * eps * high).all()
    # The best one is no worse.
    plain_error, best_error = squared_errors(x, plain), squared_errors(x, best)
    if axis is None:
        plain_error, best_error = plain_error.sum(), best_error.sum()
    assert (best_error <= plain_error * (1 + 1e-5) + len(x[0]) * eps**2).all()


def test_bfloat16_has_codes_and_values_of_its_own_range():
    quantized = quantize_symmetric(torch.tensor([1, -1, 0.3]).bfloat16(), 10)
    assert quantized.codes.tolist() == [511, -511, 154]
    assert quantized.dequantize().tolist() == [1, -1, quantized.dequantize()[2]]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("magnitude", [1e-30, 1.0, 1e30])
def test_a_change_of_units_changes_nothing(dtype, magnitude):
    x = numbers(4, 30).to(dtype)
    unit = 2.0 ** round(np.log2(magnitude))
    if dtype == torch.float16 and unit != 1:
        unit = 2.0 ** np.sign(np.log2(unit))
    for bits in (2, 4, 8):
        here, there = (
            quantize_symmetric(x, bits, axis=0),
            quantize_symmetric(unit * x, bits, axis=0),
        )
        assert torch.equal(here.codes, there.codes)
        assert torch.equal(here.scale * unit, there.scale)


@pytest.mark.parametrize("dtype", TYPES)
def test_values_beyond_the_range_of_a_type_saturate(dtype):
    largest = torch.finfo(dtype).max
    x = torch.tensor([largest, -largest], dtype=dtype)
    scale = torch.tensor(0.6 * largest, dtype=torch.float64)
    quantized = quantize_symmetric(x, 8, scale=scale)
    assert quantized.codes.tolist() == [2, -2]
    assert quantized.dequantize().tolist() == [largest, -largest]
