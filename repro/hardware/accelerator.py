"""A small exact model of an accelerator that counts bytes and cycles. NumPy only."""

from __future__ import annotations

import numpy as np

from repro.hardware.array import ProcessingArray
from repro.hardware.memory import Memory


class Accelerator:
    """External memory, an on-chip buffer for maps, one for weights, and a processing array.

    Args:
        rows: of the array.
        columns: of the array.
        capacity: bytes of the buffer for maps, or None for no limit.
        resident: whether weights stay on the chip, or come from DRAM each time they are used.

    Attributes:
        dram: the external `Memory`.
        maps: the buffer for maps.
        store: the buffer for weights.
        array: the `ProcessingArray`.
        resident: as above.
    """

    def __init__(
        self, rows: int = 8, columns: int = 12, capacity: int | None = None, resident: bool = True
    ) -> None:
        self.dram, self.maps = Memory("DRAM"), Memory("map buffer", capacity)
        self.store, self.array = Memory("weight buffer"), ProcessingArray(rows, columns)
        self.resident = resident

    def weights(self, key: str) -> np.ndarray:
        """Weights that DRAM holds, through the weight buffer; counts what is fetched and read.

        Args:
            key: their name in DRAM, which they keep in the buffer.

        Raises:
            KeyError: neither memory holds them.
        """
        if key not in self.store:
            self.store.write(key, self.dram.read(key))
        weights = self.store.read(key)
        if not self.resident:
            self.store.drop(key)
        return weights
