"""What an unfavourable verdict needs: proof that the experiment could have come out otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.claims.measurement import ClaimError, Measurement, stored_number
from repro.claims.rules import Rule
from repro.claims.texts import require_text

#: Measurements of one quantity in one unit do not differ by more than this factor.
SAME_UNIT = 1e6


@dataclass(frozen=True, slots=True)
class Varied:
    """A cause that was varied: its name with a unit, and what was measured at each level.

    `levels` maps two or more numbers, ascending towards the paper's own setting, to measurements
    of the same kind as the claim's. `source` says where they come from ("trial `length`", "cell
    above").
    """

    what: str
    levels: Mapping[int | float, Any]
    source: str


def positive_control(
    rule: Rule, measured: Measurement, control: Measurement, positive: Measurement
) -> None:
    """Refuse a positive control that proves nothing.

    It is an effect known to be there, measured in the same way: the rule must accept it.

    Raises:
        ClaimError: the rule rejects it, it repeats the measurement or the control, or it cannot
            have been measured in the same way.
    """
    for other, name in ((measured, "measurement"), (control, "control")):
        if positive.record() == other.record():
            raise ClaimError(f"the positive control is identical to the {name}")
    comparable("positive control", measured, positive)
    if not rule.accepts(positive):
        raise ClaimError(
            "the rule rejects the positive control as well: the experiment could not have seen "
            "the effect if it were there; give it more power (seeds, data, length), or declare the "
            "claim out of reach"
        )


def comparable(name: str, measured: Measurement, other: Measurement) -> None:
    """Refuse a control that was measured in another way.

    Raises:
        ClaimError: another number of dimensions, or another order of magnitude altogether.
    """
    if len(measured.shape) != len(other.shape):
        raise ClaimError(
            f"the {name} has shape {other.shape}, the measurement {measured.shape}: "
            "measure both in the same way"
        )
    size, most = (max(abs(m.low), abs(m.high)) for m in (measured, other))
    if name != "control" and size and most > SAME_UNIT * size:
        raise ClaimError(
            f"the {name} is more than {SAME_UNIT:g} times the measurement: "
            "it is not the same quantity in the same unit"
        )


def cause(rule: Rule, measured: Measurement, varied: Any) -> dict[str, Any]:
    """Check a varied cause and return its record.

    Raises:
        ClaimError: not `Varied`, fewer than two levels, levels that do not ascend, measurements
            of another kind, or more of the cause that brings the claim no nearer.
    """
    if not isinstance(varied, Varied):
        raise ClaimError(
            "not at this scale needs cause=Varied(what, {level: measurement, ...}, source): what "
            f"was varied towards the paper's setting, and what that did; got {varied!r}"
        )
    what = require_text("cause", varied.what)
    source = require_text("source of the cause", varied.source)
    if not isinstance(varied.levels, Mapping) or len(varied.levels) < 2:
        raise ClaimError(f"the cause {what!r} has fewer than two levels: it was not varied")
    levels = list(varied.levels)
    bad = [x for x in levels if isinstance(x, bool) or not isinstance(x, int | float)]
    if bad or levels != sorted(levels):
        raise ClaimError(
            f"the levels of {what!r} must be numbers that ascend towards the paper's setting, "
            f"got {levels}"
        )
    found = []
    for level, value in varied.levels.items():
        try:
            at = Measurement.of(value)
            rule.fits(at)
        except ClaimError as error:
            raise ClaimError(f"the cause {what!r} at {level}: {error}") from error
        comparable(f"cause {what!r} at {level}", measured, at)
        found.append(at)
    first, last = rule.shortfall(found[0]), rule.shortfall(found[-1])
    if last >= first:
        raise ClaimError(
            f"more of {what!r} brings the claim no nearer (short by {first:.3g} at {levels[0]}, by "
            f"{last:.3g} at {levels[-1]}): then it is not the scale; declare the claim "
            "contradicted, if the opposite rule accepts, or vary another cause"
        )
    shown = [
        {"level": stored_number(level), **at.record(), "text": rule.describe(at)}
        for level, at in zip(levels, found, strict=True)
    ]
    return {"what": what, "levels": shown, "source": source}


def varied_from(record: Mapping[str, Any]) -> Varied:
    """The cause that a stored record holds, as it was passed."""
    levels = {step["level"]: Measurement.from_record(step) for step in record["levels"]}
    return Varied(record["what"], levels, record["source"])
