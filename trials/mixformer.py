"""Parallel or sequential, what do gates add, and do borders hurt? Small networks that read digits.

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
from repro.training import accuracy, fit
from repro.trials import Stored, chosen
from repro.vision import window_tasks

mixformer = repro.chapter("mixformer")
IMAGES = 1000  # to learn from, and as many to be tested on
EPOCHS = 12  # in batches of 32: 384 steps
RATES = (0.006, 0.012, 0.024)
WIDER = (*RATES, 0.048)
PLAIN = ("sequential", "parallel", "both")
GATES = ("SE", "channel")
OTHERS = ("spatial", "window", "shifted")
LOW = ("window", "shifted")  # both chose the lowest of the wider rates
LOWER = (0.0015, 0.003, 0.006)
DISTANT = ("sequential", "channel", "SE")
LONGER = ("sequential", "parallel")
BORDERS = ("window", "parallel")
PARTS = ("no border", "one border", "two borders")


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


def borders(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Which digit? One as large as a window, within one or across one border or two."""
    torch.manual_seed(seed)
    net = mixformer.Small(arm, K=10, patch=4)
    train(net, *window_tasks.anywhere(seed, "train", IMAGES)[:2], lr, epochs, seed)
    x, y, place = window_tasks.anywhere(seed, "test", 4 * IMAGES)
    crossed = ((place > 0) & (place < 3)).sum(1)
    parts = {name: crossed == number for number, name in enumerate(PARTS)}
    found = {name: 100 * accuracy(net, x[part], y[part]) for name, part in parts.items()}
    return {"accuracy": 100 * accuracy(net, x, y), **found}


ACCURACY = Quantity("accuracy", "%", ".1f")
AT_BORDERS = (ACCURACY, *(Quantity(name, "%", ".1f") for name in PARTS))
TUNE, JUDGE = range(100, 102), range(102, 107)


def best(rates: str, finished: Mapping[str, Stored]) -> list[dict]:
    """Every variant of a trial at its best rate."""
    return chosen(finished[rates])


def around(arms: tuple[str, ...], finished: Mapping[str, Stored]) -> list[dict]:
    """Variants that run twice as long, at the rate chosen for 12 epochs and at half of it."""
    tuned = {setting["arm"]: setting for setting in chosen(finished["rates, plain"])}
    return [
        tuned[arm] | {"lr": rate, "epochs": 2 * EPOCHS}
        for arm in arms
        for rate in (tuned[arm]["lr"] / 2, tuned[arm]["lr"])
    ]


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
    *pair("plain", "Which design classifies best after 12 epochs?", plain, PLAIN, lrs=WIDER),
    *pair(
        "distant",
        "Which variant compares distant windows after 6 epochs?",
        distant,
        DISTANT,
        epochs=6,
        seeds=TUNE[:1],
    ),
    *pair("gates", "What does a pooled gate add to 12 epochs of plain?", plain, GATES, lrs=WIDER),
    Trial(
        "rates, longer",
        "Which rate suits two designs over 24 epochs, task plain?",
        plain,
        (ACCURACY,),
        partial(around, LONGER),
        TUNE,
        ("lr",),
    ),
    Trial(
        "longer",
        "What does twice the length change, task plain?",
        plain,
        (ACCURACY,),
        partial(best, "rates, longer"),
        JUDGE,
    ),
    *pair("others", "Windows alone, shifted, or one gate: task plain?", plain, OTHERS, lrs=WIDER),
    *pair("lower", "And attention alone, at lower rates?", plain, LOW, lrs=LOWER),
    *pair(
        "borders",
        "Is a digit across borders harder than one in a window, after 8 epochs?",
        borders,
        BORDERS,
        epochs=8,
        lrs=(0.003, *WIDER),
        seeds=TUNE[:1],
        quantities=AT_BORDERS,
    ),
    Trial(
        "rates, gates, longer",
        "Which rate suits both gates over 24 epochs, task plain?",
        plain,
        (ACCURACY,),
        partial(around, PLAIN[2:]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "gates, longer",
        "What do both gates add to 24 epochs of plain?",
        plain,
        (ACCURACY,),
        partial(best, "rates, gates, longer"),
        JUDGE,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
