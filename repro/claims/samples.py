"""Rules that judge a measurement as a whole: paired differences, and power laws."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from repro.claims.measurement import STORED, ClaimError, Measurement, number
from repro.claims.rule import Rule, bound


@dataclass(frozen=True, slots=True, repr=False)
class Improves(Rule):
    """The mean of paired differences (better minus baseline) is above `by`, beyond chance.

    The measurement is one difference per seed, shape (N,), N >= 5. The lower end of Student's
    two-sided interval must be above `by`. Opposite: the whole interval is below `by`.
    Equal differences are refused, and differences that all come twice: seeds that change nothing,
    or the same runs told again, are no replicates.

    Attributes:
        confidence: of the interval, from 0.95 to below 1.
        by: the least difference; a negative one states that the method is not worse by more.
    """

    name: ClassVar[str] = "improves"
    confidence: float = 0.95
    by: int | float = 0

    def __post_init__(self) -> None:
        """Check the confidence and the least difference."""
        object.__setattr__(self, "by", bound("improves", "by", self.by))
        confidence = bound("improves", "confidence", self.confidence)
        if not 0.95 <= confidence < 1:
            raise ClaimError(f"improves: confidence must be from 0.95 to below 1, got {confidence}")
        object.__setattr__(self, "confidence", confidence)

    @property
    def text(self) -> str:
        """The rule in words."""
        level = f"{100 * self.confidence:g} % interval"
        return f"mean paired difference above {number(self.by, 6)} ({level})"

    def fits(self, measurement: Measurement) -> None:
        """Refuse too few differences, equal ones, and repeated ones."""
        Rule.fits(self, measurement)
        n = measurement.n
        if len(measurement.shape) != 1 or n < 5:
            raise ClaimError(
                f"its shape is {measurement.shape}; expected (N,), one difference per seed, "
                "with at least 5 pairs"
            )
        if measurement.high - measurement.low <= 1e-12 * measurement.size:
            raise ClaimError(
                f"all {n} differences are equal: the seeds changed nothing, "
                "so there is no interval; vary the seeds or claim the exact value"
            )
        counts = Counter(measurement.values or range(n))
        times = math.gcd(*counts.values())
        if times > 1 and (len(counts) > 3 or any(not float(v).is_integer() for v in counts)):
            raise ClaimError(
                f"every difference comes {times} times or a multiple of it: "
                "the same runs told again are no replicates"
            )

    def interval(self, measurement: Measurement) -> tuple[float, float, float, int]:
        """Mean, lower and upper end of Student's interval, and the number of pairs."""
        from repro.stats import t_interval

        return t_interval(measurement.mean, measurement.std, measurement.n, self.confidence)

    def shortfall(self, measurement: Measurement) -> float:
        """How far the mean difference stays below `by`."""
        return self.by - measurement.mean

    def spread(self, measurement: Measurement) -> float:
        """Half the interval."""
        mean, low, _, _ = self.interval(measurement)
        return mean - low

    def accepts(self, measurement: Measurement) -> bool:
        """Whether the whole interval is above `by`."""
        return self.interval(measurement)[1] > self.by

    def refutes(self, measurement: Measurement) -> bool:
        """Whether the whole interval is below `by`."""
        return self.interval(measurement)[2] < self.by

    def describe(self, measurement: Measurement, unit: str = "") -> str:
        """Mean, interval and number of pairs."""
        mean, low, high, n = self.interval(measurement)
        ends = f"[{number(low)}, {number(high)}]"
        return f"{number(mean)} {ends}{unit and f' {unit}'}, n = {n} pairs"


@dataclass(frozen=True, slots=True, repr=False)
class Slope(Rule):
    """The exponent of a power law y ~ x**expected, by least squares on (log x, log y).

    The measurement is a pair (x, y) of 3 to 32 positive numbers each, x with 3 distinct values.
    Opposite: the slope is too far away by more than two standard errors of the fit.

    Attributes:
        expected: the exponent.
        within: how far the fitted slope may be from it, above 0 and at most a half: more cannot
            tell an order from the next.
    """

    name: ClassVar[str] = "slope"
    ordered: ClassVar[bool] = True
    identity: ClassVar[bool] = True
    expected: int | float
    within: float

    def __post_init__(self) -> None:
        """Check exponent and tolerance."""
        object.__setattr__(self, "expected", bound("slope", "expected", self.expected))
        object.__setattr__(self, "within", bound("slope", "within", self.within))
        if not 0 < self.within <= 0.5:
            raise ClaimError(f"slope: within must be above 0 and at most 0.5, got {self.within!r}")

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"log-log slope {number(self.expected, 6)} within {number(self.within, 6)}"

    def fits(self, measurement: Measurement) -> None:
        """Refuse what is not a pair of enough positive numbers."""
        Rule.fits(self, measurement)
        shape = measurement.shape
        if len(shape) != 2 or shape[0] != 2 or not 3 <= shape[1] <= STORED // 2:
            raise ClaimError(
                f"its shape is {shape}; expected a pair (x, y) of 3 to {STORED // 2} numbers each"
            )
        if measurement.low <= 0:
            raise ClaimError("a log-log slope needs positive numbers")
        if len(set(measurement.values[: shape[1]])) < 3:
            raise ClaimError("a slope needs at least 3 distinct x")

    def fit(self, measurement: Measurement) -> tuple[float, float]:
        """The slope and its standard error."""
        from repro.stats import loglog_slope

        n = measurement.shape[1]
        return loglog_slope(measurement.values[:n], measurement.values[n:])

    def shortfall(self, measurement: Measurement) -> float:
        """How far the slope lies outside the tolerance."""
        return abs(self.fit(measurement)[0] - self.expected) - self.within

    def step(self, measurement: Measurement) -> float:
        """The tolerance."""
        return self.within

    def spread(self, measurement: Measurement) -> float:
        """Two standard errors of the fit."""
        return 2 * self.fit(measurement)[1]

    def refutes(self, measurement: Measurement) -> bool:
        """Whether the slope lies outside by more than two standard errors."""
        return self.shortfall(measurement) > self.spread(measurement)

    def describe(self, measurement: Measurement, unit: str = "") -> str:
        """The slope and the number of points."""
        slope = number(self.fit(measurement)[0])
        return f"slope {slope}{unit and f' {unit}'} over {measurement.shape[1]} points"
