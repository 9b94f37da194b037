"""The scoreboard: what the papers claim and how it came out, as tables that need no scripts."""

from __future__ import annotations

from collections import Counter

from docutils import nodes
from sphinx.application import Sphinx

from press import toc
from press.records import total
from press.site import templating
from press.site.directive import BookDirective


class Scoreboard(BookDirective):
    """`book-scoreboard`: every claim of every paper; then, folded, our checks and findings."""

    def run(self) -> list[nodes.Node]:
        """Draw the tables from the stored records."""
        found = self.chapters()
        coverage = total(chapter.records for chapter in found)
        parts = {chapter.chapter.part for chapter in found}
        board = templating.node(
            "scoreboard",
            chapters=found,
            up=self.up(),
            coverage=coverage,
            untested=Counter(r.untested for c in found for r, _ in c.claims if r.untested),
            parts={name: text for name, text in toc.PARTS.items() if name in parts},
            checks=sum(len(chapter.records.of("check")) for chapter in found),
            findings=sum(len(chapter.records.of("finding")) for chapter in found),
        )
        return [board]


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("book-scoreboard", Scoreboard)
