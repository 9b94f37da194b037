"""The form in which every labelled dataset is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Split:
    """A labelled dataset, divided into training and test images.

    Attributes:
        x_train: float32 (N, C, H, W) in [0, 1].
        y_train: int64 (N,), class numbers from 0.
        x_test: as `x_train`, other images.
        y_test: as `y_train`.
        extras: further ground truth by name; the dataset's function says what it holds.

    Raises:
        ValueError: images and labels differ in number, or an array has another type or form.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if x.ndim != 4 or x.dtype != np.float32:
                raise ValueError(
                    f"x_{part}: expected float32 (N, C, H, W), got {x.dtype} {x.shape}"
                )
            if y.shape != (len(x),) or y.dtype != np.int64:
                raise ValueError(
                    f"y_{part}: expected int64 ({len(x)},), one label an image, "
                    f"got {y.dtype} {y.shape}"
                )

    def torch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Copies as tensors: `x_train, y_train, x_test, y_test`, same shapes and types."""
        import torch

        arrays = (self.x_train, self.y_train, self.x_test, self.y_test)
        return tuple(torch.tensor(array) for array in arrays)
