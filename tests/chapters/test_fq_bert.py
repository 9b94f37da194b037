"""Tests of the chapter fq_bert: quantizers, the integer encoder, tables and the circuit."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import repro
from repro.hardware import rtl
from repro.pretrained.minilm import SelfAttention


@pytest.fixture(scope="module")
def fq():
    return repro.chapter("fq_bert")


class Small(nn.Module):
    """A layer of BERT of any size, in the form that the chapter takes apart."""

    def __init__(self, D, heads, hidden):
        super().__init__()
        self.attention = SelfAttention(D, heads)
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.inner, self.outer = nn.Linear(D, hidden), nn.Linear(hidden, D)


def layers(seed, depth=2, D=12, heads=3, hidden=20):
    torch.manual_seed(seed)
    made = nn.ModuleList(Small(D, heads, hidden) for _ in range(depth))
    for one in made:
        for norm in (one.norm1, one.norm2):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.3)
    return made


def batch(seed, N=20, L=7, D=12):
    """Embedded tokens with the mask as the last feature; lengths 2 to L."""
    g = torch.Generator().manual_seed(seed)
    mask = torch.arange(L) < torch.randint(2, L + 1, (N, 1), generator=g)
    return torch.cat([torch.randn(N, L, D, generator=g), mask[..., None].float()], -1)


def up(x):
    """To the nearest integer, ties upwards, exactly."""
    return math.floor(Fraction(x) + Fraction(1, 2))


def test_ties_go_up_and_codes_are_clamped(fq):
    x = torch.tensor([-1.5, -0.5, 0.5, 1.5, 2.4999])
    assert fq.nearest(x).tolist() == [-1, 0, 1, 2, 2]
    assert [fq.top(k) for k in (2, 3, 4, 8)] == [1, 3, 7, 127]
    x = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    for s, k in ((5.0, 4), (0.8, 2), (100.0, 8)):
        s = torch.tensor(s, dtype=torch.float64)
        expected = [max(-fq.top(k), min(fq.top(k), up(v * s.item()))) for v in x.tolist()]
        assert (fq.quantize(x, s, k) * s).round().tolist() == expected


def test_gradients_pass_the_rounding_and_stop_at_the_clamp(fq):
    x = torch.tensor([-3.0, -0.31, 0.2, 0.9, 5.0], requires_grad=True)
    y = fq.quantize(x, torch.tensor(4.0), 4)
    y.sum().backward()
    assert y.tolist() == [-1.75, -0.25, 0.25, 1.0, 1.75]
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_scales_have_eight_bits_and_factors_thirty_one(fq):
    s = torch.logspace(-9, 9, 500, dtype=torch.float64)
    for made, bits in ((fq.scale8(s), 8), (fq.factor32(s), 31)):
        mantissa, _ = torch.frexp(made)
        codes = mantissa * 2**bits
        assert (codes == codes.round()).all() and (codes >= 2 ** (bits - 1)).all()
        assert ((made / s - 1).abs() <= 2.0**-bits).all()
    assert fq.scale8(torch.tensor(255.7)).item() == 256
    exact = torch.tensor([1.0, 200.0, 0.6640625])
    assert fq.scale8(exact).tolist() == exact.tolist()


def test_a_unit_needs_all_its_scales(fq):
    assert fq.unit(None, torch.tensor(2.0)) is None
    assert fq.unit(torch.tensor(3.0), 2.0, torch.tensor(5.0)).item() == 30


def test_a_wire_follows_the_mean_of_the_largest_values(fq):
    wire = fq.Act(fq.Spec(4, 8)).train()
    for x in (4.0, 2.0, 8.0):
        wire(torch.tensor([x, -x / 2]))
    assert wire.most.item() == pytest.approx(0.9 * (0.9 * 4 + 0.1 * 2) + 0.1 * 8)
    wire.eval()
    before = wire.most.clone()
    wire(torch.tensor([100.0]))
    assert wire.most == before
    assert wire.scale == fq.scale8(127 / before)
    plain = fq.Act(fq.Spec(4, 8, False, False, False))
    plain.most = before
    assert plain.scale == 127 / before
    assert fq.Act(fq.FLOAT).scale is None
    x = torch.randn(5)
    assert fq.Act(fq.FLOAT)(x) is x


def test_the_default_is_the_paper_and_nothing_is_quantized_in_float(fq):
    assert fq.Spec() == (4, 8, True, True, True, True, False)
    assert fq.FLOAT[:5] == (None, None, False, False, False)
    assert fq.Act(fq.Spec()).decay == 0.9 and fq.Z == 10


def test_scales_have_no_gradient_and_steps_follow_each_other(fq):
    net, x = fq.Classifier(layers(6), nn.Linear(12, 2), fq.Spec()).train(), batch(6)
    for _ in range(2):
        net(x).sum().backward()
    one = net.encoder.layers[0]
    assert not any(t.requires_grad for t in (one.norm1.scale, one.maps["q"].scale))
    assert not any(wire.most.requires_grad for wire in one.wires.values())


def test_a_wire_refuses_what_it_cannot_do(fq):
    with pytest.raises(ValueError, match="run the network in train mode first"):
        _ = fq.Act(fq.Spec()).scale
    for spec in (
        fq.Spec(4, None, True, False, False),
        fq.Spec(4, None, False, True, False),
        fq.Spec(4, None, False, False, True),
    ):
        with pytest.raises(ValueError, match="need activations in integers"):
            fq.Act(spec)


def test_accumulators_are_whole_before_they_are_rescaled(fq):
    wire = fq.Act(fq.Spec()).double().eval()
    wire.most = torch.tensor(1.0, dtype=torch.float64)
    u = torch.tensor(1000.0, dtype=torch.float64)
    acc = torch.arange(-1200, 1201, dtype=torch.float64)
    factor = fq.factor32(wire.scale / u).item()
    expected = [max(-127, min(127, up(Fraction(factor) * int(v)))) for v in acc.tolist()]
    assert (wire(acc / u, u) * wire.scale).round().tolist() == expected
    exact = fq.Act(fq.Spec(4, 8, False, False, False)).double().eval()
    exact.most = wire.most
    assert (exact(acc / u, u) * 127).round().tolist() == [
        max(-127, min(127, up(Fraction(v) * 127))) for v in (acc / u).tolist()
    ]


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("clip", [False, True])
def test_a_map_is_codes_times_scale(fq, rows, clip):
    torch.manual_seed(0)
    plain = nn.Linear(60, 50).double()
    with torch.no_grad():
        plain.weight.normal_(0, 0.1)
    made = fq.Linear(plain, fq.Spec(4, 8, clip=clip, rows=rows)).double()
    W, s = plain.weight.detach(), made.scale
    most = W.abs().amax(1, keepdim=True) if rows else W.abs().amax()
    if clip:
        assert (made.share <= 1).all() and (made.share < 1).any()
        assert made.share.shape == ((50, 1) if rows else (1, 1))
    else:
        assert made.share == 1
    assert torch.equal(s, fq.scale8(7 / (made.share * most)))
    x, s_x = torch.randn(3, 60).double(), torch.tensor(50.0).double()
    y, u = made(x, s_x)
    codes = (W * s + 0.5).floor().clamp(-7, 7)
    b = (plain.bias * u + 0.5).floor() / u
    assert torch.allclose(y, x @ (codes / s).T + b, atol=1e-12)
    assert torch.equal(u, 50 * s.flatten())


def test_a_map_without_scales_is_plain(fq):
    torch.manual_seed(1)
    plain, x = nn.Linear(4, 3), torch.randn(2, 4)
    y, u = fq.Linear(plain, fq.FLOAT)(x, None)
    assert torch.equal(y, plain(x)) and u is None
    y, u = fq.Linear(plain, fq.Spec(4, None, False, False, False))(x, None)
    assert u is None and not torch.equal(y, plain(x))
    assert torch.allclose(y - x @ fq.quantize(
        plain.weight, 7 / (fq.Linear(plain, fq.Spec(4)).share * plain.weight.abs().max()), 4
    ).T, plain.bias.expand(2, 3), atol=1e-6)  # fmt: skip


def slow_softmax(codes, s, mask):
    """A row of integer weights, entry by entry."""
    most = max(c for c, keep in zip(codes, mask, strict=True) if keep)
    e = [
        up(255 * math.exp(-(most - c) / s)) if keep else 0
        for c, keep in zip(codes, mask, strict=True)
    ]
    return [up(Fraction(255 * v, sum(e))) for v in e]


@pytest.mark.parametrize("s", [3.0, 20.0, 90.0])
def test_softmax_is_that_of_a_slow_loop_in_both_forms(fq, s):
    rng = np.random.default_rng(5)
    codes = rng.integers(-127, 128, (40, 9))
    mask = rng.random((40, 9)) < 0.7
    mask[:, 4] = True
    rows = zip(codes.tolist(), mask.tolist(), strict=True)
    expected = [slow_softmax(c, s, m) for c, m in rows]
    x = torch.from_numpy(codes / s)
    p = fq.softmax256(x, torch.tensor(s, dtype=torch.float64), torch.from_numpy(mask))
    assert (p * 255).round().tolist() == expected
    entries = np.array([up(255 * math.exp(-d / s)) for d in range(256)])
    assert fq.softmax_codes(codes, entries, mask).tolist() == expected
    shifted = fq.softmax_codes(codes + 11, entries, mask)
    assert shifted.tolist() == expected


def test_softmax_has_the_gradient_of_softmax(fq):
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    mask, w = torch.tensor([True, True, False, True, True]), torch.randn(3, 5).double()
    (fq.softmax256(x, torch.tensor(20.0), mask) * w).sum().backward()
    got, x.grad = x.grad, None
    (x.masked_fill(~mask, -math.inf).softmax(-1) * w).sum().backward()
    assert torch.allclose(got, x.grad, atol=1e-12)


def test_the_integer_root_is_the_floor(fq):
    v = np.array([0, 1, 2, 3, 4, 8, 9, 10**12 - 1, 10**12, 2**61, 2**62 - 1], np.int64)
    assert fq.integer_root(v).tolist() == [math.isqrt(int(x)) for x in v]


def test_normalization_in_both_forms_is_that_of_fractions(fq):
    rng = np.random.default_rng(2)
    x, o = rng.integers(-127, 128, (2, 30, 8))
    x[0], o[0] = 5, 5  # no variance
    s_x, s_o = (torch.tensor(v, dtype=torch.float64) for v in (150 * 2.0**-3, 201 * 2.0**-1))
    norm = fq.Norm(nn.LayerNorm(8).double(), fq.Spec()).double().eval()
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.3, 1.7, 8))
        norm.bias.copy_(torch.linspace(-0.9, 0.4, 8))
    norm.out.most = torch.tensor(2.5, dtype=torch.float64)
    stored = fq.scaled(norm, s_x, s_o)
    assert (stored.m_x, stored.m_o) == (201 * 4, 150)
    s, z = norm.scale.item(), []
    assert s == fq.scale8(torch.tensor(127 / 1.7, dtype=torch.float64)).item()
    for row_x, row_o in zip(x.tolist(), o.tolist(), strict=True):
        h = [a * stored.m_x + b * stored.m_o for a, b in zip(row_x, row_o, strict=True)]
        r = max(math.isqrt(8 * sum(v * v for v in h) - sum(h) ** 2), 1)
        z.append([up(Fraction((8 * v - sum(h)) * 1024, r)) for v in h])
    real_x, real_o = torch.from_numpy(x) / s_x, torch.from_numpy(o) / s_o
    assert (fq.normalized(real_x, s_x, real_o, s_o) * 1024).round().tolist() == z
    gamma = [up(min(v * s, 127)) for v in norm.weight.tolist()]
    beta = [up(v * s) for v in norm.bias.tolist()]
    assert (stored.gamma.tolist(), stored.beta.tolist()) == (gamma, beta)
    S, n = stored.s_f
    assert Fraction(S, 2**n) == Fraction(fq.factor32(norm.out.scale / (s * 1024)).item())
    codes = [
        [max(-127, min(127, up(Fraction((g * v + b * 1024) * S, 2**n))))
         for g, v, b in zip(gamma, row, beta, strict=True)]
        for row in z
    ]  # fmt: skip
    assert fq.norm_codes(x, o, stored).tolist() == codes
    reference = norm(real_x, s_x, real_o, s_o) * norm.out.scale
    assert reference.round().tolist() == codes


def test_normalization_refuses_what_64_bits_cannot_hold(fq):
    norm = fq.Norm(nn.LayerNorm(384).double(), fq.Spec()).double()
    norm.out.most = torch.tensor(3.0, dtype=torch.float64)
    s = torch.tensor(200.0, dtype=torch.float64)
    most = 0  # the largest factors that pass, with the worst of inputs
    for apart in range(12):
        try:
            stored = fq.scaled(norm, s, s / 2**apart)
        except ValueError as error:
            assert "384 features at scales 200, " in str(error) and "overflow 64 bits" in str(error)
            break
        most = 127 * (stored.m_x + stored.m_o)
        assert 384**2 * most**2 < 2**62
    assert apart == 8 and most == 127 * 200 * 129
    for features, fits in ((42_000, True), (43_000, False)):  # 127 * 400 * features and 2^31
        wide = fq.Norm(nn.LayerNorm(features).double(), fq.Spec()).double()
        wide.out.most = norm.out.most
        if fits:
            assert fq.scaled(wide, s, s).m_x == 200
        else:
            with pytest.raises(ValueError, match="overflow 64 bits"):
                fq.scaled(wide, s, s)


def test_normalization_in_float_is_layer_norm(fq):
    torch.manual_seed(3)
    plain = nn.LayerNorm(6, eps=1e-12)
    x, o = torch.randn(2, 4, 6)
    assert torch.allclose(fq.Norm(plain, fq.FLOAT)(x, None, o, None), plain(x + o))


@pytest.mark.parametrize("seed", range(3))
def test_without_quantizers_the_encoder_is_the_one_given(fq, seed):
    made, x = layers(seed), batch(seed)
    net = fq.Classifier(made, nn.Identity(), fq.FLOAT).eval()
    mask, y = x[..., -1] > 0, x[..., :-1]
    for one in made:
        y = one.norm1(y + one.attention(y, mask))
        y = one.norm2(y + one.outer(F.gelu(one.inner(y))))
    expected = torch.stack([row[keep].mean(0) for row, keep in zip(y, mask, strict=True)])
    assert torch.allclose(net(x), expected, atol=1e-5)


def kinds(stored):
    """The kind of every number that a layer stores, as NumPy names it: "i" for integers."""
    if isinstance(stored, dict):
        stored = tuple(stored.values())
    if not isinstance(stored, tuple):
        return {np.asarray(stored).dtype.kind}
    return set().union(*map(kinds, stored))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_the_integer_encoder_equals_the_quantized_one(fq, seed, bits):
    x = batch(seed)
    net = fq.calibrated(layers(seed), nn.Identity(), fq.Spec(bits), x).double()
    mask = x[..., -1] > 0
    with torch.no_grad():
        y, s = net.encoder.input(x[..., :-1].double()), net.encoder.input.scale
        codes = fq.whole(fq.nearest(y * s))
        for layer in net.encoder.layers:
            stored = fq.integers(layer, s)
            y, s = layer(y, s, mask)
            codes = fq.integer_layer(codes, mask.numpy(), stored)
            assert codes.dtype == np.int32 and abs(codes).max() <= 127
            assert np.array_equal(codes[mask.numpy()], (y * s).round().numpy()[mask.numpy()])
            assert abs(stored["q"].w).max() == fq.top(bits)
            assert stored["gelu"].shape == (255,) and stored["exp"].shape == (256,)
            assert stored["exp"][0] == 255
            assert kinds(stored) == {"i"}
    pooled = net(x.double())
    expected = [row[keep].mean(0) for row, keep in zip(y, mask, strict=True)]
    assert torch.allclose(pooled, torch.stack(expected))


@pytest.mark.parametrize("broken", [0.0, math.nan])
@pytest.mark.parametrize("rows", [False, True])
def test_maps_without_a_scale_are_named(fq, broken, rows):
    x = batch(0)
    net = fq.calibrated(layers(0), nn.Identity(), fq.Spec(rows=rows), x).double()
    layer, s = net.encoder.layers[0], net.encoder.input.scale
    with torch.no_grad():
        layer.maps["v"].weight[0 if rows else slice(None)] = broken
    with pytest.raises(ValueError, match="all zero, or not finite, have no scale"):
        fq.affine(layer.maps["v"], s, layer.wires["v"].scale)
    if not rows:
        with pytest.raises(ValueError, match="have no scale"):
            fq.integers(layer, s)


@pytest.mark.parametrize("spec", [{}, {"clip": False}, {"rows": True}, {"scales": False}])
def test_a_matrix_of_zeros_has_no_scale_in_any_form(fq, spec):
    plain = nn.Linear(5, 3)
    with torch.no_grad():
        plain.weight[0 if "rows" in spec else slice(None)] = 0
    made = fq.Linear(plain, fq.Spec(**spec))
    for use in (lambda: made.scale, lambda: made(torch.ones(1, 5), torch.tensor(3.0))):
        with pytest.raises(ValueError, match="all zero, or not finite, have no scale"):
            use()
    if "rows" not in spec:
        with torch.no_grad():
            plain.weight[0] = 1.0
        assert made.scale > 0  # one row of zeros is no matrix of zeros


def test_maps_that_integers_cannot_hold_are_named(fq):
    s = torch.tensor(100.0, dtype=torch.float64)
    plain = nn.Linear(5, 3)
    for wrong in (fq.Spec(), fq.Spec(12), fq.FLOAT):
        made = fq.Linear(plain, wrong)
        with pytest.raises(ValueError, match="expected float64, weights of 2 to 8 bits"):
            fq.affine(made if wrong == fq.Spec() else made.double(), s, s)
        plain = nn.Linear(5, 3)
    with pytest.raises(ValueError, match="expected one scale, got one for each row"):
        fq.affine(fq.Linear(plain, fq.Spec(rows=True)).double(), s, s)
    for broken in (math.nan, 1e12):
        made = fq.Linear(nn.Linear(5, 3), fq.Spec()).double()
        with torch.no_grad():
            made.bias[0] = broken
        with pytest.raises(ValueError, match="expected integers that 32 bits hold"):
            fq.affine(made, s, s)


@pytest.mark.parametrize("extras", [{"scales": False}, {"softmax": False}, {"norm": False}])
def test_a_network_with_parts_in_float_has_no_integers(fq, extras):
    x = batch(1)
    net = fq.calibrated(layers(1), nn.Identity(), fq.Spec(**extras), x).double()
    with pytest.raises(ValueError, match="expected 8 bits, scales, softmax and norm"):
        fq.integers(net.encoder.layers[0], net.encoder.input.scale)
    few = fq.calibrated(layers(1), nn.Identity(), fq.Spec(4, 6), x).double()
    with pytest.raises(ValueError, match="expected 8 bits"):
        fq.integers(few.encoder.layers[0], few.encoder.input.scale)


@pytest.mark.parametrize("wrong", [0.0, -3.0, math.nan, math.inf])
def test_scales_that_are_none_are_named(fq, wrong):
    s, x = torch.tensor(wrong), torch.randn(2, 4)
    with pytest.raises(ValueError, match="quantize: expected finite s > 0"):
        fq.quantize(x, s, 4)
    with pytest.raises(ValueError, match="scale8: expected finite s > 0"):
        fq.scale8(s)
    if wrong != -3:
        with pytest.raises(ValueError, match="factors other than 0"):
            fq.factor32(s)
    if wrong < math.inf:
        with pytest.raises(ValueError, match="a token in each row and s > 0"):
            fq.softmax256(x, s, torch.ones(2, 4, dtype=torch.bool))
        with pytest.raises(ValueError, match="addends of one shape and scales above 0"):
            fq.normalized(x, torch.tensor(8.0), x, s)
    norm = fq.Norm(nn.LayerNorm(4).double(), fq.Spec()).double()
    with pytest.raises(ValueError, match="scale"):
        fq.scaled(norm, s.double(), torch.tensor(8.0, dtype=torch.float64))


def test_bits_types_and_shapes_that_do_not_fit_are_named(fq):
    x = torch.randn(3, 4)
    for k in (1, 0, -1, 2.5, math.nan):
        with pytest.raises(ValueError, match=f"expected a whole number from 2, got {k}"):
            fq.top(k)
    with pytest.raises(ValueError, match="a type for 8 bits"):
        fq.quantize(x.bfloat16(), torch.tensor(3.0).bfloat16(), 8)
    assert fq.quantize(x.half(), torch.tensor(3.0).half(), 8).isfinite().all()
    with pytest.raises(ValueError, match="no bfloat16"):
        fq.scale8(torch.tensor(1.005).bfloat16())
    with pytest.raises(ValueError, match="addends of one shape"):
        fq.normalized(x, torch.tensor(8.0), x[:1], torch.tensor(8.0))
    eight = torch.tensor(200.0, dtype=torch.float64)
    norm = fq.Norm(nn.LayerNorm(4).double(), fq.Spec()).double()
    with pytest.raises(ValueError, match="a mantissa of 8 bits"):
        fq.scaled(norm, 0.1 * eight / eight, eight)
    for value in (0.5, math.nan, math.inf, 128.0, -129.0):
        with pytest.raises(ValueError, match="expected integers that 8 bits hold"):
            fq.whole(torch.tensor([1.0, value]), 8)
    assert fq.whole(torch.tensor([-128.0, 127.0]), 8).tolist() == [-128, 127]
    for learn in (0, -3, 961):
        with pytest.raises(ValueError, match=f"expected 1 to 960 of this part, got {learn}"):
            fq.sentences(0, learn)
    for w in (np.array([128]), np.array([-129]), np.array([1.0])):
        with pytest.raises(ValueError, match="expected integers from -128 to 127"):
            fq.nibbles(w)
    for m in (0, -1, 3):
        with pytest.raises(ValueError, match=f"expected m = 1, 2, 4, ..., got {m}"):
            fq.Bim(m)


def test_sentences_without_tokens_and_numbers_that_are_none_are_named(fq):
    x = batch(2)
    for wrong in (x[:0], x[:, :0], x[0], x * math.nan, x / 0):
        with pytest.raises(ValueError, match=r"expected finite x \(N, L, D \+ 1\)"):
            fq.calibrated(layers(2), nn.Identity(), fq.Spec(), wrong)
    masked = x.clone()
    masked[3, :, -1] = 0
    for spec in (fq.Spec(), fq.FLOAT):
        with pytest.raises(ValueError, match="a token or more in each sentence"):
            fq.calibrated(layers(2), nn.Identity(), spec, masked)
    net = fq.calibrated(layers(2), nn.Identity(), fq.Spec(), x)
    net.encoder.input.most.fill_(math.inf)
    with pytest.raises(ValueError, match="a scale is missing"):
        net(x)
    with pytest.raises(ValueError, match="a token in each row"):
        fq.softmax256(x[..., 0], torch.tensor(8.0), torch.zeros(x.shape[:2], dtype=torch.bool))


def test_integers_of_other_kinds_are_named(fq):
    codes, mask, entries = np.array([[3, 5, 9]]), np.ones((1, 3), bool), np.arange(256)[::-1]
    for wrong in ((entries[:9], mask), (0 * entries, mask), (entries, 1 * mask), (entries, ~mask)):
        with pytest.raises(ValueError, match="expected 256 entries"):
            fq.softmax_codes(codes, *wrong)
    for wrong in (codes / 2, codes.astype(np.int8), 99 * codes):
        with pytest.raises(ValueError, match="expected codes of 8 bits in int32 or more"):
            fq.softmax_codes(wrong, entries, mask)
    for wrong in (np.array([-1]), np.array([2**62]), np.array([4.0]), np.array([4], np.uint64)):
        with pytest.raises(ValueError, match=r"expected integers from 0 to 2\^62 - 1"):
            fq.integer_root(wrong)
    p = fq.Scaled(3, 2, np.full(3, 9), np.ones(3, int), (1, 10))
    for x, o in ((codes / 2, codes), (codes, codes[:, :1]), (codes[:, :1], codes[:, :1])):
        with pytest.raises(ValueError, match=r"expected integers \(..., 3\) twice"):
            fq.norm_codes(x, o, p)
    for wrong in (99 * codes, -99 * codes):
        with pytest.raises(ValueError, match="expected codes from -127 to 127"):
            fq.norm_codes(codes, wrong, p)
    x = np.zeros((2, 5, 12), np.int32)
    keep = np.ones((2, 5), bool)
    for wrong in ((x[0], keep), (x, keep[:1]), (x, 1 * keep), (x[:0], keep[:0]), (x[:, :0], keep)):
        with pytest.raises(ValueError, match=r"expected codes \(N, L, D\) and a mask bool"):
            fq.integer_layer(*wrong, {})


@pytest.mark.parametrize(
    "extras", [{}, {"softmax": False}, {"norm": False}, {"scales": False}, {"rows": True}]
)
def test_with_eight_bits_the_network_is_nearly_the_float_one(fq, extras):
    x, made = batch(4), layers(4)
    plain = fq.Classifier(made, nn.Identity(), fq.FLOAT)(x)
    net = fq.calibrated(made, nn.Identity(), fq.Spec(8, 8, **extras), x)
    assert (net(x) - plain).abs().max() < 0.06 * plain.abs().max()
    coarse = fq.calibrated(made, nn.Identity(), fq.Spec(2, 8, **extras), x)
    assert (coarse(x) - plain).abs().max() > 0.06 * plain.abs().max()


def test_calibration_copies_and_looks_at_batches_of_sixteen(fq):
    made, x = layers(5, 1), batch(5, N=40)
    x[15, 0, 0] = 30.0  # the last row of the first batch
    net = fq.calibrated(made, nn.Linear(12, 2), fq.Spec(), x)
    assert not net.training
    expected = None
    for part in (x[:16], x[16:32], x[32:]):
        most = part[..., :-1].abs().max().item()
        expected = most if expected is None else 0.9 * expected + 0.1 * most
    assert net.encoder.input.most.item() == pytest.approx(expected)
    with torch.no_grad():
        net.encoder.layers[0].maps["q"].weight.zero_()
    assert made[0].attention.query.weight.abs().sum() > 0
    loss = fq.Classifier(made, nn.Linear(12, 2), fq.Spec()).train()(x).sum()
    loss.backward()
    assert all(p.grad is not None for p in made.parameters())


def test_codes_are_brought_back_to_127(fq):
    acc = np.array([-(10**6), -254, -3, -1, 0, 1, 3, 254, 10**6])
    assert fq.rescale(acc, (1, 1)).tolist() == [-127, -127, -1, 0, 0, 1, 2, 127, 127]


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("m", [1, 2])
def test_the_circuit_multiplies_in_every_mode(fq, m, late):
    rng = np.random.default_rng(m)
    design, count = fq.Bim(m, late), 150
    a, w = rng.integers(0, 256, (count, 2 * m)), rng.integers(0, 16, (count, 2 * m))
    wide, unsigned = rng.integers(0, 2, (2, count))
    extreme = np.array([0, 127, 128, 255])
    a[: 2 * m * 4] = rng.choice(extreme, (2 * m * 4, 2 * m))
    real = np.where(unsigned[:, None] == 1, a, (a ^ 128) - 128)
    high = (w ^ 8) - 8
    low = np.where(wide[:, None] == 1, w, high)
    parts = real * np.concatenate([high[:, :m], low[:, m:]], axis=1)
    expected = parts[:, :m].sum(1) * np.where(wide == 1, 16, 1) + parts[:, m:].sum(1)
    inputs = [design.a, design.w, design.wide, design.unsigned]
    words = {
        "a": (a << 8 * np.arange(2 * m)).sum(1),
        "w": (w << 4 * np.arange(2 * m)).sum(1),
        "wide": wide,
        "unsigned": unsigned,
    }
    assert rtl.simulate(design, inputs, design.y, **words).tolist() == expected.tolist()


@pytest.mark.parametrize(
    "name", ["type A, m = 1", "type B, m = 1", "type A, m = 4", "type B, m = 4"]
)
def test_stored_netlists_are_those_of_the_circuit(fq, name):
    netlist, m = rtl.load("fq_bert")[name], int(name[-1])
    design = fq.Bim(m, late=name.startswith("type A"))
    rng = np.random.default_rng(7)
    words = {
        "a": rng.integers(-(2**62), 2**62, 40) if m == 4 else rng.integers(0, 2**16, 40),
        "w": rng.integers(0, 2 ** (8 * m), 40),
        "wide": rng.integers(0, 2, 40),
        "unsigned": rng.integers(0, 2, 40),
    }
    whole = {key: [int(v) % 2**64 for v in value] for key, value in words.items()}
    inputs = [design.a, design.w, design.wide, design.unsigned]
    seen = rtl.simulate(design, inputs, design.y, **whole)
    assert seen.tolist() == netlist.simulate(**words)["y"].tolist()


def test_trees_add_powers_of_two(fq):
    assert fq.tree([1, 2, 3, 4]) == 10 and fq.tree([7]) == 7
    for terms in ([], [1, 2, 3]):
        with pytest.raises(ValueError, match=f"got {len(terms)}"):
            fq.tree(terms)


def test_nibbles_are_a_signed_and_an_unsigned_digit(fq):
    w = np.arange(-128, 128)
    high, low = fq.nibbles(w)
    assert (16 * high + low == w).all() and set(high) == set(range(-8, 8))
    assert set(low) == set(range(16))


@pytest.mark.parametrize("seed", [0, 1])
def test_tests_have_words_that_training_lacks(fq, seed):
    (learn, labels), (test, test_labels) = fq.sentences(seed)
    assert (len(learn), len(test)) == (160, 400) == (len(labels), len(test_labels))
    words = set(fq.GOOD) | set(fq.BAD)
    seen, new = (set(" ".join(part).split()) & words for part in (learn, test))
    assert not seen & new and len(seen) == 16 and len(new) == 38
    assert len(fq.GOOD) == len(fq.BAD) == 27 and not set(fq.GOOD) & set(fq.BAD)
    for text, label in zip(learn + test, labels + test_labels, strict=True):
        parts = text.split()
        praise = bool(set(parts) & set(fq.GOOD))
        assert label == int(praise != bool({"not", "never"} & set(parts)))
    assert fq.sentences(seed) == fq.sentences(seed) != fq.sentences(seed + 2)
    assert len(set(learn)) == 160
