"""Tests of the chapter unet_memory: blocks and modules against slow transcriptions in NumPy."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import repro

# What NAFNet's published code (commit 2b4af71) returns in float64 for a network of width 4, one and
# two blocks in the encoder, one elsewhere. Its parameters, in the order of the forward pass, are
# half the cosine of 0, 1, 2, ...; the input, 5x6 pixels, is the sine of 1, 2, ...
PUBLISHED = [
    *(-0.64639888091595, -4.8553983328554, 0.81433088893512, 3.733779810432, -5.1133413529064),
    *(-7.6376870356671, 0.93466598207177, 8.1723667089148, -1.5001544822805, -11.657212249007),
    *(-0.20272990796674, 9.943827727762, -1.511852649589, -8.111936087272, -0.77869095560107),
    *(6.8315584995679, -5.3243013308449, -14.479994409874, 0.86038235307745, 8.0665441432084),
    *(-1.2007459871606, -11.574020645311, -1.2718785472624, 9.2114494685041, -3.5410363523746),
    *(-7.74106272869, 3.2399374081304, 6.7186998013443, -8.1228816768555, -13.860901562679),
]
ORDER = ("norm1", "point1", "depth", "attention", "point2", "beta", "norm2", "point3", "point4")


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("unet_memory")


def shaken(module, seed=0):
    """A module in float64 with parameters of which none is 0 or 1."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in module.double().parameters():
            p.add_(0.3 * torch.randn_like(p))
    return module


def parameters(block):
    """The parameters of a block in the order of the forward pass."""
    parts = [getattr(block, name) for name in (*ORDER, "gamma")]
    return [p for part in parts for p in ([part] if torch.is_tensor(part) else part.parameters())]


def slow_block(block, x):
    """A block on one picture (C, H, W), pixel by pixel."""
    w = {name: p.detach().numpy() for name, p in block.named_parameters()}

    def norm(x, name):
        mean = x.mean(0)
        spread = ((x - mean) ** 2).mean(0)
        y = (x - mean) / np.sqrt(spread + 1e-6)
        return y * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]

    def point(x, name):
        weight = w[f"{name}.weight"][:, :, 0, 0]
        return np.einsum("kc,chw->khw", weight, x) + w[f"{name}.bias"][:, None, None]

    C, H, W = x.shape
    wide, kernel = point(norm(x, "norm1"), "point1"), w["depth.weight"][:, 0]
    padded, deep = np.pad(wide, ((0, 0), (1, 1), (1, 1))), np.zeros_like(wide)
    for r in range(H):
        for c in range(W):
            deep[:, r, c] = (padded[:, r : r + 3, c : c + 3] * kernel).sum((1, 2))
    deep += w["depth.bias"][:, None, None]
    u = deep[:C] * deep[C:]
    scale = w["attention.weight"][:, :, 0, 0] @ u.mean((1, 2)) + w["attention.bias"]
    y = x + w["beta"][0] * point(u * scale[:, None, None], "point2")
    z = point(norm(y, "norm2"), "point3")
    return y + w["gamma"][0] * point(z[:C] * z[C:], "point4")


@pytest.mark.parametrize(("C", "H", "W"), [(2, 3, 4), (4, 5, 2), (6, 1, 1)])
def test_block_is_the_slow_one(chapter, C, H, W):
    block = shaken(chapter.NAFBlock(C), C)
    x = torch.randn(3, C, H, W, dtype=torch.float64)
    slow = np.stack([slow_block(block, one) for one in x.numpy()])
    assert np.allclose(block(x).detach().numpy(), slow, rtol=0, atol=1e-12)


def test_small_variances_are_kept_apart_by_epsilon(chapter):
    norm = chapter.LayerNorm2d(2).double()
    x = torch.tensor([1e-3, -1e-3], dtype=torch.float64).reshape(1, 2, 1, 1)
    assert torch.allclose(norm(x), x / math.sqrt(2e-6), rtol=1e-12)


def test_new_block_is_the_identity(chapter):
    x = torch.randn(2, 8, 5, 7)
    block = chapter.NAFBlock(8)
    assert torch.equal(block(x), x)
    assert block.beta.shape == block.gamma.shape == (1, 8, 1, 1)
    assert all(p.eq(p.flatten()[0]).all() for p in (block.norm1.weight, block.norm2.bias))


