"""How an entry of the ledger is judged, when it is made and again from its stored record."""

from typing import Any

from repro.claims import drift as drifts
from repro.claims import evidence
from repro.claims.measurement import ClaimError, Measurement, glimpse
from repro.claims.rules import RULES, Improves, Rule, rebuild
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


def shown(accept: Any, value: Any) -> str:
    """A measurement as its rule sees it or, where that fails, as the object it is."""
    try:
        rule = checked_rule(accept)
        return rule.describe(measurement("value", value, rule))
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


def judge_control(rule: Rule, verdict: str, measured: Measurement, control: Measurement) -> None:
    """Refuse a control that could not have turned the verdict.

    Raises:
        ClaimError: measured otherwise, identical to the measurement, or on its side of the rule.
    """
    evidence.comparable("control", measured, control)
    if _numbers(rule, measured) == _numbers(rule, control):
        raise ClaimError("the control is identical to the measurement, so it controls nothing")
    if verdict == "contradicted":
        evidence.comparable("control of a contradiction", measured, control)
        if rule.refutes(control):
            raise ClaimError(
                "the opposite rule accepts the control as well, so the contradiction could not "
                "have failed; use a control for which the paper's statement is not refuted"
            )
    elif rule.accepts(control):
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
        ClaimError: a rule that judges no identity, or a control far beyond the bound.
    """
    if isinstance(rule, Improves):
        raise ClaimError(
            "a check is an identity or a solver against a second way; paired differences of runs "
            "are a claim or a finding"
        )
    if getattr(rule, "bound", 0) < 0:
        raise ClaimError(f"a check needs a bound of 0 or more, got {rule.text!r}")
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
    judge_control(rule, verdict, measured, control)
    judge_verdict(rule, measured, verdict)
    record |= _evidence(rule, verdict, measured, control, unit, positive, positive_is, cause)
    if kind == "check":
        record["nothing_nearer"] = judge_check(rule, measured, control, nothing_nearer)
    elif nothing_nearer is not None:
        raise ClaimError(f"nothing_nearer is said of a {kind}; only checks need it")
    band = drifts.check(drift, rule, measured)
    record |= {
        "rule": {"name": rule.name, "args": rule.args, "text": rule.text},
        "measured": _stored(rule, measured, unit),
        "control": _stored(rule, control, unit),
        "drift": {"name": band.name, "by": band.by, "text": band.text},
    }
    return {key: record.get(key, "") for key in KEYS}


def _evidence(
    rule: Rule,
    verdict: str,
    measured: Measurement,
    control: Measurement,
    unit: str,
    positive: Any,
    positive_is: str | None,
    cause: evidence.Varied | None,
) -> dict[str, Any]:
    """The positive control and the varied cause that "not at this scale" needs, as stored."""
    given = {"positive": positive, "positive_is": positive_is, "cause": cause}
    if verdict != "not at this scale":
        if extra := [name for name, value in given.items() if value is not None]:
            raise ClaimError(f"{', '.join(extra)} given, but only not_at_this_scale needs them")
        return {"positive": None, "cause": None}
    if positive is None:
        raise ClaimError(
            "not at this scale needs positive=: an effect known to be there, measured in the same "
            "way, which the rule accepts, so that the experiment had the power to see"
        )
    positive = measurement("positive control", positive, rule)
    evidence.positive_control(rule, measured, control, positive)
    return {
        "positive": _stored(rule, positive, unit),
        "positive_is": require_text("positive_is", positive_is),
        "cause": evidence.cause(rule, measured, cause),
    }


def _stored(rule: Rule, measurement: Measurement, unit: str) -> dict[str, Any]:
    """A measurement as the record keeps it, with its text."""
    text = rule.describe(measurement)
    return measurement.record() | {"text": f"{text} {unit}" if unit else text}


def rejudge(record: Any) -> dict[str, Any]:
    """Judge a stored record again from its own numbers and return it.

    Raises:
        ClaimError: it is malformed, no longer bears out its verdict, or differs in any field from
            the record that its numbers lead to.
    """
    if not isinstance(record, dict) or set(record) != set(KEYS):
        raise ClaimError(f"the stored record is malformed: expected the keys {', '.join(KEYS)}")
    try:
        again = judge(**arguments(record))
    except (KeyError, TypeError, AttributeError) as error:
        raise ClaimError(f"the stored record is malformed: {error!r}") from error
    if changed := [key for key in KEYS if again[key] != record[key]]:
        raise ClaimError(f"the stored record was edited: {', '.join(changed)} do not fit the rest")
    return again


def arguments(record: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `judge` that lead to a stored record.

    Raises:
        ClaimError: an unknown verdict.
    """
    by_verdict = {verdict: name for name, verdict in DECLARATIONS.items()}
    verdict = record["verdict"]
    if verdict not in (*PLAIN.values(), *by_verdict):
        raise ClaimError(f"unknown verdict {verdict!r}")
    texts = ("kind", "chapter", "id", "statement", "control_is", "unit")
    found = {key: record[key] for key in texts}
    found |= {name: Measurement.from_record(record[name]) for name in ("measured", "control")}
    found["accept"] = rebuild(record["rule"]["name"], record["rule"]["args"])
    found["drift"] = drifts.Drift(record["drift"]["name"], record["drift"]["by"])
    if verdict in by_verdict:
        found[by_verdict[verdict]] = record["reason"]
    if record["nothing_nearer"]:
        found["nothing_nearer"] = record["nothing_nearer"]
    if record["positive"] is not None:
        found["positive"] = Measurement.from_record(record["positive"])
        found["positive_is"] = record["positive_is"]
        found["cause"] = evidence.varied_from(record["cause"])
    return found


def compare(stored: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What differs between a stored record and that of a new execution, beyond its drift band.

    Args:
        stored: the record in the notebook.
        new: the record of the same entry, made just now.

    Returns:
        One sentence for each difference; empty if the new execution confirms the stored one.

    Raises:
        ClaimError: a record that is not in order.
    """
    drawn = ("measured", "control", "positive", "cause")
    found = [
        f"{key} was {stored[key]!r}, is {new[key]!r}"
        for key in KEYS
        if key not in drawn and stored[key] != new[key]
    ]
    if found:
        return found
    old, now = arguments(stored), arguments(new)
    band, rule = old["drift"], old["accept"]
    pairs = {name: (old[name], now[name]) for name in drawn[:3] if old.get(name) is not None}
    if old.get("cause") is not None:
        before, after = old["cause"], now["cause"]
        if (before.what, before.source, list(before.levels)) != (
            after.what,
            after.source,
            list(after.levels),
        ):
            return [f"the varied cause was {before.what!r} at {list(before.levels)}, is another"]
        pairs |= {
            f"{before.what} at {x}": (before.levels[x], after.levels[x]) for x in before.levels
        }
    return [
        f"{name} was {rule.describe(a)}, is {rule.describe(b)}: outside its band ({band.text})"
        for name, (a, b) in pairs.items()
        if not band.holds(a, b, rule)
    ]
