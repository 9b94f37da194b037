"""Whether a real path through the latents helps a binary network, and what the latents learn.

    make trials CH=latent_weights

Images as in the chapter, new ones for every seed; Adam with cosine decay, batches of 64, latents
clamped to [-1, 1] after every step. Variants of path R and supervision are our reconstruction.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import torch

from press.trials import Quantity, Trial, grid, main
from repro import trials
from repro.data import cluttered_digits
from repro.training import accuracy, fit

latent = repro.chapter("latent_weights")
KL = {"real": 1.0, "kl": 1.0}
#: Arguments of the network, and weights of the supervision.
ARMS: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "plain": ({"paths": ("binary",)}, {}),
    "R-bin": ({}, {"real": 1.0}),
    "R-bin + KL": ({}, KL),
    "R-real + KL": ({"real": "hardtanh"}, KL),
    "unshared": ({"real": "hardtanh", "Conv": latent.Unshared}, KL),
    "teacher": ({"paths": ("binary",)}, {"kl": 1.0}),
    "float": ({"paths": ("real",), "real": "hardtanh"}, {"binary": 0.0, "real": 1.0}),
}
COURSES = [arm for arm in ARMS if arm not in ("R-bin", "teacher")]
CASES = ("plain", "R-bin + KL", "R-real + KL")
RATES = (0.005, 0.01, 0.02)
EPOCHS = 40
COMMON = 0.02  # at most a factor of two from the best rate of every arm
COURSE = (5, 10, 20, 40)
CHANCE = 10.0  # % of a network that diverged


@cache
def images(seed: int, n: int) -> tuple[torch.Tensor, ...]:
    """A seed's n training and 2000 test images with their labels."""
    return cluttered_digits(
        n, 2000, size=16, digit=(12, 14), fragments=1, strokes=1, seed=seed
    ).torch()


def trained(
    seed: int, arm: str, lr: float, epochs: int, n: int = 1600, C: int = 16, **more: Any
) -> Any:
    """One trained network.

    Args:
        seed: of images, initialization and order.
        arm: a name in `ARMS`.
        lr: Adam's peak rate.
        epochs: passes over the images.
        n: training images.
        C: channels.
        **more: `start`, a network to go on from; further arguments of `fit`.
    """
    x, y, *_ = images(seed, n)
    network, weights = ARMS[arm]
    torch.manual_seed(seed)
    net = latent.Network(C, **network)
    if start := more.pop("start", None):
        net.load_state_dict(start.state_dict())
    teacher = teacher_of(seed, n, C, epochs) if arm == "teacher" else None
    fit(
        latent.Training(net, teacher),
        x,
        y,
        epochs=epochs,
        lr=lr,
        seed=seed,
        loss=partial(latent.supervision, **weights),
        after_step=latent.clamp,
        **more,
    )
    return net


@cache
def teacher_of(seed: int, n: int, C: int, epochs: int) -> Any:
    """The float network of a seed, trained as long as its student, at the lower rate."""
    net = trained(seed, "float", RATES[0], epochs, n, C)
    return net.requires_grad_(False)


def score(net: Any, seed: int, n: int = 1600) -> float:
    """Test accuracy of the path that is deployed, in %."""
    _, _, x, y = images(seed, n)
    return 100 * accuracy(latent.OnePath(net, net.paths[0]), x, y)


def state(net: Any, seed: int) -> dict[str, float]:
    """What the latents of a network are worth: measures of the chapter, on test images."""
    x_train, _, x, y = images(seed, 1600)
    path = net.paths[0]
    with torch.no_grad():
        features = net.eval().body(net.stem(x), path)
    return {
        "accuracy": score(net, seed),
        "sign": 100 * accuracy(latent.read_out(net, x_train), x, y),
        "hardtanh": 100 * accuracy(latent.read_out(net, x_train, "hardtanh"), x, y),
        "cosine": float(torch.cat([latent.alignment(b.conv.W) for b in net.blocks]).mean()),
        "separation": latent.separation(features, y),
    }


def rate(seed: int, arm: str, lr: float, epochs: int, n: int, C: int) -> dict[str, float]:
    """Accuracy alone."""
    try:
        return {"accuracy": score(trained(seed, arm, lr, epochs, n, C), seed, n)}
    except FloatingPointError:
        return {"accuracy": CHANCE}


