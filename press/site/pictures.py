"""Pictures of the notebooks: their alternative text on the page, and the gallery's thumbnails."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from press.chapter import Cell, Chapter, load

#: The tag of the cell whose last picture stands for its chapter in the gallery.
TAG = "thumbnail"


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows.

    Attributes:
        png: its bytes.
        alt: its alternative text; empty where the output carries none.
    """

    png: bytes
    alt: str


def pictures(cell: Cell) -> list[Picture]:
    """Every PNG that a cell shows, in order."""
    return [
        Picture(
            b64decode(output.data["image/png"]), output.metadata.get("repro", {}).get("alt", "")
        )
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def thumbnail(chapter: Chapter) -> Picture | None:
    """The picture that stands for a chapter in the gallery; None where no cell shows one."""
    found = [picture for cell in chapter.code if TAG in cell.tags for picture in pictures(cell)]
    return found[-1] if found else None


def alternative_texts(chapter: Chapter) -> dict[str, str]:
    """Map every picture of a chapter to its alternative text.

    Returns:
        SHA-256 of the PNG, which MyST-NB uses as file name, to alternative text.
    """
    return {
        hashlib.sha256(picture.png).hexdigest(): picture.alt
        for cell in chapter.code
        for picture in pictures(cell)
    }


def set_alternative_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Give the images of a notebook's page the text that their outputs carry."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    known = alternative_texts(load(path))
    for image in doctree.findall(nodes.image):
        if alt := known.get(Path(image["uri"]).stem):
            image["alt"] = alt


def setup(app: Sphinx) -> None:
    """Describe images as notebooks are read."""
    app.connect("doctree-read", set_alternative_texts)
