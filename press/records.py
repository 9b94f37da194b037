"""The entries that stored outputs hold: read, judged again, and drawn again.

The records are the truth. What a reader sees of them, in a notebook and on the site, is drawn from
them by this module alone, without executing anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from repro.claims import ClaimError, cards
from repro.claims.paper import Coverage, Stated, check_rows, coverage, gaps
from repro.claims.verdicts import rejudge


@dataclass(frozen=True)
class Records:
    """What a chapter's ledger holds.

    Attributes:
        chapter: the chapter's slug.
        rows: the claims that the paper makes, in order.
        entries: records of claims, checks and findings, in order, judged again.
    """

    chapter: str
    rows: tuple[Stated, ...]
    entries: tuple[dict[str, Any], ...]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The entries of one kind: "claim", "check" or "finding"."""
        return [entry for entry in self.entries if entry["kind"] == kind]

    @property
    def coverage(self) -> Coverage:
        """How many of the paper's claims were tested, and how that came out."""
        return coverage(len(self.rows), self.entries)

    def where(self, id: str) -> str:
        """A claim's place in the paper and its figure there; empty for other entries."""
        return next((row.where for row in self.rows if row.id == id), "")


def outputs(notebook: NotebookNode, key: str) -> Iterator[tuple[int, NotebookNode]]:
    """Outputs that carry `key` under `repro`, with the number of their cell (from 1).

    Args:
        notebook: in nbformat 4.
        key: "entry", "paper" or "ledger".
    """
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            if key in output.get("metadata", {}).get("repro", {}):
                yield number, output


def read(slug: str, notebook: NotebookNode) -> Records:
    """The records of a notebook, judged again from their own numbers.

    Args:
        slug: the chapter's name, which every record must carry.
        notebook: in nbformat 4.

    Raises:
        ClaimError: a record that does not bear out its verdict, was edited or belongs elsewhere; an
            id or a statement twice; two tables of the paper's claims. Names chapter and cell.
    """
    rows: tuple[Stated, ...] = ()
    for number, output in outputs(notebook, "paper"):
        if rows:
            raise ClaimError(f"chapter {slug!r}, cell {number}: a second table of paper's claims")
        try:
            rows = tuple(check_rows(Stated(**row) for row in output.metadata.repro.paper))
        except (ClaimError, TypeError) as error:
            raise ClaimError(f"chapter {slug!r}, cell {number}: {error}") from error
    entries: dict[str, dict[str, Any]] = {}
    for number, output in outputs(notebook, "entry"):
        record = _plain(output.metadata.repro.entry)
        try:
            _admit(rejudge(record), slug, entries)
        except ClaimError as error:
            raise ClaimError(f"chapter {slug!r}, cell {number}: {_named(record)}{error}") from error
    return Records(slug, rows, tuple(entries.values()))


def _plain(value: Any) -> Any:
    """Notebook nodes as plain dictionaries."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _admit(record: dict[str, Any], slug: str, known: dict[str, dict[str, Any]]) -> None:
    """Keep a record, unless it is another chapter's or repeats an id or a statement."""
    if record["chapter"] != slug:
        raise ClaimError(f"it belongs to chapter {record['chapter']!r}")
    if record["id"] in known:
        raise ClaimError("this id is made twice")
    if record["statement"] in (other["statement"] for other in known.values()):
        raise ClaimError("it repeats the statement of another entry")
    known[record["id"]] = record


def _named(record: Any) -> str:
    """How a message begins: the entry's kind and id, its rule and its numbers, as far as stored."""
    if not isinstance(record, dict):
        return ""
    texts = [
        f"{key} {record[key]['text']!r}"
        for key in ("rule", "measured", "control")
        if isinstance(record.get(key), dict) and "text" in record[key]
    ]
    return f"{record.get('kind')} {record.get('id')!r} ({', '.join(texts)}): "


def problems(slug: str, notebook: NotebookNode) -> list[str]:
    """What is wrong with the stored entries of a chapter; empty if they are in order.

    Beyond `read`: each claim of the paper has an entry or says why not, each claim is in the table,
    and what is shown is what the records lead to.
    """
    try:
        records = read(slug, notebook)
    except ClaimError as error:
        return [str(error)]
    found = gaps(records.rows, records.entries)
    drawn = _drawn(records, notebook)
    found += [
        f"cell {number} does not show its record: run `make restyle`"
        for number, output, data in drawn
        if any(_text(output, mime) != text for mime, text in data.items())
    ]
    strays = [
        number
        for number, cell in enumerate(notebook.cells, 1)
        for output in cell.get("outputs", ())
        if '<div class="claim ' in _text(output, "text/html")
        and "entry" not in output.get("metadata", {}).get("repro", {})
    ]
    found += [f"cell {number} shows a card that has no record" for number in strays]
    return found


def redraw(slug: str, notebook: NotebookNode) -> None:
    """Draw every card and table of a notebook from its records, in place; nothing is executed.

    Raises:
        ClaimError: as for `read`.
    """
    for _, output, data in _drawn(read(slug, notebook), notebook):
        output.data |= data


def _drawn(
    records: Records, notebook: NotebookNode
) -> list[tuple[int, NotebookNode, dict[str, str]]]:
    """Every output that shows records: its cell, itself, and what it ought to show."""
    rows, entries = records.rows, records.entries
    by_id = {entry["id"]: entry for entry in entries}
    found = []
    for number, output in outputs(notebook, "entry"):
        entry = by_id[output.metadata.repro.entry.id]
        html = cards.card(entry, records.where(entry["id"]))
        found.append((number, output, html, cards.card_text(entry)))
    for number, output in outputs(notebook, "paper"):
        html = cards.paper(records.chapter, rows, entries)
        found.append((number, output, html, cards.paper_text(rows)))
    for number, output in outputs(notebook, "ledger"):
        html = cards.ledger(rows, entries)
        found.append((number, output, html, cards.ledger_text(rows, entries)))
    return [(n, out, {"text/html": h, "text/plain": p}) for n, out, h, p in found]


def _text(output: NotebookNode, mime: str) -> str:
    """Textual data of an output; empty where there is none."""
    return "".join(output.get("data", {}).get(mime, ""))
