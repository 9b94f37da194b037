"""Tests of the chapter intraloss: the term against slow loops, its field, shapes of classes."""

import math

import numpy as np
import pytest
import torch
from repro.methods.am_softmax import additive, angular, margin_softmax
from torch.nn import functional as F

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("intraloss")


def case(seed, dtype=torch.float64):
    """Cosines (N, n) in (-1, 1) and labels (N,), of random sizes."""
    rng = np.random.default_rng(seed)
    N, n = int(rng.integers(1, 9)), int(rng.integers(2, 8))
    cosine = torch.from_numpy(rng.uniform(-1, 1, (N, n))).to(dtype)
    return cosine, torch.from_numpy(rng.integers(0, n, N))


def cloud(seed, N=20, D=4, n=5):
    """Unit images (N, D), unit weights (n, D) and labels (N,)."""
    rng = np.random.default_rng(seed)
    v, W = (F.normalize(torch.from_numpy(rng.normal(size=(k, D))), dim=1) for k in (N, n))
    return v, W, torch.from_numpy(rng.integers(0, n, N))


WHERE = {"satisfied": lambda P: P, "everywhere": lambda P: 1.0}


def slow(cosine, y, m, strength, s, weight):
    """Mean loss, one image at a time."""
    total = 0.0
    for row, label, scale in zip(cosine.tolist(), y.tolist(), s, strict=True):
        own = math.exp(scale * (row[label] - m))
        P = own / (own + sum(math.exp(scale * c) for j, c in enumerate(row) if j != label))
        total += -math.log(P) + strength * scale * weight(P) * (1 - row[label])
    return total / len(cosine)


@pytest.mark.parametrize("name", WHERE)
@pytest.mark.parametrize(
    ("s", "m", "strength"), [(1.0, 0.0, 0.5), (7.0, 0.2, 2.0), (30, 0.35, 0.1)]
)
@pytest.mark.parametrize("seed", range(6))
def test_the_loss_image_by_image(chapter, name, s, m, strength, seed):
    cosine, y = case(seed)
    found = chapter.enhanced(cosine, y, additive(m), strength, s, getattr(chapter, name))
    expected = slow(cosine, y, m, strength, [s] * len(y), WHERE[name])
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_scale_may_be_the_length_of_each_feature(chapter, seed):
    cosine, y = case(seed)
    lengths = torch.rand(len(y), 1, dtype=torch.float64) * 9 + 0.1
    found = chapter.enhanced(cosine, y, additive(0.3), 0.7, lengths)
    expected = slow(cosine, y, 0.3, 0.7, lengths[:, 0].tolist(), WHERE["satisfied"])
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_targeted_at_a_scale_of_30_by_default(chapter):
    cosine, y = case(3)
    found = chapter.enhanced(cosine, y, additive(), 0.3)
    assert found == chapter.enhanced(cosine, y, additive(), 0.3, 30.0, chapter.satisfied)
    assert found != chapter.enhanced(cosine, y, additive(), 0.3, 30.5)
    assert found != chapter.enhanced(cosine, y, additive(), 0.3, where=chapter.everywhere)


