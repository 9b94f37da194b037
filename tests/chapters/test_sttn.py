"""The methods of the chapter on soft threshold ternary networks, beyond what the chapter shows."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

import repro

sttn = repro.chapter("sttn")
TRITS = st.integers(1, 200).flatmap(
    lambda n: st.tuples(*[st.lists(st.sampled_from([-1, 0, 1]), min_size=n, max_size=n)] * 2)
)
KERNELS = [sttn.Soft, sttn.Exact, sttn.Hard, sttn.Trained, sttn.Float]
TERNARY = [sttn.Soft, sttn.Exact, sttn.Hard]


def latents(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) * 0.8 for _ in range(2)]


def made(Kernel, *W):
    """A kernel with given latents (K, C, 3, 3)."""
    kernel = Kernel(*W[0].shape[:2]).double()
    for parameter, value in zip(kernel.parameters(), W, strict=False):
        parameter.data = value.clone()
    return kernel


def test_a_sign_is_never_zero_and_keeps_the_type():
    W = torch.tensor([-0.0, 0.0, 1e-30, -1e-30])
    assert sttn.sign(W).tolist() == [1, 1, 1, -1]
    assert sttn.sign(W.double()).dtype == torch.float64


def test_the_straight_through_estimator_is_clipped_at_one():
    W = torch.tensor([-1.0001, -1.0, 0.0, 1.0, 1.0001], requires_grad=True)
    B = sttn.Sign.apply(W)
    (B * torch.arange(5)).sum().backward()
    assert B.tolist() == [-1, -1, 1, 1, 1]
    assert W.grad.tolist() == [0, 1, 2, 3, 0]


def test_the_activation_steps_at_one_half_as_the_released_kernel_does():
    x = torch.tensor([-1.5, -0.5, -0.4999, 0.4999, 0.5, 1.0], requires_grad=True)
    y = sttn.Activation.apply(x)
    (2 * y).sum().backward()
    assert y.tolist() == [-1, 0, 0, 0, 1, 1]
    assert x.grad.tolist() == [0, 2, 2, 2, 2, 2]
    assert sttn.Activation.apply(torch.tensor([np.nan, -2.0])).isnan().tolist() == [True, False]


@pytest.mark.parametrize("Kernel", [sttn.Soft, sttn.Exact])
def test_scale_and_kernel_follow_a_slow_loop_over_the_formula(Kernel):
    W1, W2 = latents(3, 2, 3, 3)
    T = made(Kernel, W1, W2)()
    alpha = sttn.shared_scale(W1, W2)
    assert alpha.shape == (3, 1, 1, 1)
    for k in range(3):
        a, b = W1[k].flatten().tolist(), W2[k].flatten().tolist()
        scale = (sum(abs(v) for v in a) + sum(abs(v) for v in b)) / (2 * len(a))
        assert alpha[k].item() == pytest.approx(scale, rel=1e-12)
        signs = [(1 if v >= 0 else -1) + (1 if w >= 0 else -1) for v, w in zip(a, b, strict=True)]
        assert T[k].flatten().tolist() == pytest.approx([scale * s for s in signs], rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_exact_gradients_follow_a_slow_loop_over_the_formula(seed):
    kernel = made(sttn.Exact, *latents(2, 1, 3, 3, seed=seed))
    upstream = latents(2, 1, 3, 3, seed=seed + 100)[0]
    (upstream * kernel()).sum().backward()
    alpha = sttn.shared_scale(kernel.W1, kernel.W2).detach()
    signs = (sttn.sign(kernel.W1) + sttn.sign(kernel.W2)).detach()
    for W in (kernel.W1, kernel.W2):
        for k in range(2):
            g, w, t = (v[k].flatten().tolist() for v in (upstream, W.detach(), signs))
            shared = sum(gj * tj for gj, tj in zip(g, t, strict=True)) / (2 * len(g))
            for gj, wj, grad in zip(g, w, W.grad[k].flatten().tolist(), strict=True):
                straight = alpha[k].item() * gj if abs(wj) <= 1 else 0.0
                assert grad == pytest.approx(straight + np.sign(wj) * shared, rel=1e-10, abs=1e-12)


def test_the_released_gradient_follows_its_formula():
    kernel = made(sttn.Soft, *latents(2, 1, 3, 3))
    g = latents(2, 1, 3, 3, seed=7)[0]
    (g * kernel()).sum().backward()
    for W in (kernel.W1, kernel.W2):
        B = W.detach().sign()
        expected = g + B * (g * B).flatten(1).sum(1)[:, None, None, None] / 9
        torch.testing.assert_close(W.grad, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_the_hard_threshold_cuts_each_filter_at_a_multiple_of_its_mean(factor):
    W = latents(4, 3, 3, 3)[0]
    kernel = made(type("Cut", (sttn.Hard,), {"factor": factor}), W)
    T = kernel()
    assert sttn.Hard.factor == 0.7
    for k in range(4):
        kept = W[k].abs() > factor * W[k].abs().mean()
        torch.testing.assert_close(T[k], W[k].sign() * kept * W[k].abs()[kept].mean())


def test_a_weight_at_the_threshold_is_zero():
    W = torch.tensor([[0.7, -1.3], [-0.7, 1.3]], dtype=torch.float64).reshape(2, 1, 1, 2)
    torch.testing.assert_close(
        made(sttn.Hard, W)().flatten(), 1.3 * torch.tensor([0, -1, 0, 1.0]).double()
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_the_hard_threshold_passes_the_kernel_and_sees_the_scale(seed):
    W, g = latents(3, 2, 3, 3, seed=seed)
    kernel = made(sttn.Hard, W)
    T = kernel()
    (g * T).sum().backward()
    for k in range(3):
        kept = W[k].abs() > 0.7 * W[k].abs().mean()
        alpha = W[k].abs()[kept].mean()
        scale = (g[k] * T[k].detach() / alpha).sum() * kept * W[k].sign() / kept.sum()
        torch.testing.assert_close(kernel.W.grad[k], alpha * g[k] + scale)


def test_two_learnt_scales_and_their_gradients():
    W = torch.tensor([1.0, 0.05, -0.05, -0.06, 0.051, 0.0], dtype=torch.float64)
    W = W.reshape(1, 1, 1, 6)
    kernel = made(sttn.Trained, W)
    assert (kernel.p, kernel.q) == (1, 1)
    kernel.p.data, kernel.q.data = torch.tensor([2.0, 3.0]).double()
    g = torch.tensor([1.0, 10, 100, 1000, 10000, 100000]).double().reshape(W.shape)
    T = kernel()
    (g * T).sum().backward()
    assert T.flatten().tolist() == [2, 0, 0, -3, 2, 0]
    assert kernel.W.grad.flatten().tolist() == [2, 10, 100, 3000, 20000, 100000]
    assert (kernel.p.grad, kernel.q.grad) == (10001, -1000)


def test_the_threshold_of_two_learnt_scales_is_that_of_the_layer():
    W = torch.tensor([[1.0, -1.0], [0.04, -0.06]], dtype=torch.float64).reshape(2, 1, 1, 2)
    assert made(sttn.Trained, W)().flatten().tolist() == [1, -1, 0, -1]


def test_a_filter_of_zeros_divides_by_nothing():
    conv = sttn.Conv(made(sttn.Hard, torch.zeros(2, 1, 3, 3).double()))
    assert not conv(torch.ones(1, 1, 4, 4, dtype=torch.float64)).any()
    merged = sttn.Merged(conv)
    assert not merged.trits.any()
    assert merged.scale.flatten().tolist() == [0, 0]


@pytest.mark.parametrize("Kernel", [sttn.Soft, sttn.Exact, sttn.Hard, sttn.Trained])
def test_latents_that_are_not_finite_or_empty_are_refused(Kernel):
    kernel = Kernel(2, 3)
    W = next(iter(kernel.parameters()))
    W.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="hold NaN or infinity; lower the learning rate"):
        kernel()
    W.data = torch.zeros(0, 3, 3, 3)
    with pytest.raises(ValueError, match=r"expected floating point kernels \(K, C, R, S\)"):
        kernel()


def test_kernels_of_other_shapes_and_types_are_refused():
    good = torch.ones(2, 3, 3, 3)
    assert sttn.kernels("me", good, good) == (good, good)
    for wrong in (torch.ones(2, 3, 3), torch.ones(2, 3, 3, 1), good.int()):
        with pytest.raises(ValueError, match="me: expected floating point kernels"):
            sttn.kernels("me", good, wrong)
    with pytest.raises(ValueError, match="NaN or infinity"):
        sttn.kernels("me", good, good / 0)


@pytest.mark.parametrize("Kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_network_takes_other_types_and_survives_saving(Kernel, dtype):
    torch.manual_seed(0)
    net, x = sttn.network(Kernel).to(dtype), torch.rand(3, 1, 16, 16).to(dtype)
    assert net(x).dtype == dtype
    stream = io.BytesIO()
    torch.save(net.eval(), stream)
    stream.seek(0)
    assert torch.equal(torch.load(stream, weights_only=False)(x), net(x))


@given(TRITS)
def test_a_pair_of_packed_binary_kernels_gives_the_inner_product_of_their_half_sum(pair):
    x, w = map(np.array, pair)
    rng = np.random.default_rng(len(x))
    b1 = np.where(w == 0, rng.choice([-1, 1], len(w)), w)
    b2 = 2 * w - b1
    assert sttn.pair_dot(sttn.pack(x), sttn.pack(b1)[1], sttn.pack(b2)[1]) == x @ w


def test_a_pair_of_rows_of_other_lengths_is_refused():
    long, short = sttn.pack(np.ones(65, int)), sttn.pack(np.ones(64, int))
    mixed = [(long[0], short[1]), (short[0], long[1])]
    rows = [(x, long[1], long[1]) for x in (short, *mixed)]
    for planes in [*rows, (long, short[1], long[1]), (long, long[1], short[1])]:
        with pytest.raises(ValueError, match=r"pair_dot: expected .* got .*\(1,\)"):
            sttn.pair_dot(*planes)


@pytest.mark.parametrize("Kernel", TERNARY)
def test_merging_keeps_every_output_of_a_layer_bit_for_bit(Kernel):
    torch.manual_seed(0)
    conv = sttn.Conv(Kernel(6, 4))
    x = torch.randint(-1, 2, (3, 4, 5, 5)).float()
    merged = sttn.Merged(conv)
    assert merged.trits.dtype == torch.int8
    assert merged.trits.unique().tolist() == [-1, 0, 1]
    assert torch.equal(merged(x), conv(x))
    assert not list(merged.parameters())
    assert merged.double()(x.double()).dtype == torch.float64


def test_a_kernel_of_more_levels_is_not_merged():
    torch.manual_seed(0)
    kernel = sttn.Trained(2, 2)
    sttn.Merged(sttn.Conv(kernel))
    kernel.p.data *= 2
    for wrong in (kernel, sttn.Float(2, 2)):
        with pytest.raises(ValueError, match="expected levels -c, 0, c in each filter"):
            sttn.Merged(sttn.Conv(wrong))


@pytest.mark.parametrize("Kernel", KERNELS)
def test_a_layer_convolves_with_its_kernel_filter_by_filter(Kernel):
    torch.manual_seed(0)
    conv, x = sttn.Conv(Kernel(6, 4)).double(), latents(3, 4, 5, 7)[0]
    g = latents(3, 6, 5, 7, seed=3)[0]
    parameters = list(conv.parameters())
    T = conv.kernel()
    expected = torch.cat([F.conv2d(x, T[k : k + 1], padding=1) for k in range(6)], dim=1)
    torch.testing.assert_close(conv(x), expected)
    ours = torch.autograd.grad((g * conv(x)).sum(), parameters)
    torch.testing.assert_close(ours, torch.autograd.grad((g * expected).sum(), parameters))


@pytest.mark.parametrize(("Kernel", "count"), list(zip(KERNELS, (2, 2, 1, 1, 1), strict=True)))
def test_latents_start_as_small_as_the_released_code_says(Kernel, count):
    torch.manual_seed(0)
    kernel = Kernel(500, 8)
    shapes = [W for W in kernel.parameters() if W.ndim]
    assert [W.shape for W in shapes] == [(500, 8, 3, 3)] * count
    std = 1 / 6 if Kernel is sttn.Float else 1 / 72
    for W in shapes:
        assert W.std().item() == pytest.approx(std, rel=0.02)
        assert abs(W.mean().item()) < 0.03 * std


@pytest.mark.parametrize("Kernel", KERNELS)
@pytest.mark.parametrize("K", [3, 6])
def test_a_block_normalises_ternarises_convolves_and_adds_the_shortcut(Kernel, K):
    torch.manual_seed(0)
    block, x = sttn.Block(3, K, Kernel).double(), latents(4, 3, 5, 5)[0]
    with torch.no_grad():
        block.prelu.weight.uniform_(0, 1)
    a = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False) + 1e-5)[
        :, None, None
    ].sqrt()
    ternary = (a >= 0.5).double() - (a < -0.5).double()
    z = block.conv(a.clamp(min=0) if Kernel is sttn.Float else ternary)
    z = (z - z.mean((0, 2, 3), keepdim=True)) / (z.var((0, 2, 3), unbiased=False) + 1e-5)[
        :, None, None
    ].sqrt()
    z[:, :3] += x
    expected = torch.where(z > 0, z, block.prelu.weight[:, None, None] * z)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(("C", "K"), [(4, 3), (0, 3)])
def test_a_block_with_fewer_channels_out_than_in_is_refused(C, K):
    with pytest.raises(ValueError, match=f"got C = {C}, K = {K}"):
        sttn.Block(C, K, sttn.Soft)


@pytest.mark.parametrize("Kernel", KERNELS)
def test_the_network_has_the_maps_and_parameters_of_the_text(Kernel):
    torch.manual_seed(0)
    net, maps = sttn.network(Kernel).eval(), [torch.rand(2, 1, 16, 16)]
    for layer in net:
        maps.append(layer(maps[-1]))
    kinds = "Conv2d BatchNorm2d PReLU Block MaxPool2d Block Block AdaptiveMaxPool2d Flatten Linear"
    assert [type(layer).__name__ for layer in net] == kinds.split()
    shapes = [(8, 8, 8)] * 3 + [(16, 8, 8), (16, 4, 4), (32, 4, 4), (32, 4, 4), (32, 1, 1)]
    assert [tuple(m.shape[1:]) for m in maps[1:]] == [*shapes, (32,), (10,)]
    assert torch.equal(maps[5], F.max_pool2d(maps[4], 2))
    assert torch.equal(maps[8].flatten(1), maps[7].amax((2, 3)))
    convs = [block.conv for block in sttn.blocks(net)]
    weights = [next(iter(conv.parameters())) for conv in convs]
    assert [W.shape[:2] for W in weights] == [(16, 8), (32, 16), (32, 32)]
    count = 2 if Kernel in KERNELS[:2] else 1
    latent = count * 9 * (16 * 8 + 32 * 16 + 32 * 32) + 6 * (Kernel is sttn.Trained)
    stem, norms = 8 * 25 + 2 * 8 + 8, 2 * (8 + 16 + 16 + 32 + 32 + 32) + 16 + 32 + 32
    assert sum(p.numel() for p in net.parameters()) == stem + norms + latent + 32 * 10 + 10


def test_the_stem_looks_at_every_second_pixel_with_a_margin_of_two():
    torch.manual_seed(0)
    stem, x = sttn.network(sttn.Soft)[0], torch.rand(2, 1, 16, 16)
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


class Nothing(torch.nn.Module):
    """Answers zeros."""

    def __init__(self, conv):
        super().__init__()
        self.K = conv.kernel.W1.shape[0]

    def forward(self, x):
        return torch.zeros(len(x), self.K, *x.shape[2:])


def test_deploying_replaces_every_convolution_of_a_copy():
    torch.manual_seed(0)
    net = sttn.network(sttn.Soft)
    net(torch.rand(8, 1, 16, 16))  # in train mode: moves the running means
    x = torch.rand(2, 1, 16, 16)
    deployed = sttn.deploy(net)
    assert net.training and not deployed.training
    assert [type(b.conv).__name__ for b in sttn.blocks(deployed)] == ["Merged"] * 3
    assert [type(b.conv).__name__ for b in sttn.blocks(net)] == ["Conv"] * 3
    result = deployed(x)
    assert torch.equal(result, net.eval()(x))
    assert not torch.equal(sttn.deploy(net, Nothing)(x), result)
    assert torch.equal(net(x), result)


@pytest.mark.parametrize("Kernel", [sttn.Soft, sttn.Trained])
def test_clamping_reaches_every_latent_at_both_ends_and_nothing_else(Kernel):
    torch.manual_seed(0)
    net = sttn.network(Kernel)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(3 * torch.randn(p.shape))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    sttn.clamp(net)
    clamped = 0
    for name, p in net.named_parameters():
        if ".W" in name:
            clamped += 1
            assert torch.equal(p, before[name].clamp(-1, 1))
        else:
            assert torch.equal(p, before[name])
    assert clamped == (6 if Kernel is sttn.Soft else 3)


def test_zeros_out_of_order_are_counted_by_filter():
    size = torch.tensor([[1.0, 2, 3], [5, 5, 9], [1, 2, 3]])
    zero = torch.tensor([[1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=torch.bool)
    # filter 1: no pair of 2; filter 2: one of 2 (5 against 5 is a tie); filter 3: both of 2
    assert sttn.disorder(size, zero) == pytest.approx(3 / 6)
    assert sttn.disorder(size, ~torch.ones_like(zero)) == 0
    assert sttn.disorder(size[:1], zero[:1]) == 0
    assert sttn.disorder(size[1:2, 1:], torch.tensor([[False, True]])) == 1  # a single pair


@pytest.mark.parametrize(
    ("size", "zero"),
    [(torch.tensor([[1.0, np.nan]]), torch.ones(1, 2)), (torch.ones(2, 3), torch.ones(1, 3)),
     (torch.ones(3), torch.ones(3)), (torch.ones(1, 1, 3), torch.ones(1, 1, 3))],
)  # fmt: skip
def test_disorder_refuses_other_shapes_and_nan(size, zero):
    with pytest.raises(ValueError, match="disorder: expected magnitudes without NaN"):
        sttn.disorder(size, zero.bool())


@pytest.mark.parametrize("wrong", [(0, 9, 1), (1, 0, 1), (1, 9, -1)])
def test_costs_of_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="word_operations: expected K, n, P >= 1"):
        sttn.word_operations(*wrong)


@pytest.mark.parametrize(("K", "n", "P"), [(1, 1, 1), (3, 64, 2), (2, 65, 5)])
def test_costs_in_closed_form(K, n, P):
    m = -(-n // 64)
    assert sttn.word_operations(K, n, P) == P * K * 7 * m
    assert sttn.word_operations(K, n, P, pair=True) == P * K * 8 * m + P * (2 * m - 1)
