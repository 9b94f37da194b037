"""What small instance segmenters share: scenes with masks, their training, and their precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from repro.data import scenes
from repro.training import History, fit, predict
from repro.vision.detection_metrics import Segments, mask_precision

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZE, MOST, BATCH = 40, 3, 16


def masked_scenes(seed: int, learn: int = 640, test: int = 200) -> list[Tensor]:
    """Scenes of one to three real digits, 14 to 20 pixels wide, whose squares do not overlap.

    Args:
        seed: of everything random.
        learn: scenes to learn from.
        test: others, with other digits and textures.

    Returns:
        Grey levels (N, 1, 40, 40), whole numbers from 0 to 255 as float32, and masks at half of
        the resolution (N, 3, 20, 20), 1 inside, all 0 where there is no object; of both parts.
    """
    parts = []
    for part in scenes(learn, test, SIZE, seed, side=(14, 20), objects=(1, MOST), overlap=0.0):
        truth = torch.zeros(len(part.x), MOST, SIZE // 2, SIZE // 2)
        for row, masks in zip(truth, part.masks, strict=True):
            row[: len(masks)] = halved(torch.from_numpy(masks))
        parts += [(torch.from_numpy(part.x) * 255).round(), truth]
    return parts


def halved(masks: Tensor) -> Tensor:
    """Masks (..., H, W) at half of the resolution: bool, where half of a square is inside."""
    return F.avg_pool2d(masks.float(), 2) >= 0.5


def fit_segmenter(
    net: nn.Module,
    x: Tensor,
    truth: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    lr: float,
    steps: int,
    seed: int,
) -> History:
    """Train in place: AdamW, decay 1e-4, batches of 16, one cycle of the rate.

    Args:
        net: pictures (N, 1, H, W) to a tensor.
        x: pictures, as many as make whole batches.
        truth: masks (N, G, H', W').
        loss: of the net's answer and masks.
        lr: peak rate.
        steps: of 16 pictures, as many as make whole epochs.
        seed: of their order.

    Raises:
        ValueError: pictures that are no whole batches, or steps that are no whole epochs.
    """
    batches, rest = divmod(len(x), BATCH)
    if rest or not batches or steps < 0 or steps % batches:
        raise ValueError(
            f"fit_segmenter: expected whole batches of {BATCH} pictures, and steps that take all "
            f"of them equally often; got {len(x)} pictures and {steps} steps"
        )
    adamw = partial(torch.optim.AdamW, weight_decay=1e-4, fused=True)
    return fit(
        net,
        x,
        truth,
        epochs=steps // batches,
        batch_size=BATCH,
        lr=lr,
        seed=seed,
        loss=loss,
        optimizer=adamw,
        schedule="onecycle",
    )


def segmenter_precision(
    net: nn.Module,
    x: Tensor,
    truth: Tensor,
    scored: Callable[[Tensor], tuple[Tensor, Tensor]],
) -> dict[str, float]:
    """COCO's average precision of masks in %, scores of 0.005 and less left out.

    Args:
        net: pictures (N, 1, H, W) to answers.
        x: pictures.
        truth: masks (N, G, H', W'), all 0 where there is no object.
        scored: from answers to masks bool (N, I, H' W') and scores (N, I).
    """
    masks, scores = scored(predict(net, x, 50))
    masks = masks.unflatten(-1, truth.shape[-2:])
    found = [
        Segments(m[s > 0.005].numpy(), s[s > 0.005].numpy())
        for m, s in zip(masks, scores, strict=True)
    ]
    return mask_precision(found, [t[t.sum((1, 2)) > 0].bool().numpy() for t in truth])