def test_network_has_the_output_of_the_published_code(chapter):
    net = chapter.UNet(chapter.Skips(), 4, (1, 2), 1, (1, 1)).double()
    chain = [net.intro.weight, net.intro.bias]
    for encoder, down in zip(net.encoders, net.downs, strict=True):
        chain += [p for block in encoder for p in parameters(block)] + [down.weight, down.bias]
    chain += [p for block in net.middle for p in parameters(block)]
    for n in (1, 0):
        chain += [net.ups[n].weight, *(p for block in net.decoders[n] for p in parameters(block))]
    chain += [net.ending.weight, net.ending.bias]
    assert len(chain) == len(list(net.parameters()))
    start = 0
    with torch.no_grad():
        for p in chain:
            count = torch.arange(start, start + p.numel(), dtype=torch.float64)
            p.copy_((count.cos() / 2).reshape(p.shape))
            start += p.numel()
        found = net(torch.arange(1, 31, dtype=torch.float64).sin().reshape(1, 1, 5, 6))
    assert found.shape == (1, 1, 5, 6)
    assert np.allclose(found.flatten().numpy(), PUBLISHED, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("C", "blocks", "middle", "decoder", "count"),
    [
        (32, (2, 2, 4, 8), 12, (2, 2, 2, 2), 29159715),
        (64, (1, 1, 1, 28), 1, (1, 1, 1, 1), 67888835),
    ],
)
def test_parameters_of_released_networks(chapter, C, blocks, middle, decoder, count):
    with torch.device("meta"):
        net = chapter.UNet(chapter.Skips(), C, blocks, middle, decoder, P=3)
    assert sum(p.numel() for p in net.parameters()) == count


def test_defaults(chapter):
    net = chapter.UNet(chapter.Skips())
    assert net.intro.weight.shape == (8, 1, 3, 3)
    assert [len(stage) for stage in (*net.encoders, net.middle, *net.decoders)] == [1] * 9
    assert [len(s) for s in chapter.UNet(chapter.Skips(), 2, (2, 1)).decoders] == [2, 1]
    assert len(chapter.UNet(chapter.Skips(), 2, (1,), 3).middle) == 3
    assert sum(p.numel() for p in net.parameters()) == 290425
    assert chapter.Aggregated().msiam.t == chapter.Aggregated().iem.t == 1
    assert len(chapter.Aggregated(enhance=True).iem.enhance[0]) == 1
    assert len(chapter.Aggregated().iem.enhance[0]) == 0


def test_pictures_of_any_size_are_padded_at_the_end(chapter):
    net = shaken(chapter.UNet(chapter.Skips(), 2, (1, 1)))
    x = torch.randn(2, 1, 5, 7, dtype=torch.float64)
    padded = net(F.pad(x, (0, 1, 0, 3)))
    assert torch.allclose(net(x), padded[..., :5, :7], atol=1e-12)
    assert net(x).shape == x.shape


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(1, 8, 8),
        torch.zeros(1, 3, 8, 8),
        torch.zeros(0, 1, 8, 8),
        torch.zeros(1, 1, 0, 8),
        torch.zeros(1, 1, 8, 8, dtype=torch.int64),
    ],
)
def test_network_refuses_what_is_no_picture(chapter, x):
    with pytest.raises(ValueError, match=r"expected pictures \(N, 1, H, W\)"):
        chapter.UNet(chapter.Skips(), 2, (1,))(x)


