"""Convolutions and linear layers as matrix products: columns of inputs, rows of weights.

A column is the patch of one group of channels under the kernel at one output position, with the
zeros of the border: D = C / G * R * S numbers in the order of the weight. P counts the positions,
over images, rows and columns of the output.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Layer = nn.Conv2d | nn.Linear


def matrices(layer: Layer) -> Tensor:
    """(G, K / G, D): a layer's weight, one matrix for each group of channels."""
    weight, groups = layer.weight.detach(), getattr(layer, "groups", 1)
    return weight.reshape(groups, weight.shape[0] // groups, -1)


def columns(layer: Layer, x: Tensor, at: Tensor | None = None) -> Tensor:
    """(G, P, D): a layer's input as columns, at output positions.

    Args:
        layer: convolution with zeros at its border, or linear layer.
        x: (N, C, H, W), or (..., D) for a linear layer.
        at: (P,) numbers of output positions, counted over images, rows, columns; default: all.

    Raises:
        ValueError: a convolution whose border is not zeros.
    """
    if isinstance(layer, nn.Linear):
        rows = x.reshape(-1, x.shape[-1])
        return (rows if at is None else rows[at])[None]
    left, right, top, bottom = _border(layer, x.shape[-2:])
    height, width = out_sides(layer, x.shape[-2:])
    at = torch.arange(len(x) * height * width, device=x.device) if at is None else at.to(x.device)
    image, place = at // (height * width), at % (height * width)
    corner = torch.stack([place // width, place % width])
    taps = [
        start[:, None] * stride + torch.arange(kernel, device=x.device) * dilation
        for start, stride, kernel, dilation in zip(
            corner, layer.stride, layer.kernel_size, layer.dilation, strict=True
        )
    ]
    padded = F.pad(x, (left, right, top, bottom)).permute(0, 2, 3, 1)
    patches = padded[image[:, None, None], taps[0][:, :, None], taps[1][:, None, :]]
    patches = patches.permute(0, 3, 1, 2).reshape(len(at), layer.groups, -1)
    return patches.transpose(0, 1)


def out_sides(layer: nn.Conv2d, sides: Sequence[int]) -> tuple[int, int]:
    """Height and width of a convolution's output.

    Args:
        layer: the convolution.
        sides: height and width of its input.
    """
    left, right, top, bottom = _border(layer, sides)
    height, width = (
        (side + pads - dilation * (kernel - 1) - 1) // stride + 1
        for side, pads, dilation, kernel, stride in zip(
            sides,
            (top + bottom, left + right),
            layer.dilation,
            layer.kernel_size,
            layer.stride,
            strict=True,
        )
    )
    return height, width


def _border(layer: nn.Conv2d, sides: Sequence[int]) -> tuple[int, int, int, int]:
    """Zeros left, right, above and below."""
    if layer.padding_mode != "zeros":
        raise ValueError(f"{layer}: expected zeros at the border, got {layer.padding_mode!r}")
    if hasattr(layer, "pads"):  # as TensorFlow pads: `repro.pretrained.efficientnet_lite0`
        rows, across = layer.pads(sides)
        return (*across, *rows)
    if layer.padding == "same":
        totals = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        rows, across = [(total // 2, total - total // 2) for total in totals]
        return (*across, *rows)
    row, column = (0, 0) if layer.padding == "valid" else layer.padding
    return column, column, row, row
