"""Tests of the chapter bwnh: its methods against slow or independent ways."""

import io
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("bwnh")


def draw(seed, D=5, P=40, K=3, rho=0.6):
    """Correlated inputs X (D, P), filters W (D, K), noisy inputs (D, P), float64."""
    rng = np.random.default_rng(seed)
    X = np.sqrt(1 - rho) * rng.normal(size=(D, P)) + np.sqrt(rho) * rng.normal(size=(1, P))
    W, noise = rng.normal(size=(D, K)), rng.normal(size=(D, P))
    return tuple(map(torch.from_numpy, (X, W, X + 0.3 * noise)))


def slow_loss(X, W, delivered, b, alpha, k):
    """Loss of one filter with loops over positions."""
    total = 0.0
    for p in range(X.shape[1]):
        answer = sum(float(X[d, p] * W[d, k]) for d in range(len(X)))
        binary = alpha * sum(float(delivered[d, p]) * b[d] for d in range(len(X)))
        total += (answer - binary) ** 2
    return total


def least_squares(y, t):
    """Factor of y (P,) that comes nearest to t (P,), and the squared error that is left."""
    factor, left, *_ = np.linalg.lstsq(y[:, None], t, rcond=None)
    return factor.item(), left.item()


def slow_bwnh(X, W, delivered, k):
    """Alternation for one filter: bits and scales chosen by comparing losses, least squares."""
    X, W, Xt = (a.numpy() for a in (X, W, delivered))
    s, b = X.T @ W[:, k], np.where(W[:, k] >= 0, 1.0, -1.0)
    while True:
        alpha, _ = least_squares(Xt.T @ b, s)
        if alpha < 0:
            b, alpha = -b, -alpha
        before = b.copy()
        for j in range(len(b)):
            losses = []
            for value in (1.0, -1.0):
                b[j] = value
                losses.append(((s - alpha * Xt.T @ b) ** 2).sum())
            b[j] = 1.0 if losses[0] < losses[1] else -1.0
        if (b == before).all():
            return b, alpha


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), D=st.integers(1, 9))
def test_codes_and_scales_are_those_of_a_slow_loop(chapter, seed, D):
    X, W, delivered = draw(seed, D)
    B, alpha = chapter.bwnh(X, W, delivered)
    for k in range(W.shape[1]):
        b, a = slow_bwnh(X, W, delivered, k)
        assert B[:, k].tolist() == b.tolist()
        assert float(alpha[k]) == pytest.approx(a)


@pytest.mark.parametrize("seed", range(5))
def test_the_code_is_within_reach_of_the_best_and_never_behind_the_signs(chapter, seed):
    X, W, delivered = draw(seed, 6, 60, 4)
    for codes in (chapter.bwnh, chapter.scale_only):
        B, alpha = codes(X, W, delivered)
        assert (alpha >= 0).all() and set(B.unique().tolist()) <= {-1.0, 1.0}
    found, signs = chapter.bwnh(X, W, delivered), chapter.scale_only(X, W, delivered)
    responses = (X.T @ W).numpy()
    for k in range(4):
        answers = [delivered.T.numpy() @ b for b in product([-1.0, 1.0], repeat=6)]
        best = min(least_squares(y, responses[:, k])[1] for y in answers)
        loss, other = (
            slow_loss(X, W, delivered, B[:, k].tolist(), float(a[k]), k) for B, a in (found, signs)
        )
        assert best * (1 - 1e-9) <= loss <= other * (1 + 1e-9)


def test_moments_are_sums_over_positions(chapter):
    X, W, delivered = draw(1)
    G, H = chapter.moments(X, W, delivered)
    s = torch.einsum("dp,dk->pk", X, W)
    assert torch.allclose(G, torch.einsum("ap,bp->ab", delivered, delivered))
    assert torch.allclose(H, torch.einsum("dp,pk->dk", delivered, s))
    G, H = chapter.moments(X, W)
    assert torch.allclose(H, G @ W)


