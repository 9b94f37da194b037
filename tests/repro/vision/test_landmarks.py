"""Tests of landmark metrics."""

import math

import numpy as np
import pytest

from repro.data import faces
from repro.vision.landmarks import normalised_errors


def test_a_face_by_hand():
    truth = np.array([[[0, 0], [3, 4], [10, 10]]])
    found = np.array([[[0, 1], [6, 8], [10, 10]]])
    assert normalised_errors(found, truth, 0, 1).tolist() == [(1 + 5 + 0) / 3 / 5]
    assert normalised_errors(found, truth, 2, 0)[0] == pytest.approx(2 / math.sqrt(200))


def test_the_unit_does_not_matter_and_faces_stay_apart():
    truth = faces(3, 2, seed=1).landmarks
    found = truth + np.random.default_rng(0).normal(size=truth.shape)
    errors = normalised_errors(found, truth)
    assert errors.shape == (6,) and errors.dtype == np.float64
    np.testing.assert_allclose(normalised_errors(found / 4, truth / 4), errors, rtol=1e-5)
    alone = [normalised_errors(f[None], t[None])[0] for f, t in zip(found, truth, strict=True)]
    assert alone == errors.tolist()
    slow = [
        np.mean([math.dist(a, b) for a, b in zip(f, t, strict=True)]) / math.dist(t[36], t[45])
        for f, t in zip(found, truth, strict=True)
    ]
    np.testing.assert_allclose(errors, slow, rtol=1e-6)


@pytest.mark.parametrize(
    ("found", "truth", "ends", "match"),
    [
        (np.zeros((1, 3, 2)), np.zeros((1, 2, 2)), (0, 1), "one landmark or more"),
        (np.zeros((0, 3, 2)), np.zeros((0, 3, 2)), (0, 1), "one face"),
        (np.zeros((3, 2)), np.zeros((3, 2)), (0, 1), "one face"),
        (np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), (0, 3), "two landmarks of 0 to 2"),
        (np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), (1, 1), "two landmarks"),
        (np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), (-1, 1), "two landmarks"),
        (np.full((1, 2, 2), np.nan), np.ones((1, 2, 2)), (0, 1), "NaN or infinite"),
        (np.ones((1, 2, 2)), np.full((1, 2, 2), np.inf), (0, 1), "NaN or infinite"),
        (np.ones((1, 2, 2)), np.ones((1, 2, 2)), (0, 1), "face 0 coincide"),
    ],
)
def test_what_cannot_be_measured(found, truth, ends, match):
    with pytest.raises(ValueError, match=match):
        normalised_errors(found, truth, *ends)
