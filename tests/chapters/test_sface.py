"""Tests of the chapter sface: forces against slow loops, thresholds, labels made wrong."""

import math
import re

import numpy as np
import pytest
import torch

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("sface")


def case(seed, dtype=torch.float64):
    """Cosines (N, n) in (-1, 1) and labels (N,), of random sizes."""
    rng = np.random.default_rng(seed)
    N, n = int(rng.integers(1, 9)), int(rng.integers(2, 8))
    cosine = torch.from_numpy(rng.uniform(-1, 1, (N, n))).to(dtype)
    return cosine, torch.from_numpy(rng.integers(0, n, N))


def sigmoid(x):
    """Logistic function, without overflow."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def factor(c, own, a, b, k, s):
    """Factor of one cosine, from the printed formulas."""
    theta = math.acos(c)
    return -s * sigmoid(k * (theta - a)) if own else s * sigmoid(-k * (theta - b))


SETTINGS = [(0.87, 1.2, 80.0, 64.0), (1.1, 0.9, 7.0, 16.0), (0.0, math.pi, 30.0, 1.0)]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_the_loss_is_the_printed_formula(chapter, seed, settings):
    cosine, y = case(seed)
    expected = 0.0
    for row, label in zip(cosine.tolist(), y.tolist(), strict=True):
        expected += sum(factor(c, j == label, *settings) * c for j, c in enumerate(row))
    loss = chapter.sface(cosine, y, *settings)
    assert loss.item() == pytest.approx(expected / len(cosine), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_the_gradient_is_the_factor_alone(chapter, seed, settings):
    cosine, y = case(seed)
    cosine.requires_grad_()
    chapter.sface(cosine, y, *settings).backward()
    rows = zip(cosine.tolist(), y.tolist(), strict=True)
    expected = [[factor(c, j == k, *settings) for j, c in enumerate(row)] for row, k in rows]
    np.testing.assert_allclose(cosine.grad.numpy() * len(y), expected, rtol=1e-9, atol=1e-12)
    assert not chapter.rescaled(cosine, y, *settings).requires_grad


def test_the_numbers_of_the_release(chapter):
    own = torch.tensor([0.8, 0.85, 0.87, 0.9, 1.0], dtype=torch.float64)
    other = torch.tensor([1.1, 1.15, 1.2, 1.25, 1.3], dtype=torch.float64)
    found = chapter.pull(own).tolist(), chapter.push(other).tolist()
    assert found[0] == pytest.approx([0.2357914, 10.75082, 32, 58.67695, 63.99805], rel=1e-6)
    assert found[1] == pytest.approx([63.97854, 62.84888, 32, 1.151117, 0.02146241], rel=1e-6)


def test_constants_are_those_released_for_casia(chapter):
    cosine, y = case(3)
    near = torch.tensor([[math.cos(0.86), math.cos(1.21)]], dtype=torch.float64)
    for c, label in ((cosine, y), (near, torch.tensor([0]))):
        assert chapter.sface(c, label) == chapter.sface(c, label, 0.87, 1.2, 80.0, 64.0)
    for k, changed in enumerate(
        [(0.88,), (0.87, 1.21), (0.87, 1.2, 81.0), (0.87, 1.2, 80.0, 65.0)]
    ):
        assert chapter.sface(near, torch.tensor([0]), *changed) != chapter.sface(
            near, torch.tensor([0])
        ), k


def test_beyond_the_thresholds_there_is_no_force(chapter):
    at = torch.tensor([[0.5, 1.6, 1.7], [0.37, 2.0, 3.0]], dtype=torch.float64)
    cosine = at.cos().requires_grad_()
    chapter.sface(cosine, torch.tensor([0, 0])).backward()
    assert cosine.grad.abs().max() < 1e-9


def test_cosines_beyond_one_give_no_nan(chapter):
    cosine = torch.tensor([[1.0000001, -1.0000001], [-1.0000001, 1.0000001]], requires_grad=True)
    loss = chapter.sface(cosine, torch.tensor([0, 0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(cosine.grad).all()
    expected = [[0.0, 0.0], [-32.0, 32.0]]
    np.testing.assert_allclose(cosine.grad.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_types_are_kept(chapter, dtype):
    cosine, y = case(5)
    low = cosine.to(dtype)
    loss = chapter.sface(low, y, k=5.0, s=2.0)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(chapter.sface(cosine, y, k=5.0, s=2.0).item(), abs=0.1)


@pytest.mark.parametrize(
    "changed",
    [{"a": -0.01}, {"a": 3.15}, {"a": 80}, {"b": -0.01}, {"b": 3.15}, {"k": 0}, {"s": 0}],
)
def test_settings_out_of_range_are_refused(chapter, changed):
    cosine, y = case(1)
    with pytest.raises(ValueError, match=re.escape("expected angles a and b in [0, pi]")):
        chapter.sface(cosine, y, **changed)


def test_settings_at_the_ends_are_taken(chapter):
    cosine, y = case(1)
    for a, b in ((0, 0), (math.pi, math.pi)):
        assert torch.isfinite(chapter.sface(cosine, y, a, b, 1e-3, 1e-3))


def test_bad_cosines_and_labels_are_refused(chapter):
    for cosine, y in (
        (torch.zeros(2, 3), torch.tensor([0, 3])),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0])),
        (torch.zeros(2, 1), torch.tensor([0, 0])),
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)),
        (torch.full((2, 3), float("nan")), torch.tensor([0, 1])),
    ):
        with pytest.raises(ValueError, match=r"sface: (expected|cosines)"):
            chapter.sface(cosine, y)


@pytest.mark.parametrize(("N", "n", "share"), [(100, 7, 0.3), (31, 2, 0.5), (10, 3, 1), (9, 4, 0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_share_of_the_labels_is_wrong(chapter, N, n, share, seed):
    y = torch.arange(N) % n
    before = y.clone()
    noisy = chapter.mislabel(y, n, share, seed)
    assert torch.equal(y, before)
    assert (noisy != y).sum() == round(share * N)
    assert noisy.dtype == y.dtype
    assert noisy.min() >= 0
    assert noisy.max() < n
    assert torch.equal(noisy, chapter.mislabel(y, n, share, seed))


def test_wrong_labels_are_drawn_evenly_and_anywhere(chapter):
    y = torch.arange(6000) % 5
    noisy = chapter.mislabel(y, 5, 0.5, 1)
    shift = (noisy - y) % 5
    counts = torch.bincount(shift, minlength=5).tolist()
    assert counts[0] == 3000
    assert all(abs(count - 750) < 120 for count in counts[1:])
    assert abs((noisy != y)[:3000].sum().item() - 1500) < 120
    assert not torch.equal(noisy, chapter.mislabel(y, 5, 0.5, 2))


@pytest.mark.parametrize(("n", "share"), [(5, -0.1), (5, 1.1), (1, 0.5)])
def test_shares_out_of_range_are_refused(chapter, n, share):
    with pytest.raises(ValueError, match=re.escape("mislabel: expected a share in [0, 1]")):
        chapter.mislabel(torch.zeros(4, dtype=torch.int64), n, share, 0)
