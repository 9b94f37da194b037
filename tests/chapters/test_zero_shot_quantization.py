"""Tests of the chapter zero_shot_quantization: its method against independent computations."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import repro
from repro.pretrained.efficientnet_lite0 import ConvNorm


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("zero_shot_quantization")


def network(seed=0):
    """Two normalized layers with statistics of their own, in float64."""
    torch.manual_seed(seed)
    parts = ConvNorm(1, 3, 3, linear=True), nn.ReLU(), ConvNorm(3, 4, 3, 2, linear=True), nn.ReLU()
    net = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)).double()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return net.eval()


def images(n=6, side=8, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, side, side, generator=g, dtype=torch.float64)


def inputs_of_norms(net, x):
    """Inputs of both norms, by running the layers one by one."""
    one = net[0].conv(x)
    two = net[2].conv(net[1](net[0].norm(one)))
    return one, two


@pytest.mark.parametrize("seed", [0, 1])
def test_statistics_are_those_of_the_inputs_of_the_norms(chapter, seed):
    net, x = network(seed), images(seed=seed)
    logits, seen = chapter.observe(net, x)
    assert torch.equal(logits, net(x))
    norms = net[0].norm, net[2].norm
    for s, h, norm in zip(seen, inputs_of_norms(net, x), norms, strict=True):
        rows = h.detach().transpose(0, 1).flatten(1).numpy()
        np.testing.assert_allclose(s.mean.detach(), rows.mean(1), atol=1e-12)
        np.testing.assert_allclose(s.var.detach(), rows.var(1), atol=1e-12)
        assert s.stored_mean is norm.running_mean
        assert s.stored_var is norm.running_var
        assert s.eps == norm.eps


def test_statistics_of_each_image_are_unbiased_as_released(chapter):
    net, x = network(), images()
    for s, h in zip(
        chapter.observe(net, x, per_image=True)[1], inputs_of_norms(net, x), strict=True
    ):
        rows = h.detach().flatten(2).numpy()
        np.testing.assert_allclose(s.mean.detach(), rows.mean(2), atol=1e-12)
        np.testing.assert_allclose(s.var.detach(), rows.var(2, ddof=1), atol=1e-12)


def test_hooks_do_not_stay(chapter):
    net = network()
    chapter.observe(net, images())
    with pytest.raises(RuntimeError):
        chapter.observe(net, images().float())  # another type fails inside the network
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in net.modules())


def test_what_cannot_be_observed_is_refused(chapter):
    net = network()
    with pytest.raises(ValueError, match="train mode"):
        chapter.observe(network().train(), images())
    with pytest.raises(ValueError, match="expected images"):
        chapter.observe(net, images()[0])
    with pytest.raises(ValueError, match="expected images"):
        chapter.observe(net, images()[:0])
    with pytest.raises(ValueError, match="folded"):
        chapter.observe(chapter.fold_norms(net), images())
    with pytest.raises(ValueError, match="one pixel"):
        chapter.observe(net, images(side=2), per_image=True)


def test_divergence_of_known_pairs(chapter):
    """From the fact sheet of the method: deviations 1 and 2, both directions; a shifted mean."""
    one, zero = torch.tensor(1.0).double(), torch.tensor(0.0).double()
    assert chapter.gaussian_kl(zero, one, zero, 4 * one).item() == pytest.approx(0.318, abs=5e-4)
    assert chapter.gaussian_kl(zero, 4 * one, zero, one).item() == pytest.approx(0.807, abs=5e-4)
    assert chapter.gaussian_kl(one, one, zero, one).item() == 0.5
    assert chapter.gaussian_kl(one, one, one, one).item() == 0


def seen(chapter, *layers):
    tensors = ([torch.tensor(v, dtype=torch.float64) for v in layer[:4]] for layer in layers)
    return [
        chapter.Seen(*four, eps) for four, eps in zip(tensors, (v[4] for v in layers), strict=True)
    ]


TWO = (
    ([0.5, 1.0], [1.0, 2.0], [0.0, 1.5], [2.0, 1.0], 0.5),
    ([1.0, 2.0, 3.0], [0.3, 0.2, 0.1], [1.0, 2.5, 2.0], [0.4, 0.4, 0.9], 0.1),
)


def test_the_loss_is_a_mean_of_layers_of_means_of_channels(chapter):
    layers = []
    for mean, var, m, v, eps in TWO:
        terms = [
            (np.log((d + eps) / (b + eps)) + (b + eps + (a - c) ** 2) / (d + eps) - 1) / 2
            for a, b, c, d in zip(mean, var, m, v, strict=True)
        ]
        layers.append(np.mean(terms))
    assert chapter.kl_loss(seen(chapter, *TWO)).item() == pytest.approx(np.mean(layers))


def test_square_losses(chapter):
    sums = [
        (
            sum((a - c) ** 2 for a, c in zip(mean, m, strict=True)),
            sum((b - d) ** 2 for b, d in zip(var, v, strict=True)),
        )
        for mean, var, m, v, _ in TWO
    ]
    both = seen(chapter, *TWO)
    assert chapter.square_loss(both).item() == pytest.approx(sum(a + b for a, b in sums))
    mean = ((sums[0][0] + sums[0][1]) / 2 + (sums[1][0] + sums[1][1]) / 3) / 2
    assert chapter.gdfq_loss(both).item() == pytest.approx(mean)


@pytest.mark.parametrize("weight", [0, 0.3])
def test_the_class_term_is_weighted(chapter, weight):
    net, x, y = network(), images(), torch.arange(6) % 5
    logits, found = chapter.observe(net, x)
    expected = chapter.kl_loss(found) + weight * F.cross_entropy(logits, y)
    assert chapter.matching(chapter.kl_loss, weight)(net, x, y).item() == pytest.approx(
        expected.item()
    )


def test_zeroq_in_loops(chapter):
    """Squared differences of means and deviations, every image, layer and the input by itself."""
    net, x, eps = network(), images(4), 1e-6
    total = 0.0
    hs = [(x - 0.3) / 1.7, *inputs_of_norms(net, x)]
    stored = [(torch.zeros(1), torch.ones(1))]
    stored += [(n.running_mean, n.running_var) for n in (net[0].norm, net[2].norm)]
    for h, (m, v) in zip(hs, stored, strict=True):
        for image in h.detach():
            for channel, mean, var in zip(image, m, v, strict=True):
                values = channel.flatten().numpy()
                total += (values.mean() - mean.item()) ** 2 / len(x)
                spread = np.sqrt(values.var(ddof=1) + eps) - np.sqrt(var.item() + eps)
                total += spread**2 / len(x)
    assert chapter.zeroq(0.3, 1.7)(net, x, None).item() == pytest.approx(total)


@pytest.mark.parametrize("side, channels, width", [(8, 1, 32), (16, 3, 8)])
def test_the_generator_stays_within_its_range(chapter, side, channels, width):
    torch.manual_seed(0)
    G = chapter.Generator(7, side, channels, -2.0, 0.5, latent=5, width=width)
    x = G(torch.randn(9, 5), torch.arange(9) % 7)
    assert x.shape == (9, channels, side, side)
    assert -2 <= x.min() < x.max() <= 0.5
    with torch.no_grad():
        G.last.weight.zero_()
        G.last.bias.fill_(50.0)
    assert G(torch.randn(9, 5), torch.arange(9) % 7).min().item() == pytest.approx(0.5)


def test_the_generators_layers_one_by_one(chapter):
    torch.manual_seed(0)
    G = chapter.Generator(4, 8, 1, 0.0, 3.0, latent=6, width=8).eval()
    z, y = torch.randn(5, 6), torch.tensor([0, 3, 1, 1, 2])
    norms = [m for m in G.modules() if isinstance(m, nn.BatchNorm2d)]
    convs = [m for m in G.modules() if isinstance(m, nn.Conv2d)]
    assert [n.eps for n in norms] == [1e-5, 0.8, 0.8]
    h = norms[0](F.linear(G.label.weight[y] * z, G.line.weight, G.line.bias).view(5, 8, 2, 2))
    for conv, norm in zip(convs, norms[1:], strict=False):
        h = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
        h = norm(F.conv2d(h, conv.weight, conv.bias, padding=1))
        h = torch.where(h > 0, h, 0.2 * h)
    last = F.conv2d(h, convs[-1].weight, convs[-1].bias, padding=1)
    torch.testing.assert_close(G(z, y), 3 / (1 + (-last).exp()))


def test_a_standardized_generator_ends_in_mean_0_and_variance_1(chapter):
    torch.manual_seed(0)
    G = chapter.Generator(4, 8, 2, 0.0, 1.0, standardize=True)
    x = G(torch.randn(20, 32), torch.arange(20) % 4)
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.var((0, 2, 3), correction=0), torch.ones(2), atol=0.01, rtol=0)


@pytest.mark.parametrize("wrong", [{"side": 6}, {"width": 3}, {"low": 1.0}])
def test_impossible_generators_are_refused(chapter, wrong):
    options = {"classes": 2, "side": 8, "channels": 1, "low": 0.0, "high": 1.0} | wrong
    with pytest.raises(ValueError, match="Generator"):
        chapter.Generator(**options)


def test_pixels_take_adams_steps(chapter):
    """Three steps of Adam by hand, on a network that is not touched."""
    net, y = network(), torch.arange(6) % 5
    before = [p.clone() for p in net.parameters()]
    objective = chapter.matching(chapter.kl_loss)
    x, mine = images(), images()
    steps = []
    losses = chapter.optimize_pixels(net, x, y, objective, 3, 0.05, after=steps.append)
    m = v = torch.zeros_like(mine)
    for t in range(1, 4):
        point = mine.clone().requires_grad_()
        loss = objective(net, point, y)
        (g,) = torch.autograd.grad(loss, point)
        assert losses[t - 1] == pytest.approx(loss.item())
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        mine = mine - 0.05 * step
    torch.testing.assert_close(x.detach(), mine)
    assert steps == [1, 2, 3]
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


def test_the_rate_falls_after_a_hundred_steps_without_gain(chapter):
    """A constant slope, then a loss that never falls: the step shrinks to a tenth."""
    at = []

    def objective(net, x, y):
        at.append(float(x.detach().mean()))
        return x.sum() - x.sum().detach() + 1.0

    x = torch.zeros(1, 1, 1, 1)
    chapter.optimize_pixels(None, x, None, objective, 130, 0.01)
    moves = -np.diff(at)
    np.testing.assert_allclose(moves[:100], 0.01, rtol=1e-3)
    np.testing.assert_allclose(moves[105:], 0.001, rtol=1e-3)


def test_a_generator_learns_and_draws_new_noise(chapter):
    net, y = network().float(), torch.arange(10) % 5
    runs = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        G = chapter.Generator(5, 8, 1, -2.0, 2.0, latent=4, width=8)
        drawn = []
        G.line.register_forward_pre_hook(lambda m, inputs, drawn=drawn: drawn.append(inputs[0]))
        losses = chapter.train_generator(
            net, G, y, chapter.matching(chapter.kl_loss), 60, 0.01, seed
        )
        assert not torch.equal(drawn[0], drawn[1])
        runs.append(losses)
    assert runs[0] == runs[1] != runs[2]
    assert np.mean(runs[0][-10:]) < 0.6 * runs[0][0]


def test_betas_reach_adam(chapter):
    net, y, ends = network(), torch.arange(6) % 5, []
    for betas in ((0.9, 0.999), (0.5, 0.999)):
        x = images()
        chapter.descend(
            net, [x.requires_grad_()], lambda x=x: x, y, chapter.matching(chapter.kl_loss), 4, 0.05,
            betas=betas,
        )  # fmt: skip
        ends.append(x.detach())
    assert not torch.allclose(*ends)


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("low, high", [(0.0, 3.0), (-1.0, 2.0), (-2.5, 0.0), (-0.7, 11.3)])
def test_the_quantizer_in_fractions(chapter, low, high, bits):
    """Whole numbers by exact arithmetic; ties are avoided by the choice of values."""
    n = 2**bits - 1
    S = Fraction(n) / (Fraction(high) - Fraction(low))
    Z = round(S * Fraction(low)) + 2 ** (bits - 1)
    x = [low - 1, low + 0.013, 0.0, 0.2171, high / 3 + 0.0071, high + 1]
    expected = [min(max(round(S * Fraction(v) - Z), -(2 ** (bits - 1))), n // 2) for v in x]
    t = torch.tensor(x, dtype=torch.float64)
    assert chapter.codes(t, low, high, bits).tolist() == expected
    values = [float((q + Z) / S) for q in expected]
    np.testing.assert_allclose(chapter.fake_quantize(t, low, high, bits), values, atol=1e-12)
    assert chapter.fake_quantize(torch.zeros(1), low, high, bits).item() == 0


@pytest.mark.parametrize(
    "low, high, bits",
    [(0.1, 1, 4), (-1, -0.1, 4), (0, 1, 0), (0, 1, 17), (0, float("nan"), 4), (float("nan"), 1, 4)],
)
def test_impossible_grids_are_refused(chapter, low, high, bits):
    with pytest.raises(ValueError, match="grid"):
        chapter.grid(low, high, bits)


def test_an_empty_range_rounds_everything_to_zero(chapter):
    assert chapter.fake_quantize(torch.zeros(3), 0.0, 0.0, 4).tolist() == [0, 0, 0]


def test_ranges(chapter):
    values = torch.randn(20_001, generator=torch.Generator().manual_seed(0))
    ordered = values.sort().values
    assert chapter.find_range(values, "min-max", 4) == (ordered[0].item(), ordered[-1].item())
    low, high = chapter.find_range(values, "percentile", 4)
    assert (low, high) == (ordered[10].item(), ordered[-11].item())
    for shifted in (values - values.min() + 1, values - values.max() - 1):
        for rule in chapter.RULES:
            low, high = chapter.find_range(shifted, rule, 4)
            assert low == 0 if shifted.min() > 0 else high == 0
            assert low < high


@pytest.mark.parametrize("bits", [2, 4])
def test_the_clipped_range_has_the_least_error(chapter, bits):
    values = torch.randn(5001, generator=torch.Generator().manual_seed(bits)).relu()
    values[0] = 40.0
    high = chapter.find_range(values, "MSE", bits)[1]
    candidates = [40 * k / 40 for k in range(1, 41)]
    errors = [
        float((chapter.fake_quantize(values, 0.0, c, bits) - values).square().sum())
        for c in candidates
    ]
    assert high == pytest.approx(candidates[int(np.argmin(errors))])


def test_a_clipped_range_of_many_values_uses_some_of_them(chapter):
    values = torch.randn(50_000, generator=torch.Generator().manual_seed(3))
    few = chapter.find_range(values, "MSE", 3)
    every = chapter.find_range(values, "MSE", 3, most=50_000)
    assert few == pytest.approx(every, rel=0.1)


def test_ranges_refuse_nothing_and_nan(chapter):
    with pytest.raises(ValueError, match="got none"):
        chapter.find_range(torch.empty(0), "min-max", 4)
    with pytest.raises(ValueError, match="expected one of"):
        chapter.find_range(torch.ones(3), "max", 4)
    with pytest.raises(ValueError, match="grid"):
        chapter.find_range(torch.tensor([0.0, float("nan")]), "MSE", 4)


def test_calibration_reads_what_the_quantizer_replaces(chapter):
    net, x = network(), images(20)
    one = net[1](net[0](x))
    two = net[3](net[2](one))
    found = chapter.activations(net, x, nn.ReLU)
    for a, b in zip(found, (one, two), strict=True):
        assert torch.equal(a, b.flatten())
    ranges = chapter.calibrate(net, x, nn.ReLU, "min-max", 3)
    assert ranges == [(0.0, one.max().item()), (0.0, two.max().item())]
    rounded = chapter.fake_quantize(one, *ranges[0], 3)
    rounded = chapter.fake_quantize(net[3](net[2](rounded)), *ranges[1], 3)
    expected = net[4:](rounded)
    torch.testing.assert_close(
        chapter.quantized_logits(net, x, nn.ReLU, ranges, 3), expected.detach()
    )
    with pytest.raises(ValueError, match="expected 2 ranges"):
        chapter.quantized_logits(net, x, nn.ReLU, ranges[:1], 3)


def test_more_images_only_widen_min_max(chapter):
    net, x = network(), images(20)
    few = chapter.calibrate(net, x[:5], nn.ReLU, "min-max", 3)
    assert few == chapter.calibrate(net, x[:5], nn.ReLU, "min-max", 3)
    many = chapter.calibrate(net, x, nn.ReLU, "min-max", 3)
    assert all(b[1] >= a[1] for a, b in zip(few, many, strict=True))


def test_digit_networks(chapter):
    net = chapter.digit_network(3)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [c.weight.shape[0] for c in convs] == [8, 8, 16, 16, 24]
    assert [c.stride[0] for c in convs] == [1, 1, 2, 1, 2]
    assert sum(isinstance(m, nn.ReLU) for m in net.modules()) == 5
    assert net.eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    other = chapter.digit_network(3)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
    pixel = torch.tensor([5.0, 11.0]) / 16
    assert ((pixel - chapter.CENTRE) / chapter.SPREAD).tolist() == [0, 1]
    assert pytest.approx(-5 / 6) == chapter.DARK
    assert pytest.approx(11 / 6) == chapter.BRIGHT
    assert chapter.CLASSES.bincount().tolist() == [10] * 10


@pytest.mark.parametrize("bits", [2, 4])
def test_weights_are_folded_and_rounded_per_channel(chapter, bits):
    net, x = network().float(), images().float()
    fine = chapter.quantize_weights(net, 16)
    torch.testing.assert_close(fine(x), net(x), atol=1e-3, rtol=1e-3)
    coarse = chapter.quantize_weights(net, bits)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in coarse.modules())
    for layer in coarse.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert all(len(row.unique()) < 2**bits for row in layer.weight.flatten(1))
    assert any(isinstance(m, nn.BatchNorm2d) for m in net.modules())


def test_a_standardized_generator_learns_no_scale_of_its_own(chapter):
    made = chapter.Generator(3, 8, 2, 0.0, 1.0, standardize=True)
    assert list(made.norm.parameters()) == []


def test_pixels_move_by_a_tenth_at_first(chapter):
    x = images()
    before, y = x.clone(), torch.zeros(len(x), dtype=torch.long)
    chapter.optimize_pixels(network(), x, y, lambda net, x, y: (x * x).sum(), 1)
    moved = (x.detach() - before).abs()
    assert moved.numpy() == pytest.approx(0.1, rel=1e-5)


def test_classes_take_turns(chapter):
    assert chapter.CLASSES[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
