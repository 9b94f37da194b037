"""The ledger: every claim of a chapter, its acceptance rule and the control the rule must reject.

    ledger = Ledger("sttn")
    ledger.claim("two-binaries", "A ternary kernel is the mean of two binary kernels",
                 kind="exact", paper="eq. 5", measured=np.abs(T - (B1 + B2) / 2).max(),
                 accept=equals(0), control=np.abs(T_hard - (B1 + B2) / 2).max(),
                 control_is="thresholding the real kernel instead")
    ledger            # the table

`collect` rebuilds the ledger of the whole book from stored outputs and judges it again.
"""

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from repro.claims import cards
from repro.claims.measurement import ClaimError, glimpse
from repro.claims.rules import at_least, at_most, equals, improves, slope, within
from repro.claims.verdicts import judge, rejudge, require_id, shown
from repro.markup import publish, shell

__all__ = [
    "ClaimError",
    "Ledger",
    "at_least",
    "at_most",
    "collect",
    "equals",
    "improves",
    "slope",
    "within",
]


class Ledger:
    """The claims of one chapter; as the last expression of a cell it shows their table.

    `chapter` is the chapter's slug.
    """

    def __init__(self, chapter: str) -> None:
        self.chapter = require_id("chapter", chapter)
        self._records: dict[str, dict[str, Any]] = {}
        self._made_at: dict[str, int | None] = {}

    @property
    def records(self) -> list[dict[str, Any]]:
        """Copies of the records of all accepted claims, in the order they were made."""
        return copy.deepcopy(list(self._records.values()))

    def claim(
        self,
        id: str,
        statement: str,
        *,
        kind: str,
        paper: str,
        measured: Any,
        accept: Any,
        control: Any,
        control_is: str,
        unit: str = "",
        reconstructed: str | None = None,
        not_at_this_scale: str | None = None,
        contradicted: str | None = None,
    ) -> None:
        """Check a claim, record it and show its card.

        id: short name, unique in the chapter (letters, digits, "-", "_").
        statement: the claim in one sentence.
        kind: "exact", "value", "ordering" or "scaling".
        paper: where the paper says so, with its figure, such as "66.2 % top-1 (abstract)".
        measured, control: a number, a truth value, an array or a tensor of any shape, every
            element of which must satisfy the rule; for `improves` the paired differences (N,), for
            `slope` a pair (x, y). The control is the same measurement on something that is wrong:
            it needs as many dimensions, and the rule must reject it, whatever the verdict.
        accept: a rule from this module.
        control_is: what the control is.
        unit: unit of both, shown after the numbers.

        The verdict is "reproduced" if the rule accepts the measurement, unless one of these is
        given, each with its reason: `reconstructed` ("consistent": holds for a method whose gaps
        we filled in as the text says), `not_at_this_scale` (the rule must indeed reject the
        measurement), `contradicted` (the opposite rule must accept it).

        Raises ClaimError, naming claim, rule, measurement and control, for whatever does not bear
        out its declaration and for every claim that could not have failed. Running a notebook cell
        again replaces the claims it made; any other repetition is refused.
        """
        claim = {key: value for key, value in locals().items() if key != "self"}
        try:
            self._admit(id, statement)
            record = judge(chapter=self.chapter, **claim)
        except ClaimError as error:
            raise self._refuse(claim, error) from error.__cause__
        self._records[id] = record
        self._made_at[id] = _execution_count()
        metadata = {"repro": {"claim": copy.deepcopy(record)}}
        publish(cards.card(record), cards.card_text(record), metadata)

    def _admit(self, id: str, statement: str) -> None:
        """Refuse a repeated id or statement, but forget a claim whose cell is run again."""
        says = " ".join(statement.split()) if isinstance(statement, str) else statement
        for known, record in list(self._records.items()):
            if known == id and record["statement"] == says and self._is_rerun(id):
                del self._records[id], self._made_at[id]
            elif known == id:
                raise ClaimError(
                    "this id is used already in this chapter, for "
                    f"{record['statement']!r}; choose another id, or, after editing the "
                    "statement, run the cell that makes the ledger again"
                )
            elif record["statement"] == says:
                raise ClaimError(f"claim {known!r} makes the same statement already")

    def _is_rerun(self, id: str) -> bool:
        """Whether the claim was made by an earlier execution in a notebook."""
        now, then = _execution_count(), self._made_at[id]
        return now is not None and then is not None and now > then

    def _refuse(self, claim: dict[str, Any], error: ClaimError) -> ClaimError:
        """Show the refusal as a card and return the full error."""
        rows = {
            "Rule": glimpse(claim["accept"]),
            "Measured": shown(claim["accept"], claim["measured"]),
            "Control": f"{shown(claim['accept'], claim['control'])} ({claim['control_is']})",
        }
        name = f"claim {claim['id']!r} of chapter {self.chapter!r}"
        publish(
            cards.refused_card(str(claim["statement"]), rows, str(error)),
            f"claim {claim['id']} | refused",
        )
        facts = "\n".join(f"  {label.lower() + ':':10}{text}" for label, text in rows.items())
        return ClaimError(f"{name} is refused: {error}\n{facts}")

    def __repr__(self) -> str:
        return cards.table_text(list(self._records.values()))

    def _repr_html_(self) -> str:
        return cards.table(list(self._records.values()))


