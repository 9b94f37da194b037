"""EfficientNet-Lite0: its weights file, its arithmetic, and what it sees."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.data import photograph
from repro.data.packages import packaged
from repro.pretrained import efficientnet_lite0 as pretrained
from repro.pretrained.efficientnet_lite0 import (
    ConvNorm,
    EfficientNetLite0,
    InvertedResidual,
    SameConv2d,
    efficientnet_lite0,
    fold_norms,
    normalize,
)


@pytest.fixture(scope="module")
def network():
    return efficientnet_lite0()


@pytest.fixture(scope="module")
def images():
    """Three photographs, whole, at 224x224."""
    names = ("chelsea", "coffee", "china")
    whole = [torch.from_numpy(photograph(name))[None] for name in names]
    return normalize(torch.cat([F.interpolate(x, (224, 224), mode="area") for x in whole]))


def test_it_has_the_published_number_of_weights(network):
    tensors = [p for p in network.parameters() if p.ndim > 1]
    assert len(tensors) == 50 and sum(t.numel() for t in tensors) == 4_608_992
    assert not network.training


def test_it_recognises_photographs(network, images):
    """ImageNet classes: 281-285 are cats, 967 espresso, 698 a palace, 663 a monastery."""
    with torch.no_grad():
        top = network(images).topk(3).indices.tolist()
    assert set(top[0]) <= set(range(281, 288))
    assert 967 in top[1] and 968 in top[1]
    assert {698, 663, 832} & set(top[2])


def test_two_networks_share_nothing(network):
    other = efficientnet_lite0()
    with torch.no_grad():
        other.classifier.weight.zero_()
    assert network.classifier.weight.abs().sum() > 0


@pytest.mark.parametrize("side", [32, 33, 47, 64])
def test_any_size_from_32_pixels_on_works(side):
    assert EfficientNetLite0().eval()(torch.zeros(1, 3, side, side)).shape == (1, 1000)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize(("H", "W"), [(7, 8), (8, 8), (5, 6)])
def test_same_padding_is_tensorflows(stride, kernel, H, W):
    """Window (i, j) covers rows from i stride - top on; what lies outside counts as zero."""
    conv = SameConv2d(2, 3, kernel, stride, bias=False).double()
    x = torch.randn(1, 2, H, W, generator=torch.Generator().manual_seed(0)).double()
    y = conv(x)
    assert y.shape[-2:] == (-(-H // stride), -(-W // stride))
    rows, columns = y.shape[-2:]
    top = max((rows - 1) * stride + kernel - H, 0) // 2
    left = max((columns - 1) * stride + kernel - W, 0) // 2
    for i, j in np.ndindex(*y.shape[-2:]):
        expected = torch.zeros(3).double()
        for r, s in np.ndindex(kernel, kernel):
            row, column = i * stride + r - top, j * stride + s - left
            if 0 <= row < H and 0 <= column < W:
                expected += conv.weight[:, :, r, s] @ x[0, :, row, column]
        assert torch.allclose(y[0, :, i, j], expected)


@pytest.mark.parametrize(
    ("C", "K", "stride", "skip"), [(8, 8, 1, True), (8, 8, 2, False), (8, 12, 1, False)]
)
def test_blocks_add_their_input_where_shapes_allow(C, K, stride, skip):
    block = InvertedResidual(C, K, 3, stride, 6).eval()
    nn.init.zeros_(block.project.conv.weight)
    x = torch.randn(1, C, 6, 6)
    assert block.skip == skip
    assert torch.equal(block(x), x) == skip


def test_a_block_without_expansion_has_none():
    assert isinstance(InvertedResidual(8, 8, 3, 1, 1).expand, nn.Identity)
    assert not hasattr(ConvNorm(2, 2, 1, linear=True), "act")


def test_folding_keeps_the_output(network, images):
    folded = fold_norms(network)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    with torch.no_grad():
        assert torch.allclose(folded(images), network(images), atol=1e-3)


def test_folding_twice_changes_nothing():
    once = fold_norms(ConvNorm(2, 3, 3))
    twice = fold_norms(once)
    assert torch.equal(once.conv.weight, twice.conv.weight)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    with pytest.raises(FileNotFoundError, match="no_such_package, which is not installed: run"):
        efficientnet_lite0()


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "WEIGHTS", "models/other.pth")
    with pytest.raises(FileNotFoundError, match=r"other.pth is missing.*Reinstall"):
        efficientnet_lite0()
    with pytest.raises(FileNotFoundError, match=r"no weights file .*leave path out"):
        efficientnet_lite0(tmp_path / "none.pth")


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty"])
def test_a_damaged_file_is_refused_before_it_is_read(tmp_path, damage, monkeypatch):
    path = tmp_path / "weights.pth"
    shutil.copy(packaged(pretrained.PACKAGE, pretrained.WEIGHTS), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"truncated": data[:1000], "one bit": data, "empty": b""}[damage])
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was read"))
    with pytest.raises(ValueError, match=r"weights.pth is not the pinned .* Reinstall: pip"):
        efficientnet_lite0(path)


def test_an_entry_of_another_network_is_named():
    with pytest.raises(ValueError, match="unknown entry '_swish'"):
        pretrained._renamed("_swish")


def test_normalisation_spans_about_minus_one_to_one():
    ends = normalize(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    assert ends[0].unique().item() == -127 / 128 and ends[1].unique().item() == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_narrow_images_are_normalized_in_float32(dtype):
    images = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = ((255 * images.double() - 127) / 128).to(dtype)
    assert normalize(images).dtype == dtype
    assert torch.allclose(normalize(images), expected, rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 3, 4, 4)), TypeError, "floating point tensor, got float64"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), TypeError, "got torch.uint8"),
        ([[1.0]], TypeError, "got list"),
        (torch.zeros(3, 4, 4), ValueError, r"\(N, 3, H, W\), got \(3, 4, 4\)"),
        (torch.zeros(1, 4, 4, 3), ValueError, r"got \(1, 4, 4, 3\)"),
        (torch.zeros(0, 3, 4, 4), ValueError, r"got \(0, 3, 4, 4\)"),
        (torch.full((1, 3, 4, 4), 255.0), ValueError, "0, 1.*divide by 255"),
        (torch.full((1, 3, 4, 4), float("nan")), ValueError, "got nan"),
    ],
)
def test_images_that_are_not_photographs_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        normalize(images)
