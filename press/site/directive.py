"""What the book's directives share."""

from __future__ import annotations

from sphinx.util.docutils import SphinxDirective

from press.site import library


class BookDirective(SphinxDirective):
    """A directive whose content follows from the chapters; its page is read on every build."""

    def chapters(self) -> list[library.Finished]:
        """The finished chapters in order."""
        self.env.note_reread()
        return library.read_all(self.env.found_docs)

    def up(self) -> str:
        """The way from this page to the root of the site."""
        return library.up(self.env.docname)
