"""Tests of what small detectors share."""

import numpy as np
import pytest
import torch
from torch import nn

from repro.data.scenes import Scenes, scenes
from repro.vision.detection_metrics import average_precision
from repro.vision.small_detectors import (
    Backbone,
    box_iou,
    detect,
    detections,
    fit_detector,
    for_batches,
    ops,
    padded,
)


def test_backbone_halves_its_maps():
    maps = Backbone((3, 5, 7))(torch.rand(2, 1, 64, 48))
    assert [tuple(y.shape) for y in maps] == [(2, 3, 16, 12), (2, 5, 8, 6), (2, 7, 4, 3)]
    assert all(y.min() >= 0 for y in maps)
    with pytest.raises(ValueError, match="one level or more"):
        Backbone(())


def test_targets_are_padded_with_nan():
    boxes = [np.array([[1, 2, 3, 4]], np.float32), np.arange(8, dtype=np.float32).reshape(2, 4)]
    labels = [np.array([7]), np.array([8, 9])]
    rows = padded(Scenes(np.zeros((2, 1, 4, 4), np.float32), boxes, labels, masks=[]))
    assert rows.shape == (2, 2, 5) and rows.dtype == torch.float32
    assert rows[0, 0].tolist() == [1, 2, 3, 4, 7] and rows[0, 1].isnan().all()
    assert rows[1].tolist() == [[0, 1, 2, 3, 8], [4, 5, 6, 7, 9]]


def test_overlaps_are_those_of_torchvision_one_picture_at_a_time():
    sides = torch.rand(2, 3, 5, 2, 2, generator=torch.Generator().manual_seed(0))
    a, b = torch.cat([sides[..., 0, :], sides.sum(-2)], -1)  # left, top, right, bottom
    found = box_iou(a, b[:, :4])
    assert found.shape == (3, 5, 4)
    for one, x, y in zip(found, a, b[:, :4], strict=True):
        torch.testing.assert_close(one, ops.box_iou(x, y))
    assert box_iou(a[:0], b[:0]).shape == (0, 5, 5)


def test_an_older_torchvision_learns_batches():
    def older(boxes1, boxes2):
        return boxes1[:, None, :2] - boxes2[:, :2] + boxes1[:, 2] - boxes2[:, 3]

    assert for_batches(older) is box_iou
    assert for_batches(ops.box_iou) is ops.box_iou


BOXES = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [5, 5, 5, 9.0]])
LOGITS = torch.tensor([[1, -9], [2, 0.5], [-1, -9], [9, 9.0]])  # sigmoids .73, .88 and .62, .27


def test_suppression_is_class_by_class():
    found = detections(LOGITS, BOXES)
    assert found.labels.tolist() == [0, 1, 0]
    np.testing.assert_allclose(found.scores, torch.tensor([2, 0.5, -1]).sigmoid())
    assert np.array_equal(found.boxes, BOXES[[1, 1, 2]])


def test_suppression_at_its_threshold_and_without():
    assert detections(LOGITS, BOXES, overlap=0.91).labels.tolist() == [0, 0, 1, 0]
    assert detections(LOGITS, BOXES, overlap=0.89).labels.tolist() == [0, 1, 0]
    assert len(detections(LOGITS, BOXES, overlap=None).scores) == 4
    assert len(detections(LOGITS, BOXES, overlap=None, most=2).scores) == 2
    assert len(detections(LOGITS, BOXES, overlap=None, candidates=3).scores) == 3
    assert len(detections(LOGITS, BOXES, overlap=None, threshold=0.7).scores) == 2


def test_negative_coordinates_do_not_join_classes():
    boxes = torch.tensor([[-40, -40, 40, 40], [-40, -40, 40, 40.0]])
    assert len(detections(torch.tensor([[3.0, 2.0], [-9, -9]]), boxes).scores) == 2


def test_nothing_found():
    found = detections(torch.full((4, 2), -9.0), BOXES)
    assert found.boxes.shape == (0, 4) and found.scores.shape == found.labels.shape == (0,)
    assert average_precision([found], [[[0, 0, 9, 9]]], [[0]])["ap"] == 0


def test_bad_shapes():
    with pytest.raises(ValueError, match=r"logits \(M, K\) and boxes \(M, 4\)"):
        detections(LOGITS[0], BOXES)


class Constant(nn.Module):
    """One trainable box for all pictures, always certain."""

    def __init__(self):
        super().__init__()
        self.box = nn.Parameter(torch.tensor([10.0, 10, 90, 90]))

    def forward(self, x):
        row = torch.cat([torch.tensor([5.0]), self.box])
        return row.expand(len(x), 1, 5)


def test_training_gets_boxes_and_labels():
    train, test = scenes(40, 6, seed=1)
    net, seen = Constant(), []

    def loss(answer, boxes, labels):
        seen.append((boxes, labels))
        assert boxes.shape[:2] == labels.shape and boxes.shape[2] == 4
        return (answer[:, 0, 1:] - 7).abs().mean()

    before = net.box.detach().clone()
    history = fit_detector(net, train, loss, lr=0.1, epochs=2, seed=0)
    assert len(history.loss) == 2 and not torch.equal(net.box, before)
    assert len(seen) == 10 and all(len(boxes) == 8 for boxes, _ in seen)
    labels = torch.cat([label for _, label in seen])
    assert labels.dtype == torch.int64 and labels.min() == 0 and labels.max() == 9
    found = detect(net, test)
    assert len(found) == 6 and all(len(one.scores) == 1 for one in found)
