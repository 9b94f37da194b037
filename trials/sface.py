"""Face losses when labels are wrong: what is memorized, what is recovered, who verifies best?

    make trials CH=sface MISSING=1

A small network is trained from random weights on people whose labels are wrong for a share of the
images, and verifies people that it has never seen. Rates, and where a loss has them its constants,
are tuned at 30 % on two sets of people; other sets judge. The tuned comparison with clean labels
stands in `trials/face_losses.py`.
"""

import repro  # first: caps threads and instruction set

# isort: split
import math
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from press.trials import Quantity, Trial, grid, main
from repro.training import predict
from repro.trials import Stored, chosen
from repro.vision.strangers import Strangers, fit_embedding, strangers
from repro.vision.verification_metrics import tar

normface = repro.chapter("normface")
am_softmax = repro.chapter("am_softmax")
sface = repro.chapter("sface")
PEOPLE, IMAGES, D, EPOCHS, DECIDING = 128, 24, 32, 32, 0.3
LOOKS = 8  # how often a run is looked at
Scores = dict[str, float]


@cache
def people(seed: int) -> tuple[Strangers, Strangers]:
    """Known people with strangers who judge, and other strangers on whom training may be stopped.

    All of them are drawn with clean labels.
    """
    task = strangers(seed, PEOPLE, IMAGES, others=120)
    half = len(task.person) // 2
    return (
        task._replace(unseen=task.unseen[:half], person=task.person[:half]),
        task._replace(unseen=task.unseen[half:], person=task.person[half:]),
    )


def loss_of(arm: str, constants: Mapping[str, float]) -> Callable[[Any, Tensor], Tensor]:
    """The loss of an arm from what its last layer returns, and labels."""
    if arm == "softmax":
        return nn.functional.cross_entropy
    if arm == "sface":
        return lambda out, y: sface.sface(out[0], y, **constants)
    s, m = constants["s"], constants["m"]
    psi = {"am-softmax": am_softmax.additive, "arcface": am_softmax.angular}[arm](m)
    return lambda out, y: am_softmax.margin_softmax(out[0], y, psi, s)


def network(seed: int, arm: str) -> nn.Sequential:
    """The embedding, which ends in batch normalization as released, and an arm's last layer."""
    torch.manual_seed(seed)
    head = nn.Linear(D, PEOPLE) if arm == "softmax" else am_softmax.Cosines(D, PEOPLE)
    embedding = nn.Sequential(normface.perceptron(256, 128, 128, D), nn.BatchNorm1d(D))
    return nn.Sequential(embedding, head)


def accepted(net: nn.Sequential, task: Strangers) -> float:
    """Percent of the true pairs of the strangers accepted where 1 % of the false pairs are."""
    unit = nn.functional.normalize(predict(net[0], task.unseen).double(), dim=1)
    return 100 * tar((unit @ unit.T).numpy(), task.person)


def look(net: nn.Sequential, task: Strangers, noisy: Tensor) -> Scores:
    """Percent of the training images by what the network takes them for.

    clean: rightly labelled images, taken for their label. memorised, recovered: wrongly labelled
    images, taken for their label, and for who is on them.
    """
    with torch.no_grad():
        out = net[1](predict(net[0], task.x))
    answer = (out[0] if isinstance(out, tuple) else out).argmax(1)
    wrong = noisy != task.y

    def share(right: Tensor, among: Tensor) -> float:
        return 100 * right[among].double().mean().item() if among.any() else 0.0

    return {
        "clean": share(answer == noisy, ~wrong),
        "memorised": share(answer == noisy, wrong),
        "recovered": share(answer == task.y, wrong),
    }


