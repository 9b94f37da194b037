"""Shapes of the layers of well-known networks, for counting traffic and work. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: VGG-16: output channels of the layers of each stage; every stage ends with 2x2 pooling.
VGG = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
#: ResNets: blocks of each stage. Stage s works on 64 * 2**s channels.
RESNET_18, RESNET_50 = (2, 2, 2, 2), (3, 4, 6, 3)
#: MobileNet-V1 after its stem: output channels and stride of each pair of layers.
MOBILENET = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5)
MOBILENET += ((1024, 2), (1024, 1))


@dataclass(frozen=True)
class Convolution:
    """Shape of one convolution with a square kernel on square maps.

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

    VGG-16 and the ResNets are those of torchvision (ResNet-50 has its strides in the 3x3 layers,
    "v1.5"), where a projection shortcut comes after the layers that it bypasses.

    Args:
        name: one of `NAMES`.
        side: height and width of the square RGB image, 32 or more.

    Raises:
        ValueError: another name or a smaller side.

    Source:
        Simonyan and Zisserman (2015), He et al. (2016), Howard et al. (2017).
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r}; there are {', '.join(NAMES)}")
    if side < 32:
        raise ValueError(f"side: expected 32 pixels or more, got {side}")
    return list(NETWORKS[name](side))


def _same(C: int, K: int, kernel: int, stride: int, side: int, groups: int = 1) -> Convolution:
    """An odd kernel padded by half its side: one output for each step of the stride."""
    return Convolution(C, K, kernel, stride, groups, side, -(-side // stride))


def _vgg(side: int) -> Iterator[Convolution]:
    """VGG-16."""
    C = 3
    for stage in VGG:
        for K in stage:
            yield _same(C, K, 3, 1, side)
            C = K
        side //= 2


def _resnet(side: int, stages: tuple[int, ...], bottleneck: bool) -> Iterator[Convolution]:
    """A ResNet of basic blocks (two 3x3 layers) or bottlenecks (1x1, 3x3, 1x1)."""
    stem = _same(3, 64, 7, 2, side)
    yield stem
    C, side = 64, -(-stem.side_out // 2)  # 3x3 pooling with stride 2
    for stage, blocks in enumerate(stages):
        inside = 64 << stage
        K = 4 * inside if bottleneck else inside
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            if bottleneck:
                layers = [(C, inside, 1, 1), (inside, inside, 3, stride), (inside, K, 1, 1)]
            else:
                layers = [(C, K, 3, stride), (K, K, 3, 1)]
            here = side
            for layer in layers:
                found = _same(*layer, here)
                yield found
                here = found.side_out
            if stride > 1 or C != K:
                yield _same(C, K, 1, stride, side)
            C, side = K, here


def _mobilenet(side: int) -> Iterator[Convolution]:
    """MobileNet-V1: a stem, then pairs of depthwise 3x3 and 1x1."""
    C = 32
    found = _same(3, C, 3, 2, side)
    yield found
    for K, stride in MOBILENET:
        found = _same(C, C, 3, stride, found.side_out, groups=C)
        yield found
        yield _same(C, K, 1, 1, found.side_out)
        C = K


#: The convolutions of each network for an image of a side.
NETWORKS: dict[str, Callable[[int], Iterator[Convolution]]] = {
    "VGG-16": _vgg,
    "ResNet-18": lambda side: _resnet(side, RESNET_18, bottleneck=False),
    "ResNet-50": lambda side: _resnet(side, RESNET_50, bottleneck=True),
    "MobileNet-V1": _mobilenet,
}
NAMES = tuple(NETWORKS)


def linear(inputs: int, outputs: int) -> Convolution:
    """A linear layer as a convolution at one position."""
    return Convolution(inputs, outputs, 1, 1, 1, 1, 1)


#: All layers of AlexNet for a 227x227 image, by name: convolutions in two groups where the two
#: halves of the network do not see each other, then linear layers (Krizhevsky et al., 2012).
ALEXNET: Mapping[str, Convolution] = MappingProxyType(
    {
        "conv1": Convolution(3, 96, 11, 4, 1, 227, 55),
        "conv2": Convolution(96, 256, 5, 1, 2, 27, 27),
        "conv3": Convolution(256, 384, 3, 1, 1, 13, 13),
        "conv4": Convolution(384, 384, 3, 1, 2, 13, 13),
        "conv5": Convolution(384, 256, 3, 1, 2, 13, 13),
        "fc6": linear(256 * 6**2, 4096),
        "fc7": linear(4096, 4096),
        "fc8": linear(4096, 1000),
    }
)
#: All layers of VGG-16 for a 224x224 image: its convolutions, then linear layers.
VGG16 = (*convolutions("VGG-16"), linear(512 * 7**2, 4096), linear(4096, 4096), linear(4096, 1000))
