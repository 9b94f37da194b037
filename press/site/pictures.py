"""Pictures of the notebooks on their pages: described, told apart for the dark theme, and small."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from press.chapter import Cell, Chapter, load


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows.

    Attributes:
        png: its bytes.
        alt: its alternative text; empty where the output carries none.
        kind: "drawing", which the dark theme may turn over, or "picture", which keeps its colours.
        small: whether it was drawn for the gallery.
    """

    png: bytes
    alt: str
    kind: str
    small: bool

    @property
    def classes(self) -> list[str]:
        """Classes of its `img`: the first keeps the theme's own treatment away."""
        return ["dark-light", f"repro-{self.kind}"]


def pictures(cell: Cell) -> list[Picture]:
    """Every PNG that a cell shows, in order."""
    found = []
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            told = output.metadata.get("repro", {})
            png = b64decode(output.data["image/png"])
            kind, small = told.get("kind", "picture"), bool(told.get("thumbnail"))
            found.append(Picture(png, told.get("alt", ""), kind, small))
    return found


def thumbnail(chapter: Chapter) -> Picture | None:
    """The picture drawn for the gallery, or None where a chapter has none."""
    shown = (picture for cell in chapter.code for picture in pictures(cell))
    return next((picture for picture in shown if picture.small), None)


def describe(app: Sphinx, doctree: nodes.document) -> None:
    """Give the images of a notebook's page their alternative text and their classes."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    shown = [picture for cell in load(path).code for picture in pictures(cell)]
    # MyST-NB names the file of a picture by the SHA-256 of its bytes.
    named = {hashlib.sha256(picture.png).hexdigest(): picture for picture in shown}
    for image in doctree.findall(nodes.image):
        if picture := named.get(Path(image["uri"]).stem):
            image["classes"] += picture.classes
            if picture.alt:
                image["alt"] = picture.alt


def setup(app: Sphinx) -> None:
    """Describe images as notebooks are read."""
    app.connect("doctree-read", describe)
