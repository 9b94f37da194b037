"""Which part of YOLOF does what, and is one level as precise as a pyramid?

    make trials CH=yolof MISSING=1

Every seed has its own scenes, its own start and its own order. Of `ARMS`, those of `RATES` run.
Those of `LONGER` run twice as long as well, and so does YOLOF with the pyramid's norm.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor

from press.trials import Quantity, Trial, grid, main
from repro.data import scenes
from repro.data.scenes import Scenes
from repro.trials import Stored, chosen
from repro.vision.detection_metrics import average_precision
from repro.vision.small_detectors import detect, fit_detector

yolof = repro.chapter("yolof")
EPOCHS = 5  # of 800 scenes in batches of 8: 500 steps
SIDES = (16, 48)  # half of COCO's bounds
ENCODERS = {
    "projection": partial(yolof.Encoder, 24, 24, 8, ()),
    "dilated": partial(yolof.Encoder, 24, 24, 8),
    "dilations of 1": partial(yolof.Encoder, 24, 24, 8, (1, 1, 1, 1)),
    "many in, many out": partial(yolof.Pyramid, True, True),
    "one in, many out": partial(yolof.Pyramid, False, True),
    "many in, one out": partial(yolof.Pyramid, True, False),
    "one in, one out": partial(yolof.Pyramid, False, False),
}
MATCHES = {
    "Max-IoU": partial(yolof.max_iou_match, force=False),
    "Max-IoU, forced": yolof.max_iou_match,
    "uniform": yolof.uniform_match,
}
ARMS = {
    f"{encoder}, {match}": (encoder, match)
    for match, encoders in {
        "uniform": ("projection", "dilated", "dilations of 1"),
        "Max-IoU, forced": tuple(encoder for encoder in ENCODERS if encoder != "dilations of 1"),
        "Max-IoU": ("projection", "dilated"),
    }.items()
    for encoder in encoders
}
RATES = {
    "projection, uniform": (0.002, 0.004, 0.008, 0.016),
    "dilated, uniform": (0.004, 0.008, 0.016, 0.032),
    "projection, Max-IoU, forced": (0.002, 0.004, 0.008),
    "dilated, Max-IoU, forced": (0.004, 0.008, 0.016),
    "many in, many out, Max-IoU, forced": (0.004, 0.008, 0.016),
    "many in, one out, Max-IoU, forced": (0.002, 0.004, 0.008),
    "dilations of 1, uniform": (0.004, 0.008, 0.016),
    "one in, many out, Max-IoU, forced": (0.004, 0.008, 0.016, 0.032),
    "one in, one out, Max-IoU, forced": (0.002, 0.004, 0.008, 0.016),
    "projection, Max-IoU": (0.002, 0.004, 0.008),
}
LONGER = (
    "dilated, uniform",
    "many in, many out, Max-IoU, forced",
    "dilated, Max-IoU, forced",
    "projection, uniform",
    "projection, Max-IoU, forced",
    "dilations of 1, uniform",
)


def one_class(part: Scenes) -> Scenes:
    """The same scenes, all objects of class 0."""
    return replace(part, labels=[0 * label for label in part.labels])


def measure(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Train on 800 scenes, test on 200 others: average precision of a seed."""
    encoder, match = ARMS[arm]
    train, test = map(one_class, scenes(800, 200, seed=seed))
    torch.manual_seed(seed)
    net = yolof.Detector(ENCODERS[encoder]())

    def loss(answer: Tensor, truth: Tensor, label: Tensor) -> Tensor:
        logits, boxes = answer[..., :1], answer[..., 1:]
        found = MATCHES[match](net.anchor, boxes.detach(), truth)
        return yolof.detection_loss(logits, boxes, truth, label, found)

    fit_detector(net, train, loss, lr=lr, epochs=epochs, seed=seed)
    return average_precision(detect(net, test), test.boxes, test.labels, SIDES)


class GroupNormed(yolof.Detector):
    """YOLOF with group norm in its decoder, as the pyramid has it."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__(encoder)
        norm = partial(torch.nn.GroupNorm, 8)
        self.decoder = yolof.Decoder(24, 1, len(yolof.ONE), 1, 2, norm)
        self.to(memory_format=torch.channels_last)


def group_normed(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """What `measure` says of an arm with group norm in its decoder."""
    with patch.object(yolof, "Detector", GroupNormed):
        return measure(seed, arm, lr, epochs)


def best(rates: str, finished: Mapping[str, Stored]) -> list[dict]:
    """Every arm of a trial at its best rate."""
    return chosen(finished[rates])


def around(finished: Mapping[str, Stored]) -> list[dict]:
    """The arms that run twice as long, at the rate chosen for 500 steps and at half of it."""
    tuned = {setting["arm"]: setting for setting in chosen(finished["rates"])}
    return [
        tuned[arm] | {"lr": rate, "epochs": 2 * EPOCHS}
        for arm in LONGER
        for rate in (tuned[arm]["lr"] / 2, tuned[arm]["lr"])
    ]


QUANTITIES = tuple(
    Quantity(name, "%", ".1f")
    for name in (
        *("ap", "ap50", "ap75", "small", "medium", "large"),
        *("small50", "medium50", "large50"),
    )
)
TRIALS = [
    Trial(
        "rates",
        "Which rate suits each arm?",
        measure,
        QUANTITIES,
        [{"arm": arm, "lr": lr, "epochs": EPOCHS} for arm, rates in RATES.items() for lr in rates],
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "table",
        "Encoder, matching and pyramid: how precise are they after 500 steps?",
        measure,
        QUANTITIES,
        partial(best, "rates"),
        seeds=range(104, 109),
    ),
    Trial(
        "rates, 1000 steps",
        "Which rate suits the deciding arms over 1000 steps?",
        measure,
        QUANTITIES,
        around,
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "table, 1000 steps",
        "What does twice the length change?",
        measure,
        QUANTITIES,
        partial(best, "rates, 1000 steps"),
        seeds=range(104, 109),
    ),
    Trial(
        "rates, group norm",
        "Which rate suits YOLOF with group norm in its decoder over 1000 steps?",
        group_normed,
        QUANTITIES,
        grid(arm=["dilated, uniform"], lr=[0.004, 0.008, 0.016], epochs=[2 * EPOCHS]),
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "table, group norm",
        "Is YOLOF held back by its norm?",
        group_normed,
        QUANTITIES,
        partial(best, "rates, group norm"),
        seeds=range(104, 109),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