def test_bwn_is_the_nearest_scaled_code(chapter):
    _, W, _ = draw(2, 4)
    B, alpha = chapter.bwn(torch.ones(4, 1).double(), W)
    for k in range(3):
        errors = {}
        for b in product([-1.0, 1.0], repeat=4):
            w = W[:, k].numpy()
            a = max(0.0, float(np.dot(b, w)) / 4)
            errors[b] = (((w - a * np.array(b)) ** 2).sum(), a)
        best = min(errors, key=lambda b: errors[b][0])
        assert tuple(B[:, k].tolist()) == best
        assert float(alpha[k]) == pytest.approx(errors[best][1])


def test_a_weight_of_zero_has_the_code_plus_one(chapter):
    B, alpha = chapter.bwn(torch.ones(2, 1), torch.tensor([[0.0], [-0.0]]))
    assert B.tolist() == [[1.0], [1.0]] and alpha.tolist() == [0.0]


def test_a_tie_keeps_its_bit_and_dead_inputs_keep_their_sign(chapter):
    X, W, _ = draw(3)
    X[2] = 0
    W[2] = torch.tensor([-1.0, 1.0, -2.0])
    B, _ = chapter.bwnh(X, W)
    assert B[2].tolist() == [-1.0, 1.0, -1.0]
    B, alpha = chapter.bwnh(torch.zeros(3, 4), torch.tensor([[1.0], [-1.0], [2.0]]))
    assert B[:, 0].tolist() == [1.0, -1.0, 1.0] and alpha.tolist() == [0.0]


def test_one_sweep_goes_through_the_rows_in_order(chapter):
    G = torch.tensor([[1.0, 2.0], [2.0, 5.0]]).double()
    H = torch.tensor([[0.5], [-1.0]]).double()
    B = torch.ones(2, 1).double()
    # row 0: 0.5 - 0.5 * 2 < 0, so -1; row 1 with the new row 0: -1 + 0.5 * 2 = 0, a tie
    assert chapter.sweep(G, H, B, torch.tensor([0.5]).double())[:, 0].tolist() == [-1.0, 1.0]
    assert B[:, 0].tolist() == [1.0, 1.0]  # the input stays
    # with a larger scale the second pull is positive, with a smaller one negative
    assert chapter.sweep(G, H, B, torch.tensor([0.6]).double())[:, 0].tolist() == [-1.0, 1.0]
    assert chapter.sweep(G, H, B, torch.tensor([0.4]).double())[:, 0].tolist() == [-1.0, -1.0]


def test_half_steps_come_in_turn_and_end_where_no_bit_changes(chapter):
    X, W, delivered = draw(4, 9, 60, 20)
    G, H = chapter.moments(X, W, delivered)
    start = -chapter.bwn(X, W)[0]  # most scales would be negative
    steps = list(chapter.alternate(G, H, start))
    assert len(steps) % 2 == 1 and len(steps) > 3
    assert (
        torch.equal(steps[0][0], chapter.scale_only(X, W, delivered)[0]) and (steps[0][1] > 0).all()
    )
    for (before, a), (after, b) in zip(steps[::2], steps[1::2], strict=False):
        assert torch.equal(a, b) and not torch.equal(before, after)
        assert torch.equal(chapter.sweep(G, H, before, a), after)
    B, alpha = steps[-1]
    assert torch.equal(chapter.sweep(G, H, B, alpha), B)
    assert torch.allclose(alpha, chapter.best_scale(G, H, B))
    assert len(list(chapter.alternate(G, H, start, sweeps=1))) == 2


def test_the_limit_of_sweeps_is_not_reached(chapter):
    X, W, delivered = draw(5, 30, 60, 50, rho=0.9)
    G, H = chapter.moments(X, W, delivered)
    assert len(list(chapter.alternate(G, H, chapter.bwn(X, W)[0]))) < 100


