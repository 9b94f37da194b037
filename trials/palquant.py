"""Parallel 2-bit groups beside one 2-bit and one 4-bit network: rates, length, exchange.

    make trials CH=palquant

Each seed gives other images, another initialization and another order of the images. Rates are
chosen on seeds that judge nothing.

Rules for the later trials, written before they ran. `tripled`: the lead of the groups over 4 bits
is decided by the 95 % interval of five seeds at 90 epochs, each arm at its best rate there: the
paper's order holds if it lies above zero, fails here if it lies below, and stays undecided if it
holds zero. `exchange` and `separate`, where each group sees its own half and both are read, with
each arm at its own best rate: the turn is worth something if cyclic shuffling alone leads the
module without turn, and both exchanges are if the released groups lead those without any; either
is decided by the same interval, in the same way. A grid whose best rate stands at its end gets
another rate there.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.training import accuracy, fit

pal = repro.chapter("palquant")
WIDTH, WIDE = 5, 7  # 7 is 5 times the square root of 2, nearly
PLAIN = {"w": WIDTH, "shift": None, "shuffle": False}
ARMS: dict[str, dict[str, Any]] = {
    "full precision": {**PLAIN, "n": None},
    "4 bits": {**PLAIN, "n": 16},
    "2 bits": PLAIN,
    "2 bits, wide": {**PLAIN, "w": WIDE},
    "parallel": {"w": WIDTH, "G": 2},
    "parallel, no exchange": {**PLAIN, "G": 2},
    "parallel, module without turn": {"w": WIDTH, "G": 2, "shift": 0, "shuffle": False},
    "parallel, cyclic alone": {"w": WIDTH, "G": 2, "shuffle": False},
}
TUNED = list(ARMS)[:6]
CLAIMED = ["4 bits", "2 bits", "parallel"]
DESIGNS: dict[str, dict[str, Any]] = {
    "paper": {},
    "split stem, one read": {"split": True, "read": 1},
}
RATES = [0.1, 0.2, 0.4, 0.8, 1.6]  # four neighbours for each arm
EPOCHS, LONG, TRIPLE = 30, 60, 90
JUDGED = range(103, 108)
TURNED, GROUPED = list(ARMS)[6:], list(ARMS)[4:]


@cache
def images(seed: int) -> tuple[Tensor, ...]:
    """800 training and 1000 test images with their labels."""
    split = cluttered_digits(800, 1000, size=16, digit=(12, 14), fragments=1, strokes=1, seed=seed)
    return split.torch()


def trained(seed: int, arm: str, lr: float, epochs: int, design: str = "paper") -> dict[str, float]:
    """Train an arm by the released recipe.

    Args:
        seed: of images, initialization and order.
        arm: one of `ARMS`.
        lr: peak rate of SGD; the ranges have a hundredth of it.
        epochs: passes over the 800 images.
        design: what stem and classifier see, one of `DESIGNS`.

    Returns:
        `accuracy`: share of the 1000 test images that are classified right, in %; `loss`: mean
        training loss of the last epoch, in nats.
    """
    x, y, x_test, y_test = images(seed)
    torch.manual_seed(seed)
    net = pal.PalNet(**ARMS[arm], **DESIGNS[design])
    pal.start(net, x[:100])
    history = fit(net, x, y, epochs=epochs, seed=seed, **pal.recipe(net, lr))
    return {"accuracy": 100 * accuracy(net, x_test, y_test), "loss": history.loss[-1]}


def separate(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Train an arm whose groups see their own half of the image and are both read.

    Args and result are those of `trained`.
    """
    x, y, x_test, y_test = images(seed)
    torch.manual_seed(seed)
    net = pal.PalNet(**ARMS[arm], split=True)
    pal.start(net, x[:100])
    history = fit(net, x, y, epochs=epochs, seed=seed, **pal.recipe(net, lr))
    return {"accuracy": 100 * accuracy(net, x_test, y_test), "loss": history.loss[-1]}


def best(finished: Mapping[str, Any]) -> dict[str, float]:
    """The best rate of every tuned arm; its variants take that of `parallel`."""
    found = {setting["arm"]: setting["lr"] for setting in trials.chosen(finished["rates"])}
    return {arm: found.get(arm, found["parallel"]) for arm in ARMS}


def lengths(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Arms at their best rates; those of the claims also at twice the length of the grid."""
    return [
        {"arm": arm, "lr": best(finished)[arm], "epochs": epochs}
        for epochs, arms in ((EPOCHS, list(ARMS)[:6]), (LONG, CLAIMED))
        for arm in arms
    ]


ACCURACY = Quantity("accuracy", "%", ".1f")
LOSS = Quantity("loss", "nats", ".3f", better="lower")
TRIALS = [
    Trial(
        "rates",
        "Which learning rate suits each arm?",
        trained,
        (ACCURACY, LOSS),
        grid(arm=TUNED[:2], lr=RATES[:4], epochs=[EPOCHS])
        + grid(arm=TUNED[2:], lr=RATES[1:], epochs=[EPOCHS]),
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "length",
        "Do two parallel 2-bit groups reach the 4-bit network, also at twice the length?",
        trained,
        (ACCURACY, LOSS),
        lengths,
        seeds=JUDGED,
    ),
    Trial(
        "exchange",
        "What is the turn worth, from the whole image and from a part for each group?",
        trained,
        (ACCURACY, LOSS),
        lambda finished: grid(
            arm=TURNED,
            lr=[best(finished)["parallel"]],
            epochs=[EPOCHS],
            design=list(DESIGNS),
        ),
        seeds=JUDGED,
    ),
    Trial(
        "rates tripled",
        "Which learning rate suits the arms of the claims at three times the length?",
        trained,
        (ACCURACY, LOSS),
        grid(arm=CLAIMED[:1], lr=RATES[:4], epochs=[TRIPLE])
        + grid(arm=CLAIMED[1:2], lr=RATES[1:], epochs=[TRIPLE])
        + grid(arm=CLAIMED[2:], lr=[RATES[0] / 2, *RATES], epochs=[TRIPLE]),
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "tripled",
        "Do two parallel 2-bit groups reach the 4-bit network at three times the length?",
        trained,
        (ACCURACY, LOSS),
        lambda finished: trials.chosen(finished["rates tripled"]),
        seeds=JUDGED,
    ),
    Trial(
        "rates separate",
        "Which learning rate suits the groups that see their own half and are both read?",
        separate,
        (ACCURACY, LOSS),
        grid(arm=GROUPED, lr=RATES[1:4], epochs=[EPOCHS])
        + grid(arm=TURNED[:1], lr=RATES[4:], epochs=[EPOCHS]),
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "separate",
        "What is exchange worth where each group sees its own half and both are read?",
        separate,
        (ACCURACY, LOSS),
        lambda finished: trials.chosen(finished["rates separate"]),
        seeds=JUDGED,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
