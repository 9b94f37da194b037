"""Skeletons: reproducible, bones of one length, motions told apart by looking closely."""

import hashlib

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from repro.data import skeletons
from repro.data.skeletons import BONES, JOINTS, LEVELS, MIRROR, MOTIONS, PARENTS, STEP

PINNED = "ec4932c057a0e1d16008cc33733bbdb9bd113427fd8e544bc9d11960673fa9de"
NINE = (
    *([0, 1, 12, 16], [2, 4, 8, 20], [3], [5], [6, 7, 21, 22], [9], [10, 11, 23, 24]),
    *([13, 14, 15], [17, 18, 19]),
)


@pytest.fixture(scope="module")
def known():
    return skeletons(20)


@pytest.fixture(scope="module")
def still():
    """One person, no sway, no noise, facing the camera."""
    return skeletons(1, 1, yaw=0, sway=0, noise=0)


def test_bytes_are_pinned():
    clips = skeletons(3, 1)
    assert hashlib.sha256(clips.x.tobytes()).hexdigest() == PINNED
    assert not np.array_equal(clips.x, skeletons(3, 1, seed=1).x)


def test_form(known):
    assert known.x.shape == (20 * 24 * 2, 3, 25, 20) and known.x.dtype == np.float32
    assert np.array_equal(np.rint(known.x * STEP) / STEP, known.x)
    assert np.array_equal(np.bincount(known.motion), np.full(24, 40))
    assert np.array_equal(np.bincount(known.person), np.full(20, 48))
    assert len(JOINTS) == len(PARENTS) == len(BONES) == 25
    assert [list(LEVELS.values()).count(level) for level in range(3)] == [8, 8, 8]


def test_people_do_not_depend_on_what_else_is_drawn(known):
    clips = skeletons(2, 2, first=5)
    chosen = np.isin(known.person, (5, 6))
    assert np.array_equal(clips.x, known.x[chosen])
    assert np.array_equal(clips.person, known.person[chosen])


def test_bones_keep_their_length(still):
    """Up to rounding, in every frame of every motion, and both sides are alike."""
    bone = still.x[:, :, 1:] - still.x[:, :, list(PARENTS[1:])]
    length = np.sqrt((bone.astype(np.float64) ** 2).sum(1))  # clips, bones, frames
    assert np.ptp(length, axis=(0, 2)).max() < 4 / STEP
    for left, right in MIRROR.items():
        assert length[0, left - 1, 0] == pytest.approx(length[0, right - 1, 0], abs=4 / STEP)


def test_standing_up(still):
    """Head above hips above feet; the left hand is to the left, the toes point to the camera."""
    clip = still.x[list(MOTIONS).index("turn thumb, left")]
    assert (clip[1, 3] > clip[1, 0]).all() and (clip[1, 0] > clip[1, 15]).all()
    assert (clip[0, 7] > clip[0, 11]).all() and (clip[2, 15] > clip[2, 14]).all()


@pytest.mark.parametrize("name", MOTIONS)
def test_a_motion_moves_what_it_names(still, name):
    """Hands and limbs leave all other joints at rest; whole-body motions move most of them."""
    moved = np.ptp(still.x[list(MOTIONS).index(name)], axis=2).max(0) > 0.01
    if LEVELS[name] == 0:
        assert moved.sum() >= 10
    else:
        side = set(MIRROR) if name.endswith("left") else set(MIRROR.values())
        assert 1 <= moved.sum() <= 5 and set(np.flatnonzero(moved)) <= side


def test_left_and_right_are_mirror_images():
    """Seen in a mirror, a motion to the right is the one to the left: same turns, other bones."""
    for name, parts in MOTIONS.items():
        if name.endswith("left"):
            other = MOTIONS[name.replace("left", "right")]
            for left, right in zip(parts, other, strict=True):
                assert MIRROR[left.joint] == right.joint and left.curve is right.curve
                assert right.much == (left.much if left.axis == 0 else -left.much)


def test_noise_has_the_size_asked():
    quiet, loud = (skeletons(2, 1, noise=n).x.astype(np.float64) for n in (0, 0.02))
    assert (loud - quiet).std() == pytest.approx(0.02, rel=0.02)


def test_learnable_but_not_trivial(known):
    """Unknown people. One mean joint tells whole bodies apart; only all 25 tell most hands."""

    def features(x):
        change = np.diff(x, axis=3)
        spectrum = np.abs(np.fft.rfft(x, axis=3))
        parts = (spectrum, change.std(3), x.mean(3), change.mean(3))
        return np.concatenate([part.reshape(len(x), -1) for part in parts], 1)

    unknown = skeletons(10, first=20)
    level = np.array(list(LEVELS.values()))[unknown.motion]
    right = {}
    for joints, groups in ((1, [range(25)]), (9, NINE), (25, [[j] for j in range(25)])):
        fewer = [
            np.stack([c.x[:, :, list(g)].mean(2) for g in groups], 2) for c in (known, unknown)
        ]
        forest = ExtraTreesClassifier(100, random_state=0).fit(features(fewer[0]), known.motion)
        hit = forest.predict(features(fewer[1])) == unknown.motion
        right[joints] = [hit[level == k].mean() for k in range(3)]
    assert right[1][0] > 0.85 > right[1][1] > right[1][2]
    assert right[9][1] > 0.95 and right[9][2] < 0.85
    assert 0.8 < right[25][2] < 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"people": 0}, "people and repeats must be 1 or more, got 0, 2"),
        ({"frames": 1}, "frames must be 2 or more, got 1"),
        ({"seed": -1}, "seed and first must be 0 or more, got -1, 0"),
        ({"yaw": 200}, "degrees from 0 to 180, got 200"),
        ({"yaw": 0.5}, "whole number of degrees from 0 to 180, got 0.5"),
        ({"sway": -1}, "from 0 to 30 degrees, got -1"),
        ({"noise": 1}, "from 0 to 0.1 metres, got 1"),
    ],
)
def test_bad_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        skeletons(**wrong)