def test_a_start_may_be_chosen(chapter):
    X, W, _ = draw(6, 8, 40, 30, rho=0.9)

    def ones(X, W, delivered):
        return torch.ones_like(W), W[0]

    B, _ = chapter.bwnh(X, W, start=ones)
    *_, (expected, _) = chapter.alternate(*chapter.moments(X, W), torch.ones_like(W))
    assert torch.equal(B, expected)
    assert not torch.equal(B, chapter.bwnh(X, W)[0])


def test_scaling_all_inputs_changes_nothing(chapter):
    X, W, delivered = draw(7, 8)
    B, alpha = chapter.bwnh(X, W, delivered)
    again, same = chapter.bwnh(4 * X, W, 4 * delivered)
    assert torch.equal(B, again) and torch.allclose(alpha, same)


def test_the_lost_share_is_that_of_the_slow_loss(chapter):
    X, W, delivered = draw(8)
    B, alpha = chapter.bwn(X, W)
    lost = sum(slow_loss(X, W, delivered, B[:, k].tolist(), float(alpha[k]), k) for k in range(3))
    energy = float(((X.T @ W) ** 2).sum())
    assert chapter.response_error(X, W, B, alpha, delivered) == pytest.approx(lost / energy)
    assert chapter.response_error(X, W, B, alpha) != pytest.approx(lost / energy)


@pytest.mark.parametrize(
    "X, W",
    [(torch.zeros(2, 3), torch.ones(2, 1)), (torch.ones(2, 3), torch.tensor([[1.0], [-1.0]]))],
)
def test_of_no_response_there_is_no_share(chapter, X, W):
    B, alpha = chapter.bwnh(X, W)
    with pytest.raises(ValueError, match="X, W: expected a response that is not 0"):
        chapter.response_error(X, W, B, alpha)


def test_one_response_is_enough_for_a_share(chapter):
    X, W = torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0]])
    B, alpha = chapter.bwnh(X, W)
    assert chapter.response_error(X, W, B, alpha) == 0  # one silent filter, one at scale 2
    assert chapter.response_error(X, W, B, 0 * alpha) == 1


def test_rivals(chapter):
    X, W, delivered = draw(9, 6)
    B, one = chapter.sign_only(X, W)
    assert torch.equal(B, torch.where(W >= 0, 1.0, -1.0).double()) and one.tolist() == [1.0] * 3
    B, alpha = chapter.scale_only(X, W, -delivered)  # turned round: negative scales
    assert torch.equal(B, torch.where(W >= 0, -1.0, 1.0).double())
    for k in range(3):
        y, t = (-delivered.T @ B[:, k]).numpy(), (X.T @ W)[:, k].numpy()
        assert float(alpha[k]) == pytest.approx(
            np.linalg.lstsq(y[:, None], t, rcond=None)[0].item()
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_type_of_the_filters_is_kept(chapter, dtype):
    X, W, delivered = (a.to(dtype) for a in draw(10))
    for codes in (chapter.bwn, chapter.bwnh, chapter.scale_only, chapter.sign_only):
        B, alpha = codes(X, W, delivered)
        assert B.dtype == alpha.dtype == dtype
        assert B.shape == W.shape and alpha.shape == W.shape[1:] and alpha.isfinite().all()


@pytest.mark.parametrize(
    ("X", "W", "delivered", "says"),
    [
        (np.ones((2, 3)), torch.ones(2, 1), None, "X: expected a floating point tensor"),
        (torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 1), None, "X: expected a floating"),
        (torch.ones(2, 3), torch.ones(2), None, "W: expected a floating point tensor of two axes"),
        (torch.ones(2, 0), torch.ones(2, 1), None, "X: expected finite numbers, one or more"),
        (torch.ones(2, 3), torch.full((2, 1), torch.nan), None, "W: expected finite"),
        (torch.tensor([[1.0], [torch.nan]]), torch.ones(2, 1), None, "X: expected finite"),
        (torch.ones(2, 3), torch.ones(2, 1), torch.full((2, 3), torch.inf), "delivered: expected"),
        (torch.ones(2, 3), torch.ones(3, 1), None, "expected X and delivered"),
        (torch.ones(2, 3), torch.ones(2, 1), torch.ones(2, 4), "expected X and delivered"),
    ],
)
def test_bad_input_is_explained(chapter, X, W, delivered, says):
    for codes in (chapter.bwn, chapter.bwnh, chapter.scale_only, chapter.sign_only):
        with pytest.raises(ValueError, match=says):
            codes(X, W, delivered)


