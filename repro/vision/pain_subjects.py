"""Subjects of the chapter on pain: real counts of levels, synthetic faces, their real features."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from repro.data import draw_faces
from repro.pretrained.efficientnet_lite0 import efficientnet_lite0, fold_norms, normalize

#: Frames of each level 0..5 (columns) of the 25 subjects (rows) of the UNBC-McMaster archive.
COUNTS = np.fromstring(
    """
    1895 84 56 29 59 11  1028 27 29 8 28 0   1544 0 0 26 38 0    810 84 0 0 0 0
    2228 317 155 33 19 0 2503 37 34 7 7 21   640 64 18 5 9 37    1452 18 6 51 0 85
    1962 6 418 48 40 0   896 553 459 108 22 0  1031 0 355 106 10 0  304 92 45 166 91 104
    2180 29 31 28 82 11  3212 0 43 81 9 15   2819 0 0 0 0 0      2758 89 121 272 332 20
    2281 386 47 56 7 21  1599 243 37 16 27 119  2453 158 73 47 75 102  1726 83 32 25 39 0
    1212 35 29 47 4 0    1490 56 0 5 15 0    478 0 19 0 21 0     822 135 17 142 6 61
    699 413 327 106 104 46
    """,
    np.int64,
    sep=" ",
).reshape(25, 6)


def proportions(counts: np.ndarray, frames: int) -> np.ndarray:
    """Frames (6,) of each level, in proportion to counts (6,), at least one of each present."""
    n = np.where(counts > 0, np.maximum(1, np.rint(counts / counts.sum() * frames)), 0).astype(int)
    n[0] += frames - n.sum()
    return n


def course(n: np.ndarray, episodes: int = 3) -> np.ndarray:
    """Levels along time from frames n (6,): pain rises and falls between stretches of zeros."""
    pain = np.repeat(np.arange(1, 6), n[1:])
    calm = np.array_split(np.zeros(n[0], int), episodes + 1)
    parts = [calm[0]]
    for k in range(episodes):
        parts += [pain[k :: 2 * episodes], pain[k + episodes :: 2 * episodes][::-1], calm[k + 1]]
    return np.concatenate(parts)


def archive(seed: int, frames: int = 120) -> tuple[Tensor, Tensor, Tensor]:
    """25 synthetic subjects with the real proportions of levels, in time.

    A level adds 16 % of the largest expression: brow lowered, eyes closed, mouth open with its
    corners down. Noise comes to it, and an offset and a manner of each subject. The noise is so
    large that smooth L1 correlates with the level about as it does in the paper's released run.

    Args:
        seed: chooses people and settings, 0 or more.
        frames: of each subject, 12 or more.

    Returns:
        Images float32 (25 frames, 1, 32, 32) as (pixel - 128) / 128; levels 0..5 and subjects
        0..24, both int64 (25 frames,).
    """
    rng = np.random.default_rng([seed, 13])
    y = np.concatenate([course(proportions(counts, frames)) for counts in COUNTS])
    who, n = np.repeat(np.arange(25), frames), len(y)
    strength = 0.16 * y + rng.normal(0, 0.25, n) + rng.uniform(0, 0.1, 25)[who]
    most = [-100, 100, 70, -70] * rng.uniform(0.8, 1.2, (25, 4))[who]  # brow, blink, open, smile
    look = most * np.clip(strength, 0, 1.2)[:, None] + rng.normal(0, [8, 5, 5, 8], (n, 4))
    pose = np.clip(rng.normal(0, [4, 2, 2], (n, 3)), -12, 12)
    light = rng.normal(0, 15, (25, 3))[who] + rng.normal(0, 8, (n, 3))
    drawn = draw_faces(
        who,
        pose=pose,
        light=np.clip(light, -60, 60),
        seed=seed,
        expression=np.clip(look, [-100, 0, 0, -100], 100),
    )
    grey = np.clip(255 * drawn.x + rng.integers(-6, 7, drawn.x.shape), 0, 255)
    x = ((grey - 128) / 128).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(who)


def real_features(x: Tensor) -> Tensor:
    """EfficientNet-Lite0 after five blocks: (N, 640) of images (N, 1, 32, 32), enlarged twice."""
    net, found = fold_norms(efficientnet_lite0()), []
    for part in x.split(100):
        big = F.interpolate((part + 1) / 2, size=64, mode="bilinear", align_corners=False)
        with torch.no_grad():
            y = net.stem(normalize(big.clamp(0, 1).expand(-1, 3, -1, -1)))
            for block in net.blocks[:5]:
                y = block(y)
            found.append(F.adaptive_avg_pool2d(y, 4).flatten(1))
    return torch.cat(found)


def standard(x: Tensor, train: Tensor) -> Tensor:
    """Features x (N, D) minus the mean and over the spread of the rows `train` (N,), a mask."""
    return (x - x[train].mean(0)) / (x[train].std(0) + 1e-3)
