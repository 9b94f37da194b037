"""Sphinx extension of the book: what the site adds to the notebooks, drawn at build time.

Chapter cards, the numbers and the gallery of the landing page, the scoreboard, alternative text of
figures and formulas all come from notebook metadata, `references.bib` and the stored records. The
notebooks stay as they are, and nothing generated is committed.
"""

from typing import Any

from sphinx.application import Sphinx

from press.site import (
    assets,
    benchmarks,
    card,
    entries,
    folds,
    formulas,
    highlighting,
    landing,
    lost,
    numbers,
    order,
    pictures,
    prose,
    repository,
    scoreboard,
    sections,
    sharing,
    styles,
    summaries,
    tables,
    thumbnails,
    verdicts,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register every part of the extension with a Sphinx application."""
    parts = (
        repository,
        assets,
        formulas,
        highlighting,
        entries,
        folds,
        sections,
        prose,
        pictures,
        tables,
        numbers,
        card,
        order,
        landing,
        scoreboard,
        benchmarks,
        summaries,
        sharing,
        thumbnails,
        lost,
        verdicts,
        styles,
    )
    for part in parts:
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
