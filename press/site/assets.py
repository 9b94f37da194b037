"""What a page loads: only the scripts that it uses, and none before its text.

The theme and the extensions add their scripts to every page, a megabyte of icons among them. Here
a page gets those that are named below; the layout in `theme` leaves out what is in no list. What
the theme's scripts did for the book, `book.js` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

THEME = Path(__file__).with_name("theme")
#: Scripts of every page: what marks the words of a search on the pages that it found, and the
#: book's own.
EVERYWHERE = ("documentation_options.js", "doctools.js", "sphinx_highlight.js", "book.js")
#: Scripts of pages that hold a mark: a button that copies code, the filters of the
#: scoreboard and of the gallery.
WHERE = {
    'class="highlight': ("clipboard.min.js", "copybutton.js"),
    'class="scoreboard"': ("scoreboard.js",),
    'class="gallery__filters': ("gallery.js",),
}
#: The template that searches, what it needs beside its own scripts, and what these need at once.
SEARCH = "search.html"
TOOLS = ("search.js",)
AT_ONCE = EVERYWHERE[:3]


def choose(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Leave a page the scripts that it uses.

    They are fetched beside the text and run behind it, in order.
    """
    body = context.get("body", "")
    wanted = {*EVERYWHERE, *(name for mark in WHERE if mark in body for name in WHERE[mark])}
    at_once = ()
    if template == SEARCH:
        wanted, at_once = wanted | {*TOOLS}, AT_ONCE
    context["script_files"] = [
        script if file_name(script) in at_once else late(script)
        for script in context["script_files"]
        if file_name(script) in wanted
    ]


def file_name(script: Any) -> str:
    """Name of the file of an entry of Sphinx's list of scripts; empty for one without a file."""
    return Path(str(script.filename or "")).name


def late(script: Any) -> Any:
    """The same entry, run when the page is read."""
    attributes = script.attributes | {"defer": "defer"}
    return type(script)(script.filename, priority=script.priority, **attributes)


def use_layout(app: Sphinx, config: Config) -> None:
    """Draw pages by the layout of this package."""
    config.templates_path = [*config.templates_path, str(THEME)]


def setup(app: Sphinx) -> None:
    """Choose after all extensions have added theirs."""
    app.connect("config-inited", use_layout)
    app.connect("html-page-context", choose, priority=900)
