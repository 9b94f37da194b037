"""Tests of the chapter mixed_precision_knapsack: its method against independent computations."""

import copy
import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import nn
from torch.nn import functional as F

import repro
from repro.pretrained.efficientnet_lite0 import ConvNorm, InvertedResidual, fold_norms
from repro.quantize.uniform import mse_scale, quantize_symmetric

WIDTHS = np.array((2, 3, 4, 5, 6, 8))


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("mixed_precision_knapsack")


def problem(seed, L, B=6, monotone=False):
    """Sizes and costs (L, B), whole numbers; costs may rise with the size."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 30, (L, 1)) * WIDTHS[:B]
    costs = rng.integers(1, 1000, (L, B))
    return sizes, np.sort(costs, axis=1)[:, ::-1] if monotone else costs


def best(sizes, costs, budget):
    """Least cost over all assignments, one by one."""
    L, B = sizes.shape
    picks = itertools.product(range(B), repeat=L)
    values = [
        sum(costs[i, b] for i, b in enumerate(pick))
        for pick in picks
        if sum(sizes[i, b] for i, b in enumerate(pick)) <= budget
    ]
    return min(values)


def network():
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4)
    return nn.Sequential(*layers).double().eval()


@pytest.fixture(scope="module")
def priced(chapter):
    """A small network, images, labels, its quantized weights and what the chapter computes."""
    net, g = network(), torch.Generator().manual_seed(1)
    x = torch.randn(6, 1, 4, 4, generator=g, dtype=torch.float64)
    y = torch.randint(4, (6,), generator=g)
    Q = chapter.quantized_weights(net)
    return net, x, y, Q, chapter.gradient_products(net, x, y, Q)


def test_only_weights_are_priced(chapter):
    assert list(chapter.weights(network())) == ["0.weight", "3.weight"]


def test_every_layer_is_quantized_at_every_width(chapter, priced):
    net, _, _, Q, _ = priced
    for w, layer in zip(chapter.weights(net).values(), Q, strict=True):
        assert layer.shape == (6, *w.shape)
        for values, bits in zip(layer, WIDTHS, strict=True):
            expected = quantize_symmetric(w.detach(), int(bits), axis=0).dequantize()
            assert torch.equal(values, expected)
            assert all(len(row.unique()) < 2**bits for row in values.flatten(1))


def test_products_are_slopes_of_each_images_loss(chapter, priced):
    """Finite differences along Delta, image by image, instead of gradients."""
    net, x, y, Q, products = priced
    assert products.shape == (6, 2, 6)
    for i, w in enumerate(chapter.weights(net).values()):
        kept = w.detach().clone()
        for b in range(6):
            losses = []
            for t in (-1e-5, 1e-5):
                w.data = kept + t * (Q[i][b] - kept)
                losses.append(F.cross_entropy(net(x), y, reduction="none").detach())
            w.data = kept
            slopes = (losses[1] - losses[0]) / 2e-5
            assert np.allclose(products[:, i, b], slopes, atol=1e-7)


def test_one_image_is_enough(chapter, priced):
    net, x, y, Q, products = priced
    alone = chapter.gradient_products(net, x[2:3], y[2:3], Q)
    assert np.array_equal(alone, products[2:3])


def test_sensitivities_are_the_form_with_the_fisher_matrix(chapter, priced):
    net, x, y, Q, products = priced
    omega = chapter.sensitivity(products)
    for i, w in enumerate(chapter.weights(net).values()):
        rows = [torch.autograd.grad(F.cross_entropy(net(a[None]), b[None]), w)[0].flatten()
                for a, b in zip(x, y, strict=True)]  # fmt: skip
        fisher = sum(torch.outer(g, g) for g in rows) / len(x)
        for b, values in enumerate(Q[i]):
            delta = (values - w.detach()).flatten()
            assert omega[i, b] == pytest.approx(float(delta @ fisher @ delta) / 2, rel=1e-10)


def test_widths_can_be_chosen(chapter):
    net = network()
    Q = chapter.quantized_weights(net, (4, 7))
    assert [q.shape[0] for q in Q] == [2, 2]
    expected = quantize_symmetric(net[3].weight.detach(), 7, axis=0).dequantize()
    assert torch.equal(Q[1][1], expected)
    assert chapter.layer_sizes(net, (4, 7)).tolist() == [[108, 189], [192, 336]]


def test_the_square_comes_before_the_mean(chapter):
    products = np.array([[[3.0, 1.0]], [[-3.0, 2.0]]])
    assert chapter.sensitivity(products).tolist() == [[4.5, 1.25]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_other_types_give_nearly_the_same_products(chapter, priced, dtype):
    _, x, y, _, products = priced
    narrow = network().to(dtype)
    found = chapter.gradient_products(narrow, x.to(dtype), y, chapter.quantized_weights(narrow))
    assert found.dtype == np.float64
    at = products[:, :, 0]
    assert np.abs(found[:, :, 0] - at).max() < 0.05 * np.abs(at).max()


def test_methods_survive_saving(chapter, priced, tmp_path):
    net, x, y, Q, products = priced
    torch.save({"net": net.state_dict(), "Q": Q}, tmp_path / "kept.pt")
    kept = torch.load(tmp_path / "kept.pt")
    other = network()
    other.load_state_dict(kept["net"])
    assert np.array_equal(chapter.gradient_products(other, x, y, kept["Q"]), products)


def test_bad_input_is_named(chapter, priced):
    net, x, y, Q, products = priced
    with pytest.raises(ValueError, match="expected a network with"):
        chapter.weights(nn.ReLU())
    for images, labels, counts in ((x[:0], y[:0], "0 and 0"), (x, y[:-1], "6 and 5")):
        with pytest.raises(ValueError, match=f"one label each, got {counts}"):
            chapter.gradient_products(net, images, labels, Q)
    with pytest.raises(ValueError, match="expected Q = quantized_weights"):
        chapter.gradient_products(net, x, y, Q[::-1])
    with pytest.raises(ValueError, match=r"eval mode: call net\.eval\(\) first"):
        chapter.gradient_products(network().train(), x, y, Q)
    for wrong in (np.nan, np.inf):
        holed = x.clone()
        holed[2, 0, 1, 1] = wrong
        with pytest.raises(ValueError, match="a product is NaN or infinite"):
            chapter.gradient_products(net, holed, y, Q)
    with pytest.raises(ValueError, match=r"finite products \(N, L, M\), got shape \(2, 6\)"):
        chapter.sensitivity(products[0])
    for wrong in (products[:0], np.full((1, 1, 1), np.nan)):
        with pytest.raises(ValueError, match="finite products"):
            chapter.sensitivity(wrong)
    broken = network()
    nn.init.constant_(broken[0].weight, float("nan"))
    with pytest.raises(ValueError, match="finite"):
        chapter.quantized_weights(broken)
    with pytest.raises(ValueError, match="folded layer with a bias"):
        chapter.to_integers(nn.Conv2d(1, 1, 1, bias=False), 4, 5)


@pytest.mark.parametrize("solver", ["greedy", "dynamic", "integer_programme"])
def test_bad_problems_are_named(chapter, solver):
    solve = getattr(chapter, solver)
    sizes, costs = problem(0, 3)
    least = sizes.min(axis=1).sum()
    for budget in (least - 1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"below the smallest size, {least}, or not finite"):
            solve(sizes, costs, budget)
    solve(sizes, costs, least)
    for bad in (sizes[0], sizes[:, :-1], sizes[:0]):
        with pytest.raises(ValueError, match=r"expected sizes and costs \(L, M\), got"):
            solve(bad, costs if bad.size else costs[:0], 99)
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match="expected finite costs"):
            solve(sizes, np.where(sizes == sizes.max(), wrong, costs), 10**6)
        with pytest.raises(ValueError, match="expected finite costs"):
            solve(np.where(sizes == sizes.max(), wrong, sizes), costs, 10**6)
    with pytest.raises(ValueError, match="sizes above 0"):
        solve(sizes - sizes.min(), costs, 10**6)
    if solver != "greedy":
        with pytest.raises(TypeError, match="whole numbers as sizes, got float64"):
            solve(sizes * 1.0, costs, least)


def test_one_item_one_layer_and_equal_items(chapter):
    one, cost = np.array([[4]]), np.array([[7.0]])
    same, ties = np.array([[4, 4, 4]]), np.array([[7, 7, 7]])
    for solve in (chapter.greedy, chapter.dynamic):
        assert solve(one, cost, 4).tolist() == [0]
        assert solve(same, ties, 5).tolist() == [0]
    assert chapter.integer_programme(one, cost, 4).tolist() == [[1]]
    free = chapter.integer_programme(np.array([[2, 3]]), np.zeros((1, 2)), 3)  # costs of zero
    assert free.sum() == pytest.approx(1)
    assert chapter.dynamic(one * [2, 3], np.array([[5, 1]]), 10**9).tolist() == [1]


def test_another_hull_can_be_given(chapter):
    """With all undominated items as steps, the poor first step of a layer hides the good one."""
    sizes, costs = np.array([[1, 2, 3], [1, 2, 3]]), np.array([[10, 9, 0], [10, 7, 6]])
    every = lambda size, cost: [0, 1, 2]  # noqa: E731
    assert chapter.greedy(sizes, costs, 4).tolist() == [2, 0]
    assert chapter.greedy(sizes, costs, 4, hull=every).tolist() != [2, 0]


def test_assigning_copies_the_picked_weights(chapter, priced):
    net, _, _, Q, _ = priced
    before = copy.deepcopy(net.state_dict())
    changed = chapter.assign(net, Q, [4, 0])
    assert torch.equal(changed[0].weight, Q[0][4])
    assert torch.equal(changed[3].weight, Q[1][0])
    assert torch.equal(changed[3].bias, net[3].bias)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    with pytest.raises(ValueError, match="zip"):
        chapter.assign(net, Q, [4])


def test_sizes_are_bits_and_errors_are_squared(chapter, priced):
    net, _, _, Q, _ = priced
    assert chapter.layer_sizes(net).tolist() == [[27 * b for b in WIDTHS], [48 * b for b in WIDTHS]]
    errors = chapter.squared_errors(net, Q)
    for i, w in enumerate(chapter.weights(net).values()):
        for b in range(6):
            expected = sum(float(d) ** 2 for d in (Q[i][b] - w.detach()).flatten())
            assert errors[i, b] == pytest.approx(expected)


def test_random_assignments_are_as_large_as_asked(chapter):
    sizes = np.array([[10], [20], [30]]) * WIDTHS
    found = [chapter.random_assignment(sizes, 300, seed) for seed in range(60)]
    totals = np.array([chapter.total(sizes, pick) for pick in found])
    assert totals.max() == 300
    assert 285 <= totals.min() <= 290
    assert len({tuple(pick) for pick in found}) > 10
    assert np.array_equal(found[3], chapter.random_assignment(sizes, 300, 3))
    wide = [chapter.random_assignment(sizes, 300, seed, slack=0.3) for seed in range(60)]
    assert min(chapter.total(sizes, pick) for pick in wide) < 285
    exact = chapter.random_assignment(sizes, 300, 0, slack=0)  # both ends of the band belong to it
    assert chapter.total(sizes, exact) == 300
    with pytest.raises(ValueError, match="no random assignment came near the budget 7"):
        chapter.random_assignment(sizes, 7, 0)


def test_damage_is_divergence_and_agreement(chapter):
    p = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    q = torch.tensor([[0.4, 0.6], [0.8, 0.2]], dtype=torch.float64)
    kl, agree = chapter.damage(p.log(), q.log())
    rows = [
        sum(float(a) * np.log(float(a) / float(b)) for a, b in zip(*two, strict=True))
        for two in zip(p, q, strict=True)
    ]
    assert kl == pytest.approx(float(np.mean(rows)))
    assert agree == 50
    assert chapter.damage(p.log(), p.log()) == (0, 100)


def test_a_class_of_probability_zero_does_no_damage_unless_it_is_the_others(chapter):
    sure = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).log()
    half = torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log()
    assert chapter.damage(sure, sure) == (0, 100)
    assert chapter.damage(sure, half)[0] == pytest.approx(np.log(2))
    assert chapter.damage(half, sure)[0] == np.inf


def test_hessian_forms_are_those_of_each_layers_block(chapter, priced):
    _, x, y, *_ = priced
    torch.manual_seed(5)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3), nn.Tanh(), nn.Linear(3, 4)).double()
    w = list(chapter.weights(net).values())
    vectors = [torch.randn_like(v) for v in w]
    found = chapter.hessian_form(net, x, y, vectors)
    for i, (name, v) in enumerate(chapter.weights(net).items()):

        def loss(u, name=name):
            return F.cross_entropy(torch.func.functional_call(net, {name: u}, x), y)

        H = torch.autograd.functional.hessian(loss, v.detach()).reshape(v.numel(), -1)
        d = vectors[i].flatten()
        assert found[i] == pytest.approx(float(d @ H @ d))
    with pytest.raises(ValueError, match="zip"):
        chapter.hessian_form(net, x, y, vectors[:1])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.booleans())
def test_the_hull_is_the_lower_convex_hull(chapter, seed, monotone):
    """Item k is on it if no other item and no chord between two lies as low at its size."""
    (size,), (cost,) = problem(seed, 1, monotone=monotone)
    kept = chapter.hull(size, cost)
    assert list(size[kept]) == sorted(size[kept])
    for k in range(len(size)):
        smaller = [a for a in range(len(size)) if size[a] < size[k]]
        under = any(cost[a] <= cost[k] for a in smaller) or any(
            cost[a] + (cost[c] - cost[a]) * (size[k] - size[a]) / (size[c] - size[a]) <= cost[k]
            for a in smaller
            for c in range(len(size))
            if size[c] > size[k]
        )
        assert (k in kept) == (not under)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 6)), min_size=1, max_size=7, unique=True)
)
def test_the_hull_has_one_item_a_size_and_none_on_a_line_between_two(chapter, items):
    """Few different sizes and costs, so that items tie and lie on one line."""
    size, cost = np.array(items).T
    kept = chapter.hull(size, cost)
    corners = []
    for k in range(len(items)):
        slopes = np.linspace(0, 20, 2001)[1:, None] * 1.0009  # no slope between two of the items
        corners.append(((cost + slopes * size).argmin(axis=1) == k).any())
    assert sorted(kept) == np.flatnonzero(corners).tolist()
    assert (np.diff(size[kept]) > 0).all()
    assert (np.diff(cost[kept]) < 0).all()


def test_gains_are_cost_saved_per_bit(chapter):
    size, cost = np.array([2, 5, 9]), np.array([10.0, 4.0, 3.0])
    assert chapter.gain(size, cost, 0, 1) == 2
    assert chapter.gain(size, cost, 1, 2) == 0.25


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 4), st.floats(0, 1), st.booleans())
def test_all_solvers_against_every_assignment(chapter, seed, L, fill, monotone):
    sizes, costs = problem(seed, L, B=4, monotone=monotone)
    low, high = sizes.min(axis=1).sum(), sizes.max(axis=1).sum()
    budget = int(low + fill * (high - low))
    optimum = best(sizes, costs, budget)
    exact = chapter.dynamic(sizes, costs, budget)
    whole = chapter.integer_programme(sizes, costs, budget).argmax(axis=1)
    walk, relaxed, step = chapter.greedy(sizes, costs, budget, split=True)
    for pick in (exact, whole, walk):
        assert chapter.total(sizes, pick) <= budget
    assert chapter.total(costs, exact) == chapter.total(costs, whole) == optimum
    assert relaxed - 1e-9 <= optimum <= chapter.total(costs, walk) <= relaxed + step + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_budgets_in_between_and_at_a_step_are_used_up(chapter, seed):
    """Every budget of a small problem, so that steps fit exactly, by one unit, or not."""
    rng = np.random.default_rng(seed)
    sizes, costs = rng.integers(1, 4, (3, 1)) * WIDTHS[:4], rng.integers(1, 9, (3, 4))
    low, high = sizes.min(axis=1).sum(), sizes.max(axis=1).sum()
    for budget in range(low, high + 2):
        optimum = best(sizes, costs, budget)
        assert chapter.total(costs, chapter.dynamic(sizes, costs, budget)) == optimum
        x = chapter.integer_programme(sizes, costs, budget)
        assert chapter.total(costs, x.argmax(axis=1)) == optimum
        walk = chapter.greedy(sizes, costs, budget)
        assert optimum <= chapter.total(costs, walk)
        assert chapter.total(sizes, walk) <= budget


@pytest.mark.parametrize("seed", range(3))
def test_the_integer_programme_may_be_relaxed(chapter, seed):
    sizes, costs = problem(seed, 8)
    low, split = sizes.min(axis=1).sum(), 0
    for budget in range(low, low + np.ptp(sizes, axis=1).sum(), 97):
        x = chapter.integer_programme(sizes, costs, budget, whole=False)
        answer = linprog(costs.ravel(), A_ub=sizes.reshape(1, -1), b_ub=[budget],
                         A_eq=np.kron(np.eye(8), np.ones(6)), b_eq=np.ones(8))  # fmt: skip
        assert (x * costs).sum() == pytest.approx(answer.fun)
        assert x.sum(axis=1) == pytest.approx(np.ones(8))
        assert (x * sizes).sum() <= budget + 1e-6
        split += ((x > 1e-6) & (x < 1 - 1e-6)).any()
        whole = chapter.integer_programme(sizes, costs, budget)
        assert set(np.round(whole.ravel(), 9)) == {0, 1}
    assert split


@pytest.mark.parametrize("seed", range(5))
def test_the_split_walk_is_the_linear_programme(chapter, seed):
    sizes, costs = problem(seed, 12)
    budget = int(0.4 * sizes.max(axis=1).sum() + 0.6 * sizes.min(axis=1).sum())
    _, relaxed, _ = chapter.greedy(sizes, costs, budget, split=True)
    answer = linprog(costs.ravel(), A_ub=sizes.reshape(1, -1), b_ub=[budget],
                     A_eq=np.kron(np.eye(12), np.ones(6)), b_eq=np.ones(12))  # fmt: skip
    assert relaxed == pytest.approx(answer.fun, rel=1e-9)


def test_room_for_everything_takes_the_cheapest_items(chapter):
    sizes, costs = problem(3, 5)
    pick, relaxed, step = chapter.greedy(sizes, costs, sizes.max(axis=1).sum(), split=True)
    assert (costs[np.arange(5), pick] == costs.min(axis=1)).all()
    assert (relaxed, step) == (costs.min(axis=1).sum(), 0)


def test_a_worked_instance(chapter):
    """Two layers by hand: gains per bit 6 and 1 in the first, 4 in the second."""
    sizes, costs = np.array([[1, 2, 4], [1, 3, 9]]), np.array([[10, 4, 2], [8, 0, 0]])
    assert chapter.greedy(sizes, costs, 5).tolist() == [1, 1]
    assert chapter.greedy(sizes, costs, 4).tolist() == [1, 0]
    assert chapter.greedy(sizes, costs, 4, key=lambda e: e).tolist() == [0, 1]


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize(
    "layer", [nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Linear(5, 3)]
)
def test_integer_layers_stand_for_their_weights(chapter, layer, bits):
    found = chapter.to_integers(layer, bits, 5)
    assert abs(found.codes).max() < 2 ** (bits - 1)
    assert ((found.multiplier >= 128) & (found.multiplier < 256)).all()
    step = found.multiplier * 2.0**-found.shift
    wanted = mse_scale(layer.weight.detach(), bits, axis=0).flatten()
    assert np.allclose(step, wanted, rtol=1 / 256)  # eight bits of the best scale
    w = layer.weight.detach().double().numpy()
    values = found.codes * step.reshape(-1, *[1] * (w.ndim - 1))
    inside = abs(w) < (2 ** (bits - 1) - 1) * step.reshape(-1, *[1] * (w.ndim - 1))
    assert (abs(values - w)[inside] <= 0.5001 * np.broadcast_to(
        step.reshape(-1, *[1] * (w.ndim - 1)), w.shape)[inside]).all()  # fmt: skip
    assert np.allclose(found.bias * step / 32, layer.bias.detach().numpy(), atol=step.max() / 60)


def test_a_kernel_that_is_almost_zero_leaves_its_bias_in_range(chapter):
    layer = nn.Conv2d(1, 2, 1)
    nn.init.constant_(layer.weight, 1e-12)
    nn.init.constant_(layer.bias, -3.0)
    found = chapter.to_integers(layer, 4, 5)
    assert abs(found.bias).max() <= 1.01 * 2**24
    assert np.allclose(found.bias * found.multiplier * 2.0 ** -(found.shift + 5), -3, rtol=1e-6)


@pytest.mark.parametrize("linear", [False, True])
def test_a_strided_layer_is_torchs_convolution_rounded(chapter, linear):
    torch.manual_seed(2)
    part = fold_norms(ConvNorm(2, 3, 3, 2, linear=linear))
    layer = chapter.to_integers(part.conv, 5, 5)
    q = np.random.default_rng(0).integers(-999, 999, (2, 2, 8, 8))
    scale = torch.from_numpy(layer.multiplier * 2.0**-layer.shift)
    w = torch.from_numpy(layer.codes) * scale.view(-1, 1, 1, 1)
    b = torch.from_numpy(layer.bias) * scale / 32
    padded = F.pad(torch.from_numpy(q) / 32.0, (0, 1, 0, 1)).double()  # TensorFlow's padding
    y = F.conv2d(padded, w, b, stride=2)
    y = torch.floor((y if linear else y.clamp(0, 6)) * 32 + 0.5)
    assert y.max() > 127 if linear else (y == 192).any()
    assert np.array_equal(chapter.run_layer(q, layer, part, "half-up"), y.numpy())


@pytest.mark.parametrize(("linear", "low", "high"), [(True, -(2**15), 2**15 - 1), (False, 0, 192)])
def test_activations_saturate_at_their_ends(chapter, linear, low, high):
    part = fold_norms(ConvNorm(1, 2, 1, linear=linear).eval())
    with torch.no_grad():
        part.conv.weight.copy_(torch.tensor([3.0, -3.0]).reshape(2, 1, 1, 1))
    layer = chapter.to_integers(part.conv, 8, 5)
    q = np.full((1, 1, 1, 1), 100_000)
    assert chapter.run_layer(q, layer, part, "half-up").ravel().tolist() == [high, low]


def test_logits_of_channels_with_different_scales_have_one_unit(chapter):
    rng = np.random.default_rng(0)
    codes, bias = rng.integers(-7, 8, (4, 6)), rng.integers(-99, 99, 4)
    multiplier, shift = rng.integers(128, 256, 4), np.array([9, 12, 7, 12])
    layer = chapter.IntegerLayer(codes, bias, multiplier, shift, 5)
    q = rng.integers(0, 193, (3, 6))
    logits, s = chapter.run_classifier(q, layer)
    assert s == 12 + 5
    for n, k in np.ndindex(3, 4):
        total = int(bias[k]) + sum(int(a) * int(b) for a, b in zip(q[n], codes[k], strict=True))
        value = Fraction(total * int(multiplier[k]), 2 ** int(shift[k] + 5))
        assert Fraction(int(logits[n, k]), 2**s) == value


@pytest.mark.parametrize("rounding", ["half-up", "floor"])
def test_integers_in_python_give_the_same_network(chapter, rounding):
    """The whole integer network again, with Python's own integers and loops."""
    torch.manual_seed(1)
    convs = ConvNorm(1, 2, 3), ConvNorm(2, 2, 3, groups=2), nn.MaxPool2d(2)
    net = fold_norms(nn.Sequential(*convs, nn.Flatten(), nn.Linear(8, 3)))
    parts = [net[0].conv, net[1].conv, net[4]]
    arguments = zip(parts, (3, 4, 5), (4, 5, 5), strict=True)  # bits, fraction bits of the input
    layers = [chapter.to_integers(*three) for three in arguments]
    x = np.random.default_rng(0).integers(0, 17, (2, 1, 4, 4))
    trace, s = chapter.run_integers(net, layers, x, rounding)
    if rounding == "half-up":
        default = chapter.run_integers(net, layers, x)[0]
        assert all(np.array_equal(*two) for two in zip(default, trace, strict=True))
    for image in range(2):
        q = x[image].tolist()
        for layer, groups, seen in zip(layers[:2], (1, 2), trace[:2], strict=True):
            q = [[[cell(layer, groups, q, k, i, j, rounding) for j in range(4)]
                  for i in range(4)] for k in range(2)]  # fmt: skip
            assert np.array_equal(seen[image], q)
        flat = [max(q[k][i + a][j + b] for a in (0, 1) for b in (0, 1))
                for k in (0, 1) for i in (0, 2) for j in (0, 2)]  # fmt: skip
        last = layers[2]
        for k in range(3):
            total = sum(int(w) * v for w, v in zip(last.codes[k], flat, strict=True))
            total += int(last.bias[k])
            shift = s - 5 - int(last.shift[k])
            assert trace[-1][image, k] == total * int(last.multiplier[k]) * 2**shift


