"""The task of the chapters on face losses: learn from known people, verify strangers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from repro.data import faces
from repro.training import History, fit, predict
from repro.vision import verification_metrics as metrics

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class Strangers(NamedTuple):
    """Synthetic people to train on, and others to verify.

    Attributes:
        x: float32 (N, 1, 16, 16), images of the known people.
        y: int64 (N,), who is on them, from 0.
        unseen: float32 (M, 1, 16, 16), images of others.
        person: int64 (M,), who is on those, one person after the other.
    """

    x: Tensor
    y: Tensor
    unseen: Tensor
    person: np.ndarray


def strangers(
    seed: int, people: int = 128, images: int = 24, others: int = 60, each: int = 10
) -> Strangers:
    """Faces of a seed: known people to train on, and others whom training never sees.

    Args:
        seed: decides who they are, their poses, light and expressions.
        people: known people, 2 or more.
        images: of each of them, 1 or more.
        others: people to verify, 2 or more.
        each: images of each of those, 2 or more for pairs of one person.

    Returns:
        Images of 32x32 pixels, averaged in blocks of four to 16x16, and identities.
    """
    import torch

    known = faces(people, images, seed=seed)
    unknown = faces(others, each, seed=seed, first=people)
    small = torch.nn.functional.avg_pool2d
    x, unseen = (small(torch.from_numpy(part.x), 2) for part in (known, unknown))
    return Strangers(x, torch.from_numpy(known.identity), unseen, unknown.identity)


def fit_embedding(
    net: nn.Sequential,
    task: Strangers,
    loss: Callable[[Any, Tensor], Tensor] | None = None,
    *,
    lr: float,
    epochs: int,
    seed: int,
    multiple: float = 1,
    on_epoch: Callable[[int, nn.Module, float], Any] | None = None,
) -> History:
    """Train a network in place: momentum 0.9, decay 5e-4, batches of 128, no clipping.

    Args:
        net: an embedding, then the last layer.
        task: whose known people are learned.
        loss: `loss(net(x), y)`, a scalar; default cross-entropy.
        lr: peak rate of the embedding; the schedule is a cosine to 0.
        epochs: passes over the images.
        seed: of the order of the images.
        multiple: the class weights of the last layer learn at this multiple of the rate.
        on_epoch: called with epoch (from 0), network (in eval mode) and mean loss.

    Raises:
        FloatingPointError: the loss or a gradient is NaN or infinite.
    """
    return fit(
        net,
        task.x,
        task.y,
        epochs=epochs,
        batch_size=128,
        lr=lr,
        seed=seed,
        loss=loss,
        optimizer=_sgd,
        groups=[{"params": [p for p in net[-1].parameters() if p.ndim > 1], "lr": multiple * lr}],
        on_epoch=on_epoch,
    )


def embedding_scores(f: Tensor, person: np.ndarray) -> dict[str, float]:
    """What features are worth on people never seen, by the cosine of two images, in percent.

    Args:
        f: (M, D) features, of any length; a vector of zeros has the cosine 0 with all.
        person: (M,) who is on each image, one person after the other.

    Returns:
        `accuracy` by ten folds of people, `tar` and `strict`, true pairs accepted at a FAR of 1 %
        and of 0.1 %, `eer`, and `dir`: the first image of every other person enrolled, the share
        of their other images that are identified at a false alarm rate of 1 %.

    Raises:
        ValueError: features that are NaN, or people too few for ten folds.
    """
    import torch

    unit = torch.nn.functional.normalize(f.double(), dim=1)
    cosine = (unit @ unit.T).numpy()
    first = np.r_[True, person[1:] != person[:-1]]
    gallery = first & (np.cumsum(first) % 2 == 1)
    return {
        "accuracy": 100 * metrics.verification_accuracy(cosine, person),
        "tar": 100 * metrics.tar(cosine, person),
        "strict": 100 * metrics.tar(cosine, person, 0.001),
        "eer": 100 * metrics.eer(cosine, person),
        "dir": 100 * metrics.identification_rate(cosine, person, gallery),
    }


def verified(
    net: nn.Sequential,
    seed: int,
    loss: Callable[[Any, Tensor], Tensor] | None = None,
    *,
    lr: float,
    epochs: int,
    multiple: float = 1,
    people: int = 128,
) -> dict[str, float]:
    """Train a network on the known people of a seed, and verify the strangers of that seed.

    Args:
        net: an embedding, then the last layer, whose first parameter of two axes is the class
            weights.
        seed: decides the people and the order of their images.
        loss: as for `fit_embedding`, with `lr`, `epochs` and `multiple`.
        lr: peak rate of the embedding.
        epochs: passes over the images.
        multiple: the class weights learn at this multiple of the rate.
        people: known people.

    Returns:
        What `embedding_scores` returns, the `loss` of the last epoch, and means over the training
        images of the cosine to the own class weight (`own`) and of its lead over the largest of the
        others (`lead`), and over the class weights of the cosine to the nearest other (`near`). A
        run that diverged scores what chance would.
    """
    task = _kept(seed, people)
    try:
        history = fit_embedding(net, task, loss, lr=lr, epochs=epochs, seed=seed, multiple=multiple)
        scores = embedding_scores(predict(net[0], task.unseen), task.person)
        return scores | {"loss": history.loss[-1]} | _layout(net, task)
    except (FloatingPointError, ValueError):  # features that hold NaN
        chance = {"accuracy": 50.0, "tar": 1.0, "strict": 0.1, "eer": 50.0, "dir": 0.0}
        return chance | {"loss": math.log(people), "own": 0.0, "lead": 0.0, "near": 0.0}


def _layout(net: nn.Sequential, task: Strangers) -> dict[str, float]:
    """Where the known people's images and class weights lie on the sphere."""
    import torch

    weights = next(p for p in net[-1].parameters() if p.ndim > 1).detach()
    unit = torch.nn.functional.normalize(weights, dim=1)
    cosine = torch.nn.functional.normalize(predict(net[0], task.x), dim=1) @ unit.T
    own = cosine.gather(1, task.y[:, None])[:, 0]
    other = cosine.scatter(1, task.y[:, None], -torch.inf).amax(1)
    near = (unit @ unit.T).fill_diagonal_(-torch.inf).amax(1)
    return {
        name: v.mean().item() for name, v in (("own", own), ("lead", own - other), ("near", near))
    }


@cache
def _kept(seed: int, people: int) -> Strangers:
    """The faces of a seed, drawn once in a process."""
    return strangers(seed, people)


def _sgd(parameters: list, lr: float) -> torch.optim.SGD:
    """Stochastic gradient descent with momentum and decay."""
    import torch

    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4)
