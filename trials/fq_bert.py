"""Four-bit weights with and without fine-tuning, and fewer bits; syntheses of the multiplier.

    make trials CH=fq_bert

Each seed draws other words, other sentences, another head and another order. Rates are chosen on
seeds that judge nothing. The embeddings stay as they are: they are no part of the encoder.

Rule for "longest", written before its runs: an arm is at its plateau after 12 epochs if 24 change
its mean over the judged seeds by less than 1 point; its paired 95 % interval is shown beside. No
bound says which loss is negligible, so that claim stays undecided whatever comes out. The order of
4 bits and float after 24 is told only if the paired interval of their difference leaves out 0.
Three seeds ran first; float missed the plateau by nothing, with exactly 1 point. The two others
follow for 12 and 24 epochs, and the same rule on all five then decides.

Rule for the rates, written before "high", the arms below 4 bits and MAX in "again", and what they
choose. Each arm has four rates on both tuning seeds, and its best rate is that of the best mean;
where it stands at an end, the next rate is tried on both until it does not. Where this is not the
rate of "rates", which one seed chose, or another one has the same mean, the arm is judged at that
rate, too, on the same five seeds ("both"), and both are shown. Comparisons of arms go by the rates
of both seeds; with equal means they must hold at each. 12 and 24 epochs and the ablation keep the
rates of "rates"; scales of rows are not fine-tuned.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from amaranth.hdl import Const
from torch import Tensor, nn

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.hardware import rtl
from repro.pretrained.minilm import encode, minilm, tokenizer
from repro.training import accuracy, fit

fq = repro.chapter("fq_bert")
DEPTH, EPOCHS, MORE = 2, 8, 6
NETLISTS = (1, 4)  # stored, to be simulated by the chapter
RATES = [0.0001, 0.0003, 0.001]
HIGHER = [0.003]  # where the best of the three stands at the end
NEXT = [0.01]  # where the best of the four does, by both seeds
ARMS = {
    "float": fq.FLOAT,
    "8 bits": fq.Spec(8),
    "4 bits": fq.Spec(4),
    "3 bits": fq.Spec(3),
    "2 bits": fq.Spec(2),
    "4 bits, MAX": fq.Spec(4, clip=False),
    "3 bits, MAX": fq.Spec(3, clip=False),
    "2 bits, MAX": fq.Spec(2, clip=False),
    "4 bits, rows": fq.Spec(4, clip=False, rows=True),
    "4 bits, no extras": fq.Spec(4, scales=False, softmax=False, norm=False),
}
TUNED = ["float", "4 bits", "3 bits", "2 bits", "4 bits, MAX"]


@cache
def task(seed: int) -> tuple[Tensor, ...]:
    """Embedded sentences and labels, to learn from and to test on."""
    net, splitter, parts = minilm(), tokenizer(), []
    for texts, labels in fq.sentences(seed):
        parts += [fq.embedded(net, *encode(texts, splitter=splitter)), torch.tensor(labels)]
    return tuple(parts)


@cache
def start(seed: int, lr: float) -> tuple[nn.ModuleList, nn.Linear, float]:
    """Layers and head after training in float, and their accuracy."""
    x, y, x_test, y_test = task(seed)
    torch.manual_seed(seed)
    layers, head = minilm().layers[:DEPTH], nn.Linear(x.shape[-1] - 1, 2)
    net = fq.Classifier(layers, head, fq.FLOAT)
    fit(net, x, y, epochs=EPOCHS, lr=lr, seed=seed, batch_size=16)
    return layers, head, accuracy(net, x_test, y_test)


def first(seed: int, arm: str, lr: float) -> dict[str, float]:
    """Train in float; accuracy in %."""
    return {"accuracy": 100 * start(seed, lr)[2]}


def trained(seed: int, arm: str, lr: float, epochs: int, start_lr: float) -> dict[str, float]:
    """Quantize a network trained in float, and fine-tune it with its quantizers.

    Args:
        seed: of words, sentences, head and order.
        arm: one of `ARMS`.
        lr: peak rate of the fine-tuning.
        epochs: of it, each of 10 steps; 0 for none.
        start_lr: peak rate of the training in float.

    Returns:
        `accuracy` and `before` fine-tuning, in %; `loss`: mean of the last epoch, in nats.
    """
    x, y, x_test, y_test = task(seed)
    net = fq.calibrated(*start(seed, start_lr)[:2], ARMS[arm], x)
    before = accuracy(net, x_test, y_test)
    history = fit(net, x, y, epochs=epochs, lr=lr, seed=seed + 1000, batch_size=16)
    after = accuracy(net, x_test, y_test)
    return {"accuracy": 100 * after, "before": 100 * before, "loss": [0.0, *history.loss][-1]}


def gates(seed: int, arm: str, m: int, wide: str) -> dict[str, float]:
    """Synthesize the bit-split multipliers and store their netlist; `seed` changes nothing.

    Args:
        seed: not used.
        arm: "type A" or "type B".
        m: weights of 8 bits at once; there are 2m multipliers.
        wide: "both" for weights of 4 and of 8 bits, "never" for 4 alone: nothing to shift.

    Returns:
        Gates of two inputs and inverters; how many of them lie on the longest way.
    """
    design = fq.Bim(m, late=arm == "type A")
    inputs = [design.a, design.w, design.unsigned]
    if wide == "both":
        inputs.append(design.wide)
    else:
        design.wide = Const(0)
    netlist = rtl.synthesize(design, inputs, [design.y])
    if wide == "both" and m in NETLISTS:
        rtl.store("fq_bert", f"{arm}, m = {m}", netlist)
    return {"gates": sum(netlist.cells.values()), "depth": netlist.depth}


def start_rate(finished: Mapping[str, Any]) -> float:
    """The best rate in float."""
    return trials.chosen(finished["float"])[0]["lr"]


def judged(finished: Mapping[str, Any], arms: list[str], epochs: int) -> list[dict[str, Any]]:
    """Arms at their best rates; one that was not tuned takes the rate of 4 bits."""
    best = {one["arm"]: one["lr"] for one in trials.chosen(finished["rates"])}
    made = [grid(arm=[arm], lr=[best.get(arm, best["4 bits"])], epochs=[epochs]) for arm in arms]
    return [{**one, "start_lr": start_rate(finished)} for part in made for one in part]


ACCURACY, BEFORE = Quantity("accuracy", "%", ".1f"), Quantity("before", "%", ".1f")
QUANTITIES = (ACCURACY, BEFORE, Quantity("loss", "nats", ".3f", better="lower"))
TUNE, JUDGE = range(100, 102), range(102, 107)


def over_both(finished: Mapping[str, Any]) -> dict[str, list[float]]:
    """The best rates of each arm by the mean over both seeds: several where means are equal."""
    found: dict[str, dict[float, list[float]]] = {arm: {} for arm in TUNED}
    for name in ("rates", "high", "again", "higher"):
        for run in finished[name]["runs"] if name in finished else ():
            rates = found[run["settings"]["arm"]]
            rates.setdefault(run["settings"]["lr"], []).append(run["measured"]["accuracy"])
    means = {
        arm: {lr: round(sum(both) / len(both), 6) for lr, both in rates.items()}
        for arm, rates in found.items()
    }
    return {
        arm: [lr for lr in sorted(rates) if rates[lr] == max(rates.values())]
        for arm, rates in means.items()
    }


def at_the_end(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Arms whose best of four rates by both seeds is the highest, at the next one."""
    arms = [arm for arm, rates in over_both(finished).items() if HIGHER[-1] in rates]
    return grid(arm=arms, lr=NEXT, epochs=[MORE], start_lr=[start_rate(finished)])


