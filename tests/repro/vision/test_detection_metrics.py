"""Average precision: against a count by hand, against loops on random cases, and bad input."""

import numpy as np
import pytest

from repro.vision.detection_metrics import (
    Detections,
    Segments,
    average_precision,
    mask_precision,
)

NOTHING = Detections([], [], [])


def iou(a, b):
    """IoU of two boxes."""
    extent = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = max(0, extent[0]) * max(0, extent[1])
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return common / (sum(area) - common)


def by_loops(found, boxes, labels, threshold):
    """Average precision in percent at one IoU: greedy matching, 101 recalls, mean of classes."""
    result = []
    for c in sorted({int(c) for each in labels for c in each}):
        hits, objects = [], sum(int(np.sum(np.asarray(each) == c)) for each in labels)
        for one, b, truth in zip(found, boxes, labels, strict=True):
            free = [j for j in range(len(truth)) if truth[j] == c]
            for i in np.argsort(-np.asarray(one.scores), kind="stable"):
                if one.labels[i] != c:
                    continue
                fit = [(iou(one.boxes[i], b[j]), j) for j in free]
                best = max((f for f in fit if f[0] >= threshold), default=None)
                if best:
                    free.remove(best[1])
                hits.append((one.scores[i], best is not None))
        order = sorted(range(len(hits)), key=lambda k: -hits[k][0])
        right = np.cumsum([hits[k][1] for k in order]) if hits else np.zeros(0)
        recall, precision = right / objects, right / np.arange(1, len(right) + 1)
        at = [precision[recall >= r] for r in np.linspace(0, 1, 101)]
        result.append(np.mean([p.max() if p.size else 0 for p in at]))
    return 100 * np.mean(result)


def random_case(seed):
    """Objects of three classes in four pictures, and detections near them, some misnamed."""
    rng = np.random.default_rng(seed)
    boxes, labels, found = [], [], []
    for _ in range(4):
        g, d = rng.integers(1, 6), rng.integers(0, 15)
        corner = rng.uniform(0, 80, (g, 2))
        b = np.hstack([corner, corner + rng.uniform(9, 70, (g, 2))])
        label = rng.integers(0, 3, g)
        which = rng.integers(0, g, d)
        near = b[which] + rng.uniform(-4, 4, (d, 4))  # sides stay positive
        guess = np.where(rng.uniform(size=d) < 0.8, label[which], rng.integers(0, 3, d))
        boxes.append(b)
        labels.append(label)
        found.append(Detections(near, rng.uniform(size=d), guess))
    return found, boxes, labels


@pytest.mark.parametrize("seed", range(100))
def test_it_equals_loops_on_random_cases(seed):
    case = random_case(seed)
    got = average_precision(*case)
    thresholds = np.linspace(0.5, 0.95, 10)
    expected = [by_loops(*case, t) for t in thresholds]
    assert got["ap"] == pytest.approx(np.mean(expected), abs=1e-9)
    assert (got["ap50"], got["ap75"]) == pytest.approx((expected[0], expected[5]), abs=1e-9)


def test_by_hand():
    """Two objects; a false detection leads: precision 1/2 up to recall 1/2, 0 beyond."""
    boxes, labels = [[[0, 0, 10, 10], [40, 40, 60, 60]]], [[0, 0]]
    found = [Detections([[80, 80, 90, 90], [0, 0, 10, 10]], [0.9, 0.5], [0, 0])]
    assert average_precision(found, boxes, labels)["ap50"] == pytest.approx(100 * 51 / 101 / 2)


def test_sizes_are_kept_apart():
    boxes, labels = [[[0, 0, 10, 10], [20, 20, 60, 60]]], [[0, 0]]
    found = [Detections([[0, 0, 10, 10]], [0.9], [0])]
    got = average_precision(found, boxes, labels, sides=(20, 50))
    assert (got["small"], got["medium"]) == pytest.approx((100, 0))
    assert got["small50"] == pytest.approx(100) and np.isnan(got["large"])
    assert got["ap"] == pytest.approx(100 * 51 / 101)


def test_nothing_found_is_zero():
    assert average_precision([NOTHING], [[[0, 0, 9, 9]]], [[0]])["ap"] == 0


