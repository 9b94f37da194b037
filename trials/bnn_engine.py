"""Binary weights for instance segmentation: both alphabets, beside float; and multipliers as gates.

    make trials CH=bnn_engine MISSING=1

Every seed has its own scenes, its own start and its own order. Rates are chosen on seeds that judge
nothing, each arm over the same three, at the length that is judged; where the best was the highest,
higher ones were tried until one was worse. Plain {0,1} departs from it, in its own favour: `PLAIN`.

Rule for "longest", written after its runs on seed 102 with four arms and before all others. AP50
decides, in points. An arm is at a plateau after 800 steps if 1600 move its mean over the three
seeds by less than 1 point; its paired 95 % interval is shown beside. A lead at 800 steps (of float
over {-1,+1}, and so on) is one of speed if it is smaller after 1600 on each of the three seeds.
Without any trend that happens by chance in one case of eight, and on one seed it was known before.
Rates stay those of 400 steps. AP is shown, and decides nothing: no rule was about it.

Rule for "doubled", 3200 steps, written before its runs, when all of 1600 were known: there float
gained +0.0 points over 800, {-1,+1} +2.8, mixed {0,1} +4.5, plain {0,1} +9.8, 2 bits +10.7.
Same seeds, 102 to 104, and rates. AP50 decides. An arm is at a plateau after 1600 steps if 3200
move its mean by less than 1 point. Two arms are told apart after 3200 if the paired 95 % interval
of their difference over the three seeds leaves out 0, asked of the five pairs that the page asks
after 1600; no correction for five. Float's lead over an arm remains if it is so told apart.
A lead is one of speed if it is smaller after 3200 than after 1600 on each of the three seeds.

A rate tuned at 400 steps may be too high at 3200. "halved" asks it for float, {-1,+1} and mixed
{0,1} alike: the rate of 400 and half of it, 1600 steps, seed 100, which judges nothing. An arm
whose half scores higher runs 3200 steps at it, too ("doubled, halved"), and the pairs of the three
are then decided at the rates so chosen, with both shown. Plateaus are about the old rates alone.
Plain {0,1} and 2 bits are not tuned again. The clock cuts the last trials as a whole, never a seed.
What came of it: no half scored higher, so "doubled, halved" had nothing to run. 2 bits
and seed 104 of plain {0,1} were first cut by the clock, with two runs of plain {0,1} read, and
taken up again under the same rule, before any other of their runs.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.hardware import rtl
from repro.vision.small_segmenters import fit_segmenter, masked_scenes, segmenter_precision

bnn = repro.chapter("bnn_engine")
STEPS, LANES = 400, 16
RATES = [0.01, 0.02, 0.04]
ARMS = {
    "float": bnn.Spec(None, None),
    "{-1,+1}": bnn.Spec(1, 4),
    "{0,1}": bnn.Spec(0, 4),
    "{0,1}, mixed": bnn.Spec(0, 4, mixed=True),
    "{-1,+1}, 2 bits": bnn.Spec(1, 2),
}
DOUBLED = ("{-1,+1}", "{0,1}, mixed", "float")
HIGHER = ["{-1,+1}", "{0,1}"]  # the best of the three rates stood at the end of the grid
# Plain {0,1}: 0.16 was best on seed 100, but worse than this on 102 and 103; see "higher".
PLAIN = {"arm": "{0,1}", "lr": 0.08, "steps": STEPS}
KINDS = ("merged", "XNOR", "selector", "carried")


@cache
def task(seed: int) -> tuple[Tensor, ...]:
    """Scenes and masks, to learn from and to test on."""
    return tuple(masked_scenes(seed))


def measure(seed: int, arm: str, lr: float, steps: int) -> dict[str, float]:
    """Train, and test on other scenes: average precision of masks in %."""
    x, truth, x_test, truth_test = task(seed)
    torch.manual_seed(seed)
    net = bnn.Network(ARMS[arm])
    fit_segmenter(net, x, truth, bnn.sparse_loss, lr=lr, steps=steps, seed=seed)
    return segmenter_precision(net, x_test, truth_test, bnn.scored)


def mixed_signs(seed: int, arm: str, lr: float, steps: int) -> dict[str, float]:
    """What `measure` says of {-1,+1} with half of the gains started at -1."""
    with patch.dict(ARMS, {arm: bnn.Spec(1, 4, mixed=True)}):
        return measure(seed, arm, lr, steps)


def gates(seed: int, arm: str, n: int, lanes: int) -> dict[str, float]:
    """Optimise a circuit for area, and store a small one; `seed` changes nothing.

    Args:
        seed: not used.
        arm: one of `KINDS`.
        n: bits of an activation.
        lanes: 1 for a multiplier; more for so many, an adder tree and an accumulator's input.

    Returns:
        Area in gates NAND; gates; how many of them lie on the longest way.
    """
    netlist = rtl.optimize(bnn.datapath(arm, n, lanes))
    if lanes == 1 or n == 2:
        rtl.store("bnn_engine", f"{arm}, n = {n}, {lanes} lanes", netlist)
    count = sum(netlist.cells.values())
    return {"area": bnn.area(netlist), "gates": count, "depth": netlist.depth}


def best(arms: tuple[str, ...], finished: Mapping[str, Any], steps: int = STEPS) -> list[dict]:
    """Arms at their best rates, and so many steps."""
    found = {one["arm"]: one for one in trials.chosen(finished["rates"])}
    return [found[arm] | {"steps": steps} for arm in arms]


def halves(finished: Mapping[str, Any]) -> list[dict]:
    """The arms of "doubled" at their best rates and at half of them, 1600 steps."""
    old = best(DOUBLED, finished, 4 * STEPS)
    return [one | {"lr": one["lr"] * factor} for one in old for factor in (1, 0.5)]


def like(arm: str, steps: int, finished: Mapping[str, Any]) -> list[dict]:
    """An arm that was not tuned, at the best rate of {-1,+1}, and so many steps."""
    return [one | {"arm": arm} for one in best(("{-1,+1}",), finished, steps)]


def better(finished: Mapping[str, Any]) -> str:
    """The recipe of {0,1} with the higher precision on the seeds that judge nothing."""
    one = finished["rates"]
    runs = {s["arm"]: s for s in trials.chosen(one)}
    score = {
        arm: sum(r["measured"]["ap50"] for r in one["runs"] if r["settings"] == runs[arm])
        for arm in ("{0,1}", "{0,1}, mixed")
    }
    return max(score, key=score.get)


AP50 = Quantity("ap50", "%", ".1f")
QUANTITIES = (AP50, Quantity("ap", "%", ".1f"), Quantity("ap75", "%", ".1f"))
TUNE, JUDGE = range(100, 101), range(102, 107)
TRIALS = [
    Trial(
        "rates",
        "Which rate suits each arm?",
        measure,
        QUANTITIES,
        grid(arm=list(ARMS)[:4], lr=RATES, steps=[STEPS])
        + grid(arm=HIGHER, lr=[0.08], steps=[STEPS])
        + grid(arm=["{0,1}"], lr=[0.16, 0.32], steps=[STEPS]),
        TUNE,
        ("lr",),
    ),
    Trial(
        "gates",
        "How many gates are left after logic optimisation, alone and with an adder tree?",
        gates,
        (
            Quantity("area", "NAND", ".1f", "lower"),
            Quantity("gates", "", ".0f", "lower"),
            Quantity("depth", "gates", ".0f", "lower"),
        ),
        [
            {"arm": kind, "n": n, "lanes": lanes}
            for lanes in (1, LANES)
            for n in (2, 4, 8)
            for kind in KINDS
            if lanes > 1 or kind != "carried"
        ],
        TUNE,
    ),
    Trial(
        "judged",
        "How precise are the masks after 400 steps?",
        measure,
        QUANTITIES,
        lambda finished: best(("float", "{-1,+1}", better(finished)), finished),
        JUDGE,
    ),
    Trial(
        "plain",
        "How precise are the masks of {0,1} with the recipe of the other alphabet?",
        measure,
        QUANTITIES,
        [PLAIN],
        JUDGE,
    ),
    Trial(
        "higher",
        "What does {0,1} score at the rate that is best on seed 100 alone?",
        measure,
        QUANTITIES,
        lambda finished: best(("{0,1}",), finished),
        JUDGE[:2],
    ),
    Trial(
        "mixed signs",
        "Do gains of both signs help {-1,+1}, too, at the rate chosen without them?",
        mixed_signs,
        QUANTITIES,
        lambda finished: like("{-1,+1}, mixed", STEPS, finished),
        JUDGE,
    ),
    Trial(
        "bits",
        "How precise are the masks with 2 bits in place of 4?",
        measure,
        QUANTITIES,
        lambda finished: like("{-1,+1}, 2 bits", STEPS, finished),
        JUDGE,
    ),
    Trial(
        "longer, {0,1}",
        "What does twice the length change for {0,1}, at the same rates?",
        measure,
        QUANTITIES,
        lambda finished: [
            *best(("{0,1}, mixed",), finished, 2 * STEPS),
            PLAIN | {"steps": 2 * STEPS},
        ],
        JUDGE,
    ),
    Trial(
        "longer",
        "What does twice the length change, at the same rate?",
        measure,
        QUANTITIES,
        lambda finished: best(("{-1,+1}", "float"), finished, 2 * STEPS),
        JUDGE,
    ),
    Trial(
        "longer, bits",
        "What does twice the length change for 2 bits, at the same rate?",
        measure,
        QUANTITIES,
        lambda finished: like("{-1,+1}, 2 bits", 2 * STEPS, finished),
        JUDGE,
    ),
    Trial(
        "longest",
        "Are 800 steps a plateau?",
        measure,
        QUANTITIES,
        lambda finished: [
            *best(("float", "{-1,+1}", "{0,1}, mixed"), finished, 4 * STEPS),
            *like("{-1,+1}, 2 bits", 4 * STEPS, finished),
            PLAIN | {"steps": 4 * STEPS},
        ],
        JUDGE[:3],
    ),
    Trial(
        "doubled",
        "Are 1600 steps a plateau?",
        measure,
        QUANTITIES,
        lambda finished: best(DOUBLED, finished, 8 * STEPS),
        JUDGE[:3],
    ),
    Trial(
        "halved",
        "Does half of the rate suit 1600 steps better?",
        measure,
        QUANTITIES,
        halves,
        TUNE,
        ("lr",),
    ),
    Trial(
        "doubled, {0,1}",
        "Are 1600 steps a plateau for {0,1} with the recipe of the other alphabet?",
        measure,
        QUANTITIES,
        [PLAIN | {"steps": 8 * STEPS}],
        JUDGE[:3],
    ),
    Trial(
        "doubled, bits",
        "Are 1600 steps a plateau for 2 bits?",
        measure,
        QUANTITIES,
        lambda finished: like("{-1,+1}, 2 bits", 8 * STEPS, finished),
        JUDGE[:3],
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
