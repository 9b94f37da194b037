"""Stored records: judged again from their own numbers, and compared with those of a new run."""

from typing import Any

from repro.claims import drift as drifts
from repro.claims import evidence
from repro.claims.measurement import ClaimError, Measurement, read_number
from repro.claims.rules import rebuild
from repro.claims.verdicts import DECLARATIONS, KEYS, PLAIN, judge

#: The fields that hold measurements, which may move within the drift band.
MEASURED = ("measured", "control", "positive", "cause")


def rejudge(record: Any) -> dict[str, Any]:
    """Judge a stored record again from its own numbers.

    Returns:
        The record that its numbers lead to. Only the texts of rule and measurements, which follow
        from the rest, may differ from what is stored: by a change of wording.

    Raises:
        ClaimError: it is malformed, no longer bears out its verdict, or differs in any other field
            from the record that its numbers lead to.
    """
    again = judge(**_read(record))
    if changed := [key for key in KEYS if _bare(again[key]) != _bare(record[key])]:
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
    found["drift"] = drifts.Drift(record["drift"]["name"], read_number(record["drift"]["by"]))
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
    old, now = _read(stored), _read(new)
    said = [k for k in KEYS if k not in MEASURED and _bare(stored[k]) != _bare(new[k])]
    found = [f"{key} was {_told(stored[key])}, is {_told(new[key])}" for key in said]
    if found:
        return found
    before, after = _measurements(old), _measurements(now)
    if list(before) != list(after):
        return [f"measured were {', '.join(before)}; now are {', '.join(after)}"]
    band, rule, unit = old["drift"], old["accept"], old["unit"]
    return [
        f"{name} was {rule.describe(a, unit)}, is {rule.describe(b, unit)}: outside its band "
        f"({band.text})"
        for name, a, b in zip(before, before.values(), after.values(), strict=True)
        if not band.holds(a, b, rule)
    ]


def _read(record: Any) -> dict[str, Any]:
    """The arguments of a record that has the right form."""
    if not isinstance(record, dict) or set(record) != set(KEYS):
        raise ClaimError(f"the stored record is malformed: expected the keys {', '.join(KEYS)}")
    try:
        return arguments(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise ClaimError(f"the stored record is malformed: {error!r}") from error


def _measurements(found: dict[str, Any]) -> dict[str, Measurement]:
    """Everything that was measured for an entry, by what it is."""
    named = {name: found[name] for name in MEASURED if found.get(name) is not None}
    varied = named.pop("cause", None)
    if varied is not None:
        named |= {
            f"cause {varied.what!r} ({varied.source}) at {level}": at
            for level, at in varied.levels.items()
        }
    return named


def _bare(value: Any) -> Any:
    """A field of a record without its texts."""
    if isinstance(value, dict):
        return {name: _bare(part) for name, part in value.items() if name != "text"}
    return [_bare(part) for part in value] if isinstance(value, list) else value


def _told(value: Any) -> str:
    """A field of a record in a message: its text, where it has one."""
    return repr(value.get("text", value) if isinstance(value, dict) else value)
