"""Shapes of the convolutions of well-known networks, for counting traffic and work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

NAMES = ("VGG-16", "ResNet-18", "ResNet-50", "MobileNet-V1")
#: MobileNet-V1 after its stem: output channels and stride of each pair of layers.
MOBILENET = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)
MOBILENET += ((1024, 2), (1024, 1))


@dataclass(frozen=True)
class Convolution:
    """Shape of one convolution on square maps.

    Attributes:
        channels: C, channels in.
        filters: K, channels out.
        kernel: side of the kernel.
        stride: step of the kernel.
        groups: channels are split into so many groups; C for a depthwise convolution.
        side: height and width of the input map.
        side_out: height and width of the output map.
    """

    channels: int
    filters: int
    kernel: int
    stride: int
    groups: int
    side: int
    side_out: int

    @property
    def elements_in(self) -> int:
        """Elements of the input map."""
        return self.channels * self.side**2

    @property
    def elements_out(self) -> int:
        """Elements of the output map."""
        return self.filters * self.side_out**2

    @property
    def weights(self) -> int:
        """Weights, without bias."""
        return self.filters * self.channels // self.groups * self.kernel**2

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return self.weights * self.side_out**2


def convolutions(name: str, side: int = 224) -> list[Convolution]:
    """The convolutions of a network, in the order of execution.

    VGG-16 and the ResNets are torchvision's (ResNet-50 has its strides in the 3x3 layers, "v1.5");
    torchvision has no MobileNet-V1, so that is written out. Nothing is computed but shapes.

    Args:
        name: one of :data:`NAMES`.
        side: height and width of the RGB image, 32 or more.

    Raises:
        ValueError: another name or a smaller side.

    Source: Simonyan and Zisserman (2015), He et al. (2016), Howard et al. (2017).
    """
    import torch
    from torch import nn

    if name not in NAMES:
        raise ValueError(f"no network {name!r}; there are {', '.join(NAMES)}")
    if side < 32:
        raise ValueError(f"side: expected 32 pixels or more, got {side}")
    found: list[Convolution] = []

    def note(conv: nn.Conv2d, inputs: tuple, output: torch.Tensor) -> None:
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        shape = (conv.in_channels, conv.out_channels, kernel, stride, conv.groups)
        found.append(Convolution(*shape, inputs[0].shape[2], output.shape[2]))

    with torch.device("meta"):
        network = _network(name)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(note)
        network.eval()(torch.empty(1, 3, side, side))
    return found


def _network(name: str) -> nn.Module:
    """The network with its classifier where torchvision has it; weights are not loaded."""
    if name == "MobileNet-V1":
        return _mobilenet()
    from repro import torchvision_shim

    torchvision_shim.ensure()
    from torchvision import models

    return getattr(models, name.replace("-", "").lower())(weights=None)


def _mobilenet() -> nn.Module:
    """The convolutions of MobileNet-V1: a stem, then pairs of depthwise 3x3 and 1x1."""
    from torch import nn

    layers, C = [nn.Conv2d(3, 32, 3, stride=2, padding=1)], 32
    for K, stride in MOBILENET:
        layers.append(nn.Conv2d(C, C, 3, stride=stride, padding=1, groups=C))
        layers.append(nn.Conv2d(C, K, 1))
        C = K
    return nn.Sequential(*layers)
