"""Statistics for paired runs and power laws: Student's interval, the slope in logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A confidence interval [low, high] around a mean of n numbers, in the numbers' unit."""

    mean: float
    low: float
    high: float
    n: int


def t_interval(mean: float, std: float, n: int, confidence: float = 0.95) -> Interval:
    """Student's two-sided interval from a mean and a sample standard deviation.

    Args:
        mean: in any unit.
        std: sample standard deviation (over n - 1), in the same unit, 0 or more.
        n: number of samples, 2 or more.
        confidence: share of such intervals that hold the true mean, between 0 and 1.

    Raises:
        ValueError: an argument outside these ranges.
    """
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    if n < 2 or not 0 < confidence < 1 or not std >= 0:
        raise ValueError(
            f"expected n >= 2, 0 < confidence < 1 and std >= 0, got {n}, {confidence}, {std}"
        )
    half = float(stdtrit(n - 1, 0.5 + confidence / 2)) * std / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_interval(
    differences: Sequence[float] | np.ndarray, confidence: float = 0.95
) -> Interval:
    """Student's two-sided interval for the mean of paired differences.

    It shrinks to a point when all differences are equal.

    Args:
        differences: (n,), one difference per pair, n 2 or more.
        confidence: share of such intervals that hold the true mean, between 0 and 1.

    Raises:
        ValueError: another shape, NaN or infinity, or another confidence.
    """
    array = np.asarray(differences, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(
            f"expected paired differences of shape (n,) with n >= 2, got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"the differences hold NaN or infinity: {array.tolist()}")
    return t_interval(float(array.mean()), float(array.std(ddof=1)), len(array), confidence)


def crossed_interval(
    differences: Sequence[Sequence[float]] | np.ndarray, confidence: float = 0.95
) -> Interval:
    """Interval for the mean of differences over two crossed samples, such as runs and subjects.

    Every run is measured on every subject, so the S P differences are no S P replicates. The
    variance of their mean is taken as that of the S row means over S, plus that of the P column
    means over P. What rows and columns do together is in both, so this variance is not too small.
    Degrees of freedom are those of Satterthwaite (1946), an approximation: with three rows, six
    columns and normal numbers a 95 % interval holds the mean in 93 % (the rows alone differ much)
    to 99 % of all cases, with two rows in 89 % or more.

    Args:
        differences: (S, P), S rows and P columns, 2 or more of each.
        confidence: share of such intervals that hold the true mean, between 0 and 1.

    Returns:
        The interval; its `n` is S P.

    Raises:
        ValueError: another shape, NaN or infinity, or another confidence.
    """
    from scipy.special import stdtrit

    array = np.asarray(differences, dtype=np.float64)
    if array.ndim != 2 or min(array.shape) < 2 or not np.isfinite(array).all():
        raise ValueError(
            "expected finite differences of shape (S, P), 2 or more of each, "
            f"got shape {array.shape}"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"expected 0 < confidence < 1, got {confidence}")
    parts = [array.mean(axis).var(ddof=1) / array.shape[1 - axis] for axis in (0, 1)]
    free = [array.shape[1 - axis] - 1 for axis in (0, 1)]
    mean, variance = float(array.mean()), float(sum(parts))
    if not variance:
        return Interval(mean, mean, mean, array.size)
    freedom = variance**2 / sum(part**2 / f for part, f in zip(parts, free, strict=True))
    half = float(stdtrit(freedom, 0.5 + confidence / 2)) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half, array.size)


class Slope(NamedTuple):
    """Exponent of a power law, without unit, and its standard error."""

    slope: float
    error: float


def loglog_slope(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> Slope:
    """The exponent b of y = a x**b by least squares on logarithms.

    Every sum is rounded once, so the result does not depend on the order in which a machine adds.

    Args:
        x: (n,) numbers above 0, two or more of them different.
        y: (n,) numbers above 0.

    Returns:
        The slope and its standard error, from residuals over n - 2; the error is NaN for n = 2.

    Raises:
        ValueError: other numbers, or another shape.
    """
    x, y = (np.asarray(values, np.float64) for values in (x, y))
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise ValueError(
            f"a log-log slope needs x and y of shape (n,), n >= 2, got {x.shape} and {y.shape}"
        )
    usable = np.isfinite([x, y]).all() and min(x.min(), y.min()) > 0
    if not usable or len(set(x.tolist())) < 2:
        raise ValueError(
            "a log-log slope needs finite numbers above 0 and two different x, "
            f"got x = {x.tolist()} and y = {y.tolist()}"
        )
    u, v = _centred(x), _centred(y)
    spread = math.fsum(a * a for a in u)
    slope = math.fsum(a * b for a, b in zip(u, v, strict=True)) / spread
    if len(u) == 2:
        return Slope(slope, math.nan)
    rest = math.fsum((b - slope * a) ** 2 for a, b in zip(u, v, strict=True))
    return Slope(slope, math.sqrt(rest / (len(u) - 2) / spread))


def _centred(values: np.ndarray) -> list[float]:
    """Logarithms minus their mean."""
    logarithms = [math.log(value) for value in values.tolist()]
    mean = math.fsum(logarithms) / len(logarithms)
    return [value - mean for value in logarithms]
