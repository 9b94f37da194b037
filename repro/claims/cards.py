"""How entries, a ledger and the table of a paper's claims look: HTML, and plain text of each.

Everything here follows from records. It is the same on every machine, except what is masked. Those
who draw with templates of their own, such as the site, bring them along as `render`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from repro.claims.paper import Stated, coverage, gaps
from repro.markup import aligned, render

#: Fills a template, given its name and what it uses.
Render = Callable[..., str]
#: Colour by verdict: at least 3:1 on white and on the dark page; the verdict stands beside it. The
#: site takes its own from here.
COLOURS = {
    "reproduced": "#1f83c4",
    "consistent": "#1a9077",
    "not at this scale": "#a97f0c",
    "contradicted": "#d3589a",
    "holds": "#6b7f94",
    "found": "#8467c7",
    "refused": "#e0483a",
}
#: How each kind is counted: the sentence over its table, for one and for several.
NOUNS = {"check": ("check holds", "checks hold"), "finding": ("finding", "findings")}


def css(verdict: str) -> str:
    """A verdict as part of a class name, such as not-at-this-scale."""
    return verdict.replace(" ", "-")


def anchor(record: Mapping[str, Any]) -> str:
    """Name of an entry's card on its page."""
    return f"claim-{record['chapter']}-{record['id']}"


def card(record: Mapping[str, Any], where: str, render: Render = render) -> str:
    """HTML of one entry.

    Args:
        record: the judged entry.
        where: for a claim, its place in the paper and its figure there; otherwise empty.
        render: fills the template `entry`.
    """
    return render(
        "entry",
        record=record,
        where=where,
        anchor=anchor(record),
        css=css(record["verdict"]),
        colour=COLOURS[record["verdict"]],
    )


def refused_card(statement: str, rows: Mapping[str, str], why: str) -> str:
    """HTML of a refused entry; `rows` are measured texts and stay masked."""
    return render(
        "refused", statement=statement, rows={"Why": why, **rows}, colour=COLOURS["refused"]
    )


def card_text(record: Mapping[str, Any]) -> str:
    """Plain text of one entry, the same on every machine."""
    return f"{record['kind']} {record['id']} | {record['verdict']} | {record['rule']['text']}"


def paper(
    chapter: str,
    rows: Sequence[Stated],
    records: Iterable[Mapping[str, Any]],
    render: Render = render,
) -> str:
    """HTML of the table of a paper's claims; verdicts stand where the records have them."""
    made = {record["id"]: record for record in records}
    shown = [(row, made.get(row.id), f"claim-{chapter}-{row.id}") for row in rows]
    return render("paper", rows=shown, colours=COLOURS)


def paper_text(rows: Sequence[Stated]) -> str:
    """Plain text of that table, without verdicts."""
    cells = [[row.id, row.says, row.untested or "tested"] for row in rows]
    return aligned(cells, ["id", "the paper claims", "here"])


def ledger(
    rows: Sequence[Stated], records: Sequence[Mapping[str, Any]], render: Render = render
) -> str:
    """HTML of a ledger: the claims, the checks and the findings, apart, and what is amiss."""
    kinds = {kind: _of(kind, records) for kind in ("claim", "check", "finding")}
    return render(
        "ledger",
        rows=rows,
        kinds=kinds,
        anchors={record["id"]: anchor(record) for record in records},
        captions=_captions(rows, records),
        gaps=gaps(rows, records),
        colours=COLOURS,
    )


def ledger_text(rows: Sequence[Stated], records: Sequence[Mapping[str, Any]]) -> str:
    """Plain text of a ledger: the counts, one line an entry, and what is amiss."""
    lines = []
    for kind, caption in _captions(rows, records).items():
        lines += [caption, *(card_text(record) for record in _of(kind, records))]
    return "\n".join(lines + gaps(rows, records))


def _of(kind: str, records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The entries of one kind."""
    return [record for record in records if record["kind"] == kind]


def _captions(rows: Sequence[Stated], records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What stands over the table of each kind that has entries; over the claims always."""
    captions = {"claim": coverage(len(rows), records).text}
    for kind, (one, several) in NOUNS.items():
        if count := len(_of(kind, records)):
            captions[kind] = f"{count} {one if count == 1 else several}"
    return captions
