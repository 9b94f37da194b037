"""Binary networks after training, from better and worse starts: the trials behind `outperforms`.

    make trials CH=bwnh

Each seed gives other images, another initialization and another order of the images. Every arm
starts from the same float network of its seed (but for `BWN from scratch`), is binarized on the
same 200 unlabelled training images, and is then trained by the same rule, that of BWN. Every
network is judged after its normalization has been estimated again on the training images.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.quantize.calibration import reestimate_normalization
from repro.training import accuracy, fit

bwnh = repro.chapter("bwnh")
FLOAT = {"epochs": 30, "lr": 0.02}
BATCH = 100
RATES = [0.01, 0.02, 0.04, 0.08]
CODES = {
    "sign": bwnh.sign_only,
    "BWN": bwnh.bwn,
    "scale only": bwnh.scale_only,
    "BWNH, clean inputs": bwnh.bwnh,
    "BWNH": bwnh.bwnh,
}
WIDE = ["BWN", "BWNH", "random codes", "BWN from scratch"]


@cache
def images(seed: int) -> tuple[Tensor, ...]:
    """800 training and 1000 test images with their labels."""
    split = cluttered_digits(800, 1000, size=16, digit=(12, 14), fragments=1, strokes=1, seed=seed)
    return split.torch()


@cache
def original(seed: int, width: int, epochs: int = 30, lr: float = 0.02) -> nn.Module:
    """A float network trained on the images of its seed."""
    x, y, _, _ = images(seed)
    torch.manual_seed(seed)
    network = bwnh.digit_network(width)
    fit(network, x, y, epochs=epochs, lr=lr, seed=seed, batch_size=BATCH)
    return network


def random_codes(X: Tensor, W: Tensor, delivered: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Codes (D, K) without any knowledge of the filters, with their best scales (K,)."""
    generator = torch.Generator().manual_seed(seed)
    B = torch.randint(0, 2, W.shape, generator=generator) * 2.0 - 1
    alpha = bwnh.best_scale(*bwnh.moments(X, W, delivered), B.double())
    return torch.where(alpha < 0, -B, B).to(W), alpha.abs().to(W)


def start(seed: int, arm: str, width: int) -> tuple[nn.Module, nn.Module]:
    """The binary network of an arm before training, and the float network it comes from."""
    network, x = original(seed, width, **FLOAT), images(seed)[0]
    if arm == "BWN from scratch":
        torch.manual_seed(seed)
        network = bwnh.digit_network(width)
    others = {"random codes": partial(random_codes, seed=seed), "BWN from scratch": bwnh.bwn}
    codes: Callable = {**CODES, **others}[arm]
    layers, propagate = bwnh.convolutions(network), arm != "BWNH, clean inputs"
    return bwnh.binarize(network, x[:200], codes, layers, 2000, propagate), network


def full_precision(seed: int, arm: str, lr: float, epochs: int, width: int) -> dict[str, float]:
    """Accuracy (%) of the float network of one width at one rate and length."""
    _, _, x_test, y_test = images(seed)
    return {"accuracy": 100 * accuracy(original(seed, width, epochs, lr), x_test, y_test)}


def trained(seed: int, arm: str, lr: float, epochs: int, width: int = 8) -> dict[str, float]:
    """Train an arm by BWN's rule.

    Args:
        seed: of images, initialization and order.
        arm: one of `CODES` or `WIDE`.
        lr: Adam's peak rate.
        epochs: passes over the 800 images.
        width: channels of the first layer.

    Returns:
        `accuracy`: share of the 1000 test images that are classified right, in %; `loss`: mean
        training loss of the last epoch, in nats.
    """
    x, y, x_test, y_test = images(seed)
    binary, network = start(seed, arm, width)
    layers = bwnh.convolutions(network)
    binary = bwnh.trainable(binary, network, layers)
    history = fit(binary, x, y, epochs=epochs, lr=lr, seed=seed, batch_size=BATCH)
    judged = reestimate_normalization(binary, x)
    return {"accuracy": 100 * accuracy(judged, x_test, y_test), "loss": history.loss[-1]}


def lengths(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every arm of the wider network at its best rate and twice the length, two at four times."""
    best = {setting["arm"]: setting["lr"] for setting in trials.chosen(finished["rates"])}
    return [
        {"arm": arm, "lr": best[arm], "epochs": epochs}
        for epochs, arms in ((60, WIDE), (120, WIDE[:2]))
        for arm in arms
    ]


ACCURACY = Quantity("accuracy", "%", ".1f")
LOSS = Quantity("loss", "nats", ".3f", better="lower")
# Rates are chosen on seeds 100 to 102; arms are judged on others.
TRIALS = [
    Trial(
        "float",
        "Has the float network reached its plateau?",
        full_precision,
        (ACCURACY,),
        grid(arm=["float"], lr=[0.02], width=[8, 4], epochs=[30, 60]),
        seeds=range(100, 105),
    ),
    Trial(
        "rates",
        "Which learning rate suits each arm?",
        trained,
        (ACCURACY, LOSS),
        grid(arm=WIDE, lr=RATES, epochs=[30]),
        seeds=range(100, 103),
        choose=("lr",),
    ),
    Trial(
        "length",
        "Does a better start pay when training goes on?",
        trained,
        (ACCURACY, LOSS),
        lengths,
        seeds=range(103, 108),
    ),
    Trial(
        "thin-rates",
        "Which learning rate suits each arm on a network of half the width?",
        trained,
        (ACCURACY, LOSS),
        grid(arm=["BWN", "BWNH"], lr=RATES[1:], epochs=[120], width=[4])
        + grid(arm=CODES, lr=RATES[1:], epochs=[240], width=[4])
        # further where an end of the grid was best
        + [
            {"arm": arm, "lr": lr, "epochs": 240, "width": 4}
            for arm, lr in (("BWN", 0.01), ("sign", 0.16))
        ],
        seeds=range(100, 103),
        choose=("lr",),
    ),
    Trial(
        "thin",
        "And does a better start pay there, each arm at its best rate for the length?",
        trained,
        (ACCURACY, LOSS),
        lambda finished: trials.chosen(finished["thin-rates"]),
        seeds=range(103, 109),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
