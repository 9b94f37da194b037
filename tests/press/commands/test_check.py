"""Check: structure first, then every stored output against a new execution."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from press import BookError, execution, passed
from press.__main__ import main
from press.canonical import canonical
from press.commands import check
from press.execution import CellResult


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    path.write_text(canonical(notebook))


@pytest.fixture
def results(monkeypatch):
    """Results that every execution gives, to be changed; and the slugs that were executed."""
    given, runs = [CellResult(0, "passed", 0.1)], []

    def compare(path, on_cell):
        runs.append(path.stem)
        for result in given:
            on_cell(result)
        return given

    monkeypatch.setattr(execution, "compare", compare)
    return given, runs


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
    assert len(seen) == len(check.load(sample).code)
    # What follows the exception is not run, so it is not reported either.
    assert ran == 1
    assert str(output).startswith(
        "chapters/binarization/sample.ipynb: [outputs] cell 4 (`print('new')`): its outputs differ"
    )
    assert "run `make refresh CH=sample`" in str(output)
    assert "[execution] cell 5 (`# why`) raised NameError: name 'scale' is not" in str(error)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("timed out", "took more than 300 s"),
        ("died", "could not be run to its end: the kernel died, most often for want of memory"),
        ("broke", "could not be compared"),
    ],
)
def test_other_failures(sample, results, kind, said):
    results[0][:] = [CellResult(0, "failed", 0.1, kind, detail="so it was")]
    _, (problem,) = check.compare_outputs(sample)
    assert "[execution] cell " in str(problem)
    assert str(problem).endswith(f"{said}\nso it was")


def test_what_nbval_cannot_run_is_a_problem(sample, monkeypatch):
    def fail(path, on_cell):
        raise BookError("nbval could not run it")

    monkeypatch.setattr(execution, "compare", fail)
    ran, (problem,) = check.compare_outputs(sample)
    assert (ran, problem.check, problem.message) == (0, "execution", "nbval could not run it")


def test_only_what_changed_since_it_passed_is_executed(sample, results, capsys):
    given, runs = results
    assert main(["check", "changed"]) == 0
    assert runs == ["sample"]
    assert main(["check", "changed"]) == 0
    assert runs == ["sample"]
    told = capsys.readouterr().out.splitlines()
    assert told[-2].startswith("sample ") and "in order, not executed" in told[-2]
    assert told[-1] == "not executed, for nothing changed since they passed here: sample"
    assert main(["check", "all"]) == 0
    assert runs == ["sample"] * 2
    edit(sample, lambda nb: nb.cells.append(new_code_cell("1")))
    given[:] = [CellResult(0, "failed", 0.1, "outputs")]
    for _ in range(2):  # a chapter that failed is executed until it passes
        assert main(["check", "changed"]) == 1
    assert runs == ["sample"] * 4


def test_a_chapter_that_changes_while_it_runs_has_not_passed(sample, results, monkeypatch):
    def compare(path, on_cell):
        edit(path, lambda nb: nb.cells.append(new_code_cell("1")))
        return results[0]

    monkeypatch.setattr(execution, "compare", compare)
    assert main(["check", "sample"]) == 0
    assert passed.unchanged({"sample": passed.digest(sample)}) == set()


def test_the_longest_chapter_is_started_first(sample, results, monkeypatch):
    monkeypatch.setattr(check, "WORKERS", 1)
    monkeypatch.setattr(check.checks, "problems", lambda path: [])
    paths = {"sample": sample}
    for slug, seconds in (("quick", 0.1), ("slow", 99), ("unknown", None)):
        notebook = nbformat.read(sample, as_version=4)
        notebook.metadata.repro.seconds = seconds
        paths[slug] = sample.with_name(f"{slug}.ipynb")
        paths[slug].write_text(canonical(notebook))
    paths.pop("sample")
    assert check.check_all(paths) == 0
    assert results[1] == ["unknown", "slow", "quick"]
