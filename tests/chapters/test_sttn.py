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


def test_the_hard_threshold_cuts_each_filter_at_seven_tenths_of_its_mean():
    W = latents(4, 3, 3, 3)[0]
    alpha, T = sttn.hard_ternary(W)
    for k in range(4):
        kept = W[k].abs() > 0.7 * W[k].abs().mean()
        torch.testing.assert_close(T[k], W[k].sign() * kept)
        assert alpha[k].item() == pytest.approx(W[k].abs()[kept].mean().item(), rel=1e-12)


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
    assert planes.shape == (2, -(-n // 64))
    assert int(np.bitwise_count(planes[0]).sum()) == n
    assert not planes[1].any()


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 5, 4), (1, 8, 2, 7), (3, 20, 6, 6)])
def test_the_packed_convolution_is_the_convolution(shape):
    generator = torch.Generator().manual_seed(sum(shape))
    x = torch.randint(-1, 2, shape, generator=generator)
    w = torch.randint(-1, 2, (5, shape[1], 3, 3), generator=generator)
    expected = F.conv2d(x.double(), w.double(), padding=1)
    assert np.array_equal(sttn.packed_conv(x.numpy(), w.numpy()), expected.numpy())


def test_merging_keeps_every_output_of_a_layer_bit_for_bit():
    torch.manual_seed(0)
    conv = sttn.TernaryConv(4, 6, sttn.soft_ternary)
    x = torch.randint(-1, 2, (3, 4, 5, 5)).float()
    scale, trits = sttn.merge(conv)
    assert trits.dtype == torch.int8
    assert set(trits.unique().tolist()) <= {-1, 0, 1}
    merged = F.conv2d(x, trits.float(), padding=1) * scale[:, None, None]
    assert torch.equal(merged, conv(x).detach())


def test_deploying_leaves_the_network_as_it_was():
    torch.manual_seed(0)
    net = sttn.network(sttn.soft_ternary).eval()
    x = torch.rand(2, 1, 16, 16)
    before = net(x)
    zero = sttn.deploy(net, lambda conv, x: torch.zeros(len(x), len(conv.latents[0]), *x.shape[2:]))
    assert not torch.equal(zero(x), before)
    assert torch.equal(net(x), before)


def test_clamping_reaches_every_latent():
    net = sttn.network(sttn.soft_ternary, std=5.0)
    sttn.clamp_latents(net)
    assert max(W.abs().max().item() for c in sttn.ternary_convs(net) for W in c.latents) == 1


@pytest.mark.parametrize(("K", "n", "P"), [(1, 1, 1), (3, 64, 2), (2, 65, 5)])
def test_costs_in_closed_form(K, n, P):
    words = -(-n // 64)
    assert sttn.packed_bits(K, n) == K * 2 * words * 64
    assert sttn.packed_cost(K, n, P) == P * K * (10 * words - 1)
