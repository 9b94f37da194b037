"""Gaussian noise on photographs: crops, NAFNet's recipe, PSNR and SSIM of a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from repro.data import grey_patches
from repro.training import fit, predict

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Standard deviation of the noise, for grey levels in [0, 1], and side of a crop in pixels.
SIGMA, SIDE = 0.15, 32
TRAIN = ("astronaut", "coffee", "rocket", "camera", "brick", "grass")
TEST = ("chelsea", "china", "flower", "coins", "gravel", "moon")


def psnr_loss(output: Tensor, target: Tensor) -> Tensor:
    """NAFNet's loss in dB: minus the PSNR of each picture, on average.

    Args:
        output: (N, C, H, W) restored pictures.
        target: (N, C, H, W) true ones, grey levels in [0, 1].

    Raises:
        ValueError: other shapes, or two that differ and would be stretched to one another.
    """
    if output.ndim != 4 or output.shape != target.shape:
        raise ValueError(
            "psnr_loss: expected pictures (N, C, H, W), as many as true ones and as large, got "
            f"{tuple(output.shape)} and {tuple(target.shape)}"
        )
    mse = (output - target).square().mean((1, 2, 3))
    return 10 * (mse + 1e-8).log10().mean()


def pairs(n: int, names: Sequence[str], seed: int) -> tuple[Tensor, Tensor]:
    """Crops of photographs with noise and without it.

    Args:
        n: number of crops, 1 or more.
        names: photographs to cut from (`repro.data.grey_photograph`).
        seed: chooses photographs, places and noise.

    Returns:
        Two float32 tensors (n, 1, SIDE, SIDE): the noisy crops, not clipped, and those in [0, 1].
    """
    import torch

    clean = torch.from_numpy(grey_patches(n, SIDE, seed, names))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean + SIGMA * noise, clean


def train(net: nn.Module, steps: int, lr: float, seed: int) -> None:
    """Train a network in place on 8 new crops a step: AdamW, cosine schedule, clipped gradients.

    Args:
        net: maps noisy pictures (N, 1, SIDE, SIDE) to restored ones.
        steps: number of steps, 1 or more.
        lr: peak rate.
        seed: chooses crops, noise and order.

    Source:
        Released files of Chen et al. (2022), NAFNet, width 32, SIDD.
    """
    import torch

    optimizer = partial(torch.optim.AdamW, betas=(0.9, 0.9), weight_decay=0.0)
    fit(
        net,
        *pairs(8 * steps, TRAIN, seed),
        epochs=1,
        lr=lr,
        seed=seed,
        batch_size=8,
        loss=psnr_loss,
        optimizer=optimizer,
        clip=0.01,
    )


def scores(net: nn.Module, n: int = 32) -> np.ndarray:
    """PSNR and SSIM of a network on each test photograph.

    Args:
        net: maps noisy pictures (N, 1, SIDE, SIDE) to restored ones, which are clipped to [0, 1].
        n: number of crops of a photograph, the same in every call.

    Returns:
        (6, 2): means over the crops; PSNR in dB.

    Raises:
        ValueError: the network made pictures of another size, or NaN.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    found = []
    for name in TEST:
        x, y = pairs(n, (name,), 0)
        restored = predict(net, x)
        if restored.shape != y.shape or bool(restored.isnan().any()):
            raise ValueError(
                f"scores: expected pictures {tuple(y.shape)} without NaN, got "
                f"{tuple(restored.shape)}{', some NaN' if restored.isnan().any() else ''}"
            )
        crops = zip(restored.clamp(0, 1)[:, 0].numpy(), y[:, 0].numpy(), strict=True)
        both = [
            (
                peak_signal_noise_ratio(b, a, data_range=1),
                structural_similarity(b, a, data_range=1),
            )
            for a, b in crops
        ]
        found.append(np.mean(both, 0))
    return np.array(found)
