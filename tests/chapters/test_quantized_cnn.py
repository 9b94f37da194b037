"""Tests of the chapter quantized_cnn: its methods against slow or independent ways."""

import inspect
import io
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import repro
from repro.hardware.workloads import Convolution
from repro.quantize.uniform import mse_scale, quantize_symmetric


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("quantized_cnn")


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def example(chapter, seed=0, shape=(8, 5, 3, 2), c=2, K=4, groups=2, positions=150):
    """Weight, inputs, targets and a start of one layer; its last block is short."""
    w = normal(*shape, seed=seed)
    x = normal(groups, positions, w[0].numel(), seed=seed + 1).relu()
    noise = normal(groups, positions, shape[0] // groups, seed=seed + 2)
    t = x @ w.reshape(groups, shape[0] // groups, -1).mT + noise
    return w, x, t, chapter.product_quantize(w, c, K, seed)


def squared_error(chapter, q, x, t):
    w = chapter.decode(q)
    return float((x @ w.reshape(len(x), -1, x.shape[2]).mT - t).square().sum())


@pytest.mark.parametrize(("C", "c"), [(4, 2), (5, 2), (3, 8), (6, 1)])
def test_blocks_hold_channels_in_order_and_decode_brings_them_back(chapter, C, c):
    w = normal(3, C, 2, 3)
    parts = chapter.blocks(w, c)
    M = -(-C // c)
    assert parts.shape == (3, 2, 3, M, c)
    for t, i, r, s in np.ndindex(3, C, 2, 3):
        assert parts[t, r, s, i // c, i % c] == w[t, i, r, s]
    assert parts.abs().sum() == pytest.approx(float(w.abs().sum()))
    codebooks = parts.permute(3, 0, 1, 2, 4).reshape(M, 18, c)
    index = torch.arange(18).reshape(3, 2, 3, 1).expand(3, 2, 3, M)
    assert torch.equal(chapter.decode(chapter.Quantized(codebooks, index, C)), w)


def test_as_many_codewords_as_sub_vectors_cost_nothing(chapter):
    w = normal(3, 5, 2, 2)
    q = chapter.product_quantize(w, 2, 12)
    assert q.codebooks.shape == (3, 12, 2) and q.index.shape == (3, 2, 2, 3) and q.channels == 5
    assert torch.allclose(chapter.decode(q), w, atol=1e-12)


def test_a_block_is_no_longer_than_the_channels(chapter):
    q = chapter.product_quantize(normal(6, 3, 1, 1), 8, 2)
    assert q.codebooks.shape == (1, 2, 3)


@pytest.mark.parametrize("seed", range(3))
def test_kmeans_ends_at_nearest_centres_that_are_means(chapter, seed):
    x = normal(3, 40, 2, seed=seed)
    centres, index = chapter.kmeans(x, 5, seed, 2)
    for m, i in np.ndindex(3, 40):
        distances = (centres[m] - x[m, i]).square().sum(1)
        assert distances[index[m, i]] == pytest.approx(float(distances.min()))
    for m, k in np.ndindex(3, 5):
        assert torch.allclose(centres[m, k], x[m][index[m] == k].mean(0))


def kmeans_error(x, centres, index):
    return (
        (x - centres.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))).square().sum((1, 2))
    )


def test_each_set_keeps_the_best_of_its_starts(chapter):
    x = normal(4, 30, 2, seed=5)
    one, many = (kmeans_error(x, *chapter.kmeans(x, 6, 0, n)) for n in (1, 12))
    assert (many <= one + 1e-9).all() and many.sum() < 0.99 * one.sum()
    again = chapter.kmeans(x, 6, 0, 12)
    assert torch.equal(again[0], chapter.kmeans(x, 6, 0, 12)[0])
    assert not torch.equal(again[1], chapter.kmeans(x, 6, 1, 12)[1])


def test_kmeans_of_equal_points(chapter):
    centres, index = chapter.kmeans(torch.ones(1, 5, 2), 3, 0, 1)
    assert torch.equal(centres, torch.ones(1, 3, 2)) and index.shape == (1, 5)


def test_starts_are_points_and_prefer_far_ones(chapter):
    x = torch.cat([torch.zeros(1, 50, 1), torch.full((1, 1, 1), 9.0)], 1)
    for seed in range(5):
        first = chapter.seeds_of_clusters(x, 2, torch.Generator().manual_seed(seed))
        assert sorted(first[0, :, 0].tolist()) == [0.0, 9.0]
    y = normal(3, 20, 2)
    starts = chapter.seeds_of_clusters(y, 6, torch.Generator().manual_seed(0))
    for m in range(3):
        assert len({tuple(row) for row in starts[m].tolist()}) == 6
        assert all((y[m] == row).all(1).any() for row in starts[m])


@pytest.mark.parametrize(
    ("C", "T", "groups", "R", "S", "stride", "padding", "c"),
    [(7, 6, 1, 3, 2, 1, 1, 4), (8, 12, 2, 3, 3, 2, 0, 3), (6, 4, 2, 1, 1, 3, 0, 2),
     (3, 8, 1, 2, 5, 2, 2, 3)],
)  # fmt: skip
def test_lookups_equal_a_convolution_with_decoded_weights(
    chapter, C, T, groups, R, S, stride, padding, c
):
    q = chapter.product_quantize(normal(T, C // groups, R, S), c, 3)
    x = normal(2, C, 9, 7, seed=3)
    y = chapter.lookup_conv2d(x, q, stride, padding, groups)
    expected = F.conv2d(x, chapter.decode(q), None, stride, padding, 1, groups)
    assert y.dtype == x.dtype and torch.allclose(y, expected, atol=1e-12)
    if (stride, padding, groups) == (1, 0, 1):
        assert torch.equal(chapter.lookup_conv2d(x, q), y)


def test_lookups_have_plain_defaults(chapter):
    q = chapter.product_quantize(normal(4, 3, 2, 2), 2, 3)
    x = normal(1, 3, 5, 5)
    assert torch.allclose(chapter.lookup_conv2d(x, q), F.conv2d(x, chapter.decode(q)))


def test_costs_of_alexnet(chapter):
    conv2 = chapter.cost(Convolution(96, 256, 5, 1, 2, 27, 27), 8, 128)
    assert conv2.dense == 27 * 27 * 25 * 48 * 256
    assert conv2.table == 27 * 27 * 96 * 128
    assert conv2.lookups == 27 * 27 * 25 * 256 * 6
    assert conv2.dense_bits == 32 * 25 * 48 * 256
    assert conv2.codebook_bits == 32 * 48 * 128 and conv2.index_bits == 25 * 256 * 6 * 7
    assert conv2.speedup == pytest.approx(223948800 / (8957952 + 27993600))
    assert conv2.compression == pytest.approx(9830400 / (196608 + 268800))
    fc8 = chapter.cost(Convolution(4096, 1000, 1, 1, 1, 1, 1), 1, 16)
    assert fc8.speedup == pytest.approx(0.984, abs=1e-3)
    both = chapter.total([conv2, fc8])
    assert both == tuple(a + b for a, b in zip(conv2, fc8, strict=True))
    assert both.speedup == both.dense / (both.table + both.lookups)


def test_costs_of_odd_numbers(chapter):
    conv1 = chapter.cost(Convolution(3, 96, 11, 4, 1, 227, 55), 8, 5)
    assert conv1.table == 227**2 * 3 * 5 and conv1.lookups == 55**2 * 121 * 96
    assert conv1.index_bits == 121 * 96 * 3 and conv1.codebook_bits == 32 * 3 * 5
    assert chapter.cost(Convolution(5, 2, 1, 1, 1, 1, 1), 2, 1).index_bits == 0


def test_moments_and_objective_equal_sums_over_the_data(chapter):
    w, x, t, q = example(chapter)
    phi, psi = chapter.moments(x, t, w.shape, 2)
    assert phi.shape == (2, 36, 36) and psi.shape == (2, 36, 4)
    for g in range(2):
        s = torch.stack([chapter.blocks(row.reshape(1, 5, 3, 2), 2).flatten() for row in x[g]])
        assert torch.allclose(phi[g], sum(torch.outer(a, a) for a in s))
        assert torch.allclose(psi[g], sum(torch.outer(a, b) for a, b in zip(s, t[g], strict=True)))
    error = squared_error(chapter, q, x, t)
    assert float(t.square().sum() + chapter.objective(q, phi, psi)) == pytest.approx(error)


def test_moments_are_kept_in_double_precision_and_blocks_cut(chapter):
    phi, psi = chapter.moments(torch.ones(1, 4, 3), torch.ones(1, 4, 2), (2, 3, 1, 1), 8)
    assert phi.dtype == psi.dtype == torch.float64
    assert torch.equal(phi, torch.full((1, 3, 3), 4.0).double())


def design(chapter, x, q, m, shape):
    """Inputs of block m summed by codeword, for all positions and outputs: (n T, K c)."""
    K, c = q.codebooks.shape[1:]
    index, rows = q.index.reshape(len(x), -1, *q.index.shape[1:]), []
    for g, part in enumerate(x):
        s = chapter.blocks(part.reshape(-1, *shape[1:]), c)[:, :, :, m]
        for t in range(index.shape[1]):
            row = torch.zeros(len(s), K, c, dtype=x.dtype)
            for r, a in np.ndindex(*shape[2:]):
                row[:, index[g, t, r, a, m]] += s[:, r, a]
            rows.append(row.flatten(1))
    return torch.cat(rows)


def split_moments(chapter, x, t, shape, q, m):
    """What `better_codewords` takes, from the moments."""
    P, (M, K, c) = shape[2] * shape[3], q.codebooks.shape
    phi, psi = chapter.moments(x, t, shape, c)
    w = chapter.blocks(chapter.decode(q), c).reshape(len(x), -1, P * M * c)
    E = (psi - phi @ w.mT).reshape(len(x), P, M, c, -1)[:, :, m]
    gram = phi.reshape(len(x), P, M, c, P, M, c)[:, :, m, :, :, m]
    used = F.one_hot(q.index.reshape(len(x), -1, P, M)[..., m], K).to(x.dtype)
    return gram, used, E


@pytest.mark.parametrize("shape", [(8, 5, 3, 2), (10, 6, 1, 1)])
def test_codewords_are_the_least_squares_solution(chapter, shape):
    _, x, t, q = example(chapter, shape=shape)
    for m in (0, 1):
        gram, used, E = split_moments(chapter, x, t, shape, q, m)
        step = chapter.better_codewords(gram, used, E, damping=1e-12)
        A = design(chapter, x, q, m, shape)
        now = x @ chapter.decode(q).reshape(2, shape[0] // 2, -1).mT
        rest = torch.cat([(t - now)[g].T.flatten() for g in range(2)])
        expected = torch.linalg.lstsq(A, rest[:, None]).solution.reshape(step.shape)
        assert torch.allclose(step, expected, atol=1e-6)


def test_damping_shortens_the_step_and_dead_inputs_take_none(chapter):
    _, x, t, q = example(chapter)
    gram, used, E = split_moments(chapter, x, t, (8, 5, 3, 2), q, 0)
    plain, short = (chapter.better_codewords(gram, used, E, damping=d) for d in (1e-9, 10.0))
    assert 0 < short.norm() < 0.7 * plain.norm()
    one, w = chapter.moments(x, torch.ones(2, 150, 4).double(), (8, 5, 3, 2), 2), q
    usual = chapter.error_correction(w, *one, 1)
    assert torch.equal(usual.codebooks, chapter.error_correction(w, *one, 1, 0.1).codebooks)
    assert not torch.equal(usual.codebooks, chapter.error_correction(w, *one, 1, 0.2).codebooks)
    H = torch.einsum("gtpk,gtql,gpiqj->kilj", used, used, gram).reshape(8, 8)
    rhs = torch.einsum("gtpk,gpit->ki", used, E).reshape(8)
    ridge = 10 * H.diagonal().mean() * torch.eye(8).double()
    assert torch.allclose(short.flatten(), torch.linalg.solve(H + ridge, rhs))
    assert not chapter.better_codewords(0 * gram, used, 0 * E, damping=0.1).any()


def test_indices_are_those_of_enumeration(chapter):
    D, a = normal(5, 3), normal(2, 40, 3, seed=1)
    t = normal(2, 40, 7, seed=2)
    gram, pull = a.mT @ a, (a.mT @ t).mT
    found = chapter.better_indices(D, gram, pull)
    for g, j in np.ndindex(2, 7):
        errors = [(t[g, :, j] - a[g] @ d).square().sum() for d in D]
        assert found[g, j] == int(np.argmin(errors))


@pytest.mark.parametrize("shape", [(4, 5, 2, 1), (6, 5, 1, 1)])
def test_a_sweep_equals_descent_on_the_data(chapter, shape):
    _, x, t, q = example(chapter, shape=shape, c=3, K=2, seed=7)
    fast = chapter.error_correction(q, *chapter.moments(x, t, shape, 3), 2, damping=1e-9)
    codebooks, index = q.codebooks.clone(), q.index.clone()
    slow = chapter.Quantized(codebooks, index, q.channels)
    for _, m in itertools.product(range(2), range(2)):
        A = design(chapter, x, slow, m, shape)
        now = x @ chapter.decode(slow).reshape(2, shape[0] // 2, -1).mT
        rest = torch.cat([(t - now)[g].T.flatten() for g in range(2)])
        live = A.abs().sum(0) > 0
        step = torch.zeros(A.shape[1], dtype=A.dtype)
        step[live] = torch.linalg.lstsq(A[:, live], rest[:, None]).solution.flatten()
        codebooks[m] += step.reshape(2, 3)
        for r, j in itertools.product(range(shape[2]), range(shape[0])):
            errors = []
            for k in range(2):
                index[j, r, 0, m] = k
                errors.append(squared_error(chapter, slow, x, t))
            index[j, r, 0, m] = int(np.argmin(errors))
    assert torch.equal(fast.index, index)
    assert torch.allclose(chapter.decode(fast), chapter.decode(slow), atol=1e-4)
    assert fast.channels == 5


def test_error_correction_falls_and_starts_where_it_is_told(chapter):
    w, x, t, q = example(chapter, seed=3)
    both = chapter.moments(x, t, w.shape, 2)
    kept = q.codebooks.clone(), q.index.clone()
    errors = [squared_error(chapter, q, x, t)]
    for n in range(1, 5):
        errors.append(squared_error(chapter, chapter.error_correction(q, *both, n), x, t))
    assert (np.diff(errors) < 1e-9).all() and errors[1] < 0.95 * errors[0]
    assert torch.equal(q.codebooks, kept[0]) and torch.equal(q.index, kept[1])
    default = chapter.error_correction(q, *both)
    assert torch.equal(default.codebooks, chapter.error_correction(q, *both, 3).codebooks)
    assert chapter.error_correction(q, *both, 0).index.equal(q.index)


def two_layers(seed=0):
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(72, 6),
    )  # fmt: skip
    return net, torch.randn(40, 2, 5, 5)


def test_a_network_layer_by_layer(chapter):
    net, x = two_layers()
    cheap, codes = chapter.quantize_network(net, x, (2, 3), (4, 2))
    assert list(codes) == ["0", "2", "5"]
    assert codes["0"].codebooks.shape == (1, 3, 2) and codes["2"].codebooks.shape == (2, 3, 2)
    assert codes["5"].codebooks.shape == (18, 2, 4)
    for name, q in codes.items():
        weight = cheap.get_submodule(name).weight.detach()
        assert torch.equal(chapter.decode(q).reshape(weight.shape), weight)
    errors = {
        way: float((chapter.quantize_network(net, x, (2, 3), (4, 2), **options)[0](x) - net(x))
                   .square().sum().detach())
        for way, options in {"yes": {}, "original": {"propagate": False},
                             "no": {"correct": False}}.items()
    }  # fmt: skip
    assert errors["yes"] < errors["original"] < errors["no"]


def test_without_correction_only_weights_count(chapter):
    net, x = two_layers()
    cheap, codes = chapter.quantize_network(
        net, x, (2, 3), (4, 2), correct=False, layers=["2", "5"], seed=4, restarts=1
    )
    q = chapter.product_quantize(net[2].weight.detach(), 2, 3, 4, 1)
    assert list(codes) == ["2", "5"] and torch.equal(codes["2"].codebooks, q.codebooks)
    assert torch.equal(cheap[0].weight, net[0].weight)
    more, _ = chapter.quantize_network(net, x, (2, 3), (4, 2), sweeps=1)
    base, _ = chapter.quantize_network(net, x, (2, 3), (4, 2))
    assert not torch.equal(more[0].weight, base[0].weight)


def test_defaults_are_those_of_the_chapter(chapter):
    net, x = two_layers()
    told = {"sweeps": 3, "damping": 0.1, "seed": 0, "restarts": 2}
    one, two = (chapter.quantize_network(net, x, (2, 3), (4, 2), **o)[0] for o in ({}, told))
    assert torch.equal(one[5].weight, two[5].weight)
    other, _ = chapter.quantize_network(net, x, (2, 3), (4, 2), damping=0.2)
    assert not torch.equal(one[5].weight, other[5].weight)
    w = normal(9, 4, 3, 3)
    assert torch.equal(
        chapter.product_quantize(w, 2, 6).codebooks,
        chapter.product_quantize(w, 2, 6, seed=0, restarts=2).codebooks,
    )
    assert not torch.equal(
        chapter.product_quantize(w, 2, 6).index, chapter.product_quantize(w, 2, 6, seed=1).index
    )


def test_at_most_4000_positions_are_used(chapter, monkeypatch):
    asked = []
    monkeypatch.setattr(
        chapter, "approximate", lambda net, images, solve, **o: asked.append(o) or net
    )
    net, x = two_layers()
    chapter.quantize_network(net, x, (2, 3), (4, 2), propagate=False)
    chapter.round_network(net, x, 2, layers=["0"])
    assert asked == [
        {"layers": None, "positions": 4000, "propagate": False},
        {"layers": ["0"], "positions": 4000},
    ]


def slow_gptq(w, phi, bits, damping):
    """As published: one column after the other, with the inverse of what is left."""
    w = w.clone()
    scale = mse_scale(w, bits, axis=0)[:, 0]
    high = 2 ** (bits - 1) - 1
    phi = phi + damping * phi.diagonal().mean() * torch.eye(len(phi)).double()
    for i in range(len(phi)):
        inverse = torch.linalg.inv(phi[i:, i:])
        rounded = (w[:, i] / scale).round().clamp(-high, high) * scale
        error = (w[:, i] - rounded) / inverse[0, 0]
        w[:, i:] -= error[:, None] * inverse[0]
        w[:, i] = rounded
    return w


@pytest.mark.parametrize("bits", [2, 3])
def test_gptq_equals_the_slow_way(chapter, bits):
    w, s = normal(6, 9), normal(50, 9, seed=1).relu()
    phi = s.T @ s
    found = chapter.gptq(w, phi, bits)
    assert torch.allclose(found, slow_gptq(w, phi, bits, 0.1))
    assert torch.allclose(chapter.gptq(w, phi, bits, 0.5), slow_gptq(w, phi, bits, 0.5))
    assert torch.equal(chapter.gptq(w, phi), chapter.gptq(w, phi, 2))
    assert inspect.signature(chapter.gptq).parameters["damping"].default == 0.1
    nearest = quantize_symmetric(w, bits, axis=0).dequantize()
    assert (s @ (found - w).T).square().sum() < (s @ (nearest - w).T).square().sum()
    assert torch.allclose(chapter.gptq(w, 0 * phi, bits), nearest)


def test_rounded_networks(chapter):
    net, x = two_layers()
    with torch.no_grad():
        nearest = chapter.round_network(net, x, 3, correct=False)
        assert torch.equal(
            nearest[2].weight, quantize_symmetric(net[2].weight.detach(), 3, axis=0).dequantize()
        )
        rounded = chapter.round_network(net, x, 2, layers=["0"])
        patches = F.unfold(x, 3, padding=1).permute(0, 2, 1).reshape(-1, 18).double()
        rows = net[0].weight.detach().flatten(1).double()
        expected = slow_gptq(rows, patches.T @ patches, 2, 0.1)
        assert torch.allclose(rounded[0].weight.flatten(1).double(), expected, atol=1e-6)
        errors = [
            float((chapter.round_network(net, x, 2, **o)(x) - net(x)).square().sum())
            for o in ({"ridge": 0.01}, {}, {"correct": False})
        ]
    assert errors[0] < errors[1] < errors[2]


def test_targets_are_answered_by_ridge_regression(chapter, monkeypatch):
    seen = []
    monkeypatch.setattr(chapter, "gptq", lambda w, *rest: seen.append((w, *rest)) or w)
    net, x = two_layers()
    with torch.no_grad():
        chapter.round_network(net, x, 3, layers=["0", "5"], damping=0.7, ridge=0.01)
        assert [rest for _, _, *rest in seen] == [[3, 0.7], [3, 0.7]]
        w, phi, *_ = seen[1]
        cheap = chapter.round_network(net, x, 3, layers=["0"], ridge=0.01)
        assert seen[-1][3] == 0.1
        s, wanted = cheap[:5](x).double(), (net[:5](x) @ net[5].weight.T).double()
        old = net[5].weight.double()
        lam = 0.01 * (s.T @ s).diagonal().mean()
        best = (
            old
            + torch.linalg.solve(
                s.T @ s + lam * torch.eye(72).double(), s.T @ (wanted - s @ old.T)
            ).T
        )
    assert torch.allclose(phi, s.T @ s, rtol=1e-4, atol=1e-4)
    assert torch.allclose(w, best, atol=1e-5)


def test_the_small_network(chapter):
    net = chapter.small_network(3)
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    shapes = [tuple(p.shape) for name, p in net.named_parameters() if "weight" in name]
    assert shapes == [(16, 1, 3, 3), (32, 16, 3, 3), (32, 32, 3, 3), (128, 512), (10, 128)]
    again = chapter.small_network(3)
    assert torch.equal(net[0].weight, again[0].weight)
    assert not torch.equal(net[0].weight, chapter.small_network(4)[0].weight)
    assert (chapter.CONV, chapter.LINEAR) == ((8, 8), (4, 4))
    assert chapter.TRAINING == {"epochs": 16, "lr": 4e-3, "batch_size": 128}


@pytest.mark.parametrize(
    ("w", "c", "K", "says"),
    [(torch.zeros(0, 3, 1, 1), 2, 2, "none of them 0"), (torch.ones(3, 4), 2, 2, r"\(3, 4\)"),
     (torch.ones(3, 4, 1, 1).long(), 2, 2, "int64"), ([1.0], 2, 2, "list"),
     (torch.full((3, 4, 1, 1), torch.nan), 2, 2, "finite"),
     (torch.ones(3, 4, 1, 1), 0, 2, "c = 0"), (torch.ones(3, 4, 1, 1), 2, 0, "K = 0"),
     (torch.ones(3, 4, 2, 1), 2, 7, "6 sub-vectors")],
)  # fmt: skip
def test_bad_weights_and_settings_are_refused(chapter, w, c, K, says):
    with pytest.raises(ValueError, match=says):
        chapter.product_quantize(w, c, K)


def test_one_block_length_and_one_codeword_are_allowed(chapter):
    q = chapter.product_quantize(normal(3, 2, 2, 2), 1, 1)
    assert torch.allclose(q.codebooks[:, 0, 0], normal(3, 2, 2, 2).mean((0, 2, 3)))
    assert chapter.product_quantize(normal(3, 2, 2, 2), 1, 12).codebooks.shape == (2, 12, 1)


@pytest.mark.parametrize(
    ("shape", "groups"), [((1, 5, 4, 4), 1), ((1, 4, 4), 1), ((1, 8, 4, 4), 2), ((1, 12, 4, 4), 3)]
)
def test_inputs_that_do_not_fit_are_refused(chapter, shape, groups):
    q = chapter.product_quantize(normal(5, 4, 1, 1), 2, 2)
    with pytest.raises(ValueError, match=rf"\(N, {4 * groups}, H, W\)"):
        chapter.lookup_conv2d(torch.zeros(shape).double(), q, groups=groups)


@pytest.mark.parametrize(("H", "W"), [(2, 5), (5, 1)])
def test_images_smaller_than_the_kernel_are_refused(chapter, H, W):
    q = chapter.product_quantize(normal(4, 3, 3, 2), 2, 2)
    with pytest.raises(ValueError, match=rf"kernel \(3, 2\), got \({H}, {W}\)"):
        chapter.lookup_conv2d(torch.zeros(1, 3, H, W).double(), q)
    assert chapter.lookup_conv2d(torch.zeros(1, 3, 3, 2).double(), q).shape == (1, 4, 1, 1)


def test_moments_refuse_nan_and_other_shapes(chapter):
    x, t = torch.ones(1, 4, 3), torch.ones(1, 4, 2)
    for a, b in ((x * torch.nan, t), (x, t * torch.inf), (x[0], t), (x, t[:, :3])):
        with pytest.raises(ValueError, match=r"finite x \(G, P, C R S\)"):
            chapter.moments(a, b, (2, 3, 1, 1), 2)


def test_error_correction_refuses_moments_of_another_layer(chapter):
    w, x, t, q = example(chapter)
    phi, psi = chapter.moments(x, t, w.shape, 2)
    wrong = [(phi[:, 1:, 1:], psi), (phi, psi[:, 1:]), (phi, psi[:, :, 1:]), (phi[:1], psi),
             (phi[:0], psi[:0]), (phi.repeat(3, 1, 1)[:3], psi.repeat(3, 1, 1)[:3])]  # fmt: skip
    for a, b in wrong:
        with pytest.raises(ValueError, match="expected phi"):
            chapter.error_correction(q, a, b)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types_are_kept(chapter, dtype):
    w = normal(6, 4, 2, 2).to(dtype)
    q = chapter.product_quantize(w, 2, 4)
    assert q.codebooks.dtype == chapter.decode(q).dtype == dtype
    x = normal(1, 50, 16, seed=1)
    q = chapter.error_correction(q, *chapter.moments(x, x @ normal(16, 6), w.shape, 2))
    assert q.codebooks.dtype == dtype and q.index.dtype == torch.int64


def test_quantized_layers_can_be_saved(chapter):
    q = chapter.product_quantize(normal(3, 4, 1, 1), 2, 2)
    file = io.BytesIO()
    torch.save(tuple(q), file)
    file.seek(0)
    back = chapter.Quantized(*torch.load(file))
    assert torch.equal(chapter.decode(back), chapter.decode(q))