@pytest.mark.parametrize("B", [torch.zeros(2, 1), torch.ones(2, 2), torch.full((2, 1), torch.nan)])
def test_what_is_no_code_is_refused(chapter, B):
    with pytest.raises(ValueError, match=r"B: expected codes -1 and \+1 of shape \(2, 1\)"):
        list(chapter.alternate(torch.eye(2), torch.ones(2, 1), B))


@pytest.fixture(scope="module")
def network(chapter):
    torch.manual_seed(0)
    return chapter.digit_network(4).eval()


IMAGES = torch.rand(12, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def test_the_network_has_four_thin_convolutions(chapter):
    network = chapter.digit_network()
    convs = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert [tuple(conv.weight.shape[:2]) for conv in convs] == [(8, 1), (16, 8), (16, 16), (32, 16)]
    assert [conv.stride for conv in convs] == [(2, 2), (1, 1), (2, 2), (1, 1)]
    sides = [8, 8, 4, 4]
    x = IMAGES
    for part in network:
        x = part(x)
        if isinstance(part, nn.Conv2d):
            assert x.shape[2:] == (sides[0], sides[0])
            assert part.bias is None and part.kernel_size == (3, 3)
            del sides[0]
    assert x.shape == (12, 10)
    assert chapter.convolutions(network) == ["0", "3", "6", "9"]


@pytest.mark.parametrize("propagate", [True, False])
def test_a_network_is_binarized_layer_by_layer(chapter, network, propagate):
    layers = chapter.convolutions(network)
    binary = chapter.binarize(network, IMAGES, chapter.bwnh, layers, 10**6, propagate)
    seen, got = IMAGES, IMAGES
    with torch.no_grad():
        for layer, cheap in zip(network, binary, strict=True):
            if isinstance(layer, nn.Conv2d):
                X, Xt = (
                    F.unfold(a, 3, padding=1, stride=layer.stride).transpose(0, 1).flatten(1)
                    for a in (seen, got)
                )
                W = layer.weight.flatten(1).T
                B, alpha = chapter.bwnh(X, W, Xt if propagate else X)
                assert torch.allclose(cheap.weight.flatten(1).T, B * alpha, atol=1e-6)
            else:
                assert all(map(torch.equal, layer.parameters(), cheap.parameters()))
            seen, got = layer(seen), cheap(got)


def test_by_default_errors_are_propagated_and_positions_drawn(chapter, network):
    layers = chapter.convolutions(network)
    taken = []

    def codes(X, W, delivered):
        taken.append((X.shape[1], torch.equal(X, delivered)))
        return chapter.bwn(X, W)

    many = IMAGES.repeat(8, 1, 1, 1)
    chapter.binarize(network, many, codes, layers)
    assert taken == [(4000, True), (4000, False), (96 * 16, False), (96 * 16, False)]


def test_groups_are_binarized_one_by_one(chapter):
    torch.manual_seed(2)
    conv = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2))
    x = torch.rand(3, 4, 6, 6)
    weight = chapter.binarize(conv, x, chapter.bwn, ["0"])[0].weight
    expected = conv[0].weight.sign() * conv[0].weight.abs().mean((1, 2, 3), keepdim=True)
    assert torch.allclose(weight, expected)


