"""What a verdict needs beside its measurement: proof that it could have come out otherwise."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repro.claims.drift import Drift
from repro.claims.measurement import (
    ClaimError,
    Measurement,
    glimpse,
    is_number,
    plain,
    read_number,
    stored_number,
)
from repro.claims.rules import AtMost, Equals, Improves, Rule
from repro.claims.texts import require_text

#: Measurements of one quantity in one unit do not differ by more than this factor.
SAME_UNIT = 1e6
#: A near miss is no larger than the measurement by more than this factor.
NEAR_MISS = 1e3
#: A varied cause must bring the claim nearer by at least this share of what is lacking.
NEARER = 0.1
#: With this many distinct numbers, measurements that lie on one line are copies and not chance.
COPIES = 4


@dataclass(frozen=True, slots=True)
class Varied:
    """A cause that was varied towards the paper's own setting, and beyond the chapter's.

    Attributes:
        what: its name, with a unit.
        levels: what was measured at each of two or more ascending numbers, in the same way as the
            claim's measurement.
        source: where these measurements come from ("trial `length`", "cell above").
    """

    what: str
    levels: Mapping[int | float, Any]
    source: str


def judge_control(rule: Rule, verdict: str, measured: Measurement, control: Measurement) -> None:
    """Refuse a control that could not have turned the verdict.

    Raises:
        ClaimError: measured otherwise, identical to the measurement, on its side of the rule, or
            kept off that side by nothing but its own noise.
    """
    same_shape("control", measured, control)
    if same(rule, measured, control):
        raise ClaimError("the control is identical to the measurement, so it controls nothing")
    if isinstance(rule, Improves) and turned(control, measured):
        raise ClaimError(
            "the control is the measurement turned round, which is always on the other side; run "
            "the method without its key step"
        )
    if verdict == "contradicted":
        same_unit("control", SAME_UNIT, control, measured)
    elif not isinstance(rule, AtMost | Equals):  # a fault is larger than rounding by any factor
        same_unit("control", NEAR_MISS, control, measured)
    short, noise = rule.shortfall(control), rule.spread(control)
    if verdict == "contradicted":
        if rule.refutes(control):
            raise ClaimError(
                "the opposite rule accepts the control as well, so the contradiction could not "
                "have failed; use a control for which the paper's statement is not refuted"
            )
        noisy = noise > 0 and short > 0 and rule.shortfall(measured) <= noise
    else:
        if rule.accepts(control):
            raise ClaimError(
                "the rule accepts the control as well, so this cannot fail; "
                "use a stricter rule or a control that is really wrong"
            )
        if isinstance(rule, Improves) and 2 * rule.by < min(control.mean, 0):
            raise ClaimError(
                f"the margin, {rule.by:g}, is more than half of what the control loses, "
                f"{control.mean:.3g}: not worse by that margin says little; narrow it"
            )
        noisy = noise > 0 and short < 0 and rule.shortfall(measured) >= -noise
    if noisy:
        raise ClaimError(
            "only its noise keeps the control on the other side of the rule: with that noise, the "
            "measurement itself would have come out otherwise; measure the control more often, or "
            "use one that is really wrong"
        )


def positive_control(
    rule: Rule, measured: Measurement, control: Measurement, positive: Measurement
) -> None:
    """Refuse a positive control that proves nothing.

    It is an effect known to be there, measured in the same way: the rule must accept it.

    Raises:
        ClaimError: the rule rejects it, it would not be seen through the noise of the measurement,
            it is made from the measurement or the control, or it was not measured in the same way.
    """
    same_shape("positive control", measured, positive)
    for other, name in ((measured, "measurement"), (control, "control")):
        if same(rule, positive, other):
            raise ClaimError(f"the positive control is identical to the {name}")
        if shifted(positive, other) or turned(positive, other):
            raise ClaimError(
                f"the positive control is the {name} shifted, scaled or turned round: it was "
                "computed from it, not measured; measure an effect that is known to be there (if "
                "both are differences from the same baseline, run the baseline with other seeds)"
            )
    same_unit("positive control", SAME_UNIT, positive, measured, control)
    if not rule.accepts(positive):
        raise ClaimError(
            "the rule rejects the positive control as well: the experiment could not have seen "
            "the effect if it were there; give it more power (seeds, data, length), or declare the "
            "claim out of reach"
        )
    if (noise := rule.spread(measured)) and rule.shortfall(positive) >= -noise:
        raise ClaimError(
            "the measurement is so noisy that even the positive control would not have been seen "
            "through it; give it more power (seeds, data, length), or declare the claim out of "
            "reach"
        )


def same(rule: Rule, one: Measurement, other: Measurement) -> bool:
    """Whether a rule sees the same numbers, in their order only if it minds the order."""
    if one.values is None or other.values is None:
        return one == other
    if rule.ordered:
        return one.values == other.values
    return sorted(one.values) == sorted(other.values)


def shifted(one: Measurement, other: Measurement) -> bool:
    """Whether one measurement is another of the same shape, shifted and scaled."""
    return _alike(one, other, 1)


def turned(one: Measurement, other: Measurement) -> bool:
    """Whether one measurement is another of the same shape, turned round, shifted and scaled."""
    return _alike(one, other, -1)


def _alike(one: Measurement, other: Measurement, sign: int) -> bool:
    """Whether the numbers lie on one line that rises or falls, too many to do so by chance."""
    if 0 in (one.std, other.std) or len(set(other.values or range(other.n))) < COPIES:
        return False
    first, second = _standardised(one), [sign * z for z in _standardised(other)]
    if other.values is None:  # lowest and highest of many change places
        second.sort()
    return all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(first, second, strict=True))


def _standardised(measurement: Measurement) -> list[float]:
    """All numbers, or the extremes of many, as distances from the mean in standard deviations."""
    points = measurement.values or (measurement.low, measurement.high)
    return [(point - measurement.mean) / measurement.std for point in points]


def same_shape(name: str, measured: Measurement, other: Measurement) -> None:
    """Refuse a control of another shape: fewer numbers are sooner accepted and sooner rejected.

    Raises:
        ClaimError: the shapes differ.
    """
    if measured.shape != other.shape:
        raise ClaimError(
            f"the {name} has shape {other.shape}, the measurement {measured.shape}: "
            "measure both in the same way"
        )


def same_unit(name: str, factor: float, other: Measurement, *known: Measurement) -> None:
    """Refuse a measurement of another order of magnitude altogether.

    Raises:
        ClaimError: it is larger than any of those known by more than the factor.
    """
    size = max(measurement.size for measurement in known)
    if other.size > (factor * size or SAME_UNIT):
        raise ClaimError(
            f"the {name} is more than {factor:g} times the measurement: "
            "it is not the same quantity in the same unit, or no near miss"
        )


def cause(rule: Rule, band: Drift, measured: Measurement, varied: Any, unit: str) -> dict[str, Any]:
    """Check a varied cause and return its record.

    Raises:
        ClaimError: not `Varied`, fewer than two levels, levels that do not ascend or do not go
            beyond the measurement, measurements of another kind, or more of the cause that brings
            the claim no nearer than chance does.
    """
    if not isinstance(varied, Varied):
        raise ClaimError(
            "not at this scale needs cause=Varied(what, {level: measurement, ...}, source): what "
            f"was varied towards the paper's setting, and what that did; got {glimpse(varied)}"
        )
    what = require_text("cause", varied.what)
    source = require_text("source of the cause", varied.source)
    if not isinstance(varied.levels, Mapping) or len(varied.levels) < 2:
        raise ClaimError(f"the cause {what!r} has fewer than two levels: it was not varied")
    levels = [plain(level) for level in varied.levels]
    if not all(map(is_number, levels)) or levels != sorted(levels):
        raise ClaimError(
            f"the levels of {what!r} must be numbers that ascend towards the paper's setting, "
            f"got {glimpse(levels)}"
        )
    values = zip(levels, varied.levels.values(), strict=True)
    found = [_level(rule, measured, what, level, value) for level, value in values]
    if same(rule, found[-1], measured):
        raise ClaimError(
            f"the last level of {what!r} is the measurement itself: vary the cause beyond the "
            "chapter's own setting, towards the paper's"
        )
    _nearer(rule, band, what, levels, found)
    shown = [
        {"level": stored_number(level), **at.record(), "text": rule.describe(at, unit)}
        for level, at in zip(levels, found, strict=True)
    ]
    return {"what": what, "levels": shown, "source": source}


def _level(rule: Rule, measured: Measurement, what: str, level: float, value: Any) -> Measurement:
    """What was measured at one level, of the same kind as the measurement."""
    name = f"cause {what!r} at {level}"
    try:
        at = Measurement.of(value)
        rule.fits(at)
    except ClaimError as error:
        raise ClaimError(f"the {name}: {error}") from error
    if len(at.shape) != len(measured.shape):  # a trial may have run more seeds, or fewer
        same_shape(name, measured, at)
    same_unit(name, SAME_UNIT, at, measured)
    return at


def _nearer(
    rule: Rule, band: Drift, what: str, levels: list[float], found: list[Measurement]
) -> None:
    """Refuse a cause that brings the claim no nearer, or by no more than chance would."""
    short = [rule.shortfall(at) for at in found]
    noise = [math.hypot(rule.spread(found[0]), rule.spread(found[-1]))]
    noise += [] if noise[0] else [band.reach(found[0], rule)]
    gained, chance = short[0] - short[-1], max(noise)
    told = (
        f"(short by {short[0]:.3g} at {levels[0]}, by {short[-1]:.3g} at {levels[-1]}; "
        f"chance {chance:.3g})"
    )
    if gained <= 0 or short[-1] > short[-2] + chance:
        raise ClaimError(
            f"more of {what!r} brings the claim no nearer {told}: then it is not the scale; "
            "declare the claim contradicted, if the opposite rule accepts, or vary another cause"
        )
    if gained <= chance or gained < NEARER * short[0]:
        raise ClaimError(
            f"more of {what!r} brings the claim hardly nearer {told}; expected more than chance "
            f"and {100 * NEARER:g} % of what is lacking: vary it further, or measure it more often"
        )


def varied_from(record: Mapping[str, Any]) -> Varied:
    """The cause that a stored record holds, as it was passed."""
    levels = {
        read_number(step["level"]): Measurement.from_record(step) for step in record["levels"]
    }
    return Varied(record["what"], levels, record["source"])
