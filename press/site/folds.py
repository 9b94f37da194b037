"""Folds that say how much is inside: "Show the plot code, 23 lines"."""

from __future__ import annotations

import json

from sphinx.application import Sphinx


def count(app: Sphinx, docname: str, source: list[str]) -> None:
    """Write the number of lines behind the words on the folds of a notebook.

    Args:
        app: the application.
        docname: the page.
        source: text of its file, replaced in place.
    """
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        told = cell["metadata"].get("mystnb", {})
        if words := told.get("code_prompt_show"):
            lines = sum(bool(line.strip()) for line in "".join(cell["source"]).splitlines())
            told["code_prompt_show"] = f"{words}, {lines} {'line' if lines == 1 else 'lines'}"
    source[0] = json.dumps(notebook)


def setup(app: Sphinx) -> None:
    """Count before a page is parsed."""
    app.connect("source-read", count)
