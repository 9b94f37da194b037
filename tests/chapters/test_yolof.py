"""Tests of the chapter yolof: matching against slow loops, the rest against a second way."""

import math

import numpy as np
import pytest
import torch

import repro
from repro import torchvision_shim

torchvision_shim.ensure()
from torchvision.models.detection._utils import Matcher  # noqa: E402  (needs the line above)
from torchvision.ops import box_iou  # noqa: E402


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("yolof")


def case(seed, N=40, G=4):
    """Anchors (N, 4), predictions (N, 4) and objects (G, 4) of random places and sizes."""
    rng = np.random.default_rng(seed)

    def boxes(n, low, high):
        centre, side = rng.uniform(0, 60, (n, 2)), rng.uniform(low, high, (n, 2))
        return torch.from_numpy(np.hstack([centre - side / 2, centre + side / 2]))

    anchor, truth = boxes(N, 8, 40), boxes(G, 5, 40)
    near = truth[rng.integers(0, G, N)] + torch.from_numpy(rng.uniform(-3, 3, (N, 4)))
    return anchor, torch.where(torch.rand(N, 1) < 0.5, near, boxes(N, 8, 40)), truth


def slow_uniform(anchor, boxes, truth, k, low, high):
    """The released order of writing, one pair at a time."""

    def ranked(found, g):
        def cost(i):
            (a, b, c, d), (p, q, r, s) = found[i].tolist(), truth[g].tolist()
            centre = abs((a + c) / 2 - (p + r) / 2) + abs((b + d) / 2 - (q + s) / 2)
            return centre + abs((c - a) - (r - p)) + abs((d - b) - (s - q))

        return sorted(range(len(found)), key=cost)

    overlap = box_iou(anchor, truth)
    owner = [-2 if row.max() > high else -1 for row in box_iou(boxes, truth)]
    pairs = []
    for rank in range(k):
        for found in (boxes, anchor):
            for g in range(len(truth)):
                i = ranked(found, g)[rank]
                good = bool(overlap[i, g] >= low)
                owner[i] = g if good else -2
                pairs.append((i, g, good))
    return owner, pairs


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("seed", range(12))
def test_uniform_matching_is_the_released_loop(chapter, seed, k):
    torch.manual_seed(seed)
    anchor, boxes, truth = case(seed)
    found = chapter.uniform_match(anchor, boxes, truth, k, low=0.3, high=0.6)
    owner, pairs = slow_uniform(anchor, boxes, truth, k, 0.3, 0.6)
    assert found.owner.tolist() == owner
    assert list(zip(*(part.tolist() for part in found[1:]), strict=True)) == pairs
    assert {-2, -1} < set(owner)


def test_released_constants(chapter):
    anchor, boxes, truth = case(3, N=200)
    found = chapter.uniform_match(anchor, boxes, truth)
    exact = chapter.uniform_match(anchor, boxes, truth, k=4, low=0.15, high=0.7)
    assert all(map(torch.equal, found, exact))
    assert found.place.shape == (2 * 4 * 4,)


def test_images_side_by_side_and_rows_without_an_object(chapter):
    anchor, boxes, truth = case(0)
    nothing = torch.full((1, 4), torch.nan, dtype=truth.dtype)
    rows = torch.stack([torch.cat([truth, nothing]), torch.cat([truth[:2], nothing.expand(3, 4)])])
    for match in (chapter.uniform_match, chapter.max_iou_match):
        both = match(anchor, torch.stack([boxes, boxes]), rows)
        for b, objects in enumerate((truth, truth[:2])):
            alone = match(anchor, boxes, objects)
            assert torch.equal(both.owner[b], alone.owner)
            for one, part in ((both, slice(b, b + 1)), (alone, slice(None))):
                assert one.kept[part].sum() == alone.kept.sum()
            pairs = [
                torch.stack([one.place, one.object], -1)[one.kept].tolist()
                for one in (type(both)(*(part[b] for part in both)), alone)
            ]
            assert pairs[0] == pairs[1]


