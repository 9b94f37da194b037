"""Which cells are accurate under differential privacy, and do they beat a hand-made network?

    make trials CH=dpnas MISSING=1

Real digits of 8x8 pixels, each a record by itself: 1297 to train on and 500 to test, split anew by
every seed. Networks train with (3, 1e-4)-DP, 40 steps. Rates and clipping norms are chosen on
two seeds, five others judge.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch
from torch import Tensor, nn

from press.trials import Quantity, Setting, Trial, grid, main
from repro.data import digits
from repro.training import accuracy
from repro.trials import Stored, chosen

dpnas = repro.chapter("dpnas")
EPSILON, DELTA, STEPS, CLIP = 3.0, 1e-4, 40, 0.1
Q = 256 / 1297
MADE = {"tanh CNN": ("tanh", False), "normalized": ("tanh", True)}


@cache
def sigma(steps: int, target: float = EPSILON) -> float:
    """The noise multiplier of a training."""
    return dpnas.noise_for(target, Q, steps, DELTA)


@cache
def images(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels, to train on and to test."""
    return digits(seed).torch()


def trained(
    arm: str,
    x: Tensor,
    y: Tensor,
    seed: int,
    lr: float,
    clip: float | None,
    steps: int,
    noise: float,
) -> nn.Module:
    """A hand-made network, or that of a cell such as "535", after its training."""
    torch.manual_seed(seed)
    if arm in MADE:
        net = dpnas.cnn(MADE[arm][0], norm=MADE[arm][1])
    else:
        net = dpnas.small([(int(o),) for o in arm])
    private = {} if clip is None else {"C": clip, "sigma": noise}
    return dpnas.train(net, x, y, steps=steps, q=Q, lr=lr, seed=seed, **private).eval()


def measure(
    seed: int, arm: str, lr: float, clip: float | None, steps: int, target: float = EPSILON
) -> dict[str, float]:
    """Test accuracy of one training; an ordinary one without a clipping norm."""
    x, y, x_test, y_test = images(seed)
    net = trained(arm, x, y, seed, lr, clip, steps, sigma(steps, target))
    return {"accuracy": 100 * accuracy(net, x_test, y_test)}


# ---- what is run ----

PERCENT = (Quantity("accuracy", "%", ".1f"),)
TUNE, JUDGE = range(100, 102), range(120, 125)
KINDS = ("515", "919", "414", "525", "616")  # SELU, sigmoid, ReLU; SELU and the average; tanh
RATES = (2.0, 4.0, 8.0, 16.0)
Finished = Mapping[str, Stored]


def tried(arms: Sequence[str]) -> list[Setting]:
    """Arms at all rates with the released clipping norm, and at two with one ten times larger."""
    large = grid(arm=arms, lr=[0.4, 0.8], clip=[1.0], steps=[STEPS])
    return grid(arm=arms, lr=RATES, clip=[CLIP], steps=[STEPS]) + large


def best(trial: str, arms: Sequence[str] = ()) -> Callable[[Finished], list[Setting]]:
    """Settings: the tuned arms at their best, or others at the best of the only tuned one."""

    def settings(finished: Finished) -> list[Setting]:
        found = chosen(finished[trial])
        return [{**found[0], "arm": arm} for arm in arms] or found

    return settings


TRIALS = [
    Trial(
        "rates",
        "Which rate and clipping norm suit the cell of SELU and maximum pooling?",
        measure,
        PERCENT,
        tried(KINDS[:1]),
        TUNE,
        ("lr", "clip"),
    ),
    Trial(
        "rates of made ones",
        "Which rate and clipping norm suit the hand-made network?",
        measure,
        PERCENT,
        tried(["tanh CNN"]),
        TUNE,
        ("lr", "clip"),
    ),
    Trial(
        "made",
        "How accurate is the hand-made network?",
        measure,
        PERCENT,
        best("rates of made ones"),
        JUDGE,
    ),
    Trial(
        "kinds",
        "How accurate are five kinds of cells?",
        measure,
        PERCENT,
        best("rates", KINDS),
        JUDGE,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
