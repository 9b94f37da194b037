"""Twelve synthetic motions of a body, a wrist or a finger, for networks that choose how to look.

The finer a motion, the fewer joints show it: that of a finger is lost in the mean of its hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from repro.data import skeletons
from repro.data.skeletons import MOTIONS

if TYPE_CHECKING:
    from torch import Tensor

#: What moves, and the motions in which it does.
LEVELS = {
    "body": ("jump", "crouch", "walk", "twist", "punch, left", "punch, right"),
    "wrist": ("flick wrist, left", "flick wrist, right"),
    "finger": ("curl finger, left", "curl finger, right", "turn thumb, left", "turn thumb, right"),
}
#: The classes, and the position of each in `LEVELS`.
NAMES = tuple(name for names in LEVELS.values() for name in names)
LEVEL = np.array([level for level, names in enumerate(LEVELS.values()) for _ in names])
FRAMES, NOISE = 10, 0.02


def clips(people: int, seed: int, first: int = 0) -> tuple[Tensor, Tensor]:
    """Two clips of 10 frames of each motion by each of some people; noise of 2 cm.

    Args:
        people: number of people, 1 or more.
        seed: chooses people and clips, 0 or more.
        first: number of the first person; others are other people.

    Returns:
        Positions (N, 3, 25, 10) in metres, float32, and classes (N,), int64, in `NAMES`.

    Raises:
        ValueError: as for `repro.data.skeletons`.
    """
    import torch

    drawn = skeletons(people, 2, FRAMES, seed, first=first, noise=NOISE)
    number = np.full(len(MOTIONS), -1)
    number[[list(MOTIONS).index(name) for name in NAMES]] = np.arange(len(NAMES))
    y = number[drawn.motion]
    return torch.from_numpy(drawn.x[y >= 0]), torch.from_numpy(y[y >= 0])
