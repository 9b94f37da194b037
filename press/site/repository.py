"""Where the book is published: needed to open a chapter in Colab, unknown in a private copy."""

from __future__ import annotations

import os

from sphinx.application import Sphinx
from sphinx.config import Config

COLAB = "https://colab.research.google.com"


def set_address(_app: Sphinx, config: Config) -> None:
    """Take the repository from the workflow that builds the site, unless _config.yml names one."""
    options = config.html_theme_options
    owner_and_name = os.environ.get("GITHUB_REPOSITORY")
    if owner_and_name and not options.get("repository_url"):
        options["repository_url"] = f"https://github.com/{owner_and_name}"
        options["repository_branch"] = os.environ.get("GITHUB_REF_NAME", "main")


def colab_address(config: Config, docname: str) -> str | None:
    """Return the address that opens a chapter in Colab; None if the repository is not known."""
    options = config.html_theme_options
    url = options.get("repository_url", "")
    if not url.startswith("https://github.com/"):
        return None
    repository = url.removeprefix("https://github.com/").strip("/")
    branch = options.get("repository_branch") or "main"
    return f"{COLAB}/github/{repository}/blob/{branch}/{docname}.ipynb"


def setup(app: Sphinx) -> None:
    """Settle the repository's address before the theme reads it."""
    app.connect("config-inited", set_address)
