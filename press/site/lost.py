"""The page for addresses that lead nowhere, `404.html`, which hosts show in place of a page.

It is shown at the address that was asked for, at any depth. So it brings its own style, and leads
to the published site by full addresses, once these are known.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

from press.site import repository, templating
from press.site.finish import when_built

PAGE = "404.html"


@when_built
def write(app: Sphinx) -> None:
    """Write the page."""
    base = repository.site_address(app.config) or ""
    page = templating.fill("lost", title=app.config.html_title, base=base)
    (Path(app.outdir) / PAGE).write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Write it when the site is built."""
    app.connect("build-finished", write)
