"""How a claim is judged, when it is made and again from its stored record."""

import re
from typing import Any

from repro.claims.measurement import ClaimError, Measurement, glimpse
from repro.claims.rules import RULES, Rule, rebuild

KINDS = ("exact", "value", "ordering", "scaling")
#: What a chapter can declare about a claim, and the verdict that it leads to.
DECLARATIONS = {
    "reconstructed": "consistent",
    "not_at_this_scale": "not at this scale",
    "contradicted": "contradicted",
}
VERDICTS = ("reproduced", *DECLARATIONS.values())
KEYS = (
    "chapter",
    "id",
    "statement",
    "kind",
    "paper",
    "rule",
    "measured",
    "control",
    "control_is",
    "control_rejected",
    "verdict",
    "reason",
    "unit",
)


def require_id(name: str, value: Any) -> str:
    """Return an identifier of letters, digits, "-" and "_", or raise ClaimError."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value):
        raise ClaimError(f"{name} must be letters, digits, '-' and '_', got {value!r}")
    return value


def require_text(name: str, value: Any) -> str:
    """Return text with single spaces, or raise ClaimError if it is blank or no text."""
    if not isinstance(value, str) or not value.strip():
        raise ClaimError(f"{name} must be text that says something, got {value!r}")
    return " ".join(value.split())


def declared(declarations: dict[str, Any]) -> tuple[str, str]:
    """Return (verdict, reason) that the declarations ask for; raise ClaimError unless coherent."""
    made = {name: reason for name, reason in declarations.items() if reason is not None}
    if len(made) > 1:
        raise ClaimError(
            f"{' and '.join(made)} are declared together; declare one and mention the other "
            "in its reason"
        )
    for name, reason in made.items():
        return DECLARATIONS[name], require_text(name, reason)
    return "reproduced", ""


def measurement(name: str, value: Any, rule: Rule) -> Measurement:
    """Check a measurement or a control for a rule; raise ClaimError naming which it is."""
    try:
        checked = Measurement.of(value)
        rule.fits(checked)
    except ClaimError as error:
        raise ClaimError(f"the {name} cannot be judged: {error}") from error
    return checked


def shown(accept: Any, value: Any) -> str:
    """Print a measurement as its rule sees it, or, where that fails, as the object it is."""
    try:
        rule = checked_rule(accept)
        return rule.describe(measurement("value", value, rule))
    except ClaimError:
        return glimpse(value)


def checked_rule(accept: Any) -> Rule:
    """Return a fresh copy of a rule of repro.claims.rules; raise ClaimError for anything else."""
    if type(accept) not in RULES.values():
        raise ClaimError(
            f"accept must be a rule of repro.claims ({', '.join(RULES)}), got {glimpse(accept)}"
        )
    return rebuild(accept.name, accept.args)


def judge_control(rule: Rule, measured: Measurement, control: Measurement) -> None:
    """Raise ClaimError unless the control can and does make the check fail."""
    if len(measured.shape) != len(control.shape):
        raise ClaimError(
            f"the control has shape {control.shape}, the measurement {measured.shape}: "
            "measure both in the same way"
        )
    if _numbers(rule, measured) == _numbers(rule, control):
        raise ClaimError("the control is identical to the measurement, so it controls nothing")
    if rule.accepts(control):
        raise ClaimError(
            "the rule accepts the control as well, so this check cannot fail; "
            "use a stricter rule or a control that is really wrong"
        )


def _numbers(rule: Rule, measurement: Measurement) -> Any:
    """What the rule sees: the numbers, in their order only if the rule minds the order."""
    if measurement.values is None:
        return measurement.record()
    return measurement.values if rule.ordered else sorted(measurement.values)


def judge_verdict(rule: Rule, measured: Measurement, verdict: str) -> None:
    """Raise ClaimError unless the measurement bears out the declared verdict."""
    accepted = rule.accepts(measured)
    if verdict in ("reproduced", "consistent"):
        if not accepted:
            raise ClaimError(
                "the rule rejects the measurement; if that is the finding, declare it with its "
                "reason (not_at_this_scale or contradicted)"
            )
    elif accepted:
        raise ClaimError(
            f"it is declared {verdict!r}, but the rule accepts the measurement: "
            "the claim holds, so remove the declaration"
        )
    elif verdict == "contradicted" and not rule.refutes(measured):
        raise ClaimError(
            "it is declared 'contradicted', but the opposite rule does not accept the measurement "
            "either: the claim only fails; declare not_at_this_scale or measure more"
        )


def judge(
    *,
    chapter: str,
    id: str,
    statement: str,
    kind: str,
    paper: str,
    measured: Any,
    accept: Any,
    control: Any,
    control_is: str,
    unit: str = "",
    **declarations: Any,
) -> dict[str, Any]:
    """Judge one claim and return its record; raise ClaimError if anything is refused.

    The arguments are those of Ledger.claim. `measured` and `control` may be Measurements.
    """
    verdict, reason = declared(declarations)
    if kind not in KINDS:
        raise ClaimError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    if not isinstance(unit, str):
        raise ClaimError(f"unit must be text, got {unit!r}")
    unit = " ".join(unit.split())
    texts = {
        "chapter": require_id("chapter", chapter),
        "id": require_id("id", id),
        "statement": require_text("statement", statement),
        "kind": kind,
        "paper": require_text("paper", paper),
        "control_is": require_text("control_is", control_is),
    }
    rule = checked_rule(accept)
    measured = measurement("measurement", measured, rule)
    control = measurement("control", control, rule)
    judge_control(rule, measured, control)
    judge_verdict(rule, measured, verdict)
    record = texts | {
        "rule": {"name": rule.name, "args": rule.args, "text": rule.text},
        "measured": measured.record() | {"text": rule.describe(measured, unit)},
        "control": control.record() | {"text": rule.describe(control, unit)},
        "control_rejected": True,
        "verdict": verdict,
        "reason": reason,
        "unit": unit,
    }
    return {key: record[key] for key in KEYS}


def rejudge(record: Any) -> dict[str, Any]:
    """Judge a stored record again from its own numbers and return it.

    Raises ClaimError if it is malformed, no longer bears out its verdict, or differs in any field
    from the record that its numbers lead to.
    """
    if not isinstance(record, dict) or set(record) != set(KEYS):
        raise ClaimError(f"the stored record is malformed: expected the keys {', '.join(KEYS)}")
    by_verdict = {verdict: name for name, verdict in DECLARATIONS.items()}
    verdict, reason = record["verdict"], record["reason"]
    if verdict not in VERDICTS:
        raise ClaimError(f"unknown verdict {verdict!r}; expected one of {', '.join(VERDICTS)}")
    asked = {by_verdict[verdict]: reason} if verdict in by_verdict else {}
    texts = ("chapter", "id", "statement", "kind", "paper", "control_is", "unit")
    try:
        again = judge(
            **{key: record[key] for key in texts},
            measured=Measurement.from_record(record["measured"]),
            control=Measurement.from_record(record["control"]),
            accept=rebuild(record["rule"]["name"], record["rule"]["args"]),
            **asked,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ClaimError(f"the stored record is malformed: {error!r}") from error
    changed = [key for key in KEYS if again[key] != record[key]]
    if changed:
        raise ClaimError(f"the stored record was edited: {', '.join(changed)} do not fit the rest")
    return again
