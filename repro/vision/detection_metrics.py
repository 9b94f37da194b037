"""How good detections and masks are: average precision as COCO defines it."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: COCO's bounds between small, medium and large: sides of squares of equal area, in pixels.
COCO_SIDES = (32.0, 96.0)


class Detections(NamedTuple):
    """What a detector finds in one picture.

    Attributes:
        boxes: (D, 4), left, top, right, bottom in pixels.
        scores: (D,), larger for more certain.
        labels: (D,) class numbers from 0.
    """

    boxes: ArrayLike
    scores: ArrayLike
    labels: ArrayLike


class Segments(NamedTuple):
    """What a network of one class finds in one picture.

    Attributes:
        masks: bool (D, H, W).
        scores: (D,), larger for more certain.
    """

    masks: ArrayLike
    scores: ArrayLike


def average_precision(
    found: Sequence[Detections],
    boxes: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
    sides: tuple[float, float] = COCO_SIDES,
) -> dict[str, float]:
    """COCO's average precision in percent, by faster-coco-eval.

    Precision is averaged over 101 recalls, over classes that occur, and (except for `ap50` and
    `ap75`) over the thresholds of IoU 0.50, 0.55, ..., 0.95. At most the 100 best detections of a
    picture count. Of equal scores the earlier detection comes first.

    Args:
        found: detections of N pictures.
        boxes: N arrays (G, 4) of true boxes; G may be 0.
        labels: N arrays (G,) of their classes, from 0.
        sides: bounds in pixels between small, medium and large objects: square roots of area. An
            object on a bound belongs to both sides of it, as in COCO.

    Returns:
        `ap`, `ap50`, `ap75`, and `small`, `medium`, `large`, which are `ap` of objects by size, and
        `small50`, `medium50`, `large50`, the same at IoU 0.50; NaN where no object has that size.

    Raises:
        ValueError: numbers of pictures, shapes or bounds that do not fit, a box without area, a
            number that is NaN or infinite, or no object at all.

    Source:
        Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and its evaluation code.
    """
    low, high = sides
    if not 0 < low < high:
        raise ValueError(f"average_precision: expected sides 0 < a < b in pixels, got {sides}")
    if not len(found) == len(boxes) == len(labels):
        raise ValueError(
            "average_precision: expected one entry a picture in each list, "
            f"got {len(found)} detections, {len(boxes)} boxes, {len(labels)} labels"
        )
    truth = [_rows(i, box, c, None) for i, (box, c) in enumerate(zip(boxes, labels, strict=True))]
    guess = [_rows(i, one.boxes, one.labels, one.scores) for i, one in enumerate(found)]
    objects = [row for rows in truth for row in rows]
    if not objects:
        raise ValueError("average_precision: expected an object in some picture, got none")
    for row in objects:
        row["area"] = row["bbox"][2] * row["bbox"][3]
    bounds = itertools.pairwise([0.0, low**2, high**2, np.inf])
    found_rows = [row for rows in guess for row in rows]
    images = [{"id": i} for i in range(len(truth))]
    precision = _precision(images, objects, found_rows, "bbox", [[0.0, np.inf], *bounds])
    result = _overall(precision)
    for k, size in enumerate(("small", "medium", "large"), 1):
        result |= {size: _mean(precision[..., k]), f"{size}50": _mean(precision[0, ..., k])}
    return result


def mask_precision(found: Sequence[Segments], masks: Sequence[ArrayLike]) -> dict[str, float]:
    """COCO's average precision of masks of one class in percent, by faster-coco-eval.

    The intersection over union is that of masks, not of boxes; all else is as for
    `average_precision`. A found mask without a pixel matches nothing.

    Args:
        found: what was found in N pictures.
        masks: N arrays bool (G, H, W), the true masks; G may be 0.

    Returns:
        `ap`, `ap50` and `ap75`.

    Raises:
        ValueError: numbers of pictures or shapes that do not fit, a true mask without a pixel, a
            score that is NaN or infinite, or no object at all.
    """
    if len(found) != len(masks):
        raise ValueError(
            "mask_precision: expected one entry a picture in each list, "
            f"got {len(found)} and {len(masks)}"
        )
    images, objects, guess = [], [], []
    for picture, (one, true) in enumerate(zip(found, masks, strict=True)):
        true, mine = (np.asarray(m, bool) for m in (true, one.masks))
        scores = np.asarray(one.scores, np.float64)
        shapes = [m.shape for m in (true, mine) if m.size]
        fit = all(len(s) == 3 and s[1:] == shapes[0][1:] for s in shapes)
        if not fit or scores.shape != mine.shape[:1] or not np.isfinite(scores).all():
            raise ValueError(
                f"mask_precision: expected masks (G, H, W) and (D, H, W) and finite scores (D,) in "
                f"picture {picture}, got {true.shape}, {mine.shape} and {scores.tolist()}"
            )
        if true.size and not true.any((1, 2)).all():
            raise ValueError(f"mask_precision: a true mask of picture {picture} has no pixel")
        height, width = shapes[0][1:] if shapes else (0, 0)
        images.append({"id": picture, "height": height, "width": width})
        objects += [row | {"area": float(m.sum())} for row, m in _segments(picture, true)]
        rows = zip(_segments(picture, mine), scores.tolist(), strict=True)
        guess += [row | {"score": score} for (row, _), score in rows]
    if not objects:
        raise ValueError("mask_precision: expected an object in some picture, got none")
    return _overall(_precision(images, objects, guess, "segm", [[0.0, np.inf]]))


def _segments(picture: int, masks: np.ndarray) -> list[tuple[dict, np.ndarray]]:
    """Masks (G, H, W) in COCO's form, each with its pixels."""
    from faster_coco_eval.core import mask

    if not masks.size:
        return []
    codes = mask.encode(np.asfortranarray(masks.transpose(1, 2, 0), np.uint8))
    row = {"image_id": picture, "category_id": 0}
    return [(row | {"segmentation": c}, m) for c, m in zip(codes, masks, strict=True)]


