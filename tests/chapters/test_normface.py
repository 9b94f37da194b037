"""Tests of the chapter normface: its losses against slow loops, its scores against counting."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

import repro

# Vectors of length 1 or more, divided by sqrt(|x|^2 + 1e-6), are units up to 1e-6.
CLOSE = 5e-5


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("normface")


@pytest.fixture(params=[torch.float32, torch.float64], ids=str)
def dtype(request):
    return request.param


def random_case(seed, dtype):
    """Features (N, D), agents (n, D) and labels (N,) of random sizes."""
    g = torch.Generator().manual_seed(seed)
    sizes = [torch.randint(low, high, (), generator=g) for low, high in ((1, 9), (1, 7), (2, 8))]
    N, D, n = map(int, sizes)
    f, W = (torch.randn(rows, D, generator=g, dtype=dtype) for rows in (N, n))
    f, W = (
        v / v.norm(dim=1, keepdim=True) * (1 + torch.rand(len(v), 1, generator=g)) for v in (f, W)
    )
    return f.to(dtype), W.to(dtype), torch.randint(n, (N,), generator=g)


def distances(f, W):
    """Squared distances of unit vectors, one pair at a time, as nested lists."""

    def unit(v):
        length = math.sqrt(sum(a * a for a in v))
        return [a / length for a in v]

    f, W = ([unit(v) for v in vectors.tolist()] for vectors in (f, W))
    return [[sum((a - b) ** 2 for a, b in zip(u, w, strict=True)) for w in W] for u in f]


@pytest.mark.parametrize("seed", range(20))
def test_scaled_softmax_is_the_printed_formula(chapter, dtype, seed):
    f, W, y = random_case(seed, dtype)
    s = 0.5 + seed
    head = chapter.Agents(f.shape[1], len(W), scale=s).to(dtype)
    head.W.data.copy_(W)
    total = 0.0
    for i, row in enumerate((chapter.normalise(f) @ chapter.normalise(W).T).tolist()):
        total -= math.log(math.exp(s * row[y[i]]) / sum(math.exp(s * c) for c in row))
    loss = torch.nn.functional.cross_entropy(head(f), y)
    assert loss.item() == pytest.approx(total / len(f), rel=CLOSE, abs=s * CLOSE)


@pytest.mark.parametrize("margin", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(12))
def test_c_contrastive_is_the_printed_formula(chapter, dtype, seed, margin):
    f, W, y = random_case(seed, dtype)
    total = 0.0
    for i, row in enumerate(distances(f, W)):
        for j, d in enumerate(row):
            total += d if j == y[i] else max(0.0, margin - d)
    loss = chapter.c_contrastive(cosines(chapter, f, W), y, margin)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(total / len(f), abs=CLOSE)


@pytest.mark.parametrize("margin", [0.1, 0.8, 2.0])
@pytest.mark.parametrize("seed", range(12))
def test_c_triplet_is_the_printed_formula(chapter, dtype, seed, margin):
    f, W, y = random_case(seed, dtype)
    total = 0.0
    for i, row in enumerate(distances(f, W)):
        for j, d in enumerate(row):
            if j != y[i]:
                total += max(0.0, margin + row[y[i]] - d)
    loss = chapter.c_triplet(cosines(chapter, f, W), y, margin)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(total / len(f), abs=CLOSE)


@pytest.mark.parametrize("seed", range(12))
def test_triplet_averages_the_active_triplets(chapter, dtype, seed):
    f, _, _ = random_case(seed, dtype)
    y = torch.arange(len(f)) % 3
    f = chapter.normalise(f)
    active = []
    for a in range(len(f)):
        for p in range(len(f)):
            for n in range(len(f)):
                if a != p and y[a] == y[p] and y[a] != y[n]:
                    gap = (f[a] - f[p]).square().sum() - (f[a] - f[n]).square().sum()
                    active.append(max(0.0, 0.8 + gap.item()))
    active = [value for value in active if value > 0]
    expected = sum(active) / max(1, len(active))
    assert chapter.triplet(f, y).item() == pytest.approx(expected, abs=CLOSE)


def test_an_image_that_is_done_has_no_gradient(chapter):
    """On its agent, with the others opposite, both hinges are off."""
    cosine = torch.tensor([[1.0, -1.0, -1.0]], requires_grad=True)
    y = torch.tensor([0])
    for loss in (chapter.c_contrastive, chapter.c_triplet):
        (gradient,) = torch.autograd.grad(loss(cosine, y), cosine)
        assert (gradient[0, 1:] == 0).all()
    assert chapter.c_triplet(cosine, y).item() == 0


def test_normalise_and_its_gradient(chapter):
    x = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(chapter.normalise, x)
    assert torch.allclose(chapter.normalise(x).norm(dim=1), torch.ones(5).double(), atol=1e-6)
    zero = torch.zeros(1, 4, requires_grad=True)
    chapter.normalise(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-2, 1.0, 300.0, 6e4])
def test_normalise_gives_unit_vectors_in_every_type(chapter, dtype, size):
    x = size * torch.tensor([[1.0, -0.5, 0.25, 1.0]] * 2).to(dtype)
    unit = chapter.normalise(x)
    exact = x.double() / (x.double().square().sum(1, keepdim=True) + 1e-6).sqrt()
    assert unit.dtype == dtype
    assert torch.allclose(unit.double(), exact, atol=torch.finfo(dtype).eps)


def test_normalise_takes_integers(chapter):
    assert torch.allclose(chapter.normalise(torch.tensor([3, 4])), torch.tensor([0.6, 0.8]))


def test_normalise_follows_its_formula_along_the_last_axis(chapter, dtype):
    x = torch.tensor([[[3.0, 4.0], [1e-3, 0.0]], [[0.0, 0.0], [-5.0, 12.0]]], dtype=dtype)
    expected = [[[0.6, 0.8], [0.5**0.5, 0.0]], [[0.0, 0.0], [-5 / 13, 12 / 13]]]
    torch.testing.assert_close(chapter.normalise(x), torch.tensor(expected, dtype=dtype))
    torch.testing.assert_close(chapter.Unit()(x), chapter.normalise(x))
    quarter = torch.tensor([[0.1]], dtype=dtype)
    assert chapter.normalise(quarter, eps=0.03).item() == pytest.approx(0.5)


def test_agents_start_as_unit_vectors_at_scale_one(chapter):
    torch.manual_seed(0)
    head = chapter.Agents(3, 5)
    assert head.W.shape == (5, 3)
    assert torch.allclose(head.W.norm(dim=1), torch.ones(5), atol=1e-4)
    assert len(head.W.unique(dim=0)) == 5
    assert head.scale.item() == 1
    assert not head.scale.requires_grad


def test_margins_are_those_of_the_paper_by_default(chapter):
    f, W, y = random_case(5, torch.float64)
    cosine, labels = cosines(chapter, f, W), torch.arange(len(f)) % 2
    assert chapter.c_contrastive(cosine, y) == chapter.c_contrastive(cosine, y, 1.0)
    assert chapter.c_contrastive(cosine, y) != chapter.c_contrastive(cosine, y, 1.1)
    assert chapter.c_triplet(cosine, y) == chapter.c_triplet(cosine, y, 0.8)
    assert chapter.c_triplet(cosine, y) != chapter.c_triplet(cosine, y, 0.9)
    unit = chapter.normalise(f)
    assert chapter.triplet(unit, labels) == chapter.triplet(unit, labels, 0.8)
    assert chapter.triplet(unit, labels) != chapter.triplet(unit, labels, 0.9)


def test_a_single_active_triplet_counts_once(chapter):
    """Anchor 0 is nearer to its own person than to the other; anchor 1 is not."""
    angle = torch.tensor([0.0, 1.0, 1.8], dtype=torch.float64)
    f, y = torch.stack([angle.cos(), angle.sin()], 1), torch.tensor([0, 0, 1])
    own, other = 2 - 2 * math.cos(1.0), 2 - 2 * math.cos(0.8)
    assert chapter.triplet(f, y, margin=0.1).item() == pytest.approx(0.1 + own - other)
    assert chapter.triplet(f, torch.tensor([0, 1, 2])).item() == 0  # nobody twice: no triplet


def test_a_perceptron_has_the_widths_asked_for(chapter):
    torch.manual_seed(0)
    net, x = chapter.perceptron(4, 6, 5, 3).eval(), torch.randn(7, 2, 2)
    kinds = "Flatten Linear BatchNorm1d PReLU Linear BatchNorm1d PReLU Linear"
    assert [type(layer).__name__ for layer in net] == kinds.split()
    shapes = [tuple(p.shape) for p in net.parameters()]
    assert shapes == [(6, 4), (6,), (6,), (1,), (5, 6), (5,), (5,), (1,), (3, 5), (3,)]
    assert net(x).shape == (7, 3)
    assert [type(layer).__name__ for layer in chapter.perceptron(4, 3)] == ["Flatten", "Linear"]


@pytest.mark.parametrize("learn", [True, False])
def test_the_scale_learns_only_if_asked(chapter, learn):
    head = chapter.Agents(3, 4, scale=10, learn=learn)
    head(torch.randn(2, 3)).sum().backward()
    assert (head.scale.grad is not None) == learn
    assert head.W.grad.norm() > 0


@given(st.integers(0, 10_000), st.integers(2, 30))
def test_pairs_are_counted_once(seed, N):
    chapter = repro.chapter("normface")
    g = torch.Generator().manual_seed(seed)
    person = torch.randint(4, (N,), generator=g)
    f = torch.randn(N, 3, generator=g)
    true, false = chapter.pairs(f @ f.T, person)
    score = f @ f.T
    for found, same in ((true, True), (false, False)):
        expected = [
            score[i, j].item()
            for j in range(N)
            for i in range(j)
            if (person[i] == person[j]).item() == same
        ]
        assert sorted(found.tolist()) == sorted(expected)


def test_the_threshold_of_tar_is_a_false_pair_that_does_not_count(chapter):
    """True pairs at 0.7 and 0.9; false ones at 0, 0.2, 0.5 and, a tie, 0.7."""
    score = torch.tensor([[0, 0.7, 0.2, 0.5], [0, 0, 0.7, 0], [0, 0, 0, 0.9], [0, 0, 0, 0]])
    person = torch.tensor([0, 0, 1, 1])
    true, false = chapter.pairs(score, person)
    assert sorted(true.tolist()) == pytest.approx([0.7, 0.9])
    assert sorted(false.tolist()) == pytest.approx([0, 0.2, 0.5, 0.7])
    assert chapter.tar(score, person) == 0.5  # one in a hundred of four: the highest one
    assert chapter.tar(score, person, far=0.5) == 1.0  # two of four: above 0.5
    assert chapter.tar(score, person, far=0.3) == 0.5  # 1.2 of four: one


@pytest.mark.parametrize("far", [0.002, 0.01, 0.2])
def test_tar_is_a_point_of_the_roc_curve(chapter, far):
    g = torch.Generator().manual_seed(1)
    person = torch.arange(100) // 5
    f = torch.randn(20, 8, generator=g).repeat_interleave(5, 0) + torch.randn(100, 8, generator=g)
    score = f @ f.T
    true, false = chapter.pairs(score, person)
    labels = torch.cat([torch.ones(len(true)), torch.zeros(len(false))])
    rates, hits, _ = roc_curve(labels, torch.cat([true, false]), drop_intermediate=False)
    strict = hits[rates < round(far * len(false)) / len(false) - 1e-12].max()
    assert chapter.tar(score, person, far) == pytest.approx(strict)
    assert chapter.tar(score, person) == chapter.tar(score, person, 0.01)
    assert chapter.tar(score, person) < chapter.tar(score, person, 0.02)


def cosines(chapter, f, W):
    return chapter.normalise(f) @ chapter.normalise(W).T
