"""The counting vector machine: exact products, and instructions counted one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.hardware.simd import (
    VectorMachine,
    dense_cycles,
    dense_product,
    operands,
    scattered_cycles,
    scattered_product,
    tiles,
)

SIDES = st.integers(1, 10)


def problem(M, K, P, seed, density=0.5):
    """Integer weights with zeros, and columns."""
    rng = np.random.default_rng(seed)
    W = rng.integers(1, 9, (M, K)) * (rng.random((M, K)) < density)
    return W, rng.integers(-9, 9, (K, P))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 20), SIDES, st.integers(1, 40), st.integers(0, 99))
def test_dense_products_and_cycles_are_exact(M, K, P, seed):
    W, X = problem(M, K, P, seed)
    machine = VectorMachine()
    Y = dense_product(machine, W, X)
    assert Y.dtype == np.int64
    assert np.array_equal(Y, W @ X)
    assert machine.cycles == dense_cycles(M, K, P)
    assert machine.counts["waited"] == 0


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 9), SIDES, st.integers(1, 150), st.integers(0, 99), st.sampled_from([0, 6, 4096])
)
def test_scattered_products_and_cycles_are_exact(M, K, P, seed, near):
    W, X = problem(M, K, P, seed)
    machine = VectorMachine(near=near)
    Y = scattered_product(machine, W, X)
    assert Y.dtype == np.int64
    assert np.array_equal(Y, W @ X)
    assert machine.cycles == scattered_cycles(np.count_nonzero(W), M, P, near=near)


def test_instructions_of_a_dense_block_are_those_of_the_text():
    """8 filters, 8 pixels, one tap: two loads of weights, two of pixels, 16 products."""
    machine = VectorMachine()
    dense_product(machine, np.ones((8, 1), int), np.ones((1, 8), int))
    assert machine.counts == {"load": 4, "fma": 16, "move": 16, "store": 16, "waited": 0}
    assert dense_cycles(8, 10, 8) - dense_cycles(8, 9, 8) == 20


def test_instructions_of_a_single_weight_are_those_of_the_text():
    """64 pixels: the weight, its index, 16 loads of pixels, 16 products."""
    machine = VectorMachine()
    scattered_product(machine, np.ones((1, 1), int), np.ones((1, 64), int))
    assert machine.counts == {"load": 18, "fma": 16, "move": 16, "store": 16, "waited": 0}
    assert scattered_cycles(1, 1, 64) - scattered_cycles(0, 1, 64) == 34


@pytest.mark.parametrize("lanes", [1, 2, 3, 8])
def test_other_widths_of_a_vector(lanes):
    W, X = problem(7, 5, 37, 3)
    dense, scattered = VectorMachine(lanes), VectorMachine(lanes, near=5)
    assert np.array_equal(dense_product(dense, W, X), W @ X)
    assert dense.cycles == dense_cycles(7, 5, 37, lanes)
    assert np.array_equal(scattered_product(scattered, W, X), W @ X)
    expected = scattered_cycles(np.count_nonzero(W), 7, 37, lanes, near=5)
    assert scattered.cycles == expected


def test_numbers_behind_the_near_ones_wait():
    """Two vectors are near; every vector's worth behind them waits, in every pass."""
    machine = VectorMachine(near=8, wait=5)
    for _ in range(2):
        machine.rewind()
        for _ in range(3):
            machine.stream(np.ones(4, int))
    assert machine.counts["waited"] == 2 * 5
    single = VectorMachine(near=8, wait=5)
    for _ in range(13):
        single.stream(np.ones(1, int))
    assert single.counts["waited"] == 2 * 5
    assert single.counts["load"] == 26


def test_vectors_are_padded_with_zeros():
    machine = VectorMachine()
    assert machine.load(np.array([1, 2, 3, 4, 5])).tolist() == [[1, 2, 3, 4], [5, 0, 0, 0]]
    assert machine.counts["load"] == 2


def test_floats_stay_floats():
    rng = np.random.default_rng(0)
    W, X = rng.normal(size=(9, 6)).astype(np.float32), rng.normal(size=(6, 11))
    for product in (dense_product, scattered_product):
        Y = product(VectorMachine(), W, X)
        assert Y.dtype == np.float64
        assert np.allclose(Y, W.astype(float) @ X, rtol=1e-13)


def test_many_counts_at_once():
    n = np.arange(50)
    many = scattered_cycles(n, 4, 70, near=20)
    assert many.tolist() == [int(scattered_cycles(k, 4, 70, near=20)) for k in n]
    assert scattered_cycles(n, 4, 0).tolist() == [0] * 50


def test_tiles_fill_the_row():
    assert tiles(37, 16) == [16, 16, 5]
    assert tiles(32, 16) == [16, 16]
    assert tiles(0, 16) == []


def test_bad_input_is_named():
    for wrong in ({"lanes": 0}, {"near": -1}, {"wait": -1}):
        with pytest.raises(ValueError, match="expected 1 lane or more"):
            VectorMachine(**wrong)
    for wrong in ((-1, 4), (4, 0)):
        with pytest.raises(ValueError, match="tiles of 1 or more"):
            tiles(*wrong)
    with pytest.raises(ValueError, match=r"W \(M, K\) and X \(K, P\), got \(2, 3\) and \(2, 3\)"):
        operands(np.ones((2, 3)), np.ones((2, 3)))
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite numbers"):
            operands(np.full((1, 1), wrong), np.ones((1, 1)))
        with pytest.raises(ValueError, match="finite numbers"):
            operands(np.ones((1, 1)), np.full((1, 1), wrong))
    with pytest.raises(ValueError, match=r"expected W \(M, K\)"):
        operands(np.ones(3), np.ones((3, 1)))
