"""Calibration sets without data: rates by their own loss, digits, and a real network.

    make trials CH=zero_shot_quantization

`rates` chooses a rate for each method by the loss that it minimizes, which needs no data. `digits`:
small networks, each seed another split, network and calibration set; `wide`: twice as many
channels; `balance`: another weight of the class term. `photographs`: EfficientNet-Lite0, judged on
a photograph that no calibration set holds; `sets`: the same with two other sets of some;
`objectives`: the same with other losses, and with the class term alone.

The rule for these, written before they ran: one method leads another if both have three sets and
the 95 % interval in ln KL that covers sets and photographs lies above zero. Of a method with one
set only that set's numbers are shown. The square loss succeeds, as a claim of the paper has it, if
it leads Gaussian noise at 6 bits with min-max, where the generator is judged, too.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

from press.trials import Quantity, Trial, grid, main
from repro.data import digits, photograph_patches
from repro.pretrained.efficientnet_lite0 import (
    MIDDLE,
    InvertedResidual,
    efficientnet_lite0,
    fold_norms,
    normalize,
)
from repro.pretrained.efficientnet_lite0 import SPREAD as UNIT
from repro.training import accuracy, fit

z = repro.chapter("zero_shot_quantization")
OPTIMIZED = ("generator", "ZeroQ", "GDFQ")
PIXELS = (
    "class only",
    "pixels, small rate",
    "pixels, square loss",
    "pixels, within range",
)
STEPS, BITS, LITE_BITS = (250, 500, 1000), (2, 3, 4, 8), (4, 6, 8)
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "china", "flower")
SIDE, IMAGES, JUDGED, SEED = 64, 8, 24, 100


def generated(
    arm: str,
    net: nn.Module,
    y: Tensor,
    make: Callable,
    start: Callable,
    weight: float,
    lr: float,
    steps: int,
    seed: int,
    units: tuple[float, float, float, float],
) -> tuple[dict[int, Tensor], list[float]]:
    """Calibration images after some of the steps, and the loss of every step.

    Args:
        arm: the method.
        net: the network to be quantized, in eval mode.
        y: (N,) requested classes.
        make: `make(**options)`, a new generator.
        start: `start(draw)`, standard normal images.
        weight: of the class term beside the distance.
        lr: rate; for pixels in units of the images' deviation.
        steps: number of steps.
        seed: of noise and generator.
        units: mean, deviation, lowest and highest value of images in the network's input.
    """
    centre, spread, low, high = units
    match = z.square_loss if "square" in arm else z.kl_loss
    objective = z.matching(match, weight)
    draw, kept = torch.Generator().manual_seed(seed), {}
    torch.manual_seed(seed)
    if arm in ("GDFQ", "generator"):
        options = {"latent": 100, "standardize": True} if arm == "GDFQ" else {}
        G = make(low=low, high=high, **options)
        if arm == "GDFQ":
            objective = z.matching(lambda seen: 0.1 * z.gdfq_loss(seen))

        def keep(step: int) -> None:
            if step in STEPS:
                with torch.no_grad():
                    images = G(torch.randn(len(y), G.latent, generator=draw), y)
                kept[step] = centre + spread * images if arm == "GDFQ" else images

        if arm == "GDFQ":  # its images are standardized
            inner = objective

            def objective(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
                return inner(net, centre + spread * x, y)

        betas = (0.5, 0.999) if arm == "GDFQ" else (0.9, 0.999)
        return kept, z.train_generator(
            net, G, y, objective, steps, lr, seed, betas=betas, after=keep
        )
    x = centre + spread * start(draw)
    if arm == "ZeroQ":  # the released start: nearly grey
        objective = z.zeroq(centre, spread)
        grey = torch.randint(255, x.shape, generator=draw).float()
        x = centre + spread * (grey - 127.5) / 5418.75
    if arm == "class only":
        objective = z.matching(lambda seen: 0)

    def after(step: int) -> None:
        if arm == "pixels, within range":
            x.data.clamp_(low, high)
        if step in STEPS:
            kept[step] = x.detach().clone()

    return kept, z.optimize_pixels(net, x, y, objective, steps, spread * lr, after=after)


# ---- digits ----


@cache
def trained(seed: int, wide: bool = False) -> tuple:
    """A trained network, its images and labels, test images and labels; standardized."""
    x, y, x_test, y_test = digits(seed).torch()
    x, x_test = ((a - z.CENTRE) / z.SPREAD for a in (x, x_test))
    net = z.digit_network(seed, tuple(2 * k for k in z.WIDTHS) if wide else z.WIDTHS)
    fit(net, x, y, seed=seed, **z.TRAINING)
    return net, x, y, x_test, y_test


@cache
def digit_sets(seed: int, arm: str, lr: float, steps: int) -> tuple:
    """Calibration sets of one method for one network, and the losses."""
    return generated(
        arm,
        trained(seed)[0],
        z.CLASSES,
        lambda **options: z.Generator(10, 8, 1, **options),
        lambda draw: torch.randn(100, 1, 8, 8, generator=draw),
        1.0,
        lr,
        steps,
        seed,
        (0.0, 1.0, z.DARK, z.BRIGHT),
    )


def rate(seed: int, arm: str, lr: float) -> dict[str, float]:
    """The loss that a method minimizes, mean over the last 25 of 500 steps."""
    losses = digit_sets(seed, arm, lr, 500)[1]
    return {"loss": sum(losses[-25:]) / 25}


def free(arm: str, shape: tuple[int, ...], seed: int, units: tuple) -> Tensor:
    """Noise that nothing is optimized for."""
    centre, spread, low, high = units
    draw = torch.Generator().manual_seed(seed)
    if arm == "uniform noise":
        return low + (high - low) * torch.rand(shape, generator=draw)
    return centre + spread * torch.randn(shape, generator=draw)


def digit(seed: int, arm: str, lr: float, steps: int, wide: bool = False) -> dict[str, float]:
    """Test accuracy with weights of 4 bits, by rule and bits; what the images are like."""
    net, x, y, x_test, y_test = trained(seed, wide)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    labels = z.CLASSES
    if arm.startswith("real"):
        chosen = order[:100] if arm == "real" else order[100:200]
        images, labels = x[chosen], y[chosen]
    elif arm in ("noise", "uniform noise"):
        images = free(arm, (100, 1, 8, 8), seed, (0.0, 1.0, z.DARK, z.BRIGHT))
    else:
        longest = 1000 if arm in LONG else 500
        images = digit_sets(seed, arm, lr, longest)[0][steps]
    quantized = z.quantize_weights(net, 4)
    with torch.no_grad():
        bn = float(z.kl_loss(z.observe(net, images)[1]))
    found = {"BN-KL": bn, "recognized": 100 * accuracy(net, images, labels)}
    found["by another"] = 100 * accuracy(trained(seed + 1, wide)[0], images, labels)
    for rule in z.RULES:
        for bits in BITS:
            ranges = z.calibrate(quantized, images, nn.ReLU, rule, bits)
            logits = z.quantized_logits(quantized, x_test, nn.ReLU, ranges, bits)
            found[f"{rule} {bits}"] = 100 * float((logits.argmax(1) == y_test).float().mean())
    return found


def balance(seed: int, arm: str, weight: float, lr: float) -> dict[str, float]:
    """Test accuracy at W4A2 and min-max after 500 steps, for another weight of the class term."""
    net, _, _, x_test, y_test = trained(seed)
    images = generated(
        arm,
        net,
        z.CLASSES,
        lambda **options: z.Generator(10, 8, 1, **options),
        lambda draw: torch.randn(100, 1, 8, 8, generator=draw),
        weight,
        lr,
        500,
        seed,
        (0.0, 1.0, z.DARK, z.BRIGHT),
    )[0][500]
    quantized = z.quantize_weights(net, 4)
    ranges = z.calibrate(quantized, images, nn.ReLU, "min-max", 2)
    logits = z.quantized_logits(quantized, x_test, nn.ReLU, ranges, 2)
    return {
        "min-max 2": 100 * float((logits.argmax(1) == y_test).float().mean()),
        "by another": 100 * accuracy(trained(seed + 1)[0], images, z.CLASSES),
    }


# ---- photographs ----


@cache
def lite0() -> tuple[nn.Module, nn.Module]:
    """EfficientNet-Lite0, and a copy with folded normalization."""
    net = efficientnet_lite0().to(memory_format=torch.channels_last)
    return net, fold_norms(net)


#: ImageNet's usual mean and deviation of pixels, 0.449 and 0.226, in the network's input.
LITE_UNITS = (
    (255 * 0.449 - MIDDLE) / UNIT,
    0.226 * 255 / UNIT,
    -MIDDLE / UNIT,
    (255 - MIDDLE) / UNIT,
)


def crops(n: int, seed: int, *names: str) -> Tensor:
    """Normalized crops (n, 3, SIDE, SIDE) of photographs."""
    return normalize(torch.from_numpy(photograph_patches(n, SIDE, seed, names)))


@cache
def lite_set(seed: int, arm: str, lr: float, steps: int) -> dict[int, Tensor]:
    """Calibration sets of one method for EfficientNet-Lite0."""
    y = torch.randint(1000, (IMAGES,), generator=torch.Generator().manual_seed(seed))
    return generated(
        arm,
        lite0()[0],
        y,
        lambda **options: z.Generator(1000, SIDE, 3, **options),
        lambda draw: torch.randn(IMAGES, 3, SIDE, SIDE, generator=draw),
        0.05,
        lr,
        steps,
        seed,
        LITE_UNITS,
    )[0]


@cache
def lite_ranges(seed: int, arm: str, lr: float, steps: int, without: str) -> tuple:
    """BN-KL of a calibration set, and its ranges by rule and bits."""
    net, folded = lite0()
    if arm.startswith("real"):
        others = [name for name in PHOTOGRAPHS if name != without]
        images = crops(IMAGES, seed + (500 if arm == "real again" else 0), *others)
    elif arm in ("noise", "uniform noise"):
        images = free(arm, (IMAGES, 3, SIDE, SIDE), seed, LITE_UNITS)
    else:
        longest = 500
        images = lite_set(seed, arm, lr, longest)[steps]
    with torch.no_grad():
        bn = float(z.kl_loss(z.observe(net, images)[1]))
    kinds = (nn.ReLU6, InvertedResidual)
    values = z.activations(folded, images, kinds)
    return bn, {
        (rule, bits): [z.find_range(v, rule, bits) for v in values]
        for rule in z.RULES
        for bits in LITE_BITS
    }


def photograph(seed: int, arm: str, lr: float, steps: int, photograph: str) -> dict[str, float]:
    """Divergence from the float network, ln of nats, and agreement, by rule and bits."""
    _, folded = lite0()
    without = photograph if arm.startswith("real") else ""
    bn, ranges = lite_ranges(seed, arm, lr, steps, without)
    judged, found = crops(JUDGED, 1000 + seed, photograph), {"BN-KL": bn}
    with torch.no_grad():
        truth = folded(judged).log_softmax(1)
    for (rule, bits), chosen in ranges.items():
        logits = z.quantized_logits(folded, judged, (nn.ReLU6, InvertedResidual), chosen, bits)
        changed = logits.log_softmax(1)
        divergence = (truth.exp() * (truth - changed)).sum(1).mean()
        found[f"{rule} {bits}"] = float(divergence.log())
        agree = (truth.argmax(1) == changed.argmax(1)).float().mean()
        found[f"agreement, {rule} {bits}"] = 100 * float(agree)
    return found


LONG = ("generator",)
LITE_LONG = ("generator", "pixels")
FREE = ("real", "real again", "noise", "uniform noise")


def rates_of(finished: dict) -> dict[str, float]:
    """The chosen rate of every arm; variants share that of their kind."""
    from repro.trials import chosen

    found = {s["arm"]: s["lr"] for s in chosen(finished["rates"])}
    small = ("pixels, small rate", "pixels, within range", "class only")
    return found | dict.fromkeys(small, 0.1)


def settings(
    rates: dict[str, float], arms: tuple[str, ...], longer: tuple[str, ...], longest: int
) -> list[dict]:
    """Arms at their rates after 500 steps, those to be shown also at other lengths."""
    found = [{"arm": arm, "lr": 0.0, "steps": 0} for arm in FREE]
    for arm in arms:
        lengths = [n for n in STEPS if (arm in longer and n <= longest) or n == 500]
        found += [{"arm": arm, "lr": rates[arm], "steps": steps} for steps in lengths]
    return found


def digit_settings(finished: dict) -> list[dict]:
    """All arms."""
    return settings(rates_of(finished), OPTIMIZED + PIXELS, LONG, 1000)


#: ZeroQ's as released; the generator's as found on digits; pixels at a rate of 0.1.
LITE_RATES = {"generator": 0.01, "pixels": 0.1, "ZeroQ": 0.5}
#: GDFQ's as found on digits; pixels at the same rate with every loss.
OTHERS = {"pixels, square loss": 0.1, "GDFQ": 0.016, "class only": 0.1}


def lite_settings() -> list[dict]:
    """The main arms, on every photograph; one method is finished before the next."""
    return [
        setting | {"photograph": name}
        for setting in settings(LITE_RATES, tuple(LITE_RATES), LITE_LONG, 500)
        for name in PHOTOGRAPHS
    ]


ACCURACIES = tuple(Quantity(f"{r} {b}", "%", ".1f") for r in z.RULES for b in BITS)
DIVERGENCES = tuple(
    Quantity(f"{what}{r} {b}", unit, form, better=better)
    for r in z.RULES
    for b in LITE_BITS
    for what, unit, form, better in (
        ("", "ln nats", ".2f", "lower"),
        ("agreement, ", "%", ".0f", "higher"),
    )
)
BN = Quantity("BN-KL", "nats", ".4f", better="lower")
KNOWN = (Quantity("recognized", "%", ".0f"), Quantity("by another", "%", ".0f"))

TRIALS = [
    Trial(
        "rates",
        "Which rate leaves the least of the loss that a method minimizes, after 500 steps?",
        rate,
        (Quantity("loss", "", ".2g", better="lower"),),
        grid(arm=["generator"], lr=[0.0025, 0.005, 0.01, 0.02])
        + grid(arm=["GDFQ"], lr=[0.001, 0.002, 0.004, 0.008, 0.016, 0.032])
        + grid(arm=["ZeroQ"], lr=[0.25, 0.5, 1.0, 2.0, 4.0])
        + grid(arm=["pixels", "pixels, square loss"], lr=[0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]),
        seeds=range(100, 101),
        choose=("lr",),
    ),
    Trial(
        "digits",
        "Which calibration set keeps the accuracy on digits?",
        digit,
        (*ACCURACIES, BN, *KNOWN),
        digit_settings,
        seeds=range(110, 115),
    ),
    Trial(
        "photographs",
        "How far is EfficientNet-Lite0 from its float outputs on a new photograph?",
        photograph,
        (*DIVERGENCES, BN),
        lite_settings(),
        seeds=range(SEED, SEED + 1),
    ),
    Trial(
        "sets",
        "How far is it with two further sets of each method, on other crops?",
        photograph,
        (*DIVERGENCES, BN),
        [
            {"arm": arm, "lr": (LITE_RATES | OTHERS).get(arm, 0.0)}
            | {"steps": 500 * (arm not in FREE), "photograph": name}
            for arm in (*FREE, "generator", "pixels", "pixels, square loss")
            for name in PHOTOGRAPHS
        ],
        seeds=range(SEED + 1, SEED + 3),
    ),
    Trial(
        "objectives",
        "How far is it with the square loss on pixels, GDFQ's generator and loss, the class term?",
        photograph,
        (*DIVERGENCES, BN),
        [
            {"arm": arm, "lr": lr, "steps": 500, "photograph": name}
            for arm, lr in OTHERS.items()
            for name in PHOTOGRAPHS
        ],
        seeds=range(SEED, SEED + 1),
    ),
    Trial(
        "wide",
        "The same for networks of twice the width, without optimized sets",
        digit,
        (*ACCURACIES, BN, *KNOWN),
        [{"arm": arm, "lr": 0.0, "steps": 0, "wide": True} for arm in FREE],
        seeds=range(110, 115),
    ),
    Trial(
        "balance",
        "Does a lighter class term, or the same rate for both distances, change the order?",
        balance,
        (Quantity("min-max 2", "%", ".1f"), Quantity("by another", "%", ".0f")),
        [
            {"arm": "pixels", "weight": 0.01, "lr": 0.1},
            {"arm": "generator", "weight": 0.01, "lr": 0.01},
            {"arm": "pixels, square loss", "weight": 1.0, "lr": 0.1},
        ],
        seeds=range(110, 115),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
