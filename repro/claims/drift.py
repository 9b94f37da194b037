"""How far a measurement may move when a chapter is executed again.

A rule can accept much more than the method gives today, so that a method could get worse unseen.
Therefore each entry says how its numbers move between machines, and verification compares.
"""

import math
from dataclasses import dataclass
from typing import Any

from repro.claims.measurement import ClaimError, Measurement, number
from repro.claims.rules import AtMost, Improves, Rule

#: Half the interval over seeds, times this, is how far a mean over seeds may move. Training that is
#: rounded otherwise gives other networks; two means of five seeds then differ by more than this
#: once in ten thousand cases.
WIDENED = 2.0
#: By how much a closed form may differ between two machines, relative to its size.
ROUNDED = 1e-6
#: A rounding error may grow by this factor, or to this share of its bound.
NOISE_FACTOR, NOISE_SHARE = 10.0, 1e-3


@dataclass(frozen=True, slots=True)
class Drift:
    """A band around a stored measurement.

    `name` is "exact" (the same numbers), "rounding" (an error that stays of its order of magnitude),
    "relative" (every number within `by` of its size), "absolute" (within `by`, in the unit of the
    measurement) or "seeds" (the mean within `by` times half the 95 % interval over seeds).
    """

    name: str
    by: float = 0.0

    def __post_init__(self) -> None:
        """Check the name and the width."""
        if self.name not in ("exact", "rounding", "relative", "absolute", "seeds"):
            raise ClaimError(f"drift: unknown band {self.name!r}")
        width = self.by
        if isinstance(width, bool) or not isinstance(width, int | float):
            raise ClaimError(f"drift: expected a number for {self.name}, got {width!r}")
        sized = self.name in ("relative", "absolute", "seeds")
        if not math.isfinite(width) or (width <= 0) == sized:
            raise ClaimError(f"drift: a positive, finite width for {self.name}, got {width!r}")
        if self.name == "relative" and width >= 1:
            raise ClaimError(f"drift: a relative band must be below 1, got {width!r}")
        object.__setattr__(self, "by", float(width))

    @property
    def text(self) -> str:
        """The band in words."""
        by = number(self.by, 6)
        return {
            "exact": "exactly the same",
            "rounding": "a rounding error of the same order",
            "relative": f"within {by} of its size",
            "absolute": f"within {by}",
            "seeds": f"mean within {by} times half its interval over seeds",
        }[self.name]

    def holds(self, old: Measurement, new: Measurement, rule: Rule) -> bool:
        """Whether a new measurement lies in the band around the stored one."""
        if old.shape != new.shape or old.truth != new.truth:
            return False
        if self.name == "seeds":
            return abs(new.mean - old.mean) <= self.by * _half_interval(old)
        if self.name == "rounding":
            floor = NOISE_SHARE * rule.step(old)
            size, past = (max(abs(m.low), abs(m.high)) for m in (new, old))
            return size <= max(floor, NOISE_FACTOR * past) and past <= max(
                floor, NOISE_FACTOR * size
            )
        pairs = zip(_numbers(old), _numbers(new), strict=True)
        if self.name == "exact":
            return all(a == b for a, b in pairs)
        scale = max(abs(old.low), abs(old.high)) if self.name == "relative" else 1.0
        return all(abs(a - b) <= self.by * scale for a, b in pairs)


def absolute(by: float) -> Drift:
    """Numbers that may move by `by`, in their unit: one trained network, say."""
    return Drift("absolute", by)


def relative(by: float = ROUNDED) -> Drift:
    """Numbers that may move by a share `by` of the largest of them."""
    return Drift("relative", by)


def seeds(by: float = WIDENED) -> Drift:
    """A mean over seeds that may move by `by` times half its 95 % interval."""
    return Drift("seeds", by)


def default(rule: Rule, measured: Measurement) -> Drift:
    """The band of an entry that declares none.

    Integers and truth values are exact, paired differences follow their interval, floats under
    `at_most` are rounding errors, and other floats are closed forms.
    """
    if isinstance(rule, Improves):
        return seeds()
    if measured.truth or all(isinstance(v, int) for v in _numbers(measured)):
        return Drift("exact")
    return Drift("rounding") if isinstance(rule, AtMost) else relative()


def check(drift: Any, rule: Rule, measured: Measurement) -> Drift:
    """The declared band or the default one.

    Raises:
        ClaimError: not a band, or one over seeds for fewer than three numbers.
    """
    if drift is None:
        return default(rule, measured)
    if not isinstance(drift, Drift):
        raise ClaimError(
            f"drift must be absolute(x), relative(x), seeds() or left out, got {drift!r}"
        )
    if drift.name == "seeds" and (len(measured.shape) != 1 or measured.n < 3):
        raise ClaimError(
            f"drift: seeds() needs one number per seed, (N,) with N >= 3, got {measured.shape}; "
            "use absolute(x) or relative(x)"
        )
    return drift


def _half_interval(measurement: Measurement) -> float:
    """Half of Student's 95 % interval of the mean."""
    from repro.stats import t_interval

    return t_interval(0.0, measurement.std, measurement.n).high


def _numbers(measurement: Measurement) -> tuple[float, ...]:
    """All numbers, or what is kept of many."""
    if measurement.values is not None:
        return measurement.values
    return (measurement.low, measurement.high, measurement.mean, measurement.std)
