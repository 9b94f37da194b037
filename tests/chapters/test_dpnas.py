"""Tests of the chapter dpnas: accounting, private steps, cells and controller a second way."""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from opacus.accountants.analysis.rdp import compute_rdp, get_privacy_spent
from torch.nn import functional as F

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("dpnas")


def batch(n, seed=0, size=8, channels=1):
    """Random images (n, channels, size, size), float64, and labels."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels, size, size, generator=rng, dtype=torch.float64)
    return x, torch.randint(0, 10, (n,), generator=rng)


def twins(chapter):
    """A small hand-made network, and its copy."""
    torch.manual_seed(2)
    net = chapter.cnn("tanh", 4).double()
    return net, copy.deepcopy(net)


@pytest.fixture
def sharing(chapter):
    """A network whose cells share weights between ReLU and SELU, and images for it."""
    torch.manual_seed(0)
    return chapter.small([(4, 5)] * 3).double(), *batch(12)


# ---- accounting ----


@pytest.mark.parametrize("q", [0.001, 0.03, 0.2, 1.0])
@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.15, 6.0])
def test_divergences_are_those_of_opacus(chapter, q, sigma):
    known = compute_rdp(q=q, noise_multiplier=sigma, steps=1, orders=list(chapter.ORDERS))
    assert chapter.rdp(q, sigma) == pytest.approx(known, rel=1e-9, abs=1e-12)


def test_orders_may_be_chosen(chapter):
    assert list(chapter.ORDERS) == list(range(2, 65))
    some = np.array([2, 8, 32])
    assert chapter.rdp(0.03, 1.5, some) == pytest.approx(chapter.rdp(0.03, 1.5)[some - 2])


def test_without_sampling_a_step_is_a_gaussian_mechanism(chapter):
    assert chapter.rdp(1.0, 3.0) == pytest.approx(chapter.ORDERS / 18)


@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-7])
def test_conversions(chapter, delta):
    total = 300 * chapter.rdp(0.05, 1.3)
    a = chapter.ORDERS
    classic = min(total + math.log(1 / delta) / (a - 1))
    known = get_privacy_spent(orders=list(a), rdp=total, delta=delta)[0]
    assert chapter.epsilon(total, delta, improved=False) == pytest.approx(classic)
    assert chapter.epsilon(total, delta) == pytest.approx(known)
    assert known < classic


@pytest.mark.parametrize("delta", [-1e-5, 0, 1, math.nan])
def test_an_epsilon_needs_a_chance_between_0_and_1(chapter, delta):
    with pytest.raises(ValueError, match="0 < delta < 1, got delta ="):
        chapter.epsilon(np.ones(63), delta)


@pytest.mark.parametrize(
    "total",
    [np.full(63, math.nan), np.full(63, -1.0), np.append(np.ones(62), -1.0), np.ones(3), 1.0],
)
def test_an_epsilon_needs_a_divergence_of_every_order(chapter, total):
    with pytest.raises(ValueError, match=r"expected \(63,\) divergences >= 0"):
        chapter.epsilon(total, 1e-5)


@pytest.mark.parametrize("orders", [[1, 2], [], [2.0, math.nan], [2, math.inf], [[2, 3]]])
def test_an_epsilon_needs_orders_above_1(chapter, orders):
    """Orders that are no numbers once gave an epsilon of 0."""
    with pytest.raises(ValueError, match="expected orders above 1"):
        chapter.epsilon(np.ones(np.shape(orders)), 1e-5, orders)


def test_an_epsilon_of_orders_just_above_1(chapter):
    assert chapter.epsilon([0.5], 0.01, [1.5], False) == pytest.approx(0.5 - math.log(0.01) / 0.5)
    assert chapter.epsilon([math.inf], 0.01, [2]) == math.inf


@pytest.mark.parametrize("orders", [2, [], [2.5], [2, math.nan], [math.inf], [[2, 3]], [1, 3]])
def test_divergences_need_whole_orders(chapter, orders):
    with pytest.raises(ValueError, match="expected whole orders, each 2 or more"):
        chapter.rdp(0.1, 1.0, orders)


def test_unknown_pieces_are_named(chapter):
    with pytest.raises(ValueError, match=r"expected one of ReLU, .*, got 'GELU'"):
        chapter.cnn("GELU")
    for wrong in (-1, 10, 5.0, "5", math.nan):
        with pytest.raises(ValueError, match=f"numbered 0 to 9, got {wrong!r}"):
            chapter.operation(wrong, 8, 4)
    with pytest.raises(ValueError, match="numbered 0 to 9, got '5'"):
        chapter.small("515")


@pytest.mark.parametrize("cell", [[1, 2], [], [1, 2, 3, 4]])
def test_a_controller_takes_whole_cells(chapter, cell):
    with pytest.raises(ValueError, match=f"expected 3 operations, got {len(cell)}"):
        chapter.sample(chapter.Controller(nodes=2), cell)


@pytest.mark.parametrize("cell", [[-1, 0, 0], [0, 10, 0], [0, 0, math.nan], np.zeros(3, int)])
def test_a_controller_takes_operations_that_it_knows(chapter, cell):
    """A -1 would be read as the last operation, with the embedding of the start."""
    with pytest.raises(ValueError, match="expected a list of numbers from 0 to 9, got"):
        chapter.sample(chapter.Controller(nodes=2), cell)


@pytest.mark.parametrize("wrong", [{"nodes": 0}, {"operations": 0}, {"hidden": 0}])
def test_a_controller_is_not_empty(chapter, wrong):
    with pytest.raises(ValueError, match="expected one or more of each, got"):
        chapter.Controller(**wrong)
    chapter.Controller(nodes=1, operations=1, hidden=1)


@pytest.mark.parametrize("choices", [[(5,), (), (1,)], [5, 1, 5]])
def test_every_edge_needs_an_operation(chapter, choices):
    with pytest.raises(ValueError, match="expected operations at hand for each edge"):
        chapter.small(choices)


def test_choices_are_among_those_at_hand(chapter):
    net = chapter.small([(4, 5)] * 3)
    for wrong in ((4, 5, 6), (4, 5, 4.0), (-1, 4, 4)):
        with pytest.raises(ValueError, match=r"expected operations at hand, .*'4', '5'.*, got"):
            chapter.choose(net, wrong)
    assert net.layers[2].picked == [4, 4, 4]
    with pytest.raises(ValueError, match="expected a network with cells"):
        chapter.choose(chapter.cnn(), (4, 5, 5))


@pytest.mark.parametrize("reward", [math.nan, math.inf])
def test_rewards_are_finite(chapter, reward):
    policy = chapter.Controller(nodes=1, operations=2, hidden=4)
    before = copy.deepcopy(policy.state_dict())
    with pytest.raises(ValueError, match="expected a finite reward, got"):
        chapter.learn(policy, lambda cell: reward, 3)
    assert all(torch.equal(v, before[k]) for k, v in policy.state_dict().items())


@pytest.mark.parametrize("steps", [0, -1, 2.5, math.nan, math.inf])
def test_the_noise_needs_whole_steps(chapter, steps):
    with pytest.raises(ValueError, match="expected a whole number of steps, 1 or more"):
        chapter.noise_for(3.0, 0.2, steps, 1e-4)


def test_no_loss_is_no_negative_epsilon(chapter):
    assert chapter.epsilon(np.zeros(63), 0.5) == 0.0


@pytest.mark.parametrize(("target", "q", "steps"), [(3.0, 0.2, 40), (1.0, 0.02, 500), (8, 1.0, 1)])
def test_the_noise_is_the_least(chapter, target, q, steps):
    sigma = chapter.noise_for(target, q, steps, 1e-4)
    spent = [chapter.epsilon(steps * chapter.rdp(q, s), 1e-4) for s in (sigma, sigma - 1e-7)]
    assert spent[0] <= target < spent[1]
    assert spent[1] == pytest.approx(target, abs=1e-4)


@pytest.mark.parametrize("target", [1e-6, 1e9])
def test_targets_out_of_reach_are_refused(chapter, target):
    with pytest.raises(ValueError, match="no sigma"):
        chapter.noise_for(target, 0.2, 40, 1e-4)


def test_the_range_of_noises(chapter):
    low, high = (40 * chapter.rdp(0.2, s) for s in (0.31, 299.0))
    for total in (low, high):
        target = chapter.epsilon(total, 1e-4)
        if total is low:
            assert chapter.noise_for(target, 0.2, 40, 1e-4) == pytest.approx(0.31, abs=1e-6)
    with pytest.raises(ValueError, match=r"0\.3 and 300"):
        chapter.noise_for(chapter.epsilon(40 * chapter.rdp(0.2, 0.29), 1e-4), 0.2, 40, 1e-4)


@pytest.mark.parametrize(
    "wrong", [(0.0, 1.0), (1.1, 1.0), (0.1, 0.0), (0.1, -1.0), (0.1, 1.0, np.array([1, 2]))]
)
def test_steps_that_are_no_steps_are_refused(chapter, wrong):
    with pytest.raises(ValueError, match="expected"):
        chapter.rdp(*wrong)


# ---- private steps ----


@pytest.mark.parametrize("cell", [(0, 0, 0), (1, 2, 3), (4, 5, 6), (7, 8, 9)])
def test_single_gradients_are_those_of_a_loop(chapter, cell):
    torch.manual_seed(1)
    net = chapter.small([(o,) for o in cell]).double()
    x, y = batch(3)
    g = chapter.gradients(net, x, y)
    for i in range(3):
        net.zero_grad()
        F.cross_entropy(net(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in net.named_parameters():
            slope = torch.zeros_like(p) if p.grad is None else p.grad
            assert torch.allclose(g[name][i], slope, atol=1e-12)


def test_nobody_drawn_leaves_noise_alone(chapter):
    net = chapter.cnn().double()
    x, y = batch(2)
    g = chapter.gradients(net, x[:0], y[:0])
    assert {name: part.shape[1:] for name, part in g.items()} == {
        name: p.shape for name, p in net.named_parameters()
    }
    quiet = chapter.private_gradient(g, 1.0, 0.0, 5.0)
    loud = chapter.private_gradient(g, 1.0, 2.0, 5.0)
    assert all(not part.any() for part in quiet.values())
    assert all(part.any() and part.dtype == torch.float64 for part in loud.values())


def test_clipping_and_noise(chapter):
    rng = torch.Generator().manual_seed(0)
    g = {"a": torch.randn(6, 3, 2, generator=rng), "b": torch.randn(6, 4, generator=rng)}
    flat = torch.cat([g["a"].flatten(1), g["b"]], dim=1)
    assert torch.allclose(chapter.norms(g), flat.norm(dim=1))
    clipped = torch.stack([row * min(1.0, 2.5 / row.norm().item()) for row in flat])
    assert (flat.norm(dim=1) > 2.5).any() and (flat.norm(dim=1) < 2.5).any()
    exact = clipped.sum(0) / 7
    got = chapter.private_gradient(g, 2.5, 0.0, 7)
    assert torch.allclose(torch.cat([got["a"].flatten(), got["b"]]), exact, atol=1e-6)
    noisy = chapter.private_gradient(g, 2.5, 3.0, 7, torch.Generator().manual_seed(5))
    again = torch.Generator().manual_seed(5)
    noise = [torch.randn(got[name].shape, generator=again) for name in ("a", "b")]
    for z, name in zip(noise, ("a", "b"), strict=True):
        assert torch.allclose(noisy[name] - got[name], 3.0 * 2.5 * z / 7, atol=1e-6)


def test_a_gradient_of_zero_stays(chapter):
    g = {"a": torch.tensor([[0.0, 0.0], [3.0, 4.0]])}
    assert chapter.private_gradient(g, 1.0, 0.0, 1)["a"].tolist() == pytest.approx([0.6, 0.8])


def test_training_is_a_slow_loop(chapter):
    """Sampling, momentum and the expected batch size, step by step."""
    x, y = batch(20, seed=3)
    net, mine = twins(chapter)
    chapter.train(net, x, y, steps=4, q=0.3, lr=0.5, seed=7, C=0.2, sigma=0.6)
    rng, v = torch.Generator().manual_seed(7), {}
    for _ in range(4):
        drawn = torch.rand(20, generator=rng) < 0.3
        g = chapter.private_gradient(chapter.gradients(mine, x[drawn], y[drawn]), 0.2, 0.6, 6, rng)
        with torch.no_grad():
            for name, p in mine.named_parameters():
                v[name] = 0.9 * v.get(name, 0) + g[name]
                p -= 0.5 * v[name]
    for p, other in zip(net.parameters(), mine.parameters(), strict=True):
        assert torch.allclose(p, other, atol=1e-12)


def test_without_clipping_training_is_ordinary(chapter):
    x, y = batch(20, seed=4)
    net, other = twins(chapter)
    chapter.train(net, x, y, steps=3, q=0.5, lr=0.1, seed=1)
    rng = torch.Generator().manual_seed(1)
    sgd = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        drawn = torch.rand(20, generator=rng) < 0.5
        sgd.zero_grad()
        (F.cross_entropy(other(x[drawn]), y[drawn], reduction="sum") / 10).backward()
        sgd.step()
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-12)


def test_a_large_clipping_norm_clips_nothing(chapter):
    x, y = batch(20, seed=4)
    net, other = twins(chapter)
    chapter.train(net, x, y, steps=1, q=0.5, lr=0.1, seed=1)
    chapter.train(other, x, y, steps=1, q=0.5, lr=0.1, seed=1, C=1e9)
    for p, q in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-12)


@pytest.mark.parametrize(
    "wrong", [{"q": 0.0}, {"q": 1.5}, {"lr": 0.0}, {"C": 0.0}, {"sigma": -1.0}]
)
def test_wrong_trainings_are_refused(chapter, wrong):
    x, y = batch(4)
    given = {"steps": 1, "q": 0.5, "lr": 0.1, "seed": 0} | wrong
    with pytest.raises(ValueError, match=r"expected .* > 0"):
        chapter.train(chapter.cnn().double(), x, y, **given)


@pytest.mark.parametrize("n", [(0, 0), (4, 3), (3, 4)])
def test_a_training_needs_a_label_for_each_image(chapter, n):
    x, y = batch(4)
    with pytest.raises(ValueError, match="finite images, a label for each"):
        chapter.train(chapter.cnn().double(), x[: n[0]], y[: n[1]], steps=1, q=0.5, lr=0.1, seed=0)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_training_needs_finite_images(chapter, wrong):
    x, y = batch(4)
    x[2, 0, 3, 3] = wrong
    with pytest.raises(ValueError, match="finite images"):
        chapter.train(chapter.cnn().double(), x, y, steps=0, q=0.5, lr=0.1, seed=0)
    with pytest.raises(ValueError, match="finite images"):
        chapter.train(chapter.cnn().double(), x[:1], y[:1] - 100, steps=0, q=0.5, lr=0.1, seed=0)


def test_noise_without_clipping_is_refused(chapter):
    """Else a forgotten clipping norm would train without any privacy, in silence."""
    x, y = batch(4)
    with pytest.raises(ValueError, match=r"no noise without a C: inf, 1\.5"):
        chapter.train(chapter.cnn().double(), x, y, steps=1, q=0.5, lr=0.1, seed=0, sigma=1.5)
    with pytest.raises(ValueError, match=r"sigma >= 0, .*: 1\.0, inf"):
        chapter.train(
            chapter.cnn().double(), x, y, steps=0, q=0.5, lr=0.1, seed=0, C=1.0, sigma=math.inf
        )


@pytest.mark.parametrize(
    "wrong",
    [(0, 1, 1), (math.inf, 0, 1), (math.nan, 1, 1), (1, -1, 1), (1, math.inf, 1), (1, 1, 0),
     (1, 1, math.inf), (1, math.nan, 1)],
)  # fmt: skip
def test_private_gradients_need_finite_settings(chapter, wrong):
    with pytest.raises(ValueError, match="expected finite C > 0, sigma >= 0 and B > 0"):
        chapter.private_gradient({"a": torch.ones(2, 3)}, *wrong)


def test_single_gradients_need_weights_and_labels(chapter):
    x, y = batch(3)
    net = chapter.cnn().double()
    with pytest.raises(ValueError, match="2 labels and 3 images"):
        chapter.gradients(net, x, y[:2])
    with pytest.raises(ValueError, match="0 weights that train"):
        chapter.gradients(net.requires_grad_(False), x, y)


def test_shared_weights_learn_only_where_they_are_used(chapter, sharing):
    net, x, y = sharing
    before = copy.deepcopy(net.state_dict())
    cells = iter([(5, 4, 4), (5, 4, 5)])
    chapter.train(net, x, y, steps=2, q=1.0, lr=1.0, seed=0, C=0.1, sigma=1.0,
                  before=lambda: chapter.choose(net, next(cells)))  # fmt: skip
    moved = {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    convs = {k for k in before if ".edges." in k}
    unused = {k for k in convs if ".edges.0.4." in k or ".edges.1.5." in k}
    assert len(convs) == 12 and moved == set(before) - unused


def test_an_unused_weight_goes_on_by_its_momentum(chapter, sharing):
    net, x, y = sharing
    seen, cells = [], iter([(4, 4, 4), (5, 5, 5), (5, 5, 5)])

    def before():
        seen.append(net.layers[2].edges[0]["4"][0].weight.detach().clone())
        chapter.choose(net, next(cells))

    chapter.train(net, x, y, steps=3, q=1.0, lr=1.0, seed=0, C=0.1, before=before)
    assert torch.allclose(seen[2] - seen[1], 0.9 * (seen[1] - seen[0]), atol=1e-12)


# ---- cells ----


def test_operations(chapter):
    x = torch.randn(2, 4, 5, 6)
    edge = F.pad(x, (1, 1, 1, 1))
    assert not chapter.operation(0, 4, 2)(x).any()
    low = F.pad(x, (1, 1, 1, 1), value=-math.inf)
    windows = torch.stack([low[:, :, i : i + 5, j : j + 6] for i in range(3) for j in range(3)])
    assert torch.equal(chapter.operation(1, 4, 2)(x), windows.amax(0))
    sums = sum(edge[:, :, i : i + 5, j : j + 6] for i in range(3) for j in range(3))
    assert torch.allclose(chapter.operation(2, 4, 2)(x), sums / 9, atol=1e-6)
    assert torch.equal(chapter.operation(3, 4, 2)(x), x)
    acts = (torch.relu, F.selu, torch.tanh, lambda z: z, F.hardtanh, torch.sigmoid)
    for number, act in enumerate(acts, 4):
        way = chapter.operation(number, 4, 2)
        w = way[0].weight
        assert way[0].bias is None and w.shape == (4, 1, 3, 3)
        taps = [w[:, 0, i, j][:, None, None] * edge[:, :, i : i + 5, j : j + 6]
                for i in range(3) for j in range(3)]  # fmt: skip
        z = sum(taps).reshape(2, 2, -1)
        z = (z - z.mean(-1, keepdim=True)) / (z.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        assert torch.allclose(way(x), act(z.reshape(x.shape)), atol=1e-5)
    assert chapter.OPERATIONS[4:] == ("ReLU", "SELU", "tanh", "linear", "hardtanh", "sigmoid")


def test_nodes(chapter):
    assert [chapter.count_nodes(n) for n in (1, 3, 6, 10, 15, 1275)] == [1, 2, 3, 4, 5, 50]
    for wrong in (-1, 0, 2, 3.0, 4, 5, 14, 16, math.nan):
        with pytest.raises(ValueError, match="a full cell has 1, 3, 6, 10, 15 or more edges"):
            chapter.count_nodes(wrong)


def test_a_cell_is_its_graph(chapter):
    torch.manual_seed(0)
    cell = chapter.Cell([(5,), (1,), (3,), (6,), (0,), (2,)], 3, 4, 2)
    x = torch.randn(2, 3, 6, 6)
    way = {(f, t): cell.edges[e][str(o)] for e, (f, t, o) in enumerate(
        [(0, 1, 5), (0, 2, 1), (1, 2, 3), (0, 3, 6), (1, 3, 0), (2, 3, 2)])}  # fmt: skip
    s0 = cell.preprocess(x)
    s1 = way[0, 1](s0)
    s2 = way[0, 2](s0) + way[1, 2](s1)
    s3 = way[0, 3](s0) + way[1, 3](s1) + way[2, 3](s2)
    assert torch.allclose(cell(x), torch.cat([s1, s2, s3], 1), atol=1e-6)
    assert cell.preprocess[0].bias is None and cell.preprocess[0].kernel_size == (1, 1)


def test_nothing_everywhere_runs(chapter):
    net = chapter.small([(0,)] * 3)
    assert torch.isfinite(net(torch.randn(2, 1, 8, 8))).all()


def test_choosing_is_building(chapter):
    torch.manual_seed(0)
    shared = chapter.small([(1, 4, 5)] * 3)
    chapter.choose(shared, (5, 1, 4))
    alone = chapter.small([(5,), (1,), (4,)])
    alone.load_state_dict({k: v for k, v in shared.state_dict().items() if k in alone.state_dict()})
    x = torch.randn(3, 1, 8, 8)
    assert torch.equal(shared(x), alone(x))
    with pytest.raises(ValueError, match="expected 3"):
        chapter.choose(shared, (5, 1))


@pytest.mark.parametrize(
    ("name", "weights", "side", "channels", "head"),
    [("MNIST", 213418, 28, 1, "Tanh"), ("Fashion-MNIST", 214570, 28, 1, "Tanh"),
     ("CIFAR-10", 529434, 32, 3, "SELU")],
)  # fmt: skip
def test_published_networks(chapter, name, weights, side, channels, head):
    net = chapter.dpnasnet(name)
    assert sum(p.numel() for p in net.parameters()) == weights
    assert net(torch.zeros(2, channels, side, side)).shape == (2, 10)
    assert type(net.layers[-2]).__name__ == head
    norms = [m for m in net.modules() if isinstance(m, torch.nn.GroupNorm)]
    assert all(m.num_groups == 8 and not m.affine for m in norms)


def test_networks_that_were_not_published_are_refused(chapter):
    with pytest.raises(ValueError, match="expected one of CIFAR-10, MNIST, Fashion-MNIST"):
        chapter.dpnasnet("mnist")


def test_published_cells(chapter):
    pairs = [(f, t) for t in range(1, 6) for f in range(t)]
    cifar = [
        (5, 0, 1),
        *((1, 0, 2), (5, 1, 2)),
        *((6, 0, 3), (1, 1, 3), (0, 2, 3)),
        *((5, 0, 4), (0, 1, 4), (0, 2, 4), (3, 3, 4)),
        *((5, 0, 5), (5, 1, 5), (6, 2, 5), (1, 3, 5), (6, 4, 5)),
    ]
    cell = chapter.PUBLISHED["CIFAR-10"]
    assert [(o, f, t) for o, (f, t) in zip(cell, pairs, strict=True)] == cifar
    others = {"MNIST": "563054060310114", "Fashion-MNIST": "305453006356141"}  # released files
    for name, numbers in others.items():
        assert "".join(map(str, chapter.PUBLISHED[name])) == numbers


def test_small_networks(chapter):
    net = chapter.small([(5,), (3,), (5,)])
    assert sum(p.numel() for p in net.parameters()) == 5522
    assert sum(p.numel() for p in chapter.small([(5,), (3,), (5,)], 16).parameters()) == 6970
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in convs][:2] == [
        (1, 8, 3), (8, 8, 1)]  # fmt: skip
    assert all(m.num_groups == 4 for m in net.modules() if isinstance(m, torch.nn.GroupNorm))
    made = chapter.cnn()
    assert sum(p.numel() for p in made.parameters()) == 9258
    kinds = [type(layer).__name__ for layer in made]
    assert kinds == ["Conv2d", "Tanh", "MaxPool2d", "Conv2d", "Tanh", "MaxPool2d", "Flatten",
                     "Linear", "Tanh", "Linear"]  # fmt: skip


def test_initial_scale_is_the_released_one(chapter):
    torch.manual_seed(0)
    net = chapter.dpnasnet("CIFAR-10")
    for m in net.modules():
        if isinstance(m, torch.nn.Conv2d) and m.weight.numel() > 1000:
            fan_out = m.kernel_size[0] ** 2 * m.out_channels
            assert m.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)
            assert abs(m.weight.mean().item()) < 0.1 * math.sqrt(2 / fan_out)


# ---- controller ----


def test_the_controller_is_a_distribution(chapter):
    torch.manual_seed(0)
    policy = chapter.Controller(nodes=2, operations=3, hidden=8).double()
    cells = list(itertools.product(range(3), repeat=3))
    with torch.no_grad():
        log_p = torch.stack([chapter.sample(policy, cell)[1] for cell in cells])
        entropy = torch.stack([chapter.sample(policy, cell)[2] for cell in cells])
        p = log_p.exp()
        # The entropy of all edges, averaged over what is drawn, is that of the whole cell.
        assert (p @ entropy).item() == pytest.approx(-(p @ log_p).item())
        torch.manual_seed(1)
        drawn = [tuple(chapter.sample(policy)[0]) for _ in range(300)]
    assert p.sum().item() == pytest.approx(1)
    assert set(drawn) <= set(cells) and len(set(drawn)) > 20


def test_the_controller_as_released(chapter):
    policy = chapter.Controller()
    assert policy.embed.weight.shape == (11, 100) and len(policy.lstm) == 2
    assert policy.score.weight.shape == (10, 100) and not policy.score.bias.any()
    for p in policy.parameters():
        assert p.abs().max() <= 0.1
    assert policy.embed.weight.min() < -0.09 and policy.embed.weight.max() > 0.09
    torch.manual_seed(0)
    cell, log_p, entropy = chapter.sample(policy)
    assert len(cell) == 15
    assert log_p.item() == pytest.approx(-15 * math.log(10), rel=0.01)
    assert entropy.item() == pytest.approx(15 * math.log(10), rel=0.01)


def test_what_the_controller_reads(chapter):
    """Twice the start; at every node the start, then operations; the last one once more."""
    policy, read = chapter.Controller(nodes=2, operations=5), []
    advance = policy.advance
    policy.advance = lambda token, states: read.append(token) or advance(token, states)
    chapter.sample(policy, [3, 1, 2])
    assert read == [5, 5, 5, 3, 5, 1, 2]


def test_both_layers_keep_their_states(chapter):
    torch.manual_seed(0)
    policy, states = chapter.Controller(nodes=2, operations=3, hidden=4), [None, None]
    got = [policy.advance(token, states) for token in (3, 1)]
    below, above = policy.lstm
    h1, c1 = below(policy.embed.weight[3][None])
    h2, c2 = above(h1)
    h1, c1 = below(policy.embed.weight[1][None], (h1, c1))
    h2, c2 = above(h1, (h2, c2))
    assert torch.allclose(got[1], policy.score(h2)[0].log_softmax(0))
    assert torch.equal(states[0][0], h1) and torch.equal(states[1][1], c2)


def test_the_policy_loss(chapter):
    log_p, entropy = torch.tensor(-2.0), torch.tensor(1.5)
    assert chapter.policy_loss(log_p, 0.7, 0.2, entropy).item() == pytest.approx(1.0 - 0.0075)
    assert chapter.policy_loss(log_p, 0.7, 0.2).item() == pytest.approx(1.0)
    assert chapter.policy_loss(log_p, 0.7, 0.2, entropy, 0.1).item() == pytest.approx(0.85)


def test_the_baseline_follows_rewards(chapter):
    torch.manual_seed(0)
    policy, rewards = chapter.Controller(nodes=1, operations=2, hidden=4), iter([1.0, 0.5, 0.25])
    b = chapter.learn(policy, lambda cell: next(rewards), 3)
    assert b == pytest.approx(0.01 * (0.25 + 0.99 * (0.5 + 0.99 * 1.0)))


def test_the_controller_learns(chapter):
    torch.manual_seed(0)
    policy = chapter.Controller(nodes=1, operations=4, hidden=16)
    chapter.learn(policy, lambda cell: float(cell == [2]), 150, lr=0.02)
    assert chapter.sample(policy, [2])[1].exp() > 0.9


def test_learning_is_adam_on_the_loss(chapter):
    torch.manual_seed(0)
    policy = chapter.Controller(nodes=1, operations=3, hidden=4)
    other = copy.deepcopy(policy)
    torch.manual_seed(1)
    chapter.learn(policy, lambda cell: 0.3 + cell[0], 2, lr=0.01)
    torch.manual_seed(1)
    adam, b = torch.optim.Adam(other.parameters(), lr=0.01, betas=(0.5, 0.999)), 0.0
    for _ in range(2):
        cell, log_p, entropy = chapter.sample(other)
        R = 0.3 + cell[0]
        adam.zero_grad()
        (-log_p * (R - b) - 0.005 * entropy).backward()
        adam.step()
        b = 0.99 * b + 0.01 * R
    for p, q in zip(policy.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("seen", [[3, 1, 4, 1, 5, 9, 2], [2, 2, 1, 2, 0, 1, 1], [7] * 7])
def test_random_search_is_the_mean_over_all_sets(chapter, seen):
    seen, worth = np.array(seen), np.random.default_rng(0).random(7)
    for n in range(1, 8):
        found = []
        for cells in map(list, itertools.combinations(range(7), n)):
            best = [i for i in cells if seen[i] == seen[cells].max()]
            found.append(worth[best].mean())
        assert chapter.best_of(seen, worth, n) == pytest.approx(np.mean(found))
    for n in (0, 8):
        with pytest.raises(ValueError, match="1 <= n <= A"):
            chapter.best_of(seen, worth, n)
    with pytest.raises(ValueError, match="expected a worth"):
        chapter.best_of(seen, worth[:6], 2)
    for wrong in (np.where(seen == seen.max(), math.nan, seen), seen[None]):
        with pytest.raises(ValueError, match="expected finite numbers in a row"):
            chapter.best_of(wrong, worth, 2)
    with pytest.raises(ValueError, match="expected finite numbers in a row"):
        chapter.best_of(seen, worth * math.inf, 2)


def test_networks_survive_pickling(chapter):
    net = chapter.small([(5,), (1,), (6,)])
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))
    policy = chapter.Controller(2, 5)
    copied = pickle.loads(pickle.dumps(policy))
    assert torch.equal(chapter.sample(copied, [1, 2, 3])[1], chapter.sample(policy, [1, 2, 3])[1])
