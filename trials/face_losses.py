"""The face losses of the book side by side: each at its best rates, on the same people.

    make trials CH=face_losses MISSING=1

A small network is trained from random weights with one of the losses and verifies people that it
has never seen. Rates, and the constants of the losses that have them, are tuned on two sets of
people at the length that is judged; eight other sets judge, at that length and at twice it. Every
loss has a function of its own, so that a chapter can add one without making the others anew.
"""

import repro  # first: caps threads and instruction set

# isort: split
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from press.trials import Quantity, Trial, grid, main
from repro.trials import Stored, chosen
from repro.vision.strangers import verified

normface = repro.chapter("normface")
am_softmax = repro.chapter("am_softmax")
intraloss = repro.chapter("intraloss")
sface = repro.chapter("sface")
PEOPLE, D, EPOCHS, STEPS = 128, 32, 32, 24  # steps of an epoch
Scores = dict[str, float]


def trained(
    head: nn.Module | normface.Agents, seed: int, loss: Callable | None = None, **rates: float
) -> Scores:
    """Train the embedding with a last layer and its loss from random weights, and judge it."""
    embedding = normface.perceptron(256, 128, 128, D)
    return verified(nn.Sequential(embedding, head), seed, loss, **rates)


def layer(seed: int) -> nn.Module:
    """Cosines to class weights, of a seed."""
    torch.manual_seed(seed)
    return am_softmax.Cosines(D, PEOPLE)


def margin(psi: Callable, s: float | None) -> Callable:
    """Softmax loss with a margin at a scale, or at the lengths of the features."""

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        cosine, length = outputs
        return am_softmax.margin_softmax(cosine, y, psi, length if s is None else s)

    return loss


def softmax(seed: int, arm: str, **rates: float) -> Scores:
    """The plain softmax: a linear layer, nothing normalized."""
    torch.manual_seed(seed)
    return trained(nn.Linear(D, PEOPLE), seed, **rates)


def learned_scale(seed: int, arm: str, **rates: float) -> Scores:
    """NormFace: both normalized, a learned scale that starts at 10."""
    torch.manual_seed(seed)
    return trained(normface.Agents(D, PEOPLE, 10, learn=True), seed, **rates)


def c_triplet(seed: int, arm: str, m: float = 0.8, **rates: float) -> Scores:
    """C-triplet of NormFace: agents, no softmax."""
    return trained(layer(seed), seed, lambda out, y: normface.c_triplet(out[0], y, m), **rates)


def additive(seed: int, arm: str, s: float = 30, m: float = 0.35, **rates: float) -> Scores:
    """AM-Softmax; with m = 0, NormFace with a fixed scale."""
    return trained(layer(seed), seed, margin(am_softmax.additive(m), s), **rates)


def released(seed: int, arm: str, s: float = 30, m: float = 0.35, **rates: float) -> Scores:
    """AM-Softmax as the released layer computes it."""
    return trained(layer(seed), seed, margin(am_softmax.as_released(m), s), **rates)


def unnormalised(
    seed: int, arm: str, m: float = 0.4, epochs: int = EPOCHS, **rates: float
) -> Scores:
    """AM-Softmax without normalized features; the margin grows over 8,000 of 30,000 steps."""
    steps = itertools.count(1)

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        grown = min(m, m * next(steps) / (8 / 30 * STEPS * epochs))
        return am_softmax.margin_softmax(outputs[0], y, am_softmax.additive(grown), outputs[1])

    return trained(layer(seed), seed, loss, epochs=epochs, **rates)


def multiplicative(
    seed: int, arm: str, m: int = 4, paced: bool = True, epochs: int = EPOCHS, **rates: float
) -> Scores:
    """A-Softmax with the released annealing, by share of its 28,000 steps, or step by step."""
    steps, pace = itertools.count(1), 28_000 / (STEPS * epochs) if paced else 1.0

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        psi = am_softmax.multiplicative(m, am_softmax.annealed(next(steps), pace))
        return am_softmax.margin_softmax(outputs[0], y, psi, outputs[1])

    return trained(layer(seed), seed, loss, epochs=epochs, **rates)


def angular(seed: int, arm: str, s: float = 64, m: float = 0.5, **rates: float) -> Scores:
    """ArcFace."""
    return trained(layer(seed), seed, margin(am_softmax.angular(m), s), **rates)


def enhanced(seed: int, where: Callable, strength: float, **rates: float) -> Scores:
    """AM-Softmax with a pull to the own weight added, weighted as `where` says."""
    psi = am_softmax.additive(0.35)

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return intraloss.enhanced(outputs[0], y, psi, strength, where=where)

    return trained(layer(seed), seed, loss, **rates)


def targeted(seed: int, arm: str, strength: float = 0.3, **rates: float) -> Scores:
    """AM-Softmax with the pull of our reconstruction of IntraLoss."""
    return enhanced(seed, intraloss.satisfied, strength, **rates)


def uniform(seed: int, arm: str, strength: float = 0.3, **rates: float) -> Scores:
    """AM-Softmax with a center loss on the sphere."""
    return enhanced(seed, intraloss.everywhere, strength, **rates)


def elsewhere(seed: int, arm: str, strength: float = 0.3, **rates: float) -> Scores:
    """AM-Softmax with a pull where it pulls already."""
    return enhanced(seed, lambda P: 1 - P, strength, **rates)


def sigmoid(seed: int, arm: str, a: float = 0.87, b: float = 1.2, **rates: float) -> Scores:
    """SFace."""
    return trained(layer(seed), seed, lambda out, y: sface.sface(out[0], y, a, b), **rates)


