"""Acceptance rules: objects that judge a measurement and print themselves.

A rule accepts a measurement if every element satisfies it (`improves` and `slope` judge the whole).
`refutes` is the opposite rule: it accepts only what contradicts the claim, and is stricter than a
mere failure (all elements on the wrong side; an interval wholly on the wrong side).
"""

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from repro.claims.measurement import LIMIT, STORED, ClaimError, Measurement, number


def _bound(rule: str, name: str, value: Any) -> int | float:
    """Return a rule's bound as a Python number, or explain why it is none."""
    if isinstance(value, np.integer | np.floating):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ClaimError(f"{rule}: {name} must be a number, got {value!r}")
    if not math.isfinite(value) or abs(value) > LIMIT:
        raise ClaimError(f"{rule}: {name} must be finite and below {LIMIT:g}, got {value!r}")
    return int(value) if isinstance(value, int) else float(value)


class Rule:
    """An acceptance rule; the concrete rules of this module are the only ones a ledger takes."""

    __slots__ = ()
    name: ClassVar[str]
    ordered: ClassVar[bool] = False  # whether the order of the numbers matters
    truths: ClassVar[bool] = False  # whether it judges truth values

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse rules from elsewhere: a stored claim must be judged again by this module."""
        super().__init_subclass__(**options)
        if cls.__module__ != __name__:
            raise ClaimError(f"{cls.__name__}: rules cannot be derived outside {__name__}")

    @property
    def args(self) -> dict[str, Any]:
        """The arguments, as JSON stores them."""
        return {field.name: _listed(getattr(self, field.name)) for field in fields(self)}

    @property
    def text(self) -> str:
        """The rule in words."""
        return self._text()

    def __repr__(self) -> str:
        return self.text

    def fits(self, measurement: Measurement) -> None:
        """Raise ClaimError if the rule is not made for such a measurement."""
        if measurement.truth and not self.truths:
            raise ClaimError("it is a truth value; expected numbers (or the rule equals(True))")
        self._fits(measurement)

    def accepts(self, value: Any) -> bool:
        """Whether the rule accepts a measurement (anything that Measurement.of takes)."""
        measurement = Measurement.of(value)
        self.fits(measurement)
        return self._accepts(measurement)

    def refutes(self, value: Any) -> bool:
        """Whether the opposite rule accepts a measurement."""
        measurement = Measurement.of(value)
        self.fits(measurement)
        return self._refutes(measurement)

    def describe(self, measurement: Measurement, unit: str = "") -> str:
        """Print a measurement the way this rule sees it, with its unit."""
        return self._describe(measurement, f" {unit}" if unit else "")

    def _fits(self, measurement: Measurement) -> None:
        """Refuse what this rule cannot judge; most rules take any numbers."""

    def _describe(self, measurement: Measurement, unit: str) -> str:
        return measurement.text + unit


@dataclass(frozen=True, slots=True, repr=False)
class Equals(Rule):
    """Every element equals `expected` exactly: a number, True or False, or an array of them.

    An array (at most 64 elements) must have the measurement's shape.
    Opposite: all elements lie on one side of the number (array: every element differs).
    """

    name: ClassVar[str] = "equals"
    ordered: ClassVar[bool] = True
    truths: ClassVar[bool] = True
    expected: Any

    def __post_init__(self) -> None:
        try:
            expected = Measurement.of(self.expected)
        except ClaimError as error:
            raise ClaimError(f"equals: the expected value is unusable, {error}") from error
        if expected.n > STORED:
            raise ClaimError(f"equals: at most {STORED} expected values; compare, then reduce")
        object.__setattr__(self, "expected", _tupled(expected.record()["value"]))

    def _text(self) -> str:
        return f"equals {_printed(self.expected)}"

    def _fits(self, measurement: Measurement) -> None:
        expected = Measurement.of(self.expected)
        if expected.truth != measurement.truth:
            raise ClaimError(
                "truth values and numbers are not compared; "
                "use equals(True) for truth values and numbers for the rest"
            )
        if expected.shape not in ((), measurement.shape):
            raise ClaimError(f"its shape is {measurement.shape}; expected {expected.shape}")

    def _accepts(self, measurement: Measurement) -> bool:
        if isinstance(self.expected, tuple):
            return measurement.values == Measurement.of(self.expected).values
        return measurement.low == measurement.high == self.expected

    def _refutes(self, measurement: Measurement) -> bool:
        if isinstance(self.expected, tuple):
            pairs = zip(measurement.values, Measurement.of(self.expected).values, strict=True)
            return all(got != want for got, want in pairs)
        return not measurement.low <= self.expected <= measurement.high


@dataclass(frozen=True, slots=True, repr=False)
class AtMost(Rule):
    """Every element is at most `bound`. Opposite: every element is above it."""

    name: ClassVar[str] = "at_most"
    bound: int | float

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", _bound("at_most", "bound", self.bound))

    def _text(self) -> str:
        return f"at most {number(self.bound, 6)}"

    def _accepts(self, measurement: Measurement) -> bool:
        return measurement.high <= self.bound

    def _refutes(self, measurement: Measurement) -> bool:
        return measurement.low > self.bound


@dataclass(frozen=True, slots=True, repr=False)
class AtLeast(Rule):
    """Every element is at least `bound`. Opposite: every element is below it.

    With `of`, the elements are counts out of `of` trials: `at_least(3, of=5)`.
    """

    name: ClassVar[str] = "at_least"
    bound: int | float
    of: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", _bound("at_least", "bound", self.bound))
        if self.of is None:
            return
        object.__setattr__(self, "of", _bound("at_least", "of", self.of))
        if not (float(self.of).is_integer() and 0 < self.bound <= self.of):
            raise ClaimError(
                "at_least: a count needs 0 < bound <= of with a whole number of trials, "
                f"got bound={self.bound!r}, of={self.of!r}"
            )

    def _text(self) -> str:
        trials = "" if self.of is None else f" of {number(self.of)}"
        return f"at least {number(self.bound, 6)}{trials}"

    def _fits(self, measurement: Measurement) -> None:
        counts = measurement.values or (measurement.low, measurement.high)
        if self.of is not None and not all(
            float(c).is_integer() and 0 <= c <= self.of for c in counts
        ):
            raise ClaimError(f"it is not a count; expected whole numbers from 0 to {self.of}")

    def _accepts(self, measurement: Measurement) -> bool:
        return measurement.low >= self.bound

    def _refutes(self, measurement: Measurement) -> bool:
        return measurement.high < self.bound


@dataclass(frozen=True, slots=True, repr=False)
class Within(Rule):
    """Every element lies in the closed range [low, high].

    Opposite: all elements lie below it, or all above it.
    """

    name: ClassVar[str] = "within"
    low: int | float
    high: int | float

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", _bound("within", "low", self.low))
        object.__setattr__(self, "high", _bound("within", "high", self.high))
        if self.low > self.high:
            raise ClaimError(f"within: low={self.low!r} exceeds high={self.high!r}")

    def _text(self) -> str:
        return f"within {number(self.low, 6)} to {number(self.high, 6)}"

    def _accepts(self, measurement: Measurement) -> bool:
        return self.low <= measurement.low and measurement.high <= self.high

    def _refutes(self, measurement: Measurement) -> bool:
        return measurement.high < self.low or measurement.low > self.high


@dataclass(frozen=True, slots=True, repr=False)
class Improves(Rule):
    """The mean of paired differences (better minus baseline) is above `by`, beyond chance.

    The measurement is one difference per seed, shape (N,), N >= 5. The lower end of Student's
    two-sided interval at `confidence` (0.8 to 1) must be above `by`; a negative `by` states that
    the method is not worse by more than that. Opposite: the whole interval is below `by`.
    Equal differences are refused: seeds that change nothing are one run told several times.
    """

    name: ClassVar[str] = "improves"
    confidence: float = 0.95
    by: int | float = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", _bound("improves", "by", self.by))
        confidence = _bound("improves", "confidence", self.confidence)
        if not 0.8 <= confidence < 1:
            raise ClaimError(f"improves: confidence must be from 0.8 to below 1, got {confidence}")
        object.__setattr__(self, "confidence", confidence)

    def _text(self) -> str:
        level = f"{100 * self.confidence:g} % interval"
        return f"mean paired difference above {number(self.by, 6)} ({level})"

    def _fits(self, measurement: Measurement) -> None:
        if len(measurement.shape) != 1 or measurement.n < 5:
            raise ClaimError(
                f"its shape is {measurement.shape}; expected (N,), one difference per seed, "
                "with at least 5 pairs"
            )
        scale = max(abs(measurement.low), abs(measurement.high))
        if measurement.high - measurement.low <= 1e-12 * scale:
            raise ClaimError(
                f"all {measurement.n} differences are equal: the seeds changed nothing, "
                "so there is no interval; vary the seeds or claim the exact value"
            )

    def _interval(self, measurement: Measurement) -> Any:
        from repro.stats import t_interval

        return t_interval(measurement.mean, measurement.std, measurement.n, self.confidence)

    def _accepts(self, measurement: Measurement) -> bool:
        return self._interval(measurement).low > self.by

    def _refutes(self, measurement: Measurement) -> bool:
        return self._interval(measurement).high < self.by

    def _describe(self, measurement: Measurement, unit: str) -> str:
        mean, low, high, n = self._interval(measurement)
        return f"{number(mean)} [{number(low)}, {number(high)}]{unit}, n = {n} pairs"


@dataclass(frozen=True, slots=True, repr=False)
class Slope(Rule):
    """The exponent of a power law y ~ x**expected, by least squares on (log x, log y).

    The measurement is a pair (x, y) of 3 to 32 positive numbers each, x with 3 distinct values.
    The fitted slope must be within `within` (above 0, below 1: a tolerance of 1 cannot tell
    linear from quadratic) of `expected`. Opposite: it is further away than that by more than
    two standard errors of the fit.
    """

    name: ClassVar[str] = "slope"
    ordered: ClassVar[bool] = True
    expected: int | float
    within: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", _bound("slope", "expected", self.expected))
        object.__setattr__(self, "within", _bound("slope", "within", self.within))
        if not 0 < self.within < 1:
            raise ClaimError(f"slope: within must be above 0 and below 1, got {self.within!r}")

    def _text(self) -> str:
        return f"log-log slope {number(self.expected, 6)} within {number(self.within, 6)}"

    def _fits(self, measurement: Measurement) -> None:
        shape = measurement.shape
        if len(shape) != 2 or shape[0] != 2 or not 3 <= shape[1] <= STORED // 2:
            raise ClaimError(
                f"its shape is {shape}; expected a pair (x, y) of 3 to {STORED // 2} numbers each"
            )
        if measurement.low <= 0:
            raise ClaimError("a log-log slope needs positive numbers")
        if len(set(measurement.values[: shape[1]])) < 3:
            raise ClaimError("a slope needs at least 3 distinct x")

    def _fit(self, measurement: Measurement) -> tuple[float, float]:
        """Return the slope and its standard error."""
        n = measurement.shape[1]
        logs = [math.log(v) for v in measurement.values]
        x_mean, y_mean = math.fsum(logs[:n]) / n, math.fsum(logs[n:]) / n
        x, y = [v - x_mean for v in logs[:n]], [v - y_mean for v in logs[n:]]
        sxx = math.fsum(a * a for a in x)
        slope = math.fsum(a * b for a, b in zip(x, y, strict=True)) / sxx
        residual = math.fsum((b - slope * a) ** 2 for a, b in zip(x, y, strict=True))
        return slope, math.sqrt(residual / (n - 2) / sxx)

    def _accepts(self, measurement: Measurement) -> bool:
        return abs(self._fit(measurement)[0] - self.expected) <= self.within

    def _refutes(self, measurement: Measurement) -> bool:
        slope, error = self._fit(measurement)
        return abs(slope - self.expected) > self.within + 2 * error

    def _describe(self, measurement: Measurement, unit: str) -> str:
        return f"slope {number(self._fit(measurement)[0])} over {measurement.shape[1]} points"


equals, at_most, at_least, within = Equals, AtMost, AtLeast, Within
improves, slope = Improves, Slope

#: Every rule by the name that stored records use.
RULES: dict[str, type[Rule]] = {
    rule.name: rule for rule in (Equals, AtMost, AtLeast, Within, Improves, Slope)
}


def rebuild(name: str, args: dict[str, Any]) -> Rule:
    """Make a rule from its stored name and arguments, with the same checks as at first.

    Raises ClaimError for an unknown rule or arguments that the rule refuses.
    """
    if name not in RULES:
        raise ClaimError(f"unknown rule {name!r}; the rules are {', '.join(RULES)}")
    try:
        return RULES[name](**args)
    except TypeError as error:
        raise ClaimError(f"rule {name}: {error}") from error


def _tupled(value: Any) -> Any:
    """Turn nested lists into nested tuples."""
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value


def _listed(value: Any) -> Any:
    """Turn nested tuples into nested lists."""
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def _printed(value: Any) -> str:
    """Print a number, or nested numbers in parentheses."""
    if isinstance(value, tuple):
        return "(" + ", ".join(_printed(v) for v in value) + ")"
    return number(value, 6)