def test_shuffles_against_loops(chapter):
    x = torch.arange(2 * 8 * 3 * 5.0).reshape(2, 8, 3, 5)
    up = chapter.resize(x, 1)
    assert up.shape == (2, 2, 6, 10)
    for c, r, s in np.ndindex(2, 6, 10):
        assert up[0, c, r, s] == x[0, 4 * c + 2 * (r % 2) + s % 2, r // 2, s // 2]
    assert torch.equal(chapter.resize(up, -1), x)
    assert chapter.resize(x, 0) is x
    assert chapter.resize(torch.zeros(1, 16, 1, 2), 2).shape == (1, 1, 4, 8)
    assert chapter.resize(torch.zeros(1, 1, 8, 16), -3).shape == (1, 64, 1, 2)


def maps(C, L, H=16, W=24, dtype=torch.float64):
    """Random maps of an encoder."""
    torch.manual_seed(3)
    return [torch.randn(2, C * 2**n, H >> n, W >> n, dtype=dtype) for n in range(L)]


@pytest.mark.parametrize(("C", "L"), [(8, 4), (4, 3), (8, 3), (4, 2)])
def test_stored_map_is_as_large_as_the_deepest_skip(chapter, C, L):
    skips = maps(C, L)
    for t in range(L):
        bridge = shaken(chapter.Aggregated(C, L, t), t)
        waiting = []
        for n, E in enumerate(skips):
            waiting = bridge.put(waiting, n, E)
            assert bridge.msiam.squeeze[n](E).numel() == skips[-1].numel()
        assert len(waiting) == 1
        assert waiting[0].shape[2:] == (16 >> t, 24 >> t)
        assert waiting[0].numel() == skips[-1].numel()
        assert torch.allclose(waiting[0], bridge.msiam(skips), atol=1e-12)
        stack = torch.cat([bridge.msiam.part(n, E) for n, E in enumerate(skips)], 1)
        slow = torch.einsum("ks,nshw->nkhw", bridge.msiam.fuse.weight[:, :, 0, 0], stack)
        slow = slow + bridge.msiam.fuse.bias[:, None, None]
        assert torch.allclose(waiting[0], slow, atol=1e-12)
        for n, E in enumerate(skips):
            assert bridge.take(waiting, n).shape == E.shape


def test_parts_of_msiam_by_hand(chapter):
    msiam = shaken(chapter.MSIAM(2, 1, [2, 4], 3))
    E = maps(2, 2)
    squeezed = [F.conv2d(e, s.weight, s.bias) for e, s in zip(E, msiam.squeeze, strict=True)]
    assert msiam.sizes == [8, 4]
    assert torch.allclose(msiam.part(0, E[0]), F.pixel_unshuffle(squeezed[0], 2))
    assert torch.allclose(msiam.part(1, E[1]), squeezed[1])
    msiam = shaken(chapter.MSIAM(2, 0, [2, 4], 3))
    assert msiam.sizes == [2, 1]
    assert msiam(E).shape == (2, 3, 16, 24)


def test_iem_by_hand(chapter):
    iem = shaken(chapter.IEM(4, 1, 3, 8, enhance=True))
    Z = torch.randn(2, 8, 6, 10, dtype=torch.float64)
    wide = [e.out_channels for e in iem.expand]
    assert wide == [16, 8, 16]
    assert [e.in_channels for e in iem.expand] == [8, 8, 32]
    expected = (
        F.pixel_shuffle(iem.expand[0](Z), 2),
        iem.expand[1](Z),
        iem.expand[2](F.pixel_unshuffle(Z, 2)),
    )
    for n, plain in enumerate(expected):
        assert torch.allclose(iem(Z, n), iem.enhance[n](plain), atol=1e-12)
        assert not torch.allclose(iem(Z, n), plain, atol=1e-3)
    plain = shaken(chapter.IEM(4, 1, 3, 8, enhance=False))
    assert torch.equal(plain(Z, 1), plain.expand[1](Z))


@pytest.mark.parametrize(("C", "L", "t"), [(8, 4, 4), (8, 4, -1), (4, 4, 1), (12, 4, 0)])
def test_aggregation_refuses_other_scales_and_widths(chapter, C, L, t):
    with pytest.raises(ValueError, match=r"expected 0 <= t < 4, and C a multiple of 8"):
        chapter.Aggregated(C, L, t)


def test_aggregation_of_other_widths_needs_both_numbers_of_channels(chapter):
    bridge = chapter.Aggregated(4, 4, 1, squeezed=[1, 4, 8, 16], stored=6)
    net = chapter.UNet(bridge, 4)
    assert net(torch.zeros(1, 1, 16, 16)).shape == (1, 1, 16, 16)
    assert bridge.msiam.fuse.weight.shape == (6, 11, 1, 1)
    with pytest.raises(ValueError, match="multiple of 8"):
        chapter.Aggregated(4, 4, 1, stored=6)
    assert chapter.Aggregated(8, 4, 1, stored=6).msiam.sizes == [4, 4, 4, 4]


def test_all_skips_are_added_to_their_own_scale(chapter):
    skips, bridge, waiting = maps(2, 3), chapter.Skips(), []
    for n, E in enumerate(skips):
        waiting = bridge.put(waiting, n, E)
    assert len(waiting) == 3
    assert all(bridge.take(waiting, n) is skips[n] for n in (2, 1, 0))


def test_rivals(chapter):
    skips = maps(8, 4)
    none = chapter.NoSkips()
    assert none.put([], 0, skips[0]) == []
    assert none.take([], 0) == 0
    one = shaken(chapter.Squeezed(8, (1, 0, 4, 0)))
    waiting = []
    for n, E in enumerate(skips):
        waiting = one.put(waiting, n, E)
    assert [kept.shape[1] for kept in waiting] == [1, 4]
    kept = list(waiting)
    taken = [one.take(waiting, n) for n in (3, 2, 1, 0)]
    assert taken[0] == taken[2] == 0
    assert torch.equal(taken[1], one.expand[2](kept[1]))
    assert torch.equal(taken[3], one.expand[0](kept[0]))
    assert taken[1].shape == skips[2].shape
    assert chapter.Squeezed().kept == (1, 0, 0, 0)
    assert [len(list(b.parameters())) for b in chapter.Squeezed().squeeze] == [2, 0, 0, 0]


@pytest.mark.parametrize("C", [8, 64])
def test_each_map_by_itself_holds_a_quarter_of_what_z_would(chapter, C):
    skips, bridge, waiting = maps(C, 4), shaken(chapter.Apart(C)), []
    for n, E in enumerate(skips):
        waiting = bridge.put(waiting, n, E)
    assert [4 * kept.numel() for kept in waiting] == 4 * [skips[-1].numel()]
    kept = list(waiting)
    by_hand = F.pixel_unshuffle(skips[0], 2)
    assert torch.equal(kept[0], bridge.squeeze[0](by_hand))
    taken = [bridge.take(waiting, n) for n in (3, 2, 1, 0)][::-1]
    assert [t.shape for t in taken] == [E.shape for E in skips]
    assert torch.equal(taken[0], F.pixel_shuffle(bridge.expand[0](kept[0]), 2))
    for n in (1, 2, 3):
        assert torch.equal(taken[n], bridge.expand[n](bridge.squeeze[n](skips[n])))
    assert waiting == []
    assert [e.out_channels for e in bridge.expand] == [4 * C, 2 * C, 4 * C, 8 * C]
    assert chapter.UNet(chapter.Apart())(torch.zeros(1, 1, 16, 16)).shape == (1, 1, 16, 16)


@pytest.mark.parametrize("C", [4, 12])
def test_each_map_by_itself_refuses_other_widths(chapter, C):
    with pytest.raises(ValueError, match=f"expected C a multiple of 8, got {C}"):
        chapter.Apart(C)


def test_without_skips_the_decoder_sees_the_middle_alone(chapter):
    net = shaken(chapter.UNet(chapter.NoSkips(), 2, (1,)))
    x = torch.randn(1, 1, 4, 6, dtype=torch.float64)
    h = net.middle(net.downs[0](net.encoders[0](net.intro(x))))
    h = net.decoders[0](F.pixel_shuffle(net.ups[0](h), 2))
    assert torch.allclose(net(x), x + net.ending(h), atol=1e-12)
    net.bridge = chapter.Skips()
    h = net.middle(net.downs[0](E := net.encoders[0](net.intro(x))))
    h = net.decoders[0](F.pixel_shuffle(net.ups[0](h), 2) + E)
    assert torch.allclose(net(x), x + net.ending(h), atol=1e-12)


@pytest.mark.parametrize("L", [1, 3])
def test_recomputed_maps_give_the_same_output(chapter, L):
    net = shaken(chapter.UNet(chapter.Skips(), 2, (1,) * L), L)
    x = torch.randn(2, 1, 16, 8, dtype=torch.float64)
    assert torch.equal(chapter.recompute(net, x), net(x))


@pytest.mark.parametrize("size", [(1, 1, 6, 8), (1, 1, 8, 6), (1, 8, 8), (1, 2, 8, 8)])
def test_recomputation_refuses_sides_that_would_need_padding(chapter, size):
    net = chapter.UNet(chapter.Skips(), 2, (1, 1))
    with pytest.raises(ValueError, match=r"expected (sides that 4 divides|pictures)"):
        chapter.recompute(net, torch.zeros(size))


def test_low_precision(chapter):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 8, 8) * torch.tensor([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1)
    for bits, levels in ((2, 3), (4, 15), (8, 255)):
        rounded = chapter.low_precision(x, bits)
        assert rounded.shape == x.shape
        counts = [len(r.unique()) for r in rounded.reshape(6, 8, 8)]
        assert max(counts) <= levels
        error = ((rounded - x) ** 2).mean((2, 3)) / (x**2).mean((2, 3))
        assert (error < 2.0 ** (2.5 - 2 * bits)).all()  # of each channel, whatever its size
    net = shaken(chapter.UNet(chapter.Skips(), 2, (1, 1)))
    y = torch.randn(1, 1, 8, 8, dtype=torch.float64)
    full = net(y)
    net.bits = 12
    fine = net(y)
    net.bits = 2
    assert 0 < (fine - full).abs().max() < (net(y) - full).abs().max()


@pytest.mark.parametrize("L", [1, 2, 4])
def test_timelines(chapter, L):
    units = {f"E{n + 1}": 2 ** (L - 1 - n) for n in range(L)}
    full, late, squeezed, streamed = (
        chapter.timeline(way, L) for way in ("all skips", "late", "squeezed", "streamed")
    )
    encoder = [f"encoder {n + 1}" for n in range(L)]
    decoder = [f"decoder {n}" for n in range(L, 0, -1)]
    assert [name for name, _ in full] == [*encoder, "middle", *decoder]
    assert [name for name, _ in streamed] == [*encoder, "middle", *decoder]
    assert [name for name, _ in late] == [*encoder, "fuse", "middle", *decoder]
    assert dict(full)["middle"] == units
    assert dict(late)["fuse"] == units | {"Z": 1}
    assert dict(squeezed)["fuse"] == {f"R{n + 1}": 1 for n in range(L)} | {"Z": 1}
    for told in (late, squeezed, streamed):
        assert dict(told)["middle"] == {"Z": 1}
        for n in range(1, L + 1):
            assert dict(told)[f"decoder {n}"] == {"Z": 1, f"E{n}'": 2 ** (L - n)}
    for n in range(1, L + 1):
        first = {f"E{k}": 2 ** (L - k) for k in range(1, n + 1)}
        assert dict(full)[f"encoder {n}"] == dict(full)[f"decoder {n}"] == first
        assert dict(late)[f"encoder {n}"] == first
        assert dict(streamed)[f"encoder {n}"] == {f"E{n}": 2 ** (L - n), "Z": 1}
        earlier = {f"R{k}": 1 for k in range(1, n + 1)}
        assert dict(squeezed)[f"encoder {n}"] == earlier | {f"E{n}": 2 ** (L - n)}
    assert chapter.timeline("late") == chapter.timeline("late", 4)


@pytest.mark.parametrize(("way", "L"), [("other", 4), ("late", 0)])
def test_timelines_refuse_other_ways(chapter, way, L):
    with pytest.raises(ValueError, match="expected a way and a scale or more"):
        chapter.timeline(way, L)


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_pictures_with_lost_values_are_refused(chapter, lost):
    """One of them would reach every pixel, through the means of all channels."""
    net = chapter.UNet(chapter.Skips(), 2, (1,))
    x = torch.rand(2, 1, 4, 4)
    x[1, 0, 2, 3] = x[0, 0, 0, 0] = lost
    for call in (net, lambda x: chapter.recompute(net, x)):
        with pytest.raises(ValueError, match="2 of 32 values of the pictures are NaN or infinite"):
            call(x)
    with torch.device("meta"):
        assert chapter.UNet(chapter.Skips(), 2, (1,))(torch.empty(1, 1, 4, 4)).shape == (1, 1, 4, 4)


def test_maps_of_other_shapes_are_refused(chapter):
    norm, block = chapter.LayerNorm2d(4), chapter.NAFBlock(4)
    for shape in ((4, 4, 4), (2, 3, 4, 4), (1, 2, 4, 3, 3)):
        for call in (norm, block):
            with pytest.raises(ValueError, match=r"expected maps \(N, 4, H, W\), got"):
                call(torch.zeros(shape))
    for shape in ((1, 3, 2, 2), (1, 1, 2, 2), (4, 2, 2)):
        with pytest.raises(ValueError, match=r"expected maps \(N, 2C, H, W\) that two halves fill"):
            chapter.simple_gate(torch.zeros(shape))
    for call in (chapter.resize, chapter.low_precision):
        with pytest.raises(ValueError, match=r"expected maps \(N, C, H, W\), got \(4, 4\)"):
            call(torch.zeros(4, 4), 2)
    with pytest.raises(ValueError, match="NaN"):
        chapter.low_precision(torch.full((1, 1, 2, 2), math.nan), 4)


@pytest.mark.parametrize(("C", "number"), [(0, 1), (-2, 1), (4, -1)])
def test_chains_refuse_no_channels_and_fewer_than_no_blocks(chapter, C, number):
    with pytest.raises(ValueError, match=f"0 blocks or more, got {C} and {number}"):
        chapter.chain(C, number)
    with pytest.raises(ValueError, match=f"0 blocks or more, got 8 and {number - 2}"):
        chapter.UNet(chapter.Skips(), 8, (number - 2,))


def test_bridges_refuse_more_scales_than_they_were_made_for(chapter):
    x = torch.zeros(1, 1, 32, 32)
    for bridge in (chapter.Aggregated(), chapter.Squeezed(), chapter.Apart()):
        with pytest.raises(ValueError, match="expected a scale below 4, got 4: set `"):
            chapter.UNet(bridge, 8, (1,) * 5)(x)
    with pytest.raises(ValueError, match="expected a scale below 4, got -1"):
        chapter.Aggregated().msiam.add(None, -1, x)
    for n in (-1, 4):
        with pytest.raises(ValueError, match=f"expected a scale below 4, got {n}"):
            chapter.Aggregated().take([x], n)
    for number in (3, 5):
        with pytest.raises(ValueError, match=f"expected the maps of 4 scales, got {number}"):
            chapter.Aggregated().msiam([x] * number)
    with pytest.raises(ValueError, match="expected a map that waits for scale 3, got none"):
        chapter.Skips().take([], 3)


@pytest.mark.parametrize("squeezed", [[1, 4], [1, 4, 16, 64, 64], [1, 4, 15, 64], [0, 4, 16, 64]])
def test_aggregation_refuses_channels_that_do_not_fit(chapter, squeezed):
    with pytest.raises(ValueError, match="expected 4 channel numbers to fit scale 0, got"):
        chapter.Aggregated(8, 4, 0, squeezed=squeezed)


def test_a_map_at_a_higher_scale_takes_fewer_channels(chapter):
    assert chapter.Aggregated(8, 4, 2, squeezed=[1, 1, 1, 4]).msiam.t == 2
    with pytest.raises(ValueError, match="expected 4 channel numbers to fit scale 0, got"):
        chapter.Aggregated(8, 4, 0, squeezed=[1, 4, 4, 64])


@pytest.mark.parametrize(("C", "t"), [(0, 1), (-8, 1), (8, 1.5), (8, math.nan)])
def test_aggregation_refuses_what_is_no_width_or_scale(chapter, C, t):
    with pytest.raises(ValueError, match=r"expected 0 <= t < 4, and C a multiple of 8"):
        chapter.Aggregated(C, 4, t)


def test_rivals_refuse_negative_channels_and_no_width(chapter):
    with pytest.raises(ValueError, match="expected 0 channels or more for each scale"):
        chapter.Squeezed(8, (1, -1, 0, 0))
    with pytest.raises(ValueError, match="expected C a multiple of 8, got 0"):
        chapter.Apart(0)
