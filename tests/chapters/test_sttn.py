"""The methods of the chapter on soft threshold ternary networks, beyond what the chapter shows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import repro

sttn = repro.chapter("sttn")
TRITS = st.integers(1, 200).flatmap(
    lambda n: st.tuples(*[st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n)] * 2)
)


def latents(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) * 0.8 for _ in range(2)]


def test_a_sign_is_never_zero():
    W = torch.tensor([-0.0, 0.0, 1e-30, -1e-30])
    assert sttn.Sign.apply(W).tolist() == [1, 1, 1, -1]


def test_the_straight_through_estimator_is_clipped_at_one():
    W = torch.tensor([-1.0001, -1.0, 0.0, 1.0, 1.0001], requires_grad=True)
    sttn.Sign.apply(W).sum().backward()
    assert W.grad.tolist() == [0, 1, 1, 1, 0]


def test_the_activation_steps_at_one_half_as_the_released_kernel_does():
    x = torch.tensor([-1.5, -0.5, -0.4999, 0.4999, 0.5, 1.0], requires_grad=True)
    y = sttn.TernaryActivation.apply(x)
    y.sum().backward()
    assert y.tolist() == [-1, 0, 0, 0, 1, 1]
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 1]


def test_scale_and_kernel_follow_a_slow_loop_over_the_formula():
    W1, W2 = latents(3, 2, 3, 3)
    alpha, T = sttn.soft_ternary(W1, W2)
    for k in range(3):
        a, b = W1[k].flatten().tolist(), W2[k].flatten().tolist()
        total = sum(abs(v) for v in a) + sum(abs(v) for v in b)
        assert alpha[k].item() == pytest.approx(total / (2 * len(a)), rel=1e-12)
        signs = [(1 if v >= 0 else -1) + (1 if w >= 0 else -1) for v, w in zip(a, b, strict=True)]
        assert T[k].flatten().tolist() == signs


@pytest.mark.parametrize("seed", range(5))
def test_both_gradients_follow_a_slow_loop_over_the_formula(seed):
    W1, W2 = (W.requires_grad_() for W in latents(2, 1, 3, 3, seed=seed))
    upstream = latents(2, 1, 3, 3, seed=seed + 100)[0]
    alpha, T = sttn.soft_ternary(W1, W2)
    (upstream * alpha[:, None, None, None] * T).sum().backward()
    for W in (W1, W2):
        for k in range(2):
            g, w, t = (v[k].flatten().tolist() for v in (upstream, W.detach(), T.detach()))
            shared = sum(gj * tj for gj, tj in zip(g, t, strict=True)) / (2 * len(g))
            for gj, wj, grad in zip(g, w, W.grad[k].flatten().tolist(), strict=True):
                straight = alpha[k].item() * gj if abs(wj) <= 1 else 0.0
                assert grad == pytest.approx(straight + np.sign(wj) * shared, rel=1e-10, abs=1e-12)


def test_the_released_gradient_follows_its_formula():
    W1, W2 = (W.requires_grad_() for W in latents(2, 1, 3, 3))
    g = latents(2, 1, 3, 3, seed=7)[0]
    (g * sttn.ReleasedKernel.apply(W1, W2)).sum().backward()
    for W in (W1, W2):
        B = W.detach().sign()
        expected = g + B * (g * B).flatten(1).sum(1)[:, None, None, None] / 9
        torch.testing.assert_close(W.grad, expected, rtol=1e-12, atol=1e-12)


def test_the_released_rule_has_the_values_of_the_soft_threshold():
    W1, W2 = latents(3, 2, 3, 3)
    scale, T = sttn.released_ternary(W1, W2)
    alpha, B = sttn.soft_ternary(W1, W2)
    assert scale.tolist() == [1] * 3
    torch.testing.assert_close(T, alpha[:, None, None, None] * B)


def test_the_hard_threshold_cuts_each_filter_at_seven_tenths_of_its_mean():
    W = latents(4, 3, 3, 3)[0]
    alpha, T = sttn.hard_ternary(W)
    for k in range(4):
        kept = W[k].abs() > 0.7 * W[k].abs().mean()
        torch.testing.assert_close(T[k], W[k].sign() * kept)
        assert alpha[k].item() == pytest.approx(W[k].abs()[kept].mean().item(), rel=1e-12)


def test_a_weight_at_the_threshold_is_zero():
    W = torch.tensor([[0.7, -1.3], [-0.7, 1.3]], dtype=torch.float64).reshape(2, 1, 1, 2)
    alpha, T = sttn.hard_ternary(W)
    assert T.flatten().tolist() == [0, -1, 0, 1]
    assert alpha.tolist() == [1.3, 1.3]


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_the_hard_threshold_passes_the_kernel_and_sees_the_scale(seed):
    W, g = latents(3, 2, 3, 3, seed=seed)
    W.requires_grad_()
    alpha, T = sttn.hard_ternary(W)
    (g * alpha[:, None, None, None] * T).sum().backward()
    for k in range(3):
        kept = W[k].detach().abs() > 0.7 * W[k].detach().abs().mean()
        scale = (g[k] * T[k].detach()).sum() * kept * W[k].detach().sign() / kept.sum()
        torch.testing.assert_close(W.grad[k], alpha[k].detach() * g[k] + scale)


def test_full_precision_is_the_kernel_itself():
    W = latents(4, 3, 3, 3)[0]
    alpha, T = sttn.full_precision(W)
    assert T is W
    assert alpha.tolist() == [1] * 4


def test_a_filter_of_zeros_divides_by_nothing():
    alpha, T = sttn.hard_ternary(torch.zeros(1, 1, 3, 3))
    assert alpha.tolist() == [0]
    assert not T.any()


@given(TRITS)
def test_packed_words_give_the_inner_product(pair):
    x, w = map(np.array, pair)
    assert sttn.packed_dot(sttn.pack(x), sttn.pack(w)) == x @ w


@given(st.integers(1, 300))
@settings(max_examples=30)
def test_packing_pads_to_whole_words(n):
    planes = sttn.pack(np.ones(n, int))
    assert planes.shape == (2, (n + 63) // 64)
    assert planes.dtype == np.uint64
    assert int(np.bitwise_count(planes[0]).sum()) == n
    assert not planes[1].any()
    assert np.array_equal(sttn.pack(-np.ones(n, int)), planes[::-1])


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 4), (1, 8, 2, 7), (3, 20, 6, 6)])
def test_the_packed_convolution_is_the_convolution(shape):
    generator = torch.Generator().manual_seed(sum(shape))
    x = torch.randint(-1, 2, shape, generator=generator)
    w = torch.randint(-1, 2, (5, shape[1], 3, 3), generator=generator)
    expected = F.conv2d(x.double(), w.double(), padding=1)
    result = sttn.packed_conv(x.numpy(), w.numpy())
    assert np.array_equal(result, expected.numpy())
    assert result.dtype == np.int32


def test_merging_keeps_every_output_of_a_layer_bit_for_bit():
    torch.manual_seed(0)
    conv = sttn.TernaryConv(4, 6, sttn.soft_ternary)
    x = torch.randint(-1, 2, (3, 4, 5, 5)).float()
    scale, trits = sttn.merge(conv)
    assert trits.dtype == torch.int8
    assert set(trits.unique().tolist()) <= {-1, 0, 1}
    merged = F.conv2d(x, trits.float(), padding=1) * scale[:, None, None]
    assert torch.equal(merged, conv(x).detach())


SCHEMES = [sttn.soft_ternary, sttn.released_ternary, sttn.hard_ternary, sttn.full_precision]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_layer_convolves_with_its_scheme_filter_by_filter(scheme):
    torch.manual_seed(0)
    conv, x = sttn.TernaryConv(4, 6, scheme).double(), latents(3, 4, 5, 7)[0]
    alpha, T = scheme(*conv.latents)
    for k in range(6):
        y = F.conv2d(x, alpha[k] * T[k : k + 1], padding=1)
        torch.testing.assert_close(conv(x)[:, k : k + 1], y)
    assert conv(x).shape == (3, 6, 5, 7)


@pytest.mark.parametrize(
    ("scheme", "latent_kernels"), list(zip(SCHEMES, (2, 2, 1, 1), strict=True))
)
def test_latents_start_as_small_as_the_released_code_says(scheme, latent_kernels):
    torch.manual_seed(0)
    conv = sttn.TernaryConv(8, 500, scheme)
    assert [W.shape for W in conv.latents] == [(500, 8, 3, 3)] * latent_kernels
    for W in conv.latents:
        assert W.std().item() == pytest.approx(1 / 72, rel=0.02)
        assert abs(W.mean().item()) < 3e-4
    wide = sttn.TernaryConv(8, 500, scheme, std=0.5)
    assert wide.latents[0].std().item() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("K", [3, 6])
def test_a_block_normalises_ternarises_convolves_and_adds_the_shortcut(scheme, K):
    torch.manual_seed(0)
    block, x = sttn.Block(3, K, scheme, std=0.3).double(), latents(4, 3, 5, 5)[0]
    with torch.no_grad():
        block.prelu.weight.uniform_(0, 1)
    a = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False) + 1e-5)[
        :, None, None
    ].sqrt()
    ternary = (a >= 0.5).double() - (a < -0.5).double()
    z = block.conv(a.clamp(min=0) if scheme is sttn.full_precision else ternary)
    z = (z - z.mean((0, 2, 3), keepdim=True)) / (z.var((0, 2, 3), unbiased=False) + 1e-5)[
        :, None, None
    ].sqrt()
    z[:, :3] += x
    expected = torch.where(z > 0, z, block.prelu.weight[:, None, None] * z)
    torch.testing.assert_close(block(x), expected)
    std = (2 / 27) ** 0.5 if scheme is sttn.full_precision else 0.3  # He for ReLU, or as asked
    kernel = sttn.Block(3, 2000, scheme, std=0.3).conv.latents[0]
    assert kernel.std().item() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_network_has_the_maps_and_parameters_of_the_text(scheme):
    torch.manual_seed(0)
    net, maps = sttn.network(scheme, std=0.01).eval(), [torch.rand(2, 1, 16, 16)]
    for layer in net:
        maps.append(layer(maps[-1]))
    kinds = "Conv2d BatchNorm2d PReLU Block MaxPool2d Block Block AdaptiveMaxPool2d Flatten Linear"
    assert [type(layer).__name__ for layer in net] == kinds.split()
    shapes = [(8, 8, 8)] * 3 + [(16, 8, 8), (16, 4, 4), (32, 4, 4), (32, 4, 4), (32, 1, 1)]
    assert [tuple(m.shape[1:]) for m in maps[1:]] == [*shapes, (32,), (10,)]
    assert torch.equal(maps[5], F.max_pool2d(maps[4], 2))
    assert torch.equal(maps[8].flatten(1), maps[7].amax((2, 3)))
    convs = sttn.ternary_convs(net)
    assert [conv.latents[0].shape[:2] for conv in convs] == [(16, 8), (32, 16), (32, 32)]
    latent = sum(W.numel() for conv in convs for W in conv.latents)
    count = 2 if scheme in SCHEMES[:2] else 1
    assert latent == count * 9 * (16 * 8 + 32 * 16 + 32 * 32)
    stem, norms = 8 * 25 + 2 * 8 + 8, 2 * (8 + 16 + 16 + 32 + 32 + 32) + 16 + 32 + 32
    total = sum(p.numel() for p in net.parameters())
    assert total == stem + norms + latent + 32 * 10 + 10
    if scheme is not sttn.full_precision:
        assert [conv.latents[0].std().item() for conv in convs] == pytest.approx([0.01] * 3, 0.1)


def test_the_stem_looks_at_every_second_pixel_with_a_margin_of_two():
    torch.manual_seed(0)
    stem, x = sttn.network(sttn.soft_ternary)[0], torch.rand(2, 1, 16, 16)
    padded = F.pad(x, (2, 2, 2, 2))
    expected = torch.stack(
        [
            (padded[:, :, 2 * i : 2 * i + 5, 2 * j : 2 * j + 5] * stem.weight[k]).sum((1, 2, 3))
            for k in range(8)
            for i in range(8)
            for j in range(8)
        ],
        dim=1,
    ).reshape(2, 8, 8, 8)
    torch.testing.assert_close(stem(x), expected)
    assert stem.bias is None


def test_deploying_replaces_every_convolution_of_a_copy():
    torch.manual_seed(0)
    net = sttn.network(sttn.soft_ternary)
    net(torch.rand(8, 1, 16, 16))  # in train mode: moves the running means
    x, seen = torch.rand(2, 1, 16, 16), []

    def convolution(conv, x):
        seen.append(conv)
        scale, trits = sttn.merge(conv)
        return F.conv2d(x, trits.float(), padding=1) * scale[:, None, None]

    deployed = sttn.deploy(net, convolution)
    assert net.training and not deployed.training
    result = deployed(x)
    assert torch.equal(result, net.eval()(x))
    assert seen == sttn.ternary_convs(deployed)
    assert not set(seen) & set(sttn.ternary_convs(net))
    zero = sttn.deploy(net, lambda conv, x: torch.zeros(len(x), len(conv.latents[0]), *x.shape[2:]))
    assert not torch.equal(zero(x), result)
    assert torch.equal(net(x), result)


def test_clamping_reaches_every_latent_at_both_ends_and_nothing_else():
    torch.manual_seed(0)
    net = sttn.network(sttn.soft_ternary, std=1.0)
    with torch.no_grad():
        net[-1].weight.fill_(3.0)
    before = [W.detach().clone() for c in sttn.ternary_convs(net) for W in c.latents]
    sttn.clamp_latents(net)
    after = [W.detach() for c in sttn.ternary_convs(net) for W in c.latents]
    for old, new in zip(before, after, strict=True):
        assert new.min() == -1
        assert new.max() == 1
        assert torch.equal(new[old.abs() < 1], old[old.abs() < 1])
    assert (net[-1].weight == 3).all()


@pytest.mark.parametrize(("K", "n", "P"), [(1, 1, 1), (3, 64, 2), (2, 65, 5)])
def test_costs_in_closed_form(K, n, P):
    words = -(-n // 64)
    assert sttn.packed_bits(K, n) == K * 2 * words * 64
    assert sttn.packed_cost(K, n, P) == P * K * (10 * words - 1)
