"""Every loss of the chapter tuned alike, fine-tuned and from random weights: rates, length, decay.

    make trials CH=normface

As in the paper, a network that has converged under the plain softmax (or softmax and center loss)
gets a new last layer and is trained on with one of the losses. Every seed has 128 people to train
on and 60 others to verify of its own. No gradient is clipped in any arm; a run that diverges scores
what chance would.
"""

import repro  # first: caps threads and instruction set

# isort: split
import copy
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from press.trials import Quantity, Trial, grid, main
from repro.data import digits, faces
from repro.training import History, fit, predict
from repro.trials import Stored, chosen
from repro.vision.verification_metrics import tar, verification_accuracy

chapter = repro.chapter("normface")
Agents, normalise = chapter.Agents, chapter.normalise
PEOPLE, D, EPOCHS = 128, 32, 16
Finished = Mapping[str, Stored]
CHANCE = {"accuracy": 50.0, "tar": 1.0, "loss": float(np.log(PEOPLE)), "above": 1.0, "scale": 0.0}


@cache
def people(seed: int) -> tuple[torch.Tensor, ...]:
    """Images (3072, 1, 16, 16) and labels of 128 people, images and numbers of 60 others."""
    known, others = faces(PEOPLE, 24, seed=seed), faces(60, 10, seed=seed, first=PEOPLE)
    x, z = (F.avg_pool2d(torch.from_numpy(part.x), 2) for part in (known, others))
    return x, torch.from_numpy(known.identity), z, others.identity


class Both(nn.Module):
    """Two sets of agents: scaled softmax and, times 0.01, C-contrastive."""

    def __init__(self) -> None:
        super().__init__()
        self.softmax, self.contrastive = Agents(D, PEOPLE, 4, learn=True), Agents(D, PEOPLE)

    def forward(self, f: torch.Tensor) -> torch.Tensor:
        """Features (N, D) -> logits and cosines (N, n, 2)."""
        return torch.stack([self.softmax(f), self.contrastive(f)], 2)


def both(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Softmax with a hundredth of C-contrastive."""
    return F.cross_entropy(outputs[..., 0], y) + 0.01 * chapter.c_contrastive(outputs[..., 1], y)


class Centers(nn.Module):
    """A linear layer beside the distances to centres: what softmax with center loss needs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.centers = nn.Linear(D, PEOPLE), nn.Parameter(torch.zeros(PEOPLE, D))

    def forward(self, f: torch.Tensor) -> torch.Tensor:
        """Features (N, D) -> logits and squared distances to the centres (N, n, 2)."""
        d = (f[:, None] - self.centers).square().sum(2)
        return torch.stack([self.linear(f), d], 2)


def center(outputs: torch.Tensor, y: torch.Tensor, weight: float = 0.01) -> torch.Tensor:
    """Softmax with center loss: half the mean squared distance to the own centre, weighted."""
    own = outputs[..., 1].gather(1, y[:, None])
    return F.cross_entropy(outputs[..., 0], y) + weight / 2 * own.mean()


def triplet(f: torch.Tensor, y: torch.Tensor, margin: float = 0.8) -> torch.Tensor:
    """All active triplets of images, averaged: no agents; f (N, D) of unit length."""
    d = 2 - 2 * f @ f.T
    same = y[:, None] == y
    anchor, positive = torch.nonzero(same & ~torch.eye(len(y), dtype=torch.bool), as_tuple=True)
    hinge = (margin + d[anchor, positive][:, None] - d[anchor]).clamp(min=0)
    hinge = hinge.masked_fill(same[anchor], 0)
    return hinge.sum() / (hinge > 0).sum().clamp(min=1)


class Unit(nn.Module):
    """The normalizing layer alone."""

    def forward(self, f: torch.Tensor) -> torch.Tensor:
        """Features (N, D) -> of unit length."""
        return normalise(f)


def scaled(**options: Any) -> Agents:
    """Agents with a learned scale that starts at 10, as released."""
    return Agents(D, PEOPLE, 10, learn=True, **options)


#: Arm: last layer, loss. "plain" keeps the layer that it has; "plain, new layer" starts one.
ARMS = {
    "plain": (lambda: nn.Linear(D, PEOPLE), F.cross_entropy),
    "plain, new layer": (lambda: nn.Linear(D, PEOPLE), F.cross_entropy),
    "softmax + center": (Centers, center),
    "softmax, both": (scaled, F.cross_entropy),
    "softmax, features only": (lambda: scaled(normed=["features"]), F.cross_entropy),
    "softmax, agents only": (lambda: Agents(D, PEOPLE, normed=["agents"]), F.cross_entropy),
    "softmax, both, s = 1": (lambda: Agents(D, PEOPLE), F.cross_entropy),
    "C-contrastive": (lambda: Agents(D, PEOPLE), chapter.c_contrastive),
    "C-triplet": (lambda: Agents(D, PEOPLE), chapter.c_triplet),
    "softmax + 0.01 C-contrastive": (Both, both),
    "triplet, no agents": (Unit, triplet),
}
AGENTS = [arm for arm in ARMS if not arm.startswith(("plain", "softmax + center", "triplet"))]
WITHOUT = [arm for arm in ARMS if arm not in AGENTS]


def sgd(parameters: list, lr: float) -> torch.optim.SGD:
    """Stochastic gradient descent with momentum and decay."""
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4)


