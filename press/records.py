"""The entries that stored outputs hold: read, judged again, and drawn again.

The records are the truth. What a reader sees of them, in a notebook and on the site, is drawn from
them by this module alone, without executing anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bs4 import BeautifulSoup
from nbformat import NotebookNode, from_dict

from repro.claims import ClaimError, cards
from repro.claims.entries import distinct
from repro.claims.paper import Coverage, Stated, check_rows, coverage, gaps
from repro.claims.stored import rejudge
from repro.markup import render


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


def total(ledgers: Iterable[Records]) -> Coverage:
    """How many claims of all the papers together were tested, and how that came out."""
    ledgers = list(ledgers)
    entries = [entry for ledger in ledgers for entry in ledger.entries]
    return coverage(sum(len(ledger.rows) for ledger in ledgers), entries)


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
            raise ClaimError(
                f"chapter {slug!r}, cell {number}: a second table of the paper's claims; all of "
                "them stand in one"
            )
        try:
            rows = tuple(check_rows(Stated(**row) for row in output.metadata.repro.paper))
        except (ClaimError, TypeError) as error:
            raise ClaimError(f"chapter {slug!r}, cell {number}: {error}") from error
    entries: list[dict[str, Any]] = []
    for number, output in outputs(notebook, "entry"):
        record = _plain(output.metadata.repro.entry)
        try:
            judged = rejudge(record)
            if judged["chapter"] != slug:
                raise ClaimError(f"it belongs to chapter {judged['chapter']!r}")
            distinct(judged, entries)
        except ClaimError as error:
            raise ClaimError(f"chapter {slug!r}, cell {number}: {_named(record)}{error}") from error
        entries.append(judged)
    return Records(slug, rows, tuple(entries))


def _plain(value: Any) -> Any:
    """Notebook nodes as plain dictionaries."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


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
    what is shown is what the records lead to, and nothing else looks like an entry.

    Args:
        slug: the chapter's name.
        notebook: in nbformat 4.

    Returns:
        Sentences that name chapter, cell and entry, the cause, and what to do.
    """
    try:
        records = read(slug, notebook)
    except ClaimError as error:
        return [str(error)]
    found = [f"chapter {slug!r}: {gap}" for gap in gaps(records.rows, records.entries)]
    for drawn in _drawn(records, notebook):
        if not drawn.is_shown:
            found.append(
                f"chapter {slug!r}, cell {drawn.cell}: {drawn.name} does not show its records; run "
                "`make restyle`"
            )
    return found + [f"chapter {slug!r}, cell {number}: {why}" for number, why in _strays(notebook)]


def _strays(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """What looks like a card or a ledger but has no record: refused, or written by hand."""
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "markdown" and _classes(cell.source):
            yield number, "its text draws a card; make entries with the ledger"
        for output in cell.get("outputs", ()):
            own = output.get("metadata", {}).get("repro", {})
            shown = _classes(_text(output, "text/html")) | _classes(_text(output, "text/markdown"))
            if not shown or set(own) & {"entry", "paper", "ledger"}:
                continue
            if "claim--refused" in shown:
                yield number, "it shows an entry that was refused; correct the entry"
            else:
                yield number, "it shows a card that has no record; make entries with the ledger"


def _classes(html: str) -> set[str]:
    """The classes of cards and of their tables in HTML, or in Markdown that holds HTML."""
    if "claim" not in html or "<" not in html:
        return set()
    found = BeautifulSoup(html, "html.parser").find_all(class_=True)
    names = {name for element in found for name in element["class"]}
    return {name for name in names if name.startswith("claim")}


def redraw(slug: str, notebook: NotebookNode, render: cards.Render = render) -> None:
    """Draw every card and table of a notebook from its records, in place; nothing is executed.

    The texts that a record holds of its rule and its numbers are written anew as well.

    Args:
        slug: the chapter's name.
        notebook: in nbformat 4; its outputs are changed.
        render: fills the templates; by default those that stored outputs are drawn with.

    Raises:
        ClaimError: as for `read`; the notebook is left as it was.
    """
    for drawn in _drawn(read(slug, notebook), notebook, render):
        drawn.output.data = from_dict(drawn.data)
        if drawn.record:
            drawn.output.metadata.repro.entry = from_dict(drawn.record)


@dataclass(frozen=True)
class _Drawn:
    """An output that shows records, and what it ought to show.

    Attributes:
        cell: number of its cell.
        name: what it is, for messages.
        output: itself.
        data: its HTML and plain text, by mime type.
        record: for an entry, its record; otherwise empty.
    """

    cell: int
    name: str
    output: NotebookNode
    data: dict[str, str]
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def is_shown(self) -> bool:
        """Whether the output is what it ought to be."""
        stored = self.output.metadata.repro.get("entry", {})
        told = {mime: _text(self.output, mime) for mime in self.output.get("data", {})}
        return told == self.data and (not self.record or stored == self.record)


def _drawn(
    records: Records, notebook: NotebookNode, render: cards.Render = render
) -> Iterator[_Drawn]:
    """Every output that shows records."""
    rows, entries = records.rows, records.entries
    by_id = {entry["id"]: entry for entry in entries}
    for number, output in outputs(notebook, "entry"):
        entry = by_id[output.metadata.repro.entry.id]
        html = cards.card(entry, records.where(entry["id"]), render)
        name = f"{entry['kind']} {entry['id']!r}"
        yield _Drawn(number, name, output, _data(html, cards.card_text(entry)), entry)
    for number, output in outputs(notebook, "paper"):
        html = cards.paper(records.chapter, rows, entries, render)
        name = "the table of the paper's claims"
        yield _Drawn(number, name, output, _data(html, cards.paper_text(rows)))
    for number, output in outputs(notebook, "ledger"):
        html = cards.ledger(rows, entries, render)
        yield _Drawn(number, "the ledger", output, _data(html, cards.ledger_text(rows, entries)))


def _data(html: str, plain: str) -> dict[str, str]:
    """What an output shows, by mime type."""
    return {"text/html": html, "text/plain": plain}


def _text(output: NotebookNode, mime: str) -> str:
    """Textual data of an output; empty where there is none."""
    return "".join(output.get("data", {}).get(mime, ""))
