"""An accelerator's memories and array together."""

import numpy as np
import pytest

from repro.hardware.accelerator import Accelerator


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
