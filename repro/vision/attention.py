"""Attention in windows: cut and merged maps of tokens, positions inside them, receptive fields."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def windows(x: Tensor, w: int) -> Tensor:
    """Maps of tokens cut into square windows that do not overlap.

    Args:
        x: (N, H, W, D), H and W multiples of w.
        w: side of a window in tokens, 1 or more.

    Returns:
        (N H W / w^2, w^2, D): windows of the first map first, row by row, and so are the tokens in
        each.

    Raises:
        ValueError: another shape.
    """
    if x.ndim != 4 or w < 1 or x.shape[1] % w or x.shape[2] % w:
        raise ValueError(
            f"windows: expected maps (N, H, W, D) with sides that are multiples of {w}, got "
            f"{tuple(x.shape)}: pad them"
        )
    cut = x.unflatten(2, (-1, w)).unflatten(1, (-1, w))
    return cut.transpose(2, 3).flatten(0, 2).flatten(1, 2)


def merged(x: Tensor, H: int, W: int) -> Tensor:
    """The maps that `windows` cut.

    Args:
        x: (N H W / w^2, w^2, D).
        H: rows of a map.
        W: columns of a map.

    Returns:
        (N, H, W, D).

    Raises:
        ValueError: windows that are not square, or that do not fill maps of this size.
    """
    w = round(x.shape[1] ** 0.5) if x.ndim == 3 else 0
    if not w or w * w != x.shape[1] or H % w or W % w or len(x) % ((H // w) * (W // w)):
        raise ValueError(
            f"merged: expected windows (M, w * w, D) that fill maps of {H} x {W} tokens, got "
            f"{tuple(x.shape)}"
        )
    cut = x.unflatten(1, (w, w)).unflatten(0, (-1, H // w, W // w))
    return cut.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def relative_positions(w: int) -> Tensor:
    """Numbers of the offsets between the tokens of a window, as Swin indexes its table of biases.

    Args:
        w: side of a window in tokens, 1 or more.

    Returns:
        int64 (w^2, w^2) in 0..(2 w - 1)^2 - 1: (r_i - r_j + w - 1)(2 w - 1) + c_i - c_j + w - 1
        for the tokens i and j, numbered row by row.
    """
    place = torch.cartesian_prod(torch.arange(w), torch.arange(w)).reshape(-1, 2)
    offset = place[:, None] - place + w - 1
    return offset[..., 0] * (2 * w - 1) + offset[..., 1]


def receptive_fields(net: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Which tokens influence which, by exact gradients: those outside a field are true zeros.

    Every output token is read from a copy of the map of its own, so one backward pass answers for
    all. That also keeps away from maps in batches of one, for which batch normalization in torch
    2.13 returns wrong gradients on the CPU.

    Args:
        net: maps (N, H, W, D) to maps (N, H, W, K), each map for itself (evaluation mode).
        x: one map (H, W, D), floating point; float64, so that small influences do not vanish.

    Returns:
        bool (H, W, H, W): [r, c] is the set of tokens whose features the output at row r and
        column c depends on.

    Raises:
        ValueError: another shape or type.
    """
    if x.ndim != 3 or not x.is_floating_point():
        raise ValueError(
            f"receptive_fields: expected one floating point map (H, W, D), got {x.dtype} "
            f"{tuple(x.shape)}"
        )
    H, W = x.shape[:2]
    copies = x.expand(H * W, -1, -1, -1).clone().requires_grad_()
    y = net(copies).flatten(1, 2)
    own = y[torch.arange(H * W), torch.arange(H * W)]
    weights = torch.linspace(1, 2, own.shape[-1], dtype=own.dtype, device=own.device)
    (gradient,) = torch.autograd.grad((own * weights).sum(), copies)
    return (gradient != 0).any(-1).unflatten(0, (H, W))
