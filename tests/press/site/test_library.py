"""Finished chapters as the site reads them."""

import nbformat
import pytest
from small_site import ALT, LISTED, chapter

from press.records import total
from press.site import library


@pytest.fixture
def path(root):
    """The notebook of the first chapter."""
    return root / "chapters" / "binarization" / "one.ipynb"


def test_chapters_come_in_the_order_of_the_book(root):
    found = library.read_all(LISTED)
    assert [chapter.slug for chapter in found] == ["two", "one"]
    assert found[1].docname == "chapters/binarization/one"
    assert found[1].paper.year == "2020"
    assert found[1].thumbnail.alt == ALT


def test_a_page_knows_its_notebook(root, path):
    assert library.notebook("chapters/binarization/one") == path
    assert library.notebook("index") is None


def test_only_claims_of_the_paper_count(root, path):
    one = library.read(path)
    assert [(row.id, record and record["verdict"]) for row, record in one.claims] == [
        ("alpha", "reproduced"),
        ("beta", "not at this scale"),
        ("gamma", "contradicted"),
        ("imagenet", None),
    ]
    assert [record["kind"] for record in one.others] == ["check", "finding"]
    assert total(each.records for each in library.read_all(LISTED)).text == (
        "6 of 8 claims tested: 2 reproduced, 2 not at this scale, 2 contradicted"
    )
    assert total([]).text == "0 of 0 claims tested"


@pytest.mark.parametrize("field", library.REQUIRED)
def test_missing_metadata_is_named(root, path, field):
    nbformat.write(chapter(**{field: None}), path)
    with pytest.raises(library.UnfinishedError, match=f"chapter one.*lack {field}"):
        library.read(path)
    assert [chapter.slug for chapter in library.read_all(LISTED)] == ["two"]


def test_an_unknown_paper_is_named(root, path):
    nbformat.write(chapter(paper="nobody1999"), path)
    with pytest.raises(library.UnfinishedError, match=r"chapter one.*no entry 'nobody1999'"):
        library.read(path)


def test_a_file_that_is_no_notebook_is_named(root, path):
    path.write_text("{")
    with pytest.raises(library.UnfinishedError, match="chapter one is not a valid notebook"):
        library.read(path)


def test_an_edited_record_is_found(root, path):
    text = path.read_text()
    path.write_text(text.replace('"verdict": "not at this scale"', '"verdict": "reproduced"'))
    with pytest.raises(library.UnfinishedError, match=r"chapter one.*beta"):
        library.read(path)


def test_a_claim_that_lost_its_entry_is_found(root, path):
    notebook = chapter()
    del notebook.cells[4].outputs[0]
    nbformat.write(notebook, path)
    with pytest.raises(library.UnfinishedError, match=r"chapter one: .*'alpha' has no entry"):
        library.read(path)


def test_a_changed_notebook_is_read_again(root, path):
    assert library.read(path).metadata["scale"] == "all of it"
    nbformat.write(chapter(scale="a tenth"), path)
    assert library.read(path).metadata["scale"] == "a tenth"
