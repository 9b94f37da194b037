"""The chapter card: paper, links, scale, data, cost and coverage, under the chapter's title."""

from __future__ import annotations

from dataclasses import dataclass

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from press import bibliography
from press.chapter import Chapter
from press.site import library, repository, templating
from press.site.sections import SHORT_PATH, found
from repro import chapters

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShortPath:
    """The way through a chapter that takes fifteen minutes.

    Attributes:
        sections: (heading, anchor on the page) of each section.
        words: words of their text.
        lines: open lines of code in them.
    """

    sections: tuple[tuple[str, str], ...]
    words: int
    lines: int


def short_path(chapter: Chapter, doctree: nodes.document) -> ShortPath:
    """Measure the short path of a chapter.

    Args:
        chapter: the notebook.
        doctree: its page, which knows the anchors.
    """
    sections = found(doctree)
    ways = {name: sections[name] for name in SHORT_PATH if name in sections}
    prose = [cell for cell in chapter.prose if cell.section in SHORT_PATH]
    code = [cell for cell in chapter.code if cell.section in SHORT_PATH and cell.kind is None]
    return ShortPath(
        sections=tuple(
            (way.next_node(nodes.title).astext(), way["ids"][0]) for way in ways.values()
        ),
        words=sum(cell.markdown.words for cell in prose),
        lines=sum(bool(line.strip()) for cell in code for line in cell.source.splitlines()),
    )


def insert_card(app: Sphinx, doctree: nodes.document) -> None:
    """Put the card after the title of a chapter; other pages stay as they are."""
    path = library.notebook(app.env.docname)
    if path is None:
        return
    app.env.note_dependency(str(chapters.ROOT / bibliography.FILE))
    try:
        chapter = library.read(path)
    except library.UnfinishedError as problem:
        logger.warning("%s", problem, location=app.env.docname)
        return
    if chapter.thumbnail is None:
        logger.warning(
            "chapter %s: no picture is drawn for the gallery",
            chapter.slug,
            location=app.env.docname,
        )
    title = next(doctree.findall(nodes.title))
    title.parent.insert(title.parent.index(title) + 1, card(app, chapter, doctree))
    doctree.append(nodes.meta(name="description", content=chapter.metadata["summary"]))


def card(app: Sphinx, chapter: library.Finished, doctree: nodes.document) -> nodes.raw:
    """Draw the card of one chapter."""
    return templating.node(
        "card",
        chapter=chapter,
        paper=chapter.paper,
        coverage=chapter.records.coverage,
        checks=len(chapter.records.of("check")),
        findings=len(chapter.records.of("finding")),
        path=short_path(chapter.chapter, doctree),
        up=library.up(chapter.docname),
        launchers=repository.launchers(app.config, chapter.docname),
        # The theme puts the notebook there, for its own download button.
        download=f"_sources/{chapter.docname}.ipynb",
    )


def setup(app: Sphinx) -> None:
    """Draw cards as chapters are read."""
    app.connect("doctree-read", insert_card)
