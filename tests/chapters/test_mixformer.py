"""Tests of the chapter mixformer: its blocks against loops over tokens, its tasks, its sets."""

import itertools
import math
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import repro
from repro.vision.attention import merged, receptive_fields, windows

SHAPES = [(1, 4, 4, 2), (2, 3, 5, 2), (2, 5, 4, 3)]


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("mixformer")


def shaken(net, seed=0):
    """The network in float64 and evaluation mode, with all weights and statistics at random."""
    generator = torch.Generator().manual_seed(seed)
    net.double().eval()
    for name, t in net.state_dict().items():
        if t.is_floating_point():
            v = torch.rand(t.shape, generator=generator, dtype=torch.float64) - 0.5
            t.copy_(v + 1 if name.endswith(("running_var", "norm.weight")) else v)
    return net


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def attended(attention, x, g=None):
    """Attention of one window x (n, D), head by head and pair by pair, values gated by g (D,)."""
    n, D = x.shape
    w, d = math.isqrt(n), D // attention.heads
    q, k, v = (x @ attention.qkv.weight.T + attention.qkv.bias).split(D, -1)
    v = v if g is None else v * g
    out = torch.zeros(n, D, dtype=x.dtype)
    for h in range(attention.heads):
        part = slice(h * d, (h + 1) * d)
        for i in range(n):
            logits = []
            for j in range(n):
                down, right = i // w - j // w + w - 1, i % w - j % w + w - 1
                bias = attention.table[down * (2 * w - 1) + right, h]
                logits.append(q[i, part] @ k[j, part] / math.sqrt(d) + bias)
            out[i, part] = torch.stack(logits).softmax(0) @ v[:, part]
    return out


def normed(x, norm):
    """Batch normalization of tokens (..., C) with stored statistics."""
    scaled = (x - norm.running_mean) / (norm.running_var + 1e-5).sqrt()
    return scaled * norm.weight + norm.bias


def gated(x, gate):
    """A narrow gate of tokens (..., a), its 1x1 convolutions as matrices."""
    first, norm, _, last = gate
    x = F.gelu(normed(x @ first.weight[..., 0, 0].T + first.bias, norm))
    return torch.sigmoid(x @ last.weight[..., 0, 0].T + last.bias)


def convolved(x, layers):
    """Tokens (N, H, W, C) through a depth-wise 3x3 convolution, offset by offset, and its norm."""
    conv, norm, _ = layers
    H, W = x.shape[1:3]
    wide, out = F.pad(x, (0, 0, 1, 1, 1, 1)), conv.bias.expand_as(x)
    for i in range(3):
        for j in range(3):
            out = out + wide[:, i : i + H, j : j + W] * conv.weight[:, 0, i, j]
    return F.gelu(normed(out, norm))


