"""One map instead of all skips: does a denoiser stay as good, or become better?

    make trials CH=unet_memory MISSING=1

Every seed has its own start, crops of the training photographs, noise and order. Each network is
measured on the same crops of six other photographs, also with what waits rounded to few bits. All
arms are tuned over 250 steps. The two that decide, all skips and UNet-- at the scale that was best,
are judged after 500 and 1000 steps; rates near theirs are tried over 1000 steps, too.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import partial

import torch

from press.trials import Quantity, Trial, grid, main
from repro.trials import Stored, chosen
from repro.vision.denoising import TEST, scores, train

chapter = repro.chapter("unet_memory")
BRIDGES = {
    "all skips": chapter.Skips,
    **{f"UNet--, t = {t}": partial(chapter.Aggregated, t=t) for t in (1, 2, 3, 0)},
    "no skips": chapter.NoSkips,
    "one channel of the first skip": chapter.Squeezed,
}
RATES, LOWER, NEAR = (9e-3, 27e-3), 3e-3, (5e-3, 9e-3, 15e-3)
BITS = (None, 8, 4, 2)


def label(bits: int | None) -> str:
    """How a precision of what waits is named; None: float32."""
    return f" at {bits} bits" if bits else ""


def measure(seed: int, arm: str, lr: float, steps: int) -> dict[str, float]:
    """Train a network; its PSNR and SSIM on test photographs, also with what waits rounded."""
    torch.manual_seed(seed)
    net = chapter.UNet(BRIDGES[arm]()).to(memory_format=torch.channels_last)
    train(net, steps, lr, seed)
    found = {}
    for net.bits in BITS:
        found[label(net.bits)] = scores(net)
    measured = {"psnr" + bits: rows[:, 0].mean() for bits, rows in found.items()}
    measured["ssim"] = found[""][:, 1].mean()
    for bits, rows in found.items():
        measured |= {f"{name}{bits}": psnr for name, psnr in zip(TEST, rows[:, 0], strict=True)}
    return measured


def score(finished: Mapping[str, Stored], setting: dict) -> float:
    """PSNR in dB of a setting of the trials of rates."""
    runs = [run for one in finished.values() for run in one["runs"]]
    return next(run["measured"]["psnr"] for run in runs if run["settings"] == setting)


def deciding(finished: Mapping[str, Stored]) -> list[dict]:
    """All skips, and UNet-- at the scale that was best, each at its best rate."""
    best = chosen(finished["rates"])
    ours = [one for one in best if one["arm"].startswith("UNet--")]
    return [best[0], max(ours, key=partial(score, finished))]


def lower(finished: Mapping[str, Stored]) -> list[dict]:
    """The deciding arms at a third of the lowest rate."""
    return [setting | {"lr": LOWER} for setting in deciding(finished)]


def longer(finished: Mapping[str, Stored]) -> list[dict]:
    """The deciding arms over 1000 steps, at the rate that suits both over 250 and beside it."""
    return [one | {"lr": lr, "steps": 1000} for one in deciding(finished) for lr in NEAR]


def judged(finished: Mapping[str, Stored], steps: int) -> list[dict]:
    """The deciding arms at the best of all rates tried, for some steps."""
    pairs = zip(deciding(finished), lower(finished), strict=True)
    return [max(pair, key=partial(score, finished)) | {"steps": steps} for pair in pairs]


QUANTITIES = (
    *(Quantity(f"psnr{label(bits)}", "dB", ".2f") for bits in BITS),
    Quantity("ssim", "", ".3f"),
    *(Quantity(f"{name}{label(bits)}", "dB", ".2f") for bits in BITS for name in TEST),
)
TRIALS = [
    Trial(
        "rates",
        "Which rate suits each arm over 250 steps?",
        measure,
        QUANTITIES,
        grid(arm=list(BRIDGES), lr=RATES, steps=[250]),
        seeds=[100],
        choose=("lr",),
    ),
    Trial(
        "rates, lower",
        "Does a still lower rate suit the deciding arms?",
        measure,
        QUANTITIES,
        lower,
        seeds=[100],
    ),
    Trial(
        "rates, 1000 steps",
        "Does the rate that suits 250 steps suit 1000?",
        measure,
        QUANTITIES,
        longer,
        seeds=[100],
        choose=("lr",),
    ),
    *(
        Trial(
            f"judged, {steps} steps",
            question,
            measure,
            QUANTITIES,
            partial(judged, steps=steps),
            seeds=range(110, 113),
        )
        for steps, question in {
            500: "How good are the deciding arms after 500 steps, at the rates that suit 250?",
            1000: "And after 1000 steps?",
        }.items()
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
