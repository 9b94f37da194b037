"""Alternative text: what a notebook says of its figures reaches the page's images."""

from __future__ import annotations

import hashlib
from pathlib import Path

from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

from press.chapter import load
from press.site import library


def texts(notebook: NotebookNode) -> dict[str, str]:
    """Map every picture of a notebook to its alternative text.

    Returns:
        SHA-256 of the PNG, which MyST-NB uses as file name, to alternative text.
    """
    return {
        hashlib.sha256(png).hexdigest(): alt
        for cell in notebook.cells
        for png, alt in library.pictures(cell)
    }


def set_alt_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Give the images of a notebook's page the text that their outputs carry."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    known = texts(load(path).notebook)
    for image in doctree.findall(nodes.image):
        if alt := known.get(Path(image["uri"]).stem):
            image["alt"] = alt


def setup(app: Sphinx) -> None:
    """Describe images as notebooks are read."""
    app.connect("doctree-read", set_alt_texts)
