"""Claims, checks and findings on a chapter's page: drawn from their records as it is read."""

from __future__ import annotations

import nbformat
from sphinx.application import Sphinx

from press import records
from press.site import library
from repro.claims import ClaimError


def draw(app: Sphinx, docname: str, source: list[str]) -> None:
    """Draw every card and table of a chapter; where its records are not in order, its card says so.

    Args:
        app: the application.
        docname: the page.
        source: text of its file, replaced in place.
    """
    path = library.notebook(docname)
    if path is None:
        return
    notebook = nbformat.reads(source[0], as_version=4)
    try:
        records.redraw(path.stem, notebook)
    except ClaimError:
        return
    source[0] = nbformat.writes(notebook)


def setup(app: Sphinx) -> None:
    """Draw entries before a page is parsed."""
    app.connect("source-read", draw)
