"""Verification, are two images of one person? Accuracy by folds, ROC, TAR, EER, and open sets."""

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


def roc(score: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ROC curve over all pairs: what each threshold accepts.

    A pair is accepted at or above a threshold, as scikit-learn counts; pairs of equal score are
    accepted together.

    Args:
        score: (N, N) similarities.
        person: (N,) who is on each image.

    Returns:
        False accept rates, true accept rates, and thresholds, (K,) each, from the strictest
        threshold, infinity, which accepts nothing, to the lowest score, which accepts all.

    Raises:
        ValueError: as for `pair_scores`.
    """
    from sklearn.metrics import roc_curve  # takes a second to import

    true, false = pair_scores(score, person)
    same = np.repeat([True, False], [len(true), len(false)])
    return roc_curve(same, np.r_[true, false], drop_intermediate=False)


def tar(score: np.ndarray, person: np.ndarray, far: float = 0.01) -> float:
    """True accept rate at a false accept rate, over all pairs, in [0, 1].

    A pair is accepted above the threshold, which is the score of the false pair of rank
    `far` times their number, rounded, and at least 1. A true pair that ties with the threshold is
    thus refused: of the points of the ROC curve the last strictly below that rank.

    Args:
        score: (N, N) similarities.
        person: (N,) who is on each image.
        far: share of false pairs that reach the threshold, above 0 and at most 1.

    Raises:
        ValueError: as for `pair_scores`, or `far` out of range.
    """
    _check_rate("tar", far)
    true, false = pair_scores(score, person)
    return float((true > _threshold(false, far)).mean())


def eer(score: np.ndarray, person: np.ndarray) -> float:
    """Equal error rate over all pairs, in [0, 1]: false accepts as frequent as false rejects.

    Between the two points of the ROC curve where one overtakes the other the curve is straight, so
    scores that are all the same give 0.5.

    Args:
        score: (N, N) similarities.
        person: (N,) who is on each image.

    Raises:
        ValueError: as for `pair_scores`.
    """
    accepted, hit, _ = roc(score, person)
    excess = accepted - (1 - hit)  # rises from -1 to 1
    k = int(np.argmax(excess >= 0))
    share = excess[k] / (excess[k] - excess[k - 1])
    return float(accepted[k] - share * (accepted[k] - accepted[k - 1]))


def identification_rate(
    score: np.ndarray, person: np.ndarray, gallery: np.ndarray, far: float = 0.01
) -> float:
    """Open-set identification: detection and identification rate at a false alarm rate, in [0, 1].

    The gallery enrols some people. Every other image is a probe, and its best match is the enrolled
    image of the highest score. A probe of somebody enrolled counts if the match is the right
    person and its score lies above the threshold, that of the probe of rank `far` among the
    probes of strangers, as in `tar`. A probe that ties between two people counts as wrong.

    Args:
        score: (N, N) similarities, symmetric.
        person: (N,) who is on each image.
        gallery: (N,) bool, the enrolled images.
        far: share of strangers' probes that reach the threshold, above 0 and at most 1.

    Raises:
        ValueError: as for `pair_scores`, `far` out of range, a gallery of another shape, or no
            probe of somebody enrolled, or none of a stranger.

    Source:
        Liao et al., A benchmark study of large-scale unconstrained face recognition, IJCB 2014.
    """
    _check_rate("identification_rate", far)
    score, person = np.asarray(score, dtype=np.float64), np.asarray(person)
    gallery = np.asarray(gallery)
    pair_scores(score, person)
    if gallery.shape != person.shape or gallery.dtype != bool or not gallery.any():
        raise ValueError(
            f"identification_rate: expected a gallery (N,) of truth values, N = {len(person)} and "
            f"one or more of them true, got {gallery.dtype} {gallery.shape}"
        )
    matches, right = score[np.ix_(~gallery, gallery)], person[~gallery][:, None] == person[gallery]
    known = right.any(1)
    if known.all() or not known.any():
        raise ValueError(
            "identification_rate: expected probes of people who are enrolled and of others, "
            f"got {int(known.sum())} and {int((~known).sum())}"
        )
    threshold = _threshold(matches[~known].max(1), far)
    own = np.where(right, matches, -np.inf).max(1)[known]
    other = np.where(right, -np.inf, matches).max(1)[known]
    return float(((own > other) & (own > threshold)).mean())


def _check_rate(caller: str, far: float) -> None:
    """Complain about a rate that accepts nothing, or more than all."""
    if not 0 < far <= 1:
        raise ValueError(f"{caller}: expected a false accept rate above 0 and at most 1, got {far}")


def _threshold(false: np.ndarray, far: float) -> float:
    """The score of rank `far` times their number, rounded, at least 1, among false ones (M,)."""
    rank = max(1, round(far * len(false)))
    return float(np.partition(false, len(false) - rank)[len(false) - rank])


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
