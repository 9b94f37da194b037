"""Tests of the tasks for networks that attend within windows."""

import numpy as np
import pytest
import torch

from repro.vision.window_tasks import anywhere, distant, written


@pytest.mark.parametrize("part", ["train", "test"])
def test_distant_pairs_are_different_where_the_label_says_so(part):
    x, y = distant(3, part, 40)
    assert x.shape == (40, 1, 12, 48) and x.dtype == torch.float32 and set(y.tolist()) == {0, 1}
    drawn, label = written(3, part)
    known = {k: drawn[label == k] for k in (0, 1)}

    def read(picture):
        """Which of 0 and 1 has a digit that differs from the picture by the noise only."""
        near = {k: np.abs(picture - d).max((1, 2)).min() for k, d in known.items()}
        return min(near, key=near.get), min(near.values())

    grey = (x[:, 0].numpy() + 1) * 64
    for picture, answer in zip(grey, y.tolist(), strict=True):
        (a, close), (b, also) = read(picture[:, :12]), read(picture[:, 36:])
        assert close < 25.01 and also < 25.01 and int(a != b) == answer
        assert np.abs(picture[:, 12:36]).max() < 25.01
    assert torch.equal(x, distant(3, part, 40)[0])


def test_digits_lie_where_their_places_say():
    x, y, place = anywhere(2, "test", 60)
    assert x.shape == (60, 1, 24, 24) and place.min() == 0 and place.max() == 3
    drawn, label = written(2, "test")
    grey = (x[:, 0].numpy() + 1) * 64
    for picture, answer, (r, c) in zip(grey, y.tolist(), place, strict=True):
        inside = picture[4 * r : 4 * r + 12, 4 * c : 4 * c + 12]
        assert np.abs(inside - drawn[label == answer]).max((1, 2)).min() < 25.01
        outside = picture.copy()
        outside[4 * r : 4 * r + 12, 4 * c : 4 * c + 12] = 0
        assert np.abs(outside).max() < 25.01
    train = written(2, "train")
    assert len(train[1]) == 1297 and len(label) == 500 and drawn.max() == 255


def test_other_parts_are_refused():
    with pytest.raises(ValueError, match="got 'all'"):
        written(0, "all")
