"""Claims, checks and findings on a chapter's page: drawn from their records as it is read.

A stored output is read beside its code, in many programs; here the same record is told in a
sentence, leads to what its verdict means, and folds away what few readers ask for.
"""

from __future__ import annotations

from functools import partial

import nbformat
from sphinx.application import Sphinx

from press import records
from press.site import library, templating
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
        records.redraw(path.stem, notebook, partial(templating.fill, up=library.up(docname)))
    except ClaimError:
        return
    source[0] = nbformat.writes(notebook)


def setup(app: Sphinx) -> None:
    """Draw entries before a page is parsed."""
    app.connect("source-read", draw)
