"""Tests of the chapter normface: its losses against slow loops over the printed formulas."""

import math
import re

import pytest
import torch

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
    head = chapter.Agents(f.shape[1], len(W), s).to(dtype)
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


def test_a_perceptron_has_the_widths_asked_for(chapter):
    torch.manual_seed(0)
    net, x = chapter.perceptron(4, 6, 5, 3).eval(), torch.randn(7, 2, 2)
    kinds = "Flatten Linear BatchNorm1d PReLU Linear BatchNorm1d PReLU Linear"
    assert [type(layer).__name__ for layer in net] == kinds.split()
    shapes = [tuple(p.shape) for p in net.parameters()]
    assert shapes == [(6, 4), (6,), (6,), (1,), (5, 6), (5,), (5,), (1,), (3, 5), (3,)]
    assert net(x).shape == (7, 3)
    assert [type(layer).__name__ for layer in chapter.perceptron(4, 3)] == ["Flatten", "Linear"]


def cosines(chapter, f, W):
    return chapter.normalise(f) @ chapter.normalise(W).T


@pytest.mark.parametrize("seed", range(8))
def test_the_hardest_negative_is_the_largest_hinge(chapter, dtype, seed):
    f, W, y = random_case(seed, dtype)
    total = 0.0
    for i, row in enumerate(distances(f, W)):
        total += max(max(0.0, 0.8 + row[y[i]] - d) for j, d in enumerate(row) if j != y[i])
    loss = chapter.c_triplet(cosines(chapter, f, W), y, hardest=True)
    assert loss.item() == pytest.approx(total / len(f), abs=CLOSE)


def test_normalise_follows_its_formula(chapter, dtype):
    x = torch.tensor([[3.0, 4.0], [1e-3, 0.0], [0.0, 0.0], [-5.0, 12.0]], dtype=dtype)
    expected = [[0.6, 0.8], [0.5**0.5, 0.0], [0.0, 0.0], [-5 / 13, 12 / 13]]
    torch.testing.assert_close(chapter.normalise(x), torch.tensor(expected, dtype=dtype))
    assert chapter.normalise(torch.tensor([[0.1]], dtype=dtype), eps=0.03).item() == (
        pytest.approx(0.5)
    )


def test_agents_start_as_unit_vectors_at_scale_one(chapter):
    torch.manual_seed(0)
    head = chapter.Agents(3, 5)
    assert head.W.shape == (5, 3)
    assert torch.allclose(head.W.norm(dim=1), torch.ones(5), atol=1e-4)
    assert len(head.W.unique(dim=0)) == 5
    assert head.s.item() == 1
    assert not head.s.requires_grad
    assert head.normed == ("features", "agents")
    assert chapter.Agents(1, 2, 0.01).W.shape == (2, 1)  # the smallest there is


@pytest.mark.parametrize(
    ("normed", "features", "agents"),
    [((), False, False), (["features"], True, False), (["agents"], False, True)],
)
def test_either_side_can_stay_as_it_is(chapter, normed, features, agents):
    f, W, _ = random_case(3, torch.float64)
    head = chapter.Agents(f.shape[1], len(W), 3.0, normed=normed).double()
    head.W.data.copy_(W)
    left = chapter.normalise(f) if features else f
    right = chapter.normalise(W) if agents else W
    torch.testing.assert_close(head(f), 3.0 * left @ right.T)


@pytest.mark.parametrize("learn", [True, False])
def test_the_scale_learns_only_if_asked(chapter, learn):
    head = chapter.Agents(3, 4, 10, learn=learn)
    head(torch.randn(2, 3)).sum().backward()
    assert (head.s.grad is not None) == learn
    assert head.W.grad.norm() > 0


def test_the_scale_stays_at_a_hundredth(chapter):
    f, head = torch.randn(4, 3), chapter.Agents(3, 5, 2.0)
    at_two = head(f)
    head.s.data.fill_(-3.0)
    torch.testing.assert_close(head(f), at_two / 200)


def test_margins_are_those_of_the_paper_by_default(chapter):
    f, W, y = random_case(5, torch.float64)
    cosine = cosines(chapter, f, W)
    assert chapter.c_contrastive(cosine, y) == chapter.c_contrastive(cosine, y, 1.0)
    assert chapter.c_contrastive(cosine, y) != chapter.c_contrastive(cosine, y, 1.1)
    assert chapter.c_triplet(cosine, y) == chapter.c_triplet(cosine, y, 0.8)
    assert chapter.c_triplet(cosine, y) != chapter.c_triplet(cosine, y, 0.9)
    assert chapter.c_triplet(cosine, y) != chapter.c_triplet(cosine, y, hardest=True)