QUANTITIES = (
    Quantity("tar", "%", ".1f"),
    Quantity("strict", "%", ".1f"),
    Quantity("accuracy", "%", ".2f"),
    Quantity("eer", "%", ".2f", better="lower"),
    Quantity("dir", "%", ".1f"),
    Quantity("loss", "nats", ".3f", better="lower"),
    Quantity("own", "", ".3f"),
    Quantity("lead", "", ".3f"),
    Quantity("near", "", ".3f", better="lower"),
)
RATES, MULTIPLES = [0.025, 0.05, 0.1, 0.2, 0.4], [10]


def rated(
    measure: Callable[..., Scores],
    arm: str,
    multiples: Sequence[int] = MULTIPLES,
    lr: Sequence[float] = RATES,
    **other: Sequence,
) -> Trial:
    """Which rates suit a loss with its published constants?"""
    return Trial(
        f"{arm}-rates",
        f"Which rates suit {arm}?",
        measure,
        QUANTITIES,
        grid(arm=[arm], lr=lr, multiple=multiples, epochs=[EPOCHS], **other),
        seeds=range(100, 102),
        choose=("lr", "multiple", *other),
    )


def constants(measure: Callable[..., Scores], arm: str, **other: list) -> list[Trial]:
    """Which constants suit a loss at its best rates? And which rates, with those constants?"""

    def settings(finished: Mapping[str, Stored]) -> list[dict]:
        (best,) = chosen(finished[f"{arm}-rates"])
        return [best | setting for setting in grid(**other)]

    def again(finished: Mapping[str, Stored]) -> list[dict]:
        (best,) = chosen(finished[f"{arm}-constants"])
        return [best | {"lr": best["lr"] * k} for k in (0.25, 0.5, 1, 2)]

    question = f"Which constants suit {arm} at its best rates?"
    seeds = range(100, 102)
    return [
        Trial(f"{arm}-constants", question, measure, QUANTITIES, settings, seeds, tuple(other)),
        Trial(
            f"{arm}-again",
            f"Which rate suits {arm} with those constants?",
            measure,
            QUANTITIES,
            again,
            seeds,
            ("lr",),
        ),
    ]


def judged(
    measure: Callable[..., Scores], arm: str, tuned: str = "rates", by: str = "", **other: float
) -> list[Trial]:
    """How well does a loss verify, at what was tuned, on other people? And after twice the time?"""

    def settings(epochs: int) -> Callable[[Mapping[str, Stored]], list[dict]]:
        def best(finished: Mapping[str, Stored]) -> list[dict]:
            (setting,) = chosen(finished[f"{by or arm}-{tuned}"])
            return [setting | {"arm": arm, "epochs": epochs} | other]

        return best

    name = arm if tuned == "rates" else f"{arm}-tuned"
    once, twice = (settings(epochs) for epochs in (EPOCHS, 2 * EPOCHS))
    question = f"How well does {arm} verify strangers"
    return [
        Trial(name, f"{question}?", measure, QUANTITIES, once, range(104, 112)),
        Trial(
            f"{name}-longer",
            f"{question} after twice the time?",
            measure,
            QUANTITIES,
            twice,
            range(104, 109),
        ),
    ]


SCALES, MARGINS = [8, 16, 30], [0.1, 0.2, 0.35, 0.5]
STRENGTHS = [0.1, 0.3, 1, 3, 10]
TRIALS = [
    rated(softmax, "softmax", [1]),
    *judged(softmax, "softmax"),
    rated(learned_scale, "normface", lr=[0.05, 0.1, 0.2, 0.4]),
    *judged(learned_scale, "normface"),
    rated(additive, "am-softmax"),
    *judged(additive, "am-softmax"),
    rated(additive, "no-margin", m=[0]),
    *judged(additive, "no-margin"),
    rated(multiplicative, "a-softmax"),
    *judged(multiplicative, "a-softmax"),
    judged(additive, "am-softmax-misplaced", by="am-softmax", m=0.35 / 30)[0],
    rated(angular, "arcface"),
    *judged(angular, "arcface"),
    *constants(additive, "am-softmax", s=SCALES, m=MARGINS),
    judged(additive, "am-softmax", "again")[0],
    rated(c_triplet, "c-triplet", lr=[0.0125, *RATES]),
    *judged(c_triplet, "c-triplet"),
    rated(unnormalised, "am-softmax-lengths"),
    *judged(unnormalised, "am-softmax-lengths"),
    judged(released, "am-softmax-released", by="am-softmax")[0],
    rated(targeted, "intraloss", lr=[0.00625, 0.0125, 0.025, 0.05, 0.1]),
    constants(targeted, "intraloss", strength=STRENGTHS)[0],
    *judged(targeted, "intraloss", "constants"),
    judged(elsewhere, "elsewhere", "constants", by="intraloss")[0],
    rated(uniform, "center", lr=[0.00625, 0.0125, 0.025, 0.05, 0.1]),
    constants(uniform, "center", strength=STRENGTHS)[0],
    *judged(uniform, "center", "constants"),
    rated(sigmoid, "sface", [1, 10], lr=[0.003, 0.006, 0.0125, *RATES]),
    *judged(sigmoid, "sface"),
    *constants(sigmoid, "sface", a=[0.7, 0.8, 0.9, 1.0, 1.1], b=[1.15, 1.2, 1.25, 1.3]),
    *judged(sigmoid, "sface", "again"),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
