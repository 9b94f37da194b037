"""The processing array: exact results, exact counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.hardware.array import ProcessingArray, matmul_cycles, windows

SIDES = st.integers(1, 9)


def int8(rng, *shape):
    return rng.integers(-128, 128, shape, np.int8)


@given(SIDES, st.integers(0, 9), SIDES, SIDES, SIDES, st.integers(0, 999))
def test_products_and_cycles_are_exact(K, n, P, rows, columns, seed):
    rng = np.random.default_rng(seed)
    weights, patches = int8(rng, K, n), int8(rng, n, P)
    array = ProcessingArray(rows, columns)
    sums = array.matmul(weights, patches)
    assert sums.dtype == np.int32
    assert np.array_equal(sums, weights.astype(np.int64) @ patches.astype(np.int64))
    assert array.cycles == matmul_cycles(K, n, P, rows, columns)
    assert array.macs == K * n * P
    assert array.utilization == pytest.approx(K * n * P / max(1, rows * columns * array.cycles))


@given(SIDES, SIDES, SIDES, SIDES, SIDES, st.integers(0, 999))
def test_the_cycles_are_those_of_a_step_by_step_array(K, n, P, rows, columns, seed):
    rng = np.random.default_rng(seed)
    weights, patches = int8(rng, K, n), int8(rng, n, P)
    sums, cycles = np.zeros((K, P), np.int64), 0
    for k in range(0, K, rows):
        for p in range(0, P, columns):
            for term in range(n):  # one broadcast a cycle
                column, row = weights[k : k + rows, term], patches[term, p : p + columns]
                sums[k : k + rows, p : p + columns] += np.outer(column, row.astype(np.int64))
                cycles += 1
    array = ProcessingArray(rows, columns)
    assert np.array_equal(array.matmul(weights, patches), sums)
    assert array.cycles == cycles


@given(SIDES, SIDES, st.integers(3, 9), st.integers(3, 9), st.integers(1, 3), st.integers(1, 3))
def test_convolution_equals_a_slow_loop(C, K, H, W, R, S):
    rng = np.random.default_rng(C + 10 * K)
    x, w = int8(rng, C, H, W), int8(rng, K, C, R, S)
    result = ProcessingArray(4, 4).convolve(x, w)
    for k, i, j in np.ndindex(K, H - R + 1, W - S + 1):
        slow = sum(int(w[k, c, r, s]) * int(x[c, i + r, j + s]) for c, r, s in np.ndindex(C, R, S))
        assert result[k, i, j] == slow


def test_unsigned_operands_use_their_whole_range():
    top = np.full((1, 33_000), 255, np.uint8)
    assert ProcessingArray(1, 1).matmul(top, top.T)[0, 0] == 255**2 * 33_000


@pytest.mark.parametrize(
    ("first", "second", "terms"),
    [
        (np.int8(-128), np.int8(-128), 131_071),
        (np.int8(-128), np.uint8(255), 65_793),
        (np.uint8(255), np.uint8(255), 33_025),
    ],
)
def test_the_largest_sums_are_exact_and_longer_ones_are_refused(first, second, terms):
    def product(n):
        weights, patches = np.full((1, n), first), np.full((n, 1), second)
        return ProcessingArray(1, 1).matmul(weights, patches)[0, 0]

    assert int(product(terms)) == int(first) * int(second) * terms
    with pytest.raises(ValueError, match=f"{terms + 1} terms can overflow int32; at most {terms}"):
        product(terms + 1)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (4, 8), (2, 3)])
def test_rectangles_are_computed_whole(shape):
    rng = np.random.default_rng(0)
    x, w = int8(rng, 3, *shape), int8(rng, 5, 3, 1, 1)
    result = ProcessingArray(2, 3).convolve(x, w)
    assert np.array_equal(result, np.einsum("kc,chw->khw", w[:, :, 0, 0].astype(int), x))


def test_a_fresh_array_has_done_nothing():
    assert ProcessingArray(2, 3).utilization == 0


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda a, x: a.matmul(x.astype(float), x), TypeError, "quantize or saturate"),
        (lambda a, x: a.matmul(x, np.zeros((3, 2), np.int8)), ValueError, r"\(K, n\)"),
        (
            lambda a, x: a.matmul(np.zeros((1, 2**18), np.int8), np.zeros((2**18, 1), np.int8)),
            ValueError,
            "overflow int32; at most 131071",
        ),
        (lambda a, x: a.convolve(x, x), ValueError, r"\(C, H, W\)"),
        (
            lambda a, x: a.convolve(np.zeros((1, 2, 2), np.int8), np.zeros((1, 1, 3, 3), np.int8)),
            ValueError,
            r"kernel \(3, 3\) is larger than the map \(1, 2, 2\)",
        ),
        (lambda a, x: ProcessingArray(0, 1), ValueError, "1 row"),
        (lambda a, x: list(windows((4,), (2, 2))), ValueError, "as many"),
        (lambda a, x: list(windows((4,), (0,))), ValueError, "1 or more"),
    ],
)
def test_wrong_operands_are_explained(act, error, message):
    with pytest.raises(error, match=message):
        act(ProcessingArray(2, 2), np.zeros((2, 2), np.int8))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=3))
def test_tiles_cover_every_element_once(sides):
    shape, tile = tuple(s for s, _ in sides), tuple(t for _, t in sides)
    seen = np.zeros(shape, int)
    for window in windows(shape, tile):
        seen[window] += 1
        assert all(s.stop - s.start <= t for s, t in zip(window, tile, strict=True))
    assert (seen == 1).all()
