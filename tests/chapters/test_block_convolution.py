"""Tests of the chapter block_convolution: its method against independent ways of computing."""

import copy
import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import repro
from repro.hardware.memory import CapacityError, Memory

CHANNELS = ((1, 3), (3, 4, 2), (2, 5))


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("block_convolution")


def integers(seed, *shape, low=-4, high=5):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(low, high, shape)).double()


def stages_of(chapter, channels, seed=0):
    """A random integer network with biases and scales that use the range of int8."""
    rng = np.random.default_rng(seed)

    def layer(C, K):
        weights = rng.integers(-128, 128, (K, C, 3, 3), np.int8)
        bias = rng.integers(-5000, 5000, (K, 1, 1), np.int32)
        return chapter.Layer(weights, bias, int(rng.integers(16384, 32768)), 23)

    return [[layer(C, K) for C, K in itertools.pairwise(stage)] for stage in channels]


@pytest.mark.parametrize("mode", ["constant", "replicate", "reflect"])
@pytest.mark.parametrize(("H", "W", "b"), [(4, 4, 2), (6, 12, 3), (8, 4, 4)])
def test_block_convolution_is_a_loop_over_blocks(chapter, H, W, b, mode):
    x, weight = integers(1, 2, 3, H, W), integers(2, 4, 3, 3, 3)
    result = chapter.block_conv2d(x, weight, b, mode)
    for u, v in np.ndindex(H // b, W // b):
        part = np.s_[:, :, u * b : (u + 1) * b, v * b : (v + 1) * b]
        padded = F.pad(x[part], (1, 1, 1, 1), mode=mode)
        assert torch.equal(result[part], F.conv2d(padded, weight))


def test_folding_into_blocks_is_undone(chapter):
    x = integers(3, 2, 3, 6, 12)
    assert torch.equal(chapter.from_blocks(chapter.to_blocks(x, 2, 3), 3, 4), x)


@pytest.mark.parametrize("rule", ["F0", "F8", "F20", "H1", "H3"])
def test_one_block_is_an_ordinary_convolution(chapter, rule):
    x, weight = integers(4, 1, 2, 8, 8), integers(5, 3, 2, 3, 3)
    b = chapter.block_side(8, rule)
    assert b == 8
    assert torch.equal(chapter.block_conv2d(x, weight, b), F.conv2d(x, weight, padding=1))


@pytest.mark.parametrize(
    ("side", "rule", "b"), [(224, "F28", 28), (14, "F28", 14), (224, "H16", 14), (56, "H16", 56)]
)
def test_block_sides_of_both_rules(chapter, side, rule, b):
    assert chapter.block_side(side, rule) == b


@pytest.mark.parametrize(
    ("side", "rule", "message"), [(24, "X2", "rule"), (24, "H0", "rule"), (24, "F7", "divisor")]
)
def test_rules_that_mean_nothing_are_refused(chapter, side, rule, message):
    with pytest.raises(ValueError, match=message):
        chapter.block_side(side, rule)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))
def test_changed_pixels_are_those_near_a_border(n, b, L, seed):
    chapter = repro.chapter("block_convolution")
    x = y = integers(seed, 1, 4, n * b, n * b)
    for layer in range(L):
        weight = integers(seed + 100 * layer + 1, 4, 4, 3, 3)
        x, y = chapter.block_conv2d(x, weight, b), chapter.block_conv2d(y, weight, n * b)
    position = np.arange(n * b)
    border = np.arange(1, n) * b
    near = (np.abs(position[:, None] + 0.5 - border) < L).any(axis=1)
    expected = near[:, None] | near
    assert np.array_equal((x != y).any(dim=1)[0].numpy(), expected)
    assert chapter.changed_pixels(n * b, b, L) == expected.sum()


def test_the_network_is_that_of_plain_layers(chapter):
    torch.manual_seed(0)
    net, x = chapter.Network().eval(), torch.rand(3, 1, 24, 24)
    y = x
    for stage in net.stages:
        for conv, bn in stage:
            y = F.relu(bn(F.conv2d(y, conv.weight, padding=1)))
        y = F.max_pool2d(y, 2)
    assert torch.allclose(net(x), net.classifier(y.amax((2, 3))), atol=1e-6)


