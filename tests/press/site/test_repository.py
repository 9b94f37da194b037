"""Where the book is published."""

import pytest
from sphinx.config import Config

from press.site import repository


@pytest.fixture
def settle(monkeypatch):
    """Settings of the site, settled in an environment."""

    def settled(env, base="", **options):
        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        config = Config({}, {"html_theme_options": options})
        config.add("html_theme_options", {}, "html", ())
        config.html_theme_options = options
        config.add("html_baseurl", base, "html", ())
        repository.set_address(None, config)
        return config

    return settled


def test_unknown_in_a_private_copy(settle):
    config = settle({}, repository_url="")
    assert repository.launchers(config, "a/b") == {}
    assert repository.site_address(config) == ""


def test_named_by_the_workflow(settle):
    config = settle({"GITHUB_REPOSITORY": "Them/book", "GITHUB_REF_NAME": "dev"}, repository_url="")
    assert repository.launchers(config, "a/b") == {
        "Open in Colab": "https://colab.research.google.com/github/Them/book/blob/dev/a/b.ipynb",
        "Open in Binder": "https://mybinder.org/v2/gh/Them/book/dev?urlpath=lab/tree/a/b.ipynb",
    }
    assert repository.site_address(config) == "https://them.github.io/book/"


def test_named_by_the_settings(settle):
    config = settle(
        {"GITHUB_REPOSITORY": "them/book"}, repository_url="https://github.com/us/book/"
    )
    found = repository.launchers(config, "a")["Open in Colab"]
    assert found.endswith("/github/us/book/blob/main/a.ipynb")


def test_only_github_is_launched_from(settle):
    config = settle({}, repository_url="https://example.org/us/book")
    assert repository.launchers(config, "a") == {}
    assert repository.site_address(config) == ""


def test_an_owners_own_site_begins_at_its_root(settle):
    config = settle({}, repository_url="https://github.com/us/us.github.io")
    assert repository.site_address(config) == "https://us.github.io/"


def test_settings_name_another_address(settle):
    config = settle({}, "https://book.org", repository_url="https://github.com/us/book")
    assert repository.site_address(config) == "https://book.org/"
