"""Subjects of the chapter on pain: the real table, and what is drawn from it."""

import numpy as np
import torch
from torch.nn import functional as F

from repro.pretrained.efficientnet_lite0 import efficientnet_lite0, normalize
from repro.vision.pain_subjects import (
    COUNTS,
    archive,
    course,
    proportions,
    real_features,
    standard,
)


def test_the_label_table_is_the_archives():
    assert COUNTS.shape == (25, 6) and COUNTS.sum() == 48391
    assert COUNTS.sum(0).tolist() == [40022, 2909, 2351, 1412, 1044, 653]
    assert COUNTS[0].tolist() == [1895, 84, 56, 29, 59, 11]
    assert COUNTS[14].tolist() == [2819, 0, 0, 0, 0, 0]
    assert COUNTS[24].tolist() == [699, 413, 327, 106, 104, 46]


def test_proportions_keep_every_level_that_is_present():
    for counts in COUNTS:
        n = proportions(counts, 120)
        assert n.sum() == 120 and ((n > 0) == (counts > 0)).all()
        share = counts / counts.sum() * 120
        assert (abs(n - share)[1:] <= np.where(share[1:] < 0.5, 1, 0.5)).all()
    assert proportions(np.array([90, 1, 9, 0, 0, 0]), 10).tolist() == [8, 1, 1, 0, 0, 0]


def test_pain_rises_and_falls_along_the_course():
    n = np.array([12, 6, 6, 6, 0, 0])
    y = course(n)
    assert np.bincount(y, minlength=6).tolist() == n.tolist()
    assert not y[:3].any() and not y[-3:].any()
    turns = np.diff(np.flatnonzero(np.diff(np.r_[0, y > 0, 0])))
    assert turns.tolist() == [6, 3, 6, 3, 6]
    assert y[3:9].tolist() == [1, 2, 3, 3, 2, 1]
    assert course(np.array([5, 0, 0, 0, 0, 0])).tolist() == [0] * 5


def test_the_archive_is_a_function_of_its_seed():
    x, y, who = archive(3, frames=12)
    assert x.shape == (300, 1, 32, 32) and x.dtype == torch.float32
    assert -1 <= x.min() < -0.5 and 0.5 < x.max() < 1
    assert who.tolist() == np.repeat(np.arange(25), 12).tolist()
    expected = [course(proportions(n, 12)) for n in COUNTS]
    assert y.tolist() == np.concatenate(expected).tolist() and y.dtype == torch.int64
    again, other = archive(3, frames=12)[0], archive(4, frames=12)[0]
    assert torch.equal(x, again) and not torch.equal(x, other)
    grey = 128 * x + 128
    assert (grey - grey.round()).abs().max() < 1e-3


def test_pain_shows_in_the_pictures():
    """Mean pictures of levels 0 and 5 of one subject differ more than those of two halves."""
    x, y, who = archive(0)
    mine = [x[(who == 11) & (y == k)].mean(0) for k in (0, 5)]
    calm = x[(who == 11) & (y == 0)]
    halves = calm[::2].mean(0) - calm[1::2].mean(0)
    assert (mine[0] - mine[1]).square().mean() > 1.5 * halves.square().mean()


def test_the_pictures_are_those_of_the_stored_runs():
    """Sums of grey levels of whole pictures, which every constant of the recipe changes."""
    x, _, _ = archive(3, frames=12)
    grey = (128 * x + 128).round().long()
    assert [grey[k].sum().item() for k in (0, 7, 133, 299)] == [*(110124, 111549, 125630, 118076)]


def test_real_features_are_those_of_the_network():
    torch.manual_seed(0)
    x = 2 * torch.rand(3, 1, 32, 32) - 1
    found = real_features(x)
    net = efficientnet_lite0()
    big = F.interpolate((x + 1) / 2, size=(64, 64), mode="bilinear", align_corners=False)
    with torch.no_grad():
        h = net.stem(normalize(torch.cat([big] * 3, 1).clamp(0, 1)))
        for block in net.blocks[:5]:
            h = block(h)
    assert h.shape == (3, 40, 8, 8)
    expected = h.view(3, 40, 4, 2, 4, 2).mean((3, 5)).flatten(1)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    many = real_features(x.repeat(40, 1, 1, 1))
    assert many.shape == (120, 640)
    torch.testing.assert_close(many[117:], found, rtol=1e-3, atol=1e-3)


def test_standard_uses_the_rows_of_training_alone():
    torch.manual_seed(0)
    x, train = 3 + 2 * torch.randn(50, 4), torch.arange(50) < 30
    got = standard(x, train)
    torch.testing.assert_close(got[train].mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(got[train].std(0), torch.ones(4), atol=2e-3, rtol=0)
    flat = torch.ones(5, 2)
    assert not standard(flat, torch.arange(5) < 3).any()
