"""Tests of the chapter shift_detector: its method against independent ways of computing."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import repro
from repro.arithmetic.convolution import integer_conv2d
from repro.hardware.memory import CapacityError

SHIFTS = (-3, -1, 0, 1, 2, 5)


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("shift_detector")


@pytest.fixture(scope="module")
def net(chapter):
    """A detector with random weights and running statistics that differ between channels."""
    torch.manual_seed(0)
    net = chapter.Detector()
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.3, 2)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0.1, 0.2)
    return net.eval()


def pictures(seed, n=3, side=32):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 1, side, side), np.uint8)
    return pixels, torch.from_numpy(pixels.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("r", SHIFTS)
def test_the_shift_rounds_halves_up(chapter, r):
    a = np.arange(-300, 300)
    exact = [math.floor(Fraction(int(v)) / Fraction(2) ** r + Fraction(1, 2)) for v in a]
    assert chapter.rounding_shift(a, r).tolist() == exact


def test_each_channel_has_its_own_shift(chapter):
    a = np.arange(-12, 12).reshape(3, 2, 4)
    r = np.array([2, 0, -1]).reshape(3, 1, 1)
    rows = [chapter.rounding_shift(a[k], int(r[k, 0, 0])) for k in range(3)]
    assert np.array_equal(chapter.rounding_shift(a, r), rows)


@pytest.mark.parametrize("top", [1, 7, 15, 127, 255])
def test_steps_are_the_powers_of_two_of_their_rule(chapter, top):
    reach = torch.logspace(-3, 3, 500)
    s = reach.double() / top
    exponent = torch.log2(s)
    free, near, above = (
        chapter.step(reach, top, rule).double() for rule in ("free", "nearest", "ceiling")
    )
    assert torch.allclose(free, s, rtol=1e-6)
    assert torch.equal(near, 2.0 ** torch.round(exponent))
    assert torch.equal(above, 2.0 ** torch.ceil(exponent))


def test_steps_at_their_limits(chapter):
    exact = torch.tensor([0.25, 1.0, 8.0])
    for rule in ("nearest", "ceiling"):
        assert torch.equal(chapter.step(15 * exact, 15, rule), exact)
    assert chapter.step(torch.tensor(0.0), 4, "free") == 0.25
    assert chapter.step(torch.tensor([1.4, 1.42]), 1, "nearest").tolist() == [1, 2]


def test_rounding_forward_and_the_identity_backward(chapter):
    x = torch.tensor([-1.5, -0.5, 0.49, 0.5, 2.5, 7.6], requires_grad=True)
    y = chapter.on_grid(x, torch.tensor(0.5), -2, 7)
    assert (y / 0.5).tolist() == [-2, -1, 1, 1, 5, 7]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]
    assert chapter.half_up(x.detach()).tolist() == [-1, 0, 0, 1, 3, 8]


def test_ranges_follow_the_outputs(chapter):
    y, reach = torch.arange(-100.0, 9900), torch.zeros(())
    chapter.follow(reach, y, 8)
    assert reach == 9899
    chapter.follow(reach, y - 1000, 8)
    assert reach.item() == pytest.approx(0.9 * 9899 + 0.1 * 8899)
    reach.zero_()
    chapter.follow(reach, y, 4)  # five of 10,000 lie above it
    assert reach == 9894
    reach.zero_()
    chapter.follow(reach, -1 - y[200:], 8)
    assert reach == 0


def test_cells_predict_centres_and_sides(chapter):
    y = torch.zeros(1, 6, 2, 3)
    y[0, :2] = torch.arange(12.0).reshape(2, 2, 3)
    y[0, 2, 1, 2], y[0, 3, 1, 2], y[0, 4, 1, 2], y[0, 5, 1, 2] = 0.25, -0.5, math.log(2), 9
    found = chapter.decode(y)
    assert found.shape == (1, 6, 6)
    assert found[0, :, 0].tolist() == list(range(6)) and found[0, 1, 1] == 7
    assert found[0, 1, 2:].tolist() == [4, -4, 20, 12]  # cell 1 of row 0: centre (12, 4), side 16
    tall = 8 * math.exp(2)
    expected = torch.tensor([22 - 16, 8 - tall, 22 + 16, 8 + tall])
    assert torch.allclose(found[0, 5, 2:], expected)
    y[0, 5, 1, 2] = -9
    assert chapter.decode(y)[0, 5, 5] == pytest.approx(8 + 8 * math.exp(-2))


def test_the_network_has_the_layers_of_the_text(chapter):
    net = chapter.Detector()
    convs = [stage[0] for stage in net.body]
    assert [c.groups > 1 for c in convs] == [False, True, False, False, True, False, False]
    assert [tuple(c.weight.shape) for c in convs] == [
        (16, 1, 4, 4), (16, 1, 3, 3), (32, 16, 1, 1), (32, 32, 3, 3), (32, 1, 3, 3),
        (32, 32, 1, 1), (32, 32, 3, 3),
    ]  # fmt: skip
    assert net.head.weight.shape == (14, 32, 1, 1)
    assert net.head.bias[:10].tolist() == [-4] * 10
    assert net(torch.rand(2, 1, 32, 48)).shape == (2, 24, 14)


def test_pictures_enter_as_pixels_over_256(chapter, net):
    pixels, x = pictures(0)
    y = net.head(net.body(torch.from_numpy(pixels).float() / 256))
    assert torch.allclose(net(x), chapter.decode(y), atol=1e-4)


def test_the_loss_looks_at_the_cells_of_centres(chapter):
    truth = torch.full((2, 2, 4), torch.nan)
    truth[0, 0] = torch.tensor([2.0, 10, 12, 22])  # centre (7, 16): column 0, row 2
    truth[0, 1] = torch.tensor([20.0, 0, 44, 8])  # centre (32, 4): column 4 of 4, so the last
    truth[1, 0] = torch.tensor([9.0, 9, 15, 15])
    label = torch.tensor([[1, 0], [2, 0]])
    answer = torch.zeros(2, 16, 7)
    answer[..., 3:] = torch.tensor([0.0, 0, 1, 1])
    answer[..., :3] = -20
    places = {(0, 8): (1, truth[0, 0]), (0, 3): (0, truth[0, 1]), (1, 5): (2, truth[1, 0])}
    for (n, m), (c, box) in places.items():
        answer[n, m, c], answer[n, m, 3:] = 20, box
    assert chapter.detection_loss(answer, truth, label) < 1e-6
    answer[0, 8, 3:] += torch.tensor([10.0, 0, 10, 0])  # beside it: IoU 0, no gap
    assert chapter.detection_loss(answer, truth, label).item() == pytest.approx(1 / 3, abs=1e-5)
    answer[0, 8, 3:] = truth[0, 0]
    answer[1, 0, 0] = 0  # a background cell at a score of one half
    wrong = 0.5 * 0.25 * math.log(2)
    assert chapter.detection_loss(answer, truth, label).item() == pytest.approx(wrong / 3, abs=1e-5)
    nothing = chapter.detection_loss(answer, truth * torch.nan, label)
    assert nothing > 0 and torch.isfinite(nothing)


def test_in_float_only_batch_norm_is_folded(chapter, net):
    x = pictures(1)[1]
    folded = chapter.QuantizedDetector(net, 8, 8, "float")
    assert torch.allclose(folded(x), net(x), atol=1e-3)
    *_, hidden, _ = folded.maps(x)
    assert (hidden >= 0).all()


@pytest.mark.parametrize("rule", ["free", "nearest", "ceiling"])
@pytest.mark.parametrize("channels", [False, True])
def test_layers_are_on_their_grids(chapter, net, rule, channels):
    x = pictures(2)[1]
    made = chapter.calibrated(chapter.QuantizedDetector(net, 4, 5, rule, channels), x)
    assert not made.training
    for layer, y in zip(made.layers[:-1], made.maps(x), strict=False):
        s = chapter.step(layer.reach, 31, rule)
        codes = y / s
        assert torch.allclose(codes, codes.round(), atol=1e-4)
        assert codes.min() >= 0 and 15.5 < codes.max() <= 31.001
        largest = layer.weight.abs().amax((1, 2, 3) if channels else None).flatten()
        assert torch.equal(layer.weight_step().flatten(), chapter.step(largest, 7, rule))
    head = made.layers[-1]
    assert (head.top_w, head.k_a) == (127, 0)
    assert made.layers[0].top_w == 7


def test_ranges_move_in_training_only(chapter, net):
    x = pictures(3)[1]
    made = chapter.calibrated(chapter.QuantizedDetector(net, 8, 8), x)
    before = [layer.reach.item() for layer in made.layers]
    made(0.5 * x)
    assert [layer.reach.item() for layer in made.layers] == before
    made.train()(0.5 * x)
    assert made.layers[0].reach.item() != before[0] and before[0] > 0


@pytest.mark.parametrize(("k_w", "k_a", "rule"), [(1, 8, "free"), (9, 8, "free"), (8, 0, "free"),
                                                 (8, 9, "free"), (8, 8, "floor")])  # fmt: skip
def test_widths_and_rules_that_mean_nothing_are_refused(chapter, net, k_w, k_a, rule):
    with pytest.raises(ValueError, match="bits for weights"):
        chapter.QuantizedDetector(net, k_w, k_a, rule)


@pytest.mark.parametrize(("k_w", "k_a"), [(8, 8), (4, 8), (4, 4), (2, 1)])
@pytest.mark.parametrize("rule", ["nearest", "ceiling"])
@pytest.mark.parametrize("channels", [False, True])
def test_integers_equal_floats_on_the_grid(chapter, net, k_w, k_a, rule, channels):
    pixels, x = pictures(4)
    made = chapter.calibrated(chapter.QuantizedDetector(net, k_w, k_a, rule, channels), x)
    layers = chapter.to_integers(made)
    assert all(np.abs(layer.w).max() <= 2 ** (k_w - 1) - 1 for layer in layers[:-1])
    assert all(layer.top == 2**k_a - 1 for layer in layers[:-1]) and layers[-1].top is None
    with torch.no_grad():
        values = list(made.maps(x))
    steps = [chapter.step(layer.reach, layer.top_a, rule) for layer in made.layers[:-1]]
    last = (steps[-1] * made.layers[-1].weight_step())[..., 0]
    for y, codes, s in zip(values, chapter.integer_maps(layers, pixels), [*steps, last],
                           strict=True):  # fmt: skip
        assert np.array_equal((y / s).numpy(), codes)


def test_free_steps_have_no_integers(chapter, net):
    made = chapter.QuantizedDetector(net, 8, 8, "free")
    with pytest.raises(ValueError, match="powers of two"):
        chapter.to_integers(made)


@pytest.mark.parametrize("bits", [3, 4, 5])
def test_weights_of_the_second_reading(chapter, bits):
    rng = np.random.default_rng(bits)
    w = rng.normal(size=(9, 2, 3, 3)) * 2.0 ** -rng.integers(0, 10, (9, 2, 3, 3))
    sign, e = chapter.shift_weights(w, bits)
    found = sign * 2.0**e
    highest = math.floor(math.log2(4 / 3 * np.abs(w).max()))
    levels = [2.0 ** (highest - i) for i in range(2 ** (bits - 2))]
    grid = np.array([0, *levels, *(-v for v in levels)])
    assert np.isin(found, grid).all() and len(np.unique(np.abs(found))) == len(levels) + 1
    best = np.abs(w[..., None] - grid).min(-1)
    assert np.array_equal(np.abs(w - found), best)
    x = np.random.default_rng(9).integers(0, 256, (2, 2, 6, 5))
    lifted = e - e.min()
    product = integer_conv2d(x, sign << lifted)
    assert np.array_equal(chapter.shift_conv2d(x, sign, lifted), product)


SHAPES = [(6, 5, 3, 1, False), (4, 4, 3, 1, True), (10, 10, 3, 2, True), (7, 3, 1, 1, False),
          (8, 1, 4, 4, False), (6, 6, 3, 2, True)]  # fmt: skip


@pytest.mark.parametrize(("K", "C", "k", "stride", "depthwise"), SHAPES)
@pytest.mark.parametrize(("Tm", "Tn"), [(1, 1), (4, 4), (4, 6), (3, 2), (16, 8)])
def test_both_modes_compute_and_count(chapter, K, C, k, stride, depthwise, Tm, Tn):
    rng = np.random.default_rng(K)
    groups = C if depthwise else 1
    x = rng.integers(0, 256, (C, 8, 12))
    w = rng.integers(-8, 8, (K, C // groups, k, k))
    padding = 0 if k == stride else k // 2
    truth = integer_conv2d(x[None], w, stride=stride, padding=padding, groups=groups)[0]
    P = truth[0].size
    macs = truth.size * w[0].size
    for mode, run in (("channels", chapter.channel_mode), ("pixels", chapter.pixel_mode)):
        found = run(x, w, Tm, Tn, stride, padding, groups)
        assert np.array_equal(found.y, truth)
        assert found.products == macs
        assert found.cycles == chapter.layer_cycles(mode, K, C, k * k, P, depthwise, Tm, Tn)
        if mode == "pixels":
            assert found.updates == macs
    pairs = {(i // Tm, j // Tn) for i, j in itertools.product(range(K), range(C))
             if not depthwise or i == j}  # fmt: skip
    rows = {(i, j // Tn) for i, j in itertools.product(range(K), range(C))
            if not depthwise or i == j}  # fmt: skip
    found = chapter.channel_mode(x, w, Tm, Tn, stride, padding, groups)
    assert found.cycles == len(pairs) * k * k * P and found.updates == len(rows) * k * k * P


def test_the_hybrid_takes_the_faster_mode(chapter):
    assert chapter.hybrid_mode(16, 16, 64, True, 8, 8) == "pixels"
    assert chapter.hybrid_mode(16, 16, 64, False, 8, 8) == "channels"  # equal
    assert chapter.hybrid_mode(16, 16, 4, False, 8, 8) == "channels"
    assert chapter.hybrid_mode(16, 4, 64, False, 8, 8) == "pixels"


def test_a_mode_that_is_none_is_refused(chapter):
    with pytest.raises(ValueError, match="the mode channels or pixels"):
        chapter.layer_cycles("rows", 16, 16, 9, 64, False, 8, 8)


@pytest.mark.parametrize(("k", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (5, 1, 2), (3, 1, 0),
                                                      (1, 1, 0), (5, 2, 1)])  # fmt: skip
@pytest.mark.parametrize(("t", "h"), [(1, 1), (3, 2), (4, 99), (99, 5), (99, 99)])
def test_strips_compute_and_count(chapter, k, stride, padding, t, h):
    rng = np.random.default_rng(k)
    C, H, W = 2, 9, 11
    x = rng.integers(0, 256, (C, H, W)).astype(np.uint8)
    w = rng.integers(-8, 8, (3, C, k, k))
    truth = integer_conv2d(x[None], w, stride=stride, padding=padding)[0]
    y, words, peak = chapter.stream(x, w, t, h, stride, padding)
    assert np.array_equal(y, truth)
    sides = [chapter.lines_read(n, u, k, stride, padding) for n, u in ((H, h), (W, t))]
    if k <= 3:  # farther than one pixel, halos of narrow strips leave the map
        assert words == C * math.prod(sides)
    assert peak == chapter.line_words(min(t, y.shape[2]), C, k, stride)


def test_one_word_less_is_too_little(chapter):
    x, w = np.ones((2, 6, 20), np.uint8), np.ones((1, 2, 3, 3), np.int64)
    words = chapter.line_words(4, 2)
    assert words == 2 * (4 + 2) * 2
    chapter.stream(x, w, 4, 99, capacity=words)
    with pytest.raises(CapacityError, match="line buffer"):
        chapter.stream(x, w, 4, 99, capacity=words - 1)


def test_columns_of_the_text(chapter):
    assert chapter.lines_read(64, 16) == 64 + 2 * 3
    assert chapter.lines_read(64, 64) == 64
    assert chapter.lines_read(64, 8, stride=2) == 64 + 3
    assert chapter.line_words(16, 32) == 2 * 18 * 32
    assert chapter.line_words(16, 32, stride=2) == 2 * 33 * 32


@pytest.mark.parametrize("stages", [(3, 5, 2), (5, 3, 2), (1, 2, 7), (4, 4, 4)])
@pytest.mark.parametrize("T", [0, 2, 5, 9])
def test_frames_leave_as_recurrences_say(chapter, stages, T):
    log = chapter.pipeline(stages, 6, T)
    ends = {(n, s): end for n, s, _, end in log}
    for n, s in itertools.product(range(6), range(3)):
        ready = ends[n, s - 1] if s else n * T
        free = ends[n - 1, s] if n else 0
        assert ends[n, s] == max(ready, free) + stages[s]
    assert all(end - begin == stages[s] for _, s, begin, end in log)
    assert log == sorted(log) and len(log) == 18
    assert ends[5, 2] == sum(stages) + 5 * max(*stages, T)


def test_one_processor_serves_two_stages(chapter):
    log = chapter.pipeline((4, 3, 5), 5, units=(0, 1, 0))
    busy = sorted((begin, end) for _, s, begin, end in log if s != 1)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(busy))
    assert sum(end - begin for begin, end in busy) == 5 * 9