def others(finished: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Arms at the best rates of both seeds that are not those of "judged"."""
    before = {one["arm"]: one for one in judged(finished, TUNED, MORE)}
    return [
        {**before[arm], "lr": lr}
        for arm, rates in over_both(finished).items()
        for lr in rates
        if lr != before[arm]["lr"]
    ]


def fine_tuned(name: str, question: str, arms: list[str], epochs: int = MORE) -> Trial:
    """A trial that judges arms at the rates of "rates"."""
    return Trial(
        name,
        question,
        trained,
        QUANTITIES,
        lambda finished: judged(finished, arms, epochs),
        JUDGE,
    )


TRIALS = [
    Trial(
        "float",
        "Which rate suits the training in float?",
        first,
        (ACCURACY,),
        grid(arm=["float"], lr=RATES),
        TUNE,
        ("lr",),
    ),
    Trial(
        "rates",
        "Which rate suits the fine-tuning of each arm?",
        trained,
        QUANTITIES,
        lambda finished: [
            one
            for arms, rates in ((TUNED, RATES), (TUNED[2:4], HIGHER))
            for one in grid(arm=arms, lr=rates, epochs=[MORE], start_lr=[start_rate(finished)])
        ],
        TUNE[:1],
        ("lr",),
    ),
    fine_tuned("judged", "How accurate is each arm before and after 6 epochs?", TUNED),
    Trial(
        "gates",
        "How many gates do the two types of bit-split multipliers take?",
        gates,
        (Quantity("gates", "", ".0f", "lower"), Quantity("depth", "gates", ".0f", "lower")),
        grid(arm=["type A", "type B"], m=[1, 2, 4], wide=["both", "never"]),
        TUNE[:1],
    ),
    fine_tuned("rows", "What does a scale for each row do without training?", ["4 bits, rows"], 0),
    fine_tuned("longer", "Does twice the length change the order?", TUNED[:2], 2 * MORE),
    fine_tuned("longest", "And four times?", TUNED[:2], 4 * MORE),
    Trial(
        "again",
        "Would another seed choose other rates?",
        trained,
        QUANTITIES,
        lambda finished: grid(
            arm=TUNED, lr=RATES + HIGHER, epochs=[MORE], start_lr=[start_rate(finished)]
        ),
        TUNE[1:],
    ),
    Trial(
        "high",
        "And the fourth rate on the first seed, where the best of three stood inside?",
        trained,
        QUANTITIES,
        lambda finished: grid(
            arm=[TUNED[0], TUNED[1], TUNED[4]],
            lr=HIGHER,
            epochs=[MORE],
            start_lr=[start_rate(finished)],
        ),
        TUNE[:1],
    ),
    Trial(
        "higher",
        "And the next rate, where the best of four stands at the end?",
        trained,
        QUANTITIES,
        at_the_end,
        TUNE,
    ),
    Trial(
        "both",
        "How accurate are arms at rates that the mean over both seeds chooses?",
        trained,
        QUANTITIES,
        others,
        JUDGE,
    ),
    fine_tuned(
        "ablation",
        "What do weights of 4 and activations of 8 bits cost without the other parts?",
        ["4 bits, no extras"],
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
