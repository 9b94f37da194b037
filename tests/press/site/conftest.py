"""A small book in use, and the site built from it."""

from types import SimpleNamespace

import pytest
from small_site import build, write_book


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A book with two listed chapters and one draft, in use."""
    return write_book(tmp_path / "book", monkeypatch)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The site built from such a book, without a warning."""
    with pytest.MonkeyPatch.context() as patch:
        out, warnings = build(write_book(tmp_path_factory.mktemp("built") / "book", patch))
    assert warnings == ""
    return out


@pytest.fixture
def app_at():
    """An application whose site is published at an address."""

    def made(address):
        options = {"repository_url": ""}
        config = SimpleNamespace(
            html_baseurl=address, html_theme_options=options, html_title="Book", root_doc="index"
        )
        return SimpleNamespace(config=config)

    return made