def test_sign_and_its_gradient(chapter):
    V = torch.tensor([-1.5, -1.0, -0.0, 0.0, 0.3, 1.0, 1.01], requires_grad=True)
    out = chapter.Sign.apply(V)
    assert out.tolist() == [-1, -1, 1, 1, 1, 1, 1]
    out.backward(torch.arange(1.0, 8.0))
    assert V.grad.tolist() == [0, 2, 3, 4, 5, 6, 0]


def test_a_binary_layer_computes_with_signs_and_mean_sizes(chapter):
    torch.manual_seed(3)
    layer = chapter.Binary(nn.Conv2d(2, 3, 3, bias=True))
    V, x = layer.layer.weight, torch.rand(2, 2, 5, 5)
    weight = torch.stack([v.abs().mean() * torch.where(v >= 0, 1.0, -1.0) for v in V])
    assert torch.allclose(layer(x), F.conv2d(x, weight, layer.layer.bias), atol=1e-6)
    layer(x).square().sum().backward()
    grown = V.detach().clone().requires_grad_()
    alpha = grown.abs().mean((1, 2, 3), keepdim=True)
    straight = alpha * (grown + (grown.sign() - grown).detach())  # all latents lie within 1
    F.conv2d(x, straight, layer.layer.bias).square().sum().backward()
    assert torch.allclose(V.grad, grown.grad, rtol=1e-4, atol=1e-5)
    line = chapter.Binary(nn.Linear(4, 2))
    W = line.layer.weight
    expected = F.linear(x[..., :4], W.abs().mean(1, keepdim=True) * W.sign(), line.layer.bias)
    assert torch.allclose(line(x[..., :4]), expected)


def test_latents_start_from_the_binary_network_and_keep_the_sizes(chapter):
    torch.manual_seed(4)
    W = torch.randn(5, 2, 3, 3)
    W[0, 0, 0, 0] = 0
    W[4] = 0
    B = torch.where(torch.randn(5, 2, 3, 3) >= 0, 1.0, -1.0)
    alpha = torch.tensor([0.1, 2.0, 0.5, 1.0, 0.3])[:, None, None, None]
    V = chapter.latents(alpha * B, W)
    assert torch.equal(V.sign(), B)
    assert torch.allclose(V.abs().mean((1, 2, 3), keepdim=True), alpha)
    ratio = (V.abs() / W.abs())[1:4].flatten(1)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-2)
    plain = W[1:4]
    bwn = plain.sign() * plain.abs().mean((1, 2, 3), keepdim=True)
    assert torch.allclose(chapter.latents(bwn, plain), plain, atol=5e-3)
    assert float(V[0, 0, 0, 0].abs() / V[0].abs().mean()) == pytest.approx(1e-3, rel=0.01)
    for wrong in (torch.ones(5, 2, 3), torch.ones(5, 2, 3, 2)):
        with pytest.raises(ValueError, match="expected two weights"):
            chapter.latents(wrong, W)
    with pytest.raises(ValueError, match="expected two weights"):
        chapter.latents(torch.ones(5), torch.ones(5))


def test_training_starts_at_the_binary_network_and_survives_saving(chapter, network):
    layers = chapter.convolutions(network)
    binary = chapter.binarize(network, IMAGES, chapter.bwnh, layers)
    before = [part.weight.clone() for part in binary if isinstance(part, nn.Conv2d)]
    started = chapter.trainable(binary, network, layers)
    with torch.no_grad():
        assert torch.allclose(started.eval()(IMAGES), binary(IMAGES), atol=1e-4)
    assert [type(started.get_submodule(name)) for name in layers] == [chapter.Binary] * 4
    stored = io.BytesIO()
    torch.save(started, stored)
    stored.seek(0)
    with torch.no_grad():
        loaded = torch.load(stored, weights_only=False)
        assert torch.equal(loaded(IMAGES), started(IMAGES))
    started(IMAGES).square().sum().backward()
    assert all((started.get_submodule(n).layer.weight.grad != 0).any() for n in layers)
    after = [part.weight for part in binary if isinstance(part, nn.Conv2d)]
    assert all(map(torch.equal, before, after))  # the binary network stays
