"""Pictures on the pages: described, told apart for the dark theme, small, and of a known size."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx

from press.chapter import Cell, Chapter, load
from press.site.finish import when_built

#: A picture of a file whose height its page does not tell.
UNSIZED = re.compile(r'<img (?![^>]*\sheight=)[^>]*?\bsrc="([^":]+)"[^>]*>')
SHOWN = re.compile(r' style="width: (\d+)px;?"')


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
    """Give the images of a notebook's page their alternative text and their classes.

    What was drawn for the gallery stays there.
    """
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    shown = [picture for cell in load(path).code for picture in pictures(cell)]
    # MyST-NB names the file of a picture by the SHA-256 of its bytes.
    named = {hashlib.sha256(picture.png).hexdigest(): picture for picture in shown}
    for image in list(doctree.findall(nodes.image)):
        if picture := named.get(Path(image["uri"]).stem):
            if picture.small:
                leave_out(image)
                continue
            image["classes"] += picture.classes
            if picture.alt:
                image["alt"] = picture.alt


def leave_out(image: nodes.image) -> None:
    """Take a picture from its page, and the cell that shows nothing else with it."""
    node: nodes.Element = image
    while node.parent is not None and "cell" not in node.get("classes", ()):
        node = node.parent
    shown = [part for part in node.children if "cell_output" in part.get("classes", ())]
    alone = len(shown) == 1 and len(shown[0].children) == 1
    taken = node if alone else image
    taken.parent.remove(taken)


@when_built
def size(app: Sphinx) -> None:
    """Tell the pages how large their pictures are, so that nothing moves when these arrive."""
    root = Path(app.outdir)
    for page in sorted(root.rglob("*.html")):
        text = page.read_text("utf-8")
        if page.relative_to(root).parts[0] != "_static" and UNSIZED.search(text):
            page.write_text(UNSIZED.sub(lambda found, at=page: sized(found, at), text), "utf-8")


def sized(found: re.Match[str], page: Path) -> str:
    """An `img` with width and height, fetched when the reader comes near it.

    Args:
        found: the element; a width that it has as a style becomes an attribute.
        page: file of its page.
    """
    file = page.parent / found[1]
    if not file.is_file():
        return found[0]
    with Image.open(file) as image:
        width, height = image.size
    shown = SHOWN.search(found[0])
    wide = int(shown[1]) if shown else width
    told = f'width="{wide}" height="{round(height * wide / width)}"'
    lazy = "" if " loading=" in found[0] else ' loading="lazy"'
    return SHOWN.sub("", found[0]).replace("<img ", f"<img {told}{lazy} ", 1)


def setup(app: Sphinx) -> None:
    """Describe images as notebooks are read, and size them on the finished pages."""
    app.connect("doctree-read", describe)
    app.connect("build-finished", size, priority=700)  # when the pictures are written