def angles(net: nn.Sequential, task: Strangers, noisy: Tensor) -> Scores:
    """Radians between training images and class weights, and between class weights.

    own10, own50, own90: percentiles of rightly labelled images, to their label; wrong50: the median
    of wrongly labelled ones; true50: the same to who is on them; other: mean of rightly labelled
    images to the nearest other weight.
    """
    unit = nn.functional.normalize(next(p for p in net[1].parameters() if p.ndim > 1).detach())
    cosine = nn.functional.normalize(predict(net[0], task.x)) @ unit.T
    theta = cosine.clamp(-1, 1).acos()
    own, true = theta.gather(1, noisy[:, None])[:, 0], theta.gather(1, task.y[:, None])[:, 0]
    other = theta.scatter(1, noisy[:, None], math.inf).amin(1)
    wrong = noisy != task.y
    low, middle, high = own[~wrong].quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    return {
        "own10": low,
        "own50": middle,
        "own90": high,
        "wrong50": own[wrong].median().item() if wrong.any() else 0.0,
        "true50": true[wrong].median().item() if wrong.any() else 0.0,
        "other": other[~wrong].mean().item(),
    }


def mislabelled(
    seed: int, arm: str, noise: float, lr: float, multiple: float, epochs: int, **constants: float
) -> Scores:
    """Train on noisy labels; scores at the end, at the best look by other strangers, and between.

    A run that diverged scores what chance would.
    """
    task, held = people(seed)
    noisy = sface.mislabel(task.y, PEOPLE, noise, seed)
    net, every = network(seed, arm), epochs // LOOKS
    looks: list[Scores] = []

    def watch(epoch: int, net: nn.Module, _: float) -> None:
        if (epoch + 1) % every == 0:
            scores = {"tar": accepted(net, task), "held": accepted(net, held)}
            looks.append(scores | look(net, task, noisy))

    rates = {"lr": lr, "multiple": multiple, "epochs": epochs, "seed": seed}
    loss = loss_of(arm, constants)
    try:
        fit_embedding(net, task._replace(y=noisy), loss, **rates, on_epoch=watch)
        layout = angles(net, task, noisy)
    except (FloatingPointError, ValueError):  # features that hold NaN
        guess = 100 / PEOPLE
        chance = dict.fromkeys(("clean", "memorised", "recovered"), guess) | {"tar": 1.0}
        looks += [chance | {"held": 1.0}] * (LOOKS - len(looks))
        looks[-1] = chance | {"held": 1.0}
        layout = dict.fromkeys(ANGLES, math.pi / 2)
    best = max(range(LOOKS), key=lambda k: looks[k]["held"])
    stopped = {f"{name}-stopped": looks[best][name] for name in STOPPED}
    between = {f"{name}-{k}": looks[k - 1][name] for name in BETWEEN for k in range(1, 8)}
    last = {name: looks[-1][name] for name in SHARES}
    found = last | stopped | {"stop": (best + 1) / LOOKS} | between | layout
    return {name: round(value, 4) for name, value in found.items()}


SHARES = ("tar", "clean", "memorised", "recovered")
STOPPED, BETWEEN = ("tar", "clean", "memorised"), ("tar", "clean", "memorised")
ANGLES = ("own10", "own50", "own90", "wrong50", "true50", "other")
PERCENT = [
    *SHARES,
    *(f"{name}-stopped" for name in STOPPED),
    *(f"{name}-{k}" for name in BETWEEN for k in range(1, 8)),
]
QUANTITIES = (
    *(Quantity(name, "%", ".1f") for name in PERCENT),
    Quantity("stop", "of the training", ".2f"),
    *(Quantity(name, "rad", ".3f") for name in ANGLES),
)
TUNING, JUDGES = range(100, 102), range(104, 109)
LOW = [0.003125, 0.00625, 0.0125, 0.025, 0.05, 0.1]
HIGH = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
LOWER, HIGHER = [0.00078125, 0.0015625], [6.4, 12.8]  # beyond the ends of those
Finished = Mapping[str, Stored]
Settings = Callable[[Finished], list[dict]]


def asked(
    name: str, question: str, settings: list[dict] | Settings, seeds: range, *choose: str
) -> Trial:
    """One trial of this script."""
    return Trial(name, question, mislabelled, QUANTITIES, settings, seeds, choose)


