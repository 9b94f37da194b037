"""How fast and how far the arms of `sttn` learn: the trials behind its recipe and its verdicts.

    make trials CH=sttn

Everything is as in the chapter, but for rate, length and seeds: the same images, Adam with cosine
decay, batches of 64, latents clamped to [-1, 1] after every step for all but the float network.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.training import accuracy, fit

sttn = repro.chapter("sttn")
ARMS: dict[str, Callable] = {
    "soft": sttn.soft_ternary,
    "released": sttn.released_ternary,
    "hard": sttn.hard_ternary,
    "float": sttn.full_precision,
}
RELEASED_RATE = 5e-3
CHANCE = 10.0  # % of a network that diverged


@cache
def images() -> tuple[torch.Tensor, ...]:
    """The chapter's training and test images with their labels."""
    split = cluttered_digits(1600, 1000, size=16, digit=(12, 14), fragments=1, strokes=1, seed=0)
    arrays = split.x_train, split.y_train, split.x_test, split.y_test
    return tuple(map(torch.from_numpy, arrays))


def train(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Train one network as the chapter does.

    Args:
        seed: of initialisation and order of the images.
        arm: key of `ARMS`.
        lr: Adam's peak rate.
        epochs: passes over the 1600 images.

    Returns:
        `accuracy`: share of the 1000 test images that are classified right, in %.
    """
    x_train, y_train, x_test, y_test = images()
    torch.manual_seed(seed)
    net: nn.Module = sttn.network(ARMS[arm])
    clamp = None if arm == "float" else sttn.clamp_latents
    try:
        fit(net, x_train, y_train, epochs=epochs, lr=lr, seed=seed, after_step=clamp)
    except FloatingPointError:
        return {"accuracy": CHANCE}
    return {"accuracy": 100 * accuracy(net, x_test, y_test)}


def lengths(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every arm at the released rate and at the best one of `rates`, for four lengths."""
    best = {setting["arm"]: setting["lr"] for setting in trials.chosen(finished["rates"])}
    return [
        setting
        for arm in ARMS
        for setting in grid(
            arm=[arm], lr=sorted({RELEASED_RATE, best[arm]}), epochs=[6, 12, 20, 60]
        )
    ]


TRIALS = [
    Trial(
        "rates",
        "Which learning rate suits each arm at the chapter's length?",
        train,
        (Quantity("accuracy", "%", ".1f"),),
        grid(
            arm=ARMS, lr=[RELEASED_RATE * factor for factor in (0.25, 0.5, 1, 2, 4, 8)], epochs=[6]
        ),
        choose=("lr",),
    ),
    Trial(
        "length",
        "Does the order of the arms change when they train longer?",
        train,
        (Quantity("accuracy", "%", ".1f"),),
        lengths,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
