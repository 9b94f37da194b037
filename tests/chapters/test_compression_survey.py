"""Tests of the chapter compression_survey: its method against an independent way of computing."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("compression_survey")


def kernel(K=6, C=5, R=3, S=3, seed=0):
    return torch.randn(
        K, C, R, S, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


# ---- pruning ----


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("fine", (4, 3, 3, 2)),
        ("vector", (4, 3, 3, 1)),
        ("kernel", (4, 3, 1, 1)),
        ("group", (1, 3, 3, 2)),
        ("filter", (4, 1, 1, 1)),
    ],
)
@pytest.mark.parametrize("sparsity", [0, 0.3, 0.75, 1])
def test_whole_groups_of_largest_norm_stay(chapter, name, shape, sparsity):
    w = kernel(4, 3, 3, 2, seed=1)
    mask = chapter.prune(w, name, sparsity)
    assert mask.shape == w.shape
    axes = [axis for axis in range(4) if shape[axis] == 1 and w.shape[axis] > 1]
    norms, kept = [], []
    for index in np.ndindex(shape):
        at = tuple(slice(None) if a in axes else index[a] for a in range(4))
        norms.append(float(w[at].norm()))
        inside = mask[at]
        assert inside.all() or not inside.any()
        kept.append(bool(inside.all()))
    assert sum(kept) == len(norms) - round(sparsity * len(norms))
    if 0 < sum(kept) < len(kept):
        inside = min(n for n, k in zip(norms, kept, strict=True) if k)
        assert inside >= max(n for n, k in zip(norms, kept, strict=True) if not k)


def test_of_equal_groups_the_first_stay(chapter):
    mask = chapter.prune(torch.ones(2, 2, 1, 1), "fine", 0.5)
    assert mask.flatten().tolist() == [True, True, False, False]


@pytest.mark.parametrize("sparsity", [-0.1, 1.1])
def test_a_share_is_asked_for(chapter, sparsity):
    with pytest.raises(ValueError, match="share"):
        chapter.prune(kernel(), "fine", sparsity)


def test_another_granularity_is_refused(chapter):
    with pytest.raises(ValueError, match="expected one of"):
        chapter.prune(kernel(), "channel", 0.5)


@pytest.mark.parametrize(
    "w", [np.ones((2, 2, 3, 3)), torch.ones(3, 3), torch.ones(0, 1, 3, 3), kernel() * np.nan]
)
def test_what_is_no_kernel_is_refused(chapter, w):
    with pytest.raises(ValueError, match="expected a kernel"):
        chapter.prune(w, "fine", 0.5)


# ---- low rank ----


def test_the_channel_form_is_the_truncated_svd(chapter):
    w = kernel(6, 4, 3, 5)
    U, s, V = np.linalg.svd(w.flatten(1).numpy(), full_matrices=False)
    near = ((U[:, :3] * s[:3]) @ V[:3]).reshape(w.shape)
    kernels = chapter.channel(w, 3)
    assert [tuple(k.shape) for k in kernels] == [(3, 4, 3, 5), (6, 3, 1, 1)]
    assert np.allclose(chapter.composed(kernels, 4, 3, 5), near)


def test_the_spatial_form_is_the_truncated_svd_of_the_other_pairing(chapter):
    w = kernel(6, 4, 3, 5)
    M = w.numpy().transpose(1, 2, 0, 3).reshape(12, 30)
    U, s, V = np.linalg.svd(M, full_matrices=False)
    near = ((U[:, :4] * s[:4]) @ V[:4]).reshape(4, 3, 6, 5).transpose(2, 0, 1, 3)
    kernels = chapter.spatial(w, 4)
    assert [tuple(k.shape) for k in kernels] == [(4, 4, 3, 1), (6, 4, 1, 5)]
    assert np.allclose(chapter.composed(kernels, 4, 3, 5), near)


@pytest.mark.parametrize("side", [(3, 3), (5, 3)])
def test_stacked_layers_compute_the_composed_kernel(chapter, side):
    w, x = kernel(6, 4, *side), torch.randn(2, 4, 7, 8, dtype=torch.float64)
    bias = torch.arange(6, dtype=torch.float64)
    pad = side[0] // 2, side[1] // 2
    for kernels in (
        chapter.channel(w, 2), chapter.spatial(w, 3), chapter.tucker(w, 3, 2), chapter.cp(w, 3),
    ):  # fmt: skip
        whole = chapter.composed(kernels, 4, *side)
        net = chapter.stack(kernels, bias)
        assert torch.allclose(net(x), F.conv2d(x, whole, bias, padding=pad))
        assert all(layer.bias is None for layer in net[:-1])
        assert chapter.stack(kernels)[-1].bias is None


@pytest.mark.parametrize("form", ["channel", "spatial"])
@pytest.mark.parametrize("r", [0, 1.5, 99])
def test_a_rank_that_the_matrix_lacks_is_refused(chapter, form, r):
    with pytest.raises(ValueError, match="r: expected a whole number"):
        getattr(chapter, form)(kernel(), r)


def test_tucker_at_full_rank_is_exact_and_has_orthonormal_bases(chapter):
    w = kernel()
    B, core, A = chapter.tucker(w, 6, 5)
    assert torch.allclose(chapter.composed([B, core, A], 5, 3, 3), w)
    B, core, A = chapter.tucker(w, 4, 3)
    assert core.shape == (4, 3, 3, 3)
    for basis, r in ((B.flatten(1), 3), (A.flatten(1).T, 4)):
        assert torch.allclose(basis @ basis.T, torch.eye(r, dtype=w.dtype), atol=1e-12)
    expected = torch.einsum("kcrs,ki,jc->ijrs", w, A.flatten(1), B.flatten(1))
    assert torch.allclose(core, expected)


def test_sweeps_of_tucker_lose_no_more_than_one(chapter):
    w = kernel(8, 7)
    errors = [
        float((chapter.composed(chapter.tucker(w, 3, 2, n), 7, 3, 3) - w).norm())
        for n in (1, 2, 20, 40)
    ]
    assert errors[0] >= errors[1] - 1e-12 >= errors[2] - 2e-12
    assert errors[2] == pytest.approx(errors[3], rel=1e-3)


@pytest.mark.parametrize(("r_out", "r_in"), [(7, 2), (2, 6), (0, 1)])
def test_tucker_refuses_ranks_above_the_axes(chapter, r_out, r_in):
    with pytest.raises(ValueError, match="expected a whole number"):
        chapter.tucker(kernel(), r_out, r_in)


def test_cp_recovers_a_kernel_of_low_rank(chapter):
    rng = torch.Generator().manual_seed(3)
    parts = [torch.randn(n, 2, dtype=torch.float64, generator=rng) for n in (6, 5, 3, 4)]
    w = 7 * torch.einsum("kj,cj,rj,sj->kcrs", *parts)
    kernels = chapter.cp(w, 2, sweeps=300, ridge=1e-9)
    assert [tuple(k.shape) for k in kernels] == [
        (2, 5, 1, 1), (2, 1, 3, 1), (2, 1, 1, 4), (6, 2, 1, 1),
    ]  # fmt: skip
    error = (chapter.composed(kernels, 5, 3, 4) - w).norm() / w.norm()
    assert error < 1e-3
    damped = chapter.cp(w, 2)
    assert (chapter.composed(damped, 5, 3, 4) - w).norm() / w.norm() < 0.05


def test_cp_gets_nearer_with_its_rank_and_balances_its_factors(chapter):
    w = kernel()
    lost = [(chapter.composed(chapter.cp(w, r), 5, 3, 3) - w).norm() for r in (1, 5, 20)]
    assert lost[0] > lost[1] > lost[2]
    scale = w.square().mean().sqrt()
    c, row, column, k = chapter.cp(w, 3)
    sizes = [
        c.flatten(1).norm(dim=1), row.flatten(1).norm(dim=1), column.flatten(1).norm(dim=1),
        k.flatten(1).norm(dim=0) / scale,
    ]  # fmt: skip
    for size in sizes[1:]:
        assert torch.allclose(size, sizes[0])
    assert all(
        torch.equal(a, b) for a, b in zip(chapter.cp(w, 3), (c, row, column, k), strict=True)
    )


def test_cp_of_nothing_is_finite(chapter):
    made = chapter.composed(chapter.cp(torch.zeros(2, 3, 3, 3), 2), 3, 3, 3)
    assert torch.isfinite(made).all()
    assert made.abs().max() < 1e-6


# ---- levels ----


def best_by_force(x, K):
    x = np.sort(x)
    cuts = itertools.combinations(range(1, len(x)), K - 1)
    return min(sum(((p - p.mean()) ** 2).sum() for p in np.split(x, c)) for c in cuts)


@pytest.mark.parametrize("n", [1, 2, 5, 12])
@pytest.mark.parametrize("K", [1, 2, 3, 4, 12])
@pytest.mark.parametrize("digits", [0, 12])
def test_kmeans_is_as_good_as_every_set_of_cuts(chapter, n, K, digits):
    x = (3 * np.random.default_rng(n + K).normal(size=n)).round(digits) + 100
    if n < K:
        with pytest.raises(ValueError, match="K: expected a whole number"):
            chapter.kmeans(x, K)
        return
    levels, index = chapter.kmeans(x.reshape(1, -1), K)
    assert sorted(set(index)) == list(range(K))
    assert ((x - levels[index]) ** 2).sum() == pytest.approx(best_by_force(x, K), abs=1e-9)
    for k in range(K):
        assert levels[k] == pytest.approx(x[index == k].mean())
    assert (np.diff(levels) >= -1e-12).all()


def test_the_shortcut_of_the_cuts_agrees_with_trying_all(chapter):
    x = np.random.default_rng(5).standard_cauchy(90)
    levels, index = chapter.kmeans(x, 6)
    x_sorted, K = np.sort(x), 6
    s1 = np.concatenate([[0], np.cumsum(x_sorted)])
    s2 = np.concatenate([[0], np.cumsum(x_sorted**2)])
    d = lambda i, j: s2[j] - s2[i] - (s1[j] - s1[i]) ** 2 / (j - i)  # noqa: E731
    table = {j: d(0, j) for j in range(1, 91)}
    for k in range(2, K + 1):
        table = {j: min(table[i] + d(i, j) for i in range(k - 1, j)) for j in range(k, 91)}
    assert ((x - levels[index]) ** 2).sum() == pytest.approx(table[90])


@pytest.mark.parametrize("x", [[], [1.0, np.nan], [np.inf]])
def test_kmeans_needs_finite_numbers(chapter, x):
    with pytest.raises(ValueError, match="one finite number or more"):
        chapter.kmeans(x, 1)


@pytest.mark.parametrize("K", [2, 3, 8])
def test_even_levels_are_even_and_no_other_range_is_better(chapter, K):
    x = np.random.default_rng(K).normal(size=200) ** 3
    levels = chapter.evenly(x, K)
    assert len(levels) == K
    assert np.allclose(np.diff(levels), np.diff(levels)[0])
    middle, half = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
    assert levels.mean() == pytest.approx(middle)
    error = chapter.distortion(x, levels)
    for share in np.arange(1, 201) / 200:
        other = middle + share * half * np.linspace(-1, 1, K)
        assert error <= chapter.distortion(x, other) + 1e-12
    assert chapter.distortion(x, chapter.kmeans(x, K)[0]) <= error


def test_even_levels_need_two(chapter):
    with pytest.raises(ValueError, match="K: expected a whole number from 2"):
        chapter.evenly([1.0, 2.0], 1)
    with pytest.raises(ValueError, match="from 2 to 65536, got 65537"):
        chapter.evenly([1.0, 2.0], 2**16 + 1)


def test_distortion_is_the_mean_squared_distance_to_the_nearest(chapter):
    assert chapter.distortion([[0.0, 1.0], [4.0, 10.0]], [1, 5]) == (1 + 0 + 1 + 25) / 4


def test_nearest_levels_forward_and_the_identity_backward(chapter):
    w = torch.tensor([[-2.0, -0.4, 0.4], [0.6, 1.9, 9.0]], requires_grad=True)
    made = chapter.Nearest([2.0, -1.0, 0.0])(w)
    assert made.tolist() == [[-1, 0, 0], [0, 2, 2]]
    (made * torch.arange(6).reshape(2, 3)).sum().backward()
    assert torch.equal(w.grad, torch.arange(6.0).reshape(2, 3))


def test_shared_levels_are_trained_together(chapter):
    layer = nn.Linear(3, 2, bias=False)
    index = [0, 1, 1, 2, 0, 0]
    layer.weight.data = torch.tensor([[1.0, 4, 6], [7, 3, 2]])
    parametrize.register_parametrization(layer, "weight", chapter.Shared(index, (2, 3)))
    assert layer.parametrizations.weight.original.tolist() == [2, 5, 7]
    assert layer.weight.tolist() == [[2, 5, 5], [7, 2, 2]]
    layer.weight.sum().backward()
    assert layer.parametrizations.weight.original.grad.tolist() == [3, 2, 1]


# ---- teacher ----


@pytest.mark.parametrize("T", [1.0, 4.0])
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_distillation_mixes_labels_and_softened_answers(chapter, T, share):
    rng = torch.Generator().manual_seed(0)
    z, t = torch.randn(2, 6, 4, dtype=torch.float64, generator=rng)
    y = torch.tensor([0, 1, 2, 3, 0, 1])
    loss = 0.0
    for zi, ti, k in zip(z, t, y, strict=True):
        p, q = (ti / T).exp() / (ti / T).exp().sum(), (zi / T).exp() / (zi / T).exp().sum()
        hard = -(zi[k] - zi.exp().sum().log())
        loss += (1 - share) * hard + share * T**2 * (p * (p / q).log()).sum()
    assert chapter.distillation(z, t, y, T, share) == pytest.approx(float(loss / 6))


@pytest.mark.parametrize(
    ("T", "share", "wide"), [(0, 0.5, 4), (1, 1.5, 4), (1, -0.1, 4), (1, 1, 5)]
)
def test_distillation_refuses_what_does_not_fit(chapter, T, share, wide):
    with pytest.raises(ValueError, match="expected equal shapes"):
        chapter.distillation(torch.zeros(2, 4), torch.zeros(2, wide), torch.zeros(2), T, share)


# ---- compact layers and networks ----


@pytest.mark.parametrize("side", [3, 5])
def test_a_separable_layer_is_a_full_one_of_a_special_kernel(chapter, side):
    layer = chapter.separable(3, 4, side)
    x = torch.randn(2, 3, 6, 7)
    first, second = layer[0].weight, layer[1].weight
    whole = second * first.transpose(0, 1)
    assert torch.allclose(layer(x), F.conv2d(x, whole, padding=side // 2), atol=1e-5)
    assert layer[0].bias is None
    assert layer[1].bias is None


def test_shuffled_channels_are_interleaved(chapter):
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert chapter.Shuffle(2)(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_work_is_counted_layer_by_layer(chapter):
    net = chapter.network()
    x = torch.zeros(1, 1, 12, 12)
    assert net(x).shape == (1, 10)
    found = [(K, n, P) for _, K, n, P in chapter.work(net, x)]
    assert found == [(8, 9, 144), (16, 72, 144), (32, 144, 36), (10, 32, 1)]
    assert chapter.macs(net, x) == 8 * 9 * 144 + 16 * 72 * 144 + 32 * 144 * 36 + 320
    assert chapter.cycles(net, x) == sum(chapter.array_cycles(*one) for one in found)
    assert not any(m._forward_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())


def test_groups_take_their_turn_on_the_array(chapter):
    layer = nn.Conv2d(4, 8, 3, padding=1, groups=2)
    x = torch.zeros(1, 4, 5, 5)
    assert chapter.cycles(layer, x) == 2 * chapter.array_cycles(4, 18, 25)
    assert chapter.macs(layer, x) == 8 * 18 * 25


def test_the_recipe_is_the_one_that_the_page_states(chapter):
    assert (chapter.CHANNELS, chapter.EPOCHS, chapter.BATCH) == ((1, 8, 16, 32), 20, 64)
    w = kernel()
    for made, stated in (
        (chapter.tucker(w, 3, 2), chapter.tucker(w, 3, 2, sweeps=20)),
        (chapter.cp(w, 3), chapter.cp(w, 3, sweeps=100, ridge=1e-3)),
    ):
        assert all(torch.equal(a, b) for a, b in zip(made, stated, strict=True))


@pytest.mark.parametrize("r", [6, 7])
def test_ranks_may_use_up_the_matrix_and_no_more(chapter, r):
    w = kernel()
    if r == 6:
        assert torch.allclose(chapter.composed(chapter.channel(w, r), 5, 3, 3), w)
        assert torch.allclose(chapter.composed(chapter.spatial(w, 15), 5, 3, 3), w)
    else:
        with pytest.raises(ValueError, match="r: expected a whole number from 1 to 6"):
            chapter.channel(w, r)


def test_stacks_keep_the_size_of_the_map_on_both_axes(chapter):
    made = chapter.stack([kernel(4, 2, 1, 5), kernel(3, 4, 7, 1)])
    assert made(torch.zeros(1, 2, 8, 9, dtype=torch.float64)).shape == (1, 3, 8, 9)


def test_what_is_no_kernel_is_named(chapter):
    with pytest.raises(ValueError, match="finite numbers, got list"):
        chapter.kernel([1.0])
    with pytest.raises(ValueError, match=r"finite numbers, got \(2, 3\)"):
        chapter.kernel(torch.zeros(2, 3))


def test_all_but_the_first_convolution_are_replaced(chapter):
    net = chapter.network((1, 2, 3, 4))
    made = chapter.replaced(net, lambda conv: nn.Identity())
    assert chapter.places(net) == [3, 7]
    assert isinstance(made[0], nn.Conv2d)
    assert [k for k, m in enumerate(made) if isinstance(m, nn.Identity)] == [3, 7]
    assert isinstance(net[3], nn.Conv2d)


# ---- machines ----


@pytest.mark.parametrize(("K", "n", "P"), [(1, 1, 1), (8, 5, 8), (9, 5, 17), (32, 144, 36)])
def test_cycles_of_the_array_tile_by_tile(chapter, K, n, P):
    for rows, columns in ((8, 8), (2, 3)):
        tiles = len(range(0, K, rows)) * len(range(0, P, columns))
        cycles = tiles * (n + (rows - 1) + (columns - 1))
        assert chapter.array_cycles(K, n, P, rows, columns) == cycles
    assert chapter.array_cycles(K, n, P) == chapter.array_cycles(K, n, P, 8, 8)


def test_rows_that_skip_zeros_wait_for_the_fullest(chapter):
    kept = np.zeros((5, 6))
    kept[0, :2], kept[1, :5], kept[4, :1] = 1, 1, 1
    expected = 3 * ((5 + 3) + (0 + 3) + (1 + 3))
    assert chapter.skipping_cycles(kept, 7, 2, 3) == expected
    assert chapter.skipping_cycles(np.ones((8, 9)), 8) == chapter.array_cycles(8, 9, 8)
    assert chapter.skipping_cycles(np.ones((9, 9)), 9) == chapter.array_cycles(9, 9, 9)


def test_the_roof(chapter):
    assert chapter.roofline([0.5, 2, 100], 10, 4).tolist() == [2, 8, 10]


# ---- bad input ----


@pytest.mark.parametrize("r", [np.nan, np.inf, -np.inf, 2.5])
def test_ranks_are_whole_numbers(chapter, r):
    for form in (chapter.channel, chapter.spatial, chapter.cp):
        with pytest.raises(ValueError, match="r: expected a whole number from 1"):
            form(kernel(), r)


@pytest.mark.parametrize("x", [[], [1.0, np.nan], [np.inf, 0.0], torch.zeros(0), torch.ones(2) / 0])
def test_even_levels_need_finite_numbers(chapter, x):
    """A NaN once gave levels of NaN in silence."""
    with pytest.raises(ValueError, match="expected a finite number or more"):
        chapter.evenly(x, 4)
    with pytest.raises(ValueError, match="expected finite numbers and levels"):
        chapter.distortion(x, [1.0, 2.0])
    with pytest.raises(ValueError, match="expected finite numbers and levels"):
        chapter.distortion([1.0, 2.0], x)


def test_even_levels_need_a_range(chapter):
    assert chapter.evenly([0.0, 1.0], 2, ranges=1).tolist() == [0, 1]
    for wrong in (0, -1, np.nan):
        with pytest.raises(ValueError, match="a range or more"):
            chapter.evenly([0.0, 1.0], 2, ranges=wrong)


def test_decompositions_need_a_sweep(chapter):
    for sweeps in (0, -1, np.nan):
        with pytest.raises(ValueError, match="sweeps: expected 1 or more"):
            chapter.tucker(kernel(), 2, 2, sweeps=sweeps)
        with pytest.raises(ValueError, match="expected 1 sweep or more"):
            chapter.cp(kernel(), 2, sweeps=sweeps)
    for ridge in (-1e-9, np.nan, np.inf):
        with pytest.raises(ValueError, match="and a ridge >= 0"):
            chapter.cp(kernel(), 2, ridge=ridge)
    assert torch.isfinite(chapter.composed(chapter.cp(kernel(), 2, 1, 0), 5, 3, 3)).all()


def test_stacks_of_what_does_not_fit_are_refused(chapter):
    for wrong in ([], [kernel(4, 2, 2, 3)], [kernel(4, 2, 3, 4)]):
        with pytest.raises(ValueError, match="expected kernels of odd sides"):
            chapter.stack(wrong)
    for inner in (3, 5, 8):
        with pytest.raises(ValueError, match=f"takes {inner} channels, of 4 that it is given"):
            chapter.stack([kernel(4, 2), kernel(3, inner)])
    with pytest.raises(ValueError, match=r"expected 4 biases, got \(3,\)"):
        chapter.stack([kernel(4, 2)], torch.zeros(3))
    with pytest.raises(ValueError, match="span less than 5x3"):
        chapter.composed([kernel(4, 2)], 2, 5, 3)


@pytest.mark.parametrize("levels", [[], torch.zeros(0), [0.0, np.nan], [np.inf], 1.0, [[0.0, 1.0]]])
def test_nearest_levels_are_finite(chapter, levels):
    with pytest.raises(ValueError, match="expected a row of finite levels"):
        chapter.Nearest(levels)


def test_levels_and_indices_may_be_tensors(chapter):
    levels = torch.tensor([2.0, 0.0], requires_grad=True)
    assert chapter.Nearest(levels)(torch.tensor([0.9, 1.1])).tolist() == [0, 2]
    assert chapter.Shared(torch.tensor([0, 1, 1]), (3,)).index.tolist() == [0, 1, 1]


@pytest.mark.parametrize("index", [[], torch.zeros(0), [0, 2], [1, 1], [-1, 0]])
def test_no_shared_level_is_left_out(chapter, index):
    """A level that nobody shares would be the mean of nothing, NaN."""
    with pytest.raises(ValueError, match=r"expected indices 0, 1, \.\.\., none left out"):
        chapter.Shared(index, (len(index),))


def test_distillation_refuses_nothing_and_no_end(chapter):
    z, y = torch.zeros(2, 4), torch.zeros(2, dtype=torch.long)
    for T in (np.nan, np.inf, -1.0):
        with pytest.raises(ValueError, match=f"a finite T > 0, .* {T}, 0.5"):
            chapter.distillation(z, z, y, T, 0.5)
    with pytest.raises(ValueError, match=r"expected equal shapes .* \(0, 4\)"):
        chapter.distillation(z[:0], z[:0], y[:0], 1.0, 0.5)


def test_compact_layers_need_channels_and_an_odd_side(chapter):
    for wrong in ((0, 4, 3), (4, 0, 3), (4, 4, 2), (4, 4, 0), (4, 4, -1)):
        with pytest.raises(ValueError, match="expected channels, filters and an odd side"):
            chapter.separable(*wrong)
    assert chapter.separable(1, 1, 1)(torch.ones(1, 1, 2, 2)).shape == (1, 1, 2, 2)
    for wrong in (0, -2, np.nan):
        with pytest.raises(ValueError, match="expected 1 group or more"):
            chapter.Shuffle(wrong)


@pytest.mark.parametrize("place", range(5))
def test_machines_have_sizes(chapter, place):
    sizes = [4, 5, 6, 8, 8]
    for wrong in (-1, np.nan, *([0] if place > 2 else [])):
        with pytest.raises(ValueError, match="expected sizes >= 0 and an array"):
            chapter.array_cycles(*sizes[:place], wrong, *sizes[place + 1 :])
    if place > 1:
        for wrong in (-1, np.nan, *([0] if place > 2 else [])):
            given = [*sizes[2:place], wrong, *sizes[place + 1 :]]
            with pytest.raises(ValueError, match=r"expected a mask \(K, n\), P >= 0, an array"):
                chapter.skipping_cycles(np.ones((4, 5)), *given)


def test_nothing_takes_no_time(chapter):
    assert chapter.array_cycles(0, 5, 6) == chapter.array_cycles(5, 5, 0) == 0
    assert chapter.array_cycles(1, 0, 1, 1, 1) == 0
    assert chapter.skipping_cycles(np.ones((4, 5)), 0) == 0
    assert chapter.roofline(0, 0, 0) == 0
    with pytest.raises(ValueError, match=r"expected a mask \(K, n\)"):
        chapter.skipping_cycles(np.ones(4), 6)


@pytest.mark.parametrize("wrong", [(-1, 1, 1), ([1, np.nan], 1, 1), (1, -1, 1), (1, 1, np.nan)])
def test_no_roof_lies_below_0(chapter, wrong):
    with pytest.raises(ValueError, match="expected nothing below 0"):
        chapter.roofline(*wrong)


@pytest.mark.parametrize("n", [0, 2])
def test_work_is_that_of_one_image(chapter, n):
    for count in (chapter.work, chapter.macs, chapter.cycles):
        with pytest.raises(ValueError, match=r"expected one image \(1, ...\), got"):
            count(chapter.network(), torch.zeros(n, 1, 12, 12))


def test_equal_numbers_fill_every_cluster(chapter):
    levels, index = chapter.kmeans([1.0, 1.0, 1.0], 2)
    assert levels.tolist() == [1, 1]
    assert sorted(set(index.tolist())) == [0, 1]


def test_a_core_of_one_channel(chapter):
    assert [tuple(w.shape) for w in chapter.tucker(kernel(), 2, 1)][1] == (2, 1, 3, 3)
