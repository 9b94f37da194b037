"""Executing notebooks: every way a cell can end is told apart, and told as soon as it ends."""

import os

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from press import BookError, execution
from press.execution import compare, execute

KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"


def written(path, *cells):
    """Write a notebook of code cells: a source, or a source and what it is to print."""
    notebook = new_notebook()
    for cell in cells:
        source, text = cell if isinstance(cell, tuple) else (cell, "")
        outputs = [new_output("stream", text=text)] if text else []
        notebook.cells += [new_markdown_cell("Text."), new_code_cell(source, outputs=outputs)]
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """How the cells of a notebook end: two differ, one raises, the last is not reached."""
    path = written(
        tmp_path_factory.mktemp("compare") / "x.ipynb",
        ("print('same')", "same\n"),
        ("print('new')", "old\n"),
        "print('more')",
        "# why\nint('one')",
        ("print('not reached')", "other\n"),
    )
    seen = []
    assert compare(path, seen.append) == seen
    return seen


def test_each_code_cell_is_reported(results):
    assert [result.cell for result in results] == [0, 1, 2, 3, 4]
    outcomes = [result.outcome for result in results]
    assert outcomes == ["passed", "failed", "failed", "failed", "skipped"]
    assert all(0 <= result.seconds < 60 for result in results)


def test_the_kind_of_a_failure_is_told(results):
    assert [result.kind for result in results] == ["", "outputs", "outputs", "raised", ""]
    same, changed, added, raised, _ = results
    assert same.detail == same.message == ""
    assert "old" in changed.detail and "new" in changed.detail
    assert "Unexpected output fields" in added.detail
    assert raised.message.startswith("ValueError: invalid literal for int()")
    assert "# why" in raised.detail and "\x1b" not in raised.detail


def test_a_kernel_that_dies_is_noticed_at_once(tmp_path):
    died, skipped = compare(written(tmp_path / "x.ipynb", KILL, "1"))
    assert (died.kind, died.detail, skipped.outcome) == ("died", "the kernel died", "skipped")


def test_a_cell_that_takes_too_long(tmp_path, monkeypatch):
    options = [x for x in execution.NBVAL if not x.startswith("--nbval-cell-timeout")]
    monkeypatch.setattr(execution, "NBVAL", (*options, "--nbval-cell-timeout=0.5"))
    late, skipped = compare(written(tmp_path / "x.ipynb", "import time\ntime.sleep(60)", "1"))
    assert (late.kind, skipped.outcome) == ("timed out", "skipped")
    assert "Timeout of 0.5 seconds" in late.detail


def test_a_notebook_without_code(tmp_path):
    assert compare(written(tmp_path / "x.ipynb")) == []


def test_what_nbval_cannot_run(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "NBVAL", ("-c", "print('no such option'); raise SystemExit(4)"))
    with pytest.raises(BookError, match=r"nbval could not run it:\nno such option"):
        compare(tmp_path / "x.ipynb")


def test_variables_can_be_added(tmp_path):
    path = written(tmp_path / "x.ipynb", ("import os\nprint(os.environ['MUTANT'])", "12\n"))
    (result,) = compare(path, extra={"MUTANT": "12"})
    assert result.outcome == "passed"


def test_outputs_are_replaced(tmp_path):
    stale = [new_output("stream", text="stale")]
    cells = [new_code_cell(source, outputs=stale) for source in ("print(1)\nprint(2)", "", "3")]
    notebook = new_notebook(cells=[new_markdown_cell("Text."), *cells])
    seen = []
    cost = execute(notebook, lambda: seen.append("cell"))
    assert 0 < cost.seconds < 60 and 10 < cost.peak_mb < 10_000
    assert seen == ["cell"] * 3
    text, empty, value = (cell.outputs for cell in notebook.cells[1:])
    assert ([output.text for output in text], empty) == (["1\n2\n"], [])
    assert value[0].data["text/plain"] == "3"
    assert len(notebook.cells) == 4


def test_the_kernel_has_ended():
    notebook = new_notebook(cells=[new_code_cell("import os\nprint(os.getpid())")])
    execute(notebook)
    with pytest.raises(ProcessLookupError):
        os.kill(int(notebook.cells[0].outputs[0].text), 0)


def test_a_failing_cell_is_named():
    notebook = new_notebook(cells=[new_markdown_cell("Text."), new_code_cell("# sum\n1 + 'one'")])
    with pytest.raises(BookError, match=r"^cell 2 \(`# sum`\) failed: TypeError: unsup") as error:
        execute(notebook)
    assert "Traceback" in str(error.value) and "\x1b" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (CellTimeoutError("late"), "took more than 7 s"),
        (DeadKernelError("dead"), "the kernel died"),
    ],
)
def test_other_failures_name_the_cell(error, cause):
    class Client:
        timeout = 7

        def execute_cell(self, cell, index):
            raise error

    with pytest.raises(BookError, match=r"^cell 4 \(`empty`\).*" + cause):
        execution._run_cell(Client(), new_code_cell(""), 3)
