"""Chapters as files and as modules."""

import hashlib

import nbformat
import pytest
from small_notebooks import METHOD, cell

import repro
from repro import chapters


def test_notebooks_come_by_part_and_slug(shelf, tmp_path):
    written = [shelf(name) for name in ("vision/b", "vision/a", "quantization/z", "appendix/q")]
    (tmp_path / "chapters/vision/index.md").write_text("# Vision")
    shelf(".ipynb_checkpoints/a-checkpoint")
    found = chapters.notebooks()
    assert list(found) == ["q", "z", "a", "b"]
    assert set(found.values()) == set(written)
    assert chapters.find("z") == found["z"]


def test_slugs_are_unique(shelf):
    shelf("vision/twin")
    shelf("medical/twin")
    with pytest.raises(chapters.ChapterError, match=r"two chapters are called twin.*rename one"):
        chapters.notebooks()


def test_unknown_chapter_lists_the_known_ones(shelf):
    shelf("vision/yolof")
    shelf("binarization/sttn")
    for look in (chapters.find, chapters.method_hash, repro.chapter):
        with pytest.raises(chapters.ChapterError, match=r"'stn'.*Known chapters: sttn, yolof"):
            look("stn")


def test_an_empty_book_and_an_installed_package_are_told_apart(shelf, tmp_path):
    with pytest.raises(chapters.ChapterError, match="not part of the installed package"):
        repro.chapter("sttn")
    assert chapters.notebooks() == {}
    (tmp_path / "chapters").mkdir()
    with pytest.raises(chapters.ChapterError, match="Known chapters: none yet"):
        repro.chapter("sttn")


def test_what_is_no_notebook_is_refused(shelf, tmp_path):
    path = shelf("vision/pairs")
    assert chapters.read(path).nbformat == 4
    with pytest.raises(chapters.ChapterError, match="does not exist"):
        chapters.read(tmp_path / "none.ipynb")
    for text in ("{}", "{"):
        path.write_text(text)
        with pytest.raises(chapters.ChapterError, match=r"not a notebook.*restore it"):
            chapters.read(path)


def test_method_cells_carry_their_number_among_all_cells(shelf):
    cells = chapters.method_cells(chapters.read(shelf("vision/pairs")))
    assert [number for number, _ in cells] == [3, 4, 5]
    assert [source for _, source in cells] == [METHOD[i].source for i in (2, 3, 4)]


def test_the_hash_is_that_of_the_method_alone(shelf):
    path = shelf("vision/pairs")
    before = chapters.method_hash("pairs")
    sources = [METHOD[i].source for i in (2, 3, 4)]
    assert before == hashlib.sha256("\0".join(sources).encode()).hexdigest()
    shelf("vision/pairs", [cell("print()"), *METHOD, nbformat.v4.new_markdown_cell("more")])
    assert chapters.method_hash(path) == before
    shelf("vision/pairs", [*METHOD, cell("x = 1", "method")])
    assert chapters.method_hash(path) != before


def test_chapter_runs_its_method_cells_only(shelf):
    shelf("vision/pairs")
    method = repro.chapter("pairs")
    assert method.quadruple(3) == 12
    assert method.Pair(1) == method.Pair(1)
    assert repro.chapter("pairs") is method


def test_a_chapter_runs_anew_when_its_method_has_changed(shelf):
    shelf("vision/pairs", [cell("x = 1", "method")])
    old = repro.chapter("pairs")
    shelf("vision/pairs", [cell("x = 2", "method")])
    assert (old.x, repro.chapter("pairs").x) == (1, 2)


def test_failing_method_cell_names_chapter_and_cell(shelf):
    shelf("vision/lost", [cell("y = 1"), cell("x = y", "method")])
    for _ in range(2):  # nothing of a module that failed is kept
        with pytest.raises(chapters.ChapterError, match=r"lost, cell 2 .*NameError") as caught:
            repro.chapter("lost")
        assert isinstance(caught.value.__cause__, NameError)
    shelf("vision/typo", [cell("def f(:", "method")])
    with pytest.raises(chapters.ChapterError, match=r"chapter typo, cell 1 .*SyntaxError"):
        repro.chapter("typo")
    shelf("vision/bare", [cell("x = 1")])
    with pytest.raises(chapters.ChapterError, match="bare has no code cell tagged"):
        repro.chapter("bare")


def test_chapters_of_this_book_import():
    for slug in chapters.notebooks():
        assert vars(repro.chapter(slug))
