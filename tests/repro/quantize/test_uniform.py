"""Quantizers against exhaustive search, loops and PyTorch's own convolution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from repro.arithmetic.convolution import integer_conv2d
from repro.quantize.straight_through import StraightThrough, with_quantized_weights
from repro.quantize.uniform import (
    Quantized,
    code_range,
    max_scale,
    mse_scale,
    quantize_asymmetric,
    quantize_symmetric,
)


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("bits", "options", "expected"),
    [
        (2, {}, (-1, 1)),
        (8, {}, (-127, 127)),
        (8, {"narrow": False}, (-128, 127)),
        (1, {"signed": False}, (0, 1)),
        (8, {"signed": False}, (0, 255)),
        (24, {}, (1 - 2**23, 2**23 - 1)),
    ],
)
def test_code_ranges(bits, options, expected):
    assert code_range(bits, **options) == expected


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
    assert quantize_asymmetric(torch.zeros(3), 4).dequantize().tolist() == [0, 0, 0]


def test_a_vector_may_have_a_scale_per_element():
    x = torch.tensor([1.0, -2.0, 4.0])
    assert torch.allclose(quantize_symmetric(x, 2, axis=0).dequantize(), x)


def test_powers_of_two_pass_through():
    x = numbers(5, 8)
    a = 2.0 ** torch.arange(-2, 3)[:, None]
    codes, scaled = quantize_symmetric(x, 3, axis=0), quantize_symmetric(a * x, 3, axis=0)
    assert torch.equal(codes.codes, scaled.codes) and torch.equal(a * codes.scale, scaled.scale)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 10), st.integers(0, 999), st.floats(-3, 3), st.sampled_from([None, 0]))
def test_asymmetric_codes_err_by_one_step_at_most(bits, seed, shift, axis):
    x = numbers(4, 6, seed=seed).double() + shift
    quantized = quantize_asymmetric(x, bits, axis=axis)
    assert int(quantized.codes.min()) >= 0 and int(quantized.codes.max()) < 2**bits
    error = (quantized.dequantize() - x).abs()
    assert (error <= quantized.scale * (1 + 1e-9)).all()
    zero = Quantized(quantized.zero, quantized.scale, quantized.zero, bits)
    assert (zero.dequantize() == 0).all()  # zero has a code of its own


def test_sizes_count_bits():
    assert quantize_symmetric(numbers(4, 5), 3).size == 60


@pytest.mark.parametrize(
    "function", [max_scale, mse_scale, quantize_symmetric, quantize_asymmetric]
)
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


def test_straight_through_forwards_values_and_passes_gradients():
    w = numbers(4, 6).requires_grad_()
    values = StraightThrough(w, 3)(w)
    assert torch.allclose(values, quantize_symmetric(w.detach(), 3, axis=0).dequantize())
    values.backward(g := numbers(4, 6, seed=1))
    assert torch.equal(w.grad, g)


def test_a_network_with_quantized_weights_computes_with_them_and_learns():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    before = [p.detach().clone() for p in network.parameters()]
    quantized = with_quantized_weights(network, [3, 8])
    x, copy = numbers(2, 1, 4, 4), [network[0], network[3]]
    conv, linear = (
        quantize_symmetric(layer.weight.detach(), bits, axis=0).dequantize()
        for layer, bits in zip(copy, (3, 8), strict=True)
    )
    by_hand = F.linear(F.conv2d(x, conv, network[0].bias).relu().flatten(1), linear, copy[1].bias)
    assert torch.allclose(quantized(x), by_hand, atol=1e-6)
    quantized(x).sum().backward()
    assert all(p.grad is not None for p in quantized.parameters())
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), before, strict=True))


def test_a_width_for_every_layer_is_expected():
    with pytest.raises(ValueError, match="widths: expected 1, one per layer, got 2"):
        with_quantized_weights(nn.Linear(2, 2), [4, 4])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(("groups", "K"), [(1, 4), (2, 4), (4, 4), (4, 8)])
def test_the_integer_convolution_is_pytorchs(stride, padding, groups, K):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 255, (2, 4, 6, 7), np.uint8)
    w = rng.integers(-128, 128, (K, 4 // groups, 3, 2), np.int8)
    expected = F.conv2d(torch.from_numpy(x).double(), torch.from_numpy(w).double(),
                        stride=stride, padding=padding, groups=groups)  # fmt: skip
    result = integer_conv2d(x, w, stride=stride, padding=padding, groups=groups)
    assert result.dtype == np.int64 and np.array_equal(result, expected.numpy())


def test_the_integer_convolution_does_not_wrap_around():
    x, w = np.full((1, 300, 1, 1), 255, np.uint8), np.full((1, 300, 1, 1), 127, np.int8)
    assert integer_conv2d(x, w).item() == 300 * 255 * 127


@pytest.mark.parametrize(
    ("x", "w", "error", "message"),
    [
        (np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 2, 2), int), TypeError, "x must hold integers"),
        (np.zeros((1, 1, 3, 3), int), np.zeros((1, 2, 2), int), TypeError, "w must hold integers"),
        (np.zeros((1, 3, 3, 3), int), np.zeros((1, 2, 2, 2), int), ValueError, "do not fit"),
        (np.zeros((1, 1, 1, 3), int), np.zeros((1, 1, 2, 2), int), ValueError, "larger than"),
    ],
)
def test_convolutions_of_what_does_not_fit_are_refused(x, w, error, message):
    with pytest.raises(error, match=message):
        integer_conv2d(x, w)
