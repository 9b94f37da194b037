"""The checks together: a chapter in order, files that are no notebook, and a test of each."""

from pathlib import Path

import pytest
from breaking import edit, problems

from press import toc
from press.checks import CHECKS


def test_a_chapter_in_order_has_no_problems(sample):
    assert problems(sample) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', "{}"])
def test_a_file_that_is_no_notebook(sample, content):
    sample.write_text(content)
    (problem,) = problems(sample)
    assert "[notebook] is not a valid notebook: " in str(problem)


def test_every_module_of_checks_has_its_tests():
    modules = {check.__module__.rpartition(".")[2] for check in CHECKS.values()}
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert modules <= tests


def test_chapters_of_the_book_hold_no_marks_of_another_language():
    quiet = {"prose", "citations", "equations", "tags", "canonical", "sections"}
    for path in toc.paths().values():
        assert [str(p) for p in problems(path) if p.check in quiet] == []


def test_a_notebook_without_cells_is_judged(sample):
    edit(sample, lambda nb: nb.cells.clear())
    assert {"metadata", "sections", "method"} <= {problem.check for problem in problems(sample)}