def _precision(
    images: list[dict], objects: list[dict], guess: list[dict], kind: str, areas: Sequence
) -> np.ndarray:
    """COCO's precision (thresholds, recalls, classes, areas), -1 where it is not defined."""
    from faster_coco_eval import COCO, COCOeval_faster

    classes = {row["category_id"] for row in objects}
    for number, row in enumerate(objects, 1):
        row |= {"id": number, "iscrowd": 0}
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(
            {
                "images": images,
                "categories": [{"id": c} for c in sorted(classes)],
                "annotations": objects,
            }
        )
        # A detection of a class that occurs nowhere has no precision to spoil, as in COCO.
        mine = known.loadRes([row for row in guess if row["category_id"] in classes])
        test = COCOeval_faster(known, mine, kind)
        test.params.areaRng = [list(area) for area in areas]
        test.params.areaRngLbl = ["all", "small", "medium", "large"][: len(areas)]
        test.evaluate()
        test.accumulate()
    return test.eval["precision"][..., -1]


def _overall(precision: np.ndarray) -> dict[str, float]:
    """Average precision over all thresholds, at 0.50 and at 0.75, of objects of every size."""
    at = {"ap": precision, "ap50": precision[0], "ap75": precision[5]}
    return {name: _mean(part[..., 0]) for name, part in at.items()}


def _mean(precision: np.ndarray) -> float:
    """Mean in percent over what is defined; COCO marks the rest by -1."""
    defined = precision[precision > -1]
    return 100 * float(defined.mean()) if defined.size else float("nan")


def _rows(
    picture: int, boxes: ArrayLike, labels: ArrayLike, scores: ArrayLike | None
) -> list[dict]:
    """The boxes of a picture in COCO's form; complains about those that are none."""
    boxes = np.asarray(boxes, dtype=np.float64)
    boxes = boxes.reshape(0, 4) if not boxes.size else boxes
    labels = np.asarray(labels)
    what = "objects" if scores is None else "detections"
    scores = np.zeros(len(labels)) if scores is None else np.asarray(scores, dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape != (len(labels), 4) or scores.shape != labels.shape:
        raise ValueError(
            f"average_precision: expected {what} of picture {picture} as boxes (G, 4), labels (G,) "
            f"and scores (G,), got {boxes.shape}, {labels.shape}, {scores.shape}"
        )
    if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
        raise ValueError(f"average_precision: {what} of picture {picture} hold NaN or infinity")
    extent = boxes[:, 2:] - boxes[:, :2]
    if (extent <= 0).any():
        bad = boxes[(extent <= 0).any(1)][0].tolist()
        raise ValueError(
            f"average_precision: expected left < right and top < bottom in pixels, got {bad} among "
            f"the {what} of picture {picture}"
        )
    return [
        {"image_id": picture, "category_id": int(c), "bbox": [*box[:2], *size], "score": float(s)}
        for box, size, c, s in zip(boxes.tolist(), extent.tolist(), labels, scores, strict=True)
    ]