@pytest.mark.parametrize("rows", [0, 2])
def test_a_picture_without_objects(chapter, rows):
    anchor, boxes, _ = case(0)
    truth = torch.full((rows, 4), torch.nan, dtype=anchor.dtype)
    for match in (chapter.uniform_match, chapter.max_iou_match):
        found = match(anchor, boxes, truth)
        assert (found.owner == -1).all() and not found.kept.any()
        logits = torch.zeros(1, len(anchor), 1, dtype=anchor.dtype, requires_grad=True)
        loss = chapter.detection_loss(
            logits, boxes[None], truth[None], torch.zeros(1, rows, dtype=torch.int64),
            type(found)(*(part[None] for part in found)),
        )  # fmt: skip
        assert loss.item() == pytest.approx(len(anchor) * 0.75 * 0.25 * math.log(2))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_max_iou_is_torchvisions_matcher(chapter, seed, force):
    anchor, boxes, truth = case(seed)
    matcher = Matcher(0.5, 0.4, allow_low_quality_matches=force)
    assert (
        chapter.max_iou_match(anchor, boxes, truth, force=force).owner.tolist()
        == matcher(box_iou(truth, anchor)).tolist()
    )


def test_max_iou_thresholds_are_those_of_retinanet(chapter):
    """An anchor of 10 x 10 against objects that it overlaps by a tenth, more or less."""
    anchor = torch.tensor([[0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]])
    owners = []
    for width in (25.1, 24.9, 20.1, 20.0):  # IoU 10 / width
        truth = torch.tensor([[0.0, 0.0, width, 10.0]])
        match = chapter.max_iou_match(anchor, anchor, truth, force=False)
        owners.append(match.owner.tolist())
    assert owners == [[-1, -1], [-2, -1], [-2, -1], [0, -1]]
    forced = chapter.max_iou_match(anchor, anchor, torch.tensor([[0.0, 0.0, 30.0, 10.0]]))
    assert forced.owner.tolist() == [0, -1] and forced.kept.tolist() == [True, False]


@pytest.mark.parametrize("seed", range(6))
def test_iou_is_torchvisions(chapter, seed):
    a, b, c = case(seed)
    torch.testing.assert_close(chapter.iou(a, c), box_iou(a, c))
    assert chapter.iou(torch.stack([a, b]), torch.stack([c, c])).shape == (2, 40, 4)
    assert (chapter.iou(a, torch.full((1, 4), torch.nan)) == 0).all()


def test_the_first_of_equally_near_boxes_comes_first(chapter):
    grid = chapter.anchors(5, 5, 10, (10,))
    truth = torch.tensor([[13.0, 13.0, 25.0, 25.0]])  # centred at (19, 19), 12 wide
    # Nearest (20, 20): 1 + 1. One step to the left or up costs 9 + 1, right or down 11 + 1.
    order = chapter.nearest(grid, truth, 5)[0].tolist()
    assert order == [12, 7, 11, 13, 17]
    assert chapter.nearest(grid, truth, 1).tolist() == [[12]]
    for k in (0, 26):
        with pytest.raises(ValueError, match="1 <= k <= 25"):
            chapter.nearest(grid, truth, k)


def test_distance_weighs_centre_and_size_alike(chapter):
    boxes = torch.tensor([[0.0, 0, 10, 10], [3, 0, 13, 10], [-2, 0, 12, 10], [0, -1, 10, 11]])
    # against the first: 0; 3 in x; 4 wider; 2 higher
    assert chapter.nearest(boxes, boxes[:1], 4)[0].tolist() == [0, 3, 1, 2]


def test_anchors_stand_on_corners_row_by_row(chapter):
    found = chapter.anchors(2, 3, 8, (4, 6))
    expected = [
        [8 * x - s / 2, 8 * y - s / 2, 8 * x + s / 2, 8 * y + s / 2]
        for y in range(2) for x in range(3) for s in (4, 6)
    ]  # fmt: skip
    assert found.tolist() == expected
    side = (chapter.anchors(1, 2)[:, 2] - chapter.anchors(1, 2)[:, 0]).tolist()
    assert side == [32, 64, 128, 256, 512] * 2
    assert chapter.anchors(1, 2)[5].tolist() == [16, -16, 48, 16]


