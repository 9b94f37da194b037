"""Tests of the chapter date: matches against enumeration, losses against slow loops."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch

import repro

STRIDES = (4, 8, 16)


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("date")


def case(chapter, seed, B=2, G=4, K=3, S=64):
    """Points and strides, objects of random places and sizes, and answers near them."""
    rng = np.random.default_rng(seed)
    point, stride = chapter.grid_points([(S // s, S // s) for s in STRIDES], STRIDES)
    side = rng.uniform(5, 50, (B, G, 2))
    corner = rng.uniform(0, 1, (B, G, 2)) * (S - side)
    truth = torch.from_numpy(np.concatenate([corner, corner + side], -1))
    point, stride = point.double(), stride.double()
    d = torch.from_numpy(rng.uniform(0.5, 30, (B, len(point), 4)))
    boxes = chapter.boxes_at(point, d)
    logits = torch.from_numpy(rng.normal(-1, 2, (B, len(point), K)))
    label = torch.from_numpy(rng.integers(0, K, (B, G)))
    return point, stride, logits, boxes, truth, label


def overlap(a, b):
    """IoU, and generalized IoU, of two boxes."""
    (l1, t1, r1, b1), (l2, t2, r2, b2) = a.tolist(), b.tolist()
    common = max(0, min(r1, r2) - max(l1, l2)) * max(0, min(b1, b2) - max(t1, t2))
    union = (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - common
    hull = (max(r1, r2) - min(l1, l2)) * (max(b1, b2) - min(t1, t2))
    return common / union, common / union - (hull - union) / hull


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def focal(logits, label, owner):
    """Sum over points and classes, term by term."""
    total = 0.0
    for b, i, k in itertools.product(*map(range, logits.shape)):
        p, g = sigmoid(logits[b, i, k].item()), owner[b, i].item()
        if g >= 0 and label[b, g] == k:
            total -= 0.25 * (1 - p) ** 2 * math.log(p)
        else:
            total -= 0.75 * p**2 * math.log(1 - p)
    return total


def test_points_are_the_middles_of_cells(chapter):
    point, stride = chapter.grid_points([(2, 3), (1, 2)], (8, 16))
    assert point.tolist() == [
        [4, 4],
        [12, 4],
        [20, 4],
        [4, 12],
        [12, 12],
        [20, 12],
        [8, 8],
        [24, 8],
    ]
    assert stride.tolist() == [8] * 6 + [16] * 2
    with pytest.raises(ValueError, match="argument"):
        chapter.grid_points([(2, 3)], (8, 16))


@pytest.mark.parametrize("seed", range(3))
def test_boxes_undo_distances(chapter, seed):
    point, _, _, _, truth, _ = case(chapter, seed)
    d = chapter.distances(point, truth)
    assert d.shape == (2, len(point), 4, 4)
    x, y = point[17].tolist()
    left, top, right, bottom = truth[1, 2].tolist()
    assert d[1, 17, 2].tolist() == pytest.approx([x - left, y - top, right - x, bottom - y])
    for g in range(4):
        torch.testing.assert_close(
            chapter.boxes_at(point, d[:, :, g]), truth[:, [g]].expand(-1, len(point), -1)
        )


@pytest.mark.parametrize("alpha", [0.8, 0.3, 0, 1])
def test_quality_is_the_product_of_powers(chapter, alpha):
    point, _, logits, boxes, truth, label = case(chapter, 0)
    Q = chapter.quality(logits, boxes, truth, label, alpha)
    for b, i, g in itertools.product(range(2), range(0, len(point), 7), range(4)):
        score, iou = sigmoid(logits[b, i, label[b, g]].item()), overlap(boxes[b, i], truth[b, g])[0]
        assert Q[b, i, g].item() == pytest.approx(score ** (1 - alpha) * iou**alpha)
    if alpha == 0.8:
        assert torch.equal(Q, chapter.quality(logits, boxes, truth, label))


@pytest.mark.parametrize("alpha", [-0.1, 1.1])
def test_exponents_are_shares(chapter, alpha):
    with pytest.raises(ValueError, match="0 <= alpha <= 1"):
        chapter.quality(*case(chapter, 0)[2:], alpha)


@pytest.mark.parametrize("radius", [1.5, 1, math.inf])
def test_prior_is_the_box_and_a_square_around_its_centre(chapter, radius):
    point, stride, _, _, truth, _ = case(chapter, 1)
    omega = chapter.prior(point, stride, truth, radius)
    for b, i, g in itertools.product(range(2), range(len(point)), range(4)):
        (x, y), (left, top, right, bottom) = point[i].tolist(), truth[b, g].tolist()
        away = max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2))
        inside = left < x < right and top < y < bottom
        assert omega[b, i, g].item() == (inside and away < radius * stride[i].item())
    if radius == 1.5:
        assert torch.equal(omega, chapter.prior(point, stride, truth))
        edge = torch.tensor([[2.0, 2, 10, 10]])  # centre (6, 6): 6 away is not inside
        at, s = torch.tensor([[12.0, 6], [6, 6], [2, 6], [11.9, 6]]), torch.full((4,), 4.0)
        assert chapter.prior(at, s, edge)[:, 0].tolist() == [False, True, False, False]
        wide = torch.tensor([[-20.0, -20, 32, 32]])
        assert chapter.prior(at, s, wide)[:, 0].tolist() == [False, True, True, True]


@pytest.mark.parametrize("G", [1, 2, 3])
@pytest.mark.parametrize("seed", range(10))
def test_match_is_the_best_of_all_injections(chapter, seed, G):
    rng = np.random.default_rng(seed)
    Q = torch.from_numpy(rng.uniform(0, 1, (7, G)) * (rng.uniform(0, 1, (7, G)) > 0.4))
    owner = chapter.one_to_one(Q)
    best = max(
        sum(Q[i, g].item() for g, i in enumerate(points))
        for points in itertools.permutations(range(7), G)
    )
    found = [(i, g) for i, g in enumerate(owner.tolist()) if g >= 0]
    assert sum(Q[i, g].item() for i, g in found) == pytest.approx(best)
    assert all(Q[i, g] > 0 for i, g in found)
    kept = chapter.one_to_one(Q, drop=False)
    assert sorted(g for g in kept.tolist() if g >= 0) == list(range(G))


def test_pictures_side_by_side_and_rows_without_an_object(chapter):
    point, stride, logits, boxes, truth, label = case(chapter, 2)
    nothing = torch.full((2, 1, 4), torch.nan, dtype=truth.dtype)
    padded, names = torch.cat([truth, nothing], 1), torch.nn.functional.pad(label, (0, 1))
    rows = []
    for t, c in ((truth, label), (padded, names)):
        Q = chapter.prior(point, stride, t) * chapter.quality(logits, boxes, t, c)
        rows.append((chapter.one_to_one(Q), chapter.one_to_many(point, stride, t)))
    assert all(map(torch.equal, *rows))
    for b in range(2):
        Q = chapter.prior(point, stride, truth[b]) * chapter.quality(
            logits[b], boxes[b], truth[b], label[b]
        )
        assert torch.equal(chapter.one_to_one(Q), rows[0][0][b])
        assert torch.equal(chapter.one_to_many(point, stride, truth[b]), rows[0][1][b])
    assert (rows[0][0] >= 0).sum() > 4


@pytest.mark.parametrize("rows", [0, 2])
def test_a_picture_without_objects(chapter, rows):
    point, stride, logits, boxes, _, _ = case(chapter, 0)
    truth = torch.full((2, rows, 4), torch.nan, dtype=boxes.dtype)
    label = torch.zeros(2, rows, dtype=torch.int64)
    ctr = torch.zeros(2, len(point), 1, dtype=boxes.dtype)
    answer = torch.cat([logits, boxes, logits, boxes, ctr], -1).requires_grad_()
    loss = chapter.dual_loss(answer, point, stride, truth, label, 3, 64.0)
    none = torch.full((2, len(point)), -1)
    assert loss.item() == pytest.approx(3 * focal(logits, label, none))
    loss.backward()
    assert torch.isfinite(answer.grad).all()


@pytest.mark.parametrize("seed", range(4))
def test_every_point_in_range_learns_the_smallest_box_around_it(chapter, seed):
    point, stride, _, _, truth, _ = case(chapter, seed)
    truth[:, 0] = torch.tensor([1.0, 2, 63, 60])  # one that needs the coarser levels
    owner = chapter.one_to_many(point, stride, truth)
    ranges = {4: (-1, 32), 8: (32, 64), 16: (64, math.inf)}
    for b, i in itertools.product(range(2), range(len(point))):
        (x, y), (low, high) = point[i].tolist(), ranges[int(stride[i])]
        fits = []
        for g in range(4):
            left, top, right, bottom = truth[b, g].tolist()
            d = (x - left, y - top, right - x, bottom - y)
            if min(d) > 0 and low <= max(d) <= high:
                fits.append(((right - left) * (bottom - top), g))
        assert owner[b, i].item() == (min(fits)[1] if fits else -1)
    assert (owner >= 0).any(0)[stride == 8].any()


def test_ranges_of_the_levels(chapter):
    """On their bounds both levels learn; the first and the last level are open."""
    point = torch.tensor([[0.0, 0]] * 4)
    stride = torch.tensor([8.0, 16, 32, 64])
    for side, expected in (
        (2, [0, -1, -1, -1]),
        (64, [0, 0, -1, -1]),
        (65, [-1, 0, -1, -1]),
        (128, [-1, 0, 0, -1]),
        (256, [-1, -1, 0, 0]),
        (9999, [-1, -1, -1, 0]),
    ):
        box = torch.tensor([[-1.0, -1, side, 1]])
        assert chapter.one_to_many(point, stride, box).tolist() == expected
    edge = torch.tensor([[0.0, -1, 5, 1]])  # a point on a side is not inside
    assert chapter.one_to_many(point, stride, edge).tolist() == [-1] * 4


def test_centerness(chapter):
    d = torch.tensor([[3.0, 5, 3, 5], [1, 2, 4, 2], [1, 1, 4, 9], [0, 1, 7, 1]])
    assert chapter.centerness(d).tolist() == pytest.approx([1, 0.5, 1 / 6, 0])


@pytest.mark.parametrize("size", [64.0, torch.tensor([80.0, 50, 80, 50])])
@pytest.mark.parametrize("seed", range(3))
def test_loss_of_the_kept_branch(chapter, seed, size):
    point, stride, logits, boxes, truth, label = case(chapter, seed)
    Q = chapter.prior(point, stride, truth) * chapter.quality(logits, boxes, truth, label)
    owner = chapter.one_to_one(Q)
    total, n = 2 * focal(logits, label, owner), 0
    w, h = (size, size) if isinstance(size, float) else size[:2].tolist()
    for b, i in itertools.product(range(2), range(len(point))):
        if (g := owner[b, i].item()) >= 0:
            n += 1
            (l1, t1, r1, b1), (l2, t2, r2, b2) = boxes[b, i].tolist(), truth[b, g].tolist()
            total += 5 * abs((l1 + r1) - (l2 + r2)) / 2 / w + 5 * abs((r1 - l1) - (r2 - l2)) / w
            total += 5 * abs((t1 + b1) - (t2 + b2)) / 2 / h + 5 * abs((b1 - t1) - (b2 - t2)) / h
            total += 2 * (1 - overlap(boxes[b, i], truth[b, g])[1])
    assert n > 3
    found = chapter.o2o_loss(logits, boxes, truth, label, owner, size)
    assert found.item() == pytest.approx(total / n, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_loss_of_the_dropped_branch(chapter, seed):
    point, stride, logits, boxes, truth, label = case(chapter, seed)
    ctr = torch.from_numpy(np.random.default_rng(seed).normal(0, 2, logits.shape[:2]))
    owner = chapter.one_to_many(point, stride, truth)
    bce = location = weight = n = 0
    for b, i in itertools.product(range(2), range(len(point))):
        if (g := owner[b, i].item()) >= 0:
            n += 1
            (x, y), (left, top, right, bottom) = point[i].tolist(), truth[b, g].tolist()
            c = math.sqrt(
                min(x - left, right - x) / max(x - left, right - x)
                * min(y - top, bottom - y) / max(y - top, bottom - y)
            )  # fmt: skip
            p = sigmoid(ctr[b, i].item())
            bce -= c * math.log(p) + (1 - c) * math.log(1 - p)
            location -= c * math.log(overlap(boxes[b, i], truth[b, g])[0])
            weight += c
    assert n > 20
    total = (focal(logits, label, owner) + bce) / n + location / weight
    found = chapter.o2m_loss(logits, boxes, ctr, point, truth, label, owner)
    assert found.item() == pytest.approx(total, rel=1e-6)


def test_losses_of_single_points(chapter):
    """Weights 2, 5, 2 of the kept loss, and clamps, on one point that is nearly right."""
    truth, label = torch.tensor([[[0.0, 0, 10, 20]]]).double(), torch.zeros(1, 1, dtype=torch.int64)
    box = torch.tensor([[[0.0, 0, 10, 10]]]).double()
    z, owner = torch.zeros(1, 1, 1).double(), torch.zeros(1, 1, dtype=torch.int64)
    focal_part = 0.25 * 0.25 * math.log(2)
    expected = 2 * focal_part + 5 * (5 + 10) / 100 + 2 * 0.5
    assert chapter.o2o_loss(z, box, truth, label, owner, 100).item() == pytest.approx(expected)
    point = torch.tensor([[5.0, 10.0]]).double()
    far = torch.tensor([[[50.0, 50, 60, 60]]]).double()
    args = (z[..., 0], point, truth, label, owner)
    for answer, iou in ((box, 0.5), (far, 1e-6)):
        expected = focal_part - math.log(iou) + math.log(2)
        assert chapter.o2m_loss(z, answer, *args).item() == pytest.approx(expected)
    corner = (z[..., 0], torch.tensor([[0.0, 0.0]]).double(), truth, label, owner)
    expected = focal_part + math.log(2)  # centerness 0 weighs nothing
    assert chapter.o2m_loss(z, box, *corner).item() == pytest.approx(expected)


def test_the_loss_of_both_branches(chapter):
    point, stride, logits, boxes, truth, label = case(chapter, 3)
    rng = np.random.default_rng(3)
    ctr = torch.from_numpy(rng.normal(size=logits.shape[:2]))
    answer = torch.cat([logits, boxes, logits.flip(0), boxes + 1, ctr[..., None]], -1)
    both = partial(chapter.dual_loss, answer, point, stride, truth, label, 3, 64.0)
    Q = chapter.prior(point, stride, truth) * chapter.quality(logits, boxes, truth, label)
    one = chapter.o2o_loss(logits, boxes, truth, label, chapter.one_to_one(Q), 64.0)
    owner = chapter.one_to_many(point, stride, truth)
    many = chapter.o2m_loss(logits.flip(0), boxes + 1, ctr, point, truth, label, owner)
    assert both(["o2o"]).item() == pytest.approx(one.item())
    assert both(["o2m"]).item() == pytest.approx(many.item())
    assert both().item() == pytest.approx(one.item() + many.item())
    narrow = chapter.dual_loss(answer[..., :7], point, stride, truth, label, 3, 64.0, ["o2o"])
    assert narrow.item() == pytest.approx(one.item())
    shapes = [part.shape[-1] for part in chapter.parts(answer, 3)]
    assert shapes == [3, 4, 3, 4, 1]
    assert [part.shape[-1] for part in chapter.parts(answer[..., :7], 3)] == [3, 4]


def test_the_match_passes_no_gradient(chapter):
    """Gradients of the kept loss are those with the match held fixed."""
    point, stride, logits, boxes, truth, label = case(chapter, 4)
    answer = torch.cat([logits, boxes], -1).requires_grad_()
    chapter.dual_loss(answer, point, stride, truth, label, 3, 64.0, ["o2o"]).backward()
    Q = chapter.prior(point, stride, truth) * chapter.quality(logits, boxes, truth, label)
    owner = chapter.one_to_one(Q)
    fixed = torch.cat([logits, boxes], -1).requires_grad_()
    chapter.o2o_loss(fixed[..., :3], fixed[..., 3:], truth, label, owner, 64.0).backward()
    torch.testing.assert_close(answer.grad, fixed.grad)
    assert (answer.grad[..., 3:][owner < 0] == 0).all()


def head(chapter, **given):
    """A small head with weights large enough to matter, and maps of three levels."""
    torch.manual_seed(0)
    net = chapter.DualHead(8, 3, STRIDES, convs=2, groups=4, start=1, **given).double()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return net, [torch.randn(2, 8, 64 // s, 64 // s).double() for s in STRIDES]


def test_answers_of_the_head(chapter):
    net, maps = head(chapter)
    answer = net(maps)
    assert answer.shape == (2, 16**2 + 8**2 + 4**2, 3 + 4 + 3 + 4 + 1)
    z, box, z_many, box_many, ctr = chapter.parts(answer, 3)
    i, level, (row, column) = 256 + 8 * 5 + 3, 1, (5, 3)
    x, y = 8 * (column + 0.5), 8 * (row + 0.5)
    cls, reg = net.cls(maps[level]), net.reg(maps[level])
    at = (slice(None), slice(None), row, column)
    torch.testing.assert_close(z[:, i], net.o2o.z(cls)[at])
    torch.testing.assert_close(z_many[:, i], net.o2m.z(cls)[at])
    torch.testing.assert_close(ctr[:, i], net.o2m.ctr(cls)[at])
    for found, layer, positive in ((box, net.o2o.u, torch.relu), (box_many, net.o2m.u, torch.exp)):
        d = 8 * positive(net.gamma[level] * layer(reg)[at])
        expected = torch.stack([x - d[:, 0], y - d[:, 1], x + d[:, 2], y + d[:, 3]], -1)
        torch.testing.assert_close(found[:, i], expected)


def test_dropping_the_branch(chapter):
    net, maps = head(chapter)
    before, names = net(maps), {name for name, _ in net.named_parameters()}
    net.drop()
    assert torch.equal(net(maps), before[..., :7])
    gone = names - {name for name, _ in net.named_parameters()}
    assert gone == {f"o2m.{layer}.{p}" for layer in ("z", "u", "ctr") for p in ("weight", "bias")}


def test_released_sizes_and_starts(chapter):
    torch.manual_seed(0)
    net = chapter.DualHead()
    assert sum(p.numel() for p in net.o2m.parameters()) == 195_925
    assert sum(p.numel() for p in net.o2o.parameters()) == 195_925 - 9 * 256 - 1
    assert net.strides == (8, 16, 32, 64, 128) and net.gamma.tolist() == [1] * 5
    for tower in (net.cls, net.reg):
        names = [type(layer).__name__ for layer in tower]
        assert names == ["Conv2d", "GroupNorm", "ReLU"] * 4
        assert [layer.num_groups for layer in tower[1::3]] == [32] * 4
        assert all(layer.bias is None for layer in tower[::3])
    for layer in net.modules():
        if isinstance(layer, torch.nn.Conv2d):
            assert layer.kernel_size == (3, 3) and layer.padding == (1, 1)
            assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1)
    for branch in (net.o2o, net.o2m):
        assert branch.z.bias.sigmoid().tolist() == pytest.approx([0.01] * 80)
        assert branch.u.bias.tolist() == [0] * 4
    assert net.o2m.ctr.bias.tolist() == [0]
    assert net.o2o.filter is None and net.o2m.filter is None and net.o2o.ctr is None
    moved = chapter.DualHead(8, 3, (8,), 1, 4, start=1)
    assert moved.o2o.u.bias.tolist() == [1] * 4 and moved.o2m.u.bias.tolist() == [0] * 4


def test_joint_logit(chapter):
    a, b = torch.tensor([0.0, 2, -3]).double(), torch.tensor([0.0, -1, 40]).double()
    torch.testing.assert_close(chapter.joint(a, b).sigmoid(), a.sigmoid() * b.sigmoid())
    ends = chapter.joint(torch.tensor([99.0, -99]), torch.tensor([99.0, 0])).sigmoid()
    assert ends.tolist() == pytest.approx([1 - 1e-5, 1e-5], rel=1e-2)


def test_max_filtering_looks_at_neighbours_and_levels(chapter):
    net, maps = head(chapter, filtering=True)
    found = net.o2o.filter(maps)
    y = [net.o2o.filter.conv(x) for x in maps]
    for level, x in enumerate(maps):
        size = x.shape[-2:]
        near = [
            torch.nn.functional.interpolate(y[k], size, mode="bilinear")
            for k in range(3)
            if abs(k - level) <= 1
        ]
        stack = torch.stack(near, 2)
        pooled = torch.nn.functional.max_pool3d(
            torch.nn.functional.pad(stack, (1, 1, 1, 1), value=-math.inf), (len(near), 3, 3), 1
        )[:, :, 0]
        expected = net.o2o.filter.out(net.o2o.filter.norm(pooled + x).clamp(min=0))
        torch.testing.assert_close(found[level], expected)
    answer = net(maps)
    plain = chapter.rows([net.o2o.z(net.cls(x)) for x in maps])
    reg = [net.reg(x) for x in maps]
    f = chapter.rows(net.o2o.filter(reg))
    torch.testing.assert_close(answer[..., :3], chapter.joint(plain, f))
    assert net.o2m.filter is None


def test_detector(chapter):
    torch.manual_seed(0)
    net = chapter.Detector(K=2)
    answer = net(torch.rand(2, 1, 64, 64))
    assert answer.shape == (2, 64 + 16 + 4, 2 + 4 + 2 + 4 + 1)
    assert net.K == 2 and chapter.Detector().K == 10 and net.head.strides == (8, 16, 32)
    assert len(net.head.cls) == 6 and net.head.cls[1].num_groups == 3
    assert net.backbone.widths == (16, 24, 24, 24)
    _, box, _, other, _ = chapter.parts(answer.detach(), 2)
    point, stride = chapter.grid_points([(8, 8), (4, 4), (2, 2)], (8, 16, 32))
    for boxes in (box, other):  # both start one stride from the point
        d = torch.cat([point - boxes[..., :2], boxes[..., 2:] - point], -1) / stride[:, None]
        assert d.mean().item() == pytest.approx(1, abs=0.05) and d.std() < 0.2
    assert chapter.Detector(filtering=True).head.o2o.filter is not None
    assert (chapter.Detector(start=0).head.o2o.u.bias == 0).all()


def test_devices_are_those_of_the_input(chapter):
    net, maps = head(chapter)
    assert net.to("meta")([x.to("meta") for x in maps]).device.type == "meta"
    point, stride, _, _, truth, _ = (part.to("meta") for part in case(chapter, 0))
    assert chapter.one_to_many(point, stride, truth).device.type == "meta"
    assert chapter.prior(point, stride, truth).device.type == "meta"
