"""How far and how fast the arms of `sttn` learn, and what their zeros and thresholds do.

    make trials CH=sttn

Everything is as in the chapter, but for rate, length and seeds: the same images, Adam with cosine
decay, batches of 64, latents clamped to [-1, 1] after every step for all but the float network.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.training import accuracy, fit

sttn = repro.chapter("sttn")
ARMS: dict[str, type] = {
    "released": sttn.Soft,
    "exact": sttn.Exact,
    "TWN": sttn.Hard,
    "TTQ": sttn.Trained,
    "float": sttn.Float,
}
RELEASED_RATE = 5e-3
CHANCE = 10.0  # % of a network that diverged
LAYERS = (1, 2, 3)


@cache
def images() -> tuple[torch.Tensor, ...]:
    """The chapter's training and test images with their labels."""
    split = cluttered_digits(1600, 2000, size=16, digit=(12, 14), fragments=1, strokes=1, seed=0)
    arrays = split.x_train, split.y_train, split.x_test, split.y_test
    return tuple(map(torch.from_numpy, arrays))


def train(
    seed: int, Kernel: type, lr: float, epochs: int, epsilon: float = 1e-5
) -> tuple[Any, Any, float]:
    """Train one network as the chapter does.

    Args:
        seed: of initialization and order of the images.
        Kernel: class that makes the kernels.
        lr: Adam's peak rate.
        epochs: passes over the 1600 images.
        epsilon: constant inside the normalization after each ternary convolution.

    Returns:
        The network before and after, and the share of the 2000 test images classified right, in %.
    """
    x_train, y_train, x_test, y_test = images()
    torch.manual_seed(seed)
    net = sttn.network(Kernel)
    for block in sttn.blocks(net):
        block.bn2.eps = epsilon
    start = copy.deepcopy(net)
    try:
        fit(net, x_train, y_train, epochs=epochs, lr=lr, seed=seed, after_step=sttn.clamp)
    except FloatingPointError:
        return start, net, CHANCE
    return start, net, 100 * accuracy(net, x_test, y_test)


def length(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Accuracy, share of zeros of all ternary weights, and how many zeros are out of order, in %.

    A zero is out of order to the share of the non-zeros of its filter that have a smaller latent
    (for the soft threshold: a smaller sum of latents); mean over the layers.
    """
    _, net, accuracy = train(seed, ARMS[arm], lr, epochs)
    kernels = [block.conv.kernel for block in sttn.blocks(net)]
    with torch.no_grad():
        zero = [(kernel() == 0).flatten(1) for kernel in kernels]
        size = [abs(sum(W.flatten(1) for W in kernel.parameters() if W.ndim)) for kernel in kernels]
    disorder = [sttn.disorder(s, z) for s, z in zip(size, zero, strict=True)]
    total = sum(z.numel() for z in zero)
    return {
        "accuracy": accuracy,
        "zeros": 100 * sum(int(z.sum()) for z in zero) / total,
        "disorder": 100 * sum(disorder) / len(disorder),
    }


def rate(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Accuracy alone."""
    return {"accuracy": train(seed, ARMS[arm], lr, epochs)[2]}


def threshold(seed: int, arm: str, factor: float, lr: float, epochs: int) -> dict[str, float]:
    """Accuracy of TWN whose threshold is another multiple of the mean magnitude."""
    Kernel = type(arm, (ARMS[arm],), {"factor": factor})
    return {"accuracy": train(seed, Kernel, lr, epochs)[2]}


def differences(net: Any) -> list[torch.Tensor]:
    """W1 - W2 of each layer, flat."""
    kernels = [block.conv.kernel for block in sttn.blocks(net)]
    return [(kernel.W1 - kernel.W2).detach().flatten() for kernel in kernels]


def frozen(seed: int, arm: str, epsilon: float, lr: float, epochs: int) -> dict[str, float]:
    """Correlation of the thresholds before and after training, and how often the clamp acted.

    Returns:
        `layer 1` to `layer 3`: correlation of W1 - W2. `clamped`: share of all latents that end at
        -1 or 1, in %.
    """
    start, net, _ = train(seed, ARMS[arm], lr, epochs, epsilon)
    pairs = zip(LAYERS, differences(start), differences(net), strict=True)
    latents = torch.cat(
        [W.detach().flatten() for b in sttn.blocks(net) for W in b.conv.kernel.parameters()]
    )
    memory = {f"layer {n}": float(torch.corrcoef(torch.stack(pair))[0, 1]) for n, *pair in pairs}
    return memory | {"clamped": 100 * float((latents.abs() == 1).float().mean())}


def best(finished: Mapping[str, Any]) -> dict[str, float]:
    """Every arm's best rate in `rates`."""
    return {setting["arm"]: setting["lr"] for setting in trials.chosen(finished["rates"])}


def lengths(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every arm at its best rate, and the released rule at the released one, for three lengths."""
    found: list[dict[str, Any]] = []
    for arm, lr in best(finished).items():
        rates = sorted({lr, RELEASED_RATE}) if arm == "released" else [lr]
        found += grid(arm=[arm], lr=rates, epochs=[6, 20, 60])
    return found


def thresholds(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """TWN at its best rate with a lower, the usual and a higher threshold."""
    return grid(arm=["TWN"], factor=[0.2, 0.7, 1.4], lr=[best(finished)["TWN"]], epochs=[20])


ACCURACY = Quantity("accuracy", "%", ".1f")
TRIALS = [
    Trial(
        "rates",
        "Which learning rate suits each arm?",
        rate,
        (ACCURACY,),
        grid(arm=ARMS, lr=[RELEASED_RATE * factor for factor in (0.5, 1, 2, 4)], epochs=[20])
        # beyond the end of the grid at which an arm was best
        + grid(arm=["released"], lr=[RELEASED_RATE / 4], epochs=[20])
        + grid(arm=["float"], lr=[RELEASED_RATE * 8], epochs=[20]),
        seeds=(100, 101, 102),
        choose=("lr",),
    ),
    Trial(
        "length",
        "Does the order of the arms change when they train longer?",
        length,
        (ACCURACY, Quantity("zeros", "%", ".1f"), Quantity("disorder", "%", ".1f")),
        lengths,
    ),
    Trial(
        "frozen",
        "How far do the differences W1 - W2 correlate with those of the start?",
        frozen,
        (*(Quantity(f"layer {n}", "", ".3f") for n in LAYERS), Quantity("clamped", "%", ".1f")),
        grid(arm=["exact", "released"], epsilon=[1e-12, 1e-5], lr=[5e-3, 5e-2], epochs=[6]),
        seeds=(100, 101, 102),
    ),
    Trial(
        "threshold",
        "Does TWN's accuracy depend on its threshold, a multiple of the mean magnitude?",
        threshold,
        (ACCURACY,),
        thresholds,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