@pytest.mark.parametrize("clip", [32, 5, None])
def test_decoding_undoes_encoding_and_clips(chapter, clip):
    rng = np.random.default_rng(0)
    anchor = chapter.anchors(3, 3, 16, (20, 50)).double()
    delta = torch.from_numpy(rng.normal(0, 0.4, (2, 18, 4)))
    delta[0, 0] = torch.tensor([9.0, -9, 9, -9])
    for image in range(2):
        for i, box in enumerate(chapter.decode(delta[image], anchor, clip or None)):
            left, top, right, bottom = anchor[i].tolist()
            w, h = right - left, bottom - top
            x, y = (
                min(max(d * n, -(clip or 1e9)), clip or 1e9)
                for d, n in zip(delta[image, i, :2].tolist(), (w, h), strict=True)
            )
            sides = [
                n * math.exp(min(d, math.log(62.5)))
                for d, n in zip(delta[image, i, 2:].tolist(), (w, h), strict=True)
            ]
            x, y = x + (left + right) / 2, y + (top + bottom) / 2
            expected = [x - sides[0] / 2, y - sides[1] / 2, x + sides[0] / 2, y + sides[1] / 2]
            assert box.tolist() == pytest.approx(expected)
    both = chapter.decode(delta, anchor, clip)
    assert torch.equal(both[1], chapter.decode(delta[1], anchor, clip))
    if clip == 32:
        assert torch.equal(both, chapter.decode(delta, anchor))


def test_objectness_is_a_product_and_does_not_overflow(chapter):
    c, o = torch.tensor([-3.0, 0.0, 2.0, 30.0, 500.0, -500.0]).double(), torch.tensor(1.0).double()
    for x in (o, c, c.flip(0)):
        z = chapter.objectness(c, x)
        assert torch.isfinite(z).all()
        torch.testing.assert_close(z.sigmoid(), c.sigmoid() * x.sigmoid())
    wide = torch.tensor([30.0]).double()
    assert chapter.objectness(wide, wide).item() == pytest.approx(30 - math.log(2), abs=1e-9)


def test_released_sizes_and_starts(chapter):
    torch.manual_seed(0)
    encoder, decoder = chapter.Encoder(), chapter.Decoder()
    assert sum(p.numel() for p in encoder.parameters()) == 4_534_272
    assert sum(p.numel() for p in decoder.parameters()) == 16_123_817
    assert [block.body[1][0].dilation[0] for block in encoder.blocks] == [2, 4, 6, 8]
    for layer in [*encoder.blocks.modules(), *decoder.modules()]:
        if isinstance(layer, torch.nn.Conv2d):
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1)
            known = -math.log(99) if layer is decoder.out[0] else 0
            assert layer.bias.tolist() == pytest.approx([known] * len(layer.bias))
    for layer, fan in zip(encoder.project, (2048, 512 * 9), strict=True):
        assert layer[0].weight.abs().max().item() == pytest.approx((3 / fan) ** 0.5, rel=1e-3)
        assert (layer[0].bias == 0).all()
    with torch.no_grad():
        logits, delta = decoder.eval()(torch.zeros(1, 512, 2, 3))
    assert logits.shape == (1, 30, 80) and delta.shape == (1, 30, 4)
    assert logits.sigmoid().mean().item() == pytest.approx(0.005)


