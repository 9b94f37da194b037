"""Integer convolution against PyTorch's own."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from repro.arithmetic.convolution import integer_conv2d


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
