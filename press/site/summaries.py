"""What search engines show of a page that does not say it itself: the beginning of its text."""

from __future__ import annotations

from html import escape
from textwrap import shorten
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

#: Characters that search engines show.
LENGTH = 160


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give a page its first paragraph as its description, unless it has one."""
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    paragraph = next(doctree.findall(nodes.paragraph), None)
    if paragraph is not None:
        text = escape(shorten(paragraph.astext(), LENGTH, placeholder=" …"))
        context["metatags"] += f'<meta name="description" content="{text}" />\n'


def setup(app: Sphinx) -> None:
    """Describe pages as they are written."""
    app.connect("html-page-context", describe)
