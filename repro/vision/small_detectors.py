"""What small detectors share: a backbone, their training on scenes, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from repro import torchvision_shim
from repro.training import History, fit, predict
from repro.vision.detection_metrics import Detections

if TYPE_CHECKING:
    from torch import Tensor

    from repro.data.scenes import Scenes

torchvision_shim.ensure()
from torchvision import ops  # noqa: E402  (needs the operators that the line above declares)

__all__ = ["Backbone", "conv_bn_relu", "detect", "detections", "fit_detector", "ops", "padded"]


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union (..., N, M) of boxes (..., N, 4) and (..., M, 4)."""
    a, b = boxes1[..., :, None, :], boxes2[..., None, :, :]
    sides = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    common = sides.clamp(min=0).prod(-1)
    area = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
    return common / (area - common)


def for_batches(installed: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The installed `box_iou` if it takes batches, which older versions do not; else the above."""
    try:
        installed(torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))
    except (IndexError, RuntimeError):
        return box_iou
    return installed


ops.box_iou = for_batches(ops.box_iou)


def conv_bn_relu(C: int, K: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution C -> K without bias, batch norm, ReLU; a map H x W becomes H/stride x W/stride.

    Args:
        C: channels in.
        K: channels out.
        size: of the kernel: odd, or equal to the stride (patches that do not overlap).
        stride: of the convolution.
    """
    padding = 0 if size == stride else size // 2
    conv = nn.Conv2d(C, K, size, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(K), nn.ReLU())


class Backbone(nn.Module):
    """Grey pictures (N, 1, H, W) to maps of strides 4, 8, 16, ...

    The stem cuts the picture into patches of 4 x 4; every level then has a 3 x 3 convolution, and
    each further one begins with a 3 x 3 convolution of stride 2.

    Args:
        widths: channels of each level, the finest first.
    """

    def __init__(self, widths: Sequence[int] = (16, 24)) -> None:
        super().__init__()
        if not widths:
            raise ValueError("Backbone: expected the width of one level or more, got none")
        self.widths = tuple(widths)
        entries = [conv_bn_relu(1, widths[0], 4, 4)]
        entries += [conv_bn_relu(a, b, 3, 2) for a, b in pairwise(widths)]
        self.levels = nn.ModuleList(
            nn.Sequential(entry, conv_bn_relu(K, K))
            for entry, K in zip(entries, widths, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps (N, widths[l], H / (4 * 2**l), W / (4 * 2**l)), the finest first."""
        x = x.contiguous(memory_format=torch.channels_last)  # faster on a processor
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


def padded(scenes: Scenes) -> Tensor:
    """Boxes and labels of scenes as one tensor, as `repro.training.fit` wants its targets.

    Returns:
        float32 (N, G, 5): left, top, right, bottom, label; rows without an object are NaN.
    """
    most = max(map(len, scenes.boxes))
    result = torch.full((len(scenes.boxes), most, 5), torch.nan)
    for row, boxes, labels in zip(result, scenes.boxes, scenes.labels, strict=True):
        row[: len(boxes), :4] = torch.from_numpy(boxes)
        row[: len(boxes), 4] = torch.from_numpy(labels)
    return result


def fit_detector(
    net: nn.Module,
    scenes: Scenes,
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    *,
    lr: float,
    epochs: int,
    seed: int,
) -> History:
    """Train a detector in place: AdamW, decay 1e-4, batches of 8, gradients clipped at norm 5.

    Args:
        net: pictures (N, 1, H, W) to a tensor.
        scenes: to learn from.
        loss: of the net's answer, boxes (N, G, 4) and int64 labels (N, G); rows without an object
            have NaN boxes and label 0.
        lr: peak rate: up during the first 30 % of the steps, then down to almost 0.
        epochs: passes over the scenes.
        seed: of their order.

    Raises:
        FloatingPointError: the loss or a gradient is NaN or infinite.
    """

    def padded_loss(answer: Tensor, rows: Tensor) -> Tensor:
        return loss(answer, rows[..., :4], rows[..., 4].nan_to_num().long())

    return fit(
        net,
        torch.from_numpy(scenes.x),
        padded(scenes),
        epochs=epochs,
        batch_size=8,
        lr=lr,
        seed=seed,
        loss=padded_loss,
        optimizer=partial(torch.optim.AdamW, weight_decay=1e-4, fused=True),
        schedule="onecycle",
        clip=5,
    )


def detect(net: nn.Module, scenes: Scenes) -> list[Detections]:
    """What a trained detector finds in scenes; its answer holds logits, then four coordinates.

    Args:
        net: pictures (N, 1, H, W) to (N, M, K + 4).
        scenes: N of them.
    """
    answers = predict(net, torch.from_numpy(scenes.x), 50)
    return [detections(answer[:, :-4], answer[:, -4:]) for answer in answers]


def detections(
    logits: Tensor,
    boxes: Tensor,
    *,
    threshold: float = 0.05,
    overlap: float | None = 0.6,
    candidates: int = 1000,
    most: int = 100,
) -> Detections:
    """What a dense detector finds in one picture.

    Args:
        logits: (M, K), of K classes at M places.
        boxes: (M, 4), left, top, right, bottom in pixels.
        threshold: least score, a sigmoid, that counts.
        overlap: IoU above which the weaker of two boxes of one class goes (non-maximum
            suppression); None keeps all.
        candidates: scores that enter suppression at most, the best ones.
        most: detections at most, the best ones.

    Returns:
        Detections as NumPy arrays, by falling score. Boxes without area are left out.

    Raises:
        ValueError: shapes that do not fit.
    """
    if logits.ndim != 2 or boxes.shape != (len(logits), 4):
        raise ValueError(
            "detections: expected logits (M, K) and boxes (M, 4), "
            f"got {tuple(logits.shape)} and {tuple(boxes.shape)}"
        )
    usable = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    score = torch.where(usable[:, None], logits.detach().sigmoid(), 0).flatten()
    order = score.argsort(descending=True, stable=True)[:candidates]
    order = order[score[order] > threshold]
    place, label = order // logits.shape[1], order % logits.shape[1]
    found, score = boxes.detach()[place], score[order]
    if overlap is not None:
        keep = _suppress(found, score, label, overlap)
        found, score, label = found[keep], score[keep], label[keep]
    return Detections(*(part[:most].numpy(force=True) for part in (found, score, label)))


def _suppress(boxes: Tensor, score: Tensor, label: Tensor, overlap: float) -> Tensor:
    """Indices that non-maximum suppression keeps, class by class: classes are moved apart."""
    if not len(boxes):
        return label
    apart = label * (boxes.max() - boxes.min() + 1)
    return torch.ops.torchvision.nms(boxes + apart[:, None].to(boxes), score, overlap)
