"""Tests of the chapter bnn_engine: engine, thresholds, network, loss and circuits."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import repro
from repro.hardware import rtl


@pytest.fixture(scope="module")
def bnn():
    return repro.chapter("bnn_engine")


def meaning(w, mode):
    """What a weight bit stands for."""
    return 2 * w - 1 if mode else w


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_products_are_bits_and_a_correction(bnn, n):
    for a, w, mode in itertools.product(range(2**n), (0, 1), (0, 1)):
        s, m = (int(v) for v in bnn.controls(np.array(w), mode))
        assert (s, m) == (int(meaning(w, mode) == -1), int(meaning(w, mode) != 0))
        part = int(bnn.q(np.array(a), -s, -m))
        assert part + s == a * meaning(w, mode) and -(2**n) <= part < 2**n


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize(
    ("C", "K", "size", "stride", "groups"),
    [(3, 4, (3, 3), 1, 1), (4, 6, (5, 5), 1, 2), (4, 4, (1, 7), 1, 4), (6, 3, (7, 1), 1, 3),
     (2, 4, (1, 1), 1, 1), (1, 5, (3, 3), 2, 1)],
)  # fmt: skip
def test_the_engine_convolves(bnn, mode, C, K, size, stride, groups):
    rng = np.random.default_rng(C + K)
    a = rng.integers(0, 16, (2, C, 8, 9))
    w = rng.integers(0, 2, (K, C // groups, *size))
    beta = rng.integers(-50, 50, K)
    padding = (size[0] // 2, size[1] // 2)
    real = torch.from_numpy(meaning(w, mode)).double()
    expected = F.conv2d(
        torch.from_numpy(a).double(), real, torch.from_numpy(beta).double(), stride, padding,
        groups=groups,
    )  # fmt: skip
    f = bnn.stored(w, mode, beta)
    assert stride > 1 or (bnn.engine(a, f, groups=groups) == expected.numpy()).all()
    assert (bnn.engine(a, f, stride, groups) == expected.numpy()).all()
    assert (f.bias - beta == (meaning(w, mode) == -1).sum((1, 2, 3))).all()


def test_engines_refuse_what_they_cannot_run(bnn):
    w = np.ones((2, 3, 3, 3), int)
    for bad, mode in ((w, 2), (w[0], 1), (2 * w, 1)):
        with pytest.raises(ValueError, match="expected mode 0 or 1, bits"):
            bnn.stored(bad, mode)
    a = np.zeros((1, 3, 5, 5), int)
    for filters, groups in ((w[:, :2], 1), (w[..., :2], 1), (w[:, :, :2], 1), (w[:, :1], 3)):
        with pytest.raises(ValueError, match="odd sides"):
            bnn.engine(a, bnn.stored(filters, 1), groups=groups)
    for axes in (a[0], a[None]):
        with pytest.raises(ValueError, match=r"expected codes \(N, C, H, W\), filters"):
            bnn.engine(axes, bnn.stored(w, 1))
    for codes in (a.astype(float), a + np.nan):
        with pytest.raises(TypeError, match="whole numbers, got float64"):
            bnn.engine(codes, bnn.stored(w, 1))


@pytest.mark.parametrize(("w", "mode"), [(2, 1), (-1, 0), (1, 2), (1, 3)])
def test_controls_are_made_of_bits(bnn, w, mode):
    with pytest.raises(ValueError, match="expected bits and a mode of 0 or 1, got"):
        bnn.controls(np.array([1, w]), mode)


@pytest.mark.parametrize("bias", [0.5, math.nan, np.zeros(3, int), np.zeros((2, 1), int)])
def test_biases_are_whole_and_one_for_each_filter(bnn, bias):
    w = np.ones((2, 3, 3, 3), int)
    with pytest.raises(ValueError, match="a whole bias for each filter"):
        bnn.stored(w, 1, bias)
    for nothing in (w[:0], w[:, :0]):
        with pytest.raises(ValueError, match="expected weights and a whole bias"):
            bnn.stored(nothing, 1)


@pytest.mark.parametrize(("shape", "mode"), [((2, 3), 2), ((2, 3), None), ((3,), 1), ((2, 0), 0)])
def test_binary_weights_need_filters_and_an_alphabet(bnn, shape, mode):
    with pytest.raises(ValueError, match=r"expected weights \(K, ...\), mode 0 or 1"):
        bnn.binary(torch.randn(shape), mode)


def test_codes_need_whole_bits_and_a_type_that_holds_them(bnn):
    x = torch.tensor([1.0, 2.0, 3.0])
    for n in (1.5, math.nan, -1):
        with pytest.raises(ValueError, match=f"1 bit or more, or None, got {n}"):
            bnn.code(x, n)
    for dtype, most in ((torch.bfloat16, 7), (torch.float16, 10), (torch.float32, 23)):
        assert bnn.code(x.to(dtype), most)[-1] == 2**most - 1
        with pytest.raises(ValueError, match=f"does not hold codes of {most + 1} bits"):
            bnn.code(x.to(dtype), most + 1)


@pytest.mark.parametrize(
    ("C", "K", "size", "mode"),
    [(0, 2, (3, 3), 1), (2, 0, (3, 3), 1), (2, 2, (2, 3), 1), (2, 2, (3, 4), 1), (2, 2, (3, 3), 2)],
)
def test_units_refuse_what_no_engine_runs(bnn, C, K, size, mode):
    with pytest.raises(ValueError, match="expected channels, odd sides, mode 0, 1 or None"):
        bnn.Unit(C, K, size, bnn.Spec(mode, 4))


def test_thresholds_are_found_in_float64_out_of_training(bnn):
    one = bnn.Unit(2, 5, (3, 3), bnn.Spec())
    plain = bnn.Unit(2, 5, (3, 3), bnn.Spec(None, None)).double().eval()
    trained = bnn.Unit(2, 5, (3, 3), bnn.Spec()).double()
    for unit in (trained, one.eval(), plain):
        with pytest.raises(ValueError, match=r"call unit\.double\(\)\.eval\(\) first"):
            bnn.compared(unit, 100)
    made = bnn.compared(one.double().eval(), 100)
    assert made(np.zeros((0, 5, 2, 2), int)).shape == (0, 5, 2, 2)
    for y in (np.zeros((1, 4, 2, 2), int), np.zeros((1, 6, 2, 2), int), np.zeros((5, 2, 2), int),
              np.full((1, 5, 2, 2), math.nan)):  # fmt: skip
        with pytest.raises(ValueError, match=r"expected whole sums \(N, 5, H, W\)"):
            made(y)
    with torch.no_grad():
        one.weight[0, 0, 0, 0] = math.nan
    with pytest.raises(ValueError, match="expected finite weights"):
        bnn.integer_layer(one, 15)


@pytest.mark.parametrize("wrong", [-1.0, 256.0, math.nan])
def test_pictures_are_grey_levels(bnn, wrong):
    net = bnn.Network(bnn.Spec(), C=4, instances=2)
    x = torch.randint(0, 256, (4, 1, 8, 8)).float()
    net(x)
    maps = bnn.integer_maps(net)
    broken = x.clone()
    broken[0, 0, 0, 0] = wrong
    with pytest.raises(ValueError, match="expected grey levels from 0 to 255, whole ones"):
        net(broken.double())
    with pytest.raises(ValueError, match="expected grey levels from 0 to 255"):
        maps(broken.numpy() if wrong != wrong else broken.numpy().astype(int))
    with pytest.raises(ValueError, match="whole ones for codes"):
        net((x / 255).double())
    plain = bnn.Network(bnn.Spec(None, None), C=4, instances=2)
    assert plain(x / 255).isfinite().all()
    with pytest.raises(ValueError, match="expected weights and codes of a few bits"):
        bnn.integer_maps(plain)


@pytest.mark.parametrize("mode", [0, 1])
def test_bits_lie_on_a_side_of_the_filters_mean_and_gradients_pass(bnn, mode):
    torch.manual_seed(0)
    W = (torch.randn(4, 3, 3, 3) + 5).requires_grad_()
    w = bnn.binary(W, mode)
    above = (W - W.mean((1, 2, 3), keepdim=True)).detach()
    expected = torch.where(above > 0, 1.0, -1.0 if mode else 0.0)
    assert torch.allclose(w, expected, atol=1e-6)
    k = torch.randn_like(W)
    (w * k).sum().backward()
    inside = k * (above.abs() <= 1) * (1 if mode else 0.5)
    assert torch.allclose(W.grad, inside - inside.mean((1, 2, 3), keepdim=True), atol=1e-6)


def test_codes_round_to_the_nearest_ties_upwards(bnn):
    assert bnn.CLIP == 3
    x = torch.linspace(-1, 4, 1001, dtype=torch.float64, requires_grad=True)
    for n in (1, 2, 4):
        top = 2**n - 1
        y = bnn.code(x, n)
        expected = [math.floor(min(max(v, 0), 3) * (top / 3) + 0.5) for v in x.detach().tolist()]
        assert y.round().tolist() == expected and (y - y.round()).abs().max() < 1e-12
        (gradient,) = torch.autograd.grad(y.sum(), x)
        inner = (x > 0.001) & (x < 2.999)
        assert torch.allclose(gradient[inner], torch.tensor(top / 3).double())
        assert (gradient[(x < -0.001) | (x > 3.001)] == 0).all()
    assert bnn.code(torch.tensor([1.5]), 1).item() == 1
    assert bnn.code(torch.tensor([-2.0, 7.0]), None).tolist() == [0, 7]
    with pytest.raises(ValueError, match="1 bit or more, or None, got 0"):
        bnn.code(x, 0)


def test_a_unit_is_convolution_normalization_and_code(bnn):
    torch.manual_seed(1)
    spec = bnn.Spec(1, 3)
    one = bnn.Unit(4, 6, (3, 5), spec, stride=2, groups=2)
    a = torch.randint(0, 8, (5, 4, 8, 8)).float()
    sums = F.conv2d(a, bnn.binary(one.weight, 1), None, 2, (1, 2), groups=2)
    assert torch.equal(one.sums(a), sums)
    mean, var = sums.mean((0, 2, 3), keepdim=True), sums.var((0, 2, 3), keepdim=True, correction=0)
    expected = bnn.code((sums - mean) / (var + 1e-5).sqrt(), 3)
    assert (one(a) - expected).abs().max() <= 1 and (one(a) != expected).float().mean() < 0.01
    one.eval()
    norm = one.norm
    assert torch.allclose(one.stages(sums), bnn.code(norm(sums), 3), atol=1e-4)
    plain = bnn.Unit(4, 6, (3, 3), bnn.Spec(None, None))
    assert torch.equal(plain.sums(a), F.conv2d(a, plain.weight, padding=1))
    assert one.norm.weight.tolist() == [1] * 6
    mixed = bnn.Unit(4, 6, (3, 3), bnn.Spec(0, 4, mixed=True))
    assert mixed.norm.weight.tolist() == [1, -1] * 3
    assert bnn.Spec() == (1, 4, False)


@pytest.mark.parametrize("mode", [0, 1])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_thresholds_are_the_stages(bnn, n, mode):
    torch.manual_seed(n)
    one = bnn.Unit(2, 5, (3, 3), bnn.Spec(mode, n)).double().eval()
    nn.init.normal_(one.norm.weight)
    nn.init.normal_(one.norm.bias)
    nn.init.normal_(one.norm.running_mean, std=20)
    nn.init.uniform_(one.norm.running_var, 10, 900)
    made = bnn.compared(one, 270)
    y = np.arange(-270, 271).reshape(1, 1, -1, 1).repeat(5, 1)
    expected = one.stages(torch.from_numpy(y).double()).detach().numpy()
    assert (made(y) == expected).all() and expected.max() > 0
    assert made.steps.shape == (5, 2**n - 1)
    assert (made.falls <= (one.norm.weight < 0).numpy()).all() and made.falls.any()


@pytest.mark.parametrize(("mode", "n"), [(1, 4), (0, 4), (1, 2)])
def test_integers_are_the_network(bnn, mode, n):
    torch.manual_seed(3)
    net = bnn.Network(bnn.Spec(mode, n, mixed=True), C=6, instances=3)
    x = torch.randint(0, 256, (6, 1, 16, 20)).float()
    net(x)
    net(x)
    seen = []

    def kept(layer):
        return lambda a: seen.append((a.min(), a.max())) or layer(a)

    mine = bnn.integer_maps(net, kept)(x.numpy().astype(int))
    with torch.no_grad():
        theirs = net.maps(x.double())
    for a, b in zip(mine, theirs, strict=True):
        assert a.shape == (6, 6, 4, 5) and (a == b.numpy()).all() and a.max() > 0
    assert len(seen) == 19 and seen[0] == (x.min(), x.max())
    top = 2**n - 1
    assert all(low >= 0 and high <= 2 * top for low, high in seen[1:])
    assert max(high for _, high in seen[1:]) > top  # attention sees a sum of two codes


def test_attention_meets_sums_of_two_codes(bnn):
    torch.manual_seed(3)
    net = bnn.Network(bnn.Spec(0, 4), C=6, instances=2)
    one = net.unit["attention0"]
    one.weight.data[:] = torch.tensor([1.0, 1, 1, 1, 1, -5])[:, None, None]  # five taps are open
    one.norm.running_mean[:] = 5 * 30 - 9.5
    one.norm.running_var[:] = 1e-4
    seen = []
    bnn.integer_maps(net, lambda layer: seen.append(layer) or layer)
    layer = seen[list(net.unit).index("attention0")]
    for a, expected in ((28, 0), (29, 1), (30, 1)):
        assert (layer(np.full((1, 6, 2, 2), a)) == expected).all()


def test_the_wiring_is_a_gated_block_with_a_shortcut(bnn):
    kinds = ("enter", "local", "row", "column", "attention", "leave")
    scale = {"stem0": 2, "stem1": 3, "stem2": 5}
    for i in range(2):
        scale |= {f"{kind}{i}": f for kind, f in zip(kinds, (7, 11, 13, 17, 19, 23), strict=True)}
    unit = {name: (lambda x, f=f: f * x) for name, f in scale.items()}
    x = 30.0
    for _ in range(2):
        t = 7 * 11 * x
        x = min(x + 23 * (19 * (t + 13 * 17 * t) + 7 * x), 1e9)  # sums in place of products
    got = bnn.backbone(unit, 1.0, lambda att, u: att + u, lambda y: min(y, 1e9))
    assert got == pytest.approx(x)
    two = {
        f"{b}{i}": (lambda y, f=f: f * y) for b, f in (("instance", 2), ("mask", 3)) for i in (0, 1)
    }
    assert bnn.branches(two, 1) == (4, 9)


def test_float_networks_multiply_by_attention_and_do_not_saturate(bnn):
    torch.manual_seed(0)
    net = bnn.Network(bnn.Spec(None, None), C=4, instances=2).eval()
    x = 255 * torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        y = x
        for name in ("stem0", "stem1", "stem2"):
            y = net.unit[name](y)
        for i in range(2):
            u = net.unit[f"enter{i}"](y)
            t = net.unit[f"local{i}"](u)
            t = t + net.unit[f"column{i}"](net.unit[f"row{i}"](t))
            y = y + net.unit[f"leave{i}"](net.unit[f"attention{i}"](t) * u)
        c = torch.cat([y, net.coordinates(x[..., :4, :4])], 1)
        f = net.unit["instance1"](net.unit["instance0"](c))
        got = net.maps(x)[0]
    assert torch.allclose(got, f)
    place = net.coordinates(torch.zeros(3, 1, 4, 7))
    assert place.shape == (3, 2, 4, 7)
    assert torch.allclose(place[0, 0, :, 2], torch.linspace(0, 3, 4))
    assert torch.allclose(place[1, 1, 3], torch.linspace(0, 3, 7))


def test_parameters_and_channels(bnn):
    net = bnn.Network(bnn.Spec())
    assert sum(p.numel() for p in net.parameters()) == 27_640
    assert net.unit["stem0"].stride == net.unit["stem2"].stride == 2
    assert net.unit["attention0"].spec.n == 1 and net.unit["leave1"].spec.n == 4
    assert bnn.units(8, bnn.Spec(None, None))["attention1"].spec.n is None
    sizes = {name: tuple(net.unit[f"{name}0"].weight.shape) for name in ("local", "row", "column")}
    assert sizes == {"local": (20, 1, 5, 5), "row": (20, 1, 1, 7), "column": (20, 1, 7, 1)}
    assert net(torch.zeros(2, 1, 40, 40)).shape == (2, 8, 2 + 400)


def test_heads_average_features_under_maps(bnn):
    torch.manual_seed(2)
    heads = bnn.Heads(5, 3, 4).requires_grad_(False)
    assert heads.maps.bias.tolist() == pytest.approx([-math.log(99)] * 3)
    assert heads.score.bias.item() == pytest.approx(-math.log(99))
    assert heads.kernel.bias.abs().max() == 0
    assert 0.2 < heads.maps.weight.std() < 0.4
    assert max(heads.score.weight.std(), heads.kernel.weight.std()) < 0.02
    f, g = torch.rand(2, 5, 4, 6), torch.rand(2, 5, 4, 6)
    answer = heads(f, g)
    A = heads.maps(f).sigmoid()
    for n, i in itertools.product(range(2), range(3)):
        z = (f[n] * A[n, i]).sum((1, 2)) / A[n, i].sum()
        assert answer[n, i, 0] == pytest.approx(heads.score(z).item(), abs=1e-5)
        assert answer[n, i, 1] == pytest.approx(heads.object(z).item(), abs=1e-5)
        mask = torch.einsum("k,khw->hw", heads.kernel(z), heads.project(g)[n])
        wide = F.interpolate(mask[None, None], scale_factor=2, mode="bilinear")[0, 0]
        assert torch.allclose(answer[n, i, 2:].reshape(8, 12), wide, atol=1e-5)


def test_codes_reach_the_heads_as_values(bnn):
    torch.manual_seed(5)
    net = bnn.Network(bnn.Spec(1, 2), C=4, instances=2).eval()
    x = torch.randint(0, 256, (3, 1, 16, 16)).float()
    f, g = net.maps(x)
    assert torch.allclose(net(x), net.heads(f, g))  # 3 / (2**2 - 1) = 1
    wide = bnn.Network(bnn.Spec(1, 4), C=4, instances=2).eval()
    f, g = wide.maps(x)
    assert torch.allclose(wide(x), wide.heads(f / 5, g / 5))


def slow_dice(m, t):
    both = sum(v * v for v in m) + sum(v * v for v in t)
    return 2 * sum(u * v for u, v in zip(m, t, strict=True)) / (both + 1e-4)


def case(seed, N=3, instances=4, most=3, P=9):
    g = torch.Generator().manual_seed(seed)
    answer = 2 * torch.randn(N, instances, 2 + P, generator=g)
    truth = (torch.rand(N, most, 3, 3, generator=g) < 0.5).float()
    truth[0, 1:] = 0
    truth[1] = 0
    return answer.double(), truth.double()


@pytest.mark.parametrize("seed", range(4))
def test_matching_is_the_best_of_all(bnn, seed):
    answer, truth = case(seed)
    m, t = answer[..., 2:].sigmoid().tolist(), truth.flatten(2).tolist()
    found = set(
        zip(*(part.tolist() for part in bnn.matched(answer, truth.flatten(2))), strict=True)
    )
    for n in range(3):
        objects = [g for g in range(3) if sum(t[n][g])]
        p = answer[n, :, 0].sigmoid().tolist()

        def value(i, g, n=n, p=p):
            return slow_dice(m[n][i], t[n][g]) ** 0.8 * p[i] ** 0.2

        best = max(
            itertools.permutations(range(4), len(objects)),
            key=lambda rows: sum(value(i, g) for i, g in zip(rows, objects, strict=True)),
        )
        mine = {(i, g) for k, i, g in found if k == n}
        assert mine == set(zip(best, objects, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_that_of_a_slow_loop(bnn, seed):
    answer, truth = case(seed)
    flat = truth.flatten(2)
    pairs = list(zip(*(part.tolist() for part in bnn.matched(answer, flat)), strict=True))
    count, hit = len(pairs), {(n, i) for n, i, _ in pairs}
    focal = dice = objectness = mask = 0.0
    for n, i in itertools.product(range(3), range(4)):
        p = answer[n, i, 0].sigmoid().item()
        focal -= (
            0.25 * (1 - p) ** 2 * math.log(p) if (n, i) in hit else 0.75 * p**2 * math.log(1 - p)
        )
    for n, i, g in pairs:
        m, t = answer[n, i, 2:].sigmoid().tolist(), flat[n, g].tolist()
        dice += 1 - slow_dice(m, t)
        mask -= sum(math.log(u if v else 1 - u) for u, v in zip(m, t, strict=True))
        inside = [u >= 0.4 for u in m]
        union = sum(u or v > 0 for u, v in zip(inside, t, strict=True))
        iou = sum(u and v > 0 for u, v in zip(inside, t, strict=True)) / (union + 1e-6)
        o = answer[n, i, 1].sigmoid().item()
        objectness -= iou * math.log(o) + (1 - iou) * math.log(1 - o)
    expected = 2 * focal / count + 2 * dice / count + 5 * mask / (9 * count) + objectness / count
    assert bnn.sparse_loss(answer, truth).item() == pytest.approx(expected, rel=1e-10)


def test_scenes_without_objects_train_scores_alone(bnn):
    answer, truth = case(0)
    answer.requires_grad_()
    loss = bnn.sparse_loss(answer, 0 * truth)
    loss.backward()
    assert (
        loss.isfinite() and (answer.grad[..., 0] != 0).all() and (answer.grad[..., 1:] == 0).all()
    )


@pytest.mark.parametrize("scale", [math.nan, -1, 255])
def test_the_loss_refuses_masks_of_other_numbers_and_other_batches(bnn, scale):
    answer, truth = case(0)
    empty = [(answer[:0], truth[:0]), (answer[:, :0], truth)]
    for a, t in [(answer, truth * scale), (answer[:2], truth), (answer, truth[:2]), *empty]:
        with pytest.raises(ValueError, match="as many masks of 0 and 1"):
            bnn.sparse_loss(a, t)
    for a in (answer * math.nan, answer[..., :2]):
        with pytest.raises(ValueError, match=r"scored: expected numbers \(N, I, 2 \+ P\)"):
            bnn.scored(a)


def test_scores_are_classes_objects_and_masks(bnn):
    answer, _ = case(1)
    masks, scores = bnn.scored(answer)
    p = answer.sigmoid()
    for n, i in itertools.product(range(3), range(4)):
        inside = [v for v in p[n, i, 2:].tolist() if v > 0.45]
        assert masks[n, i].sum() == len(inside)
        expected = math.sqrt(p[n, i, 0] * p[n, i, 1]) * sum(inside) / (len(inside) + 1e-6)
        assert scores[n, i].item() == pytest.approx(expected, rel=1e-5)


def test_a_mask_without_a_pixel_scores_nothing(bnn):
    answer, _ = case(1)
    answer[..., 2:] = -9
    masks, scores = bnn.scored(answer)
    assert not masks.any()
    assert (scores == 0).all()


ALL = ("merged", "XNOR", "selector", "carried")


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("n", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", ALL)
def test_circuits_multiply(bnn, kind, n, both):
    a, w, mode = (v.ravel() for v in np.meshgrid(np.arange(2**n), [0, 1], [0, 1] if both else [1]))
    netlist = bnn.datapath(kind, n, both=both)
    s = bnn.controls(w, mode)[0] * (kind in ("merged", "carried"))
    words = {"a": a, "w": w, "mode": mode}
    y = netlist.simulate(**{name: words[name] for name in netlist.inputs})["y"]
    assert (y + s == a * np.where(mode, 2 * w - 1, w)).all()
    own = 4 * n + 3.5 if both else 2.5 * n + 0.5
    if kind in ("merged", "carried"):
        assert bnn.area(netlist) == own
    elif kind == "XNOR":
        assert bnn.area(netlist) == own + 4 * n + 2.5
    else:
        assert bnn.area(netlist) == (8.5 * n - 1 if both else 7 * n - 4)


def packed(values, bits):
    """Rows of words (V, L) as one integer each."""
    return [sum(int(v) << (bits * i) for i, v in enumerate(row)) for row in values]


@pytest.mark.parametrize("lanes", [2, 5, 15])
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("kind", ALL)
def test_units_add_their_lanes(bnn, kind, n, lanes):
    rng = np.random.default_rng(lanes)
    a, w = rng.integers(0, 2**n, (300, lanes)), rng.integers(0, 2, (300, lanes))
    a[:2], w[:2] = 2**n - 1, [[0], [1]]
    mode, acc = rng.integers(0, 2, 300), rng.integers(-(2**12), 2**12, 300)
    mode[:2] = 1
    words = {"a": packed(a, n), "w": packed(w, 1), "mode": mode, "acc": acc}
    got = bnn.datapath(kind, n, lanes).simulate(**{k: np.array(v) for k, v in words.items()})["y"]
    weight = np.where(mode[:, None] == 1, 2 * w - 1, w)
    missing = (weight == -1).sum(1) * (kind == "merged")
    expected = acc + (a * weight).sum(1) - missing
    assert (got == expected).all()


def test_adders_carry_and_areas_add(bnn):
    for width, other, carry in itertools.product((1, 3), (2, 3), (0, 1)):
        c = bnn.Circuit()
        x, y = c.inputs(width), c.inputs(other)
        nets = {"x": x, "y": y}
        out = bnn.add(c, x, y, carry)
        assert len(out) == max(width, other) + 1
        netlist = rtl.Netlist(nets, {"z": out}, ["z"], c.gates)
        u, v = (g.ravel() for g in np.meshgrid(np.arange(2**width), np.arange(2**other)))
        signed = [g - ((g >> (bits - 1)) << bits) for g, bits in ((u, width), (v, other))]
        assert (netlist.simulate(x=u, y=v)["z"] == sum(signed) + carry).all()
    assert bnn.AREA == {"NOT": 0.5, "AND": 1.5, "OR": 1.5, "XOR": 2.5, "MUX": 2.5}
    gates = [["NOT", 3, 2], ["MUX", 4, 2, 3, 2], ["NOT", 5, 4]]
    assert bnn.area(rtl.Netlist({"x": [2]}, {"y": [5]}, [], gates)) == 3.5
    assert bnn.ACC == 16 and len(bnn.datapath("merged", 2, 16).outputs["y"]) == 16
    c = bnn.Circuit()
    bnn.add(c, c.inputs(1), c.inputs(1), c.inputs(1)[0])
    # a full adder, and an adder without a carry out for the sign
    assert [kind for kind, *_ in c.gates] == ["XOR", "AND", "XOR", "AND", "OR", "XOR", "XOR"]


def test_sums_use_a_carry_for_each_adder(bnn):
    seen = []

    def plus(x, y, one=0):
        seen.append(one)
        return x + y + one

    assert bnn.summed([1, 2, 3, 4, 5], [10, 20], plus) == 45 and seen == [20, 10, 0, 0]
    assert bnn.summed([7], [], plus) == 7


def test_datapaths_refuse_what_does_not_exist(bnn):
    for kind, n, lanes in (("other", 4, 1), ("merged", 0, 1), ("merged", 4, 0)):
        with pytest.raises(ValueError, match="expected a kind, n and lanes >= 1"):
            bnn.datapath(kind, n, lanes)


@pytest.mark.parametrize("kind", ALL)
def test_stored_units_add_their_lanes(bnn, kind):
    netlist = rtl.load("bnn_engine")[f"{kind}, n = 2, 16 lanes"]
    rng = np.random.default_rng(1)
    a, w = rng.integers(0, 4, (200, 16)), rng.integers(0, 2, (200, 16))
    mode, acc = rng.integers(0, 2, 200), rng.integers(-(2**14), 2**14, 200)
    weight = np.where(mode[:, None] == 1, 2 * w - 1, w)
    missing = (weight == -1).sum(1) * (kind == "merged")
    words = {"a": packed(a, 2), "w": packed(w, 1), "mode": mode, "acc": acc}
    got = netlist.simulate(**{k: np.array(v) for k, v in words.items()})["y"]
    assert (got == acc + (a * weight).sum(1) - missing).all()


@pytest.mark.parametrize("n", [2, 4, 8])
@pytest.mark.parametrize("kind", ALL[:3])
def test_stored_multipliers_are_smaller_and_multiply(bnn, kind, n):
    netlist, laid = rtl.load("bnn_engine")[f"{kind}, n = {n}, 1 lanes"], bnn.datapath(kind, n)
    a, w, mode = (v.ravel() for v in np.meshgrid(np.arange(2**n), [0, 1], [0, 1]))
    assert (
        netlist.simulate(a=a, w=w, mode=mode)["y"] == laid.simulate(a=a, w=w, mode=mode)["y"]
    ).all()


def test_circuits_refuse_what_they_cannot_lay(bnn):
    c = bnn.Circuit()
    a, (w,) = c.inputs(3), c.inputs(1)
    for bits in (0, -1):
        with pytest.raises(ValueError, match=f"expected 1 bit or more, got {bits}"):
            c.inputs(bits)
    for kind, nets in (("NAND", a[:2]), ("AND", a), ("NOT", a[:2]), ("MUX", a[:2])):
        with pytest.raises(ValueError, match="expected NOT, AND, OR, XOR, MUX and its inputs"):
            c.gate(kind, *nets)
    for net in (-1, w + 1):
        with pytest.raises(ValueError, match=f"expected nets from 0 to {w}"):
            c.gate("AND", w, net)
    assert c.gates == [] and c.last == w
    for kind, bits in (("other", a), ("merged", []), ("selector", [])):
        with pytest.raises(ValueError, match="bits of a and merged, carried, XNOR or selector"):
            bnn.product(c, kind, bits, w, 1)
    for terms, ones in (([], []), ([[w]], [w]), ([[w], [w]], [w, w])):
        with pytest.raises(ValueError, match="expected more terms than bits"):
            bnn.summed(terms, ones, lambda *x: bnn.add(c, *x))


@pytest.mark.parametrize(("n", "lanes"), [(8, 127), (11, 15), (13, 3)])
def test_units_whose_sums_overflow_are_named(bnn, n, lanes):
    assert n + 1 + math.ceil(math.log2(lanes + 1)) == bnn.ACC
    netlist = bnn.datapath("XNOR", n, lanes, both=False)
    words = {"a": [2 ** (n * lanes) - 1], "w": [0], "acc": [0]}
    if n * lanes < 63:
        got = netlist.simulate(**{k: np.array(v) for k, v in words.items()})["y"]
        assert got.tolist() == [-lanes * (2**n - 1)]
    for wider in ((n + 1, lanes), (n, lanes + 1)):
        with pytest.raises(ValueError, match=f"of {wider[0]} bits overflow 16 bits"):
            bnn.datapath("XNOR", *wider)
    assert len(bnn.datapath("XNOR", bnn.ACC).outputs["y"]) == bnn.ACC + 1  # alone, it adds nothing
