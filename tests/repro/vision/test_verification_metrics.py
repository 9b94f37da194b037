"""Tests of the verification metrics against counting and scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from repro.vision.verification_metrics import pair_scores, tar, verification_accuracy


def sample(seed, people=20, images=5, noise=1.0):
    """Similarities (N, N) of noisy features, and persons (N,)."""
    rng = np.random.default_rng(seed)
    person = np.arange(people).repeat(images)
    f = rng.normal(size=(people, 8))[person] + noise * rng.normal(size=(len(person), 8))
    return f @ f.T, person


@given(st.integers(0, 10_000), st.integers(3, 30))
def test_pairs_are_counted_once(seed, n):
    rng = np.random.default_rng(seed)
    person = np.r_[0, 0, 1, rng.integers(0, 4, n - 3)]
    score = rng.normal(size=(n, n))
    for found, same in zip(pair_scores(score, person), (True, False), strict=True):
        wanted = [
            score[i, j] for j in range(n) for i in range(j) if (person[i] == person[j]) == same
        ]
        assert sorted(found) == sorted(wanted)


def test_the_threshold_of_tar_is_a_false_pair_that_does_not_count():
    """True pairs at 0.7 and 0.9; false ones at 0, 0.2, 0.5 and, a tie, 0.7."""
    score = [[0, 0.7, 0.2, 0.5], [0, 0, 0.7, 0], [0, 0, 0, 0.9], [0, 0, 0, 0]]
    person = [0, 0, 1, 1]
    assert tar(score, person) == 0.5  # one in a hundred of four: the highest one
    assert tar(score, person, far=0.5) == 1.0  # two of four: above 0.5
    assert tar(score, person, far=0.3) == 0.5  # 1.2 of four: one


@pytest.mark.parametrize("far", [0.002, 0.01, 0.2])
def test_tar_is_a_point_of_the_roc_curve(far):
    score, person = sample(1)
    true, false = pair_scores(score, person)
    labels = np.r_[np.ones(len(true)), np.zeros(len(false))]
    rates, hits, _ = roc_curve(labels, np.r_[true, false], drop_intermediate=False)
    strict = hits[rates < round(far * len(false)) / len(false) - 1e-12].max()
    assert tar(score, person, far) == pytest.approx(strict)
    assert tar(score, person) == tar(score, person, 0.01)


def slow_accuracy(score, person, folds):
    """One fold, one threshold, one pair at a time."""
    groups = np.array_split(np.unique(person), folds)
    pairs = []
    for group in groups:
        rows = [i for i in range(len(person)) if person[i] in group]
        pairs.append([(score[i, j], person[i] == person[j]) for i in rows for j in rows if i < j])

    def accuracy(sample, threshold):
        right = {True: [], False: []}
        for value, same in sample:
            right[bool(same)].append((value > threshold) == same)
        return np.mean([np.mean(right[True]), np.mean(right[False])])

    found = []
    for k in range(folds):
        rest = [pair for j, part in enumerate(pairs) if j != k for pair in part]
        levels = sorted({value for value, _ in rest})
        cuts = [-np.inf, *[(a + b) / 2 for a, b in itertools.pairwise(levels)], np.inf]
        best = max(cuts, key=lambda cut: accuracy(rest, cut))
        found.append(accuracy(pairs[k], best))
    return np.mean(found)


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_equals_a_slow_count(seed):
    score, person = sample(seed, people=7, images=3)
    assert verification_accuracy(score, person, 3) == pytest.approx(slow_accuracy(score, person, 3))


def test_accuracy_of_chance_and_of_perfect_scores():
    score, person = sample(0)
    assert verification_accuracy(np.zeros_like(score), person) == 0.5
    assert verification_accuracy(person[:, None] == person, person) == 1
    clean, _ = sample(0, noise=0.3)
    assert verification_accuracy(score, person) < verification_accuracy(clean, person)


@pytest.mark.parametrize(
    ("score", "person", "said"),
    [
        (np.zeros((2, 3)), [0, 1], "expected scores"),
        (np.zeros((2, 2)), [[0, 1]], "expected scores"),
        (np.full((3, 3), np.nan), [0, 0, 1], "NaN"),
        (np.zeros((2, 2)), [0, 1], "0 and 1 such pairs"),
        (np.zeros((0, 0)), [], "0 and 0 such pairs"),
    ],
)
def test_bad_scores_are_refused(score, person, said):
    with pytest.raises(ValueError, match=said):
        pair_scores(score, person)


def test_bad_rates_and_folds_are_refused():
    score, person = sample(0)
    for far in (0, 1.5):
        with pytest.raises(ValueError, match="false accept rate"):
            tar(score, person, far)
    for folds in (1, 11):
        with pytest.raises(ValueError, match="two people in each"):
            verification_accuracy(score, person, folds)
