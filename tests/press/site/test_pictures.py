"""Pictures of notebooks on the site."""

from base64 import b64decode

import nbformat
import pytest
from small_site import ALT, PNG, chapter, picture

from press.chapter import load
from press.site.pictures import alternative_texts, pictures, thumbnail


@pytest.fixture
def stored(tmp_path):
    """Write a notebook and read it as a chapter."""

    def store(notebook):
        nbformat.write(notebook, tmp_path / "one.ipynb")
        return load(tmp_path / "one.ipynb")

    return store


def test_the_last_picture_of_the_tagged_cell_stands_for_the_chapter(stored):
    notebook = chapter()
    notebook.cells[1].outputs.append(picture("the second"))
    assert thumbnail(stored(notebook)).alt == "the second"


def test_a_cell_without_tag_or_picture_gives_no_thumbnail(stored):
    notebook = chapter()
    notebook.cells[1].metadata.tags = []
    assert thumbnail(stored(notebook)) is None
    notebook.cells[2].metadata["tags"] = ["thumbnail"]
    assert thumbnail(stored(notebook)) is None


def test_pictures_keep_their_text(stored):
    one = stored(chapter())
    [found] = pictures(one.code[0])
    assert found.png == b64decode(PNG)
    assert list(alternative_texts(one).values()) == [ALT]
