"""Where the book is published: it may be unknown, as in a private copy.

Without a repository a chapter can be downloaded; with one, Colab and Binder open it as well.
"""

from __future__ import annotations

import os

from sphinx.application import Sphinx
from sphinx.config import Config

GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2/gh"


def set_address(_app: Sphinx, config: Config) -> None:
    """Take the repository from the workflow that builds the site, unless _config.yml names one."""
    options = config.html_theme_options
    owner_and_name = os.environ.get("GITHUB_REPOSITORY")
    if owner_and_name and not options.get("repository_url"):
        options["repository_url"] = f"{GITHUB}{owner_and_name}"
        options["repository_branch"] = os.environ.get("GITHUB_REF_NAME", "main")


def _named(config: Config) -> tuple[str, str]:
    """The repository on GitHub, `owner/name`, and its branch; both empty if it is not known."""
    url = config.html_theme_options.get("repository_url", "")
    if not url.startswith(GITHUB):
        return "", ""
    name = url.removeprefix(GITHUB).strip("/")
    return name, config.html_theme_options.get("repository_branch") or "main"


def launchers(config: Config, docname: str) -> dict[str, str]:
    """Addresses that open a chapter, by what they say; none if the repository is not known."""
    name, branch = _named(config)
    if not name:
        return {}
    return {
        "Open in Colab": f"{COLAB}/{name}/blob/{branch}/{docname}.ipynb",
        "Open in Binder": f"{BINDER}/{name}/{branch}?urlpath=lab/tree/{docname}.ipynb",
    }


def site_address(config: Config) -> str:
    """Where the published site begins, with a slash at its end; empty if it is not known.

    A repository's own site is that of GitHub Pages, unless `html_baseurl` names another.
    """
    if config.html_baseurl:
        return config.html_baseurl.rstrip("/") + "/"
    owner, _, repository = _named(config)[0].partition("/")
    if not owner:
        return ""
    home = f"{owner.lower()}.github.io"
    return f"https://{home}/" if repository.lower() == home else f"https://{home}/{repository}/"


def setup(app: Sphinx) -> None:
    """Settle the repository's address before the theme reads it."""
    app.connect("config-inited", set_address)
