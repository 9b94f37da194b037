"""Folded thresholds against the layers that they replace."""

import numpy as np
import pytest
import torch
from torch import nn

from repro.quantize.integer_network import fold_thresholds, normalize

LOW, HIGH = -90, 110


def trained_norm(channels=8, seed=0):
    """A normalization with slopes of both signs and one of zero."""
    generator = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm2d(channels)
    norm.weight.data = torch.randn(channels, generator=generator)
    norm.weight.data[2] = 0
    norm.bias.data = torch.randn(channels, generator=generator)
    norm.running_mean = 20 * torch.randn(channels, generator=generator)
    norm.running_var = 900 * torch.rand(channels, generator=generator) + 1
    return norm.eval()


def every_sum(dtype):
    """All sums of the range as maps (1, C, H, W)."""
    sums = torch.arange(LOW, HIGH + 1)
    return sums.to(dtype).reshape(1, 1, 3, -1).expand(1, 8, 3, -1).contiguous()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [2, 4, 16])
@pytest.mark.parametrize("own", [True, False])
def test_thresholds_answer_like_the_layers_for_every_sum(dtype, levels, own):
    norm = trained_norm().to(dtype)

    def stages(y):
        y = norm(0.37 * y) if own else normalize(norm, 0.37 * y)
        return ((y.relu() / 1.7).clamp(0, 1) * (levels - 1)).round()

    maps = every_sum(dtype)
    with torch.no_grad():
        expected = stages(maps).to(torch.int64).numpy()
    found = fold_thresholds(stages, 8, levels, LOW, HIGH, dtype)
    assert np.array_equal(found(maps.to(torch.int64).numpy()), expected)
    assert set(found.direction) == {1, -1}


def test_a_sign_behind_the_normalization():
    norm = trained_norm(seed=1)
    found = fold_thresholds(lambda y: normalize(norm, y) >= 0, 8, 2, LOW, HIGH)
    maps = every_sum(torch.float64)
    expected = (normalize(norm, maps) >= 0).to(torch.int64).numpy()
    assert np.array_equal(found(maps.to(torch.int64).numpy()), expected)


def test_the_normalization_is_pytorchs():
    x = torch.randn(3, 8, 5, 4, dtype=torch.float64)
    norm = trained_norm().double()
    assert torch.allclose(normalize(norm, x), norm(x), atol=1e-12)
    bare = nn.BatchNorm2d(8, affine=False).double().eval()
    bare.running_mean += 2
    assert torch.allclose(normalize(bare, x), bare(x), atol=1e-12)
    assert normalize(trained_norm(), x.half()).dtype == torch.float16


def test_what_cannot_be_folded_is_refused():
    with pytest.raises(ValueError, match="a norm that keeps none"):
        normalize(nn.BatchNorm2d(2, track_running_stats=False), torch.ones(1, 2))
    with pytest.raises(ValueError, match=r"expected \(N, 8, ...\), got \(1, 2\)"):
        normalize(trained_norm(), torch.ones(1, 2))
    with pytest.raises(ValueError, match="cannot hold every integer from 0 to 16777217"):
        fold_thresholds(lambda y: y * 0, 1, 2, 0, 2**24 + 1, torch.float32)
