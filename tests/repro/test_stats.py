"""Paired intervals and the exact sign-flip test, against SciPy and slow loops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from repro.stats import paired_interval, sign_flip_test, t_interval

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


@given(DIFFERENCES)
def test_sign_flips_equal_the_slow_loop(differences):
    flips = itertools.product((1, -1), repeat=len(differences))
    sums = [math.fsum(s * d for s, d in zip(signs, differences, strict=True)) for signs in flips]
    assert sign_flip_test(differences) == np.mean([s >= math.fsum(differences) for s in sums])


def test_sign_flips_of_known_cases():
    assert sign_flip_test([1, 2, 3, 4, 5]) == 1 / 32
    assert sign_flip_test([0.0, 0.0]) == 1
    assert sign_flip_test([-1, -2]) == 1
    # 0.1 + 0.2 - 0.3 is a tie, though not in binary.
    assert sign_flip_test([0.1, 0.2, -0.3]) == 5 / 8
    assert sign_flip_test(np.ones(20)) == 2**-20


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: paired_interval([1.0]), "n >= 2"),
        (lambda: paired_interval([[1.0, 2.0]]), r"shape \(1, 2\)"),
        (lambda: paired_interval([1.0, math.nan]), "NaN"),
        (lambda: paired_interval([1.0, 2.0], confidence=1), "confidence"),
        (lambda: t_interval(0.0, -1.0, 5), "std >= 0"),
        (lambda: sign_flip_test([]), "n >= 1"),
        (lambda: sign_flip_test([math.inf]), "infinity"),
        (lambda: sign_flip_test(np.ones(21)), "at most 20"),
    ],
)
def test_bad_input_is_explained(call, why):
    with pytest.raises(ValueError, match=why):
        call()
