"""The scoreboard: every claim of every chapter, as a table that also works without scripts."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

from press import toc
from press.site import library, templating
from press.site.landing import BookDirective


class Scoreboard(BookDirective):
    """``book-scoreboard``: the paper's figure, ours, rule, control and verdict of each claim."""

    def run(self) -> list[nodes.Node]:
        """Draw the table from the stored ledgers."""
        found = self.chapters()
        records = [record for chapter in found for record in chapter.claims]
        parts = {chapter.metadata["part"] for chapter in found}
        table = templating.node(
            "scoreboard",
            chapters=found,
            up=self.up(),
            verdicts=library.count_verdicts(records),
            parts={name: text for name, text in toc.PARTS.items() if name in parts},
            total=len(records),
        )
        return [table]


def typeset_html(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Load MathJax on a page that holds mathematics in HTML only, which Sphinx does not see."""
    if isinstance(doctree, nodes.document) and any(
        'class="math ' in raw.astext() for raw in doctree.findall(nodes.raw)
    ):
        app.env.get_domain("math").data["has_equations"][page] = True


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("book-scoreboard", Scoreboard)
    # Before Sphinx decides, at the usual priority of 500, whether the page needs MathJax.
    app.connect("html-page-context", typeset_html, priority=400)
