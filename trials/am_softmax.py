"""How large may the margin be? Does A-Softmax need its annealing, and the lengths of its features?

    make trials CH=am_softmax MISSING=1

The tuned comparison of the losses stands in `trials/face_losses.py`.
"""

import repro  # first: caps threads and instruction set

# isort: split
import itertools
import sys
from collections.abc import Mapping

import torch
from face_losses import QUANTITIES
from torch import Tensor, nn

from press.trials import Trial, grid, main
from repro.trials import Stored, chosen
from repro.vision.strangers import verified

normface = repro.chapter("normface")
am_softmax = repro.chapter("am_softmax")
PEOPLE, EPOCHS, STEPS = 128, 32, 24  # steps of an epoch
Scores = dict[str, float]


def network(seed: int, width: int) -> nn.Sequential:
    """The embedding, and cosines to class weights."""
    torch.manual_seed(seed)
    head: normface.Agents = am_softmax.Cosines(width, PEOPLE)
    return nn.Sequential(normface.perceptron(256, 128, 128, width), head)


def crowded(seed: int, arm: str, m: float, width: int, lr: float) -> Scores:
    """AM-Softmax at s = 30 with features of some width."""

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return am_softmax.margin_softmax(outputs[0], y, am_softmax.additive(m), 30)

    return verified(network(seed, width), seed, loss, lr=lr, multiple=10, epochs=EPOCHS)


def blended(seed: int, arm: str, lr: float) -> Scores:
    """A-Softmax, m = 4, with the released annealing or another blend from the first step on."""
    steps, pace = itertools.count(1), 28_000 / (STEPS * EPOCHS)
    fixed = {"annealed": None, "blend 5": 5.0, "blend 1": 1.0, "no blend": 0.0}[arm]

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        blend = am_softmax.annealed(next(steps), pace) if fixed is None else fixed
        psi = am_softmax.multiplicative(4, blend)
        return am_softmax.margin_softmax(outputs[0], y, psi, outputs[1])

    return verified(network(seed, 32), seed, loss, lr=lr, multiple=10, epochs=EPOCHS)


def normalised(seed: int, arm: str, s: float, lr: float) -> Scores:
    """The curve of A-Softmax, released annealing, on normalized features at a fixed scale."""
    steps, pace = itertools.count(1), 28_000 / (STEPS * EPOCHS)

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        psi = am_softmax.multiplicative(4, am_softmax.annealed(next(steps), pace))
        return am_softmax.margin_softmax(outputs[0], y, psi, s)

    return verified(network(seed, 32), seed, loss, lr=lr, multiple=10, epochs=EPOCHS)


def best_scale(finished: Mapping[str, Stored]) -> list[dict]:
    """The scale chosen on two sets of people, for others."""
    return [dict(setting) for setting in chosen(finished["normalised-scales"])]


TRIALS = [
    Trial(
        "blend",
        "Does A-Softmax need its blend with the plain cosine, and its annealing?",
        blended,
        QUANTITIES,
        grid(arm=["annealed", "blend 5", "blend 1", "no blend"], lr=[0.025, 0.05, 0.1, 0.2]),
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "crowded",
        "How large may the margin be, with 4 features and with 32?",
        crowded,
        QUANTITIES,
        grid(arm=["am-softmax"], width=[4, 32], m=[0, 0.1, 0.2, 0.35, 0.5], lr=[0.1, 0.2])
        + grid(arm=["am-softmax"], width=[4], m=[0.7, 1.0], lr=[0.1, 0.2]),
        seeds=range(104, 108),
        choose=("lr",),
    ),
    Trial(
        "normalised-scales",
        "Which scale suits A-Softmax's curve on normalised features?",
        normalised,
        QUANTITIES,
        grid(arm=["a-softmax-normalised"], s=[8, 16, 30], lr=[0.05]),
        seeds=range(100, 102),
        choose=("s",),
    ),
    Trial(
        "normalised",
        "How well does A-Softmax's curve verify on normalised features?",
        normalised,
        QUANTITIES,
        best_scale,
        seeds=range(104, 112),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
