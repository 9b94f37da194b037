"""Checks of the figures: alternative text, a live figure, a thumbnail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from press.chapter import Cell, Chapter

MARKDOWN_IMAGE = re.compile(r"!\[([^\]]*)\]\(")
HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"""\balt\s*=\s*(?:"\s*[^"\s]|'\s*[^'\s])""", re.IGNORECASE)
DIRECTIVE = re.compile(r"^(`{3,}|:{3,})\{(?:image|figure)\}.*?^\1", re.DOTALL | re.MULTILINE)
BITMAPS = ("image/png", "image/jpeg", "image/svg+xml")


def alternative_text(chapter: Chapter) -> Iterator[str]:
    """Every picture says in words what it shows."""
    for cell in chapter.markdown:
        if any(not alt.strip() for alt in MARKDOWN_IMAGE.findall(cell.source)):
            yield f"{cell.where} has a figure without alternative text. Write `![text](...)`."
        if any(not ALT.search(tag) for tag in HTML_IMAGE.findall(cell.source)):
            yield f"{cell.where} has a figure without alternative text. Add `alt` to its `<img>`."
        for block in DIRECTIVE.finditer(cell.source):
            if not re.search(r"^:alt:[ \t]*\S", block.group(), re.MULTILINE):
                yield f"{cell.where} has a figure without alternative text. Add `:alt:` to it."
    for cell in chapter.code:
        for output in cell.outputs:
            yield from _output(cell, output)


def _output(cell: Cell, output: NotebookNode) -> Iterator[str]:
    """A stored picture has ``repro.alt``; an image inside HTML has ``alt``."""
    data, told = output.get("data", {}), output.get("metadata", {}).get("repro", {})
    pictured = any(mime in data for mime in BITMAPS) or "explore" in told
    if pictured and not str(told.get("alt") or "").strip():
        yield (
            f"{cell.where} shows a figure without alternative text. "
            "Draw it with `show(fig, alt=...)` or `explore(draw, alt=..., ...)`."
        )
    html = "".join(data.get("text/html", ""))
    if any(not ALT.search(tag) for tag in HTML_IMAGE.findall(html)):
        yield f"{cell.where} shows HTML with a figure without alternative text. Add `alt`."


def explore(chapter: Chapter) -> Iterator[str]:
    """At least one figure that the reader can move."""
    live = [
        output
        for cell in chapter.code
        for output in cell.outputs
        if output.get("metadata", {}).get("repro", {}).get("explore")
    ]
    if chapter.executed and not live:
        yield "has no `explore` figure. Add one to `## Play`, then run the refresh command."


def thumbnail(chapter: Chapter) -> Iterator[str]:
    """Exactly one cell gives the picture of the gallery."""
    cells = [cell for cell in chapter.code if "thumbnail" in cell.tags]
    if len(cells) != 1:
        yield f"has {len(cells)} cells tagged `thumbnail`, one is wanted. Tag one that draws."
    for cell in cells:
        if chapter.executed and not any("image/png" in o.get("data", {}) for o in cell.outputs):
            yield f"{cell.where} is tagged `thumbnail` but stores no figure. Tag one that draws."