def test_the_network_has_the_layers_of_the_text(chapter):
    net = chapter.Network()
    shapes = [[tuple(conv.weight.shape[:2]) for conv, _ in stage] for stage in net.stages]
    assert shapes == [[(8, 1)], [(16, 8), (16, 16)], [(32, 16), (32, 32)]]
    assert all(conv.weight.shape[2:] == (3, 3) for stage in net.stages for conv, _ in stage)
    assert all(conv.bias is None for stage in net.stages for conv, _ in stage)
    assert net.classifier.weight.shape == (10, 32)
    assert net.features(torch.rand(2, 1, 24, 24)).shape == (2, 32, 3, 3)


def test_blocking_copies_the_network(chapter):
    net = chapter.Network()
    assert {
        (m.rule, m.mode)
        for m in chapter.blocked(net, "H2").modules()
        if isinstance(m, chapter.BlockConv2d)
    } == {("H2", "constant")}
    other = chapter.blocked(net, "F6", "replicate")
    convs = [m for m in other.modules() if isinstance(m, chapter.BlockConv2d)]
    assert {(c.rule, c.mode) for c in convs} == {("F6", "replicate")} and len(convs) == 5
    assert all(m.rule == "F0" for m in net.modules() if isinstance(m, chapter.BlockConv2d))
    assert other.classifier.weight is not net.classifier.weight


@pytest.mark.parametrize("T", [1, 5])
def test_halo_of_strided_layers(chapter, T):
    assert chapter.halo_side(T, [(7, 2), (3, 2), (3, 1)]) == 4 * T + 15
    assert chapter.halo_side(T, []) == T


def test_blocks_are_numbered_row_by_row(chapter):
    blocks = chapter.to_blocks(integers(3, 2, 3, 4, 6), 2, 2)
    assert blocks.shape == (12, 3, 2, 2)
    x = integers(3, 2, 3, 4, 6)
    for image, u, v in np.ndindex(2, 2, 3):
        part = x[image, :, 2 * u : 2 * u + 2, 2 * v : 2 * v + 2]
        assert torch.equal(blocks[6 * image + 3 * u + v], part)


def test_layers_neither_scale_nor_shift_by_default(chapter):
    layer = chapter.Layer(np.zeros((2, 1, 3, 3), np.int8), np.array([[[5]], [[-5]]], np.int32))
    sums = np.array([[[-9, 0, 200]], [[-9, 6, 132]]], np.int32)
    result = chapter.activate(sums, layer)
    assert result.dtype == np.int8
    assert result.tolist() == [[[0, 5, 127]], [[0, 1, 127]]]
    assert (layer.multiplier, layer.shift) == (1, 0)


@pytest.mark.parametrize(("multiplier", "shift"), [(1, 0), (3, 2), (181, 9), (32767, 16)])
def test_activations_are_pythons_integers(chapter, multiplier, shift):
    rng = np.random.default_rng(shift)
    sums, bias = rng.integers(-300, 300, (2, 5, 4, 4)), rng.integers(-99, 99, (5, 1, 1))
    layer = chapter.Layer(None, bias, multiplier, shift)
    expected = [
        min(127, round(Fraction(max(0, int(s) + int(b)) * multiplier, 2**shift)))  # ties to even
        for s, b in zip(sums.ravel(), np.broadcast_to(bias, sums.shape).ravel(), strict=True)
    ]
    assert chapter.activate(sums, layer).ravel().tolist() == expected


def test_pooling_takes_the_largest_of_four(chapter):
    x = np.random.default_rng(0).integers(-128, 128, (2, 3, 4, 6), np.int8)
    expected = [
        [
            [
                [max(x[n, c, i + a, j + b] for a in (0, 1) for b in (0, 1)) for j in (0, 2, 4)]
                for i in (0, 2)
            ]
            for c in range(3)
        ]
        for n in range(2)
    ]
    assert np.array_equal(chapter.pool(x), expected)


