"""From trained layers to integer ones: normalization and quantizer folded into thresholds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from repro.arithmetic.thresholds import Thresholds, fold


def normalize(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Batch normalization with its running statistics, operation by operation.

    The library's own kernel may fuse product and sum, and round otherwise for another layout or
    processor. Here every operation is rounded by itself, so that the result is the same everywhere.

    Args:
        norm: with running statistics; its factors, if it has any, are applied.
        x: (N, C, ...), in float64 for a reference that differs from float32 only below rounding.

    Returns:
        As `x`, in its type.

    Raises:
        ValueError: no running statistics, or another number of channels.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("normalize: expected running statistics, got a norm that keeps none")
    if x.ndim < 2 or x.shape[1] != norm.num_features:
        raise ValueError(f"normalize: expected (N, {norm.num_features}, ...), got {tuple(x.shape)}")
    shape = [-1] + [1] * (x.ndim - 2)

    def each(values: Tensor) -> Tensor:
        return values.detach().to(x.dtype).reshape(shape)

    gain = 1 / (norm.running_var.to(x.dtype) + norm.eps).sqrt()
    y = (x - each(norm.running_mean)) * each(gain)
    return y if norm.weight is None else y * each(norm.weight) + each(norm.bias)


def fold_thresholds(
    stages: Callable[[Tensor], Tensor],
    channels: int,
    levels: int,
    low: int,
    high: int,
    dtype: torch.dtype = torch.float64,
) -> Thresholds:
    """Integer thresholds in place of everything between a sum and the next layer's code.

    Channels with a positive slope compare upwards, with a negative one downwards, with slope zero
    they are constant.

    Args:
        stages: from sums (N, C, H, W) of `dtype` to codes 0 to n - 1 of the same shape, of any
            type: scale, normalization, activation and quantizer. For a binary sign:
            `lambda y: norm(scale * y) >= 0`.
        channels: C.
        levels: n, 2 for a sign.
        low: smallest sum that can occur.
        high: largest sum.
        dtype: floating point type in which the stages compute.

    Returns:
        Thresholds that answer like the stages for every integer from `low` to `high`.

    Raises:
        ValueError: as for `repro.arithmetic.thresholds.fold`, or sums that the type cannot hold.
    """
    exact = 2 / torch.finfo(dtype).eps
    if max(abs(low), abs(high)) > exact:
        raise ValueError(f"fold_thresholds: {dtype} cannot hold every integer from {low} to {high}")

    def codes(sums: np.ndarray) -> np.ndarray:
        """Probes (C, P) as maps (1, C, P, 2): two columns, so that no other layout fits them."""
        maps = torch.from_numpy(sums).to(dtype)[None, :, :, None].expand(-1, -1, -1, 2)
        with torch.no_grad():
            found = stages(maps.contiguous())
        return found[0, ..., 0].to(torch.int64).numpy()

    return fold(codes, channels, levels, low, high)
