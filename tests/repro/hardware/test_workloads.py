"""Shapes of well-known networks against published totals."""

import pytest

from repro.hardware.workloads import NAMES, Convolution, convolutions


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


@pytest.mark.parametrize("name", NAMES)
def test_maps_fit_together(name):
    found = convolutions(name, side=64)
    assert found[0].side == 64 and found[0].channels == 3
    for conv in found:
        assert conv.side_out == -(-conv.side // conv.stride)
        assert conv.groups in (1, conv.channels)


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
