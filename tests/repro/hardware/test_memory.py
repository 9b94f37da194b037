"""A memory that counts its traffic."""

import numpy as np
import pytest

from repro.hardware.memory import CapacityError, Memory


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


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.float64])
def test_traffic_is_counted_in_bytes_not_in_elements(dtype):
    memory, size = Memory("chip", capacity=1000), np.dtype(dtype).itemsize
    memory.write("sum/1", np.zeros((3, 5), dtype))
    memory.write("sum/1", np.zeros((2, 5), dtype), np.s_[1:])
    memory.read("sum/1", np.s_[:, :2])
    assert memory.traffic == {("sum", "write"): 25 * size, ("sum", "read"): 6 * size}
    assert memory.held == memory.peak == 15 * size


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
