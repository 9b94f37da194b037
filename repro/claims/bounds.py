"""Rules that judge every element of a measurement by a bound."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from repro.claims.measurement import STORED, ClaimError, Measurement, gap, number
from repro.claims.rule import Rule, bound, printed, tupled

#: What a float that should equal another may differ by when the two are said to be close.
FLOAT_STEP = 1e-6


@dataclass(frozen=True, slots=True, repr=False)
class Equals(Rule):
    """Every element equals what is expected, exactly.

    Opposite: all elements lie on one side of the number (array: every element differs).

    Attributes:
        expected: a number, True or False, or an array of them in the measurement's shape, of 64
            elements at most.
    """

    name: ClassVar[str] = "equals"
    ordered: ClassVar[bool] = True
    truths: ClassVar[bool] = True
    identity: ClassVar[bool] = True
    expected: Any

    def __post_init__(self) -> None:
        """Keep the expected value as nested tuples of Python numbers."""
        try:
            expected = Measurement.of(self.expected)
        except ClaimError as error:
            raise ClaimError(f"equals: the expected value is unusable, {error}") from error
        if expected.values is None:
            raise ClaimError(f"equals: at most {STORED} expected values; compare, then reduce")
        nested = np.array(expected.values, dtype=object).reshape(expected.shape).tolist()
        object.__setattr__(self, "expected", tupled(nested))

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"equals {printed(self.expected)}"

    def fits(self, measurement: Measurement) -> None:
        """Refuse a mixture of truth values and numbers, and another shape."""
        expected = Measurement.of(self.expected)
        if expected.truth != measurement.truth:
            raise ClaimError(
                "truth values and numbers are not compared; "
                "use equals(True) for truth values and numbers for the rest"
            )
        if expected.shape not in ((), measurement.shape):
            raise ClaimError(f"its shape is {measurement.shape}; expected {expected.shape}")

    def shortfall(self, measurement: Measurement) -> float:
        """The largest distance of an element from what it should equal."""
        expected = Measurement.of(self.expected)
        if expected.shape == ():
            return max(abs(gap(end, expected.low)) for end in (measurement.low, measurement.high))
        pairs = zip(measurement.values, expected.values, strict=True)
        return max(abs(gap(got, want)) for got, want in pairs)

    def step(self, measurement: Measurement) -> float:
        """A hundredth of what is expected; at least one for integers, a rounding error for floats.

        So a closed form for 1,239 cycles has 609 for a near miss, and no mismatch has a hundred.
        """
        expected = Measurement.of(self.expected)
        numbers = (measurement.low, measurement.high, expected.low, expected.high)
        least = 1.0 if all(float(n).is_integer() for n in numbers) else FLOAT_STEP
        return max(least, expected.size / 100)

    def refutes(self, measurement: Measurement) -> bool:
        """Whether every element differs, all to one side of a single number."""
        expected = Measurement.of(self.expected)
        if expected.shape == ():
            return not measurement.low <= expected.low <= measurement.high
        return all(a != b for a, b in zip(measurement.values, expected.values, strict=True))


@dataclass(frozen=True, slots=True, repr=False)
class AtMost(Rule):
    """Every element, an absolute value, is at most a bound. Opposite: every element is above it.

    Negative numbers are refused: an error turned round would always pass. A gain or a loss that may
    have either sign is stated with `at_least`.

    Attributes:
        bound: 0 or more, in the unit of the measurement.
    """

    name: ClassVar[str] = "at_most"
    identity: ClassVar[bool] = True
    bound: int | float

    def __post_init__(self) -> None:
        """Check the bound."""
        object.__setattr__(self, "bound", bound("at_most", "bound", self.bound))
        if self.bound < 0:
            raise ClaimError(
                f"at_most: the bound of an absolute value is 0 or more, got {self.bound!r}; "
                "state a gain with at_least"
            )

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"at most {number(self.bound, 6)}"

    def fits(self, measurement: Measurement) -> None:
        """Refuse negative numbers."""
        Rule.fits(self, measurement)
        if measurement.low < 0:
            raise ClaimError(
                f"it holds {number(measurement.low)}, and a negative number is always at most "
                f"{number(self.bound, 6)}: take the absolute value of an error, or state a gain "
                "with at_least"
            )

    def shortfall(self, measurement: Measurement) -> float:
        """How far the largest element exceeds the bound."""
        return gap(measurement.high, self.bound)

    def step(self, measurement: Measurement) -> float:
        """The bound; for the bound 0, the least difference."""
        return float(self.bound) or Equals(0).step(measurement)

    def refutes(self, measurement: Measurement) -> bool:
        """Whether every element is above the bound."""
        return measurement.low > self.bound


@dataclass(frozen=True, slots=True, repr=False)
class AtLeast(Rule):
    """Every element is at least a bound. Opposite: every element is below it.

    Attributes:
        bound: in the unit of the measurement.
        of: where the elements are counts, how many trials they are out of: `at_least(3, of=5)`.
    """

    name: ClassVar[str] = "at_least"
    bound: int | float
    of: int | None = None

    def __post_init__(self) -> None:
        """Check the bound, and that a count can reach and miss it."""
        object.__setattr__(self, "bound", bound("at_least", "bound", self.bound))
        if self.of is None:
            return
        object.__setattr__(self, "of", bound("at_least", "of", self.of))
        if not (float(self.of).is_integer() and 0 < self.bound <= self.of):
            raise ClaimError(
                "at_least: a count needs 0 < bound <= of with a whole number of trials, "
                f"got bound={self.bound!r}, of={self.of!r}"
            )

    @property
    def text(self) -> str:
        """The rule in words."""
        trials = "" if self.of is None else f" of {number(self.of)}"
        return f"at least {number(self.bound, 6)}{trials}"

    def fits(self, measurement: Measurement) -> None:
        """Refuse what is not a count where counts are judged."""
        Rule.fits(self, measurement)
        counts = measurement.values or (measurement.low, measurement.high)
        if self.of is not None and not all(
            float(c).is_integer() and 0 <= c <= self.of for c in counts
        ):
            raise ClaimError(f"it is not a count; expected whole numbers from 0 to {self.of}")

    def shortfall(self, measurement: Measurement) -> float:
        """How far the smallest element stays below the bound."""
        return gap(self.bound, measurement.low)

    def refutes(self, measurement: Measurement) -> bool:
        """Whether every element is below the bound."""
        return measurement.high < self.bound


@dataclass(frozen=True, slots=True, repr=False)
class Within(Rule):
    """Every element lies in a closed range. Opposite: all lie below it, or all above it.

    Attributes:
        low: the lower end, in the unit of the measurement.
        high: the upper end, above it.
    """

    name: ClassVar[str] = "within"
    low: int | float
    high: int | float

    def __post_init__(self) -> None:
        """Check both ends."""
        object.__setattr__(self, "low", bound("within", "low", self.low))
        object.__setattr__(self, "high", bound("within", "high", self.high))
        if self.low >= self.high:
            raise ClaimError(
                f"within: low={self.low!r} is not below high={self.high!r}; "
                "use equals for a single value"
            )

    @property
    def text(self) -> str:
        """The rule in words."""
        return f"within {number(self.low, 6)} to {number(self.high, 6)}"

    def shortfall(self, measurement: Measurement) -> float:
        """How far the worst element lies outside."""
        return max(gap(self.low, measurement.low), gap(measurement.high, self.high))

    def refutes(self, measurement: Measurement) -> bool:
        """Whether all elements lie on one side of the range."""
        return measurement.high < self.low or measurement.low > self.high
