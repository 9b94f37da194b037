"""Checks of the figures: alternative text, a live figure, a thumbnail."""

from __future__ import annotations

from collections.abc import Iterator

from bs4 import BeautifulSoup
from nbformat import NotebookNode

from press.chapter import Cell, Chapter

BITMAPS = ("image/png", "image/jpeg", "image/svg+xml")


def alternative_text(chapter: Chapter) -> Iterator[str]:
    """Every picture says in words what it shows."""
    for cell in chapter.prose:
        if not all(alt.strip() for alt in cell.markdown.pictures):
            yield (
                f"{cell.where} has a figure without alternative text. Write `![text](...)`, or "
                '`alt="text"` in its <img>.'
            )
    for cell in chapter.code:
        for output in cell.outputs:
            yield from _output(cell, output)


def _output(cell: Cell, output: NotebookNode) -> Iterator[str]:
    """A stored picture has `repro.alt`; an image inside HTML has `alt`."""
    data, told = output.get("data", {}), output.get("metadata", {}).get("repro", {})
    pictured = any(mime in data for mime in BITMAPS) or "explore" in told
    if pictured and not str(told.get("alt") or "").strip():
        yield (
            f"{cell.where} shows a figure without alternative text. "
            "Draw it with `show(fig, alt=...)` or `explore(draw, alt=..., ...)`."
        )
    images = BeautifulSoup("".join(data.get("text/html", "")), "html.parser").find_all("img")
    if not all(image.get("alt", "").strip() for image in images):
        yield f"{cell.where} shows HTML with a figure without alternative text. Add `alt`."


def explore(chapter: Chapter) -> Iterator[str]:
    """At least one figure that the reader can move, where the sections say it is."""
    play = [cell for cell in chapter.code if cell.section == "Play"]
    if chapter.executed and not any(cell.stored("explore") for cell in play):
        yield "has no `explore` figure in `## Play`. Add one, then run the refresh command."


def thumbnail(chapter: Chapter) -> Iterator[str]:
    """Exactly one picture stands for the chapter in the gallery."""
    drawn = [cell for cell in chapter.code for _ in cell.stored("thumbnail")]
    if chapter.executed and len(drawn) != 1:
        yield (
            f"has {len(drawn)} pictures for the gallery, one is wanted. Draw one with "
            "`thumbnail(fig, alt=...)`: no axes, no labels."
        )
