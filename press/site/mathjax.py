"""Mathematics without a network: MathJax from a Python package, drawn as SVG.

The SVG renderer needs no font files. Browsers refuse fonts to a page opened from disk where it
lies in another folder than the font, as a chapter does.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

PACKAGE = "sphinx-mathjax-offline"
ENTRY = "tex-svg.js"
# The renderer, the TeX packages and the accessibility tools that it loads when they are asked for.
PARTS = (ENTRY, "input/tex", "a11y", "sre", "ui")


def source() -> Path:
    """The folder that holds MathJax.

    Raises:
        ExtensionError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ExtensionError(f"mathematics needs the package {PACKAGE}: run `make book` to set up")
    return Path(spec.origin).parent / "static" / "mathjax"


def use_local_copy(app: Sphinx, config: Config) -> None:
    """Point the pages at the copy in the site."""
    config.mathjax_path = f"mathjax/{ENTRY}"


def typeset_html(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Load MathJax on a page that holds mathematics in HTML only, which Sphinx does not see."""
    if isinstance(doctree, nodes.document) and any(
        'class="math ' in raw.astext() for raw in doctree.findall(nodes.raw)
    ):
        app.env.get_domain("math").data["has_equations"][page] = True


def copy_files(app: Sphinx, exception: Exception | None) -> None:
    """Copy what the pages need into the finished site."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in PARTS:
        if (source() / part).is_dir():
            shutil.copytree(source() / part, target / part, dirs_exist_ok=True)
        elif not (target / part).exists():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source() / part, target / part)


def setup(app: Sphinx) -> None:
    """Serve MathJax from the site itself."""
    app.connect("config-inited", use_local_copy)
    # Before Sphinx decides, at the usual priority of 500, whether the page needs MathJax.
    app.connect("html-page-context", typeset_html, priority=400)
    app.connect("build-finished", copy_files)
