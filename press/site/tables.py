"""Tables that read well: rows with headings, numbers on the right, the long ones folded."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

#: A table made by `repro.report.table`, its rows and their cells.
TABLE = re.compile(r'<table class="repro-table">.*?</table>', re.DOTALL)
ROW = re.compile(r"(?<=<tr>).*?(?=</tr>)", re.DOTALL)
CELL = re.compile(r"<(?P<tag>td|th)(?P<told>[^>]*)>(?P<text>.*?)</(?P=tag)>", re.DOTALL)
#: A number written as text, as those of a paper are, alone or with its error; and an interval.
ONE = r"[-+−]?\d[\d,]*(?:\.\d+)?(?: ?%)?"
NUMBER = re.compile(rf"{ONE}(?: ± {ONE})?")
INTERVAL = re.compile(rf"\[{ONE}, {ONE}\]")
#: The heading of the column in which a trial marks the settings that it chose.
CHOSEN = re.compile(r"<th[^>]*>chosen</th>")
#: Rows that a reader takes in at a glance; more are folded.
ROWS = 16
CAPTION = re.compile(r"<caption>(?P<text>.*?)</caption>", re.DOTALL)
#: A first cell of a page's own tables, and what in it is no text: formulas and elements.
STUB = re.compile(r'<th class="stub">(?P<text>.*?)</th>', re.DOTALL)
SILENT = re.compile(r'<span class="math [^>]*>[^<]*</span>|<[^>]+>|\s')
ELEMENT = re.compile(r"<[^>]+>")
NUM = ' class="num"'


def head_markdown(app: Sphinx, doctree: nodes.document) -> None:
    """Make the first column of a page's own tables headings."""
    for group in doctree.findall(nodes.tgroup):
        group.next_node(nodes.colspec)["stub"] = 1


def headed(table: str) -> str:
    """A table of an output with headings for its rows, and numbers to the right.

    A cell is one where it holds a number; the heading of a column where all of its cells do. A
    blank first cell heads nothing.
    """
    rows = [list(CELL.finditer(row)) for row in ROW.findall(table)]
    columns = list(zip(*rows[1:], strict=False))
    right = [any(map(_number, cells)) and all(map(_fits, cells)) for cells in columns]
    written = iter([_head(rows[0], right), *(_row(cells, right) for cells in rows[1:])])
    return ROW.sub(lambda _: next(written), table)


def folded(table: str) -> str:
    """A table of an output, behind the first sentence of its caption where few readers need it.

    That is so for the settings that a trial tried, and for any table of more than `ROWS` rows.
    """
    caption, rows = CAPTION.search(table), len(ROW.findall(table)) - 1
    if not caption or not (CHOSEN.search(table) or rows > ROWS):
        return table
    about = re.split(r"(?<=[.?])\s", ELEMENT.sub("", caption["text"]).strip())[0]
    summary = f"<summary>{about.rstrip('.')} ({rows} rows)</summary>"
    return f'<details class="table-fold">{summary}{table}</details>'


def _number(cell: re.Match[str]) -> bool:
    """Whether a cell holds a number."""
    return NUM in cell["told"] or bool(NUMBER.fullmatch(cell["text"]))


def _fits(cell: re.Match[str]) -> bool:
    """Whether a cell may stand in a column of numbers: a number, nothing, or a dash."""
    return _number(cell) or cell["text"] in ("", "-", "−", "–")


def _head(cells: list[re.Match[str]], right: list[bool]) -> str:
    """The headings of columns, over the numbers of theirs."""
    padded = [*right, *[False] * len(cells)]
    return "".join(
        f"<{cell['tag']}{cell['told']}{NUM * on}>{cell['text']}</{cell['tag']}>"
        for cell, on in zip(cells, padded, strict=False)
    )


def _row(cells: list[re.Match[str]], right: list[bool]) -> str:
    """The cells of a row, the first its heading; an interval stays on one line."""
    written = []
    for place, (cell, on) in enumerate(zip(cells, right, strict=False)):
        tag = 'th scope="row"' if not place and cell["text"] else "td"
        told = cell["told"].replace(NUM, "") + NUM * (on or _number(cell))
        text = INTERVAL.sub(lambda found: found[0].replace(" ", "&nbsp;"), cell["text"])
        written.append(f"<{tag}{told}>{text}</{tag[:2]}>")
    return "".join(written)


def _stub(cell: re.Match[str]) -> str:
    """The first cell of a row: its heading if it has a word, which a formula alone has not."""
    tag = 'th scope="row" class="stub"' if SILENT.sub("", cell["text"]) else "td"
    return f"<{tag}>{cell['text']}</{tag[:2]}>"


def head_outputs(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Rewrite and fold the tables in a page's outputs, and head the rows of its own tables."""
    if body := context.get("body"):
        body = TABLE.sub(lambda table: folded(headed(table[0])), body)
        context["body"] = STUB.sub(_stub, body)


def setup(app: Sphinx) -> None:
    """Head tables as pages are read and written."""
    app.connect("doctree-read", head_markdown)
    app.connect("html-page-context", head_outputs)
