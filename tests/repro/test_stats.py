"""Paired intervals and log-log slopes, against SciPy and NumPy."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from repro.stats import crossed_interval, loglog_slope, paired_interval, t_interval

DIFFERENCES = st.lists(st.integers(-1000, 1000).map(lambda k: k / 8), min_size=2, max_size=9)


@given(DIFFERENCES, st.sampled_from([0.8, 0.95, 0.99]))
def test_interval_equals_scipys(differences, confidence):
    mean, low, high, n = paired_interval(differences, confidence)
    assert n == len(differences) and low <= mean <= high
    if len(set(differences)) > 1:
        other = scipy_stats.t.interval(
            confidence, n - 1, loc=np.mean(differences), scale=scipy_stats.sem(differences)
        )
        assert np.allclose((low, high), other, rtol=1e-9, atol=1e-9)


def test_interval_of_equal_differences_is_a_point():
    assert paired_interval([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0, 3)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_crossed_interval_with_one_factor_is_students(confidence):
    columns = np.array([1.0, 4.0, -2.0, 0.5])
    expected = paired_interval(columns, confidence)
    found = crossed_interval(np.tile(columns, (3, 1)), confidence)
    assert found[:3] == pytest.approx(expected[:3]) and found.n == 12
    assert crossed_interval(np.tile(columns, (3, 1)).T, confidence) == found


def test_a_crossed_interval_by_hand():
    mean, low, high, n = crossed_interval([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])
    rows, columns = 8 / 2, 1 / 3  # variances of the means 2, 6 and 3, 4, 5, over their numbers
    freedom = (rows + columns) ** 2 / (rows**2 / 1 + columns**2 / 2)
    half = scipy_stats.t.ppf(0.975, freedom) * math.sqrt(rows + columns)
    assert (mean, low, high, n) == pytest.approx((4, 4 - half, 4 + half, 6))


@pytest.mark.parametrize(
    ("spreads", "least", "most"),
    [
        ((1, 1, 0), 0.93, 0.97),  # of rows, of columns, of both together
        ((1, 1, 1), 0.94, 0.98),
        ((1, 0.45, 0), 0.91, 0.95),  # rows weigh ten times as much: the worst of three rows
        ((0, 0, 1), 0.97, 1),  # counted twice
    ],
)
def test_a_crossed_interval_holds_the_mean_about_as_often_as_it_says(spreads, least, most):
    draw = np.random.default_rng(0)
    held = []
    for _ in range(2000):
        rows, columns, both = (draw.normal(size=shape) for shape in ((3, 1), 6, (3, 6)))
        sample = spreads[0] * rows + spreads[1] * columns + spreads[2] * both
        _, low, high, _ = crossed_interval(sample)
        held.append(low <= 0 <= high)
    assert least <= np.mean(held) <= most


def test_a_crossed_interval_of_equal_differences_is_a_point():
    assert crossed_interval(np.full((2, 3), 2.0)) == (2.0, 2.0, 2.0, 6)


POINTS = st.lists(
    st.tuples(st.floats(1e-150, 1e150), st.floats(1e-150, 1e150)), min_size=3, max_size=12
).filter(lambda points: max(x for x, _ in points) > 1.01 * min(x for x, _ in points))


@given(POINTS)
def test_slope_and_error_equal_numpys(points):
    x, y = np.log(points).T
    (expected, _), covariance = np.polyfit(x, y, 1, cov=True)
    slope, error = loglog_slope(*zip(*points, strict=True))
    assert slope == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert error == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-5, abs=1e-9)


@given(POINTS, st.randoms(use_true_random=False))
def test_the_slope_does_not_depend_on_the_order(points, shuffle: random.Random):
    shuffled = points.copy()
    shuffle.shuffle(shuffled)
    assert loglog_slope(*zip(*points, strict=True)) == loglog_slope(*zip(*shuffled, strict=True))


@pytest.mark.parametrize("exponent", [-1.5, 0, 1, 2])
def test_the_slope_of_a_power_law_is_its_exponent(exponent):
    x = np.array([1.0, 2, 3, 7, 50])
    slope, error = loglog_slope(x, 3 * x**exponent)
    assert slope == pytest.approx(exponent, abs=1e-14)
    assert error == pytest.approx(0, abs=1e-14)


def test_two_points_have_a_slope_and_no_error():
    slope, error = loglog_slope([1, 10], [1, 100])
    assert slope == pytest.approx(2) and math.isnan(error)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: paired_interval([1.0]), "n >= 2"),
        (lambda: paired_interval([[1.0, 2.0]]), r"shape \(1, 2\)"),
        (lambda: paired_interval([1.0, math.nan]), "NaN"),
        (lambda: paired_interval([1.0, 2.0], confidence=1), "confidence"),
        (lambda: crossed_interval([[1.0, 2.0]]), r"got shape \(1, 2\)"),
        (lambda: crossed_interval([1.0, 2.0]), r"got shape \(2,\)"),
        (lambda: crossed_interval([[1.0, 2.0], [1.0, math.inf]]), "expected finite"),
        (lambda: crossed_interval([[1.0, 2.0], [1.0, 3.0]], confidence=0), "confidence"),
        (lambda: t_interval(0.0, -1.0, 5), "std >= 0"),
        (lambda: t_interval(0.0, math.nan, 5), "std >= 0"),
        (lambda: loglog_slope([1, 2], [1]), r"got \(2,\) and \(1,\)"),
        (lambda: loglog_slope([1], [1]), "n >= 2"),
        (lambda: loglog_slope([1, 1], [1, 2]), "two different x"),
        (lambda: loglog_slope([0, 1], [1, 2]), "above 0"),
        (lambda: loglog_slope([1, 2], [1, -1]), "above 0"),
        (lambda: loglog_slope([1, math.inf], [1, 1]), "finite"),
        (lambda: loglog_slope([1, 2], [1, math.nan]), "finite"),
    ],
)
def test_bad_input_is_explained(call, why):
    with pytest.raises(ValueError, match=why):
        call()