@pytest.mark.parametrize("rule", ["F0", "F4", "F8", "H2"])
@pytest.mark.parametrize("side", [16, 32])
def test_both_orders_give_the_direct_result_and_the_closed_forms(chapter, rule, side):
    stages = stages_of(chapter, CHANNELS)
    rng = np.random.default_rng(6)
    image = rng.integers(-128, 128, (1, side, side), np.int8)
    sides = [chapter.block_side(side >> s, rule) for s in range(3)]
    truth = chapter.direct(stages, image[None], rule)[0]
    assert truth.any() and truth.max() > 8

    capacity = max(chapter.stage_buffers(CHANNELS, sides))
    deep = chapter.Machine(stages, image, rows=2, columns=3, capacity=capacity)
    assert np.array_equal(chapter.depth_first(deep, rule), truth)
    assert deep.maps.peak == capacity and deep.dram.moved("maps") == 0
    assert deep.dram.traffic == {
        ("image", "read"): image.size,
        ("weights", "read"): sum(layer.weights.size for stage in stages for layer in stage),
        ("result", "write"): truth.size,
    }
    assert deep.array.cycles == chapter.network_cycles(CHANNELS, sides, side, 2, 3)
    assert deep.maps.held == 0

    broad = chapter.Machine(stages, image, rows=2, columns=3)
    assert np.array_equal(chapter.layer_by_layer(broad, rule), truth)
    assert broad.dram.moved("maps") == chapter.intermediate_traffic(CHANNELS, side)
    assert broad.array.cycles == deep.array.cycles


def test_buffers_of_vgg_16_stage_by_stage(chapter):
    """Blocks of 28: a block in and out, and what later stages have gathered so far."""
    vgg = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512))
    area = 28 * 28
    expected = [
        area * (64 + 64 + 64 + 128 + 256),
        area * (128 + 128 + 128 + 256),
        area * (256 + 256 + 256),
        area * (512 + 512),
    ]
    assert chapter.stage_buffers(vgg, (28, 28, 28, 28)) == expected
    whole = chapter.stage_buffers(vgg, (224, 112, 56, 28))
    assert whole == [6_422_528, 3_211_264, 1_605_632, 802_816]
    any_sides = chapter.stage_buffers(((1, 1), (1, 1), (1, 1)), (4, 2, 3))
    assert any_sides == [2 * 16 + 9, 2 * 4 + 9, 2 * 9]


def test_one_byte_less_is_too_little(chapter):
    stages, image = stages_of(chapter, CHANNELS), np.ones((1, 16, 16), np.int8)
    needed = max(chapter.stage_buffers(CHANNELS, (4, 4, 4)))
    machine = chapter.Machine(stages, image, capacity=needed - 1)
    with pytest.raises(CapacityError, match="map buffer"):
        chapter.depth_first(machine, "F4")


@pytest.mark.parametrize("shape", [(1, 4, 8), (1, 8, 4), (8, 8), (1, 1, 8, 8), (1, 0, 8)])
def test_images_that_pooling_does_not_halve_are_refused(chapter, shape):
    with pytest.raises(
        ValueError, match=r"expected \(C, H, W\) that 2x2 pooling halves 3 times, got"
    ):
        chapter.Machine(stages_of(chapter, CHANNELS), np.ones(shape, np.int8))


def test_machines_want_layers_and_an_image_in_int8(chapter):
    stages, image = stages_of(chapter, CHANNELS), np.ones((1, 16, 16), np.int8)
    for layers, pixels in (([], image), ([*stages, []], image), (stages, image / 2)):
        with pytest.raises(ValueError, match="expected a layer or more in each stage and an image"):
            chapter.Machine(layers, pixels)


@pytest.mark.parametrize("sides", [(), (4, 4), (4, 4, 4, 4)])
def test_closed_forms_want_a_side_for_each_stage(chapter, sides):
    with pytest.raises(ValueError, match="expected a side for each of 3 stages"):
        chapter.stage_buffers(CHANNELS, sides)
    with pytest.raises(ValueError, match="argument 2 is"):
        chapter.network_cycles(CHANNELS, sides, 16, 2, 3)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_sums_at_the_edge_of_their_type_saturate_or_are_refused(chapter, dtype):
    """One above 32 bits is an error, never a wrapped result."""
    bias = np.full((1, 1, 1), 2**31 - 1, np.int32)
    layer = chapter.Layer(np.ones((1, 1, 3, 3), np.int8), bias)
    for total, expected in ((0, 127), (-(2**31) + 1, 0), (-(2**31) + 11, 10)):
        assert chapter.activate(np.full((1, 2, 2), total, dtype), layer).tolist() == [
            [[expected] * 2] * 2
        ]
    with pytest.raises(ValueError, match="accumulator"):
        chapter.activate(np.full((1, 2, 2), 1, dtype), layer)


