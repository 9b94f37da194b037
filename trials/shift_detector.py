"""What do powers of two cost a detector, after training and with it?

    make trials CH=shift_detector MISSING=1

Every seed has its own scenes, its own start and its own order. All arms of a seed start from the
same float detector; `float float` gets the same steps without a grid.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import cache, partial

import torch

from press.trials import Quantity, Trial, grid, main
from repro.data import scenes
from repro.data.scenes import Scenes
from repro.trials import Stored, chosen
from repro.vision.detection_metrics import average_precision
from repro.vision.small_detectors import detect, fit_detector

chapter = repro.chapter("shift_detector")
START, EPOCHS = 16, 4  # of 1000 scenes in batches of 8: 2000 and 500 steps
LONGER = 2 * EPOCHS  # 1000 steps
RATES = (0.00017, 0.0005, 0.0015, 0.0045, 0.0135)
WIDTHS = {"W8A8": (8, 8), "W4A8": (4, 8), "W4A4": (4, 4)}
RULES = ("free", "nearest", "ceiling")
GRIDS = tuple(f"{width} {rule}" for width in WIDTHS for rule in RULES)
#: Tuned at five rates, and judged after 500 and 1000 steps.
DECIDING = ("float float", "W4A4 free channels", "W4A4 nearest channels")
#: Tuned at three rates, but not judged on further seeds. On one seed no rate helps the last two.
TUNED = ("W8A8 free", "W8A8 nearest", "W4A4 ceiling channels", "W4A8 free", "W4A8 nearest")
#: Tuned at four rates, and judged after 500 steps; by width.
EIGHT = ("W8A8 free channels", "W8A8 nearest channels")
MIXED = ("W4A8 free channels", "W4A8 nearest channels")
CHOOSING, JUDGED = range(100, 102), range(104, 109)


@cache
def drawn(seed: int) -> tuple[Scenes, Scenes]:
    """1000 scenes to train on and 200 others to test on, 64x64 pixels."""
    return scenes(1000, 200, 64, seed, side=(12, 32), objects=(1, 3))


@cache
def trained(seed: int, start: float, epochs: int) -> torch.nn.Module:
    """A float detector from a random start, at a peak rate of `start`."""
    torch.manual_seed(seed)
    net = chapter.Detector()
    fit_detector(net, drawn(seed)[0], chapter.detection_loss, lr=start, epochs=epochs, seed=seed)
    return net


def quantized(seed: int, arm: str, start: float) -> torch.nn.Module:
    """A detector on the grids that `arm` names, its ranges from 64 training scenes."""
    width, rule, *channels = arm.split()
    net = chapter.QuantizedDetector(
        trained(seed, start, START), *WIDTHS.get(width, (8, 8)), rule, bool(channels)
    )
    return chapter.calibrated(net, torch.from_numpy(drawn(seed)[0].x[:64]))


def score(net: torch.nn.Module, seed: int) -> dict[str, float]:
    """Average precision on the test scenes of a seed."""
    test = drawn(seed)[1]
    found = average_precision(detect(net, test), test.boxes, test.labels)
    return {name: found[name] for name in ("ap50", "ap")}


def from_scratch(seed: int, arm: str, start: float, epochs: int) -> dict[str, float]:
    """A float detector, trained from a random start."""
    return score(trained(seed, start, epochs), seed)


def after_training(seed: int, arm: str, start: float) -> dict[str, float]:
    """Quantized after training."""
    return score(quantized(seed, arm, start), seed)


def fine_tuned(seed: int, arm: str, start: float, lr: float, epochs: int) -> dict[str, float]:
    """Quantized, then trained on with the quantizer in place."""
    net = quantized(seed, arm, start)
    order = seed + 1000
    fit_detector(net, drawn(seed)[0], chapter.detection_loss, lr=lr, epochs=epochs, seed=order)
    return score(net, seed)


def first(finished: Mapping[str, Stored]) -> float:
    """The float detector's best rate."""
    return chosen(finished["float-rates"])[0]["start"]


def tuned(arms: tuple[str, ...], rates: str, finished: Mapping[str, Stored]) -> list[dict]:
    """Some arms at the best rates of a trial, and for as long as there."""
    best = {setting["arm"]: setting for setting in chosen(finished[rates])}
    return [best[arm] for arm in arms]


QUANTITIES = tuple(Quantity(name, "%", ".1f") for name in ("ap50", "ap"))


def tuned_and_judged(
    name: str, asked: str, judged: str, arms: tuple[str, ...], rates: tuple[float, ...], epochs: int
) -> list[Trial]:
    """The trial that chooses rates of arms, `rates-` name, and the one that judges, `qat-` name."""
    tuning = Trial(
        f"rates-{name}",
        asked,
        fine_tuned,
        QUANTITIES,
        lambda finished: grid(arm=arms, start=[first(finished)], lr=rates, epochs=[epochs]),
        seeds=CHOOSING,
        choose=("lr",),
    )
    judging = Trial(
        f"qat-{name}",
        judged,
        fine_tuned,
        QUANTITIES,
        partial(tuned, arms, f"rates-{name}"),
        seeds=JUDGED,
    )
    return [tuning, judging]


TRIALS = [
    Trial(
        "float-rates",
        "Which rate suits the float detector?",
        from_scratch,
        QUANTITIES,
        grid(arm=["float"], start=[0.006, 0.012, 0.024, 0.048], epochs=[START]),
        seeds=CHOOSING,
        choose=("start",),
    ),
    Trial(
        "ptq",
        "What do grids cost without further training?",
        after_training,
        QUANTITIES,
        lambda finished: grid(
            arm=["float float", *GRIDS, *(f"{arm} channels" for arm in GRIDS)],
            start=[first(finished)],
        ),
        seeds=(*CHOOSING, *JUDGED),
    ),
    Trial(
        "rates",
        "Which rate suits each arm?",
        fine_tuned,
        QUANTITIES,
        lambda finished: (
            grid(arm=DECIDING, start=[first(finished)], lr=RATES, epochs=[EPOCHS])
            + grid(arm=TUNED, start=[first(finished)], lr=RATES[1:4], epochs=[EPOCHS])
        ),
        seeds=CHOOSING,
        choose=("lr",),
    ),
    Trial(
        "qat",
        "What do grids cost when they are trained for 500 steps?",
        fine_tuned,
        QUANTITIES,
        partial(tuned, DECIDING, "rates"),
        seeds=JUDGED,
    ),
    *tuned_and_judged(
        "longer",
        "Which rate suits each arm for 1000 steps?",
        "What do grids cost when they are trained for 1000 steps?",
        DECIDING,
        RATES,
        LONGER,
    ),
    *tuned_and_judged(
        "w8a8",
        "Which rate suits W8A8 with a step per channel?",
        "What does W8A8 with a step per channel cost when it is trained for 500 steps?",
        EIGHT,
        RATES[1:],
        EPOCHS,
    ),
    *tuned_and_judged(
        "w4a8",
        "Which rate suits W4A8 with a step per channel?",
        "What does W4A8 with a step per channel cost when it is trained for 500 steps?",
        MIXED,
        RATES[1:],
        EPOCHS,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
