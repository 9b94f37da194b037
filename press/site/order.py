"""Previous and next of a chapter: the chapters beside it, past the pages of the parts."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from press import toc
from press.site import library

#: Where the last chapter leads.
LAST = "chapters/appendix/scoreboard"


def beside(page: str, listed: set[str]) -> dict[str, str]:
    """The pages before and behind a chapter, as "prev" and "next"; empty for another page.

    Args:
        page: its name for Sphinx.
        listed: pages of the site.
    """
    pages = [library.docname(path) for path in toc.paths().values()]
    row = [name for name in pages if name in listed]
    if page not in row:
        return {}
    place = row.index(page)
    around = {"prev": row[place - 1] if place else "", "next": [*row, LAST][place + 1]}
    return {way: name for way, name in around.items() if name in listed}


def lead(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Lead from chapter to chapter."""
    for way, name in beside(page, app.env.found_docs).items():
        context[way] = {
            "link": app.builder.get_relative_uri(page, name),
            "title": app.env.titles[name].astext(),
        }


def setup(app: Sphinx) -> None:
    """Lead when pages are written."""
    app.connect("html-page-context", lead)