def test_odd_blocks_are_refused_by_the_machine(chapter):
    machine = chapter.Machine(stages_of(chapter, CHANNELS), np.ones((1, 24, 24), np.int8))
    for order in (chapter.depth_first, chapter.layer_by_layer):
        with pytest.raises(ValueError, match="odd side, got"):
            order(machine, "F3")


def test_weights_that_are_not_resident_are_fetched_for_every_block(chapter):
    stages, image = stages_of(chapter, CHANNELS), np.ones((1, 16, 16), np.int8)
    machine = chapter.Machine(stages, image, resident=False)
    chapter.depth_first(machine, "F4")
    sizes = [sum(layer.weights.size for layer in stage) for stage in stages]
    assert machine.dram.moved("weights") == 16 * sizes[0] + 4 * sizes[1] + sizes[2]


@pytest.mark.parametrize("rule", ["F0", "F2", "F4", "F8", "H2", "H4", "rows"])
@pytest.mark.parametrize("shape", [(16, 16), (32, 64), (8, 8), (64, 16)])
def test_exact_tiles_are_the_dense_network_with_no_map_in_dram(chapter, rule, shape):
    stages = stages_of(chapter, CHANNELS)
    image = np.random.default_rng(7).integers(-128, 128, (1, *shape), np.int8)
    truth = chapter.direct(stages, image[None], "F0")[0]
    machine = chapter.Machine(stages, image)
    assert np.array_equal(chapter.depth_first(machine, rule, exact=True), truth)
    assert machine.dram.moved("maps") == 0
    assert machine.dram.moved("image") == image.size
    assert machine.dram.moved("result") == truth.size
    assert machine.maps.held == 0
    dense = sum(
        shape[0] * shape[1] // 4**s * 9 * C * K
        for s, stage in enumerate(CHANNELS)
        for C, K in itertools.pairwise(stage)
    )
    assert machine.array.macs == dense


def test_one_row_at_a_time_keeps_two_lines_of_every_layer(chapter):
    """The closed form: two lines of each layer's input, and the tile that runs."""
    side, C = 32, 4
    stages = stages_of(chapter, ((C, C, C),))
    machine = chapter.Machine(stages, np.ones((C, side, side), np.int8))
    chapter.depth_first(machine, "rows", exact=True)
    # at the end the second layer has a row from the flush of the first one more than before
    assert machine.maps.peak == C * side * (2 + 2 + 2 + 2)
    half = chapter.Machine(stages, np.ones((C, side, side), np.int8), capacity=machine.maps.peak)
    chapter.depth_first(half, "rows", exact=True)


