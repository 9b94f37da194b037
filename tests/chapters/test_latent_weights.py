"""Tests of the chapter latent_weights: its method against slow or independent ways."""

import copy
import io
from operator import mul

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import repro
from repro.training import predict

latent = repro.chapter("latent_weights")
SEEDS = range(3)


def generator(seed):
    """Torch's generator at a seed."""
    return torch.Generator().manual_seed(seed)


def images(seed, n=6, side=16, dtype=torch.float32):
    """Random images (n, 1, side, side)."""
    return torch.rand(n, 1, side, side, generator=generator(seed), dtype=dtype)


def made(seed, C=4, **given):
    """A network whose normalization has seen some images, in eval mode."""
    torch.manual_seed(seed)
    net = latent.Network(C, **given)
    for path in net.paths:
        for part in range(3):
            net(images(seed + part, 20), path)
    return net.eval()


def slow_convolution(x, w):
    """Cross-correlation with a border of zeros, by loops: (N, C, H, W), (K, C, 3, 3)."""
    N, _, H, W = x.shape
    out = np.zeros((N, len(w), H, W))
    for i in range(H):
        for j in range(W):
            for r in range(3):
                for s in range(3):
                    a, b = i + r - 1, j + s - 1
                    if 0 <= a < H and 0 <= b < W:
                        out[:, :, i, j] += x[:, :, a, b] @ w[:, :, r, s].T
    return out


def test_the_sign_has_two_values_and_a_clipped_gradient():
    v = torch.tensor([-2.0, -1.0, -0.3, -0.0, 0.0, 0.3, 1.0, 2.0, 1.0001], requires_grad=True)
    s = latent.Sign.apply(v)
    assert s.tolist() == [-1, -1, -1, 1, 1, 1, 1, 1, 1]
    s.backward(torch.arange(1.0, 10.0))
    assert v.grad.tolist() == [0, 2, 3, 4, 5, 6, 7, 0, 0]
    assert latent.Sign.apply(torch.tensor(float("nan"))).isnan()
    assert latent.Sign.apply(torch.zeros(2, dtype=torch.float16)).dtype == torch.float16
    assert latent.Sign.apply(torch.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("K", "C", "H", "W"), [(1, 1, 1, 1), (3, 2, 5, 4), (2, 5, 2, 7)])
def test_both_paths_are_the_convolutions_they_say(seed, K, C, H, W):
    torch.manual_seed(seed)
    conv, x = latent.Shared(K, C).double(), torch.randn(2, C, H, W).double()
    w = conv.W.detach().numpy()
    alpha = np.array([np.mean(np.abs(f)) for f in w])
    signs = np.where(w >= 0, 1, -1)
    expected = slow_convolution(x.numpy(), signs) * alpha[:, None, None]
    np.testing.assert_allclose(conv.binary(x).detach(), expected, atol=1e-12)
    np.testing.assert_allclose(conv.real(x).detach(), slow_convolution(x.numpy(), w), atol=1e-12)


@pytest.mark.parametrize("Conv", [latent.Shared, latent.Unshared])
def test_latents_start_at_one_over_the_root_of_the_filter(Conv):
    torch.manual_seed(0)
    for p in Conv(64, 25).parameters():
        assert p.shape == (64, 25, 3, 3)
        assert p.std().item() == pytest.approx(1 / 15, rel=0.03)
        assert abs(p.mean().item()) < 0.003


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_of_the_shared_tensor_has_three_parts(seed):
    torch.manual_seed(seed)
    conv, x = latent.Shared(3, 2).double(), torch.randn(4, 2, 5, 5).double()
    conv.W.data *= 6  # some beyond 1
    w = conv.W.detach()
    g_B, g_R = torch.randn(2, 4, 3, 5, 5).double()
    ((conv.binary(x) * g_B).sum() + (conv.real(x) * g_R).sum()).backward()

    def at_kernel(g):
        k = torch.zeros_like(w, requires_grad=True)
        (F.conv2d(x, k, padding=1) * g).sum().backward()
        return k.grad

    G_B, G_R = at_kernel(g_B), at_kernel(g_R)
    for k in range(3):
        alpha, s = w[k].abs().mean(), w[k].sign()
        expected = alpha * G_B[k] * (w[k].abs() <= 1) + s * (G_B[k] * s).sum() / 18 + G_R[k]
        np.testing.assert_allclose(conv.W.grad[k], expected, atol=1e-11)


def test_an_unshared_path_has_a_tensor_of_its_own():
    torch.manual_seed(0)
    conv, x = latent.Unshared(2, 3), torch.randn(2, 3, 4, 4)
    assert torch.equal(conv.real(x), F.conv2d(x, conv.V, padding=1))
    conv.real(x).sum().backward()
    assert conv.W.grad is None
    conv.V.grad = None
    conv.binary(x).sum().backward()
    assert conv.V.grad is None
    assert conv.W.grad is not None


