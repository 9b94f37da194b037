"""Which slips a chapter's tests and its notebook notice."""

import time

import pytest
from small_notebooks import cell, write

from press import BookError
from press.commands import mutate
from press.execution import CellResult
from press.mutation import Mutant, mutants
from repro import chapters

METHOD = [cell("def scale(x):\n    return x * 3 + 1", "method"), cell("scale(2)")]
TESTS = """
import repro

def test_scale():
    assert repro.chapter("slips").scale(2) == 7
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A book with one chapter and its tests."""
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    monkeypatch.setattr(chapters, "CHAPTERS", tmp_path / "chapters")
    write(tmp_path, "vision/slips", METHOD)
    (tmp_path / "tests" / "chapters").mkdir(parents=True)
    write_tests(tmp_path, TESTS)
    return tmp_path


def write_tests(root, text):
    """Write the chapter's tests."""
    (root / "tests" / "chapters" / "test_slips.py").write_text(text)


def slip(after):
    """The chapter's method with `after` in its place."""
    return Mutant(1, 2, "return x * 3 + 1", after, f"def scale(x):\n    {after}")


def examiner(root, notebook=False):
    """An examiner of the chapter in a temporary book."""
    return mutate.Examiner(mutate.Book("slips", root / "mutants"), notebook)


def test_the_score_and_the_survivors_are_printed(root, capsys):
    write_tests(root, TESTS.replace("== 7", "> 6"))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert mutate.run("slips", notebook=False) == 1
    said = capsys.readouterr().out
    assert "survived: cell 1, line 2\n    return x * 3 + 1\n    return x * 4 + 1\n" in said
    assert "the goal is 95 %" in said
    assert "return x * 2 + 1" not in said  # killed: 5 is not above 6
    assert f"The method has {len(mutants(1, METHOD[0].source))} mutants" in said
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert after == before


def test_sharp_tests_kill_all_mutants(root, capsys):
    assert mutate.run("slips", limit=4, notebook=False) == 0
    assert "4 of 4 mutants killed (100 %" in capsys.readouterr().out


def test_a_failed_test_is_told_from_an_error(root):
    one = examiner(root)
    assert one.fate(slip("return 8")) == mutate.Fate("test", "test_scale")
    assert one.fate(slip("return 7")) == mutate.Fate("survived")
    write_tests(root, 'import repro\n\nslips = repro.chapter("slips")\n' + TESTS)
    one = examiner(root)
    broken = Mutant(1, 1, "", "", "raise RuntimeError")
    assert one.fate(broken) == mutate.Fate("error", "the tests could not be loaded")


@pytest.mark.parametrize("after", ["import time; time.sleep(60)", "import os; os._exit(1)"])
def test_mutants_that_hang_or_crash_are_killed_by_an_error(root, after):
    one = examiner(root)
    one.patience = 1
    start = time.monotonic()
    assert one.fate(slip(after)) == mutate.Fate("error", "took too long, or crashed")
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([CellResult(0, "passed", 0.1)], mutate.Fate("survived")),
        (
            [CellResult(0, "passed", 0.1), CellResult(1, "failed", 0.1, "outputs")],
            mutate.Fate("notebook", "`scale(2)`: outputs"),
        ),
        (
            [CellResult(0, "passed", 0.1), CellResult(1, "failed", 0.1, "timed out")],
            mutate.Fate("error", "`scale(2)`: timed out"),
        ),
    ],
)
def test_survivors_of_the_tests_are_executed(root, monkeypatch, results, expected):
    executed = []

    def compare(path):
        executed.append(path.read_text())
        return results

    monkeypatch.setattr(mutate, "compare", compare)
    one = examiner(root, notebook=True)
    assert one.fate(slip("return 8")).outcome == "test"
    assert executed == []
    assert one.fate(slip("return 7")) == expected
    assert "return 7" in executed[0]
    assert "return 8" not in executed[0]


def test_a_chapter_without_sound_tests_is_refused(root):
    write_tests(root, TESTS.replace("== 7", "== 8"))
    with pytest.raises(BookError, match=r"tests of slips fail without any slip.*test_scale"):
        mutate.run("slips")
    with pytest.raises(BookError, match="limit: expected 1 mutant or more, got 0"):
        mutate.run("slips", limit=0)
    (root / "tests" / "chapters" / "test_slips.py").unlink()
    with pytest.raises(BookError, match=r"no tests/chapters/test_slips\.py to notice"):
        mutate.run("slips")