def test_activations_of_the_encoder(chapter):
    """None behind the projection; ReLU before each sum and none behind it."""
    torch.manual_seed(0)
    encoder, x = chapter.Encoder(3, 4, 2, (1, 2)), torch.randn(2, 3, 9, 7)
    seen = encoder.project(x)
    assert (seen < 0).any() and seen.shape == (2, 4, 9, 7)
    y = seen
    for block, d in zip(encoder.blocks, (1, 2), strict=True):
        branch = y
        for part, dilation in zip(block.body, (1, d, 1), strict=True):
            layer, norm, relu = part
            assert isinstance(relu, torch.nn.ReLU)
            size = layer.kernel_size[0]
            branch = torch.nn.functional.conv2d(
                branch, layer.weight, layer.bias, padding=dilation * (size // 2), dilation=dilation
            )
            branch = norm(branch).clamp(min=0)
        y = y + branch
    torch.testing.assert_close(encoder(x), y)
    assert [part[0].kernel_size[0] for part in encoder.blocks[0].body] == [1, 3, 1]


def test_order_of_the_decoders_rows(chapter):
    """Cell by cell, anchor by anchor; objectness and deltas come from the second tower."""
    torch.manual_seed(0)
    decoder = chapter.Decoder(4, K=2, A=3, cls_convs=1, reg_convs=2).eval()
    torch.nn.init.normal_(decoder.out[0].weight)
    torch.nn.init.normal_(decoder.out[1].weight)
    torch.nn.init.normal_(decoder.out[2].weight)
    x = torch.randn(2, 4, 5, 6)
    with torch.no_grad():
        logits, delta = decoder(x)
        maps = [decoder.out[0](decoder.cls(x)), *(f(decoder.reg(x)) for f in decoder.out[1:])]
    assert len(decoder.cls) == 1 and len(decoder.reg) == 2
    i = (3 * 6 + 4) * 3 + 2  # row 3, column 4, anchor 2
    c, o, d = (y[1, :, 3, 4] for y in maps)
    torch.testing.assert_close(delta[1, i], d[8:12])
    torch.testing.assert_close(logits[1, i], chapter.objectness(c[4:6], o[2]))


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_term_by_term(chapter, seed):
    rng = np.random.default_rng(seed)
    anchor, boxes, truth = case(seed)
    B, N, K = 2, len(anchor), 3
    boxes = torch.stack([boxes, boxes + 0.5])
    truth = torch.stack([truth, torch.cat([truth[:3], torch.full((1, 4), torch.nan)])]).double()
    label = torch.from_numpy(rng.integers(0, K, (B, 4)))
    logits = torch.from_numpy(rng.normal(0, 2, (B, N, K)))
    match = chapter.uniform_match(anchor, boxes, truth, k=2, low=0.3, high=0.6)
    total, positives = 0.0, 0
    for b in range(B):
        for i in range(N):
            owner = match.owner[b, i].item()
            if owner == -2:
                continue
            positives += owner >= 0
            for k in range(K):
                p = 1 / (1 + math.exp(-logits[b, i, k].item()))
                if owner >= 0 and label[b, owner] == k:
                    total -= 0.25 * (1 - p) ** 2 * math.log(p)
                else:
                    total -= 0.75 * p**2 * math.log(1 - p)
        for i, g, kept in zip(match.place[b], match.object[b], match.kept[b], strict=True):
            if kept:
                (l1, t1, r1, b1), (l2, t2, r2, b2) = boxes[b, i].tolist(), truth[b, g].tolist()
                common = max(0, min(r1, r2) - max(l1, l2)) * max(0, min(b1, b2) - max(t1, t2))
                union = (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - common
                hull = (max(r1, r2) - min(l1, l2)) * (max(b1, b2) - min(t1, t2))
                total += 1 - (common / union - (hull - union) / hull)
    found = chapter.detection_loss(logits, boxes, truth, label, match)
    assert positives >= 3
    assert found.item() == pytest.approx(total / positives, rel=1e-6)


@pytest.mark.parametrize(("many_in", "many_out"), [(m, n) for m in (0, 1) for n in (0, 1)])
def test_maps_of_the_pyramid(chapter, many_in, many_out):
    torch.manual_seed(0)
    pyramid = chapter.Pyramid(bool(many_in), bool(many_out))
    c4, c5 = torch.randn(1, 16, 32, 32), torch.randn(1, 24, 16, 16)
    maps = pyramid(c4, c5)
    assert [y.shape[-1] for y in maps] == ([32, 16, 8, 4] if many_out else [16])
    assert all(y.shape[:2] == (1, 24) for y in maps)
    changed = pyramid(c4 + 1, c5)
    depends = [not torch.equal(a, b) for a, b in zip(maps, changed, strict=True)]
    assert depends == ([bool(many_in), False, False, False] if many_out else [bool(many_in)])
    p5 = pyramid.c5(c5)
    if many_out:
        fine = torch.nn.functional.interpolate(p5, scale_factor=2)
        fine = fine + pyramid.c4(c4) if many_in else fine
        p6 = pyramid.coarse[0](c5)
        expected = [pyramid.out[0](fine), pyramid.out[1](p5), p6, pyramid.coarse[1](p6.relu())]
    else:
        expected = [pyramid.out[0](p5 + pyramid.down(pyramid.c4(c4)) if many_in else p5)]
    for a, b in zip(maps, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_detectors(chapter):
    torch.manual_seed(0)
    x = torch.rand(2, 1, 64, 64)
    one, many = chapter.Detector(S=64), chapter.Detector(chapter.Pyramid(True, True), S=64)
    sides = one.anchor[:, 2] - one.anchor[:, 0]
    assert sides[:5].tolist() == [8, 16, 32, 64, 128] and one.anchor.shape == (8 * 8 * 5, 4)
    assert one.anchor[5:10, :2].add(sides[5:10, None] / 2).tolist() == [[8, 0]] * 5
    sides = many.anchor[:, 2] - many.anchor[:, 0]
    assert len(sides) == 3 * (256 + 64 + 16 + 4)
    assert sides[:3].tolist() == pytest.approx([8, 8 * 2 ** (1 / 3), 8 * 2 ** (2 / 3)])
    assert sides[-1].item() == pytest.approx(64 * 2 ** (2 / 3), rel=1e-6)
    assert (one.clip, many.clip) == (8, None)
    for net in (one, many, chapter.Detector(S=64, K=3), chapter.Detector(S=64, width=12)):
        answer = net(x)
        K = answer.shape[-1] - 4
        assert K == net.decoder.K and answer.shape[:2] == (2, len(net.anchor))
        size = answer[..., K + 2 :] - answer[..., K : K + 2]
        assert (size > 0).all()
    assert [len(one.decoder.cls), len(one.decoder.reg)] == [1, 2]
    assert [block.body[1][0].dilation[0] for block in one.encoder.blocks] == [2, 4, 6, 8]
    assert one.encoder.blocks[0].body[1][0].out_channels == 8
    projection = chapter.Detector(chapter.Encoder(24, 24, 8, ()), S=64)
    assert len(projection.encoder.blocks) == 0 and projection(x).shape == (2, 320, 5)
    norms = [
        {(type(norm).__name__, getattr(norm, "num_groups", 1)) for _, norm, _ in tower}
        for net in (one, many)
        for tower in (net.decoder.cls, net.decoder.reg)
    ]
    assert norms == [{("BatchNorm2d", 1)}] * 2 + [{("GroupNorm", 8)}] * 2
    single = chapter.Detector(chapter.Pyramid(True, False), S=64)
    assert single.clip == 8 and torch.equal(single.anchor, one.anchor)


def test_the_first_pair_written_stands_if_no_other_follows(chapter):
    anchor = torch.tensor([[0.0, 0, 10, 10], [40, 0, 50, 10], [80, 0, 90, 10], [80, 0, 90, 11]])
    truth = torch.tensor([[1.0, 0, 11, 10], [81, 0, 91, 10]])
    match = chapter.uniform_match(anchor, anchor, truth, k=1)
    assert match.place.tolist() == [0, 2, 0, 2] and match.object.tolist() == [0, 1, 0, 1]
    assert match.owner.tolist() == [0, -1, 1, -2]
    boxes = anchor[[2, 1, 0, 3]]  # the predictions of the first and third place are exchanged
    match = chapter.uniform_match(anchor, boxes, truth, k=1, low=0)
    assert match.place.tolist() == [2, 0, 0, 2] and match.owner.tolist() == [0, -1, 1, -2]
    far = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10]])  # the first pair is the only one there
    boxes = torch.tensor([[90.0, 0, 100, 10], [0, 0, 10, 10]])
    match = chapter.uniform_match(far, boxes, torch.tensor([[0.0, 0, 10, 10]]), k=1)
    assert match.place.tolist() == [1, 0] and match.owner.tolist() == [0, 0]
    three = torch.cat([far, torch.tensor([[90.0, 0, 100, 10]])])
    two = three[[0, 2]]
    match = chapter.uniform_match(three, three[[1, 0, 2]], two, k=1)
    assert match.place.tolist() == [1, 2, 0, 2] and match.owner.tolist() == [0, 0, 1]


