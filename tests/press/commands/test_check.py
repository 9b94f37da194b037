"""Check: structure first, then every stored output against a new execution."""

from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbval.plugin import IPyNbCell, NbCellError

from press import nbval_plugin
from press.__main__ import main
from press.canonical import canonical
from press.commands import check

DIFFERENT = "\x1b[91mNotebook cell execution failed\nCell 0: Cell outputs differ\nTraceback:\na\nb"


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    path.write_text(canonical(notebook))


def test_a_chapter_in_order(sample, capsys):
    before = sample.read_bytes()
    assert main(["check", "sample"]) == 0
    assert "in order, 15 cells ran and gave the stored outputs" in capsys.readouterr().out
    assert sample.read_bytes() == before


@pytest.mark.parametrize("damage", ["{}", None])
def test_a_chapter_that_was_never_run_is_not_compared(sample, capsys, monkeypatch, damage):
    monkeypatch.setattr(check, "compare_outputs", None)
    if damage:
        sample.write_text(damage)
    else:
        edit(sample, lambda nb: nb.metadata.repro.pop("seconds"))
    assert main(["check", "all"]) == 1
    told = capsys.readouterr().out
    assert f"[{'notebook' if damage else 'refreshed'}]" in told
    assert "FAILED, 1 problem(s)" in told


def test_other_faults_of_structure_do_not_hide_those_of_execution(sample, monkeypatch):
    edit(sample, lambda nb: nb.metadata.repro.pop("data"))
    different = check.Problem(sample, "outputs", "differ")
    monkeypatch.setattr(check, "compare_outputs", lambda path, on_cell: (3, [different]))
    verdict = check.verify(sample)
    assert [problem.check for problem in verdict.problems] == ["metadata", "outputs"]
    assert verdict.cells == 3


def test_differences_and_exceptions_are_told_apart(sample):
    def damage(nb):
        nb.cells.insert(3, new_code_cell("print('new')"))
        nb.cells.insert(4, new_code_cell("# why\nscale(None)"))

    edit(sample, damage)
    seen = []
    ran, (output, error) = check.compare_outputs(sample, lambda: seen.append("cell"))
    assert len(seen) == 17
    # What follows the exception is not run, so it is not reported either.
    assert ran == 1
    assert str(output).startswith(
        "chapters/binarization/sample.ipynb: [outputs] cell 4 (`print('new')`): its outputs differ"
    )
    assert "run `make refresh CH=sample`" in str(output)
    assert "[execution] cell 5 (`# why`) raised NameError: name 'scale' is not" in str(error)
    assert "\x1b" not in f"{output}{error}"


def test_what_nbval_cannot_run(sample, monkeypatch):
    monkeypatch.setattr(check, "NBVAL", ("-c", "print('no such option'); raise SystemExit(4)"))
    ran, (problem,) = check.compare_outputs(sample)
    assert ran == 0
    assert str(problem).endswith("[execution] nbval could not run it:\nno such option")


def test_reports_without_an_exception(sample):
    chapter = check.load(sample)
    assert "could not be run to its end" in str(check._problem(chapter, 0, "Timeout of 300 s"))
    assert "differ from the stored ones" in str(check._problem(chapter, 0, DIFFERENT))


def item():
    """A cell as nbval collects it, without a session around it."""
    made = object.__new__(IPyNbCell)
    made.cell, made.cell_num, made.name = new_code_cell("1"), 4, "Cell 4"
    made.parent = SimpleNamespace()
    return made


def failed(message):
    error = NbCellError(4, message, "1")
    return SimpleNamespace(excinfo=SimpleNamespace(value=error))


def test_plugin_lets_nbval_compare_every_cell():
    cell = item()
    nbval_plugin.pytest_itemcollected(cell)
    assert cell.cell.execution_count == 5
    assert cell.output_timeout == nbval_plugin.OUTPUT_SECONDS
    nbval_plugin.pytest_itemcollected(SimpleNamespace())


def test_plugin_skips_after_an_exception_but_not_after_a_difference():
    cell = item()
    nbval_plugin.pytest_exception_interact(cell, failed("Cell outputs differ"), None)
    nbval_plugin.pytest_runtest_setup(cell)
    nbval_plugin.pytest_exception_interact(cell, failed("Cell execution caused an exception"), None)
    with pytest.raises(pytest.skip.Exception, match="Cell 4 of this notebook failed"):
        nbval_plugin.pytest_runtest_setup(cell)