@pytest.mark.parametrize("path", ["binary", "real"])
def test_a_block_is_a_residual_and_each_path_has_its_normalisation(path):
    torch.manual_seed(1)
    block = latent.Block(3, latent.PATHS, latent.Shared)
    other = "real" if path == "binary" else "binary"
    before = copy.deepcopy(block.norms[other].state_dict())
    x = 2 * torch.randn(8, 3, 4, 4) + 1
    out = block(x, path, torch.tanh)
    assert all(torch.equal(v, before[k]) for k, v in block.norms[other].state_dict().items())
    y = F.batch_norm(x, None, None, training=True)
    y = F.batch_norm(getattr(block.conv, path)(torch.tanh(y)), None, None, training=True) + x
    expected = torch.where(y > 0, y, 0.25 * y)
    np.testing.assert_allclose(out.detach(), expected.detach(), atol=1e-5)


def test_the_network_has_a_float_stem_three_blocks_and_a_maximum():
    net = made(0, C=5)
    x = images(3, 2)
    h = net.stem(x)
    conv, norm, pool, prelu = net.stem
    by_hand = F.conv2d(x, conv.weight, stride=2, padding=2)
    by_hand = F.prelu(F.max_pool2d(norm(by_hand), 2), prelu.weight)
    assert conv.weight.shape == (5, 1, 5, 5)
    assert conv.bias is None
    assert torch.equal(h, by_hand)
    assert h.shape == (2, 5, 4, 4)
    assert pool(torch.ones(1, 5, 8, 8)).shape == (1, 5, 4, 4)
    assert [block.conv.W.shape for block in net.blocks] == [(5, 5, 3, 3)] * 3
    for path, activation in (("binary", latent.Sign.apply), ("real", latent.Sign.apply)):
        g = h
        for block in net.blocks:
            g = block(g, path, activation)
        features = net.body(h, path)
        assert torch.equal(features, g.flatten(2).max(2).values)
        assert torch.equal(net(x, path), net.classifier(features))
    assert torch.equal(net(x), net(x, "binary"))
    assert latent.Network().blocks[0].conv.W.shape == (16, 16, 3, 3)
    assert latent.Network().paths == latent.PATHS == ("binary", "real")


def test_the_real_path_has_the_activations_asked_for():
    net = made(1, real="hardtanh")
    h = net.stem(images(1))
    g = h
    for block in net.blocks:
        g = block(g, "real", lambda v: v.clamp(-1, 1))
    assert torch.equal(net.body(h, "real"), g.amax((2, 3)))
    signs = made(1)
    assert not torch.equal(signs.body(h, "real"), net.body(h, "real"))


def logits(seed):
    """Random logits of two paths and labels."""
    z = torch.randn(2, 7, 10, generator=generator(seed), dtype=torch.float64).requires_grad_()
    return {"binary": z[0], "real": z[1]}, torch.arange(7), z


@pytest.mark.parametrize("seed", SEEDS)
def test_the_supervision_is_its_formula(seed):
    z, y, _ = logits(seed)
    p, q = z["real"].softmax(1), z["binary"].softmax(1)
    terms = [-q[range(7), y].log().mean(), -p[range(7), y].log().mean()]
    terms.append((p * (p.log() - q.log())).sum(1).mean())
    for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 2, 3)):
        found = latent.supervision(z, y, *map(float, weights))
        assert found.item() == pytest.approx(sum(map(mul, weights, terms)).item())
    assert latent.supervision(z, y).item() == pytest.approx(terms[0].item())


def test_the_teacher_receives_no_gradient():
    z, y, leaf = logits(0)
    latent.supervision(z, y, binary=0.0, kl=1.0).backward()
    assert not leaf.grad[1].any()
    p, q = z["real"].softmax(1), z["binary"].softmax(1)
    np.testing.assert_allclose(leaf.grad[0], ((q - p) / 7).detach(), atol=1e-12)


def test_a_path_that_is_not_there_is_named():
    z, y, _ = logits(0)
    for weights in ({"real": 1.0}, {"kl": 1.0}):
        with pytest.raises(ValueError, match=r"path 'real', got those of \['binary'\]"):
            latent.supervision({"binary": z["binary"]}, y, **weights)


def test_training_gives_the_logits_of_all_paths_or_of_a_fixed_teacher():
    net, x = made(2), images(5)
    z = latent.Training(net)(x)
    assert list(z) == ["binary", "real"]
    for path in z:
        np.testing.assert_allclose(z[path].detach(), net(x, path).detach(), atol=1e-6)
    plain, teacher = made(3, paths=("binary",)), made(4, paths=("real",), real="hardtanh")
    training = latent.Training(plain, teacher).train()
    z = training(x)
    assert not teacher.training
    assert torch.equal(z["real"], teacher(x, "real"))
    assert not z["real"].requires_grad
    assert list(latent.Training(plain)(x)) == ["binary"]


def test_training_runs_the_stem_once():
    net, seen = latent.Network(3), []
    net.stem.register_forward_hook(lambda *_: seen.append(1))
    latent.Training(net)(images(0))
    assert seen == [1]


