"""Integer convolution against PyTorch's own."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from repro.arithmetic.convolution import integer_conv2d, taps


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
        (
            np.zeros((1, 1, 3, 3)),
            np.zeros((1, 1, 2, 2), int),
            TypeError,
            "x must be an array that holds integers in four axes, got float64",
        ),
        (
            np.zeros((1, 1, 3, 3), int),
            np.zeros((1, 2, 2), int),
            TypeError,
            r"w must be .* got int64 \(1, 2, 2\)",
        ),
        (np.zeros((1, 3, 3, 3), int), np.zeros((1, 2, 2, 2), int), ValueError, "do not fit"),
        (np.zeros((1, 1, 1, 3), int), np.zeros((1, 1, 2, 2), int), ValueError, "larger than"),
        ([[[[1]]]], np.zeros((1, 1, 1, 1), int), TypeError, r"got list \(1, 1, 1, 1\)"),
        (
            np.full((1, 1, 1, 1), 2**63, np.uint64),
            np.ones((1, 1, 1, 1), int),
            ValueError,
            "64 bits",
        ),
        (np.full((1, 1, 1, 1), -(2**62)), np.full((1, 1, 1, 1), 2), ValueError, "64 bits"),
    ],
)
def test_convolutions_of_what_does_not_fit_are_refused(x, w, error, message):
    with pytest.raises(error, match=message):
        integer_conv2d(x, w)


def test_sums_at_the_edge_of_64_bits_are_exact():
    x, w = np.full((1, 1, 1, 1), 2**62), np.full((1, 1, 1, 1), -1)
    assert integer_conv2d(x, w).item() == -(2**62)


@pytest.mark.parametrize("options", [{"stride": 0}, {"padding": -1}])
def test_strides_and_paddings_that_mean_nothing_are_refused(options):
    x, w = np.zeros((1, 1, 3, 3), int), np.zeros((1, 1, 2, 2), int)
    with pytest.raises(ValueError, match="stride of 1 or more, and a padding of 0 or more"):
        integer_conv2d(x, w, **options)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (3, 1), (1, 2)])
def test_taps_are_what_the_kernel_meets(stride, padding):
    x = np.arange(2 * 5 * 8).reshape(2, 5, 8)
    found = taps(x, (2, 3), stride=stride, padding=padding)
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding)])
    H, W = ((side - k) // stride + 1 for side, k in zip(padded.shape[1:], (2, 3), strict=True))
    assert found.shape == (2, H, W, 2, 3)
    for i, j in np.ndindex(H, W):
        r, c = i * stride, j * stride
        assert np.array_equal(found[:, i, j], padded[:, r : r + 2, c : c + 3])