def test_the_floor_and_its_inverse(chapter):
    """Values from the sums themselves: features on the corners of a simplex."""
    for n, s in ((2, 1.0), (3, 4.0), (10, 1.0), (10, 16.0)):
        loss = math.log(1 + (n - 1) * math.exp(s * (-1 / (n - 1) - 1)))
        assert chapter.floor(n, s) == pytest.approx(loss, rel=1e-12)
        assert chapter.smallest_scale(n, loss) == pytest.approx(s, rel=1e-9)
    assert chapter.floor(10575, 1) == pytest.approx(8.26631593, abs=1e-8)
    assert chapter.smallest_scale(10575, 1e-3) == pytest.approx(16.1719, abs=1e-4)


def test_agents_survive_saving_and_other_types(chapter, tmp_path):
    head = chapter.Agents(3, 4, 10, learn=True)
    torch.save(head, tmp_path / "head.pt")
    again = torch.load(tmp_path / "head.pt", weights_only=False)
    f = torch.randn(5, 3)
    torch.testing.assert_close(again(f), head(f))
    narrow = head.to(torch.bfloat16)(f.to(torch.bfloat16))
    assert narrow.dtype == torch.bfloat16
    torch.testing.assert_close(narrow.float(), again(f), atol=0.2, rtol=0.05)


NAN, INF = torch.full((2, 3), float("nan")), torch.full((2, 3), float("inf"))


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (torch.zeros(3), "(3,)"),
        (torch.zeros(0, 3), "(0, 3)"),
        (torch.zeros(3, 0), "(3, 0)"),
        (torch.zeros(2, 3, 4), "(2, 3, 4)"),
        (torch.zeros(2, 3, dtype=torch.int64), "torch.int64"),
        ([[1.0, 2.0]], "got list"),
        (NAN, "NaN or infinity"),
        (INF, "NaN or infinity"),
    ],
    ids=str,
)
def test_bad_vectors_are_refused(chapter, x, said):
    for use in (chapter.normalise, chapter.Agents(3, 4)):
        with pytest.raises(ValueError, match=re.escape(said)):
            use(x)


def test_one_row_and_one_feature_are_enough(chapter):
    assert chapter.normalise(torch.tensor([[2.0]])).item() == pytest.approx(1)


@pytest.mark.parametrize(("D", "n", "s"), [(0, 3, 1), (3, 1, 1), (3, 4, 0.005), (3, 4, -1)])
def test_bad_sizes_are_refused(chapter, D, n, s):
    with pytest.raises(ValueError, match=re.escape("expected D >= 1, n >= 2, s >= 0.01")):
        chapter.Agents(D, n, s)


def test_features_of_another_width_are_refused(chapter):
    with pytest.raises(ValueError, match=re.escape("expected D = 3, got (2, 4)")):
        chapter.Agents(3, 5)(torch.zeros(2, 4))


@pytest.mark.parametrize("name", ["c_contrastive", "c_triplet"])
@pytest.mark.parametrize(
    ("cosine", "y"),
    [
        (torch.zeros(2, 3), torch.tensor([0, 3])),
        (torch.zeros(2, 3), torch.tensor([-1, 0])),
        (torch.zeros(2, 3), torch.tensor([0, 1, 2])),
        (torch.zeros(2, 3), torch.tensor([[0, 1]])),
        (torch.zeros(2, 3), torch.tensor([0.0, 1.0])),
        (torch.zeros(2, 1), torch.tensor([0, 0])),
        (NAN, torch.tensor([0, 1])),
        (torch.zeros(3), torch.tensor([0, 1, 2])),
    ],
)
def test_bad_cosines_and_labels_are_refused(chapter, name, cosine, y):
    with pytest.raises(ValueError, match=f"{name}: "):
        getattr(chapter, name)(cosine, y)


@pytest.mark.parametrize("name", ["c_contrastive", "c_triplet"])
def test_labels_at_both_ends_and_two_classes_are_taken(chapter, name):
    loss = getattr(chapter, name)(torch.eye(2), torch.tensor([0, 1]))
    assert loss.item() == 0  # own distance 0, the other 2


def test_errors_name_what_was_wrong(chapter):
    with pytest.raises(ValueError, match="normalise: expected vectors"):
        chapter.normalise(torch.zeros(3))
    with pytest.raises(ValueError, match="Agents: expected features"):
        chapter.Agents(3, 4)(torch.zeros(3))
    with pytest.raises(ValueError, match="c_triplet: expected cosines"):
        chapter.c_triplet(torch.zeros(3), torch.tensor([0]))
