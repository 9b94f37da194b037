"""Refresh: execute, store, change nothing that did not change, and never half."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from press import BookError
from press.commands import refresh as module
from press.commands.refresh import refresh, refresh_all
from press.writing import select, shown, write_atomically
from repro import chapters


def write(path, *sources, **costs):
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.metadata.repro = costs
    nbformat.write(notebook, path)
    return path


def test_twice_gives_the_same_bytes(tmp_path):
    quiet = "import os\nprint(os.environ['REPRO_QUIET'], end='')\nos.listdir()"
    path = write(tmp_path / "demo.ipynb", quiet, "print('a')\nprint('b')")
    seen = []
    assert refresh(path, lambda: seen.append("cell")).changed
    first = path.read_bytes()
    assert not refresh(path).changed
    assert path.read_bytes() == first
    assert seen == ["cell"] * 2
    cells = nbformat.read(path, as_version=4).cells
    # A quiet kernel in an empty folder, streams in one piece, and no trace of the memory probe.
    assert [output.get("text") for output in cells[0].outputs] == ["1", None]
    assert cells[0].outputs[1].data["text/plain"] == "[]"
    assert [output.text for output in cells[1].outputs] == ["a\nb\n"]
    assert len(cells) == 2


def test_costs_are_replaced_only_when_they_moved():
    costs = nbformat.NotebookNode(seconds=20.0)
    for new, kept in ((24.9, 20.0), (15.1, 20.0), (25.1, 25.1), (18.0, 18.0)):
        module._keep_or_replace(costs, "seconds", new, slack=0.5)
        assert costs.seconds == kept
    costs = nbformat.NotebookNode(seconds="long")
    module._keep_or_replace(costs, "seconds", 3.0, slack=0.5)
    assert costs.seconds == 3.0


def test_a_failing_cell_leaves_the_file_and_says_where(tmp_path, capsys):
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    write(bad, "x = 1", "# the sum\nx + 'one'")
    write(good, "x = 1")
    before = bad.read_bytes()
    assert refresh_all({"bad": bad, "good": good}) == 1
    assert bad.read_bytes() == before
    told = capsys.readouterr()
    assert f"{bad.as_posix()}: cell 2 (`# the sum`) failed: TypeError: unsupported" in told.err
    assert "The notebook was left as it was." in told.err
    assert "\x1b" not in told.err
    assert told.out.startswith("good ")
    assert "updated" in told.out


def test_a_file_that_is_no_notebook(tmp_path, capsys):
    path = tmp_path / "x.ipynb"
    path.write_text("{}")
    assert refresh_all({"x": path}) == 1
    assert "x.ipynb is not a valid notebook: " in capsys.readouterr().err
    assert path.read_text() == "{}"


def test_write_atomically_keeps_the_old_file_on_failure(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, "old")
    path.chmod(0o600)

    def fail(*_):
        raise OSError("full")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="full"):
            write_atomically(path, "new")
    assert [file.read_text() for file in path.parent.iterdir()] == ["old"]
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_select_and_names(book, sample):
    assert select("all") == select("sample") == {"sample": sample}
    assert shown(sample) == "chapters/binarization/sample.ipynb"
    assert shown(chapters.ROOT.parent) == chapters.ROOT.parent.as_posix()
    with pytest.raises(BookError, match=r"no chapter 'stn'\. Chapters: sample"):
        select("stn")
