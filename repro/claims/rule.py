"""What every acceptance rule can do."""

from dataclasses import fields
from typing import Any, ClassVar

from repro.claims.measurement import (
    LIMIT,
    ClaimError,
    Measurement,
    glimpse,
    is_number,
    number,
    plain,
    stored_number,
)


def bound(rule: str, name: str, value: Any) -> int | float:
    """A rule's bound as a Python number, or why it is none."""
    value = plain(value)
    if not is_number(value):
        raise ClaimError(
            f"{rule}: {name} must be a finite number up to {LIMIT:g}, got {glimpse(value)}"
        )
    return int(value) if isinstance(value, int) else float(value)


class Rule:
    """An acceptance rule; the concrete rules of this module are the only ones a ledger takes."""

    __slots__ = ()
    name: ClassVar[str]
    ordered: ClassVar[bool] = False  # whether the order of the numbers matters
    truths: ClassVar[bool] = False  # whether it judges truth values
    identity: ClassVar[bool] = False  # whether it can judge a check

    @property
    def args(self) -> dict[str, Any]:
        """The arguments, as JSON stores them."""
        return {field.name: listed(getattr(self, field.name)) for field in fields(self)}

    @property
    def text(self) -> str:
        """The rule in words."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.text

    def fits(self, measurement: Measurement) -> None:
        """Raise ClaimError if the rule is not made for such a measurement."""
        if measurement.truth and not self.truths:
            raise ClaimError("it is a truth value; expected numbers (or the rule equals(True))")

    def shortfall(self, measurement: Measurement) -> float:
        """How far a measurement is from being accepted, in its own unit; 0 or less: it is there."""
        raise NotImplementedError

    def spread(self, measurement: Measurement) -> float:
        """By how much chance may have moved the shortfall; 0 for rules that do not reckon with it.

        What is short by more than this is refuted, as far as chance goes.
        """
        return 0.0

    def step(self, measurement: Measurement) -> float:
        """For identities, the unit of a disturbance: bound, tolerance, or least difference."""
        raise NotImplementedError

    def accepts(self, measurement: Measurement) -> bool:
        """Whether the rule accepts a measurement."""
        return self.shortfall(measurement) <= 0

    def refutes(self, measurement: Measurement) -> bool:
        """Whether the opposite rule accepts a measurement."""
        raise NotImplementedError

    def describe(self, measurement: Measurement, unit: str = "") -> str:
        """A measurement as this rule sees it."""
        return measurement.text(unit)


def tupled(value: Any) -> Any:
    """Nested lists as nested tuples."""
    return tuple(tupled(v) for v in value) if isinstance(value, list) else value


def listed(value: Any) -> Any:
    """Nested tuples as nested lists, numbers as JSON keeps them."""
    if isinstance(value, tuple | list):
        return [listed(v) for v in value]
    return stored_number(value) if isinstance(value, bool | int | float) else value


def printed(value: Any) -> str:
    """A number, or nested numbers in parentheses."""
    if isinstance(value, tuple):
        return "(" + ", ".join(printed(v) for v in value) + ")"
    return number(value, 6)