def options(net: nn.Module, lr: float, agents: float, decay: bool) -> list[dict]:
    """Rate and decay of the agents' group; none for other last layers."""
    group = [p for name, p in net[1].named_parameters() if name.endswith("W") and p.requires_grad]
    chosen = {"params": group, "lr": lr * agents} | ({} if decay else {"weight_decay": 0.0})
    return [chosen] if group else []


def scores(net: nn.Module, history: History, seed: int) -> dict[str, float]:
    """What the features are worth on people never seen, scored with the cosine; loss, scale."""
    _, _, z, person = people(seed)
    f = normalise(predict(net[0], z))
    cosine = (f @ f.T).numpy()
    found = [p for name, p in net[1].named_parameters() if name.split(".")[-1] == "s"]
    return {
        "accuracy": 100 * verification_accuracy(cosine, person),
        "tar": 100 * tar(cosine, person),
        "loss": history.loss[-1],
        "above": history.loss[-1] - float(chapter.floor(PEOPLE, 1)),
        "scale": found[0].item() if found else 0.0,
    }


def train(
    net: nn.Module, arm: str, seed: int, lr: float, agents: float, decay: bool, epochs: int
) -> History | None:
    """Train one arm; None if it diverged."""
    x, y, _, _ = people(seed)
    try:
        return fit(
            net,
            x,
            y,
            epochs=epochs,
            batch_size=128,
            lr=lr,
            seed=seed,
            loss=ARMS[arm][1],
            optimizer=sgd,
            groups=options(net, lr, agents, decay),
        )
    except (FloatingPointError, ValueError):
        return None


def scratch(
    seed: int, arm: str, lr: float, agents: int = 1, decay: bool = True, epochs: int = EPOCHS
) -> dict[str, float]:
    """Train one arm from random weights."""
    torch.manual_seed(seed)
    net = nn.Sequential(chapter.perceptron(256, 128, 128, D), ARMS[arm][0]())
    history = train(net, arm, seed, lr, agents, decay, epochs)
    return scores(net, history, seed) if history else CHANCE


@cache
def started(seed: int, start: str, lr: float) -> nn.Module:
    """The network that is fine-tuned: converged under the plain softmax, or with center loss."""
    torch.manual_seed(seed)
    net = nn.Sequential(chapter.perceptron(256, 128, 128, D), ARMS[start][0]())
    train(net, start, seed, lr, 1, True, EPOCHS)
    return net


def tune(
    seed: int,
    arm: str,
    lr: float,
    agents: int = 1,
    decay: bool = True,
    epochs: int = 8,
    start: str = "plain",
) -> dict[str, float]:
    """Fine-tune a copy of the converged network with one arm and its new last layer."""
    net = copy.deepcopy(started(seed, start, 0.1))
    torch.manual_seed(1000 + seed)
    if arm != start:
        net[1] = ARMS[arm][0]()
    history = train(net, arm, seed, lr, agents, decay, epochs)
    return scores(net, history, seed) if history else CHANCE


