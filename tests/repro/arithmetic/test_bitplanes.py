"""Packed trits against ordinary integers."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.arithmetic.bitplanes import pack, packed_conv, packed_dot, same_words
from repro.arithmetic.convolution import integer_conv2d


def trits(seed: int, *shape: int) -> np.ndarray:
    """Random trits."""
    return np.random.default_rng(seed).integers(-1, 2, shape)


def test_all_pairs_of_four_trits():
    quads = np.array(list(product([-1, 0, 1], repeat=4)))
    every = packed_dot(pack(quads)[:, :, None], pack(quads)[:, None])
    assert every.dtype == np.int32
    assert (every == quads @ quads.T).all()


@pytest.mark.parametrize("n", [1, 63, 64, 65, 129])
def test_inner_products_of_any_length(n):
    x, w = trits(n, 20, n), trits(n + 1, 20, n)
    assert (packed_dot(pack(x), pack(w)) == (x * w).sum(-1)).all()


@pytest.mark.parametrize("n", [1, 64, 65])
def test_packing_pads_to_whole_words_with_zeros(n):
    planes = pack(-np.ones((3, n), int))
    assert planes.shape == (2, 3, -(-n // 64))
    assert planes.dtype == np.uint64
    assert (np.bitwise_count(planes).sum(-1) == n).all()
    assert not pack(np.ones(n, int))[1].any()


@pytest.mark.parametrize("bad", [np.array([0, 2]), np.array(1), np.zeros((3, 0)), np.array([0.5])])
def test_packing_refuses_what_is_no_row_of_trits(bad):
    with pytest.raises(ValueError, match="pack: expected trits -1, 0 and 1"):
        pack(bad)


def test_rows_of_different_lengths_are_refused():
    long, short = pack(np.ones(65, int)), pack(np.ones(64, int))
    mixed = [(long[0], short[1]), (short[0], long[1])]
    pairs = [(long, short), (short, long), *((x, long) for x in mixed), (long, mixed[0])]
    for pair in pairs:
        with pytest.raises(ValueError, match="packed_dot: expected rows of the same number of w"):
            packed_dot(*pair)
    with pytest.raises(ValueError, match="me: expected rows"):
        same_words("me", long, short)
    same_words("me", long, long)


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(*[st.integers(1, 3)] * 3, *[st.integers(1, 6)] * 2),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    binary=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_convolution_is_that_of_integers(size, kernel, stride, padding, binary, seed):
    N, C, K, H, W = size
    if H + 2 * padding < kernel[0] or W + 2 * padding < kernel[1]:
        return
    x, w = trits(seed, N, C, H, W), trits(seed + 1, K, C, *kernel)
    if binary:
        x, w = np.where(x == 0, 1, x), np.where(w == 0, -1, w)
    result = packed_conv(x, w, stride=stride, padding=padding)
    assert result.dtype == np.int32
    assert np.array_equal(result, integer_conv2d(x, w, stride=stride, padding=padding))


def test_a_border_is_masked_and_not_counted():
    x = w = np.ones((1, 1, 3, 3), int)
    assert packed_conv(x, w, padding=1)[0, 0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_more_taps_than_a_word_holds():
    x, w = trits(5, 2, 16, 4, 4), trits(6, 3, 16, 3, 3)
    expected = integer_conv2d(x, w, padding=1)
    assert np.array_equal(packed_conv(x, w, padding=1), expected)


@pytest.mark.parametrize(
    ("x", "w"),
    [
        ((2, 3, 4, 4), (5, 2, 3, 3)),
        ((2, 3, 4), (5, 3, 3, 3)),
        ((2, 3, 4, 4), (5, 3, 9)),
        ((0, 3, 4, 4), (5, 3, 3, 3)),
        ((2, 3, 4, 4), (0, 3, 3, 3)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, w):
    with pytest.raises(ValueError, match="packed_conv: expected x"):
        packed_conv(np.zeros(x, int), np.zeros(w, int))


def test_a_kernel_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="larger than the map"):
        packed_conv(np.ones((1, 1, 2, 2), int), np.ones((1, 1, 3, 3), int))
