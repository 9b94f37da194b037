"""The dataflow simulator: exact results, exact counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.hardware.accelerator import Accelerator
from repro.hardware.array import ProcessingArray, matmul_cycles, windows
from repro.hardware.memory import CapacityError, Memory

SIDES = st.integers(1, 9)


def int8(rng, *shape):
    return rng.integers(-128, 128, shape, np.int8)


def test_a_memory_counts_what_moves_and_what_it_holds():
    chip = Memory("chip", capacity=100)
    chip.write("map/1", np.ones((2, 3, 4), np.int8))
    chip.reserve("sum", (5,), np.int32)
    assert (chip.held, chip.peak) == (44, 44)
    assert chip.read("map/1", np.s_[:, 1:, :2]).shape == (2, 2, 2)
    chip.write("map/1", np.zeros((2, 1, 4), np.int8), np.s_[:, :1])
    assert chip.traffic == {("map", "write"): 32, ("map", "read"): 8}
    assert (chip.moved(), chip.moved("map", "read"), chip.moved(direction="write")) == (40, 8, 32)
    assert chip.moved("sum") == 0
    chip.drop("map/1")
    assert (chip.held, chip.peak) == (20, 44)
    assert "sum" in chip and "map/1" not in chip


def test_a_memory_hands_out_copies_and_keeps_copies():
    memory = Memory("DRAM")
    data = np.arange(4, dtype=np.int8)
    memory.write("x", data)
    data[:] = 0
    memory.read("x")[:] = 0
    assert memory.read("x").tolist() == [0, 1, 2, 3]


def test_a_new_array_of_the_same_name_replaces_the_old_one():
    memory = Memory("chip", capacity=8)
    memory.write("x", np.zeros(8, np.int8))
    memory.write("x", np.zeros(6, np.int8))
    assert (memory.held, memory.peak) == (6, 8)


def test_what_does_not_fit_leaves_the_memory_as_it_was():
    chip = Memory("chip", capacity=10)
    chip.write("x", np.ones(6, np.int8))
    with pytest.raises(CapacityError, match=r"chip: 'y' takes 5 bytes, 6 of 10 are in use"):
        chip.write("y", np.ones(5, np.int8))
    assert chip.held == 6 and "y" not in chip and chip.moved() == 6


def test_the_host_is_not_counted():
    dram = Memory("DRAM", capacity=4)
    dram.preload("image", np.arange(4, dtype=np.int8))
    assert dram.peek("image").tolist() == [0, 1, 2, 3]
    assert dram.moved() == 0 and dram.held == 4
    dram.peek("image")[:] = 0
    assert dram.read("image").tolist() == [0, 1, 2, 3]
    with pytest.raises(CapacityError, match="smaller tiles"):
        dram.preload("more", np.zeros(1, np.int8))


@pytest.mark.parametrize(("resident", "fetched", "held"), [(True, 6, 6), (False, 18, 0)])
def test_weights_are_fetched_once_if_they_stay(resident, fetched, held):
    machine = Accelerator(resident=resident)
    machine.dram.preload("weights/1", np.ones((2, 3), np.int8))
    for _ in range(3):
        assert machine.weights("weights/1").sum() == 6
    assert machine.dram.moved("weights") == fetched
    assert machine.store.moved("weights", "read") == 18
    assert (machine.store.held, machine.store.peak) == (held, 6)
    with pytest.raises(KeyError, match="DRAM does not hold"):
        machine.weights("weights/2")


def test_an_accelerator_has_the_sizes_asked_for():
    machine = Accelerator(3, 5, capacity=7)
    assert (machine.array.rows, machine.array.columns) == (3, 5)
    assert machine.maps.capacity == 7 and machine.store.capacity is None


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: m.read("y"), KeyError, "does not hold 'y'; it holds x"),
        (lambda m: m.drop("y"), KeyError, "does not hold"),
        (lambda m: m.write("y", np.zeros(1, np.int8), np.s_[:1]), KeyError, "does not hold"),
        (lambda m: m.write("x", np.zeros(3, np.int8), np.s_[:2]), ValueError, r"int8 \(2,\)"),
        (lambda m: m.write("x", np.zeros(2), np.s_[:2]), ValueError, "got float64"),
        (lambda m: Memory("chip", -1), ValueError, "0 bytes or more"),
    ],
)
def test_wrong_use_of_a_memory_is_explained(act, error, message):
    memory = Memory("chip")
    memory.write("x", np.zeros(4, np.int8))
    with pytest.raises(error, match=message):
        act(memory)


def test_an_empty_memory_says_so():
    with pytest.raises(KeyError, match="it holds nothing"):
        Memory("chip").read("x")


@settings(deadline=None)
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


@settings(deadline=None)
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


@settings(deadline=None)
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
            "smaller than the kernel",
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