def rings(seed: int, arm: str, s: float) -> dict[str, float]:
    """Digits on the circle: smallest angle between two agents, unseen digits right, last loss."""
    torch.manual_seed(seed)
    x, y, z, truth = digits(seed).torch()
    head = nn.Linear(2, 10, bias=False) if arm == "plain" else Agents(2, 10, s)
    net = nn.Sequential(chapter.perceptron(64, 128, 64, 2), head)
    history = fit(net, x, y, epochs=30, lr=2e-2, seed=seed, batch_size=128)
    W = (net[1].weight if arm == "plain" else net[1].W).detach().numpy()
    angle = np.sort(np.degrees(np.arctan2(W[:, 1], W[:, 0])))
    return {
        "gap": np.diff(angle, append=angle[0] + 360).min(),
        "right": 100 * (predict(net, z).argmax(1) == truth).double().mean().item(),
        "loss": history.loss[-1],
    }


RATES, MULTIPLES = [0.03, 0.1, 0.3], [1, 10, 100]
FACES = (
    Quantity("accuracy", "%", ".2f"),
    Quantity("tar", "%", ".1f"),
    Quantity("loss", "nats", ".3f", better="lower"),
    Quantity("above", "nats", ".3f", better="lower"),
    Quantity("scale", "", ".1f"),
)
GRID = grid(arm=[a for a in WITHOUT if "center" not in a], lr=RATES, agents=[1])
GRID += grid(arm=AGENTS, lr=RATES, agents=MULTIPLES)


def longer(finished: Finished) -> list[dict]:
    """The best setting of every arm at one and three times the length."""
    return [s | {"epochs": e} for s in chosen(finished["tuned"]) for e in (8, 24)]


def recentered(finished: Finished) -> list[dict]:
    """The best settings from the network with center loss, for other seeds."""
    return chosen(finished["center"])


def undecayed(finished: Finished) -> list[dict]:
    """The best setting of every arm with agents, with decay of the agents and without."""
    best = [s for s in chosen(finished["tuned"]) if s["arm"] in AGENTS]
    return [s | {"decay": decay} for s in best for decay in (True, False)]


CENTER = ["softmax + center", "softmax, both", "softmax + 0.01 C-contrastive"]
TRIALS = [
    Trial(
        "tuned",
        "Which rates suit each loss, fine-tuned for 8 epochs from the plain softmax?",
        tune,
        FACES,
        GRID
        + grid(arm=[a for a in WITHOUT if "center" not in a], lr=[0.01, 1.0], agents=[1])
        + grid(arm=AGENTS, lr=[0.01, 1.0], agents=MULTIPLES),
        seeds=range(100, 102),
        choose=("lr", "agents"),
    ),
    Trial(
        "rings",
        "Ten digits on the circle: what does the scale do?",
        rings,
        (
            Quantity("gap", "degrees", ".1f"),
            Quantity("right", "%", ".1f"),
            Quantity("loss", "nats", ".3f", better="lower"),
        ),
        grid(arm=["normalised"], s=[1, 2, 4, 8, 16, 32]),
        seeds=range(100, 105),
    ),
    Trial(
        "plateau",
        "How far above its floor does the loss end without a scale?",
        scratch,
        FACES,
        grid(arm=["softmax, both, s = 1"], lr=[0.3], agents=[100], epochs=[16, 32, 64]),
        seeds=range(100, 103),
    ),
    Trial(
        "length",
        "Does the order stay when every loss is fine-tuned longer?",
        tune,
        FACES,
        longer,
        seeds=range(104, 112),
    ),
    Trial(
        "center",
        "The same from a network that has converged under softmax and center loss?",
        tune,
        FACES,
        grid(arm=CENTER[:1], start=["softmax + center"], lr=RATES, agents=[1])
        + grid(arm=CENTER[1:], start=["softmax + center"], lr=RATES, agents=MULTIPLES),
        seeds=range(100, 102),
        choose=("lr", "agents"),
    ),
    Trial(
        "center-fresh",
        "And with seeds on which nothing was tuned?",
        tune,
        FACES,
        recentered,
        seeds=range(104, 112),
    ),
    Trial(
        "decay", "Does decay of the agents matter?", tune, FACES, undecayed, seeds=range(100, 102)
    ),
]

if __name__ == "__main__":
    sys.exit(main(__file__, TRIALS))
