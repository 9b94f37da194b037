"""Scenes for detectors: handwritten digits of very different sizes on real textures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from repro.data.arguments import require
from repro.data.digits import digits, table
from repro.data.painting import COLUMNS, WIDEST, backgrounds, blend, enlarge

if TYPE_CHECKING:
    import torch

#: Grey levels of the digits; the background has 0..99.
INK = (150, 256)
PLACES = 20


@dataclass(frozen=True)
class Scenes:
    """Pictures with objects in them.

    Attributes:
        x: float32 (N, 1, H, W) in [0, 1].
        boxes: N arrays float32 (G, 4), left, top, right, bottom in pixels, so that right minus left
            is a number of pixels; G is 1 or more and differs between pictures.
        labels: N arrays int64 (G,), what is in each box, from 0.
        masks: N arrays bool (G, H, W), the pixels that a box bounds.
    """

    x: np.ndarray
    boxes: list[np.ndarray]
    labels: list[np.ndarray]
    masks: list[np.ndarray]

    def torch(self) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Copies as tensors: `x, boxes, labels`, same shapes and types."""
        import torch

        boxes, labels = ([torch.tensor(a) for a in part] for part in (self.boxes, self.labels))
        return torch.tensor(self.x), boxes, labels


def scenes(
    n_train: int = 1000,
    n_test: int = 200,
    size: int = 128,
    seed: int = 0,
    *,
    side: tuple[int, int] = (7, 110),
    objects: tuple[int, int] = (1, 4),
    overlap: float = 0.1,
) -> tuple[Scenes, Scenes]:
    """Real digits on real textures, from very small to nearly as large as the picture: synthetic.

    Generator, for each scene: a random window of a brick, grass or gravel photograph, mirrored at
    random, as a dark background (grey levels 0..99); then digits, the largest first, each enlarged
    bilinearly to a side that is log-uniform (a side of s pixels has a probability proportional to
    1/s), of one random level 150..255, at a random place. A place is refused where the new square
    and one that is there share more than `overlap` of the smaller; after 20 refusals the digit is
    left out. Training and test scenes use different handwritten digits and different parts of the
    photographs.

    Args:
        n_train: number of training scenes, 1 or more.
        n_test: number of test scenes, 1 or more.
        size: height and width in pixels, from `side[1]` to 172.
        seed: chooses everything random, and the digits' split (`repro.data.digits`).
        side: smallest and largest side of a digit's square in pixels, 7 or more.
        objects: smallest and largest number of digits that are tried, 1 or more.
        overlap: 0 keeps all squares apart, 1 refuses no place; in between scenes get crowded.

    Returns:
        Training and test scenes. A box bounds the pixels that a digit covers by half its largest
        coverage or more, as drawn, whether or not another digit lies over them: its mask. It is
        narrower than the square, as the handwriting is. Labels are the digits 0..9.

    Raises:
        ValueError: a number or size outside the ranges above.

    Source:
        Digits from scikit-learn (UCI, CC BY 4.0); textures from scikit-image (CC0).
    """
    _check(n_train, n_test, size, side, objects, overlap)
    split, (counts, labels) = digits(seed), table()
    parts = []
    for number, (part, n) in enumerate((("train", n_train), ("test", n_test))):
        rng = np.random.default_rng([seed, number])
        image, _ = backgrounds(rng, n, size, COLUMNS[part])
        rows = split.extras[f"index_{part}"]
        source = counts[rows], labels[rows]
        drawn = [_draw(rng, scene, source, side, objects, overlap) for scene in image]
        pictures, *truth = (list(each) for each in zip(*drawn, strict=True))
        x = np.stack(pictures).astype(np.float32)[:, None] / np.float32(255)
        parts.append(Scenes(x, *truth))
    return parts[0], parts[1]


def _draw(
    rng: np.random.Generator,
    scene: np.ndarray,
    source: tuple[np.ndarray, np.ndarray],
    side: tuple[int, int],
    objects: tuple[int, int],
    overlap: float,
) -> tuple[np.ndarray, ...]:
    """A background (H, W) with digits of a source on it, their boxes, labels and masks."""
    counts, labels = source
    scene = scene.copy()
    sides = np.arange(side[0], side[1] + 1)
    wanted = rng.choice(sides, rng.integers(objects[0], objects[1] + 1), p=_inverse(sides))
    squares, boxes, chosen, masks = [], [], [], []
    for s in np.sort(wanted)[::-1]:
        row, places = rng.integers(len(counts)), rng.integers(len(scene) - s + 1, size=(PLACES, 2))
        free = [p for p in places if all(_shared(p, s, other) <= overlap for other in squares)]
        if not free:
            continue
        top, left = free[0]
        coverage = enlarge(counts[row][None], np.array([[0, 0, s]]), s)
        window = scene[top : top + s, left : left + s]
        window[:] = blend(rng, window[None], coverage, INK)[0]
        inside = coverage[0] >= coverage.max() / 2
        (r, c) = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
        boxes.append([left + c[0], top + r[0], left + c[-1] + 1, top + r[-1] + 1])
        squares.append((top, left, s))
        chosen.append(labels[row])
        masks.append(np.zeros(scene.shape, bool))
        masks[-1][top : top + s, left : left + s] = inside
    boxes, chosen = np.array(boxes, dtype=np.float32), np.array(chosen, dtype=np.int64)
    return scene, boxes, chosen, np.array(masks)


def _inverse(sides: np.ndarray) -> np.ndarray:
    """Probabilities proportional to 1 / side."""
    weight = 1 / sides
    return weight / weight.sum()


def _shared(place: np.ndarray, s: int, other: tuple[int, int, int]) -> float:
    """Area common to a square of side s and a larger one, as a share of the smaller."""
    common = [
        max(0, min(start + s, there + other[2]) - max(start, there))
        for start, there in zip(place, other[:2], strict=True)
    ]
    return common[0] * common[1] / s**2


def _check(
    n_train: int,
    n_test: int,
    size: int,
    side: tuple[int, int],
    objects: tuple[int, int],
    overlap: float,
) -> None:
    """Complain about arguments of `scenes`."""
    rules = {
        f"n_train and n_test must be 1 or more, got {n_train}, {n_test}": min(n_train, n_test) >= 1,
        f"side must be two numbers of pixels, 7 <= smallest <= largest, got {side}": (
            7 <= side[0] <= side[1]
        ),
        f"size must be from the largest side, {side[1]}, to {WIDEST} pixels, got {size}": (
            side[1] <= size <= WIDEST
        ),
        f"objects must be two numbers, 1 <= smallest <= largest, got {objects}": (
            1 <= objects[0] <= objects[1]
        ),
        f"overlap must be a share from 0 to 1, got {overlap}": 0 <= overlap <= 1,
    }
    require("scenes", rules)
