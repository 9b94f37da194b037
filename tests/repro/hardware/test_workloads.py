"""Shapes of well-known networks against published totals and torchvision's modules."""

from itertools import pairwise

import pytest

from repro.hardware.workloads import ALEXNET, NAMES, VGG16, Convolution, convolutions


@pytest.mark.parametrize(
    ("name", "layers", "weights", "macs"),
    [
        # totals of the papers: 15.3 G, 1.8 G, 4.1 G (strides in the 3x3 layers) and 0.57 G
        ("VGG-16", 13, 14_710_464, 15_346_630_656),
        ("ResNet-18", 20, 11_166_912, 1_813_561_344),
        ("ResNet-50", 53, 23_454_912, 4_087_136_256),
        ("MobileNet-V1", 27, 3_185_088, 567_716_352),
    ],
)
def test_totals_at_224_pixels(name, layers, weights, macs):
    found = convolutions(name)
    assert len(found) == layers
    assert sum(conv.weights for conv in found) == weights
    assert sum(conv.macs for conv in found) == macs


def traced(network, side):
    """The convolutions of a torch network that runs without numbers."""
    import torch

    found = []

    def note(conv, inputs, output):
        (kernel, _), (stride, _) = conv.kernel_size, conv.stride
        shape = (conv.in_channels, conv.out_channels, kernel, stride, conv.groups)
        found.append(Convolution(*shape, inputs[0].shape[2], output.shape[2]))
        assert inputs[0].shape[2] == inputs[0].shape[3]

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(note)
    network.eval()(torch.empty(1, 3, side, side, device="meta"))
    return found


@pytest.mark.parametrize("side", [32, 33, 63, 64, 100, 224, 225])
@pytest.mark.parametrize("name", ["VGG-16", "ResNet-18", "ResNet-50"])
def test_shapes_are_those_of_torchvision(name, side):
    import torch

    from repro import torchvision_shim

    torchvision_shim.ensure()
    from torchvision import models

    with torch.device("meta"):
        network = getattr(models, name.replace("-", "").lower())(weights=None)
    assert convolutions(name, side) == traced(network, side)


@pytest.mark.parametrize("side", [32, 33, 63, 64, 100, 224, 225])
def test_shapes_of_mobilenet_are_those_of_its_layers(side):
    """Table 1 of the paper, whose last depthwise layer has stride 1 (2 is a misprint)."""
    from torch import nn

    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    widths = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    layers = [nn.Conv2d(3, 32, 3, stride=2, padding=1, device="meta")]
    for (C, K), stride in zip(pairwise(widths), strides, strict=True):
        layers.append(nn.Conv2d(C, C, 3, stride=stride, padding=1, groups=C, device="meta"))
        layers.append(nn.Conv2d(C, K, 1, device="meta"))
    assert convolutions("MobileNet-V1", side) == traced(nn.Sequential(*layers), side)


@pytest.mark.parametrize("name", NAMES)
def test_maps_fit_together(name):
    found = convolutions(name, side=64)
    assert found[0].side == 64 and found[0].channels == 3
    for conv in found:
        assert conv.side_out == -(-conv.side // conv.stride)
        assert conv.groups in (1, conv.channels)


def test_alexnet_is_its_layers_with_pooling_between():
    """The layers as the paper's figure 2 draws them; pooling is 3x3 with stride 2."""
    from torch import nn

    def conv(*shape, **more):
        return nn.Conv2d(*shape, device="meta", **more)

    pool = nn.MaxPool2d(3, 2)
    features = nn.Sequential(
        conv(3, 96, 11, stride=4), pool, conv(96, 256, 5, padding=2, groups=2), pool,
        conv(256, 384, 3, padding=1), conv(384, 384, 3, padding=1, groups=2),
        conv(384, 256, 3, padding=1, groups=2), pool, nn.Flatten(),
    )  # fmt: skip
    found = list(ALEXNET.values())
    assert found[:5] == traced(features, 227)
    assert list(ALEXNET) == [f"{'conv' if i < 6 else 'fc'}{i}" for i in range(1, 9)]
    sides = [(9216, 4096), (4096, 4096), (4096, 1000)]
    assert [(one.channels, one.filters) for one in found[5:]] == sides
    assert all(one.macs == one.weights for one in found[5:])
    # 60,965,224 parameters of the released network, less 10,568 biases; 724 million multiply-adds
    assert sum(one.weights for one in found) == 60_965_224 - 10_568
    assert sum(one.macs for one in found) == 724_406_816


def test_all_layers_of_vgg_are_those_of_torchvision():
    import torch

    from repro import torchvision_shim

    torchvision_shim.ensure()
    from torchvision import models

    with torch.device("meta"):
        network = models.vgg16(weights=None)
    linear = [part for part in network.modules() if isinstance(part, torch.nn.Linear)]
    shapes = [Convolution(one.in_features, one.out_features, 1, 1, 1, 1, 1) for one in linear]
    assert list(VGG16) == traced(network, 224) + shapes
    assert sum(one.macs for one in VGG16) == 15_470_264_320


def test_a_convolution_counts_its_elements():
    conv = Convolution(4, 8, kernel=3, stride=2, groups=2, side=10, side_out=5)
    assert (conv.elements_in, conv.elements_out) == (400, 200)
    assert (conv.weights, conv.macs) == (8 * 2 * 9, 8 * 2 * 9 * 25)


@pytest.mark.parametrize(
    ("name", "side", "message"), [("AlexNet", 224, "there are VGG-16"), ("VGG-16", 16, "32 pixels")]
)
def test_what_is_unknown_is_refused(name, side, message):
    with pytest.raises(ValueError, match=message):
        convolutions(name, side)
