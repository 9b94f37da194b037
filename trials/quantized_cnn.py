"""Small networks quantized after training: sweeps, rivals at equal bits, length, images.

    make trials CH=quantized_cnn

The network, its data and the settings are those of section 4 of the chapter.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from functools import cache, partial

import torch

from press.trials import Quantity, Trial, grid, main
from repro.data import digits
from repro.quantize.calibration import LayerData, approximate
from repro.training import accuracy, fit, predict

q = repro.chapter("quantized_cnn")


@cache
def trained(seed: int, length: int) -> tuple:
    """A trained network, its training images, test images and test labels.

    Args:
        seed: of the split, the start and the order of the images.
        length: training in units of the chapter's.
    """
    data = digits(seed)
    x, y, x_test, y_test = (
        torch.from_numpy(a) for a in (data.x_train, data.y_train, data.x_test, data.y_test)
    )
    net = q.small_network(seed)
    fit(net, x, y, seed=seed, **(q.TRAINING | {"epochs": q.TRAINING["epochs"] * length}))
    return net, x, x_test, y_test


def pq(net: torch.nn.Module, images: torch.Tensor, **options: object) -> torch.nn.Module:
    """Product quantization with the chapter's blocks and codewords."""
    return q.quantize_network(net, images, q.CONV, q.LINEAR, **options)[0]


def random_start(net: torch.nn.Module, images: torch.Tensor, **options: object) -> torch.nn.Module:
    """Error correction from random indices, with the k-means codewords of the weights."""

    def solve(data: LayerData) -> torch.Tensor:
        w = data.layer.weight.detach()
        c, K = q.CONV if w.ndim == 4 else q.LINEAR
        shape = w.shape if w.ndim == 4 else (*w.shape, 1, 1)
        start = q.product_quantize(w.reshape(shape), c, K)
        draw = torch.Generator().manual_seed(0)
        start = start._replace(index=torch.randint(K, start.index.shape, generator=draw))
        both = q.moments(data.delivered, data.targets, shape, c)
        return q.decode(q.error_correction(start, *both, **options)).reshape(w.shape)

    return approximate(net, images, solve, positions=4000)


def noise(net: torch.nn.Module, images: torch.Tensor, **options: object) -> torch.nn.Module:
    """Error correction calibrated on uniform noise instead of digits."""
    draw = torch.Generator().manual_seed(0)
    return pq(net, torch.rand(images.shape, generator=draw), **options)


def levels(
    net: torch.nn.Module, images: torch.Tensor, sweeps: int = 0, **options: object
) -> torch.nn.Module:
    """Rounding to three levels, which takes no sweeps."""
    return q.round_network(net, images, 2, **options)


ARMS = {
    "no correction": lambda net, x, **_: pq(net, x, correct=False),
    "no correction, 30 starts": lambda net, x, **_: pq(net, x, correct=False, restarts=30),
    "correction on original inputs": partial(pq, propagate=False),
    "correction": pq,
    "correction, random start": random_start,
    "correction on noise": noise,
    "three levels, nearest": partial(levels, correct=False),
    "three levels, GPTQ": levels,
    "three levels, GPTQ to corrected weights": levels,
}


def measure(
    seed: int,
    arm: str,
    sweeps: int = 10,
    images: int = 600,
    length: int = 1,
    **penalties: float,
) -> dict[str, float]:
    """Quantize one network and judge it on the test images.

    Args:
        seed: as for `trained`.
        arm: key of `ARMS`.
        sweeps: of error correction.
        images: training images to calibrate on, without labels.
        length: as for `trained`.
        **penalties: `damping`, if not the chapter's, and `ridge`, where the arm aims at corrected
            weights.

    Returns:
        `loss`: test accuracy lost, points. `error`: squared error of the last response over its
        size, %. `float`: test accuracy before, %.
    """
    net, x, x_test, y_test = trained(seed, length)
    cheap = ARMS[arm](net, x[:images], sweeps=sweeps, **penalties)
    before, after = predict(net, x_test), predict(cheap, x_test)
    whole = accuracy(net, x_test, y_test)
    return {
        "loss": 100 * (whole - accuracy(cheap, x_test, y_test)),
        "error": float(100 * (after - before).square().sum() / before.square().sum()),
        "float": 100 * whole,
    }


QUANTITIES = (
    Quantity("loss", "points", ".2f", better="lower"),
    Quantity("error", "%", ".2f", better="lower"),
    Quantity("float", "%", ".2f"),
)
CORRECTED = ["correction on original inputs", "correction", "correction, random start"]
AIMED = "three levels, GPTQ to corrected weights"
TRIALS = [
    Trial(
        "damping",
        "Which penalty leaves the least error of the response? Corrections take ten sweeps.",
        measure,
        (QUANTITIES[1], QUANTITIES[0], QUANTITIES[2]),
        grid(arm=[*CORRECTED, "three levels, GPTQ"], damping=[0.001, 0.01, 0.1, 1.0, 10.0]),
        choose=("damping",),
    ),
    Trial(
        "ridge",
        "Which two penalties of aimed GPTQ leave the least error of the response?",
        measure,
        (QUANTITIES[1], QUANTITIES[0], QUANTITIES[2]),
        grid(arm=[AIMED], damping=[0.1, 1.0, 10.0], ridge=[1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1]),
        choose=("damping", "ridge"),
    ),
    Trial(
        "sweeps",
        "How many sweeps over the codebooks are enough?",
        measure,
        QUANTITIES,
        grid(arm=CORRECTED, sweeps=[1, 3, 10]),
    ),
    Trial(
        "images",
        "How many calibration images does the correction need, at ten sweeps?",
        measure,
        QUANTITIES,
        grid(arm=["correction"], images=[4, 8, 16, 100, 300, 600, 1200])
        + grid(arm=["correction on noise"], images=[600]),
    ),
    Trial(
        "rivals",
        "Which way of writing weights in about 1.65 bits loses least, after 1 and 3 times the "
        "training? Corrections take ten sweeps; these seeds chose nothing.",
        measure,
        QUANTITIES,
        grid(arm=[arm for arm in ARMS if arm not in ("correction on noise", AIMED)], length=[1, 3])
        + grid(arm=[AIMED], damping=[1.0], ridge=[1e-4, 0.01], length=[1, 3]),
        seeds=range(105, 115),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
