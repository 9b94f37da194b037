"""Notebooks that hold a small ledger, stored as an execution would leave it."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from small_entries import CHECK, CLAIM, SCALE

from press.records import redraw
from repro.claims import Stated
from repro.claims.verdicts import judge

ROWS = [
    Stated("a", "A beats B", "2 points (table 1)"),
    Stated("s", "A beats C", "3 points (table 1)"),
    Stated("far", "It scales", "table 2", out_of_reach="no data"),
]
KINDS = {"claim": CLAIM, "check": CHECK, "finding": CLAIM}


def record_of(kind="claim", id="a", **changes):
    """The record of an entry of chapter `demo`."""
    return judge(kind=kind, chapter="demo", id=id, **(KINDS[kind] | changes))


def records():
    """One record of each kind, and one with all evidence."""
    return [
        record_of(),
        record_of(id="s", **(SCALE | {"statement": "With five seeds A does not beat C"})),
        record_of("check", "c"),
        record_of("finding", "f", statement="A is steadier", control=[-1, -2, -3, -2, -1]),
    ]


def output(**own):
    """An output that holds something under `repro` in its metadata."""
    data = {"text/html": "not drawn yet", "text/plain": "not drawn yet"}
    return nbformat.from_dict(new_output("display_data", data, metadata={"repro": own}))


def notebook_of(*entries, rows=ROWS):
    """A notebook with the table of the paper's claims, entries and the ledger, not yet drawn."""
    held = [output(paper=[row.record() for row in rows])] if rows else []
    held += [output(entry=entry) for entry in entries]
    cells = [new_code_cell("make()", outputs=[one]) for one in [*held, output(ledger=True)]]
    cells = [new_markdown_cell("# Title"), *cells]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return nbformat.from_dict(new_notebook(cells=cells))


def drawn(*entries, rows=ROWS):
    """Such a notebook, drawn from its records."""
    notebook = notebook_of(*(entries or records()), rows=rows)
    redraw("demo", notebook)
    return notebook