def course(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """All measures after `COURSE` epochs of one run."""
    found: dict[str, float] = {}

    def look(epoch: int, model: Any, loss: float) -> None:
        if epoch + 1 in COURSE:
            measured = state(copy.deepcopy(model.net), seed)
            found.update({f"{name} {epoch + 1}": value for name, value in measured.items()})

    trained(seed, arm, lr, epochs, on_epoch=look)
    return found


def double(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """All measures at the end of a longer run."""
    return state(trained(seed, arm, lr, epochs), seed)


def borrowed(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """The real read-out with the normalization of path B, as a plain network is read."""
    net = trained(seed, arm, lr, epochs)
    for block in net.blocks:
        del block.norms["real"]
    x_train, _, x, y = images(seed, 1600)
    return {
        "sign": 100 * accuracy(latent.read_out(net, x_train), x, y),
        "hardtanh": 100 * accuracy(latent.read_out(net, x_train, "hardtanh"), x, y),
    }


@cache
def float_network(seed: int, lr: float, epochs: int, C: int) -> Any:
    """A float network that teaches, fixed."""
    return trained(seed, "float", lr, epochs, C=C).requires_grad_(False)


def made(seed: int, arm: str, lr: float, epochs: int, C: int, guide: float | None) -> Any:
    """One trained network of C channels; `guide`: the rate of a float teacher, fixed."""
    if guide is None:
        return trained(seed, arm, lr, epochs, C=C)
    network, weights = ARMS["teacher"]
    torch.manual_seed(seed)
    net = latent.Network(C, **network)
    model = latent.Training(net, float_network(seed, guide, epochs, C))
    loss, (x, y, *_) = partial(latent.supervision, **weights), images(seed, 1600)
    fit(model, x, y, epochs=epochs, lr=lr, seed=seed, loss=loss, after_step=latent.clamp)
    return net


def choice(
    seed: int, arm: str, lr: float, epochs: int, C: int, guide: float | None = None
) -> dict[str, float]:
    """Accuracy alone, of any width and with any float teacher."""
    try:
        return {"accuracy": score(made(seed, arm, lr, epochs, C, guide), seed)}
    except FloatingPointError:
        return {"accuracy": CHANCE}


def refitted(net: Any, seed: int, activation: str) -> float:
    """Accuracy of path R, in %, whose normalization and classifier were trained for it alone.

    Both start as path B has them and train for 10 epochs at 0.01; latents, stem and PReLU stay.
    """
    x_train, y_train, x, y = images(seed, 1600)
    net = copy.deepcopy(net).requires_grad_(False)
    net.activations["real"] = activation
    for block in net.blocks:
        block.norms["real"] = copy.deepcopy(block.norms[net.paths[0]]).requires_grad_(True)
    net.classifier.requires_grad_(True)
    path = latent.OnePath(net, "real")
    fit(path, x_train, y_train, epochs=10, lr=0.01, seed=seed)
    return 100 * accuracy(path, x, y)


def whole(
    seed: int, arm: str, lr: float, epochs: int, C: int, guide: float | None = None
) -> dict[str, float]:
    """All measures at the end, and what the latents are worth in a path R made for them."""
    net = made(seed, arm, lr, epochs, C, guide)
    kinds = {"refitted sign": "sign", "refitted hardtanh": "hardtanh"}
    return {**state(net, seed), **{name: refitted(net, seed, a) for name, a in kinds.items()}}


def stages(seed: int, arm: str, lr: float, epochs: int) -> dict[str, float]:
    """Accuracy after two stages of equal length: binary activations first, then weights, too.

    The first stage trains path R alone, with a weight decay of 1e-5; path B starts with its
    normalization.
    """
    x, y, *_ = images(seed, 1600)
    torch.manual_seed(seed)
    first = latent.Network(paths=("real",))
    fit(
        latent.Training(first),
        x,
        y,
        epochs=epochs // 2,
        lr=lr,
        seed=seed,
        loss=partial(latent.supervision, binary=0.0, real=1.0),
        after_step=latent.clamp,
        optimizer=partial(torch.optim.Adam, weight_decay=1e-5),
    )
    for block in first.blocks:
        block.norms["binary"] = copy.deepcopy(block.norms["real"])
        if arm == "plain":
            del block.norms["real"]
    return {"accuracy": score(trained(seed, arm, lr, epochs // 2, start=first), seed)}


def best(finished: Mapping[str, Any], trial: str) -> dict[str, float]:
    """Every arm's best rate in a trial."""
    return {setting["arm"]: setting["lr"] for setting in trials.chosen(finished[trial])}


def at_best(finished: Mapping[str, Any], trial: str, arms: Any, **more: Any) -> list[Any]:
    """Arms at their best rates."""
    rates = best(finished, trial)
    return [one for arm in arms for one in grid(arm=[arm], lr=[rates[arm]], **more)]


def guided(finished: Mapping[str, Any], trial: str, **more: Any) -> list[Any]:
    """The teacher's settings with the float network at its best rate in a trial."""
    return grid(arm=["teacher"], guide=[best(finished, trial)["float"]], **more)


ACCURACY = Quantity("accuracy", "%", ".1f")
STATE = (
    ACCURACY,
    Quantity("sign", "%", ".1f"),
    Quantity("hardtanh", "%", ".1f"),
    Quantity("cosine", "", ".3f"),
    Quantity("separation", "", ".2f"),
)
TUNED = {"epochs": [EPOCHS], "n": [1600], "C": [16]}
WHOLE = (*STATE, Quantity("refitted sign", "%", ".1f"), Quantity("refitted hardtanh", "%", ".1f"))
MAIN = ("plain", "R-bin + KL")
CHOOSING = (100, 101)
JUDGING = (103, 104, 105, 106, 107)
TRIALS = [
    Trial(
        "rates",
        "Which learning rate suits each arm?",
        rate,
        (ACCURACY,),
        grid(arm=["plain", "unshared"], lr=[0.005, 0.01, 0.02], **TUNED)
        + grid(arm=["float"], lr=[0.005, 0.01, 0.02, 0.04], **TUNED)
        + grid(arm=["R-bin"], lr=[0.01, 0.02, 0.04], **TUNED)
        + grid(arm=["R-real + KL", "R-bin + KL", "teacher"], lr=[0.01, 0.02, 0.04, 0.08], **TUNED),
        seeds=CHOOSING,
        choose=("lr",),
    ),
    Trial(
        "guided",
        "Which rate suits a network whose fixed float teacher has its own best rate?",
        choice,
        (ACCURACY,),
        lambda finished: guided(
            finished, "rates", lr=[0.01, 0.02, 0.04, 0.08], epochs=[EPOCHS], C=[16]
        ),
        seeds=CHOOSING,
        choose=("lr",),
    ),
    Trial(
        "whole",
        "What are latents of 16 channels worth, read by a path R that was made for them?",
        whole,
        WHOLE,
        lambda finished: (
            grid(arm=["plain", "R-bin + KL", "R-bin"], lr=[COMMON], epochs=[EPOCHS], C=[16])
            + guided(
                finished,
                "rates",
                lr=[best(finished, "guided")["teacher"]],
                epochs=[EPOCHS],
                C=[16],
            )
        ),
        seeds=JUDGING,
    ),
    Trial(
        "wide",
        "Which learning rate suits each arm with 32 channels?",
        choice,
        (ACCURACY,),
        grid(arm=MAIN, lr=[0.01, 0.02, 0.04], epochs=[EPOCHS], C=[32]),
        seeds=CHOOSING,
        choose=("lr",),
    ),
    Trial(
        "wide-whole",
        "Which arm is best with 32 channels?",
        whole,
        WHOLE,
        lambda finished: at_best(finished, "wide", MAIN, epochs=[EPOCHS], C=[32]),
        seeds=JUDGING,
    ),
    Trial(
        "stages-rates",
        "Which rate suits two stages?",
        stages,
        (ACCURACY,),
        grid(arm=MAIN, lr=[0.01, 0.02, 0.04], epochs=[EPOCHS]),
        seeds=CHOOSING,
        choose=("lr",),
    ),
    Trial(
        "stages",
        "Does path R help in the second of two stages?",
        stages,
        (ACCURACY,),
        lambda finished: at_best(finished, "stages-rates", MAIN, epochs=[EPOCHS]),
        seeds=JUDGING,
    ),
    Trial(
        "course",
        "What have the latents become after 5, 10, 20 and 40 epochs?",
        course,
        tuple(Quantity(f"{q.name} {epochs}", q.unit, q.format) for epochs in COURSE for q in STATE),
        lambda finished: at_best(finished, "rates", COURSES, epochs=[EPOCHS]),
        seeds=JUDGING,
    ),
    Trial(
        "alike",
        "What has become of the arms when they all train at one rate?",
        double,
        STATE,
        grid(
            arm=["plain", "R-bin + KL", "R-real + KL", "unshared"],
            lr=[COMMON],
            epochs=[EPOCHS],
        ),
        seeds=JUDGING,
    ),
    Trial(
        "borrowed",
        "Are jointly trained latents better read with path B's normalisation, too?",
        borrowed,
        STATE[1:3],
        grid(arm=["R-bin + KL"], lr=[COMMON], epochs=[EPOCHS]),
        seeds=JUDGING,
    ),
    Trial(
        "double",
        "Does the order of the arms change at twice the length?",
        double,
        STATE,
        lambda finished: (
            at_best(finished, "rates", [*CASES, "unshared"], epochs=[2 * EPOCHS])
            + grid(arm=["plain", "R-bin + KL"], lr=[COMMON], epochs=[2 * EPOCHS])
        ),
        seeds=JUDGING,
    ),
    Trial(
        "few",
        "Which arm is best with 200 labels?",
        rate,
        (ACCURACY,),
        grid(arm=CASES, lr=[COMMON], epochs=[100], n=[200], C=[16]),
        seeds=JUDGING,
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
