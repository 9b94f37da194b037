"""The scoreboard: what the papers claim and how it came out, as tables that need no scripts.

Each chapter's entries are folded under how many of its paper's claims were tested. All of them can
be downloaded.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from press import toc
from press.commands.scoreboard import as_json
from press.records import total
from press.site import library, templating
from press.site.directive import BookDirective
from press.site.finish import when_built

#: All entries, for programs.
FILE = "_static/scoreboard.json"


class Scoreboard(BookDirective):
    """`book-scoreboard`: for each paper its claims; then, folded again, our checks and findings."""

    def run(self) -> list[nodes.Node]:
        """Draw the tables from the stored records."""
        found = self.chapters()
        coverage = total(chapter.records for chapter in found)
        parts = {chapter.chapter.part for chapter in found}
        board = templating.node(
            "scoreboard",
            chapters=found,
            up=self.up(),
            json=FILE,
            coverage=coverage,
            untested=Counter(r.untested for c in found for r, _ in c.claims if r.untested),
            parts={name: text for name, text in toc.PARTS.items() if name in parts},
            checks=sum(len(chapter.records.of("check")) for chapter in found),
            findings=sum(len(chapter.records.of("finding")) for chapter in found),
        )
        return [board]


@when_built
def write(app: Sphinx) -> None:
    """Write all entries as a file to download."""
    ledgers = [chapter.records for chapter in library.read_all(app.env.found_docs)]
    path = Path(app.outdir) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(ledgers), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register the directive, and write the file when the site is built."""
    app.add_directive("book-scoreboard", Scoreboard)
    app.connect("build-finished", write)
