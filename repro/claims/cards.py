"""How a claim and a ledger look: HTML cards and tables, and the plain text of each.

Everything here is the same on every machine, except what `mask` wraps.
"""

import html
from collections import Counter
from typing import Any

from repro.markup import inline, mask, powers_of_ten

#: Left border by verdict: at least 3:1 on white and on the dark page; the verdict stands beside it.
BORDERS = {
    "reproduced": "#1f83c4",
    "consistent": "#1a9077",
    "not at this scale": "#a97f0c",
    "contradicted": "#d3589a",
    "refused": "#e0483a",
}


def css_class(verdict: str) -> str:
    """Return the modifier class of a verdict, such as claim--not-at-this-scale."""
    return "claim--" + verdict.replace(" ", "-")


def card(record: dict[str, Any]) -> str:
    """Return the HTML card of a judged claim."""
    rows = {
        "Paper": inline(record["paper"]),
        "Measured": mask(record["measured"]["text"]),
        "Rule": html.escape(powers_of_ten(record["rule"]["text"])),
        "Control": f"{mask(record['control']['text'])} (rejected): " + inline(record["control_is"]),
    }
    if record["reason"]:
        label = "Reconstructed" if record["verdict"] == "consistent" else "Reason"
        rows[label] = inline(record["reason"])
    anchor = f"claim-{record['chapter']}-{record['id']}"
    return _card(record["statement"], record["verdict"], rows, f' id="{html.escape(anchor)}"')


def refused_card(statement: str, rows: dict[str, str], why: str) -> str:
    """Return the HTML card of a refused claim; `rows` are measured texts and stay masked."""
    shown = {"Why": mask(why)} | {label: mask(text) for label, text in rows.items()}
    return _card(statement, "refused", shown)


def _card(statement: str, verdict: str, rows: dict[str, str], anchor: str = "") -> str:
    """Lay out a card: the statement, the verdict, then one line a row (values are HTML)."""
    style = f"border-left:4px solid {BORDERS[verdict]};padding:.3em .9em;margin:.6em 0"
    lines = "".join(
        f'<div class="claim__row"><span class="claim__label">{label}:</span> {value}</div>\n'
        for label, value in rows.items()
    )
    return (
        f'<div class="claim {css_class(verdict)}"{anchor} style="{style}">\n'
        f'<div class="claim__head"><strong class="claim__statement">{inline(statement)}'
        f'</strong> <em class="claim__verdict">{verdict}</em></div>\n{lines}</div>'
    )


def summary(records: list[dict[str, Any]]) -> str:
    """Count the verdicts: "5 claims: 4 reproduced, 1 contradicted"."""
    counts = Counter(record["verdict"] for record in records)
    parts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in BORDERS if counts[verdict])
    noun = "claim" if len(records) == 1 else "claims"
    return f"{len(records)} {noun}" + (f": {parts}" if parts else " yet")


def card_text(record: dict[str, Any]) -> str:
    """Return the plain text of a card, the same on every machine."""
    return "claim " + " | ".join(
        (record["id"], record["kind"], record["rule"]["text"], record["verdict"])
    )


def table_text(records: list[dict[str, Any]]) -> str:
    """Return the plain text of a ledger: the counts, then one line a claim."""
    lines = [" | ".join((r["id"], r["rule"]["text"], r["verdict"])) for r in records]
    return "\n".join([summary(records), *lines])


def table(records: list[dict[str, Any]]) -> str:
    """Return the HTML table of a ledger."""
    head = ("Claim", "Paper", "Ours", "Rule", "Control (rejected)", "Verdict")
    cells = "".join(f'<th scope="col">{label}</th>' for label in head)
    rows = "\n".join(_row(record) for record in records)
    return (
        '<div class="claim-table-wrap" style="overflow-x:auto"><table class="claim-table">\n'
        f"<caption>{summary(records)}</caption>\n<thead><tr>{cells}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(record: dict[str, Any]) -> str:
    """Return the table row of one claim, linked to its card."""
    anchor = html.escape(f"#claim-{record['chapter']}-{record['id']}")
    reason = inline(record["reason"])
    cells = (
        f'<a href="{anchor}">{inline(record["statement"])}</a>',
        inline(record["paper"]),
        mask(record["measured"]["text"]),
        html.escape(powers_of_ten(record["rule"]["text"])),
        f"{mask(record['control']['text'])}: {html.escape(record['control_is'])}",
        f'<em class="claim__verdict">{record["verdict"]}</em>'
        + (f'<br><small class="claim__reason">{reason}</small>' if reason else ""),
    )
    data = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr class="{css_class(record["verdict"])}">{data}</tr>'