def test_exact_tiles_start_and_stop_where_a_mask_says(chapter):
    """Lines known so far: a layer needs one line more than it makes, pooling makes whole pairs."""
    side, sizes, depths = 32, (4, 4, 4), (2, 1, 3)
    for lag in (0, 1):
        found = chapter.spans(side, sizes, depths, lag)
        known = [4 * (i + 1) for i in range(8)]
        for s, depth in enumerate(depths):
            whole = side >> s
            assert [stop for _, stop in found[s]] == known
            assert [start for start, _ in found[s]] == [0, *known[:-1]]
            after = []
            for stop in known:
                lines = stop
                for _ in range(depth):
                    lines = lines if lines == whole or not lag else max(lines - 1, 0)
                    whole_now = whole if stop == whole else lines
                    lines = whole_now
                after.append(lines // 2)
            group = len(after) // max(1, (whole // 2) // 4) if s < 2 else len(after)
            known = after[group - 1 :: group]
        assert found[3] == [(0, 4)]


def test_overlaps_are_two_lines_and_zeros_at_the_border(chapter):
    maps = Memory("maps")
    x = np.arange(1, 13, dtype=np.int8).reshape(1, 3, 4)
    whole, kept = chapter.overlap(maps, (0, 0), (True, True), "0.0", x)
    assert np.array_equal(whole, np.pad(x, [(0, 0), (1, 1), (1, 1)]))
    assert all(lines.size == 0 for lines in kept.values())
    first, kept = chapter.overlap(maps, (0, 0), (False, False), "0.0", x)
    assert np.array_equal(first, np.pad(x, [(0, 0), (1, 0), (1, 0)]))
    assert np.array_equal(kept["maps/0.0.1.0"], x[:, -2:])
    assert np.array_equal(kept["maps/0.0.2.0"], first[:, :, -2:])
    odd, kept = chapter.overlap(maps, (0, 1), (False, True), "0.pool", x, edge=0)
    assert np.array_equal(odd, x) and np.array_equal(kept["maps/0.pool.1.1"], x[:, -1:])
    maps.write("maps/0.pool.1.1", kept["maps/0.pool.1.1"])
    even, kept = chapter.overlap(maps, (1, 1), (False, True), "0.pool", x, edge=0)
    assert np.array_equal(even, np.concatenate([x[:, -1:], x], 1))
    assert kept["maps/0.pool.1.1"].size == 0


@pytest.mark.parametrize("shape", [(8, 12), (12, 8), (4, 24)])
@pytest.mark.parametrize("mode", ["constant", "replicate", "reflect"])
def test_rectangles_have_oblong_blocks_of_their_own(chapter, shape, mode):
    """H2 halves both axes, whatever their lengths."""
    torch.manual_seed(0)
    layer, x = chapter.BlockConv2d(2, 3, "H2", mode), torch.rand(2, 2, *shape)
    p, q = shape[0] // 2, shape[1] // 2
    y = layer(x)
    for u, v in np.ndindex(2, 2):
        part = np.s_[:, :, u * p : (u + 1) * p, v * q : (v + 1) * q]
        alone = F.conv2d(F.pad(x[part], (1, 1, 1, 1), mode=mode), layer.weight)
        assert torch.allclose(y[part], alone, atol=1e-6)


def test_an_axis_that_blocks_do_not_divide_stays_whole(chapter):
    torch.manual_seed(0)
    layer, x = chapter.BlockConv2d(1, 2, "H2"), torch.rand(1, 1, 9, 8)
    halves = [F.conv2d(half, layer.weight, padding=1) for half in x.split(4, dim=3)]
    assert torch.allclose(layer(x), torch.cat(halves, 3), atol=1e-6)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("mode", ["constant", "replicate", "reflect"])
def test_kernels_of_any_odd_side(chapter, k, mode):
    x, weight = integers(1, 2, 3, 6, 6), integers(2, 4, 3, k, k)
    padded = F.pad(x, [k // 2] * 4, mode=mode)
    assert torch.equal(chapter.block_conv2d(x, weight, 6, mode), F.conv2d(padded, weight))
    assert chapter.block_conv2d(x, weight, (3, 6), mode).shape == (2, 4, 6, 6)


def test_any_layer_can_run_in_blocks(chapter):
    """A layer that halves its maps, on oblong blocks."""
    x = integers(1, 2, 3, 8, 12)
    y = chapter.in_blocks(lambda blocks: F.max_pool2d(blocks, 2), x, (4, 6))
    assert torch.equal(y, F.max_pool2d(x, 2))


@pytest.mark.parametrize(
    ("shape", "size", "mode", "message"),
    [
        ((0, 1, 8, 8), 4, "constant", "none of them empty"),
        ((1, 0, 8, 8), 4, "constant", "none of them empty"),
        ((1, 8, 8), 4, "constant", r"expected maps \(N, C, H, W\)"),
        ((1, 1, 8, 8), 3, "constant", "choose divisors"),
        ((1, 1, 8, 8), (4, 3), "constant", "choose divisors"),
        ((1, 1, 8, 8), (3, 4), "constant", "choose divisors"),
        ((1, 1, 8, 8), 0, "constant", "choose divisors"),
        ((1, 1, 8, 8), (4, 0), "constant", "choose divisors"),
        ((1, 1, 8, 8), 4, "zeros", r"expected an odd kernel .* got .* 'zeros'"),
        ((1, 1, 8, 8), 4.0, "constant", "size: expected an integer or two, got 4.0"),
        ((1, 1, 8, 8), (4, 4, 4), "constant", "size: expected an integer or two, got"),
        ((1, 1, 8, 8), 1, "reflect", "no 1 pixels beside"),
    ],
)
def test_what_cannot_be_blocked_is_refused(chapter, shape, size, mode, message):
    with pytest.raises(ValueError, match=message):
        chapter.block_conv2d(torch.zeros(shape), torch.ones(1, 1, 3, 3), size, mode)


@pytest.mark.parametrize("kernel", [(1, 1, 2, 2), (1, 1, 5, 3), (1, 1, 3, 5), (1, 3, 3), (3, 3)])
def test_kernels_that_are_even_or_oblong_are_refused(chapter, kernel):
    with pytest.raises(ValueError, match="odd kernel"):
        chapter.block_conv2d(torch.zeros(1, 1, 8, 8), torch.ones(kernel), 4)


def test_reflection_wants_one_pixel_more_than_it_adds(chapter):
    x, weight = integers(1, 1, 2, 6, 6), integers(2, 3, 2, 5, 5)
    assert chapter.block_conv2d(x, weight, 3, "reflect").shape == (1, 3, 6, 6)
    with pytest.raises(ValueError, match=r"\(6, 2\) has no 2 pixels beside"):
        chapter.block_conv2d(x, weight, (6, 2), "reflect")


@pytest.mark.parametrize("size", [np.int64(4), np.array([4, 4]), [4, 4], torch.tensor(4)])
def test_sizes_may_be_integers_of_any_kind(chapter, size):
    x, weight = integers(1, 1, 2, 8, 8), integers(2, 3, 2, 3, 3)
    expected = chapter.block_conv2d(x, weight, (4, 4))
    assert torch.equal(chapter.block_conv2d(x, weight, size), expected)


@pytest.mark.parametrize(("rule", "mode"), [("Q9", "constant"), ("F6", "zeros")])
def test_layers_refuse_at_once_what_they_cannot_do(chapter, rule, mode):
    for make in (
        lambda: chapter.BlockConv2d(1, 1, rule, mode),
        lambda: chapter.blocked(chapter.Network(), rule, mode),
    ):
        with pytest.raises(ValueError, match="rule: expected F0" if mode != "zeros" else "mode: "):
            make()


@pytest.mark.parametrize("rule", ["F0", "F6", "H2"])
def test_sides_below_one_are_refused(chapter, rule):
    assert chapter.block_side(1, rule) == 1
    with pytest.raises(ValueError, match="side: expected 1 pixel or more, got 0"):
        chapter.block_side(0, rule)


def test_no_tile_and_no_depth_below_zero(chapter):
    assert chapter.halo_side(1, [(3, 1)]) == 3 and chapter.changed_pixels(8, 4, 0) == 0
    with pytest.raises(ValueError, match="T: expected"):
        chapter.halo_side(0, [(3, 1)])
    with pytest.raises(ValueError, match="L: expected"):
        chapter.changed_pixels(8, 4, -1)


@torch.no_grad()
def test_networks_without_a_scale_are_refused(chapter):
    """No image, a layer of zeros, outputs that are all 0 or NaN."""
    net, x = chapter.Network().eval(), torch.rand(2, 1, 24, 24)
    with pytest.raises(ValueError, match="images: expected one or more"):
        chapter.to_integers(net, x[:0])
    with pytest.raises(ValueError, match=r"layer 0\.0: expected .* nan"):
        chapter.to_integers(net, x * torch.nan)
    silent, dead = copy.deepcopy(net), copy.deepcopy(net)
    silent.stages[1][0][0].weight.zero_()
    silent.stages[1][0][1].bias.fill_(1)
    dead.stages[1][1][1].bias.fill_(-1e3)
    for broken, layer in ((silent, r"1\.0"), (dead, r"1\.1")):
        with pytest.raises(ValueError, match=f"layer {layer}: expected weights and outputs"):
            chapter.to_integers(broken, x)


def test_blocks_of_one_pixel(chapter):
    x, weight = integers(1, 1, 2, 4, 4), integers(2, 3, 2, 3, 3)
    centre = torch.einsum("kc,nchw->nkhw", weight[:, :, 1, 1], x)
    assert torch.equal(chapter.block_conv2d(x, weight, 1), centre)
    every = torch.einsum("kcrs,nchw->nkhw", weight, x)
    assert torch.equal(chapter.block_conv2d(x, weight, 1, "replicate"), every)


def test_nan_stays_in_its_block(chapter):
    torch.manual_seed(0)
    x = torch.rand(1, 1, 24, 24)
    x[0, 0, 5, 5] = torch.nan
    broken = chapter.blocked(chapter.Network().eval(), "H2").features(x).isnan()[0].any(0)
    assert broken[:2, :2].any() and broken.sum() == broken[:2, :2].sum()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_layers_take_the_type_of_their_input(chapter, dtype):
    layer = chapter.BlockConv2d(1, 2, "F4").to(dtype)
    assert layer(torch.ones(1, 1, 8, 8, dtype=dtype)).dtype == dtype
    assert layer.to("meta")(torch.ones(1, 1, 8, 8, dtype=dtype, device="meta")).shape[1] == 2


def test_networks_can_be_saved(chapter, tmp_path):
    net = chapter.blocked(chapter.Network(), "F6", "replicate").eval()
    torch.save(net, tmp_path / "net.pt")
    again = torch.load(tmp_path / "net.pt", weights_only=False)
    x = torch.rand(2, 1, 24, 24)
    assert torch.equal(again(x), net(x))


@pytest.mark.parametrize("rule", ["", "F", "F-1", "H1.5", "f6", 6, None])
def test_rules_of_another_kind_are_refused(chapter, rule):
    with pytest.raises(ValueError, match="rule: expected"):
        chapter.block_side(8, rule)


def test_pooling_leaves_odd_lines_out(chapter):
    x = np.random.default_rng(0).integers(-128, 128, (2, 5, 7), np.int8)
    assert np.array_equal(chapter.pool(x), chapter.pool(x[:, :4, :6]))


@pytest.mark.parametrize("b", [3, 5])
def test_changed_pixels_want_blocks_that_fill_the_map(chapter, b):
    with pytest.raises(ValueError, match="choose a divisor"):
        chapter.changed_pixels(8, b, 1)


@torch.no_grad()
def test_codes_stand_for_folded_weights_biases_and_scales(chapter):
    """Each code of a layer against batch normalization written out, in units of its own step."""
    torch.manual_seed(2)
    net, x = chapter.blocked(chapter.Network(), "F6").eval(), torch.rand(8, 1, 24, 24)
    for bn in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        bn.running_mean.normal_(0, 0.3)
        bn.running_var.uniform_(0.5, 2)
        bn.weight.uniform_(0.5, 2)
        bn.bias.normal_(0, 0.3)
    scale = 1 / 127
    for stage, layers in zip(net.stages, chapter.to_integers(net, x), strict=True):
        for (conv, bn), layer in zip(stage, layers, strict=True):
            x = F.relu(bn(conv(x)))
            factor = bn.weight / (bn.running_var + bn.eps).sqrt()
            weight = (conv.weight * factor[:, None, None, None]).numpy()
            bias = (bn.bias - bn.running_mean * factor).numpy()
            step, out = abs(weight).max() / 127, x.max().item() / 127
            assert layer.weights.dtype == np.int8
            assert abs(layer.weights).max() == 127
            assert abs(layer.weights - weight / step).max() < 0.501
            assert layer.bias.shape == (len(bias), 1, 1)
            assert abs(layer.bias.ravel() - bias / (scale * step)).max() < 0.51
            ratio = layer.multiplier * 2.0**-layer.shift
            assert ratio == pytest.approx(scale * step / out, rel=1e-4)
            scale = out
        x = F.max_pool2d(x, 2)


def test_the_integer_network_follows_the_float_network(chapter):
    torch.manual_seed(1)
    net, x = chapter.blocked(chapter.Network(), "F6").eval(), torch.rand(8, 1, 24, 24)
    for bn in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        bn.running_mean.normal_(0, 0.1)
        bn.running_var.uniform_(0.5, 2)
    stages = chapter.to_integers(net, x)
    codes = chapter.direct(stages, chapter.quantize(x.numpy(), 1 / 127), "F6")
    with torch.no_grad():
        floats = net.features(x).numpy()
    error = np.abs(codes * (floats.max() / codes.max()) - floats).max()
    assert error < 0.1 * floats.max() and codes.max() > 100
