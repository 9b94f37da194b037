"""The one reader of notebooks."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from press import BookError
from press.chapter import Problem, count_cells, equation_label, load


@pytest.fixture
def chapter(tmp_path):
    """A chapter with two sections, a figure and a tagged formula."""
    shown = [
        new_output("display_data", {"text/plain": "x"}, metadata={"repro": {"entry": {"id": name}}})
        for name in ("a", "b")
    ]
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Title"),
            new_markdown_cell("## One\n\n$$ a \\tag{sum} $$\n\n## Two"),
            new_code_cell("1 +", metadata={"tags": ["check", "checks:eq-demo-sum"]}),
            new_code_cell("1", outputs=[*shown, new_output("stream", text="hello")]),
            new_code_cell(""),
        ],
        metadata={"repro": {"slug": "demo"}},
    )
    path = tmp_path / "chapters" / "vision" / "demo.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return load(path)


def test_cells_know_their_place(chapter):
    assert [cell.section for cell in chapter.cells] == ["", "Two", "Two", "Two", "Two"]
    assert [cell.number for cell in chapter.code] == [3, 4, 5]
    assert [cell.number for cell in chapter.prose] == [1, 2]
    assert chapter.cells[2].where == "cell 3 (`1 +`)"
    assert chapter.cells[4].where == "cell 5 (`empty`)"


def test_what_a_chapter_is(chapter):
    assert (chapter.slug, chapter.part, chapter.repro) == ("demo", "vision", {"slug": "demo"})
    assert chapter.root == chapter.path.parents[2].resolve()
    assert chapter.headings == [(1, "Title"), (2, "One"), (2, "Two")]
    assert [(label, cell.number) for label, cell in chapter.equations] == [("eq-demo-sum", 2)]
    assert equation_label("demo", "sum") == "eq-demo-sum"
    assert chapter.executed
    assert count_cells(chapter.path) == 3


def test_what_a_code_cell_is(chapter):
    broken, shown, _ = chapter.code
    assert (broken.kind, shown.kind) == ("check", None)
    assert broken.tree.body == []
    assert shown.stored("entry") == [{"id": "a"}, {"id": "b"}]
    assert shown.stored("paper") == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', "{}"])
def test_a_file_that_is_no_notebook(tmp_path, content):
    path = tmp_path / "bad.ipynb"
    path.write_text(content)
    with pytest.raises(BookError, match="is not a valid notebook: "):
        load(path)
    assert count_cells(path) == 0


def test_problems_name_chapter_and_check(empty_book):
    path = empty_book / "chapters" / "vision" / "demo.ipynb"
    assert str(Problem(path, "size", "is big.")) == "chapters/vision/demo.ipynb: [size] is big."
