"""Code with few elements: names and brackets keep the colour of the text.

More than half of a chapter's elements were marks around single brackets and names, and a page
takes as long to show as it has elements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pygments.formatters import HtmlFormatter
from pygments.token import Name, Punctuation, Text, Whitespace
from sphinx.application import Sphinx
from sphinx.highlighting import PygmentsBridge

#: Tokens that are not marked; their kinds within, such as names of functions, are.
PLAIN = (Name, Name.Namespace, Punctuation, Text, Whitespace)


class Formatter(HtmlFormatter):
    """Pygments' formatter, which joins what it does not mark."""

    def format_unencoded(self, tokensource: Iterable[tuple[Any, str]], outfile: Any) -> None:
        """Write tokens as HTML."""
        joined = ((Text if kind in PLAIN else kind, text) for kind, text in tokensource)
        super().format_unencoded(joined, outfile)


def setup(app: Sphinx) -> None:
    """Let Sphinx write code in this way."""
    PygmentsBridge.html_formatter = Formatter
