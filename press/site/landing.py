"""The landing page: the book in three numbers, and the gallery of finished chapters by part."""

from __future__ import annotations

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from press import toc
from press.records import total
from press.site import templating, thumbnails
from press.site.directive import BookDirective


class Numbers(BookDirective):
    """`book-numbers`: chapters, claims tested of those the papers make, time to verify all."""

    def run(self) -> list[nodes.Node]:
        """Draw the numbers from the stored records; checks and findings are counted apart."""
        found = self.chapters()
        numbers = templating.node(
            "numbers",
            chapters=len(found),
            coverage=total(chapter.records for chapter in found),
            checks=sum(len(chapter.records.of("check")) for chapter in found),
            findings=sum(len(chapter.records.of("finding")) for chapter in found),
            seconds=sum(chapter.metadata["seconds"] for chapter in found),
        )
        return [numbers]


class Gallery(BookDirective):
    """`book-gallery`: a card for each finished chapter, by part; `:part:` shows one part."""

    option_spec = {"part": directives.unchanged_required}  # noqa: RUF012  (docutils' protocol)

    def run(self) -> list[nodes.Node]:
        """Draw the gallery; parts that have no finished chapter are left out."""
        found = self.chapters()
        only = self.options.get("part")
        parts = {
            caption: [chapter for chapter in found if chapter.chapter.part == name]
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
    app.add_directive("book-numbers", Numbers)
    app.add_directive("book-gallery", Gallery)