def mixed(mix, x):
    """The mixing block by its numbered steps."""
    N, H, W = x.shape[:3]
    w = mix.w
    x = F.pad(x, (0, 0, 0, -W % w, 0, -H % w))
    Hp, Wp = x.shape[1:3]
    D = convolved(mix.to_c(x), mix.depthwise)
    P = D @ mix.project.weight[..., 0, 0].T + mix.project.bias
    U, A = mix.to_a(x), torch.zeros(*x.shape[:3], x.shape[3] // 2, dtype=x.dtype)
    for n in range(N):
        g = None if mix.channel is None else gated(D[n].mean((0, 1)), mix.channel)
        for r in range(0, Hp, w):
            for c in range(0, Wp, w):
                tokens = U[n, r : r + w, c : c + w].reshape(w * w, -1)
                A[n, r : r + w, c : c + w] = attended(mix.attention, tokens, g).reshape(w, w, -1)
    if mix.spatial is not None:
        P = P * gated(A, mix.spatial)
    Y = mix.out(torch.cat([mix.norm_a(A), normed(P, mix.norm_c)], -1))
    return Y[:, :H, :W]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channel", [True, False])
@pytest.mark.parametrize("spatial", [True, False])
def test_the_mixing_block_is_that_of_its_steps(chapter, shape, channel, spatial):
    *size, w = shape
    mix = shaken(chapter.Mixing(16, 2, w, channel, spatial))
    x = random(*size, 16)
    assert torch.allclose(mix(x), mixed(mix, x), atol=1e-12, rtol=0)


def test_defaults_are_the_released_ones(chapter):
    mix = chapter.Mixing(32, 2)
    assert mix.w == 7 and mix.channel is not None and mix.spatial is not None
    assert mix.attention.table.shape == (169, 2) and mix.attention.qkv.weight.shape == (48, 16)
    assert [tuple(mix.channel[i].weight.shape[:2]) for i in (0, 3)] == [(4, 32), (16, 4)]
    assert [tuple(mix.spatial[i].weight.shape[:2]) for i in (0, 3)] == [(2, 16), (1, 2)]
    assert 0.01 < mix.attention.table.std() < 0.03
    swin = chapter.WindowAttention(32, 2)
    assert swin.w == 7 and swin.shift == 0 and chapter.Squeezed(32, 2).w == 7
    block = chapter.Block(32, mix)
    assert block.mlp[0].weight.shape == (128, 32) and block.mlp[2].weight.shape == (32, 128)


@pytest.mark.parametrize("between", [False, True])
def test_a_block_normalizes_first_and_adds(chapter, between):
    local = shaken(chapter.Local(16), 1) if between else None
    block = shaken(chapter.Block(16, shaken(chapter.Mixing(16, 2, 2)), 3, local))
    x = random(2, 4, 4, 16)
    y = x + block.mix(block.norm1(x))
    if between:
        assert torch.allclose(local(y), y + convolved(y, local.depthwise), atol=1e-12)
        y = y + convolved(y, local.depthwise)
    assert torch.allclose(block(x), y + block.mlp(block.norm2(y)), atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_window_attention_is_that_of_its_windows(chapter, shape):
    N, H, W, w = shape
    net = shaken(chapter.WindowAttention(16, 2, w))
    x = random(N, H, W, 16)
    padded = F.pad(x, (0, 0, 0, -W % w, 0, -H % w))
    each = torch.stack([attended(net.attention, t) for t in windows(padded, w)])
    expected = net.out(merged(each, *padded.shape[1:3]))[:, :H, :W]
    assert torch.allclose(net(x), expected, atol=1e-12)


@pytest.mark.parametrize(("w", "shift"), [(4, 2), (3, 1)])
def test_shifted_windows_attend_where_they_lie_and_nowhere_across_the_edge(chapter, w, shift):
    side = 2 * w
    net = shaken(chapter.WindowAttention(16, 2, w, shift))
    x = random(2, side, side, 16)
    whole = slice(shift, shift + w)  # the one window that no edge cuts
    expected = attended(net.attention, x[1, whole, whole].reshape(w * w, 16))
    found = net(x)[1, whole, whole].reshape(w * w, 16)
    assert torch.allclose(found, net.out(expected), atol=1e-12)
    seen = receptive_fields(net, x[0])
    edges = [0, shift, shift + w, side]
    for r0, r1 in itertools.pairwise(edges):
        for c0, c1 in itertools.pairwise(edges):
            inside = torch.zeros(side, side, dtype=torch.bool)
            inside[r0:r1, c0:c1] = True
            assert (seen[r0:r1, c0:c1] == inside).all()


def test_the_rival_gate_pools_and_multiplies_the_attention(chapter):
    mix = shaken(chapter.Squeezed(16, 2, 2))
    assert mix.channel is None and mix.spatial is None
    assert [tuple(mix.own[i].weight.shape[:2]) for i in (0, 3)] == [(2, 8), (8, 2)]
    U, D = random(8, 4, 8), random(2, 16, 4, 4)
    A = torch.stack([attended(mix.attention, u) for u in U])
    g = torch.stack([gated(A[4 * n : 4 * n + 4].mean((0, 1)), mix.own) for n in (0, 1)])
    expected = A * g.repeat_interleave(4, 0)[:, None]
    assert torch.allclose(mix.attend(U, D), expected, atol=1e-12)


def test_variants_are_built_of_what_they_say(chapter):
    kinds = {}
    for name in chapter.VARIANTS:
        net = chapter.blocks(name, 3, 32, 2, 4, 2)
        mixes = [block.mix for block in net]
        kinds[name] = [type(mix).__name__ for mix in mixes]
        local = [type(block.between).__name__ for block in net]
        assert local == ["Local" if name == "sequential" else "Identity"] * 3
        assert all(mix.w == 4 for mix in mixes)
        if hasattr(mixes[0], "shift"):
            assert [m.shift for m in mixes] == ([0, 2, 0] if name == "shifted" else [0, 0, 0])
        else:
            gates = [(m.channel is not None, m.spatial is not None) for m in mixes]
            assert gates == [(name in ("channel", "both"), name in ("spatial", "both"))] * 3
    assert kinds["SE"] == ["Squeezed"] * 3 and kinds["both"] == ["Mixing"] * 3
    net = chapter.blocks("both", 1)
    assert net[0].mix.w == 3 and net[0].mix.attention.heads == 2
    assert net[0].mlp[0].weight.shape == (64, 32)


def test_a_small_network_is_a_mean_over_patches(chapter):
    torch.manual_seed(0)
    net = chapter.Small("window", K=5, patch=3).double().eval()
    x = random(2, 1, 9, 18)
    patches = torch.stack(
        [
            torch.stack([x[:, 0, r : r + 3, c : c + 3].flatten(1) for c in range(0, 18, 3)], 1)
            for r in range(0, 9, 3)
        ],
        1,
    )
    z = net.read(net.blocks(net.embed(patches)))
    assert torch.allclose(net(x), net.head(z.mean((1, 2))), atol=1e-12)
    assert len(net.blocks) == 2 and net.embed.weight.shape == (32, 9)
    assert net.read[1].weight.shape == (64, 32) and net.head.weight.shape == (5, 64)
    assert not net.embed.bias.any() and not net.blocks[0].mlp[0].bias.any()
    spread = net.blocks[0].mlp[0].weight.std().item()
    assert spread == pytest.approx(math.sqrt(2 / (32 + 64)), rel=0.1)


def test_the_released_network_is_a_chain_of_stages(chapter):
    net = shaken(chapter.MixFormer(16, (1, 1), (2, 4), K=3, w=2))
    x = random(2, 3, 16, 24)
    y = net.norm(net.stem(x).permute(0, 2, 3, 1))
    assert y.shape == (2, 4, 6, 16)
    y = net.stages[0](y)
    y = net.down[0](y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    y = net.stages[1](y)
    assert y.shape == (2, 2, 3, 32)
    expected = net.head(net.read(y).mean((1, 2)))
    assert torch.allclose(net(x), expected, atol=1e-12) and expected.shape == (2, 3)
    kinds = [type(layer).__name__ for layer in net.stem]
    assert kinds == ["Conv2d", "BatchNorm2d", "GELU"] * 3 + ["Conv2d"]
    assert [layer.stride[0] for layer in net.stem if hasattr(layer, "stride")] == [2, 1, 1, 2]
    assert [type(layer).__name__ for layer in net.down[0]] == ["BatchNorm2d", "Conv2d"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("B0", 5098767),
        ("B1", 7887877),
        ("B2", 9894848),
        ("B3", 16747808),
        ("B4", 34797572),
        ("B5", 61692403),
        ("B6", 119505054),
    ],
)
def test_released_networks_have_their_sizes(chapter, name, parameters):
    with torch.device("meta"):
        net = chapter.MixFormer(*chapter.SIZES[name])
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert [len(stage) for stage in net.stages] == list(chapter.SIZES[name][1])


@pytest.mark.parametrize("shape", [(4, 4), (6, 9), (3, 3)])
def test_sets_are_those_of_loops_over_tokens(chapter, shape):
    H, W = shape
    rng = np.random.default_rng(0)
    S = rng.random(shape) < 0.15
    marked = [(r, c) for r in range(H) for c in range(W) if S[r, c]]
    for w, shift in ((3, 0), (2, 0), (4, 2), (3, 1)):
        expected = [
            [
                any(
                    (r - shift) // w == (i - shift) // w and (c - shift) // w == (j - shift) // w
                    for i, j in marked
                )
                for c in range(W)
            ]
            for r in range(H)
        ]
        assert chapter.touched(S, w, shift).tolist() == expected
    near = [
        [any(abs(r - i) <= 1 and abs(c - j) <= 1 for i, j in marked) for c in range(W)]
        for r in range(H)
    ]
    assert chapter.neighbours(S).tolist() == near
    one = chapter.token(1, 2, H, W)
    assert one.sum() == 1 and one[1, 2]
    assert chapter.token(3, 4).shape == (16, 16)


@pytest.mark.parametrize("variant", ["window", "shifted", "sequential", "parallel", "both", "SE"])
def test_the_recursion_gives_the_fields_of_gradients(chapter, variant):
    net = shaken(chapter.blocks(variant, 2, C=16, heads=2, w=2, ratio=1))
    found = receptive_fields(net, random(6, 4, 16)).numpy()
    for r in range(6):
        for c in range(4):
            S = chapter.reach(variant, chapter.token(r, c, 6, 4), 2, 2)
            assert np.array_equal(found[r, c], S)


@pytest.mark.parametrize("variant", ["channels", "", None])
def test_the_recursion_refuses_unknown_variants(chapter, variant):
    for depth in (0, 1):
        with pytest.raises(ValueError, match=r"expected one of window, .*, SE, got"):
            chapter.reach(variant, chapter.token(0, 0, 4, 4), depth, 2)


def test_the_recursion_refuses_other_sets(chapter):
    S = chapter.token(1, 1, 4, 4)
    for bad in ((S[0], 1, 2), (S[None], 1, 2), (S.astype(int), 1, 2), (S, -1, 2), (S, 1, 0)):
        with pytest.raises(ValueError, match=r"expected truth values \(H, W\)"):
            chapter.reach("window", *bad)
    assert np.array_equal(chapter.reach("SE", S, 0, 1), S)


def test_degenerate_input_is_refused(chapter):
    mix = chapter.Mixing(16, 2, 2)
    for x in (torch.zeros(1, 0, 2, 16), torch.zeros(2, 2, 16), torch.zeros(1, 2, 2, 16).int()):
        with pytest.raises(ValueError, match="expected floating point maps"):
            mix(x)
    with pytest.raises(ValueError, match="3 do not divide 8"):
        chapter.Mixing(16, 3)
    for C in (14, 17):
        with pytest.raises(ValueError, match=f"even width C of 16 or more, got {C}"):
            chapter.Mixing(C, 1)


def test_one_token_nan_types_and_pickles(chapter):
    mix = shaken(chapter.Mixing(16, 2, 2))
    assert mix(random(1, 1, 1, 16)).shape == (1, 1, 1, 16)
    x = random(2, 4, 4, 16)
    again = pickle.loads(pickle.dumps(mix))
    assert torch.equal(again(x), mix(x))
    assert mix.float()(x.float()).dtype == torch.float32
    broken = x.float().clone()
    broken[1, 0, 0, 0] = math.nan
    found = mix(broken)
    assert found[1].isnan().all() and torch.equal(found[0], mix(x.float())[0])


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_pixels_that_are_lost_are_refused(chapter, lost):
    for net, x in (
        (chapter.Small("both", K=3, patch=2), torch.rand(2, 1, 6, 6)),
        (chapter.MixFormer(16, (1,), (2,), K=3, w=2), torch.rand(2, 3, 8, 8)),
    ):
        x[1, 0, 3, 3] = lost
        with pytest.raises(ValueError, match=f"1 of {x.numel()} pixels are NaN or infinite: fill"):
            net(x)


@pytest.mark.parametrize("empty", range(4))
def test_what_is_no_image_is_refused(chapter, empty):
    for net, C in (
        (chapter.Small("window", K=3, patch=2), 1),
        (chapter.MixFormer(16, (1,), (2,), K=3, w=2), 3),
    ):
        x = torch.zeros(1, C, 8, 8)
        others = (x[0], x[None], x.int(), x.repeat(1, 2, 1, 1), x.narrow(empty, 0, 0))
        for other in others:
            with pytest.raises(
                ValueError, match=rf"expected images \(N, {C}, H, W\), none of them"
            ):
                net(other)


@pytest.mark.parametrize("sides", [(9, 8), (8, 10), (4, 8)])
def test_sides_that_would_be_cut_are_refused(chapter, sides):
    with pytest.raises(ValueError, match=r"expected sides that 8 divides, got .*: pad or crop"):
        chapter.MixFormer(16, (1, 1), (2, 4), K=3, w=2)(torch.rand(1, 3, *sides))
    with pytest.raises(ValueError, match="expected sides that 3 divides"):
        chapter.Small("window", K=3, patch=3)(torch.rand(1, 1, *sides))


@pytest.mark.parametrize(
    ("heads", "w"), [(0, 2), (-1, 2), (2, 0), (2, -1), (2.0, 2), (2, math.nan)]
)
def test_no_heads_and_no_windows_are_refused(chapter, heads, w):
    for part in (chapter.Mixing, chapter.Squeezed, chapter.WindowAttention, chapter.Attention):
        with pytest.raises(ValueError, match="expected width, heads and w of 1 or more, got"):
            part(16, heads, w)
    with pytest.raises(ValueError, match="expected width, heads and w of 1 or more, got 0, 1"):
        chapter.Attention(0, 1, 2)
    if heads != 2:
        with pytest.raises(ValueError, match="expected K and as many depths as heads"):
            chapter.MixFormer(16, (1,), (heads,), w=2)


@pytest.mark.parametrize("shift", [-1, 2, 3, 0.5])
def test_shifts_beyond_a_window_are_refused(chapter, shift):
    with pytest.raises(ValueError, match=f"expected a shift from 0 to 1, got {shift}"):
        chapter.WindowAttention(16, 2, 2, shift)


def test_maps_and_windows_of_other_shapes_are_refused(chapter):
    parts = (chapter.Mixing(16, 2, 2), chapter.WindowAttention(16, 2, 2), chapter.Local(16))
    for part in parts:
        for shape in ((16,), (4, 16), (1, 1, 2, 2, 16), (0, 2, 2, 16), (1, 2, 0, 16)):
            with pytest.raises(ValueError, match="expected floating point maps"):
                part(torch.zeros(shape))
    for shape in ((1, 5, 16), (4, 16), (1, 1, 4, 16), (1, 4, 8)):
        with pytest.raises(ValueError, match=r"expected windows \(M, 4, 16\), got"):
            chapter.Attention(16, 2, 2)(torch.zeros(shape))
    with pytest.raises(ValueError, match="expected windows of side 1 or more, got 0"):
        chapter.padded(torch.zeros(1, 2, 2, 4), 0)


def test_networks_of_nothing_are_refused(chapter):
    for bad in (("nope", 1), (None, 1), ("both", 0), ("both", -1), ("both", 1.5)):
        with pytest.raises(ValueError, match=r"expected one of window, .*, and a block or more"):
            chapter.blocks(*bad)
    for bad in ((0, 2), (3, 0), (3, -1), (3, 2, 0)):
        with pytest.raises(ValueError, match="expected K, patch and C of 1 or more"):
            chapter.Small("both", *bad)
    for ratio in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"a ratio of 1 or more, got 16 and {ratio}"):
            chapter.Block(16, chapter.Mixing(16, 2, 2), ratio)
    for depths, heads, K in (((), (), 3), ((1,), (1, 2), 3), ((0,), (2,), 3), ((1,), (2,), 0)):
        with pytest.raises(ValueError, match="expected K and as many depths as heads"):
            chapter.MixFormer(16, depths, heads, K, 2)


def test_tokens_and_sets_that_are_none_are_refused(chapter):
    S = chapter.token(1, 1, 4, 4)
    for bad in ((4, 0), (0, 4), (-1, 0), (0, -1), (0.5, 1)):
        with pytest.raises(ValueError, match="expected a token of a map of 4 x 4, got"):
            chapter.token(*bad, 4, 4)
    for bad in ((S[0], 2), (S[None], 2), (S.astype(int), 2), (S, 0), (S, 1.5)):
        with pytest.raises(ValueError, match=r"expected truth values \(H, W\) and w of 1 or more"):
            chapter.touched(*bad)
    for bad in (S[0], S[None], S.astype(int)):
        with pytest.raises(ValueError, match=r"expected truth values \(H, W\), got"):
            chapter.neighbours(bad)
    for bad in ((1.5, 2), (1, 1.5), (1, math.nan)):
        with pytest.raises(ValueError, match=r"expected truth values \(H, W\), 0 blocks or more"):
            chapter.reach("window", S, *bad)