class Tiny(nn.Module):
    """An EfficientNet-Lite0 of two blocks, one with a shortcut."""

    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(1, 4, 3, 2)
        blocks = InvertedResidual(4, 4, 3, 1, 2), InvertedResidual(4, 6, 3, 2, 3)
        self.blocks = nn.Sequential(*blocks)
        self.head, self.classifier = ConvNorm(6, 8, 1), nn.Linear(8, 5)


def test_integer_layers_have_the_widths_picked_and_the_fractions_given(chapter):
    torch.manual_seed(3)
    net = fold_norms(Tiny().eval())
    pick, fractions = [5, 0, 1, 2, 3, 4, 5, 0, 1], [8, 5, 5, 5, 5, 5, 5, 5, 7]
    layers = chapter.integer_layers(net, pick, fractions)
    parts = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert [layer.codes.shape for layer in layers] == [tuple(p.weight.shape) for p in parts]
    for layer, part, k, fraction in zip(layers, parts, pick, fractions, strict=True):
        alone = chapter.to_integers(part, int(WIDTHS[k]), fraction)
        assert all(np.array_equal(*two) for two in zip(layer, alone, strict=True))
    with pytest.raises(ValueError, match="zip"):
        chapter.integer_layers(net, pick[:-1], fractions)


def test_lite0_in_integers_is_its_own_forward_pass(chapter):
    torch.manual_seed(3)
    net = fold_norms(Tiny().eval())
    layers = chapter.integer_layers(net, [5, 3, 3, 3, 3, 3, 3, 3, 5], [8, *[5] * 7, 7])
    q = np.random.default_rng(0).integers(-99, 99, (2, 1, 8, 8))
    trace, s = chapter.run_lite0(net, layers, q)
    parts, seen = [m for m in net.modules() if isinstance(m, ConvNorm)], []

    def step(x):
        i = len(seen)
        seen.append(chapter.run_layer(x, layers[i], parts[i], "half-up"))
        return seen[-1]

    x = step(q)
    x = x + step(step(step(x)))
    x = step(step(step(x)))
    pooled = step(x).sum(axis=(2, 3))
    assert len(trace) == len(seen) + 1 == 9
    assert all(np.array_equal(*two) for two in zip(trace, seen, strict=False))
    last = layers[-1]
    scale = last.multiplier * 2.0 ** -(last.shift + last.fraction)
    expected = (pooled.astype(int) @ last.codes.T + last.bias) * scale
    assert np.array_equal(trace[-1] * 2.0**-s, expected)
    assert not any("forward" in vars(part) for part in parts)  # the network stays as it was
    floor = chapter.run_lite0(net, layers, q, "floor")[0]
    assert not np.array_equal(floor[0], trace[0])


def cell(layer, groups, q, k, i, j, rounding):
    """One output code: rows and columns outside count as zero."""
    channels = range(len(q)) if groups == 1 else [k]
    total = int(layer.bias[k])
    for c, channel in enumerate(channels):
        for r, column in itertools.product(range(3), repeat=2):
            row, col = i + r - 1, j + column - 1
            if 0 <= row < 4 and 0 <= col < 4:
                total += int(layer.codes[k, c, r, column]) * int(q[channel][row][col])
    shift = int(layer.shift[k]) + layer.fraction - 5
    half = 2 ** (shift - 1) if rounding == "half-up" else 0
    return min(max((total * int(layer.multiplier[k]) + half) // 2**shift, 0), 192)
