"""How round, how centred and how compact is a class of a margin loss? And with a pull added?

    make trials CH=intraloss MISSING=1

A small network with three features learns the faces of eight people; other images of them test it.
Every arm has its own rate, chosen on two sets of people by the angle that is left free between the
classes on test images. Six other sets of people are judged, five of them at twice the length.
The comparison by verification of strangers stands in `trials/face_losses.py`.
"""

import repro  # first: caps threads and instruction set

# isort: split
import sys
from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro.training import predict
from repro.trials import Stored, chosen
from repro.vision.strangers import Strangers, fit_embedding, strangers

normface = repro.chapter("normface")
am_softmax = repro.chapter("am_softmax")
intraloss = repro.chapter("intraloss")
PEOPLE, IMAGES, D, EPOCHS = 8, 300, 3, 80
WHERE: dict[str, Callable[[Tensor], Tensor]] = {
    "base": intraloss.satisfied,  # its strength is 0
    "targeted": intraloss.satisfied,
    "uniform": intraloss.everywhere,
    "elsewhere": lambda P: 1 - P,  # where the base loss pulls already
}
Scores = dict[str, float]


@cache
def drawn(seed: int) -> Strangers:
    """The people of a seed, drawn once in a process."""
    return strangers(seed, PEOPLE, IMAGES, others=2, each=2)


def shaped(
    seed: int,
    arm: str,
    m: float,
    strength: float,
    lr: float,
    epochs: int = EPOCHS,
    multiple: float = 10,
) -> Scores:
    """Train on half of the images of some people, and measure their classes on both halves."""
    task = drawn(seed)
    half = torch.arange(len(task.y)) % 2 == 0
    torch.manual_seed(seed)
    net = nn.Sequential(normface.perceptron(256, 64, 64, D), am_softmax.Cosines(D, PEOPLE))
    psi, where = am_softmax.additive(m), WHERE[arm]

    def loss(outputs: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return intraloss.enhanced(outputs[0], y, psi, strength, where=where)

    known = task._replace(x=task.x[half], y=task.y[half])
    fit_embedding(net, known, loss, lr=lr, multiple=multiple, epochs=epochs, seed=seed)
    W = F.normalize(net[1].W.detach().double(), dim=1)
    train, test = (
        measured(F.normalize(predict(net[0], task.x[part]).double(), dim=1), task.y[part], W, seed)
        for part in (half, ~half)
    )
    return {f"test {name}": value for name, value in test.items()} | train


def measured(v: Tensor, y: Tensor, W: Tensor, seed: int) -> Scores:
    """Shapes of the classes, means over them; of the anisotropy the median."""
    found = intraloss.shapes(v, y, W)
    return {
        "margin": found.margin.mean().item(),
        "angle": found.angle.mean().item(),
        "near": found.near.mean().item(),
        "anisotropy": found.wide.median().item(),
        "by chance": turned(v, y, W, seed).median().item(),
        "away": found.away.mean().item(),
        "right": 100 * ((v @ W.T).argmax(1) == y).double().mean().item(),
    }


def turned(v: Tensor, y: Tensor, W: Tensor, seed: int) -> Tensor:
    """Anisotropy (n,) of classes whose images keep their distance from the mean, not direction."""
    rng, wide = np.random.default_rng(seed), []
    for k in range(len(W)):
        mean = F.normalize(v[y == k].mean(0), dim=0)
        c = intraloss.tangent(v[y == k], mean, W[k - 1])
        direction = torch.from_numpy(rng.normal(size=c.shape))
        c = c.norm(dim=1, keepdim=True) * F.normalize(direction, dim=1)
        wide.append(intraloss.anisotropy(c))
    return torch.stack(wide)


PARTS = (
    Quantity("margin", "degrees", ".1f"),
    Quantity("angle", "degrees", ".2f", better="lower"),
    Quantity("near", "degrees", ".1f"),
    Quantity("anisotropy", "", ".2f", better="lower"),
    Quantity("by chance", "", ".2f", better="lower"),
    Quantity("away", "", ".3f", better="lower"),
    Quantity("right", "%", ".2f"),
)
TESTED = tuple(Quantity(f"test {q.name}", q.unit, q.format, q.better) for q in PARTS)
RATES, STRENGTHS = [0.8, 1.6, 3.2, 6.4, 12.8], [0.1, 0.3, 1]
ARMS = [
    *grid(arm=["base"], m=[0, 0.35, 0.65], strength=[0]),
    *grid(arm=["targeted", "uniform"], m=[0.35], strength=STRENGTHS),
    *grid(arm=["elsewhere"], m=[0.35], strength=[0.3, 1]),
    *grid(arm=["targeted"], m=[0], strength=[0.3]),
]


def best(
    keep: Callable[[Mapping], bool], **other: float
) -> Callable[[Mapping[str, Stored]], list[dict]]:
    """The arms that are kept, each at its best rate, with other settings changed."""

    def settings(finished: Mapping[str, Stored]) -> list[dict]:
        return [arm | other for arm in chosen(finished["rates"]) if keep(arm)]

    return settings


def plain(arm: Mapping) -> bool:
    """Is it AM-Softmax, without or with the term?"""
    return arm["arm"] in ("base", "targeted") and arm["m"] == 0.35 and arm["strength"] != 0.1


TRIALS = [
    Trial(
        "rates",
        "Which rate suits each arm?",
        shaped,
        TESTED + PARTS,
        [arm | rate for arm in ARMS for rate in grid(lr=RATES, epochs=[EPOCHS])],
        seeds=range(100, 102),
        choose=("lr",),
    ),
    Trial(
        "shape",
        "What shape have the classes?",
        shaped,
        TESTED + PARTS,
        best(lambda arm: True),
        seeds=range(104, 110),
    ),
    Trial(
        "longer",
        "What shape have the classes after twice the time?",
        shaped,
        TESTED + PARTS,
        best(plain, epochs=2 * EPOCHS),
        seeds=range(104, 109),
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