@pytest.mark.parametrize("Conv", [latent.Shared, latent.Unshared])
def test_only_latents_are_clamped(Conv):
    net = latent.Network(3, Conv=Conv)
    for p in net.parameters():
        p.data.fill_(-3.0)
    next(net.blocks[1].conv.parameters()).data.fill_(5.0)
    latent.clamp(latent.Training(net))
    for name, p in net.named_parameters():
        ends = {1.0} if name == "blocks.1.conv.W" else {-1.0} if ".conv." in name else {-3.0}
        assert set(p.flatten().tolist()) == ends, name


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_deployed_is_path_b_bit_for_bit(seed):
    net = made(seed, C=8, real="hardtanh").train()
    small = latent.deploy(net)
    assert net.training
    assert not small.training
    assert net.paths == ("binary", "real")
    assert torch.equal(small(images(9, 50)), net.eval()(images(9, 50)))
    assert not any("real" in name or name.endswith(".W") for name in small.state_dict())
    for block, trained in zip(small.blocks, net.blocks, strict=True):
        assert block.conv.signs.dtype == torch.int8
        assert torch.equal(block.conv.signs, torch.where(trained.conv.W >= 0, 1, -1))
        assert block.conv.scale.shape == (8, 1, 1)
        torch.testing.assert_close(block.conv.scale.flatten(), trained.conv.W.abs().mean((1, 2, 3)))
    assert list(latent.Training(small)(images(0))) == ["binary"]


def test_latents_that_are_no_numbers_are_not_deployed():
    net = made(0)
    net.blocks[2].conv.W.data[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="Binary: the latents hold NaN or infinity"):
        latent.deploy(net)


def test_networks_survive_saving():
    for net in (made(0), latent.deploy(made(0))):
        stream = io.BytesIO()
        torch.save(net, stream)
        stream.seek(0)
        again = torch.load(stream, weights_only=False)
        assert torch.equal(again(images(1)), net(images(1)))


def test_the_read_out_estimates_the_normalisation_of_path_r_again():
    net, x = made(0), images(4, 40)
    state = copy.deepcopy(net.state_dict())
    out = predict(latent.read_out(net, x), x)
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    fresh = copy.deepcopy(net).train()
    np.testing.assert_allclose(out, fresh(x, "real").detach(), atol=2e-2)
    assert not np.allclose(out, net(x, "real").detach(), atol=2e-2)
    wide = latent.read_out(net, x, "hardtanh")
    assert wide.net.activations == {"binary": "sign", "real": "hardtanh"}
    assert net.activations["real"] == "sign"


def test_a_plain_network_is_read_with_the_normalisation_of_path_b_as_a_start():
    net, x = made(1, paths=("binary",)), images(2, 30)
    for block in net.blocks:
        nn.init.uniform_(block.norms["binary"][0].weight, -1, 2)
        W = block.conv.W.data
        W.copy_(latent.Sign.apply(W) * 0.1)  # equal magnitudes: path R is path B
    read = latent.read_out(net, x)
    own = latent.reestimate_normalization(net, x)
    np.testing.assert_allclose(predict(read, x), predict(own, x), atol=1e-4)
    assert list(net.blocks[0].norms) == ["binary"]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_alignment_is_the_cosine_with_the_signs(seed):
    W = torch.randn(5, 3, 2, 2, generator=generator(seed), dtype=torch.float64)
    W[4] = 0
    for k, found in enumerate(latent.alignment(W).tolist()):
        w = W[k].flatten().numpy()
        s = np.where(w >= 0, 1, -1) * np.abs(w).mean()
        norms = np.linalg.norm(w) * np.linalg.norm(s)
        assert found == pytest.approx(w @ s / norms if norms else 0)
    assert torch.allclose(latent.alignment(7 * W), latent.alignment(W))
    assert latent.alignment(torch.ones(2, 1, 1, 1)).tolist() == [1, 1]
    assert not latent.alignment(W.requires_grad_()).requires_grad


@pytest.mark.parametrize("seed", SEEDS)
def test_the_separation_is_scatter_between_over_within(seed):
    f = torch.randn(40, 3, generator=generator(seed), dtype=torch.float64) + 2
    y = torch.randint(0, 4, (40,), generator=generator(seed + 9))
    between = within = 0.0
    for c in range(4):
        rows = f[y == c].numpy()
        if len(rows):
            between += len(rows) * ((rows.mean(0) - f.numpy().mean(0)) ** 2).sum()
            within += ((rows - rows.mean(0)) ** 2).sum()
    assert latent.separation(f, y) == pytest.approx(between / within)


@pytest.mark.parametrize(("f", "y"), [((3,), 3), ((3, 2), 4), ((0, 2), 0)])
def test_features_that_do_not_fit_are_refused(f, y):
    with pytest.raises(ValueError, match="separation: expected features"):
        latent.separation(torch.zeros(f), torch.zeros(y, dtype=torch.int64))
