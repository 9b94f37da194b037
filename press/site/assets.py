"""Scripts of the pages: the book starts no remote kernels, so what prepares them is left out.

Jupyter Book always loads sphinx-thebe, and its setting twice, which browsers report as an error.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def drop_thebe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Take sphinx-thebe's scripts and style from a page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [asset for asset in context[kind] if not is_thebe(asset)]


def is_thebe(asset: object) -> bool:
    """Whether an entry of Sphinx's list of scripts or styles belongs to sphinx-thebe."""
    attributes = getattr(asset, "attributes", {})
    return "thebe" in f"{getattr(asset, 'filename', asset)} {attributes.get('body')}".lower()


def setup(app: Sphinx) -> None:
    """Filter the assets after all extensions have added theirs."""
    app.connect("html-page-context", drop_thebe, priority=900)
