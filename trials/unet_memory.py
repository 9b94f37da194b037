"""One map instead of all skips: does a denoiser stay as good, or become better?

    make trials CH=unet_memory MISSING=1

Every seed has its own start, crops of the training photographs, noise and order. Each network is
measured on the same crops of six other photographs, also with what waits rounded to few bits. All
arms are tuned over 250 steps. The two that decide, all skips and UNet-- at the scale that was best,
are judged after 500 and 1000 steps at rates that suit 250. Then they are tuned over 1000 steps, on
two seeds, and judged after 1000, 2000, 4000 and 8000. All arms that hold a fifteenth are judged
after 250: four scales, blocks in the IEM, and two rivals without aggregation; no skips also after
1000.

The rule for 8000 steps, "judged, 8000 steps", was written before any result. All skips and UNet--
at t = 2, at the rates that suit 1000, seeds 120 to 122. An arm is at a plateau if its mean PSNR
over six photographs and three seeds changes by less than 0.1 dB from 4000 to 8000 steps. At 8000
the difference, UNet-- minus all skips, is taken with its interval over seeds and photographs as at
the other lengths. The claim "improves" is tested only if both arms are at a plateau. Behind for
certain means that the whole interval is below 0: a finding with its conditions (width 8, own
modules), not "contradicted".
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping, Sequence
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
MORE = {
    "UNet--, t = 2, blocks": partial(chapter.Aggregated, t=2, enhance=True),
    "each skip by itself": chapter.Apart,
}
RATES, LOWER, NEAR, HIGHER = (9e-3, 27e-3), 3e-3, (5e-3, 9e-3, 15e-3), 27e-3
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


def measure_more(seed: int, arm: str, lr: float, steps: int) -> dict[str, float]:
    """As `measure`, for arms that came later; runs of the others stay valid."""
    BRIDGES.update(MORE)
    return measure(seed, arm, lr, steps)


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


def higher(finished: Mapping[str, Stored]) -> list[dict]:
    """The deciding arms over 1000 steps, past the end of the grid."""
    return [one | {"lr": HIGHER, "steps": 1000} for one in deciding(finished)]


def at_the_end(finished: Mapping[str, Stored]) -> list[dict]:
    """The arms whose best mean over two seeds is the lowest rate tried, at a still lower one."""
    best = tuned(finished, DECIDING[:3])
    return [one | {"lr": LOWER} for one in best if one["lr"] == min(NEAR)]


def by_arm(
    finished: Mapping[str, Stored], names: Sequence[str]
) -> dict[str, dict[float, list[float]]]:
    """PSNR in dB of some trials: by arm and rate, one for each seed."""
    found: dict[str, dict[float, list[float]]] = {}
    for run in (run for name in names for run in finished[name]["runs"]):
        setting, psnr = run["settings"], run["measured"]["psnr"]
        found.setdefault(setting["arm"], {}).setdefault(setting["lr"], []).append(psnr)
    return found


def best_two(finished: Mapping[str, Stored], names: Sequence[str]) -> list[dict]:
    """The two best rates of each arm of some trials with one seed, over 1000 steps."""
    return [
        {"arm": arm, "lr": lr, "steps": 1000}
        for arm, tried in by_arm(finished, names).items()
        for lr in sorted(sorted(tried, key=tried.__getitem__)[-2:])
    ]


def tuned(finished: Mapping[str, Stored], names: Sequence[str]) -> list[dict]:
    """Each arm of some trials over 1000 steps, at the best mean of the rates tried on two seeds."""
    settings = []
    for arm, tried in by_arm(finished, names).items():
        twice = {lr: sum(psnr) for lr, psnr in tried.items() if len(psnr) == 2}
        settings.append({"arm": arm, "lr": max(twice, key=twice.__getitem__), "steps": 1000})
    return settings


def scales(finished: Mapping[str, Stored]) -> list[dict]:
    """All that hold a fifteenth, each at its better rate over 250 steps, the best first."""
    best = [one for one in chosen(finished["rates"]) if one["arm"] not in ("all skips", "no skips")]
    return sorted(best, key=partial(score, finished), reverse=True)


def without(finished: Mapping[str, Stored]) -> list[dict]:
    """No skips over 1000 steps, at the better rate over 250."""
    best = chosen(finished["rates"])
    return [one | {"steps": 1000} for one in best if one["arm"] == "no skips"]


def lengthened(finished: Mapping[str, Stored], steps: int) -> list[dict]:
    """The deciding arms over more steps, at the rates that suit 1000."""
    return [one | {"steps": steps} for one in tuned(finished, DECIDING)]


QUANTITIES = (
    *(Quantity(f"psnr{label(bits)}", "dB", ".2f") for bits in BITS),
    Quantity("ssim", "", ".3f"),
    *(Quantity(f"{name}{label(bits)}", "dB", ".2f") for bits in BITS for name in TEST),
)
DECIDING = tuple(f"rates, 1000 steps{name}" for name in ("", ", higher", ", again", ", lower"))
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
    Trial(
        "rates, 1000 steps, higher",
        "Does a still higher rate suit 1000 steps?",
        measure,
        QUANTITIES,
        higher,
        seeds=[100],
    ),
    Trial(
        "rates, 1000 steps, again",
        "Which of the two best rates suits 1000 steps, on another seed?",
        measure,
        QUANTITIES,
        partial(best_two, names=DECIDING[:2]),
        seeds=[101],
    ),
    Trial(
        "rates, 1000 steps, lower",
        "Where the lowest rate was best: does a still lower one suit 1000 steps?",
        measure,
        QUANTITIES,
        at_the_end,
        seeds=[100, 101],
    ),
    Trial(
        "tuned, 1000 steps",
        "How good are the deciding arms after 1000 steps, at the rates that suit these?",
        measure,
        QUANTITIES,
        partial(tuned, names=DECIDING),
        seeds=range(120, 123),
    ),
    Trial(
        "scales",
        "How good is each arm that holds a fifteenth, after 250 steps?",
        measure,
        QUANTITIES,
        scales,
        seeds=range(120, 123),
    ),
    Trial(
        "rates, more",
        "Which rate suits the rivals over 250 steps?",
        measure_more,
        QUANTITIES,
        grid(arm=list(MORE), lr=RATES, steps=[250]),
        seeds=[100],
        choose=("lr",),
    ),
    Trial(
        "more",
        "How good are the rivals after 250 steps?",
        measure_more,
        QUANTITIES,
        lambda finished: chosen(finished["rates, more"]),
        seeds=range(120, 123),
    ),
    Trial(
        "rates, more, lower",
        "Does a still lower rate suit the rivals?",
        measure_more,
        QUANTITIES,
        grid(arm=list(MORE), lr=[LOWER], steps=[250]),
        seeds=[100],
    ),
    *(
        Trial(
            f"judged, {steps} steps",
            question,
            measure,
            QUANTITIES,
            partial(lengthened, steps=steps),
            seeds=range(120, 123),
        )
        for steps, question in {
            2000: "What do twice the steps change, at the rates that suit 1000?",
            4000: "And four times the steps?",
            8000: "And eight times?",
        }.items()
    ),
    Trial(
        "no skips, 1000 steps",
        "How good is a network without skips after 1000 steps, at the rate that suits 250?",
        measure,
        QUANTITIES,
        without,
        seeds=range(120, 123),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
