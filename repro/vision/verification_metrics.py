"""Verification: are two images of the same person? Accuracy by folds of people, TAR at a FAR."""

from __future__ import annotations

import numpy as np


def pair_scores(score: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all pairs of different images, those of true and of false pairs apart.

    Args:
        score: (N, N) similarities, larger for more alike; only the part above the diagonal is read.
        person: (N,) who is on each image.

    Returns:
        (T,) scores of pairs that show one person, and (M,) of pairs that show two.

    Raises:
        ValueError: shapes that do not fit together, NaN, or no pair of one of the two kinds.
    """
    score, person = np.asarray(score, dtype=np.float64), np.asarray(person)
    if person.ndim != 1 or score.shape != (len(person), len(person)):
        raise ValueError(
            "verification: expected scores (N, N) and persons (N,), "
            f"got {score.shape} and {person.shape}"
        )
    if np.isnan(score).any():
        raise ValueError("verification: a score is NaN: did the network diverge?")
    upper = np.triu(np.ones(score.shape, dtype=bool), 1)
    same = person[:, None] == person
    true, false = score[upper & same], score[upper & ~same]
    if not len(true) or not len(false):
        raise ValueError(
            "verification: expected a pair of one person and a pair of two, "
            f"got {len(true)} and {len(false)} such pairs"
        )
    return true, false


def tar(score: np.ndarray, person: np.ndarray, far: float = 0.01) -> float:
    """True accept rate at a false accept rate, over all pairs, in [0, 1].

    A pair is accepted above the threshold, which is the score of the false pair of rank
    `far` times their number, rounded, and at least 1.

    Args:
        score: (N, N) similarities.
        person: (N,) who is on each image.
        far: share of false pairs that reach the threshold, above 0 and at most 1.

    Raises:
        ValueError: as for `pair_scores`, or `far` out of range.
    """
    if not 0 < far <= 1:
        raise ValueError(f"tar: expected a false accept rate above 0 and at most 1, got {far}")
    true, false = pair_scores(score, person)
    rank = max(1, round(far * len(false)))
    threshold = np.partition(false, len(false) - rank)[len(false) - rank]
    return float((true > threshold).mean())


def verification_accuracy(score: np.ndarray, person: np.ndarray, folds: int = 10) -> float:
    """Accuracy in [0, 1] as on LFW: people in folds, threshold from the other folds.

    All pairs within a fold are used; true and false ones count half each, as if equally many had
    been drawn. 0.5 is what chance achieves.

    Args:
        score: (N, N) similarities.
        person: (N,) who is on each image; people go to the folds in the order of their numbers.
        folds: 2 or more, with two people or more in each.

    Raises:
        ValueError: as for `pair_scores`, or people too few for the folds.

    Source:
        Huang et al., Labeled Faces in the Wild, technical report 07-49, 2007, section IV.
    """
    score, person = np.asarray(score, dtype=np.float64), np.asarray(person)
    pair_scores(score, person)
    people = np.unique(person)
    if folds < 2 or len(people) < 2 * folds:
        raise ValueError(
            f"verification_accuracy: expected 2 folds or more with two people in each, got {folds} "
            f"folds of {len(people)} people"
        )
    held = [np.isin(person, part) for part in np.array_split(people, folds)]
    pairs = [pair_scores(score[np.ix_(mine, mine)], person[mine]) for mine in held]
    return float(np.mean([_held_out(pairs, k) for k in range(folds)]))


def _held_out(pairs: list[tuple[np.ndarray, np.ndarray]], fold: int) -> float:
    """Accuracy of one fold at the threshold that is best for the others."""
    rest = [pair for k, pair in enumerate(pairs) if k != fold]
    true, false = (np.sort(np.concatenate(kind)) for kind in zip(*rest, strict=True))
    levels = np.unique(np.concatenate([true, false]))
    middle = np.r_[-np.inf, (levels[1:] + levels[:-1]) / 2, np.inf]
    rejected = np.searchsorted(false, middle) / len(false)
    accepted = 1 - np.searchsorted(true, middle) / len(true)
    threshold = middle[np.argmax(rejected + accepted)]
    own, other = pairs[fold]
    return float(((own > threshold).mean() + (other <= threshold).mean()) / 2)
