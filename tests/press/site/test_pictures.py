"""Pictures of notebooks on the site."""

from base64 import b64decode

import nbformat
import pytest
from small_site import ALT, PNG, chapter, picture

from press.chapter import load
from press.site.pictures import Picture, pictures, thumbnail


@pytest.fixture
def stored(tmp_path):
    """Write a notebook and read it as a chapter."""

    def store(notebook):
        nbformat.write(notebook, tmp_path / "one.ipynb")
        return load(tmp_path / "one.ipynb")

    return store


def test_the_picture_drawn_for_the_gallery_stands_for_the_chapter(stored):
    notebook = chapter()
    notebook.cells[1].outputs = [picture("large"), picture("small", thumbnail=True)]
    assert thumbnail(stored(notebook)).alt == "small"


def test_a_chapter_without_such_a_picture_has_no_thumbnail(stored):
    notebook = chapter()
    notebook.cells[1].outputs = [picture("large")]
    assert thumbnail(stored(notebook)) is None


def test_pictures_keep_what_is_told_of_them(stored):
    notebook = chapter()
    notebook.cells[1].outputs.append(picture("lines", kind="drawing"))
    found = pictures(stored(notebook).code[0])
    assert found == [
        Picture(b64decode(PNG), ALT, "picture", True),
        Picture(b64decode(PNG), "lines", "drawing", False),
    ]
    assert found[1].classes == ["dark-light", "repro-drawing"]
