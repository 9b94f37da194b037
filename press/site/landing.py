"""The landing page: one sentence, a figure to play with, the book in numbers, and the gallery."""

from __future__ import annotations

from collections import Counter

from docutils import nodes
from docutils.parsers.rst import directives
from markupsafe import Markup
from sphinx.application import Sphinx

from press import toc
from press.records import total
from press.site import library, templating, thumbnails
from press.site.directive import BookDirective


class Opening(BookDirective):
    """`book-opening`: what a reader sees first; the content is its sentence.

    The argument names the chapter whose figure stands here with its sliders, and where to start.
    `:say:` invites to move them. Until that chapter is finished, its figure is left out.
    """

    required_arguments = 1
    has_content = True
    option_spec = {"say": directives.unchanged_required}  # noqa: RUF012  (docutils' protocol)

    def run(self) -> list[nodes.Node]:
        """Draw the opening from the stored records and the chapter's stored figure."""
        found = self.chapters()
        start = next((each for each in found if each.slug == self.arguments[0]), None)
        sentence = " ".join(self.content)
        opening = templating.node(
            "opening",
            sentence=sentence,
            say=self.options.get("say", ""),
            start=start,
            figure=Markup(play(start) if start else ""),
            up=self.up(),
            chapters=len(found),
            papers=toc.PAPERS,
            coverage=total(chapter.records for chapter in found),
            untested=Counter(row.untested for each in found for row, _ in each.claims),
        )
        return [opening, nodes.meta(name="description", content=sentence)]


class Gallery(BookDirective):
    """`book-gallery`: a card for each finished chapter; `:part:` shows those of one part."""

    option_spec = {"part": directives.unchanged_required}  # noqa: RUF012  (docutils' protocol)

    def run(self) -> list[nodes.Node]:
        """Draw the gallery: one grid, and filters where it has several parts."""
        only = self.options.get("part")
        shown = [each for each in self.chapters() if only in (None, each.chapter.part)]
        counts = Counter(each.chapter.part for each in shown)
        gallery = templating.node(
            "gallery",
            chapters=shown,
            parts={name: text for name, text in toc.PARTS.items() if counts[name]},
            counts=counts,
            labels=only is None,
            up=self.up(),
            thumbnails=thumbnails.FOLDER,
        )
        return [gallery]


def play(chapter: library.Finished) -> str:
    """The first figure with sliders of a chapter, as stored; empty where it has none."""
    outputs = (output for cell in chapter.chapter.code for output in cell.outputs)
    return next(
        (
            "".join(output.data["text/html"])
            for output in outputs
            if "explore" in output.get("metadata", {}).get("repro", {})
        ),
        "",
    )


def setup(app: Sphinx) -> None:
    """Register the directives of the landing page."""
    app.add_directive("book-opening", Opening)
    app.add_directive("book-gallery", Gallery)
