"""Parallel or sequential, and what do gates add? Small networks on three tasks made of digits.

    make trials CH=mixformer MISSING=1

Every seed has its own handwritten digits to learn from and to be tested on, its own start and its
own order. A rate is chosen on two seeds, five others judge.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from press.trials import Quantity, Trial, grid, main
from repro.data import cluttered_digits
from repro.training import accuracy, fit, predict
from repro.trials import Stored, chosen
from repro.vision import window_tasks

mixformer = repro.chapter("mixformer")
IMAGES = 1000  # to learn from, and as many to be tested on
EPOCHS = 12  # in batches of 32: 384 steps
RATES = (0.006, 0.012, 0.024)
WIDER = (*RATES, 0.048)
PLAIN = ("sequential", "parallel", "both", "SE", "channel")
DISTANT = ("sequential", "channel", "SE")
ANYWHERE = ("window", "parallel", "shifted")


def undecayed(model: nn.Module) -> list[dict]:
    """Biases, norms and tables of relative positions have no weight decay, as released."""
    named = model.named_parameters()
    return [{"params": [p for name, p in named if p.ndim == 1 or name.endswith("table")],
             "weight_decay": 0.0}]  # fmt: skip


def train(net: nn.Module, x: Tensor, y: Tensor, lr: float, epochs: int, seed: int) -> None:
    """AdamW with the decay of B1, a rate that rises and falls."""
    optimizer = partial(torch.optim.AdamW, weight_decay=0.04, fused=True)
    fit(net, x, y, epochs=epochs, lr=lr, seed=seed, groups=undecayed, batch_size=32,
        optimizer=optimizer, schedule="onecycle")  # fmt: skip


def plain(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Which of ten digits? One in the middle of a cluttered picture, 6 x 6 tokens."""
    data = cluttered_digits(
        IMAGES, IMAGES, 12, seed, digit=(9, 11), shift=1, fragments=1, strokes=1
    )
    x, y, x_test, y_test = data.torch()
    mean, spread = x.mean(), x.std()
    torch.manual_seed(seed)
    net = mixformer.Small(arm, K=10, patch=2)
    train(net, (x - mean) / spread, y, lr, epochs, seed)
    return {"accuracy": 100 * accuracy(net, (x_test - mean) / spread, y_test)}


def distant(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Are the digits in the first and the last of four windows different?"""
    torch.manual_seed(seed)
    net = mixformer.Small(arm, K=2, patch=4)
    train(net, *window_tasks.distant(seed, "train", IMAGES), lr, epochs, seed)
    return {"accuracy": 100 * accuracy(net, *window_tasks.distant(seed, "test", IMAGES))}


def anywhere(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Which of ten digits? One as large as a window, at 16 places."""
    x, y, _ = window_tasks.anywhere(seed, "train", IMAGES)
    torch.manual_seed(seed)
    net = mixformer.Small(arm, K=10, patch=4)
    train(net, x, y, lr, epochs, seed)
    x, y, place = window_tasks.anywhere(seed, "test", IMAGES)
    right = (predict(net, x).argmax(1) == y).numpy()
    cut = (place % 3 != 0).sum(1)  # borders that run through the digit
    parts = {name: 100 * right[cut == k].mean() for k, name in enumerate(CUT)}
    return {"accuracy": 100 * right.mean(), **parts}


CUT = ("in one window", "in two windows", "in four windows")
ACCURACY = Quantity("accuracy", "%", ".1f")
BY_PLACE = (ACCURACY, *(Quantity(name, "%", ".1f") for name in CUT))
TUNE, JUDGE = range(100, 102), range(102, 107)


def best(rates: str, finished: Mapping[str, Stored]) -> list[dict]:
    """Every variant of a trial at its best rate."""
    return chosen(finished[rates])


def pair(
    name: str,
    question: str,
    measure: Callable[..., dict[str, float]],
    arms: tuple[str, ...],
    epochs: int = EPOCHS,
    lrs: tuple[float, ...] = RATES,
    seeds: range = TUNE,
    quantities: tuple[Quantity, ...] = (ACCURACY,),
) -> list[Trial]:
    """The trial that chooses the rates of a task, and the one that judges at the best of them."""
    rates, settings = f"rates, {name}", grid(arm=arms, lr=lrs, epochs=[epochs])
    tuning = f"Which rate suits each variant, task {name}?"
    return [
        Trial(rates, tuning, measure, quantities, settings, seeds, ("lr",)),
        Trial(name, question, measure, quantities, partial(best, rates), JUDGE),
    ]


TRIALS = [
    *pair("plain", "Which variant classifies best after 12 epochs?", plain, PLAIN, lrs=WIDER),
    *pair(
        "distant",
        "Which variant compares distant windows after 6 epochs?",
        distant,
        DISTANT,
        epochs=6,
        seeds=TUNE[:1],
    ),
    *pair(
        "anywhere",
        "Which variant reads digits across borders after 12 epochs?",
        anywhere,
        ANYWHERE,
        seeds=TUNE[:1],
        quantities=BY_PLACE,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
