"""The chapter card: paper, links, scale, data, cost and verdicts, under the chapter's title."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from press import toc
from press.site import library, repository, templating

logger = logging.getLogger(__name__)


def insert_card(app: Sphinx, doctree: nodes.document) -> None:
    """Put the card after the title of a chapter; other pages stay as they are."""
    root = Path(app.srcdir)
    path = Path(app.env.doc2path(app.env.docname))
    if path not in toc.paths().values():
        return
    app.env.note_dependency(str(root / library.BIBLIOGRAPHY))
    try:
        chapter = library.read(path, root)
    except library.UnfinishedError as problem:
        logger.warning("%s", problem, location=app.env.docname)
        return
    if chapter.thumbnail is None:
        logger.warning(
            "chapter %s: no cell tagged `thumbnail` shows a picture for the gallery",
            chapter.slug,
            location=app.env.docname,
        )
    title = next(doctree.findall(nodes.title))
    title.parent.insert(title.parent.index(title) + 1, card(app, chapter))
    doctree.append(nodes.meta(name="description", content=chapter.metadata["summary"]))


def card(app: Sphinx, chapter: library.Finished) -> nodes.raw:
    """Draw the card of one chapter."""
    return templating.node(
        "card",
        chapter=chapter,
        paper=chapter.paper,
        colab=repository.colab_address(app.config, chapter.docname),
        # The theme puts the notebook there, for its own download button.
        download="../" * chapter.docname.count("/") + f"_sources/{chapter.docname}.ipynb",
    )


def setup(app: Sphinx) -> None:
    """Draw cards as chapters are read."""
    app.connect("doctree-read", insert_card)
