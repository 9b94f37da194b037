"""Progress is seen where somebody watches, and leaves nothing behind."""

import io
import sys
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from repro import progress as module
from repro.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def watch(monkeypatch):
    """Let somebody watch a terminal, and return what it is sent.

    A test calls this itself: pytest captures anew between its fixtures and its body.
    """

    def begin():
        monkeypatch.delenv("REPRO_QUIET", raising=False)
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return begin


def work(steps, fail_at=None):
    with progress(steps, "seeds") as advance:
        for step in range(steps):
            if step == fail_at:
                raise ZeroDivisionError
            advance()


def test_a_terminal_shows_one_line_that_is_erased(watch):
    watched = watch()
    work(3)
    assert "\n" not in watched.getvalue()
    assert "0 of 3 seeds" in watched.getvalue()
    assert "3 of 3 seeds, 0 s, about 0 s left" in watched.getvalue()
    assert watched.getvalue().endswith("\r\x1b[K")


def test_the_time_left_is_that_of_the_steps_left(watch, monkeypatch):
    watched = watch()
    times = iter([100.0, 104.0, 110.0, 112.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(times)))
    work(3)
    assert "1 of 3 seeds, 4 s, about 8 s left" in watched.getvalue()
    assert "2 of 3 seeds, 10 s, about 5 s left" in watched.getvalue()


def test_the_line_is_erased_after_a_failure(watch):
    watched = watch()
    with pytest.raises(ZeroDivisionError):
        work(3, fail_at=1)
    assert watched.getvalue().endswith("\r\x1b[K")


def test_silent_when_asked(watch, monkeypatch):
    watched = watch()
    monkeypatch.setenv("REPRO_QUIET", "1")
    work(2)
    assert watched.getvalue() == ""


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_silent_when_nobody_watches(stream, monkeypatch, capsys):
    monkeypatch.delenv("REPRO_QUIET", raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    work(2)
    assert not stream or stream.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_a_notebook_uses_one_display(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, raw):
            assert raw
            shown.append(bundle["text/plain"])

    def display(bundle, raw, display_id):
        assert raw and display_id
        shown.append(bundle["text/plain"])
        return Handle()

    monkeypatch.delenv("REPRO_QUIET", raising=False)
    monkeypatch.setattr(module, "in_kernel", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    work(2)
    assert shown[0] == shown[-1] == ""
    assert [text.split(" seeds")[0] for text in shown[1:-1]] == ["0 of 2", "1 of 2", "2 of 2"]


CELL = """from repro.progress import progress
with progress(2, "steps") as advance:
    advance()
print("done")"""


@pytest.mark.parametrize(("quiet", "displays"), [("1", []), ("0", [{"text/plain": ""}])])
def test_a_kernel_stores_an_empty_display_at_most(quiet, displays, monkeypatch):
    monkeypatch.setenv("REPRO_QUIET", quiet)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, kernel_name="python3").execute()
    *shown, printed = notebook.cells[0].outputs
    assert [output.data for output in shown] == displays
    assert printed.text == "done\n"