def test_devices_are_those_of_the_input(chapter):
    anchor, boxes, truth = (part.to("meta") for part in case(0))
    for match in (chapter.uniform_match, chapter.max_iou_match):
        assert {part.device.type for part in match(anchor, boxes, truth)} == {"meta"}


def test_what_the_parts_are_made_of(chapter):
    encoder = chapter.Encoder(3, 4, 2, (1,))
    assert [[type(layer).__name__ for layer in part] for part in encoder.project] == [
        ["Conv2d", "BatchNorm2d"]
    ] * 2
    assert [part[0].kernel_size for part in encoder.project] == [(1, 1), (3, 3)]
    names = {
        (many_in, many_out): {
            name.split(".")[0] for name, _ in chapter.Pyramid(many_in, many_out).named_parameters()
        }
        for many_in in (False, True)
        for many_out in (False, True)
    }
    assert names[False, False] == {"c5", "out"} and names[False, True] == {"c5", "out", "coarse"}
    assert names[True, False] == {"c4", "c5", "down", "out"}
    assert names[True, True] == {"c4", "c5", "out", "coarse"}
    many = chapter.Pyramid(True, True)
    assert [layer.kernel_size for layer in (*many.out, *many.coarse)] == [(3, 3)] * 4
    net = chapter.Detector()
    assert net.anchor.shape == (16 * 16 * 5, 4) and net.decoder.K == 1
    assert net.encoder.project[0][0].out_channels == 24
