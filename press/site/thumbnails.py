"""Pictures of the gallery, taken from the notebooks into the built site."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from press.site import library
from press.site.finish import when_built

FOLDER = "_static/thumbnails"


@when_built
def write_thumbnails(app: Sphinx) -> None:
    """Write the thumbnail of every finished chapter that has one."""
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for chapter in library.read_all(app.env.found_docs):
        if chapter.thumbnail is not None:
            (folder / f"{chapter.slug}.png").write_bytes(chapter.thumbnail.png)


def setup(app: Sphinx) -> None:
    """Write the pictures when the site is built."""
    app.connect("build-finished", write_thumbnails)
