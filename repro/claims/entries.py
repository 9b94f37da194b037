"""An entry among the others of its ledger: nothing is told twice."""

from collections.abc import Iterable, Mapping
from typing import Any

from repro.claims.measurement import ClaimError
from repro.claims.texts import gist


def distinct(record: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> None:
    """Refuse an entry that repeats another one of the same ledger.

    Args:
        record: the entry, judged.
        others: those made before it.

    Raises:
        ClaimError: the same id, the same statement but for capitals and spaces, or, of claims and
            findings, the same rule with the same numbers.
    """
    for other in others:
        if record["id"] == other["id"]:
            raise ClaimError(
                f"this id is used already in this chapter, for {other['statement']!r}; choose "
                "another id, or, after editing the statement, run the cell that makes the ledger "
                "again"
            )
        if gist(record["statement"]) == gist(other["statement"]):
            raise ClaimError(f"entry {other['id']!r} makes the same statement already")
        if _numbers(record) == _numbers(other) and _telling(record):
            raise ClaimError(
                f"entry {other['id']!r} has the same rule, measurement and control: one test "
                "counts once; measure something else, or join the statements"
            )


def _numbers(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an entry was judged by."""
    return (record["rule"]["text"], *(_value(record[name]) for name in ("measured", "control")))


def _value(stored: Mapping[str, Any]) -> Any:
    """The numbers of a stored measurement."""
    return stored.get("value", stored.get("summary"))


def _telling(record: Mapping[str, Any]) -> bool:
    """Whether such numbers agree only if they are the same; counts and rounding errors may."""
    if record["kind"] == "check" or record["drift"]["name"] == "rounding":
        return False
    return _has_fraction(_numbers(record))


def _has_fraction(value: Any) -> bool:
    """Whether there is a number with a fraction among nested ones."""
    if isinstance(value, Mapping):
        return _has_fraction(list(value.values()))
    if isinstance(value, list | tuple):
        return any(_has_fraction(part) for part in value)
    return isinstance(value, float) and not value.is_integer()