def rated(arm: str, lr: list[float], name: str = "rates", **constants: float) -> Trial:
    """Which rates suit a loss with some constants when 30 % of the labels are wrong?"""
    fixed = {name: [value] for name, value in constants.items()}
    setting = {"arm": [arm], "noise": [DECIDING], "epochs": [EPOCHS], **fixed}
    tried = grid(lr=lr, multiple=[1], **setting)
    question = f"Which rates suit {arm} with 30 % wrong labels?"
    return asked(f"{arm}-{name}", question, tried, TUNING, "lr")


def tuned(arm: str, by: str = "rates", **change: list) -> Settings:
    """Every combination of changes to what a trial chose."""

    def made(finished: Finished) -> list[dict]:
        (best,) = chosen(finished[f"{arm}-{by}"])
        return [best | setting for setting in grid(**change)]

    return made


def again(arm: str) -> Settings:
    """Rates around those at which the constants were chosen."""

    def made(finished: Finished) -> list[dict]:
        (best,) = chosen(finished[f"{arm}-constants"])
        return [best | {"lr": best["lr"] * k} for k in (0.5, 1, 2)]

    return made


def refined(arm: str, by: str = "rates", **other: list[float]) -> list[Trial]:
    """Which constants suit a loss with wrong labels? Judged on other people."""
    question = f"Which constants suit {arm} with 30 % wrong labels?"
    changed = tuned(arm, by, **other)
    return [
        asked(f"{arm}-constants", question, changed, TUNING, *other),
        asked(f"{arm}-again", f"Which rate suits {arm} with them?", again(arm), TUNING, "lr"),
        asked(f"{arm}-tuned", "And other people?", tuned(arm, "again", noise=[DECIDING]), JUDGES),
    ]


ARMS = ("sface", "softmax", "am-softmax", "arcface")
BY = {"arcface": "mild"}  # the published constants do not train here with wrong labels
PLACES = grid(noise=[0.0], a=[0.6], b=[1.2])


def places(finished: Finished) -> list[dict]:
    """SFace at its rates with other thresholds, right labels."""
    (best,) = chosen(finished["sface-rates"])
    return [best | place for place in PLACES]


def each(arms: tuple[str, ...], suffix: str, question: str, **change: list) -> list[Trial]:
    """A trial of each of some losses at its best rates."""
    best = {arm: tuned(arm, BY.get(arm, "rates"), **change) for arm in arms}
    return [asked(arm + suffix, f"{arm}: {question}", best[arm], JUDGES) for arm in arms]


def slow(name: str, question: str, **change: list) -> Trial:
    """SFace at the best rate below those from which its own was chosen."""
    return asked(name, question, tuned("sface", "lower", noise=[DECIDING], **change), JUDGES)


TRIALS = [
    rated("sface", LOW, a=0.87, b=1.2, k=80.0),
    rated("softmax", HIGH),
    rated("am-softmax", HIGH, s=30, m=0.35),
    rated("sface", LOWER, "lower", a=0.87, b=1.2, k=80.0),
    rated("am-softmax", HIGHER, "higher", s=30, m=0.35),
    rated("arcface", LOW, s=64, m=0.5),
    rated("arcface", HIGH, "mild", s=30, m=0.3),
    *each(ARMS, "", "what does it make of 30 % wrong labels?", noise=[DECIDING]),
    *refined("sface", a=[0.87, 1.05], b=[1.0, 1.1, 1.2]),
    *each(ARMS[:3], "-clean", "and with right labels?", noise=[0.0]),
    asked("places", "Do angles obey the thresholds, with right labels?", places, JUDGES),
    *each(ARMS, "-longer", "and in twice the time?", epochs=[2 * EPOCHS]),
    *each(ARMS, "-shares", "and of other shares?", noise=[0.1, 0.5]),
    slow("sface-slow", "what does SFace make of 30 % wrong labels at a rate below?"),
    slow("sface-slow-longer", "and in twice the time?", epochs=[2 * EPOCHS]),
    *refined("am-softmax", s=[8.0, 16.0, 30.0], m=[0.1, 0.2, 0.35, 0.5]),
    *refined("arcface", "mild", s=[8.0, 16.0, 30.0], m=[0.1, 0.2, 0.3]),
    *each(ARMS[:1], "-three", "and in three times the time?", epochs=[3 * EPOCHS]),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
