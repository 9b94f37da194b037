"""Does a controller find good cells of the table earlier than random search does?

    make trials CH=dpnas MISSING=1
    make trials CH=dpnas_controllers MISSING=1

Rewards are the stored accuracies of private trainings, one split of the digits for a controller:
even seeds search on the first, odd ones on the second. Both searches have trained the same number
of different cells, and so spent the same privacy. Rates are chosen on the first split; the second
one judges.
"""

import repro  # first: caps threads and instruction set

# isort: split
import itertools
import sys
from functools import cache

import numpy as np
import torch

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.trials import chosen

dpnas = repro.chapter("dpnas")
SPACE = (1, 2, 4, 5, 6)  # max-pool, avg-pool, ReLU, SELU, tanh
CELLS = list(itertools.product(range(5), repeat=3))
UPDATES, TRAINED = 200, (25, 10, 50)


@cache
def columns() -> np.ndarray:
    """Accuracies (S, 125) of all cells, split by split, in % ."""
    return np.stack(
        [
            trials.values("dpnas", "table", f"{SPACE[a]}{SPACE[b]}", first=SPACE[f])
            for f, a, b in CELLS
        ],
        axis=1,
    )


def search(seed: int, arm: str, lr: float) -> dict[str, float]:
    """How far a controller's best cell is above that of random search, and what it has learned."""
    seen, visited = columns()[seed % len(columns())], []

    def reward(cell: list[int]) -> float:
        visited.append(CELLS.index(tuple(cell)))
        return seen[visited[-1]] / 100

    torch.manual_seed(seed)
    controller = dpnas.Controller(nodes=2, operations=len(SPACE))
    dpnas.learn(controller, reward, UPDATES, lr=lr)
    different = list(dict.fromkeys(visited))
    leads = {
        f"lead at {n}": seen[different[:n]].max() - dpnas.best_of(seen, seen, n) for n in TRAINED
    }
    with torch.no_grad():
        p = np.exp([dpnas.sample(controller, cell)[1].item() for cell in CELLS])
    return {**leads, "cells": len(different), "gain": p @ seen / p.sum() - seen.mean()}


QUANTITIES = (
    *(Quantity(f"lead at {n}", "points", ".2f") for n in TRAINED),
    Quantity("cells", "", ".0f"),
    Quantity("gain", "points", ".1f"),
)
TRIALS = [
    Trial(
        "rates",
        "Which rate suits controllers on the table's first split?",
        search,
        QUANTITIES,
        grid(arm=["tuned"], lr=[1e-3, 3e-3, 1e-2, 3e-2]),
        (100, 102),
        ("lr",),
    ),
    Trial(
        "controllers",
        "Are controllers ahead of random search on the table's second split?",
        search,
        QUANTITIES,
        lambda finished: [{"arm": "released", "lr": 3e-4}, *chosen(finished["rates"])],
        range(111, 123, 2),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