def test_classes_that_occur_nowhere_do_not_count():
    found = [Detections([[0, 0, 9, 9], [0, 0, 9, 9]], [0.5, 0.9], [0, 7])]
    assert average_precision(found, [[[0, 0, 9, 9]]], [[0]])["ap"] == pytest.approx(100)


BOX = [[[0.0, 0.0, 9.0, 9.0]]]


@pytest.mark.parametrize(
    ("found", "boxes", "labels", "sides", "message"),
    [
        ([], BOX, [[0]], (32, 96), "one entry a picture in each list, got 0 detections, 1 boxes"),
        ([NOTHING], BOX, [[0]], (9, 5), "sides 0 < a < b in pixels, got \\(9, 5\\)"),
        ([NOTHING], [[]], [[]], (32, 96), "an object in some picture, got none"),
        ([NOTHING], BOX, [[0, 1]], (32, 96), "objects of picture 0 as boxes"),
        ([NOTHING], [[[5, 0, 5, 9]]], [[0]], (32, 96), "left < right and top < bottom in pixels"),
        ([Detections(BOX[0], [np.nan], [0])], BOX, [[0]], (32, 96), "detections of picture 0 hold"),
        ([Detections(BOX[0], [1, 2], [0])], BOX, [[0]], (32, 96), "detections of picture 0 as"),
    ],
)
def test_bad_input(found, boxes, labels, sides, message):
    with pytest.raises(ValueError, match=message):
        average_precision(found, boxes, labels, sides)


@pytest.mark.parametrize("seed", range(5))
def test_rectangular_masks_score_as_their_boxes(seed):
    rng = np.random.default_rng(seed)
    boxes, found, masks, segments = [], [], [], []

    def filled(box):
        picture = np.zeros((40, 40), bool)
        picture[box[1] : box[3], box[0] : box[2]] = True
        return picture

    for _ in range(6):
        corner = rng.integers(0, 20, (rng.integers(1, 4), 2))
        true = np.hstack([corner, corner + rng.integers(5, 15, corner.shape)])
        near = true[rng.integers(0, len(true), rng.integers(0, 6))]
        near = near + rng.integers(-1, 3, near.shape)
        near = np.clip(near, 0, 40)
        score = rng.uniform(size=len(near))
        boxes.append(true)
        found.append(Detections(near, score, np.zeros(len(near), int)))
        masks.append([filled(box) for box in true])
        segments.append(Segments([filled(box) for box in near], score))
    expected = average_precision(found, boxes, [[0] * len(box) for box in boxes])
    got = mask_precision(segments, masks)
    assert got == pytest.approx({name: expected[name] for name in ("ap", "ap50", "ap75")})


def test_masks_count_pixels_not_boxes():
    ring = np.ones((1, 12, 12), bool)
    ring[:, 2:-2, 2:-2] = False  # 80 of 144 pixels
    full = np.ones((1, 12, 12), bool)
    assert mask_precision([Segments(full, [1.0])], [ring]) == {"ap": 20, "ap50": 100, "ap75": 0}
    nothing = Segments(np.zeros((0, 12, 12), bool), [])
    assert mask_precision([nothing], [ring])["ap"] == 0
    empty = Segments(np.zeros((1, 12, 12), bool), [0.9])
    assert mask_precision([empty, nothing], [ring, []])["ap50"] == 0


def test_masks_that_cannot_be_scored_are_refused():
    ring, nothing = np.ones((1, 4, 4), bool), Segments(np.zeros((0, 4, 4), bool), [])
    with pytest.raises(ValueError, match="one entry a picture in each list, got 1 and 2"):
        mask_precision([nothing], [ring, ring])
    with pytest.raises(ValueError, match="expected an object in some picture"):
        mask_precision([nothing], [[]])
    with pytest.raises(ValueError, match="a true mask of picture 0 has no pixel"):
        mask_precision([nothing], [~ring])
    for wrong in (
        Segments(ring, [0.1, 0.2]),
        Segments(ring[:, :3], [0.1]),
        Segments(ring, [np.nan]),
        Segments(ring[0], [0.1, 0.1, 0.1, 0.1]),
    ):
        with pytest.raises(ValueError, match="finite scores"):
            mask_precision([wrong], [ring])
