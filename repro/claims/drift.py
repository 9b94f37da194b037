"""How far a measurement may move when a chapter is executed again.

A rule can accept much more than the method gives today, so that a method could get worse unseen.
Therefore each entry says how its numbers move between machines, and verification compares.
"""

from dataclasses import dataclass
from typing import Any

from repro.claims.measurement import (
    ClaimError,
    Measurement,
    gap,
    glimpse,
    is_number,
    number,
    plain,
    stored_number,
)
from repro.claims.rules import AtMost, Improves, Rule

#: Half the interval over seeds, times this, is how far a mean over seeds may move. Training that is
#: rounded otherwise gives other networks; two means of five seeds then differ by more than this
#: once in ten thousand cases.
WIDENED = 2.0
#: By how much a closed form may differ between two machines, relative to its size.
ROUNDED = 1e-6
#: An error is a rounding error up to this size, or up to this share of its bound.
ROUNDING, ROUNDING_SHARE = 1e-5, 1e-2
#: A rounding error may grow by this factor, or to this share of its bound.
NOISE_FACTOR, NOISE_SHARE = 10.0, 1e-3
NAMES = ("exact", "rounding", "relative", "absolute", "seeds")


@dataclass(frozen=True, slots=True)
class Drift:
    """A band around a stored measurement.

    Attributes:
        name: "exact" (the same numbers), "rounding" (an error that stays of its order of
            magnitude), "relative" (every number within `by` times the largest of them), "absolute"
            (within `by`, in the unit of the measurement) or "seeds" (the mean within `by` times
            half the 95 % interval over seeds).
        by: the width, above 0; 0 for the first two.
    """

    name: str
    by: int | float = 0

    def __post_init__(self) -> None:
        """Check the name and the width."""
        width, sized = plain(self.by), self.name in NAMES[2:]
        if self.name not in NAMES:
            raise ClaimError(f"drift: expected one of {', '.join(NAMES)}, got {self.name!r}")
        if not is_number(width) or (width <= 0) == sized:
            wanted = "a width above 0" if sized else "no width"
            raise ClaimError(f"drift: expected {wanted} for {self.name}, got {glimpse(width)}")
        if self.name == "relative" and width >= 1:
            raise ClaimError(f"drift: expected a relative band below 1, got {width!r}")
        object.__setattr__(self, "by", width)

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

    def record(self) -> dict[str, Any]:
        """The band as it is stored."""
        return {"name": self.name, "by": stored_number(self.by), "text": self.text}

    def reach(self, measurement: Measurement, rule: Rule) -> float:
        """How far a number (for seeds: the mean) may move from a stored measurement."""
        if self.name == "seeds":
            return self.by * _half_interval(measurement)
        if self.name == "rounding":
            floor = NOISE_SHARE * rule.step(measurement)
            return max(floor, NOISE_FACTOR * measurement.size)
        return float(self.by * (measurement.size if self.name == "relative" else 1))

    def holds(self, old: Measurement, new: Measurement, rule: Rule) -> bool:
        """Whether a new measurement lies in the band around the stored one."""
        if old.shape != new.shape or old.truth != new.truth:
            return False
        if self.name == "rounding":
            return old.size <= self.reach(new, rule) and new.size <= self.reach(old, rule)
        return self._distance(old, new) <= self.reach(old, rule)

    def check_control(self, measured: Measurement, control: Measurement, rule: Rule) -> None:
        """Refuse a band in which a method that got much worse would still lie.

        A rounding error, and the interval that `improves` reckons with anyway, are as wide as they
        are; their rule keeps the control out.

        Raises:
            ClaimError: the band reaches more than half way to the control.
        """
        if self.name in ("exact", "rounding"):
            return
        if isinstance(rule, Improves) and self.name == "seeds" and self.by <= WIDENED:
            return
        reach, distance = self.reach(measured, rule), self._distance(measured, control)
        if 2 * reach > distance:
            raise ClaimError(
                f"the drift band ({self.text}, here {reach:.3g}) reaches more than half way to the "
                f"control, {distance:.3g} away: a method that got much worse would still lie in "
                "it; declare a narrower drift="
            )

    def _distance(self, one: Measurement, other: Measurement) -> float:
        """How far two measurements of one shape lie apart, as this band sees it."""
        if self.name == "seeds":
            return abs(one.mean - other.mean)
        return max(abs(gap(a, b)) for a, b in zip(one.numbers, other.numbers, strict=True))


def absolute(by: float) -> Drift:
    """A band for numbers that move by about as much whatever their size: one trained network.

    Args:
        by: how far each number may move, in its unit, above 0.
    """
    return Drift("absolute", by)


def relative(by: float = ROUNDED) -> Drift:
    """A band for numbers that move in proportion to their size.

    Args:
        by: how far each number may move, as a share of the largest of them, between 0 and 1.
    """
    return Drift("relative", by)


def seeds(by: float = WIDENED) -> Drift:
    """A band for the mean of one number per seed, three or more.

    Args:
        by: how far the mean may move, in halves of its 95 % interval, above 0.
    """
    return Drift("seeds", by)


def default(rule: Rule, measured: Measurement) -> Drift:
    """The band of an entry that declares none.

    Integers and truth values are exact, paired differences follow their interval, small errors
    under `at_most` are rounding errors, and other floats are closed forms.
    """
    if isinstance(rule, Improves):
        return seeds()
    if measured.truth or all(isinstance(v, int) for v in measured.numbers):
        return Drift("exact")
    if isinstance(rule, AtMost) and measured.size <= max(ROUNDING, ROUNDING_SHARE * rule.bound):
        return Drift("rounding")
    return relative()


def check(drift: Any, rule: Rule, measured: Measurement, control: Measurement) -> Drift:
    """The declared band, or the default one.

    Raises:
        ClaimError: not a band, one over seeds for fewer than three numbers, or one that is too wide
            to tell measurement and control apart.
    """
    band = default(rule, measured) if drift is None else drift
    if type(band) is not Drift:
        raise ClaimError(
            "drift must be absolute(x), relative(x), seeds() or left out, got " + glimpse(drift)
        )
    if band.name == "rounding" and not isinstance(rule, AtMost):
        raise ClaimError(f"drift: only errors under at_most are rounding errors, got {rule.text!r}")
    if band.name == "seeds" and (len(measured.shape) != 1 or measured.n < 3):
        raise ClaimError(
            f"drift: seeds() needs one number per seed, (N,) with N >= 3, got {measured.shape}; "
            "use absolute(x) or relative(x)"
        )
    band.check_control(measured, control, rule)
    return band


def _half_interval(measurement: Measurement) -> float:
    """Half of Student's 95 % interval of the mean."""
    from repro.stats import t_interval

    return t_interval(0.0, measurement.std, measurement.n).high
