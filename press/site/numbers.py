"""Numbers written alike on all pages: minus signs, powers of ten, and digits of an interval.

Records keep numbers as Python writes them, `-0.4857 [-2.022, 1.05]`. On the site this reads
`−0.49 [−2.02, 1.05]`: an estimate and its interval have as many decimals as tell its width to
three digits.
"""

from __future__ import annotations

import re
from html import escape, unescape
from math import floor, log10
from typing import Any

from sphinx.application import Sphinx

from repro.markup import powers_of_ten

#: An estimate before its interval; numbers with an exponent keep their digits.
ESTIMATE = re.compile(r"(?<![\w.])({0}) \[({0}), ({0})\](?!\w)".format(r"-?\d+(?:\.\d+)?"))
MINUS = re.compile(r"(?<![\w.)\]-])-(?=\.?\d)")
MEASURED = re.compile(r'(<span class="measured">)([^<]+)(?=</span>)')
#: Digits that tell the width of an interval.
DIGITS = 3


def alike(estimate: re.Match[str]) -> str:
    """An estimate and its interval with one number of decimals; whole numbers stay whole."""
    numbers = [float(text) for text in estimate.groups()]
    width = numbers[2] - numbers[1]
    present = max(len(text.partition(".")[2]) for text in estimate.groups())
    if width <= 0 or not present:
        return estimate[0]
    decimals = max(0, DIGITS - 1 - floor(log10(width)))
    while any(number and not round(number, decimals) for number in numbers):
        decimals += 1  # what is near zero stays on its side
    first, low, high = (f"{number:.{min(decimals, present)}f}" for number in numbers)
    return f"{first} [{low}, {high}]"


def written(text: str) -> str:
    """Write the numbers of a text for readers."""
    return MINUS.sub("−", powers_of_ten(ESTIMATE.sub(alike, text)))


def rewrite(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Write the measured numbers of a page, which its outputs mark."""
    if body := context.get("body"):
        context["body"] = MEASURED.sub(
            lambda found: found[1] + escape(written(unescape(found[2])), quote=False), body
        )


def setup(app: Sphinx) -> None:
    """Rewrite pages as they are written."""
    app.connect("html-page-context", rewrite)
