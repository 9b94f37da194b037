"""Scenes for detectors: reproducible, true to their boxes, as crowded as asked."""

import hashlib

import numpy as np
import pytest

from repro.data import painting, scenes

PINNED = "4fdca5cfb4f06c8e4210e586a6f72bf14f2a40e204d4c583bafc1c17d0c1d396"


@pytest.fixture(scope="module")
def both():
    return scenes(200, 60)


def test_bytes_are_pinned(both):
    content = b"".join(
        array.tobytes() for part in both for array in (part.x, *part.boxes, *part.labels)
    )
    assert hashlib.sha256(content).hexdigest() == PINNED
    assert not np.array_equal(scenes(5, 5, seed=1)[0].x, both[0].x[:5])


def test_form_and_range(both):
    for part, n in zip(both, (200, 60), strict=True):
        assert part.x.shape == (n, 1, 128, 128) and part.x.dtype == np.float32
        levels = part.x * 255
        assert np.array_equal(np.rint(levels).astype(np.float32) / np.float32(255), part.x)
        assert len(part.boxes) == len(part.labels) == n
        for boxes, labels in zip(part.boxes, part.labels, strict=True):
            assert boxes.dtype == np.float32 and boxes.shape == (len(labels), 4)
            assert labels.dtype == np.int64 and 1 <= len(labels) <= 4
            assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= 128).all()
            assert (boxes[:, :2] < boxes[:, 2:]).all()


def test_boxes_bound_the_masks(both):
    for part in both:
        for boxes, masks in zip(part.boxes, part.masks, strict=True):
            assert masks.dtype == bool and masks.shape == (len(boxes), 128, 128)
            for box, mask in zip(boxes.astype(int).tolist(), masks, strict=True):
                rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                assert [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] == box


def test_masks_that_do_not_touch_are_the_bright_pixels():
    part, _ = scenes(30, 1, 64, side=(20, 30), overlap=0)
    for picture, masks in zip(part.x, part.masks, strict=True):
        assert (masks.sum(0) <= 1).all()
        inside = masks.any(0)
        assert picture[0][inside].min() >= 75 / 255  # half of the weakest ink, or more
        assert picture[0][inside].mean() > picture[0][~inside].mean() + 0.2


def test_sizes_reach_from_the_smallest_to_nearly_the_picture(both):
    boxes = np.concatenate(both[0].boxes)
    longest = (boxes[:, 2:] - boxes[:, :2]).max(1)
    assert longest.min() <= 7 and longest.max() >= 90
    quarters = np.histogram(np.log(longest), np.log(np.geomspace(6, 111, 5)))[0]
    assert (
        quarters.min() >= 0.1 * quarters.sum()
    )  # no size is rare, though large ones leave no room


def test_a_box_bounds_the_ink():
    """One digit a scene: no ink far outside its box, and each side of the box touches ink."""
    part, _ = scenes(100, 1, objects=(1, 1), side=(20, 60))
    for image, (box,) in zip(part.x[:, 0] * 255, part.boxes, strict=True):
        left, top, right, bottom = box.astype(int)
        ink = np.rint(image) >= painting.BACKGROUND
        inside = image[top:bottom, left:right] >= 150 // 2  # half covered by the darkest ink
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()
        outside = ink.copy()
        outside[max(0, top - 5) : bottom + 5, max(0, left - 20) : right + 20] = False
        assert not outside.any()


def test_crowded_scenes_hold_more_and_overlap_more():
    def shared(part):
        worst = 0.0
        for boxes in part.boxes:
            corner = np.maximum(boxes[:, None, :2], boxes[:, :2])
            extent = (np.minimum(boxes[:, None, 2:], boxes[:, 2:]) - corner).clip(0)
            area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
            common = extent.prod(2) / np.minimum(area[:, None], area)
            worst = max(worst, np.triu(common, 1).max())
        return worst

    apart, _ = scenes(60, 1, objects=(8, 12), side=(7, 40), overlap=0)
    crowded, _ = scenes(60, 1, objects=(8, 12), side=(7, 40), overlap=0.6)
    assert shared(apart) == 0 < 0.3 < shared(crowded)
    assert np.mean([len(b) for b in crowded.boxes]) >= 8
    assert sum(map(len, apart.boxes)) <= sum(map(len, crowded.boxes))


def test_tensors(both):
    x, boxes, labels = both[1].torch()
    assert tuple(x.shape) == (60, 1, 128, 128) and x.dtype.is_floating_point
    assert np.array_equal(boxes[3].numpy(), both[1].boxes[3])
    assert np.array_equal(labels[3].numpy(), both[1].labels[3])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_train": 0}, "n_train and n_test must be 1 or more, got 0, 200"),
        ({"side": (4, 10)}, "7 <= smallest <= largest, got \\(4, 10\\)"),
        ({"size": 100}, "from the largest side, 110, to 172 pixels, got 100"),
        ({"size": 173}, "to 172 pixels, got 173"),
        ({"objects": (3, 2)}, "1 <= smallest <= largest, got \\(3, 2\\)"),
        ({"overlap": 1.5}, "share from 0 to 1, got 1.5"),
    ],
)
def test_bad_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        scenes(**wrong)
