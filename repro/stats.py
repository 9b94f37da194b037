"""Statistics for paired runs: Student's interval and the exact sign-flip test."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Above this many differences the 2**n sign flips are too many to enumerate.
MAX_FLIPS = 20


class Interval(NamedTuple):
    """A confidence interval [low, high] around a mean of n numbers, in the numbers' unit."""

    mean: float
    low: float
    high: float
    n: int


def _differences(values: Sequence[float] | np.ndarray, least: int) -> np.ndarray:
    """Return paired differences as a float array of shape (n,), or explain what is wrong."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least:
        raise ValueError(
            f"expected paired differences of shape (n,) with n >= {least}, got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"the differences hold NaN or infinity: {array.tolist()}")
    return array


def t_interval(mean: float, std: float, n: int, confidence: float = 0.95) -> Interval:
    """Student's two-sided interval from a mean and a sample standard deviation.

    `std` uses n - 1; `n` >= 2; `confidence` between 0 and 1. Raises ValueError otherwise.
    """
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    if n < 2 or not 0 < confidence < 1 or std < 0:
        raise ValueError(
            f"expected n >= 2, 0 < confidence < 1 and std >= 0, got {n}, {confidence}, {std}"
        )
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * std / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_interval(
    differences: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> Interval:
    """Student's two-sided interval for the mean of paired differences.

    `differences` has shape (n,), one difference per pair, n >= 2; `confidence` is between 0 and 1.
    The interval shrinks to a point when all differences are equal.
    Raises ValueError for another shape, NaN or infinity.
    """
    array = _differences(differences, least=2)
    return t_interval(float(array.mean()), float(array.std(ddof=1)), len(array), confidence)


def sign_flip_test(differences: Sequence[float] | np.ndarray) -> float:
    """Exact one-sided p-value that the mean of paired differences is above zero.

    If the pairing were arbitrary, each difference could as well have the other sign. The result is
    the share of the 2**n sign flips whose mean is at least the observed one, from 2**-n to 1.
    Sums that agree to within rounding (1e-12 of the sum of magnitudes) count as ties, which can
    only enlarge p. `differences` has shape (n,), 1 <= n <= 20; zeros are kept.
    Raises ValueError for another shape, NaN, infinity, or more than 20 differences.
    Source: R. A. Fisher, The Design of Experiments (1935), section 21.
    """
    array = _differences(differences, least=1)
    if len(array) > MAX_FLIPS:
        raise ValueError(
            f"{len(array)} differences have 2**{len(array)} sign flips; the exact test takes at "
            f"most {MAX_FLIPS}: use paired_interval instead"
        )
    # Flipping a subset lowers the sum by twice the subset's sum, so count the subsets <= 0.
    sums = np.zeros(1)
    for difference in array:
        sums = np.concatenate([sums, sums + difference])
    tie = 1e-12 * np.abs(array).sum()
    return float(np.mean(sums <= tie))
