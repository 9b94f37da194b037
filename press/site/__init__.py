"""Sphinx extension of the book: what the site adds to the notebooks, drawn at build time.

Chapter cards, the gallery and figures of the landing page, the scoreboard, alternative text of
figures and offline mathematics all come from notebook metadata, ``references.bib`` and the stored
claims. The notebooks stay as they are, and nothing generated is committed.
"""

from typing import Any

from sphinx.application import Sphinx

from press.site import (
    alt_text,
    assets,
    benchmarks,
    card,
    landing,
    mathjax,
    prose,
    repository,
    scoreboard,
    thumbnails,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register every part of the extension with a Sphinx application."""
    parts = (
        repository,
        assets,
        mathjax,
        prose,
        alt_text,
        card,
        landing,
        scoreboard,
        benchmarks,
        thumbnails,
    )
    for part in parts:
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
