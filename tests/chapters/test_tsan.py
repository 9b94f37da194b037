"""Tests of the chapter tsan: its method against an independent way of computing."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import nn

import repro
from repro.training import fit


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("tsan")


def ages(seed, n, *, whole=False):
    numbers = np.random.default_rng(seed).uniform(20, 90, n)
    return torch.tensor(np.rint(numbers) if whole else numbers)


def randomized(net, seed=0):
    """The net in float64 and eval mode, with random weights and batch statistics."""
    rng = torch.Generator().manual_seed(seed)
    for name, value in net.double().state_dict().items():
        if value.is_floating_point():
            new = torch.randn(value.shape, generator=rng, dtype=value.dtype)
            value.copy_(0.5 + new.abs() if "running_var" in name else new)
    return net.eval()


# Asymmetric convolution


def test_branches_by_hand(chapter):
    """Each branch by the printed formula: kernel, then batch normalization, all added."""
    ac = randomized(chapter.AsymmetricConv(2, 3, 2))
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    kernels = [branch[0].weight for branch in ac.branches]
    assert [tuple(w.shape) for w in kernels] == [(3, 2, 3, 3), (3, 2, 3, 1), (3, 2, 1, 3)]
    expected = torch.zeros(1, 3, 4, 5, dtype=torch.float64)
    for w, (_, norm) in zip(kernels, ac.branches, strict=True):
        up, across = w.shape[2] // 2, w.shape[3] // 2
        padded = nn.functional.pad(x, (across, across, up, up))
        for k in range(3):
            for i in range(4):
                for j in range(5):
                    window = padded[0, :, i : i + w.shape[2], j : j + w.shape[3]]
                    mean, var = norm.running_mean[k], norm.running_var[k]
                    value = ((window * w[k]).sum() - mean) / (var + 1e-5).sqrt()
                    expected[0, k, i, j] += norm.weight[k] * value + norm.bias[k]
    assert torch.allclose(ac(x), expected, atol=1e-12)
    assert all(branch[0].bias is None for branch in ac.branches)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize(("c", "k"), [(1, 1), (3, 2), (2, 5)])
def test_the_fold_is_the_layer(chapter, dim, c, k):
    ac = randomized(chapter.AsymmetricConv(c, k, dim), seed=dim)
    assert len(ac.branches) == dim + 1
    x = torch.randn(2, c, *(4, 3, 5)[:dim], dtype=torch.float64)
    one = chapter.folded(ac)
    assert one.weight.shape == (k, c, *[3] * dim) and one.weight.dtype == torch.float64
    assert torch.allclose(one(x), ac(x), atol=1e-11)
    assert not one.weight.grad_fn


# ScaleDense


@pytest.mark.parametrize("dim", [2, 3])
def test_a_dense_layer_by_hand(chapter, dim):
    layer = randomized(chapter.DenseLayer(3, dim, 3), seed=4)
    x = torch.randn(2, 3, *[6] * dim, dtype=torch.float64)
    pool = getattr(nn.functional, f"max_pool{dim}d")
    first, norm1, _, second, norm2, _ = layer.new
    new = nn.functional.elu(norm2(second(nn.functional.elu(norm1(first(x))))))
    down, _, up, _ = layer.excite
    mean = new.reshape(2, 6, -1).mean(-1)
    factor = torch.sigmoid(up(torch.relu(down(mean))))
    assert down.weight.shape == (2, 6) and up.weight.shape == (6, 2)
    new = new * factor.reshape(2, 6, *[1] * dim)
    got = layer(x)
    assert got.shape == (2, 9, *[3] * dim)
    assert torch.equal(got[:, :3], pool(x, 2))
    assert torch.allclose(got[:, 3:], pool(new, 2), atol=1e-12)


def test_too_few_channels_for_the_reduction(chapter):
    chapter.DenseLayer(8)
    with pytest.raises(ValueError, match="14 new channels allow no reduction by 16"):
        chapter.DenseLayer(7)


def test_the_released_sizes(chapter):
    with torch.device("meta"):
        net = chapter.ScaleDense()
        at = net.stem(torch.empty(1, 1, 91, 109, 91))
    assert at.shape == (1, 8, 81, 99, 81)
    shapes = []
    for layer in net.layers:
        channels = layer.new[0].branches[0][0].in_channels
        shapes.append((channels, layer.excite[0].out_features))
    assert shapes == [(8, 1), (24, 3), (72, 9), (216, 27), (648, 81)]
    assert net.width == 8 * 3**5
    count = sum(p.numel() for p in net.layers[1].parameters())
    assert count == 125_715


def test_scale_dense_averages_over_space(chapter):
    net = randomized(chapter.ScaleDense(2, 2, 2, 1, 4, (3, 1, 1, 1)))
    x = torch.randn(3, 1, 8, 12, dtype=torch.float64)
    out = net.layers(nn.functional.elu(net.stem(x)))
    assert out.shape == (3, 18, 2, 3) and net(x).shape == (3, 18)
    assert torch.allclose(net(x), out.mean((2, 3)))
    assert net.stem.stride == (1, 1) and net.stem.padding == (1, 1)


# Heads


def small(chapter, rough, unit=(0.0, 1.0)):
    torch.manual_seed(3)
    return chapter.BrainAge(nn.Linear(5, 7), 7, rough, unit).double()


def head_by_hand(net, x, sex, rough=None):
    one_hot = torch.stack([1 - sex, sex], 1).double()
    parts = [nn.functional.elu(net.image(net.trunk(x))), net.sex(one_hot)]
    if rough is not None:
        parts.append(net.rough(rough[:, None]))
    return net.head(torch.cat(parts, 1))[:, 0]


def test_stage_one_answers_with_an_age_above_zero(chapter):
    net, x, sex = small(chapter, False), torch.randn(6, 5).double(), torch.tensor([0, 1] * 3)
    raw = head_by_hand(net, x, sex)
    assert torch.allclose(net(x, sex), raw.clamp(min=0))
    assert (raw < 0).any() and (raw > 0).any()
    net.unit = (55.0, 20.0)
    assert torch.allclose(net(x, sex), 55 + 20 * raw)


def test_stage_two_adds_its_residual(chapter):
    net, x, sex = small(chapter, True), torch.randn(6, 5).double(), torch.tensor([0, 1] * 3)
    seen = torch.tensor([20.0, 25, 40, 40, 65, 90]).double()
    raw = head_by_hand(net, x, sex, seen)
    assert torch.allclose(net(x, sex, seen), seen + raw)
    net.unit = (1.0, 5.0)
    assert torch.allclose(net(x, sex, seen), seen + 1 + 5 * raw)
    widths = [layer.in_features for layer in (net.head[0], net.rough[0], net.sex[0], net.image)]
    assert widths == [56, 1, 2, 7]


def test_initial_weights(chapter):
    torch.manual_seed(0)
    net = chapter.initialised(
        nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Linear(300, 100))
    )
    conv, norm, _, linear = net
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.03)
    assert linear.weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.03)
    assert not conv.bias.any() and not linear.bias.any() and not norm.bias.any()
    assert (norm.weight == 1).all()
    chapter.initialised(nn.Conv2d(1, 1, 3, bias=False))


# Rounding


@pytest.mark.parametrize(
    ("y", "delta", "expected"),
    [(22.4, 5, 20), (22.5, 5, 25), (27.49, 5, 25), (77.5, 5, 80), (54.5, 1, 55), (44.9, 10, 40)],
)
def test_rounding(chapter, y, delta, expected):
    assert chapter.discretize(torch.tensor([y]), delta).tolist() == [expected]


def test_rounding_refuses_nonsense(chapter):
    with pytest.raises(ValueError, match="delta > 0 years, got 0"):
        chapter.discretize(torch.tensor([30.0]), 0)
    with pytest.raises(ValueError, match="got NaN or infinity"):
        chapter.discretize(torch.tensor([math.nan]), 5)


# Losses


@pytest.mark.parametrize("n", [1, 2, 9])
def test_differences_by_loops(chapter, n):
    p, y = ages(0, n), ages(1, n)
    loop = [((p[i] - p[j]) - (y[i] - y[j])) ** 2 for i in range(n) for j in range(n)]
    assert chapter.difference_loss(p, y).item() == pytest.approx(float(np.mean(loop)))
    i, j = torch.arange(n), torch.zeros(n, dtype=torch.int64)
    some = [((p[a] - p[0]) - (y[a] - y[0])) ** 2 for a in range(n)]
    assert chapter.difference_loss(p, y, (i, j)).item() == pytest.approx(float(np.mean(some)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_ranks_are_those_of_scipy(chapter, seed, n):
    for whole in (False, True):
        y = ages(seed, n, whole=whole)
        assert np.array_equal(chapter.ranks(y).numpy(), (n - rankdata(y.numpy()) + 1) / n)


@pytest.mark.parametrize("k", [0.1, 0.24, 3.0])
def test_soft_ranks_by_loops(chapter, k):
    y = ages(2, 11)
    expected = [
        (1 + sum(1 / (1 + math.exp(-k * (b - a))) for j, b in enumerate(y) if j != i)) / 11
        for i, a in enumerate(y)
    ]
    assert np.allclose(chapter.soft_rank(y, k), expected, atol=1e-12)


def test_rank_loss_by_loops(chapter):
    p, y = ages(3, 8), ages(4, 8, whole=True)
    for k in (0.24, 1.0):
        soft, hard = chapter.soft_rank(p, k), (8 - rankdata(y.numpy()) + 1) / 8
        expected = np.mean((soft.numpy() - hard) ** 2)
        assert chapter.rank_loss(p, y, k).item() == pytest.approx(expected)
    assert chapter.rank_loss(p, y) == chapter.rank_loss(p, y, 0.24)


def test_a_sharp_rank_loss_prefers_the_right_order(chapter):
    y = ages(5, 20)
    assert chapter.rank_loss(y, y, 50.0) < 1e-3 < chapter.rank_loss(-y, y, 50.0)


def test_the_total_loss_is_its_parts(chapter):
    p, y = ages(6, 12), ages(7, 12)
    mse, rank = ((p - y) ** 2).mean(), chapter.rank_loss(p, y)

    def total(**weights):
        torch.manual_seed(9)
        return chapter.total_loss(p, y, **weights)

    torch.manual_seed(9)
    i, j = torch.randint(12, (2, 12))
    differences = chapter.difference_loss(p, y, (i, j))
    assert torch.allclose(total(), mse + 10 * (rank + differences))
    assert torch.allclose(total(lam=0.0), mse)
    assert torch.allclose(total(lam=2.0, beta=0.5), mse + 2 * (rank + differences / 2))
    assert torch.allclose(total(lam=3.0, beta=0.0), mse + 3 * rank)
    assert torch.allclose(total(lam=3.0, rank=0.0), mse + 3 * differences)


@pytest.mark.parametrize("name", ["difference_loss", "rank_loss", "total_loss"])
def test_losses_refuse_what_does_not_fit(chapter, name):
    loss = getattr(chapter, name)
    for wrong in ((ages(0, 3), ages(0, 4)), (ages(0, 4)[:, None], ages(0, 4)), (ages(0, 0),) * 2):
        with pytest.raises(ValueError, match="expected vectors of one length"):
            loss(*wrong)
    with pytest.raises(ValueError, match="finite years"):
        loss(torch.tensor([1.0, math.inf]), torch.tensor([1.0, 2]))


def test_float16(chapter):
    y = ages(0, 30, whole=True)
    assert torch.allclose(
        chapter.soft_rank(y.half(), 0.24).double(), chapter.soft_rank(y, 0.24), atol=0.01
    )
    assert chapter.ranks(y.half()).dtype == torch.float16


# Training


def test_zscore(chapter):
    scan = np.array([[0, 0, 10, 20, 30, 40]])
    expected = [-2.236, -2.236, -1.342, -0.447, 0.447, 1.342]
    assert np.allclose(chapter.zscore(scan), expected, atol=5e-4)
    two = chapter.zscore(np.stack([scan[0], 3 * scan[0]]).reshape(2, 1, 2, 3))
    assert np.allclose(two[0], two[1])
    for empty in (np.zeros((1, 3)), np.array([[0, 1, 2], [0, 0, 0]])):
        with pytest.raises(ValueError, match="voxels above 0 in every scan"):
            chapter.zscore(empty)


def test_columns_go_where_they_belong(chapter):
    x, sex = torch.randn(4, 5).double(), torch.tensor([0, 1, 1, 0])
    seen = torch.tensor([20.0, 30, 40, 50]).double()
    for rough in (False, True):
        net = small(chapter, rough, (55.0, 20.0))
        extra = [sex, seen] if rough else [sex]
        table = torch.column_stack([x, *extra])
        expected = net(x, sex, seen) if rough else net(x, sex)
        assert torch.equal(chapter.Columns(net)(table), expected)


def test_a_light_network_learns_a_line(chapter):
    """With the recipe, in both stages, and the same again for the same seed."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(300, 3)), rng.integers(2, size=300)])
    x = torch.tensor(x).float()
    y = (55 + 10 * x[:, 0] - 5 * x[:, 1]).clamp(20, 90)

    def fitted(x, rough=False, **weights):
        net = chapter.light(3, 1, rough)
        fit(net, x, y, epochs=15, seed=1, **chapter.recipe(0.01, **weights))
        return net

    net = fitted(x, lam=0.0)
    assert net.net.unit == (55.0, 20.0) and net.net.rough is None
    assert (net(x) - y).abs().mean() < 2
    assert torch.equal(fitted(x, lam=0.0)(x), net(x))
    assert not torch.equal(fitted(x, lam=100.0)(x), net(x))
    again = torch.column_stack([x, chapter.discretize(net(x).detach(), 5.0)])
    second = fitted(again, rough=True)
    assert second.net.unit == (0.0, 5.0)
    assert (second(again) - y).abs().mean() < 2.5


def test_the_recipe(chapter):
    recipe = chapter.recipe(0.003, lam=0.0)
    made = recipe["optimizer"]([torch.zeros(1, requires_grad=True)], lr=0.003)
    assert (made.defaults["amsgrad"], made.defaults["weight_decay"]) == (True, 5e-4)
    assert (recipe["lr"], recipe["batch_size"]) == (0.003, 32)
    p, y = ages(0, 9), ages(1, 9)
    assert torch.allclose(recipe["loss"](p, y), ((p - y) ** 2).mean())