def _execution_count() -> int | None:
    """The running cell's number, or None outside IPython."""
    running = shell()
    return None if running is None else running.execution_count


def collect(paths: Iterable[Path] | None = None) -> list[dict[str, Any]]:
    """Read the records of all claims from stored notebook outputs, without running anything.

    `paths` are notebooks, each named after its chapter (default: all chapters of the book).
    Returns the records in the order of the notebooks and cells.

    Every record is judged again: its stored rule must accept the stored measurement and reject the
    stored control as its verdict says, and its card must be the one that the record leads to.
    Raises ClaimError, naming chapter, cell and cause, for any that does not, for a duplicate id or
    statement in a chapter, and for a notebook that is no JSON.
    """
    if paths is None:
        from repro.chapters import paths as chapter_paths

        paths = chapter_paths().values()
    return [record for path in paths for record in _collect_chapter(Path(path))]


def _collect_chapter(path: Path) -> list[dict[str, Any]]:
    """Read and judge again the claims of one notebook."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ClaimError(f"{path.name} is not a notebook: {error!r}") from error
    records: dict[str, dict[str, Any]] = {}
    for number, cell in enumerate(cells, 1):
        for output in cell.get("outputs", ()):
            try:
                record = _stored(output)
                if record is None:
                    continue
                _check_unique(record, path.stem, records)
            except ClaimError as error:
                raise ClaimError(f"chapter {path.stem!r}, cell {number}: {error}") from error
            records[record["id"]] = record
    return list(records.values())


def _stored(output: dict[str, Any]) -> dict[str, Any] | None:
    """Return the record of an output that shows a claim, judged again; None for other outputs."""
    data = output.get("data", {})
    plain, rich = ("".join(data.get(mime, "")) for mime in ("text/plain", "text/html"))
    record = output.get("metadata", {}).get("repro", {}).get("claim")
    if record is None:
        if rich.startswith('<div class="claim '):
            raise ClaimError(f"this card has no record of its claim: {plain}")
        return None
    try:
        again = rejudge(record)
        if (plain, rich) != (cards.card_text(again), cards.card(again)):
            raise ClaimError("its card does not show its record; refresh the chapter")
    except ClaimError as error:
        fields = record if isinstance(record, dict) else {}
        facts = {key: fields.get(key) for key in ("rule", "measured", "control")}
        shown = ", ".join(
            f"{key} {value.get('text')!r}" if isinstance(value, dict) else f"{key} {value!r}"
            for key, value in facts.items()
        )
        raise ClaimError(f"claim {fields.get('id')!r}: {error} ({shown})") from error
    return again


def _check_unique(record: dict[str, Any], chapter: str, known: dict[str, dict[str, Any]]) -> None:
    """Refuse a record of another chapter, and a repeated id or statement."""
    if record["chapter"] != chapter:
        raise ClaimError(f"claim {record['id']!r} belongs to chapter {record['chapter']!r}")
    if record["id"] in known:
        raise ClaimError(f"claim {record['id']!r} is made twice")
    if record["statement"] in (other["statement"] for other in known.values()):
        raise ClaimError(f"claim {record['id']!r} repeats the statement of another claim")
