"""How an entry of the ledger is judged."""

from typing import Any

from repro.claims import drift as drifts
from repro.claims import evidence
from repro.claims.measurement import ClaimError, Measurement, glimpse
from repro.claims.rules import RULES, AtMost, Rule, rebuild
from repro.claims.texts import require_id, require_text

KINDS = ("claim", "check", "finding")
#: What a chapter can declare about a claim, and the verdict that it leads to.
DECLARATIONS = {
    "reconstructed": "consistent",
    "not_at_this_scale": "not at this scale",
    "contradicted": "contradicted",
}
#: The verdict of an entry about which nothing is declared.
PLAIN = {"claim": "reproduced", "check": "holds", "finding": "found"}
#: A check must notice a disturbance of at most this many times its bound.
NEAR = 100
#: The bound of a check may be at most this many times the error that it allows for.
LOOSE = 1e9
KEYS = (
    *("kind", "chapter", "id", "statement", "rule", "measured", "control", "control_is"),
    *("verdict", "reason", "unit", "drift", "positive", "positive_is", "cause", "nothing_nearer"),
)


def declared(kind: str, declarations: dict[str, Any]) -> tuple[str, str]:
    """The verdict and the reason that the declarations ask for.

    Raises:
        ClaimError: more than one, one without a reason, or one of an entry that is no claim.
    """
    made = {name: reason for name, reason in declarations.items() if reason is not None}
    if len(made) > 1:
        raise ClaimError(
            f"{' and '.join(made)} are declared together; declare one and mention the other "
            "in its reason"
        )
    for name, reason in made.items():
        if kind != "claim":
            raise ClaimError(f"{name} is declared of a {kind}; only claims of the paper can be")
        return DECLARATIONS[name], require_text(name, reason)
    return PLAIN[kind], ""


def measurement(name: str, value: Any, rule: Rule) -> Measurement:
    """A measurement or a control, checked for a rule.

    Raises:
        ClaimError: it cannot be judged; names which it is.
    """
    try:
        checked = Measurement.of(value)
        rule.fits(checked)
    except ClaimError as error:
        raise ClaimError(f"the {name} cannot be judged: {error}") from error
    return checked


def shown(accept: Any, value: Any, unit: Any) -> str:
    """A measurement as its rule sees it or, where that fails, as the object it is."""
    try:
        rule = checked_rule(accept)
        return rule.describe(measurement("value", value, rule), unit)
    except ClaimError:
        return glimpse(value)


def checked_rule(accept: Any) -> Rule:
    """A fresh copy of a rule of `repro.claims`.

    Raises:
        ClaimError: anything else.
    """
    if type(accept) not in RULES.values():
        raise ClaimError(
            f"accept must be a rule of repro.claims ({', '.join(RULES)}), got {glimpse(accept)}"
        )
    return rebuild(accept.name, accept.args)


def judge_verdict(rule: Rule, measured: Measurement, verdict: str) -> None:
    """Refuse a measurement that does not bear out its verdict.

    Raises:
        ClaimError: says what the rule, or its opposite, says of the measurement.
    """
    accepted = rule.accepts(measured)
    if verdict not in ("not at this scale", "contradicted"):
        if not accepted:
            raise ClaimError(
                "the rule rejects the measurement; if that is the result, and its cause is known, "
                "declare it (not_at_this_scale or contradicted, with the evidence each needs)"
            )
    elif accepted:
        raise ClaimError(
            f"it is declared {verdict!r}, but the rule accepts the measurement: "
            "the claim holds, so remove the declaration"
        )
    elif verdict == "contradicted" and not rule.refutes(measured):
        raise ClaimError(
            "it is declared 'contradicted', but the opposite rule does not accept the measurement "
            "either: the claim only fails; show not_at_this_scale, or measure more"
        )


