"""The landing page: three live figures, and the gallery of finished chapters by part."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from press import toc
from press.site import library, templating, thumbnails


class BookDirective(SphinxDirective):
    """A directive whose content follows from the chapters; its page is read on every build."""

    def chapters(self) -> list[library.Finished]:
        """Return the finished chapters in order."""
        self.env.note_reread()
        return library.read_all(Path(self.env.srcdir), self.env.found_docs)

    def up(self) -> str:
        """Return the way from this page to the root of the site."""
        return "../" * self.env.docname.count("/")


class Figures(BookDirective):
    """``book-figures``: chapters, claims reproduced of claims made, time to verify everything."""

    def run(self) -> list[nodes.Node]:
        """Draw the three figures from the stored ledgers."""
        found = self.chapters()
        records = [record for chapter in found for record in chapter.claims]
        figures = templating.node(
            "figures",
            chapters=len(found),
            claims=len(records),
            verdicts=library.count_verdicts(records),
            seconds=sum(chapter.metadata["seconds"] for chapter in found),
        )
        return [figures]


class Gallery(BookDirective):
    """``book-gallery``: a card for each finished chapter, by part; ``:part:`` shows one part."""

    option_spec = {"part": directives.unchanged_required}  # noqa: RUF012  (docutils' protocol)

    def run(self) -> list[nodes.Node]:
        """Draw the gallery; parts that have no finished chapter are left out."""
        found = self.chapters()
        only = self.options.get("part")
        parts = {
            caption: [chapter for chapter in found if chapter.metadata["part"] == name]
            for name, caption in toc.PARTS.items()
            if only in (None, name)
        }
        gallery = templating.node(
            "gallery",
            parts={caption: members for caption, members in parts.items() if members},
            headings=only is None,
            up=self.up(),
            thumbnails=thumbnails.FOLDER,
        )
        return [gallery]


def setup(app: Sphinx) -> None:
    """Register the directives of the landing page."""
    app.add_directive("book-figures", Figures)
    app.add_directive("book-gallery", Gallery)
