"""Twelve motions for networks that choose how to look: the right clips under the right names."""

import numpy as np
import torch

from repro.data import skeletons
from repro.data.skeletons import MOTIONS
from repro.vision.skeleton_actions import LEVEL, LEVELS, NAMES, clips


def test_clips_are_those_of_the_generator():
    x, y = clips(3, 1, 4)
    assert x.shape == (72, 3, 25, 10) and x.dtype == torch.float32 and y.dtype == torch.int64
    drawn = skeletons(3, 2, 10, 1, first=4, noise=0.02)
    for k, name in enumerate(NAMES):
        here = drawn.motion == list(MOTIONS).index(name)
        assert np.array_equal(x[y == k].numpy(), drawn.x[here]) and here.sum() == 6


def test_classes_and_levels():
    assert len(set(NAMES)) == 12 and set(NAMES) < set(MOTIONS)
    assert [NAMES[k] for k in np.flatnonzero(LEVEL == 1)] == list(LEVELS["wrist"])
    assert np.bincount(LEVEL).tolist() == [6, 2, 4]


def test_other_people_are_others():
    first, other = clips(2, 0)[0], clips(2, 0, first=2)[0]
    assert not np.isin(first.numpy(), other.numpy()).all()
    assert torch.equal(clips(1, 0, first=1)[0], first[24:])