@pytest.mark.parametrize("psi", [additive(0), additive(), angular()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_without_strength_it_is_the_base_loss_bit_for_bit(chapter, psi, dtype):
    for seed in range(5):
        cosine, y = case(seed, dtype)
        cosine.requires_grad_()
        pair = chapter.enhanced(cosine, y, psi, 0), margin_softmax(cosine, y, psi)
        grads = [torch.autograd.grad(loss, cosine)[0] for loss in pair]
        assert pair[0].dtype == dtype
        assert torch.equal(*pair)
        assert torch.equal(*grads)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strength", [0.3, 2.0])
def test_the_gradient_holds_the_probability_constant(chapter, seed, strength):
    cosine, y = case(seed)
    cosine.requires_grad_()
    (g,) = torch.autograd.grad(chapter.enhanced(cosine, y, additive(0.2), strength, 5.0), cosine)
    own = F.one_hot(y, cosine.shape[1]).bool()
    P = (5 * (cosine.detach() - torch.where(own, 0.2, 0.0).double())).softmax(1)
    expected = 5 * torch.where(own, -(1 - P) - strength * P, P) / len(y)
    torch.testing.assert_close(g, expected)


@pytest.mark.parametrize("name", WHERE)
def test_weights_of_the_pull(chapter, name):
    P = torch.tensor([[0.0], [0.25], [1.0]])
    found = getattr(chapter, name)(P)
    assert found.shape == P.shape
    assert found[:, 0].tolist() == [WHERE[name](p) for p in P[:, 0].tolist()]


@pytest.mark.parametrize("strength", [-0.1, math.nan])
def test_other_strengths_are_refused(chapter, strength):
    with pytest.raises(ValueError, match="expected a strength of 0 or more"):
        chapter.enhanced(*case(0), additive(), strength)


def test_labels_that_do_not_fit_are_refused(chapter):
    with pytest.raises(ValueError, match="margin_softmax: expected"):
        chapter.enhanced(torch.zeros(2, 3), torch.tensor([0, 3]), additive(), 0.3)


def arc_loss(phi, beta, s, m):
    return np.log1p(np.exp(s * (np.cos(beta - phi) - np.cos(phi) + m)))


@pytest.mark.parametrize("beta", np.radians([30, 60, 120, 180]))
@pytest.mark.parametrize(("s", "m"), [(3.0, 0.0), (16.0, 0.35)])
def test_the_slope_on_the_arc_against_differences(chapter, beta, s, m):
    phi = np.linspace(-1.2, 1.2, 13)
    steps = (arc_loss(phi + 1e-5, beta, s, m) - arc_loss(phi - 1e-5, beta, s, m)) / 2e-5
    np.testing.assert_allclose(chapter.arc_slope(phi, beta, s, m), steps, rtol=1e-5, atol=1e-8)


def test_slopes_of_the_example_by_default(chapter):
    found = chapter.arc_slope(np.radians([30, 15, 0, -15, -30]), np.radians(60))
    expected = [15.9411, 12.5395, 1.15247, 0.0372171, 0.00207618]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_the_pull_against_automatic_differentiation(chapter, seed, strength):
    v, W, y = cloud(seed)
    v.requires_grad_()
    for s, m in ((16.0, 0.35), (5.0, 0.0)):
        L = chapter.enhanced(v @ W.T, y, additive(m), strength, s)
        (g,) = torch.autograd.grad(len(y) * L, v)
        cosine = (v * W[y]).sum(1, keepdim=True)
        t = F.normalize(W[y] - cosine * v, dim=1)
        found = chapter.inward(v, W, y, strength, s, m)
        torch.testing.assert_close(found, -(g * t).sum(1), rtol=1e-9, atol=1e-9)


def test_the_pull_of_two_classes_is_the_slope_on_the_arc(chapter):
    phi, beta = np.radians([-40, -10, 5, 40]), np.radians(70)
    v = torch.from_numpy(np.stack([np.cos(phi), np.sin(phi)], axis=1))
    W = torch.tensor([[1.0, 0.0], [np.cos(beta), np.sin(beta)]], dtype=torch.float64)
    found = chapter.inward(v, W, torch.zeros(4, dtype=torch.int64))
    np.testing.assert_allclose(found.numpy(), np.sign(phi) * chapter.arc_slope(phi, beta))


@pytest.mark.parametrize("D", [3, 4, 7])
@pytest.mark.parametrize("seed", range(3))
def test_the_tangent_plane(chapter, D, seed):
    v, W, _ = cloud(seed, D=D)
    at, ahead = W[0], W[1]
    c = chapter.tangent(v, at, ahead)
    assert c.shape == (len(v), D - 1)
    flat = v - (v @ at)[:, None] * at
    torch.testing.assert_close(c @ c.T, flat @ flat.T)  # lengths and angles are kept
    first = ahead - (ahead @ at) * at
    torch.testing.assert_close(c[:, 0], v @ first / first.norm())
    towards = chapter.tangent(ahead[None], at, ahead)[0]
    assert towards[0] == pytest.approx(first.norm().item())
    torch.testing.assert_close(towards[1:], torch.zeros(D - 2).double())
    torch.testing.assert_close(chapter.tangent(at[None], at, ahead), torch.zeros(1, D - 1).double())


@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_anisotropy_of_a_turned_ellipsoid(chapter, K, dtype):
    rng = np.random.default_rng(K)
    c = rng.normal(size=(50, K))
    c = np.linalg.qr(c - c.mean(0))[0]  # round exactly
    turn = np.linalg.qr(rng.normal(size=(K, K)))[0]
    spread = np.linspace(1, 3.5, K)
    found = chapter.anisotropy(torch.from_numpy((c * spread) @ turn + 4.0).to(dtype))
    assert found.item() == pytest.approx(3.5, rel=1e-4)
    assert found.dtype == dtype


def test_a_flat_class_is_infinitely_anisotropic(chapter):
    c = torch.stack([torch.arange(5.0), torch.zeros(5)], dim=1)
    assert chapter.anisotropy(c) == math.inf
    assert chapter.anisotropy(torch.eye(3)[:, :2]) < math.inf  # as few as can be


@pytest.mark.parametrize("shape", [(2, 2), (5, 1), (4,), (0, 2)])
def test_too_few_images_or_dimensions_are_refused(chapter, shape):
    with pytest.raises(ValueError, match="expected \\(N, K\\) with N > K > 1"):
        chapter.anisotropy(torch.zeros(shape))


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_other(chapter, seed):
    _, W, _ = cloud(seed, n=6)
    cosine = (W @ W.T).numpy()
    expected = [max((j for j in range(6) if j != i), key=lambda j: cosine[i, j]) for i in range(6)]
    assert chapter.nearest(W).tolist() == expected


def angle(a, b):
    return math.degrees(math.acos(float(a @ b)))


@pytest.mark.parametrize("D", [3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_shapes_class_by_class(chapter, D, seed):
    rng = np.random.default_rng(seed)
    W = np.linalg.qr(rng.normal(size=(D, D)))[0][:3]
    W[1] += 0.5 * W[0]
    W[2] += 0.3 * W[1]
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    y = np.array([0, 1, 2, 2, 1, 0] * 5)
    v = W[y] + rng.normal(size=(30, D)) * 0.1 * np.linspace(0.5, 2, D)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    found = chapter.shapes(*map(torch.from_numpy, (v, y, W)))
    means = [v[y == k].mean(0) / np.linalg.norm(v[y == k].mean(0)) for k in range(3)]
    inner = [np.mean([angle(row, means[k]) for row in v[y == k]]) for k in range(3)]
    for k in range(3):
        near, other = min((angle(means[k], means[j]), j) for j in range(3) if j != k)
        rival = min((angle(W[k], W[j]), j) for j in range(3) if j != k)[1]
        flat = v[y == k] - np.outer(v[y == k] @ means[k], means[k])
        variances = np.sort(np.linalg.eigvalsh(np.cov(flat.T)))[1:]  # without the radial one
        t = (W[k] @ W[rival]) * W[k] - W[rival]
        away = np.mean(v[y == k] @ t / np.linalg.norm(t))
        expected = [inner[k], math.sqrt(variances[-1] / variances[0]), away, near]
        expected.append(near - inner[k] - inner[other])
        assert [float(part[k]) for part in found] == pytest.approx(expected, rel=1e-6)


def test_an_image_on_the_other_side_counts_with_its_full_angle(chapter):
    v, W = torch.eye(3).double()[[0, 0, 0, 0, 1, 1, 1]], torch.eye(3).double()[:2]
    v = F.normalize(v + 0.1 * cloud(1, N=7, D=3)[0], dim=1)
    v[0] = -v[0]
    y = torch.tensor([0, 0, 0, 0, 1, 1, 1])
    mean = F.normalize(v[:4].mean(0), dim=0)
    angles = [angle(row, mean) for row in v[:4]]
    assert max(angles) > 90
    assert chapter.shapes(v, y, W).angle[0].item() == pytest.approx(np.mean(angles))


def test_classes_on_one_point_each(chapter):
    W = torch.eye(3).double()
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    found = chapter.shapes(W[y], y, W)
    assert found.angle.tolist() == [0, 0, 0]
    assert found.near.tolist() == pytest.approx([90, 90, 90])
    assert found.margin.tolist() == pytest.approx([90, 90, 90])
    assert found.away.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("counts", "n"), [([3, 2], 2), ([3, 0, 3], 3), ([9], 1), ([3, 3], 3), ([3, 3, 3], 2)]
)
def test_classes_without_a_shape_are_refused(chapter, counts, n):
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    v, W, _ = cloud(0, N=len(y), D=3, n=n)
    with pytest.raises(ValueError, match="shapes: expected two classes or more, each with D = 3"):
        chapter.shapes(v, y, W)
