"""Thresholds against the computation that they replace, for every sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.arithmetic.thresholds import Thresholds, fold


def affine(slope, offset, levels, dtype=np.float32):
    """Codes by a rounded affine map, clipped: the usual quantizer."""
    slope, offset = (np.asarray(a, dtype)[:, None] for a in (slope, offset))

    def codes(sums):
        return np.rint(np.clip(sums.astype(dtype) * slope + offset, 0, levels - 1)).astype(int)

    return codes


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([2, 3, 4, 16]),
    low=st.integers(-300, 50),
    width=st.integers(0, 400),
)
def test_every_sum_of_the_range_has_the_code_of_the_computation(seed, levels, low, width):
    rng = np.random.default_rng(seed)
    slope = rng.normal(size=6) * 10.0 ** rng.integers(-3, 1, 6)
    slope[0] = 0
    codes = affine(slope, rng.normal(size=6) * 3, levels)
    high = low + width
    found = fold(codes, 6, levels, low, high)
    sums = np.arange(low, high + 1)[None].repeat(6, 0)
    assert np.array_equal(found(sums, axis=0), codes(sums))
    assert (np.diff(found.steps) >= 0).all()


def test_ties_are_met_as_the_computation_rounds_them():
    # 0.1 * 25 is 2.5 in float64: half to even gives 2, and a formula that rounds up would not
    found = fold(affine([0.1], [0.0], 5, np.float64), 1, 5, -10, 60)
    sums = np.arange(-10, 61)[None]
    assert np.array_equal(found(sums, axis=0), np.rint(np.clip(0.1 * sums, 0, 4)).astype(int))
    assert found(np.array([[25, 26]]), axis=0).tolist() == [[2, 3]]


def test_slopes_up_down_and_none():
    found = fold(affine([1.0, -1.0, 0.0], [0.0, 0.0, 2.0], 4), 3, 4, -5, 5)
    assert found.levels == 4 and found.direction.tolist() == [1, -1, 1]
    # half to even: 0.5 is no integer sum, so codes change at 1, 2, 3
    assert found.steps.tolist() == [[1, 2, 3], [1, 2, 3], [-5, -5, 6]]
    sums = np.arange(-5, 6)
    assert found(np.stack([sums] * 3), axis=0)[2].tolist() == [2] * 11


def test_a_sign_has_one_threshold():
    found = fold(lambda sums: sums * np.array([[2.0], [-3.0]]) + 1 >= 0, 2, 2, -7, 7)
    assert found.steps.tolist() == [[0], [0]] and found.direction.tolist() == [1, -1]
    assert found(np.array([[-1, 0], [0, 1]]), axis=0).tolist() == [[0, 1], [1, 0]]


def test_channels_may_lie_along_any_axis():
    found = fold(affine([1.0, -1.0], [0.0, 3.0], 4), 2, 4, -5, 5)
    sums = np.random.default_rng(0).integers(-5, 6, (3, 2, 4))
    expected = found(sums)
    assert expected.dtype == np.int64 and expected.shape == sums.shape
    assert np.array_equal(found(sums.transpose(1, 0, 2), axis=0), expected.transpose(1, 0, 2))
    assert np.array_equal(found(sums.transpose(0, 2, 1), axis=-1), expected.transpose(0, 2, 1))
    assert found(np.empty((0, 2), np.int64)).shape == (0, 2)


def test_wide_ranges_need_few_questions():
    asked = []

    def codes(sums):
        asked.append(sums.size)
        return (sums >= 123_456_789_012).astype(int)

    found = fold(codes, 1, 2, -(1 << 61), 1 << 61)
    assert found.steps.item() == 123_456_789_012 and len(asked) < 70


@pytest.mark.parametrize(
    ("codes", "arguments", "says"),
    [
        (lambda s: s * 0, (0, 2, 0, 1), "expected 1 channel and 2 levels or more"),
        (lambda s: s * 0, (1, 1, 0, 1), "expected 1 channel and 2 levels or more"),
        (lambda s: s * 0, (1, 2, 2, 1), "got 1, 2, 2 and 1"),
        (lambda s: s * 0, (1, 2, 0, 1 << 63), "2\\*\\*61"),
        (lambda s: s * 0.5, (1, 2, 0, 1), "expected integer codes of shape"),
        (lambda s: s[0], (1, 2, 0, 1), "expected integer codes of shape"),
        (lambda s: s * 0 + 2, (1, 2, 0, 1), "codes from 0 to 1, got 2 to 2"),
        (lambda s: s * 0 - 1, (1, 2, 0, 1), "codes from 0 to 1, got -1 to -1"),
    ],
)
def test_what_cannot_be_folded_is_refused(codes, arguments, says):
    with pytest.raises(ValueError, match=says):
        fold(codes, *arguments)


def test_what_cannot_be_compared_is_refused():
    found = Thresholds(np.ones(2, np.int64), np.zeros((2, 1), np.int64))
    with pytest.raises(TypeError, match="expected integers, got float64"):
        found(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="expected 2 channels along axis 1"):
        found(np.zeros((1, 3), int))
    with pytest.raises(ValueError, match="along axis 4"):
        found(np.zeros((1, 2), int), axis=4)
