"""Tests of windows, relative positions and receptive fields."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.vision.attention import merged, receptive_fields, relative_positions, windows


@pytest.mark.parametrize(("N", "H", "W", "w"), [(1, 2, 2, 2), (2, 6, 9, 3), (3, 4, 2, 1)])
def test_windows_are_those_of_slices(N, H, W, w):
    x = torch.arange(N * H * W * 5).reshape(N, H, W, 5)
    slices = [
        x[n, r : r + w, c : c + w].reshape(w * w, 5)
        for n in range(N)
        for r in range(0, H, w)
        for c in range(0, W, w)
    ]
    assert torch.equal(windows(x, w), torch.stack(slices))
    assert torch.equal(merged(windows(x, w), H, W), x)


@pytest.mark.parametrize("shape", [(1, 4, 5, 2), (1, 5, 4, 2), (4, 4, 2)])
def test_maps_that_windows_do_not_fill_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 2"):
        windows(torch.zeros(shape), 2)


@pytest.mark.parametrize("shape", [(4, 3, 2), (3, 4, 2), (4, 4, 2, 2), (4, 9, 2)])
def test_windows_that_fill_no_map_are_refused(shape):
    with pytest.raises(ValueError, match="fill maps of 4 x 4"):
        merged(torch.zeros(shape), 4, 4)


@pytest.mark.parametrize("w", [1, 2, 3, 7])
def test_relative_positions_are_those_of_a_loop(w):
    index = relative_positions(w)
    assert index.dtype == torch.int64
    for i in range(w * w):
        for j in range(w * w):
            down, right = i // w - j // w, i % w - j % w
            assert index[i, j] == (down + w - 1) * (2 * w - 1) + right + w - 1


def test_the_field_of_a_kernel_is_its_neighbourhood():
    torch.manual_seed(0)
    kernel = nn.Conv2d(2, 3, (3, 1), padding=(1, 0)).double()
    found = receptive_fields(
        lambda x: kernel(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1),
        torch.randn(4, 3, 2, dtype=torch.float64),
    )
    assert found.shape == (4, 3, 4, 3)
    for r in range(4):
        for c in range(3):
            seen = {(int(i), int(j)) for i, j in found[r, c].nonzero()}
            assert seen == {(i, c) for i in (r - 1, r, r + 1) if 0 <= i < 4}


def test_a_pooled_map_is_seen_from_everywhere_and_a_single_channel_counts():
    x = torch.randn(3, 2, 4, dtype=torch.float64)
    assert receptive_fields(lambda m: m * 0 + m.mean((1, 2), keepdim=True), x).all()
    one = receptive_fields(lambda m: F.pad(m[..., 1:2], (3, 0)), x)
    assert torch.equal(one.flatten(2).flatten(0, 1), torch.eye(6, dtype=torch.bool))


@pytest.mark.parametrize("x", [torch.zeros(1, 2, 2, 1), torch.zeros(2, 2, 1, dtype=torch.int64)])
def test_only_one_floating_point_map_has_fields(x):
    with pytest.raises(ValueError, match="expected one floating point map"):
        receptive_fields(lambda m: m, x)