def judge_check(rule: Rule, measured: Measurement, control: Measurement, excuse: Any) -> str:
    """Refuse a check that would pass over a small disturbance; return the excuse, if any.

    Raises:
        ClaimError: a rule that judges no identity, a bound far above the error, or a control far
            beyond the bound.
    """
    if not rule.identity:
        names = ", ".join(name for name, made in RULES.items() if made.identity)
        raise ClaimError(
            f"a check is an identity or a solver against a second way, judged by {names}, not by "
            f"{rule.name}; check an inequality a >= b by its violation, np.maximum(0, b - a), "
            "under at_most; anything else is a claim or a finding"
        )
    if isinstance(rule, AtMost) and rule.bound > LOOSE * measured.size > 0:
        raise ClaimError(
            f"the bound is more than {LOOSE:g} times the error ({measured.text()}): tighten it, or "
            "a method that got much worse would pass"
        )
    far = rule.shortfall(control) > NEAR * rule.step(control)
    if (far or measured.truth) and excuse is None:
        why = (
            "a truth value does not tell how near the control is"
            if measured.truth
            else f"the control is more than {NEAR} times the bound away"
        )
        raise ClaimError(
            f"{why}: disturb the method a little instead of breaking it, or say with "
            "nothing_nearer= why nothing nearer exists"
        )
    if excuse is not None and not (far or measured.truth):
        raise ClaimError("nothing_nearer is said of a control that is near enough; remove it")
    return "" if excuse is None else require_text("nothing_nearer", excuse)


def judge(
    *,
    kind: str,
    chapter: str,
    id: str,
    statement: str,
    measured: Any,
    accept: Any,
    control: Any,
    control_is: str,
    unit: str = "",
    drift: drifts.Drift | None = None,
    positive: Any = None,
    positive_is: str | None = None,
    cause: evidence.Varied | None = None,
    nothing_nearer: str | None = None,
    **declarations: Any,
) -> dict[str, Any]:
    """Judge one entry and return its record.

    The arguments are those of the ledger's methods; measurements may be `Measurement`s.

    Raises:
        ClaimError: whatever is refused; says why and what to do.
    """
    if kind not in KINDS:
        raise ClaimError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    verdict, reason = declared(kind, declarations)
    if not isinstance(unit, str):
        raise ClaimError(f"unit must be text, got {unit!r}")
    unit = " ".join(unit.split())
    record: dict[str, Any] = {
        "kind": kind,
        "chapter": require_id("chapter", chapter),
        "id": require_id("id", id),
        "statement": require_text("statement", statement),
        "control_is": require_text("control_is", control_is),
        "verdict": verdict,
        "reason": reason,
        "unit": unit,
    }
    rule = checked_rule(accept)
    measured = measurement("measurement", measured, rule)
    control = measurement("control", control, rule)
    if measured.truth and kind != "check":
        raise ClaimError(
            f"a {kind} is judged by its number, and a truth value hides number and rule; pass the "
            "number, and accept= with the rule that made it true"
        )
    judge_verdict(rule, measured, verdict)
    evidence.judge_control(rule, verdict, measured, control)
    band = drifts.check(drift, rule, measured, control)
    given = {"positive": positive, "positive_is": positive_is, "cause": cause}
    record |= _evidence(rule, band, verdict, measured, control, unit, given)
    if kind == "check":
        record["nothing_nearer"] = judge_check(rule, measured, control, nothing_nearer)
    elif nothing_nearer is not None:
        raise ClaimError(f"nothing_nearer is said of a {kind}; only checks need it")
    record |= {
        "rule": {"name": rule.name, "args": rule.args, "text": rule.text},
        "measured": _stored(rule, measured, unit),
        "control": _stored(rule, control, unit),
        "drift": band.record(),
    }
    return {key: record.get(key, "") for key in KEYS}


def _evidence(
    rule: Rule,
    band: drifts.Drift,
    verdict: str,
    measured: Measurement,
    control: Measurement,
    unit: str,
    given: dict[str, Any],
) -> dict[str, Any]:
    """The positive control and the varied cause that "not at this scale" needs, as stored."""
    if verdict != "not at this scale":
        if extra := [name for name, value in given.items() if value is not None]:
            raise ClaimError(f"{', '.join(extra)} given, but only not_at_this_scale needs them")
        return {"positive": None, "cause": None}
    if given["positive"] is None:
        raise ClaimError(
            "not at this scale needs positive=: an effect known to be there, measured in the same "
            "way, which the rule accepts, so that the experiment had the power to see"
        )
    positive = measurement("positive control", given["positive"], rule)
    evidence.positive_control(rule, measured, control, positive)
    return {
        "positive": _stored(rule, positive, unit),
        "positive_is": require_text("positive_is", given["positive_is"]),
        "cause": evidence.cause(rule, band, measured, given["cause"], unit),
    }


def _stored(rule: Rule, measurement: Measurement, unit: str) -> dict[str, Any]:
    """A measurement as the record keeps it, with its text."""
    return measurement.record() | {"text": rule.describe(measurement, unit)}
