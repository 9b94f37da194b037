"""Where the book is published."""

import pytest
from sphinx.config import Config

from press.site import repository


@pytest.fixture
def settle(monkeypatch):
    """Settings of the site, settled in an environment."""

    def settled(env, **options):
        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        config = Config({}, {"html_theme_options": options})
        config.add("html_theme_options", {}, "html", ())
        config.html_theme_options = options
        repository.set_address(None, config)
        return config

    return settled


def test_unknown_in_a_private_copy(settle):
    config = settle({}, repository_url="")
    assert repository.colab_address(config, "a/b") is None


def test_named_by_the_workflow(settle):
    config = settle({"GITHUB_REPOSITORY": "them/book", "GITHUB_REF_NAME": "dev"}, repository_url="")
    expected = "https://colab.research.google.com/github/them/book/blob/dev/a/b.ipynb"
    assert repository.colab_address(config, "a/b") == expected


def test_named_by_the_settings(settle):
    config = settle(
        {"GITHUB_REPOSITORY": "them/book"}, repository_url="https://github.com/us/book/"
    )
    assert "/github/us/book/blob/main/a.ipynb" in repository.colab_address(config, "a")


def test_colab_opens_only_github(settle):
    config = settle({}, repository_url="https://example.org/us/book")
    assert repository.colab_address(config, "a") is None
