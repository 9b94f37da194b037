"""Tests of the verification metrics against counting and scikit-learn."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from repro.vision.verification_metrics import (
    eer,
    identification_rate,
    pair_scores,
    roc,
    tar,
    verification_accuracy,
)


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


def test_a_true_pair_that_ties_with_the_threshold_is_refused():
    """All pairs have the same score: nothing lies above it."""
    assert tar(np.zeros((4, 4)), [0, 0, 1, 1]) == 0
    assert tar(np.zeros((4, 4)), [0, 0, 1, 1], far=1) == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_curve_is_a_count_over_pairs(seed):
    score, person = sample(seed, people=6, images=3)
    score = np.round(score)  # ties
    true, false = pair_scores(score, person)
    far, hit, threshold = roc(score, person)
    assert threshold[0] == np.inf
    assert len(threshold) == len(set(true) | set(false)) + 1
    for f, h, t in zip(far, hit, threshold, strict=True):
        assert f == pytest.approx(sum(v >= t for v in false) / len(false))
        assert h == pytest.approx(sum(v >= t for v in true) / len(true))
    # At a score that exists, `tar` is the point of the curve before it.
    rank = 5
    cut = sorted(false)[-rank]
    assert tar(score, person, rank / len(false)) == pytest.approx(hit[threshold > cut].max())


@pytest.mark.parametrize("seed", range(6))
def test_equal_error_rate_is_where_the_two_errors_cross(seed):
    score, person = sample(seed, noise=0.5 + 0.3 * seed)
    true, false = pair_scores(score, person)
    levels = np.unique(np.r_[true, false, np.inf])
    accepted = np.array([(false >= t).mean() for t in levels])
    refused = np.array([(true < t).mean() for t in levels])
    low, high = np.minimum(accepted, refused).max(), np.maximum(accepted, refused).min()
    assert low - 1e-12 <= eer(score, person) <= high + 1e-12


def test_equal_error_rate_by_hand():
    """True pairs at 4 and 2, false ones at 3, 1, 1, 0."""
    score = [[0, 4, 3, 1], [0, 0, 1, 0], [0, 0, 0, 2], [0, 0, 0, 0]]
    # From (0, 1/2) over (1/4, 1/2) to (1/4, 0) of false accepts and rejects: cross at 1/4.
    assert eer(score, [0, 0, 1, 1]) == pytest.approx(0.25)
    assert eer(np.zeros((4, 4)), [0, 0, 1, 1]) == pytest.approx(0.5)
    assert eer(np.kron(np.eye(2), np.ones((2, 2))), [0, 0, 1, 1]) == 0
    assert eer(1 - np.kron(np.eye(2), np.ones((2, 2))), [0, 0, 1, 1]) == 1


def slow_identification(score, person, gallery, far):
    """One probe, one enrolled image at a time."""
    n = len(person)
    enrolled = [j for j in range(n) if gallery[j]]
    alarms, found = [], []
    for i in range(n):
        if gallery[i]:
            continue
        best = max(score[i][j] for j in enrolled)
        names = {person[j] for j in enrolled if score[i][j] == best}
        if person[i] in {person[j] for j in enrolled}:
            found.append((best, names == {person[i]}))
        else:
            alarms.append(best)
    threshold = sorted(alarms, reverse=True)[max(1, round(far * len(alarms))) - 1]
    return np.mean([right and best > threshold for best, right in found])


@pytest.mark.parametrize("far", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(6))
def test_identification_equals_a_slow_count(seed, far):
    score, person = sample(seed, people=12, images=4, noise=0.8)
    score = np.round(score + score.T)  # ties
    gallery = np.isin(person, [0, 1, 2, 3, 4]) & (np.arange(len(person)) % 4 < 1 + seed % 2)
    found = identification_rate(score, person, gallery, far)
    assert found == pytest.approx(slow_identification(score.tolist(), person, gallery, far))
    assert identification_rate(score, person, gallery) == (
        identification_rate(score, person, gallery, 0.01)
    )


def test_bad_galleries_are_refused():
    score, person = sample(0, people=3, images=2)
    first = np.arange(6) % 2 == 0
    for gallery in (first[:5], first.astype(int), np.zeros(6, bool)):
        with pytest.raises(ValueError, match="expected a gallery"):
            identification_rate(score, person, gallery)
    with pytest.raises(ValueError, match="got 3 and 0"):
        identification_rate(score, person, first)
    with pytest.raises(ValueError, match="got 0 and 4"):
        identification_rate(score, person, person == 0)
    with pytest.raises(ValueError, match="identification_rate: expected a false accept rate"):
        identification_rate(score, person, first & (person == 0), 0)


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
